"""Telling people: a row for each person, and e-mail as they chose. A dead mail server loses nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import override

from collab.access.policy import require_for_oneself
from collab.accounts.models import User
from collab.audit.services import record
from collab.inbox.doorbell import ring_after_commit
from collab.inbox.kinds import KINDS
from collab.inbox.models import Notification, NotificationSettings, Request, Titled
from collab.inbox.states import Mail
from collab.kernel.errors import InvalidError, StaleError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

log = logging.getLogger("tandem.inbox")
TITLE_MAX = 240


def both(title: StrOrPromise, title_zh: str = "", *, values: Mapping[str, str] | None = None) -> tuple[str, str]:
    """A title in English and Chinese: a lazy sentence is said in both, a plain one is taken as it is."""
    if not isinstance(title, Promise):
        return _line(title), _line(title_zh)
    with override("en"):
        english = str(title) % values if values else str(title)
    with override("zh-hans"):
        chinese = str(title) % values if values else str(title)
    return _line(english), _line(title_zh or chinese)


def _line(text: str) -> str:
    """One line of a title's length."""
    text = " ".join(text.split())
    return text if len(text) <= TITLE_MAX else f"{text[: TITLE_MAX - 1]}…"


def of_row(row: Titled, text: StrOrPromise, **values: str) -> dict[str, Any]:
    """What a notification says of a row: its title inside the sentence, in both languages, and where to go."""
    english, _chinese = both(text, values={"title": row.title, **values})
    _english, chinese = both(text, values={"title": row.title_zh or row.title, **values})
    url = row.get_absolute_url() if isinstance(row, Request) else row.url
    return {"title": english, "title_zh": chinese, "url": url, "project": getattr(row, "project", None)}


@transaction.atomic
def notify(
    *,
    people: Iterable[User],
    kind: str,
    title: StrOrPromise,
    url: str,
    project: object | None = None,
    title_zh: str = "",
) -> list[Notification]:
    """One line for each of these people, once each, and only for those who are still here.

    `title` may be a lazy sentence, which is stored in both languages. Raises KeyError for a kind that nobody
    registered (collab/inbox/kinds.py).
    """
    told = {person.pk: person for person in people if person.is_active}
    english, chinese = both(title, title_zh)
    return _tell(kind, [(person, english, chinese, url) for person in told.values()], project)


@transaction.atomic
def notify_each(*, kind: str, news: Iterable[tuple[User, StrOrPromise, str]]) -> list[Notification]:
    """A line of their own for each of many people: (person, title, address). The same queries for any number."""
    return _tell(kind, [(person, *both(title), url) for person, title, url in news if person.is_active])


def _tell(kind: str, news: list[tuple[User, str, str, str]], project: object | None = None) -> list[Notification]:
    if kind not in KINDS:
        raise KeyError(f"{kind!r} is no kind of notification; collab/inbox/kinds.py lists them")
    if not news:
        return []
    people = NotificationSettings.objects.filter(person__in={person.pk for person, *_line in news})
    chosen = {row.person_id: row for row in people}
    rows = [
        Notification(
            person=person,
            kind=kind,
            title=english,
            title_zh=chinese,
            url=url,
            project=project,  # type: ignore[misc]
            mail=chosen[person.pk].mail_of(kind) if person.pk in chosen else KINDS[kind].mail,
        )
        for person, english, chinese, url in news
    ]
    Notification.objects.bulk_create(rows, batch_size=500)
    if any(row.mail == Mail.NOW for row in rows):
        ring_after_commit()
    return rows


@transaction.atomic
def mark_read(*, by: User, notifications: Iterable[UUID] | None = None) -> int:
    """Mark some of one's own notifications as read, or all of them; how many were not."""
    require_for_oneself(by, "notification.manage")
    rows = Notification.objects.filter(person=by).unread()
    if notifications is not None:
        rows = rows.filter(pk__in=list(notifications))
    return rows.update(read_at=timezone.now())


def settings_of(user: User) -> NotificationSettings:
    """A person's settings; a row that is not stored yet says what holds by default."""
    return NotificationSettings.objects.filter(person=user).first() or NotificationSettings(person=user, version=0)


@transaction.atomic
def choose_mail(*, by: User, choices: Mapping[str, str], version: int) -> NotificationSettings:
    """How each kind comes by e-mail, from now on. Raises StaleError when the settings changed since `version`."""
    require_for_oneself(by, "notification.manage")
    for code, how in choices.items():
        if code not in KINDS:
            raise InvalidError(_("There is no such kind of notification."), field="choices")
        if how not in set(Mail):
            raise InvalidError(_("Choose one of the ways offered."), field=code)
    row, _made = NotificationSettings.objects.get_or_create(person=by, defaults={"version": 0})
    changed = NotificationSettings.objects.filter(pk=row.pk, version=version).update(
        choices={**row.choices, **choices}, version=F("version") + 1
    )
    if not changed:
        now = NotificationSettings.objects.get(pk=row.pk).choices
        raise StaleError(_("Somebody changed it since you opened it. Open it again and repeat your change."), now=now)
    row.refresh_from_db()
    record(verb="notification.choose", subject=row, by=by, data={"choices": dict(choices)})
    return row
