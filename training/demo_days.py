"""The days of the demo story: each of its threads says when it goes on, and all are told in the order of their days."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar
from unittest import mock

from django.utils import timezone

Ends = TypeVar("Ends")
Thread = Generator[int, None, Ends]
"""A part of the story: it yields how many days ago its next act was, and ends with what others go on with."""


@contextmanager
def days_ago(days: int) -> Iterator[None]:
    """The clock as it was: what is done inside is dated then, also in the history."""
    then = timezone.now() - timedelta(days=days)

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return then.astimezone(tz)

    # Beneath `timezone.now`, which columns hold as their default.
    with mock.patch("django.utils.timezone.datetime", Then):
        yield


def together(*threads: Thread[Any]) -> Thread[None]:
    """One thread of several, which goes on with whatever is longest ago: the history is a chain and knows no yesterday.

    Raises ValueError when one of them goes back in time.
    """
    due = {thread: next(thread) for thread in threads}
    while due:
        thread = max(due, key=lambda one: due[one])
        day = due.pop(thread)
        yield day
        following = next(thread, None)
        if following is not None:
            if following > day:
                raise ValueError(f"{thread.__name__} goes back from {day} to {following} days ago")
            due[thread] = following


def tell(*threads: Thread[Any]) -> None:
    """Tell them together, each act on its day."""
    story = together(*threads)
    day = next(story, None)
    while day is not None:
        with days_ago(day):
            day = next(story, None)
