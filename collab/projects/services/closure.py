"""How a project ends: a checklist of what each party owes, its words, and the end of all access."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import ApiToken, Membership, User
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError
from collab.projects.guards import register_effect, register_guard
from collab.projects.models import (
    Attestation,
    AttestationKind,
    DataEnding,
    ProgressReport,
    Project,
    ProjectParty,
    ReportKind,
    WorkItem,
)
from collab.projects.services.approval import require_answer_for
from collab.projects.services.outputs import register_digest
from collab.projects.states import ProjectState, ReportState

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_ATTESTED_IN = {ProjectState.ACTIVE, ProjectState.SUSPENDED, ProjectState.CLOSING, ProjectState.TERMINATED}


@dataclass(frozen=True)
class ClosingItem:
    """One thing to do before a project closes: who does it, where, and whether it is done."""

    code: str
    title: StrOrPromise
    who: StrOrPromise
    done: bool
    url: str
    detail: StrOrPromise = ""


Extra = Callable[[Project], list[ClosingItem]]
_EXTRAS: dict[str, Extra] = {}


def register_closing_items(name: str, items: Extra) -> None:
    """Let another room add to the checklist. Registering the same name again replaces it."""
    _EXTRAS[name] = items


def closing_items(project: Project) -> list[ClosingItem]:
    """The checklist: final report, settled work, and two words of each party. A constant number of queries."""
    page = reverse("collab:closure", args=[project.slug])
    lead = gettext_lazy("Project lead")
    report = ProgressReport.objects.filter(project=project, kind=ReportKind.FINAL).first()
    items = [
        ClosingItem(
            "final_report",
            gettext_lazy("The final report is accepted"),
            lead,
            report is not None and report.state == ReportState.ACCEPTED,
            reverse("collab:report", args=[project.slug, report.pk])
            if report
            else reverse("collab:reports", args=[project.slug]),
        )
    ]
    open_work = list(WorkItem.objects.filter(project=project).open().select_related("party__organisation"))
    items.append(
        ClosingItem(
            "work_settled",
            gettext_lazy("Milestones and deliverables are accepted or dropped"),
            _(", ").join(sorted({str(item.party.organisation) for item in open_work})) or lead,
            not open_work,
            reverse("collab:work", args=[project.slug]),
            _(", ").join(str(item) for item in open_work[:5]),
        )
    )
    digest = register_digest(project)
    parties = ProjectParty.objects.filter(project=project).select_related("organisation").order_by("role", "joined_on")
    words = list(Attestation.objects.filter(party__project=project).select_related("attested_by"))
    for party in parties:
        mine = [word for word in words if word.party_id == party.pk]
        if party.left_on is None:
            right = next((w for w in mine if w.kind == AttestationKind.OUTPUTS and w.outputs_sha256 == digest), None)
            items.append(
                ClosingItem(
                    f"outputs.{party.pk}",
                    gettext_lazy("The register of outputs is confirmed"),
                    str(party.organisation),
                    right is not None,
                    page,
                    _said(right),
                )
            )
        data = next((w for w in mine if w.kind == AttestationKind.DATA), None)
        if party.left_on is None or party.surviving_duties:
            items.append(
                ClosingItem(
                    f"data.{party.pk}",
                    gettext_lazy("The data of others is returned or destroyed"),
                    str(party.organisation),
                    data is not None,
                    page,
                    _said(data),
                )
            )
    for extra in _EXTRAS.values():
        items += extra(project)
    return items


def _said(word: Attestation | None) -> str:
    if word is None:
        return ""
    what = word.get_ending_display() if word.ending else ""
    by = _("%(person)s on %(day)s") % {"person": word.attested_by, "day": timezone.localdate(word.attested_at)}
    return f"{what} · {by}" if what else by


@transaction.atomic
def attest(
    *, party: ProjectParty, kind: str, by: User, ending: str = "", note: str = "", seen: str = ""
) -> Attestation:
    """Give a party's word: the register of outputs is right (`seen`: its hash as shown), or the data is gone.

    For a party that has left, whoever leads the project records what it sent.
    """
    project = Project.objects.select_for_update().get(pk=party.project_id)
    if party.left_on is None:
        require_answer_for(by, project, party.organisation)
    else:
        require(by, "project.edit", project)
        if not note.strip():
            raise InvalidError(_("Write how the party that left told you."), field="note")
    if project.state not in _ATTESTED_IN:
        raise ConflictError(_("This is attested when the work has begun and before the project is closed."))
    if kind not in AttestationKind.values:
        raise InvalidError(_("Choose what is attested."), field="kind")
    outputs = ""
    if kind == AttestationKind.OUTPUTS:
        outputs, ending = register_digest(project), ""
        if seen and seen != outputs:
            raise ConflictError(_("The register changed since you opened it. Read it again, then confirm it."))
    elif ending not in DataEnding.values:
        raise InvalidError(_("Say what became of the data."), field="ending")
    if ending == DataEnding.KEPT and not note.strip():
        raise InvalidError(_("Name the agreement that allows the data to be kept."), field="note")
    word = Attestation(party=party, kind=kind, ending=ending, note=note.strip(), outputs_sha256=outputs, attested_by=by)
    word.require_clean()
    word.save()
    record(
        verb="closure.attest",
        subject=word,
        by=by,
        project_id=project.pk,
        data={"party": party.organisation.slug, "what": kind, "ending": ending, "outputs_sha256": outputs},
    )
    return word


def _all_done(project: Project) -> list[Missing]:
    return [
        Missing(
            f"closing.{item.code.partition('.')[0]}",
            _("“%(what)s” is not done yet (%(who)s).") % {"what": item.title, "who": item.who},
            item.url,
        )
        for item in closing_items(project)
        if not item.done
    ]


def _end_access(project: Project, by: User) -> dict[str, Any]:
    """Every role and token of the project ends now; those that would begin later never do."""
    now = timezone.now()
    held = Membership.objects.filter(project=project)
    future = held.filter(starts_at__gt=now).update(ends_at=F("starts_at"))
    roles = held.active(now).update(ends_at=now)
    return {"roles_ended": roles + future, **_end_tokens(project, by)}


def _end_tokens(project: Project, by: User) -> dict[str, Any]:
    live = ApiToken.objects.filter(project=project, revoked_at=None)
    return {"tokens_revoked": live.update(revoked_at=timezone.now())}


register_guard("close", "checklist", _all_done)
register_effect("close", "access", _end_access)
register_effect("terminate", "tokens", _end_tokens)
