"""The check-points of one intern: those of the cohort, each moved for a reason where it does not suit."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Count, IntegerField, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require, visible_to
from collab.accounts.models import User
from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.internships.oneself import require_other
from collab.internships.placements.models import MovedCheckPoint, NoteKind, Placement, PlacementNote
from collab.internships.placements.services import locked_placement, note_act, people_of
from collab.internships.placements.states import OPEN
from collab.internships.programmes.models import CheckKind, CheckPoint
from collab.internships.telling import tell
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError


@transaction.atomic
def move_check_point(
    *, placement: Placement, check_point: CheckPoint, due_on: date, reason: str, by: User
) -> MovedCheckPoint | None:
    """Another day for this intern, with the reason; the cohort's own day takes the move back, and gives None."""
    require(by, "placement.manage", placement)
    locked = locked_placement(placement)
    require_other(by, locked.student)
    if check_point.cohort_id != locked.cohort_id:
        raise NotFoundError
    if locked.state not in OPEN:
        raise ConflictError(_("The placement is over; what it says stays as it is."))
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    if due_on < locked.starts_on:
        raise InvalidError(_("A check-point lies within the placement, or after it."), field="due_on")
    row = MovedCheckPoint.objects.select_for_update().filter(placement=locked, check_point=check_point).first()
    if due_on == (row.due_on if row else check_point.due_on):
        raise InvalidError(_("It is due on this day already."), field="due_on")
    if due_on == check_point.due_on:
        assert row is not None
        settle_obligation(source=row, kind=ObligationKind.MILESTONE)
        row.delete()
        row = None
    else:
        row = row or MovedCheckPoint(placement=locked, check_point=check_point)
        row.due_on, row.reason, row.moved_by = due_on, reason.strip(), by
        row.require_clean()
        row.save()
        set_obligation(
            source=row, kind=ObligationKind.MILESTONE, due_on=due_on, url=row.get_absolute_url(),
            title=format_lazy("{point}: {student}", point=check_point.name, student=locked.student.name),
            organisation=locked.university,
        )  # fmt: skip
    PlacementNote.objects.create(
        placement=locked, kind=NoteKind.DATES, author=by, text=reason.strip()[:4000], check_point=check_point
    )
    note_act("move_check_point", locked, by, point=check_point.name, day=due_on.isoformat())
    tell(locked, gettext_lazy("The day of a check-point moved: {row}"), people_of(locked), but=by)
    return row


def points_of(placement: Placement, user: User) -> list[Any]:
    """The check-points, each with the day on which it is due for this intern: two queries, three where one was moved.

    `moved_reason`: why it was moved, for those who read what hangs on the placement.
    """
    rows_moved = MovedCheckPoint.objects.filter(placement=placement)
    moved = {row.check_point_id: row for row in rows_moved}
    told = set(visible_to(user, "placement.view", rows_moved).values_list("pk", flat=True)) if moved else set()
    rows: list[Any] = list(CheckPoint.objects.filter(cohort=placement.cohort_id))
    for row in rows:
        row.moved_to = moved.get(row.pk)
        row.day = row.moved_to.due_on if row.moved_to else row.due_on
        row.moved_reason = row.moved_to.reason if row.moved_to and row.moved_to.pk in told else ""
    return sorted(rows, key=lambda row: (row.day, row.kind))


def due_by(kind: CheckKind, points: list[CheckPoint], today: date) -> Any:
    """How many of a kind were due before today for a placement: SQL, from the cohort's points and what was moved."""
    moved = MovedCheckPoint.objects.filter(placement=OuterRef("pk"), check_point__kind=kind)
    later = moved.filter(check_point__due_on__lt=today, due_on__gte=today)
    earlier = moved.filter(check_point__due_on__gte=today, due_on__lt=today)
    of_cohort = sum(1 for point in points if point.kind == kind and point.due_on < today)
    return Value(of_cohort) + _count(earlier) - _count(later)


def _count(rows: Any) -> Any:
    counted = rows.order_by().values("placement").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
