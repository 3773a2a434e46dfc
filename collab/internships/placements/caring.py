"""Verbs on the way: log book, check-ins, incidents, milestone feedback and what follows from it, evaluations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import User
from collab.internships.oneself import require_other
from collab.internships.placements.models import (
    Evaluation,
    LogEntry,
    NoteKind,
    Placement,
    PlacementNote,
    Side,
    Verdict,
)
from collab.internships.placements.services import locked_placement, move_placement, note_act, people_of
from collab.internships.placements.signing import propose_change
from collab.internships.placements.states import LOG_MOVES, UNDER_WAY, PlacementState
from collab.internships.telling import tell, who_run
from collab.kernel.errors import ConflictError, InvalidError


# --- log book
@transaction.atomic
def write_log(*, placement: Placement, day: date, hours: Decimal, text: str, by: User) -> LogEntry:
    """Enter a day, or enter it anew until the mentor has confirmed it."""
    require(by, "placement.intern", placement)
    locked = _under_way(placement)
    if not locked.starts_on <= day <= min(locked.ends_on, timezone.localdate()):
        raise InvalidError(_("Choose a day of the placement that is not in the future."), field="day")
    row = LogEntry.objects.select_for_update().filter(placement=locked, day=day).first()
    if row is None:
        row = LogEntry(placement=locked, day=day)
    else:
        row.state = LOG_MOVES.require("rewrite", row.state, what=str(row.day))
    row.hours, row.text, row.remark = hours, text.strip(), ""
    row.require_clean()
    row.save()
    note_act("write_log", locked, by, day=day.isoformat())
    return row


@transaction.atomic
def answer_log(*, entry: LogEntry, confirm: bool, by: User, remark: str = "") -> LogEntry:
    """The mentor confirms a day, or sends it back with a remark."""
    placement = entry.placement
    require(by, "placement.confirm", placement)
    row = LogEntry.objects.select_for_update().get(pk=entry.pk)
    row.state = LOG_MOVES.require("confirm" if confirm else "return", row.state, what=str(row.day))
    if not confirm and not remark.strip():
        raise InvalidError(_("Say what should be different."), field="remark")
    row.remark, row.confirmed_by = remark.strip(), by if confirm else None
    row.require_clean()
    row.save()
    note_act("confirm_log" if confirm else "return_log", placement, by, day=row.day.isoformat())
    if not confirm:
        tell(placement, gettext_lazy("A day of your log book came back: {row}"), [placement.student], but=by)
    return row


@transaction.atomic
def confirm_days(*, placement: Placement, days: Collection[date], by: User) -> list[LogEntry]:
    """The mentor confirms these days at once; one that was confirmed or sent back meanwhile stays as it is."""
    require(by, "placement.confirm", placement)
    rows = LogEntry.objects.select_for_update().filter(placement=placement, day__in=days).order_by("day")
    waiting = [row for row in rows if LOG_MOVES.allows("confirm", row.state)]
    if not waiting:
        raise ConflictError(_("None of these days waits for you."))
    for row in waiting:
        row.state = LOG_MOVES.target("confirm")
        row.remark, row.confirmed_by = "", by
        row.require_clean()
        row.save()
    days = sorted({waiting[0].day.isoformat(), waiting[-1].day.isoformat()})
    note_act("confirm_log", placement, by, day=" – ".join(days), n=len(waiting))
    return waiting


# --- notes
@transaction.atomic
def write_note(
    *, placement: Placement, kind: str, text: str, by: User, verdict: str = "", weeks: int | None = None,
    paid: bool | None = None, confidential: bool = False,
) -> PlacementNote:  # fmt: skip
    """A check-in or an incident, by whoever takes part; a feedback, by the mentor, with what should follow from it.

    A confidential incident is read by its author and the coordinators of the student's university.
    Nothing follows by itself: the coordinators settle it.
    """
    require(by, "placement.guide" if kind == NoteKind.FEEDBACK else "placement.write", placement)
    locked = _under_way(placement)
    if kind not in {NoteKind.CHECK_IN, NoteKind.FEEDBACK, NoteKind.INCIDENT}:
        raise InvalidError(_("Choose a kind."), field="kind")
    if not text.strip():
        raise InvalidError(_("Write what happened."), field="text")
    if kind == NoteKind.FEEDBACK:
        _check_feedback(locked, verdict, weeks, by)
    elif verdict or weeks:
        raise InvalidError(_("Only a feedback says how it goes on."), field="verdict")
    if confidential and kind != NoteKind.INCIDENT:
        raise InvalidError(_("Only an incident is confidential."), field="confidential")
    row = PlacementNote(
        placement=locked, kind=kind, author=by, text=text.strip(), verdict=verdict, weeks=weeks,
        confidential=confidential, paid=paid if kind == NoteKind.FEEDBACK else None,
    )  # fmt: skip
    row.require_clean()
    row.save()
    note_act(f"note_{kind}", locked, by)
    if kind == NoteKind.INCIDENT or verdict in {Verdict.EXTEND, Verdict.END}:
        run = who_run(locked.university, "placement.manage")
        tell(locked, gettext_lazy("Something waits for the coordinators: {row}"), run, but=by)
    if kind == NoteKind.FEEDBACK:
        tell(locked, gettext_lazy("A feedback on the placement: {row}"), people_of(locked), but=by)
    return row


@transaction.atomic
def settle_note(*, note: PlacementNote, settlement: str, by: User, follow: bool = True) -> PlacementNote:
    """Say what was done about an incident, or follow a feedback: draft the extension, or end the placement."""
    placement = note.placement
    require(by, "placement.manage", placement)
    require_other(by, placement.student)
    row = PlacementNote.objects.select_for_update().get(pk=note.pk)
    if row.settled_at is not None or row.kind not in {NoteKind.INCIDENT, NoteKind.FEEDBACK}:
        raise ConflictError(_("There is nothing to settle here."))
    if not settlement.strip():
        raise InvalidError(_("Say what was done."), field="settlement")
    if follow and row.verdict == Verdict.EXTEND:
        assert row.weeks is not None
        last = placement.ends_on + timedelta(weeks=row.weeks)
        propose_change(placement=placement, reason=settlement, by=by, ends_on=last)
    elif follow and row.verdict == Verdict.END:
        move_placement(placement=placement, move="terminate", reason=settlement, by=by)
    row.settlement, row.settled_by, row.settled_at = settlement.strip(), by, timezone.now()
    row.require_clean()
    row.save()
    note_act("settle_note", placement, by)
    tell(placement, gettext_lazy("The coordinators answered: {row}"), [row.author], but=by)
    return row


def _check_feedback(placement: Placement, verdict: str, weeks: int | None, by: User) -> None:
    if verdict not in Verdict.values:
        raise InvalidError(_("Say whether it goes on, is extended or ends."), field="verdict")
    if (verdict == Verdict.EXTEND) != (weeks is not None):
        raise InvalidError(_("Say by how many weeks it is extended, and only then."), field="weeks")
    if weeks is not None and not 1 <= weeks <= 52:
        raise InvalidError(_("Write 1 to 52 weeks."), field="weeks")


# --- evaluation
@transaction.atomic
def evaluate(*, placement: Placement, scores: Mapping[str, int], by: User, comment: str = "") -> Evaluation:
    """Evaluate the other side by the weighted criteria, once. Both are shown when both are in, and not before."""
    require(by, "placement.evaluate", placement)
    locked = locked_placement(placement)
    side = side_of(locked, by)
    if locked.state != PlacementState.ONBOARDED or timezone.now() < locked.begins_at:
        raise ConflictError(_("One evaluates a placement that has begun and was not broken off."))
    about = "intern" if side == Side.MENTOR else "host"
    criteria = [row for row in locked.cohort.programme.criteria if row["about"] == about]
    total = weighted(criteria, scores)
    row = Evaluation(
        placement=locked, side=side, author=by, criteria=criteria, scores=dict(scores), comment=comment.strip(),
        total=total,
    )  # fmt: skip
    row.require_clean()
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise ConflictError(_("You have evaluated already; it stays as it is.")) from None
    if locked.evaluations.count() == 2:
        locked.evaluations.update(published_at=timezone.now())
        row.refresh_from_db()
        tell(locked, gettext_lazy("Both evaluations are in and can be read: {row}"), people_of(locked))
    note_act("evaluate", locked, by, side=side)
    return row


def side_of(placement: Placement, user: Any) -> str:
    """For which side the person evaluates, who may."""
    return Side.MENTOR if placement.mentor_id == user.pk else Side.INTERN


def weighted(criteria: list[dict[str, Any]], scores: Mapping[str, int]) -> Decimal:
    """The mean of the scores, each counted by its weight; raises InvalidError unless each criterion has 1 to 5."""
    if set(scores) != {row["key"] for row in criteria}:
        raise InvalidError(_("Give every criterion a score."), field="scores")
    if any(type(score) is not int or not 1 <= score <= 5 for score in scores.values()):
        raise InvalidError(_("Scores are 1 to 5."), field="scores")
    weight = sum(row["weight"] for row in criteria)
    total = Decimal(sum(row["weight"] * scores[row["key"]] for row in criteria)) / weight
    return total.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def _under_way(placement: Placement) -> Placement:
    locked = locked_placement(placement)
    if locked.state not in UNDER_WAY:
        raise ConflictError(_("The placement is not under way."))
    return locked
