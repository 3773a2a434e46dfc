"""What people are told, and what falls due: the inbox's words, said in one place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from collab.accounts.models import User


def tell(people: Iterable[User], title: Any, url: str, project: Any = None) -> None:
    """Leave a notification with each of these people."""


def owe(source: Any, kind: str, title: Any, due_on: Any, url: str, **of: Any) -> None:
    """Put what `source` makes fall due into the calendar."""


def owe_no_more(source: Any, kind: str) -> None:
    """It is done, or no longer asked for."""
