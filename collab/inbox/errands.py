"""What waits for a person apart from requests and dates, for the dashboard: the rooms above register it here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from django_stubs_ext import StrOrPromise

    from collab.accounts.models import User


@dataclass(frozen=True)
class Errand:
    """One line: what to do, where, and until when if not at any time."""

    title: StrOrPromise
    url: str
    note: StrOrPromise = ""
    icon: str = "inbox"
    due_at: datetime | None = None


_lists: list[Callable[[User], Iterable[Errand]]] = []


def register_errands(errands: Callable[[User], Iterable[Errand]]) -> None:
    """Let a room say what waits for a person there, in a number of queries that does not grow."""
    _lists.append(errands)


def errands_of(user: User) -> list[Errand]:
    """What has an end first, the nearest before the others."""
    found = [errand for errands in _lists for errand in errands(user)]
    return sorted(found, key=lambda one: (one.due_at is None, one.due_at.timestamp() if one.due_at else 0))
