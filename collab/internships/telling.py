"""Who is told when something of an internship moves on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.text import format_lazy

from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.inbox.services import notify, notify_each


def tell(row: Any, title: Any, people: Iterable[User | None], *, but: User | None = None, **names: Any) -> None:
    """`title` is lazy, with a place for {row} and for each of `names`."""
    notify(
        people=[person for person in people if person is not None and (but is None or person.pk != but.pk)],
        kind="internship",
        title=format_lazy(title, row=row, **names),
        url=row.get_absolute_url(),
    )


def tell_each(news: Iterable[tuple[Any, Any, User]]) -> None:
    """(row, title, person): as `tell`, for many rows at once and in the same number of queries for any number."""
    notify_each(
        kind="internship",
        news=[(person, format_lazy(title, row=row), row.get_absolute_url()) for row, title, person in news],
    )


def who_run_each(organisations: Iterable[Any], word: str) -> dict[Any, list[User]]:
    """As `who_run`, for the organisations of these ids in one query, by id."""
    rows = Membership.objects.filter(
        organisation__in=list(organisations), project=None, role__in=roles_with(word), user__is_active=True
    )
    found: dict[Any, dict[Any, User]] = {}
    for row in rows.active().select_related("user"):
        found.setdefault(row.organisation_id, {})[row.user_id] = row.user
    return {key: list(people.values()) for key, people in found.items()}


def who_run(organisation: Organisation, word: str) -> list[User]:
    """People whose role in the organisation holds the word."""
    rows = Membership.objects.filter(
        organisation=organisation, project=None, role__in=roles_with(word), user__is_active=True
    )
    return list({row.user_id: row.user for row in rows.active().select_related("user")}.values())
