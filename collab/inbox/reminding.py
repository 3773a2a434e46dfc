"""What is late: reminded of before and after its day, and told to the next in line. Nothing here ever decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import can, holders
from collab.access.roles import roles_with
from collab.accounts.models import Membership, User
from collab.inbox.models import Obligation, Request
from collab.inbox.notices import notify, of_row
from collab.inbox.services import climb, record_act
from collab.inbox.standing import Standing

BATCH = 2000  # requests looked at in one sweep; the longest untouched come first


@dataclass(frozen=True)
class Limits:
    """When a request is reminded of: the topic's own days, or the installation's."""

    before: timedelta
    repeat: timedelta
    escalate: timedelta


def limits_of(request: Request) -> Limits:
    own = request.spec.reminding
    days = (
        settings.REMIND_BEFORE_DAYS if own.before_days is None else own.before_days,
        settings.REMIND_REPEAT_DAYS if own.repeat_days is None else own.repeat_days,
        settings.ESCALATE_AFTER_DAYS if own.escalate_days is None else own.escalate_days,
    )
    return Limits(*(timedelta(days=number) for number in days))


def sweep(now: datetime | None = None) -> dict[str, int]:
    """One round over everything that is open: who was reminded, what climbed. Safe to run twice, and at once."""
    now = now or timezone.now()
    standing = Standing(now)
    counted = {"stuck": 0, "reminded": 0, "escalated": 0, "obligations": 0}
    rows = Request.objects.open().with_names().order_by("reminded_at", "due_at", "pk")
    for request in rows[:BATCH]:
        counted["stuck"] += _look_for_somebody(request, standing)
        if request.due_at is not None:
            counted["reminded"] += _remind(request, standing, now)
            counted["escalated"] += _escalate(request, standing, now)
    counted["obligations"] = _remind_of_obligations(timezone.localdate(now))
    return counted


def _look_for_somebody(request: Request, standing: Standing) -> bool:
    """A request that nobody can answer climbs; one that somebody can answer again is stuck no more."""
    if standing.who_can_answer(request, climbed=False):
        if request.nobody_since is not None:
            Request.objects.open().filter(pk=request.pk).update(nobody_since=None)
            request.nobody_since = None
        return False
    if request.nobody_since is not None and standing.climbed(request, request.escalated_to):
        return False  # those to whom it climbed are there
    return climb(request=request, standing=standing)


def is_reminder_due(request: Request, now: datetime) -> bool:
    """Once before it is due, once when it is overdue, and then again and again."""
    limits, last, due = limits_of(request), request.reminded_at, request.due_at
    if due is None or now < due - limits.before:
        return False
    if last is None or (last < due <= now):
        return True
    return now >= due and now >= last + limits.repeat


def _remind(request: Request, standing: Standing, now: datetime) -> bool:
    if not is_reminder_due(request, now):
        return False
    with transaction.atomic():
        locked = Request.objects.open().locked().filter(pk=request.pk).first()
        if locked is None or not is_reminder_due(locked, now):
            return False
        locked.reminded_at = now
        locked.save(update_fields=["reminded_at"])
        record_act("remind", locked, None)
        late = locked.due_at is not None and locked.due_at <= now
        text = _("Overdue: %(title)s") if late else _("Soon due: %(title)s")
        people = [answerer.user for answerer in standing.who_can_answer(locked)]
        people += [row.user for row in locked.reviewers.filter(opinion="").select_related("user")]
        notify(people=people, kind="reminder", **of_row(locked, text))
    return True


def _escalate(request: Request, standing: Standing, now: datetime) -> bool:
    """Overdue for long: the next are told, who may hand it to somebody; after as long again, the last."""
    assert request.due_at is not None
    since = max(request.due_at, request.escalated_at or request.due_at)
    if now < since + limits_of(request).escalate:
        return False
    return climb(request=request, standing=standing, overdue=True)


# --- obligations
_ENDINGS: dict[str, Callable[[], int]] = {}


def register_ending(model: type[Model], before_days: Callable[[], int]) -> None:
    """Dates that rows of this table set are ends by themselves, such as of a validity: nobody has to do anything.

    They are told `before_days` ahead and once more when they are near; when the day is past that is said once, and
    the date is settled.
    """
    _ENDINGS[model._meta.label_lower] = before_days


def _remind_of_obligations(today: date) -> int:
    """The same for the calendar, once a day at most."""
    near = timedelta(days=settings.REMIND_BEFORE_DAYS)
    again = today - timedelta(days=settings.REMIND_REPEAT_DAYS)
    every = Obligation.objects.open().with_names().order_by("due_on", "pk")
    rows = every.filter(due_on__lte=today + near).exclude(source_type__in=_ENDINGS)
    found = [*rows.filter(reminded_on=None)[:BATCH], *rows.filter(due_on__lt=today, reminded_on__lte=again)[:BATCH]]
    for name, before_days in _ENDINGS.items():
        ends = every.filter(source_type=name)
        ahead = ends.filter(due_on__gte=today)
        found += ahead.filter(due_on__lte=today + timedelta(days=before_days()), reminded_on=None)[:BATCH]
        found += ahead.filter(due_on__lte=today + near, reminded_on__lt=today - near)[:BATCH]
        found += ends.filter(due_on__lt=today)[:BATCH]
    count = 0
    for row in found:
        late = row.due_on < today
        over = late and row.source_type in _ENDINGS
        with transaction.atomic():
            mine = Obligation.objects.open().filter(pk=row.pk, reminded_on=row.reminded_on)
            if not mine.update(reminded_on=today, settled_at=timezone.now() if over else None):
                continue  # another sweep was faster
            text = _("Overdue since %(day)s: %(title)s") if late else _("Due on %(day)s: %(title)s")
            text = _("It was on %(day)s: %(title)s") if over else text
            people = [person for person in whom_it_concerns(row) if can(person, "obligation.view", row)]
            notify(people=people, kind="reminder", **of_row(row, text, day=row.due_on.isoformat()))
        count += 1
    return count


def whom_it_concerns(row: Obligation) -> Iterable[User]:
    """The person, or those who look after the dates of the organisation or the project."""
    if row.person_id is not None:
        return [row.person] if row.person is not None else []
    if row.organisation_id is None:
        return holders("obligation.manage", row.project_id)
    held: Any = Membership.objects.active().filter(
        organisation=row.organisation_id, role__in=roles_with("obligation.manage"), user__is_active=True
    )
    held = held.filter(project=None) | held.filter(project=row.project_id)
    return User.objects.filter(pk__in=held.values("user"))
