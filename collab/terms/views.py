"""Pages about terms: one's own acceptance, and who may do what and why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import get_or_404
from collab.access.roles import WORDS
from collab.access.why import explain
from collab.accounts.models import Membership, User
from collab.agreements.assets import assets_named
from collab.agreements.models import AgreementVersion
from collab.agreements.reading import clauses_of
from collab.kernel.errors import NotFoundError
from collab.projects.models import Project, ProjectParty
from collab.terms.forms import AcceptForm, RightsFilter
from collab.terms.matrix import SHOWN, Cell, cells_of, heads, line, objects_of, people_of, projects_of
from collab.terms.models import TermsAcceptance, open_for
from collab.terms.services import accept_terms, parties_to_accept_for
from collab.web.csvs import csv_file
from collab.web.forms import sent, show, submit
from collab.web.pagination import page_of

FILE_ROWS = 2000
OBJECTS_SHOWN = 25


def terms_list(request: HttpRequest) -> HttpResponse:
    """What waits for one's own acceptance, and what one has accepted."""
    waiting = open_for(request.user).select_related("agreement__project").order_by("executed_at")
    accepted = TermsAcceptance.objects.filter(user=request.user).visible_to(request.user).with_names()
    context = {"waiting": waiting[:100], "page": page_of(request, accepted)}
    return show(request, "collab/terms/list.html", context)


def terms_accept(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Exactly what is accepted: both texts, the dates, what it covers, and its hash."""
    rows = AgreementVersion.objects.with_terms()
    version = get_or_404(request.user, "terms.accept", rows, agreement=pk, number=number)
    parties = parties_to_accept_for(request.user, version)
    form = AcceptForm(sent(request), parties=parties, version=version)

    def accept() -> str:
        accept_terms(version=version, by=request.user, **form.values())
        messages.success(request, _("Accepted. What this version covers is open to you."))
        return version.agreement.project.get_absolute_url()

    assets = assets_named(request.user, (row.asset_id for row in version.coverage.all()))
    earlier = TermsAcceptance.objects.filter(version__agreement=version.agreement, user=request.user).with_names()
    context = {
        "form": form,
        "version": version,
        "agreement": version.agreement,
        "read": {"version": version, "clauses": clauses_of(version, assets)},
        "open": parties and open_for(request.user).filter(pk=version.pk).exists(),
        "own": [row for row in earlier if row.version_id == version.pk],
        "before": next((row for row in earlier if row.version.number < version.number), None),
    }
    return submit(request, form, accept) or show(request, "collab/terms/accept.html", context, form)


# --- who may do what, and why
def project_rights(request: HttpRequest, slug: str) -> HttpResponse:
    """People × words of one project."""
    project = get_or_404(request.user, "project.view", Project.objects.with_parties(), slug=slug)
    form = RightsFilter(request.GET, project=project)
    page = page_of(request, people_of(project, **form.chosen()))
    context = {
        "project": project,
        "form": form,
        "page": page,
        "heads": heads(),
        "rows": _people_rows(project, list(page), request.user),
    }
    return show(request, "collab/terms/rights.html", context)


def project_rights_file(request: HttpRequest, slug: str) -> HttpResponse:
    """The same for all people, as CSV."""
    project = get_or_404(request.user, "project.view", Project.objects.with_parties(), slug=slug)
    people = list(people_of(project, **RightsFilter(request.GET, project=project).chosen())[:FILE_ROWS])
    rows = _people_rows(project, people, request.user)
    lines = [[row["person"], row["party"], *_texts(row["cells"])] for row in rows]
    return csv_file(f"{project.slug}-rights.csv", [[_("Person"), _("Party"), *_titles()], *lines])


def _people_rows(project: Project, people: list[User], viewer: User) -> list[dict[str, Any]]:
    keys = [person.pk for person in people]
    found = cells_of(User.objects.filter(pk__in=keys), Project.objects.filter(pk=project.pk), viewer)
    parties: dict[UUID, dict[str, None]] = {}
    held = Membership.objects.acting_in(project, ProjectParty.objects.filter(project=project).values("organisation"))
    for row in held.filter(user__in=keys).with_names():
        parties.setdefault(row.user_id, {})[str(row.organisation)] = None
    return [
        {
            "head": "person",
            "person": person,
            "project": project,
            "party": _(", ").join(parties.get(person.pk, {})),
            "cells": line(found.get((person.pk, project.pk))),
        }
        for person in people
    ]


def _texts(groups: list[list[Cell]]) -> list[str]:
    return [cell.text for group in groups for cell in group]


def _titles() -> list[str]:
    return [f"{title}: {head}" for title, columns in heads() for _word, head, _what in columns]


def project_right(request: HttpRequest, slug: str, pk: UUID, word: str) -> HttpResponse:
    """One cell: what is missing, or the chain of reasons, for each thing the word is asked of."""
    project = get_or_404(request.user, "project.view", Project.objects.all(), slug=slug)
    person = people_of(project, ended=True).filter(pk=pk).first()
    if person is None or word not in SHOWN:
        raise NotFoundError
    objects = objects_of(word, project, request.user)
    context = {
        "project": project,
        "person": person,
        "what": WORDS[word],
        "own": person == request.user,
        "told": [(obj, explain(person, word, obj, reader=request.user)) for obj in objects[:OBJECTS_SHOWN]],
        "more": max(0, len(objects) - OBJECTS_SHOWN),
        "zone": timezone.get_current_timezone_name(),
    }
    template = "collab/terms/_right.html" if getattr(request, "htmx", False) else "collab/terms/right.html"
    return show(request, template, context)


def person_access(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Projects × words of one person: for oneself all, for others those that one shares."""
    person, projects = _shared(request, pk)
    page = page_of(request, projects)
    context = {
        "person": person,
        "own": person == request.user,
        "page": page,
        "heads": heads(),
        "rows": _project_rows(person, list(page), request.user),
        "waiting": open_for(person).count() if person == request.user else 0,
    }
    return show(request, "collab/terms/access.html", context)


def person_access_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same as CSV."""
    person, projects = _shared(request, pk)
    rows = _project_rows(person, list(projects[:FILE_ROWS]), request.user)
    lines = [[row["project"], *_texts(row["cells"])] for row in rows]
    return csv_file("access.csv", [[_("Project"), *_titles()], *lines])


def _shared(request: HttpRequest, pk: UUID) -> tuple[User, Any]:
    """The person and the projects to show; NotFoundError for somebody with whom one shares none."""
    person = User.objects.filter(pk=pk, is_active=True).first()
    if person is None:
        raise NotFoundError
    visible = Project.objects.visible_to(request.user)
    projects = visible.filter(pk__in=projects_of(person)).order_by("title", "pk")
    if person != request.user and not projects.exists():
        raise NotFoundError
    return person, projects


def _project_rows(person: User, projects: list[Project], viewer: User) -> list[dict[str, Any]]:
    keys = [project.pk for project in projects]
    found = cells_of(User.objects.filter(pk=person.pk), Project.objects.filter(pk__in=keys), viewer)
    return [
        {"head": "project", "person": person, "project": project, "cells": line(found.get((person.pk, project.pk)))}
        for project in projects
    ]
