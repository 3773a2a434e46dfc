"""Search by words: the rows in which every word of a text occurs somewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import TypeVar

from django.db.models import Q, QuerySet

WORDS_MAX = 8  # each is one more condition; what comes after them no longer narrows

Rows = TypeVar("Rows", bound=QuerySet)


def with_words(rows: Rows, text: str, names: Sequence[str], *, also: Callable[[str], Q] | None = None) -> Rows:
    """Those of `rows` in which each word of `text` is part of one of the fields, however it is written in capitals.

    `also` says of a word where else it may occur.
    """
    for word in text.split()[:WORDS_MAX]:
        places = [Q(**{f"{name}__icontains": word}) for name in names]
        rows = rows.filter(reduce(or_, [*places, also(word)] if also else places))
    return rows
