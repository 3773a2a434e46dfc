"""What the pages show: the boxes of the inbox, a month, an agenda."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import User
from collab.inbox.models import Notification, Obligation, ObligationQuerySet, Request, RequestQuerySet

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SOON = timedelta(days=30)  # how far ahead the dashboard looks
AGENDA_SIZE = 30
AGENDA_MOST = 300  # of what is open, the next; the filters lead to the rest
DAY_SHOWN = 3  # lines in one day of the grid


@dataclass(frozen=True)
class Box:
    """One view of the inbox."""

    label: StrOrPromise
    rows: RequestQuerySet

    def count(self) -> int:
        return self.rows.count()


def boxes(user: User) -> dict[str, Box]:
    """Waiting for me, asked by me, decided (by me, or what I asked)."""
    waiting = Request.objects.waiting_for(user).order_by(F("due_at").asc(nulls_last=True), "created_at")
    mine = Request.objects.asked_by(user).open()
    decided = Request.objects.closed().filter(asked_by=user) | Request.objects.closed().filter(decided_by=user)
    return {
        "waiting": Box(_("Waiting for me"), waiting),
        "asked": Box(_("Asked by me"), mine),
        "decided": Box(_("Decided"), decided.order_by("-decided_at", "-created_at")),
    }


def waiting_count(user: User) -> int:
    return Request.objects.waiting_for(user).count()


def unread_count(user: User) -> int:
    return Notification.objects.filter(person=user).unread().count()


# --- the calendar
@dataclass
class Day:
    on: date
    inside: bool  # of the month that is shown
    rows: list[Obligation] = field(default_factory=list)
    more: int = 0


@dataclass
class Month:
    first: date
    weeks: list[list[Day]]
    before: str
    after: str


def chosen_month(text: str) -> date:
    """The first of the month that an address asks for, as 2026-05; this month for anything else."""
    try:
        year, month = (int(part) for part in text.split("-"))
        chosen = date(year, month, 1)
    except ValueError:
        chosen = timezone.localdate().replace(day=1)
    return chosen if 1900 <= chosen.year <= 2200 else timezone.localdate().replace(day=1)


def month_of(rows: ObligationQuerySet, first: date) -> Month:
    """The grid of a month, Monday first: one query."""
    weeks = [
        [Day(day, day.month == first.month) for day in week]
        for week in calendar.Calendar().monthdatescalendar(first.year, first.month)
    ]
    days = {day.on: day for week in weeks for day in week}
    shown = rows.between(weeks[0][0].on, weeks[-1][-1].on).with_names().order_by("due_on", "pk")
    for row in shown[:1000]:
        day = days[row.due_on]
        if len(day.rows) < DAY_SHOWN:
            day.rows.append(row)
        else:
            day.more += 1
    last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return Month(first, weeks, f"{first - timedelta(days=1):%Y-%m}", f"{last + timedelta(days=1):%Y-%m}")


def agenda_of(rows: ObligationQuerySet) -> ObligationQuerySet:
    """What is open, what is overdue first: the days are in order, so the past comes before the future."""
    return rows.open().with_names().order_by("due_on", "pk")
