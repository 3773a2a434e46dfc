"""The double approval: the host first, then the university, each through the inbox and by another person."""

from __future__ import annotations

from django.db import transaction
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.inbox.models import Request
from collab.inbox.services import ask, decide_request, lapse_requests
from collab.inbox.states import Decision, RequestState
from collab.internships.oneself import require_other
from collab.internships.placements.models import Placement
from collab.internships.placements.required import missing_for
from collab.internships.placements.states import PLACEMENT_MOVES
from collab.internships.telling import tell
from collab.kernel.errors import ConflictError, NotReadyError

PLACEMENT = "placement"


def ask_host(placement: Placement, by: User) -> None:
    """Ask the host; whatever was asked before about this placement is void."""
    lapse_requests(topic=PLACEMENT, subjects=[placement], by=by, reason=gettext_lazy("The placement changed."))
    _ask(placement, placement.host, by)


def _ask(placement: Placement, organisation: Organisation, by: User) -> None:
    ask(
        topic=PLACEMENT,
        subject=placement,
        organisation=organisation,
        word="placement.approve",
        title=format_lazy(
            gettext_lazy("Placement of {student}: {party} approves"), student=placement.student, party=organisation
        ),
        by=by,
    )


def open_request(placement: Placement, organisation: Organisation) -> Request | None:
    rows = Request.objects.filter(topic=PLACEMENT, subject_id=str(placement.pk), organisation=organisation)
    return rows.filter(state=RequestState.OPEN).first()


@transaction.atomic
def answer_placement(
    *, placement: Placement, organisation: Organisation, approve: bool, by: User, reason: str = ""
) -> Placement:
    """Approve for one's organisation, or send it back with the reason; the same as answering in the inbox."""
    row = open_request(placement, organisation)
    if row is None:
        raise ConflictError(_("Nothing is asked of %(name)s now.") % {"name": organisation})
    decision = Decision.APPROVED if approve else Decision.RETURNED
    decide_request(request=row, decision=decision, by=by, reason=reason)
    placement.refresh_from_db()
    return placement


def placement_decided(request: Request, by: User) -> None:
    """Runs in the transaction of the answer; what is missing undoes it."""
    rows = Placement.objects.select_for_update(of=("self",)).select_related(
        "student", "university", "host", "mentor", "supervisor", "cohort", "host_agreement", "project", "posting"
    )
    placement = rows.get(pk=request.subject_id)
    require_other(by, placement.student)
    host = request.organisation_id == placement.host_id
    if request.state != RequestState.APPROVED:
        if not host:
            placement.state = PLACEMENT_MOVES.require("return", placement.state, what=str(placement))
            placement.approved_by_host = placement.approved_by_university = None
        placement.reason = request.reason[:1000]
        _save(placement, "return", by)
        return
    move = "approve_host" if host else "approve_university"
    placement.state = PLACEMENT_MOVES.require(move, placement.state, what=str(placement))
    missing = missing_for(move, placement)
    if missing:
        raise NotReadyError(missing)
    if host:
        placement.approved_by_host = by
    else:
        if placement.approved_by_host_id == by.pk:
            raise ConflictError(_("Another person approves for the university than for the host."))
        placement.approved_by_university = by
    _save(placement, move, by)
    if host:
        _ask(placement, placement.university, by)
    else:
        tell(placement, gettext_lazy("Both sides approve the placement: {row}"), [placement.student, placement.mentor])


def facts_of_placement(request: Request) -> list[tuple[str, str]]:
    """What one must know before one answers."""
    placement = Placement.objects.with_names().filter(pk=request.subject_id).first()
    if placement is None:
        return []
    move = "approve_host" if request.organisation_id == placement.host_id else "approve_university"
    missing = missing_for(move, placement)
    return [
        (_("Student"), str(placement.student)),
        (_("Posting"), str(placement.posting)),
        (_("From"), date_format(placement.starts_on)),
        (_("Last day"), date_format(placement.ends_on)),
        (_("Mentor"), str(placement.mentor or "–")),
        *([(_("Still missing"), " ".join(str(one.sentence) for one in missing))] if missing else []),
    ]


def _save(placement: Placement, move: str, by: User) -> None:
    placement.version += 1
    placement.save()
    record(
        verb=f"placement.{move}", subject=placement, by=by, organisation_id=placement.university_id,
        data={"name": str(placement)},
    )  # fmt: skip
