"""What people are told, and what falls due: the inbox's words, said in one place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from collab.accounts.models import User
from collab.inbox.services import notify, set_obligation, settle_obligation


def tell(people: Iterable[User], title: Any, url: str, project: Any = None) -> None:
    """Leave a notification with each of these people."""
    notify(people=people, kind="project", title=title, url=url, project=project)


def owe(source: Any, kind: str, title: Any, due_on: Any, url: str, **of: Any) -> None:
    """Put what `source` makes fall due into the calendar."""
    set_obligation(source=source, kind=kind, title=title, due_on=due_on, url=url, **of)


def owe_no_more(source: Any, kind: str) -> None:
    """It is done, or no longer asked for."""
    settle_obligation(source=source, kind=kind)
