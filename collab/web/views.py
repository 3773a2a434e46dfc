"""The dashboard: what is mine, what runs, what waits for me."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from collab.access.policy import visible_to
from collab.access.roles import Role, roles_with
from collab.accounts import second_factor
from collab.accounts.models import Membership, Organisation
from collab.agreements.models import AgreementVersion
from collab.agreements.reading import clauses_of, effect_of_signing, names
from collab.agreements.states import VersionState
from collab.internships.models import Application
from collab.projects.facts import facts_of
from collab.projects.models import Project
from collab.terms.models import open_for
from collab.web.forms import show

PROJECTS_SHOWN = 6
WAITING_SHOWN = 20
RENEW_DAYS = 30


def dashboard(request: HttpRequest) -> HttpResponse:
    projects = list(Project.objects.visible_to(request.user).open().with_parties()[: PROJECTS_SHOWN + 1])
    facts = facts_of(request.user, [project.pk for project in projects])
    for project in projects:
        project.facts = facts[project.pk]  # type: ignore[attr-defined]
    roles = set(Membership.objects.of(request.user).active().values_list("role", flat=True))
    context = {
        "projects": projects[:PROJECTS_SHOWN],
        "more_projects": len(projects) > PROJECTS_SHOWN,
        "to_sign": _to_sign(request),
        "to_accept": open_for(request.user)
        .select_related("agreement__project")
        .order_by("executed_at")[:WAITING_SHOWN],
        "drafts": _drafts(request),
        "to_renew": _to_renew(request),
        "today": timezone.localdate(),
        "may_begin": visible_to(request.user, "project.create", Organisation.objects.all()).exists(),
        "may_train": visible_to(request.user, "job.submit", Project.objects.open()).exists(),
        "belongs": bool(roles),
        "only_studies": roles == {Role.STUDENT},
        "has_applied": Application.objects.filter(candidate=request.user.pk).exists(),
        "second_factor": second_factor.banner(request.user),
    }
    return show(request, "collab/dashboard.html", context)


def _to_sign(request: HttpRequest) -> list[dict[str, Any]]:
    """Versions that the person may sign now, and what their signature does."""
    versions = AgreementVersion.objects.visible_to(request.user).awaiting(request.user).with_terms()
    rows = list(versions.order_by("sent_at")[:WAITING_SHOWN])
    mine = Membership.objects.of(request.user).filter(project=None, role__in=roles_with("agreement.sign")).active()
    organisations = set(mine.values_list("organisation", flat=True)) if rows else set()
    told = []
    for version in rows:
        signing = [party for party in version.unsigned() if party.pk in organisations]
        told.append(
            {
                "version": version,
                "for": names(signing),
                "effect": effect_of_signing(version, signing),
                "clauses": clauses_of(version, {}),
            }
        )
    return told


def _drafts(request: HttpRequest) -> Any:
    """Drafts of the person that were not sent yet."""
    rows = AgreementVersion.objects.visible_to(request.user, "agreement.draft").select_related("agreement__project")
    return rows.filter(state=VersionState.DRAFT, created_by=request.user).order_by("created_at")[:WAITING_SHOWN]


def _to_renew(request: HttpRequest) -> Any:
    """Agreements that soon no longer cover anybody, for those who can draft the next version."""
    rows = AgreementVersion.objects.visible_to(request.user, "agreement.draft").select_related("agreement__project")
    day = timezone.localdate() + timedelta(days=RENEW_DAYS)
    return rows.to_renew(day).order_by("expires_on")[:WAITING_SHOWN]
