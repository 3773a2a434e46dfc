"""E-mail of notifications, sent by the worker: at once, or as a summary of a day or a week.

The rows are the truth. Those of a person are claimed for some minutes before they are sent, so that two workers do not
both send; what a dead mail server did not take stays claimed until its next try.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from itertools import groupby
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from collab.accounts.models import User
from collab.inbox.models import Notification
from collab.inbox.states import Mail

log = logging.getLogger("tandem.inbox")
CLAIM = timedelta(minutes=10)
WAIT_MAX_MINUTES = 240
PEOPLE = 200  # at most so many mails in one run; the next comes within a minute
LINES = 200


def send_due(now: datetime | None = None) -> int:
    """Send what waits and is due; how many mails went out."""
    now = now or timezone.now()
    sent = 0
    for how, until in ((Mail.NOW, now), (Mail.DAILY, _day(now)), (Mail.WEEKLY, _week(now))):
        for person, rows in _claimed(how, until, now):
            if not _send(person, rows, how, now):
                return sent  # the server is away: the rest would only wait for the same
            sent += 1
    return sent


def _day(now: datetime) -> datetime:
    """The last moment at which summaries of a day were due."""
    local = timezone.localtime(now)
    due = timezone.make_aware(datetime.combine(local.date(), time(settings.DIGEST_HOUR)))
    return due if due <= now else due - timedelta(days=1)


def _week(now: datetime) -> datetime:
    """… and of a week: on Mondays."""
    day = _day(now)
    return day - timedelta(days=timezone.localtime(day).weekday())


def _claimed(how: str, until: datetime, now: datetime) -> Iterator[tuple[User, list[Notification]]]:
    """Rows of one person after the other, which nobody else sends in the next minutes."""
    waiting = Notification.objects.to_mail(how).filter(created_at__lte=until, try_at__lte=now)
    people = list(waiting.order_by().values_list("person", flat=True).distinct()[:PEOPLE])
    for person in people:
        with transaction.atomic():
            mine = waiting.filter(person=person).select_for_update(skip_locked=True, of=("self",))
            rows = list(mine.select_related("person", "project").order_by("created_at")[:LINES])
            Notification.objects.filter(pk__in=[row.pk for row in rows]).update(
                try_at=now + CLAIM, tries=F("tries") + 1
            )
        if rows:
            yield rows[0].person, rows


def _send(person: User, rows: list[Notification], how: str, now: datetime) -> bool:
    keys = [row.pk for row in rows]
    with override(person.language or settings.LANGUAGE_CODE):
        mail = EmailMessage(subject=subject_of(rows, how), body=text_of(rows), to=[person.email])
    mail.extra_headers["Auto-Submitted"] = "auto-generated"
    try:
        mail.send()
    except (OSError, SMTPException) as fault:
        wait = timedelta(minutes=min(2 ** min(rows[0].tries, 10), WAIT_MAX_MINUTES))
        name = type(fault).__name__
        Notification.objects.filter(pk__in=keys).update(try_at=now + wait, fault=name)
        log.warning("a mail was not taken (%s); it is tried again in %s", name, wait)
        return False
    Notification.objects.filter(pk__in=keys).update(mailed_at=timezone.now(), fault="")
    return True


def subject_of(rows: list[Notification], how: str) -> str:
    """What the mail is about, in the language that is active."""
    if how == Mail.NOW and len(rows) == 1:
        return f"Tandem: {rows[0]}"
    count = ngettext("%(n)d notification", "%(n)d notifications", len(rows)) % {"n": len(rows)}
    return f"Tandem: {count}"


def text_of(rows: list[Notification]) -> str:
    """Plain lines and links, by project."""
    parts = []
    ordered = sorted(rows, key=lambda row: (str(row.project or ""), row.created_at))
    for project, group in groupby(ordered, key=lambda row: str(row.project or "")):
        lines = [f"- {row}\n  {link(row.url)}" for row in group]
        parts.append("\n".join([project, *lines] if project else lines))
    chosen = _("You choose which e-mails come, and how often: %(url)s") % {
        "url": link(reverse("collab:notification_settings"))
    }
    return "\n\n".join([*parts, "--\n" + chosen]) + "\n"


def link(url: str) -> str:
    """An address of this site in full."""
    return f"{settings.BASE_URL}{url}" if url.startswith("/") else url
