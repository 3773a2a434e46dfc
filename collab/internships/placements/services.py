"""Verbs on placements: propose, edit, let begin, suspend, resume, end; and the access that goes with the dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, allowed, require
from collab.access.roles import Role
from collab.accounts.models import Membership, User
from collab.agreements.models import Agreement
from collab.agreements.services import close_agreement, hold_agreement
from collab.audit.services import record
from collab.inbox.services import lapse_requests, set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.internships.applications.deciding import locked_application
from collab.internships.applications.models import Application
from collab.internships.applications.services import move_to, note
from collab.internships.applications.states import APPLICATION_MOVES
from collab.internships.oneself import require_other
from collab.internships.placements.approving import PLACEMENT, ask_host, open_request
from collab.internships.placements.models import NoteKind, Placement, PlacementNote
from collab.internships.placements.required import LATE_EVALUATION, belongs, missing_for
from collab.internships.placements.states import BEFORE_SIGNATURE, OPEN, PLACEMENT_MOVES, PlacementState
from collab.internships.programmes.models import Cohort
from collab.internships.programmes.services import NAMED_MAX
from collab.internships.telling import tell, who_run
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, RefusedError, StaleError

# Who writes what. Terms that others approved send it back to them when they change.
HOST_FIELDS = ("mentor", "tasks", "hours", "pay", "currency")
UNIVERSITY_FIELDS = (
    "supervisor", "outcomes", "monitoring", "credits", "starts_on", "ends_on", "dates_reason", "project",
    "gives_access", "host_agreement", "insurer", "insured_until",
)  # fmt: skip
MENTOR_FIELDS = ("tasks",)
SUPERVISOR_FIELDS = ("outcomes", "monitoring")
STUDENT_FIELDS = ("contact_name", "contact_phone")
_NO_TERMS = {"insurer", "insured_until", "contact_name", "contact_phone", "project", "host_agreement", "gives_access"}
_ALWAYS = {"insurer", "insured_until", "contact_name", "contact_phone", "host_agreement"}


def propose_placement(application: Application, by: User) -> Placement:
    """An accepted offer becomes a placement; the host is asked for its approval first. Called inside the acceptance."""
    posting = application.posting
    placement = Placement(
        application=application,
        posting=posting,
        cohort=application.cohort,
        student=application.candidate,
        university=application.university,
        host=posting.organisation,
        project=posting.project,
        gives_access=posting.project_id is not None,
        starts_on=posting.starts_on,
        ends_on=posting.ends_on,
        hours=posting.hours,
        credits=posting.credits,
        pay=posting.pay,
        currency=posting.currency,
        tasks=posting.duties[:2000],
    )
    placement.require_clean()
    placement.save()
    note_act("propose", placement, by)
    ask_host(placement, by)
    return placement


@transaction.atomic
def edit_placement(*, placement: Placement, by: User, version: int, **changes: Any) -> Placement:
    """Write down what is known: each side its own part. Changed terms void the approvals; signed ones stay."""
    require(by, "placement.write", placement)
    locked = locked_placement(placement)
    if locked.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Read it again and repeat your change."),
            now={name: getattr(locked, name) for name in changes},
        )
    if locked.state not in OPEN:
        raise ConflictError(_("The placement is over; what it says stays as it is."))
    may = set(fields_for(locked, by))
    for name, value in changes.items():
        if name not in may:
            raise RefusedError([Missing("not_yours", _("“%(field)s” is written by somebody else.") % {"field": name})])
        setattr(locked, name, value)
    before = Placement.objects.get(pk=locked.pk)
    changed = {name for name in changes if getattr(before, name) != getattr(locked, name)}
    if changed - _ALWAYS and locked.state not in BEFORE_SIGNATURE - {PlacementState.OUT_FOR_SIGNATURE}:
        raise ConflictError(_("The learning agreement is out or signed: its terms change only by a new version."))
    _check_people(locked, changed)
    if changed - _NO_TERMS and locked.state in PLACEMENT_MOVES.sources("return"):
        locked.state = PLACEMENT_MOVES.target("return")
        locked.approved_by_host = locked.approved_by_university = None
        ask_host(locked, by)
    elif changed and locked.state == PlacementState.PROPOSED and open_request(locked, locked.host) is None:
        ask_host(locked, by)  # it had been sent back
    locked.version += 1
    locked.require_clean()
    locked.save()
    note_act("edit", locked, by, fields=sorted(changed))
    return locked


def fields_for(placement: Placement, user: User) -> list[str]:
    """What this person writes down."""
    may = allowed(user, placement, "placement.manage", "placement.approve", "placement.intern")
    names: list[str] = []
    if "placement.approve" in may and belongs(user, placement.host):
        names += HOST_FIELDS
    if "placement.manage" in may:
        names += UNIVERSITY_FIELDS
    if "placement.intern" in may:
        names += STUDENT_FIELDS
    if placement.mentor_id == user.pk:
        names += MENTOR_FIELDS
    if placement.supervisor_id == user.pk:
        names += SUPERVISOR_FIELDS
    return list(dict.fromkeys(names))


def contact_seen(user: User, placements: Sequence[Placement]) -> set[UUID]:
    """Those of the placements in which the person sees whom to call in an emergency: the intern, those who guide them
    and those who lead the placement. One query, however many there are."""
    rows = Placement.objects.filter(pk__in=[one.pk for one in placements])
    words = ("placement.manage", "placement.guide", "placement.intern")
    return set(reduce(or_, (rows.visible_to(user, word) for word in words)).values_list("pk", flat=True))


@transaction.atomic
def onboard(*, placement: Placement, by: User) -> Placement:
    """Let it begin: from the first second of its first day the intern has access, until its last day is over."""
    locked = _to_move(placement, "onboard", by)
    _open_access(locked, by)
    _save(locked, "onboard", by)
    tell(locked, gettext_lazy("Everything is ready for the placement: {row}"), people_of(locked), but=by)
    set_obligation(
        source=locked, kind=ObligationKind.REVIEW, title=gettext_lazy("Evaluation of an internship"),
        due_on=locked.ends_on, url=locked.get_absolute_url(), person=locked.mentor,
    )  # fmt: skip
    return locked


@transaction.atomic
def move_placement(*, placement: Placement, move: str, by: User, reason: str = "") -> Placement:
    """Suspend, resume, cancel, terminate, complete or fail it. What ends it, ends the access in the same moment.

    A placement that is cancelled, or terminated before its last day is over, frees the seat and the student.
    """
    if move not in {"suspend", "resume", *_ENDING}:
        raise InvalidError(_("Choose one of the moves offered."), field="move")
    if move in _ENDING:
        _hold(placement, by)
    locked = _to_move(placement, move, by, reason)
    if move in {"suspend", "cancel", "terminate", "fail"} and not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    locked.reason = reason.strip()
    _follow(locked, move, by)
    _save(locked, move, by, **({"evaluations": locked.evaluations.count()} if move == "complete" else {}))
    if move in _ENDING and locked.agreement is not None:
        close_agreement(agreement=locked.agreement, reason=locked.reason, by=by, standing=move != "complete")
    if move == "cancel" or (move == "terminate" and timezone.now() < locked.is_over_at):
        _give_back(locked, by)
    tell(locked, gettext_lazy("The placement moved on: {row}"), people_of(locked), but=by)
    return locked


_ENDING = frozenset({"cancel", "terminate", "complete", "fail"})


def _hold(placement: Placement, by: User) -> None:
    """Agreement and application are locked before the placement, in the order in which everybody locks them."""
    require(by, "placement.manage", placement)
    hold_agreement_of(placement)
    locked_application(placement.application)


def hold_agreement_of(placement: Placement) -> None:
    """Whoever signs or declines locks the version first, and the placement with it."""
    agreement = Agreement.objects.filter(placements=placement.pk).first()
    if agreement is not None:
        hold_agreement(agreement)


def _give_back(placement: Placement, by: User) -> None:
    """The seat is free, and the student may apply again wherever applications are still taken."""
    application = locked_application(placement.application)
    state = APPLICATION_MOVES.require("withdraw", application.state, what=str(application))
    application.reason = placement.reason
    move_to(application, state, by, reason=placement.reason)
    host = placement.host
    note("free", application, by, organisation=host)
    tell(application, gettext_lazy("Your place is given up, and you may apply again: {row}"), [application.candidate])
    tell(application, gettext_lazy("A seat is free again: {row}"), who_run(host, "posting.manage"), but=by)


def placements_open(cohort: Cohort) -> list[Missing]:
    """Placements that keep a cohort from being closed, by name."""
    rows = Placement.objects.filter(cohort=cohort, state__in=OPEN).select_related("student", "host")
    text = _("A placement is open: %(row)s.")
    return [
        Missing("placement_open", text % {"row": row}, row.get_absolute_url())
        for row in rows.order_by("student__name", "pk")[:NAMED_MAX]
    ]


def _follow(placement: Placement, move: str, by: User) -> None:
    if move == "resume":
        _open_access(placement, by)
    else:
        close_access(placement, by)
    if placement.state in OPEN:
        return
    placement.ended_at = timezone.now()
    placement.pending = {}
    lapse_requests(topic=PLACEMENT, subjects=[placement], by=by, reason=gettext_lazy("The placement ended."))
    settle_obligation(source=placement, kind=ObligationKind.REVIEW)
    for moved in placement.moved_points.all():
        settle_obligation(source=moved, kind=ObligationKind.MILESTONE)


@transaction.atomic
def change_mentor(*, placement: Placement, mentor: User, reason: str, by: User) -> Placement:
    """Another mentor of the host guides the intern from now on; the reason stays in the notes."""
    require(by, "placement.approve", placement)
    locked, before = _replaced(placement, "mentor", mentor, reason, by, _("%(person)s is the mentor already."))
    tell(locked, gettext_lazy("The mentor changes: {row}"), [*people_of(locked), before], but=by)
    return locked


@transaction.atomic
def change_supervisor(*, placement: Placement, supervisor: User, reason: str, by: User) -> Placement:
    """Another member of the university follows the intern from now on; the reason stays in the notes."""
    require(by, "placement.manage", placement)
    already = _("%(person)s is the supervisor already.")
    locked, before = _replaced(placement, "supervisor", supervisor, reason, by, already)
    tell(locked, gettext_lazy("The supervisor changes: {row}"), [*people_of(locked), before], but=by)
    return locked


def _replaced(
    placement: Placement, who: str, person: User, reason: str, by: User, already: str
) -> tuple[Placement, User | None]:
    """The placement with another mentor or supervisor, saved, with a note and an act; and who it was before."""
    locked = locked_placement(placement)
    require_other(by, locked.student)
    if locked.state not in OPEN:
        raise ConflictError(_("The placement is over; what it says stays as it is."))
    if getattr(locked, f"{who}_id") == person.pk:
        raise ConflictError(already % {"person": person})
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    before: User | None = getattr(locked, who)
    setattr(locked, who, person)
    _check_people(locked, {who})
    locked.version += 1
    locked.require_clean()
    locked.save()
    PlacementNote.objects.create(placement=locked, kind=NoteKind(who), author=by, text=reason.strip()[:4000])
    note_act(f"change_{who}", locked, by)
    return locked, before


def people_of(placement: Placement) -> list[User]:
    return [one for one in (placement.student, placement.mentor, placement.supervisor) if one is not None]


# --- access: one role in the project, whose dates are those of the placement
def _open_access(placement: Placement, by: User) -> None:
    """Give the role `intern` from the first day (or from now on, if that is later) until the last day is over.

    None where the host has left the project: the role lasts only as long as it takes part.
    """
    if not placement.gives_access or placement.project is None:
        return
    now = timezone.now()
    starts, ends = max(placement.begins_at, now), placement.is_over_at
    if starts >= ends:
        return
    parties = set(placement.project.parties.filter(left_on=None).values_list("organisation_id", flat=True))
    if placement.host_id not in parties:
        return
    home = placement.university if placement.university_id in parties else placement.host
    membership = Membership(
        user=placement.student, organisation=home, project=placement.project, role=Role.INTERN, starts_at=starts,
        ends_at=ends, granted_by=by,
    )  # fmt: skip
    membership.require_clean()
    membership.save()
    placement.membership = membership


def close_access(placement: Placement, by: User | None) -> None:
    """End the role now; one that has ended stays as it is."""
    now = timezone.now()
    if placement.membership is not None:
        _end_at(placement.membership, now)


def move_access(placement: Placement) -> None:
    """The dates of the placement moved, so those of the role do. A role that a lead has ended stays ended."""
    row = placement.membership
    now = timezone.now()
    if row is None or placement.state != PlacementState.ONBOARDED or (row.ends_at is not None and row.ends_at <= now):
        return
    locked = Membership.objects.select_for_update().get(pk=row.pk)
    if locked.starts_at > now:
        locked.starts_at = max(placement.begins_at, now)
    locked.ends_at = max(placement.is_over_at, locked.starts_at)
    locked.version += 1
    locked.save(update_fields=["starts_at", "ends_at", "version"])


def _end_at(membership: Membership, at: datetime) -> None:
    locked = Membership.objects.select_for_update().get(pk=membership.pk)
    if locked.ends_at is None or locked.ends_at > at:
        locked.ends_at = max(at, locked.starts_at)
        locked.version += 1
        locked.save(update_fields=["ends_at", "version"])


# --- what the verbs share
def _to_move(placement: Placement, move: str, by: User, reason: str = "") -> Placement:
    require(by, "placement.manage", placement)
    locked = locked_placement(placement)
    require_other(by, locked.student)
    state = PLACEMENT_MOVES.require(move, locked.state, what=str(locked))
    missing = missing_for(move, locked)
    if reason.strip():
        missing = [one for one in missing if one.code != LATE_EVALUATION]
    if missing:
        raise NotReadyError(missing)
    locked.state = state
    return locked


def _save(placement: Placement, move: str, by: User, **data: Any) -> None:
    placement.version += 1
    placement.require_clean()
    placement.save()
    note_act(move, placement, by, **data)


def _check_people(placement: Placement, changed: set[str]) -> None:
    """Only who is named now is looked at: somebody who has left does not keep others from writing their part."""
    for name, organisation in (("mentor", placement.host), ("supervisor", placement.university)):
        person = getattr(placement, name)
        if person is None or name not in changed:
            continue
        if person.pk == placement.student_id:
            raise InvalidError(_("Nobody guides themselves."), field=name)
        if not belongs(person, organisation):
            text = _("%(person)s does not belong to %(name)s.") % {"person": person, "name": organisation}
            raise InvalidError(text, field=name)


def locked_placement(placement: Placement) -> Placement:
    """The row as it is now; nobody else changes it before the end of the transaction."""
    rows = Placement.objects.select_for_update(of=("self",)).select_related(
        "student", "university", "host", "mentor", "supervisor", "posting", "cohort__programme__organisation",
        "project", "agreement", "host_agreement", "membership", "application",
    )  # fmt: skip
    return rows.get(pk=placement.pk)


def note_act(verb: str, placement: Placement, by: User | None, **data: Any) -> None:
    """Write the act into the history of the university, whose coordinators lead the placement."""
    record(
        verb=f"placement.{verb}", subject=placement, by=by, organisation_id=placement.university_id,
        data={"name": str(placement)} | data,
    )  # fmt: skip
