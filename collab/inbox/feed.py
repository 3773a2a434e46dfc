"""The calendar as iCalendar (RFC 5545), at a private address: what a person may see at the moment it is fetched."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import require_for_oneself
from collab.accounts.models import User
from collab.audit.services import record
from collab.inbox.mailing import link
from collab.inbox.models import CalendarLink, Obligation, Request
from collab.kernel.errors import ConflictError

BACK = timedelta(days=90)
AHEAD = timedelta(days=730)
EVENTS_MAX = 2000
LINE_OCTETS = 75


# --- the private link
@transaction.atomic
def make_link(*, by: User) -> tuple[CalendarLink, str]:
    """Make one's calendar link; the second value is the secret, shown this once. An older link stops working."""
    require_for_oneself(by, "calendar.manage")
    list(User.objects.select_for_update().filter(pk=by.pk))
    CalendarLink.objects.live().filter(person=by).update(revoked_at=timezone.now())
    secret = secrets.token_urlsafe(32)
    row = CalendarLink.objects.create(person=by, digest=digest_of(secret))
    record(verb="calendar.link", subject=row, by=by)
    return row, secret


@transaction.atomic
def revoke_link(*, by: User) -> CalendarLink:
    """End one's calendar link now."""
    require_for_oneself(by, "calendar.manage")
    row = CalendarLink.objects.select_for_update().filter(person=by, revoked_at=None).first()
    if row is None:
        raise ConflictError(_("There is no link to revoke."))
    row.revoked_at = timezone.now()
    row.save(update_fields=["revoked_at"])
    record(verb="calendar.revoke", subject=row, by=by)
    return row


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def find_link(secret: str) -> CalendarLink | None:
    """The live link of this secret, with its person; None when it was revoked or never was."""
    return CalendarLink.objects.live().select_related("person").filter(digest=digest_of(secret)).first()


def touch(row: CalendarLink) -> None:
    CalendarLink.objects.filter(pk=row.pk).update(last_used_at=timezone.now())


# --- its content
def calendar_of(user: User, now: datetime | None = None) -> str:
    """Everything that falls due and that this person may see, in the language that is active."""
    now = now or timezone.now()
    today = timezone.localdate(now)
    rows = Obligation.objects.visible_to(user).open().between(today - BACK, today + AHEAD).with_names()
    waiting = Request.objects.waiting_for(user, now).exclude(due_at=None).with_names()
    name = _("Tandem: what falls due")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tandem//Calendar//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{escaped(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
    ]
    for row in rows.order_by("due_on", "pk")[:EVENTS_MAX]:
        lines += _obligation(row, now)
    for request in waiting.order_by("due_at", "pk")[:EVENTS_MAX]:
        lines += _request(request, now)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in folded(line))


def _obligation(row: Obligation, now: datetime) -> Iterator[str]:
    about = " · ".join(str(part) for part in (row.project, row.organisation) if part is not None)
    yield from _event(
        row.pk,
        now,
        start=f"DTSTART;VALUE=DATE:{row.due_on:%Y%m%d}",
        end=f"DTEND;VALUE=DATE:{_next(row.due_on):%Y%m%d}",
        title=str(row),
        about=about,
        url=row.url,
        kind=str(row.get_kind_display()),
        version=row.version,
    )


def _request(row: Request, now: datetime) -> Iterator[str]:
    assert row.due_at is not None
    at = row.due_at.astimezone(UTC)
    yield from _event(
        row.pk,
        now,
        start=f"DTSTART:{at:%Y%m%dT%H%M%SZ}",
        end=f"DTEND:{at + timedelta(minutes=30):%Y%m%dT%H%M%SZ}",
        title=_("Answer: %(title)s") % {"title": row},
        about=str(row.project or row.organisation or ""),
        url=row.get_absolute_url(),
        kind=str(row.spec.label),
        version=1,
    )


def _event(
    key: object, now: datetime, *, start: str, end: str, title: str, about: str, url: str, kind: str, version: int
) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{key}@{urlsplit(settings.BASE_URL).hostname or 'tandem'}"
    yield f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    yield f"SEQUENCE:{version}"
    yield start
    yield end
    yield f"SUMMARY:{escaped(title)}"
    if about:
        yield f"DESCRIPTION:{escaped(about)}"
    if url:
        yield f"URL:{link(url)}"
    yield f"CATEGORIES:{escaped(kind)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _next(day: date) -> date:
    return day + timedelta(days=1)


def escaped(text: str) -> str:
    """Text as RFC 5545, 3.3.11 writes it; control characters have no place in it."""
    text = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")
    return "".join(c for c in text if c >= " " and c != "\x7f")


def folded(line: str) -> Iterable[str]:
    """A line in pieces of at most 75 octets, never within a character; all but the first begin with a space."""
    piece, size = "", 0
    for char in line:
        octets = len(char.encode())
        if size + octets > LINE_OCTETS:
            yield piece
            piece, size = " ", 1
        piece, size = piece + char, size + octets
    yield piece
