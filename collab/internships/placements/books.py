"""Pages of the whole log book and of all notes; the page of the placement shows the first of each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.internships.models import LogEntry, Placement, PlacementNote
from collab.internships.placements.caring import confirm_days
from collab.web.badges import badge_of
from collab.web.csvs import csv_file
from collab.web.forms import act, show
from collab.web.pagination import page_of

DAYS_AT_ONCE = 100


def log_of(row: Placement, user: Any) -> Any:
    """The days that the person reads: whoever only sees the placement on a board reads none."""
    found: Any = visible_to(user, "placement.view", LogEntry.objects.filter(placement=row))
    return found.select_related("confirmed_by")


def notes_of(row: Placement, user: Any) -> Any:
    found: Any = visible_to(user, "placement.view", PlacementNote.objects.filter(placement=row))
    return found.select_related("author", "settled_by")


def log_shown(row: Placement, user: Any, *, most: int) -> dict[str, Any]:
    """What the fragment of the log book shows: the first days, how many there are, and which a mentor confirms."""
    rows = log_of(row, user)
    entries = list(rows.waiting_first()[:most])
    return {"entries": entries, "entries_count": rows.count(), "waiting": _waiting(entries)}


def notes_shown(row: Placement, user: Any, *, most: int) -> dict[str, Any]:
    rows = notes_of(row, user)
    return {"notes": list(rows.open_first()[:most]), "notes_count": rows.count()}


def log_book(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Every day of the log book, those that wait for the mentor first."""
    row = _placement(request, pk)
    page = page_of(request, log_of(row, request.user).waiting_first())
    context = {
        "placement": row, "page": page, "entries": page.object_list, "entries_count": page.paginator.count,
        "waiting": _waiting(page.object_list), "whole": True,
        "may_confirm": "placement.confirm" in allowed(request.user, row, "placement.confirm"),
    }  # fmt: skip
    return show(request, "collab/internships/log_book.html", context)


def log_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, pk)
    head = [_("Day"), _("Hours"), _("What was done"), _("State"), _("Remark"), _("Confirmed by")]
    lines = (
        [one.day, one.hours, one.text, badge_of(one.state).word, one.remark, one.confirmed_by]
        for one in log_of(row, request.user).order_by("day")
    )
    return csv_file("log-book.csv", [head, *lines])


def log_confirm(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Confirm every day that was shown, at once."""
    row = get_or_404(request.user, "placement.confirm", Placement.objects.with_names(), pk=pk)
    days = [day for text in request.POST.getlist("day")[:DAYS_AT_ONCE] if (day := _day(text)) is not None]
    return act(
        request, lambda: confirm_days(placement=row, days=days, by=request.user), to=row.get_absolute_url(),
        said=_("Confirmed."),
    )  # fmt: skip


def note_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Every note, what waits for the coordinators first."""
    row = _placement(request, pk)
    page = page_of(request, notes_of(row, request.user).open_first())
    context = {
        "placement": row, "page": page, "notes": page.object_list, "notes_count": page.paginator.count, "whole": True,
        "may_settle": "placement.manage" in allowed(request.user, row, "placement.manage"),
    }  # fmt: skip
    return show(request, "collab/internships/note_list.html", context)


def _placement(request: HttpRequest, pk: UUID) -> Placement:
    return get_or_404(request.user, "placement.view", Placement.objects.with_names(), pk=pk)


def _waiting(entries: Any) -> list[LogEntry]:
    return [one for one in entries if one.state == "submitted"]


def _day(text: str) -> Any:
    try:
        return parse_date(text)
    except ValueError:  # a day that no month has
        return None
