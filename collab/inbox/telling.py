"""Whom dates in the calendar are told: those of a room only to people who may see what they are about.

An organisation's dates are seen by whoever plans for it. What a patent, a royalty report or an ethics case is about is
not for all of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Model, Q
from django.utils.translation import gettext as _

from collab.access.policy import Missing, Requirement, role_q
from collab.access.roles import WORDS
from collab.accounts.models import User
from collab.inbox.models import Obligation

_TOLD: dict[str, tuple[str, ...]] = {}  # table -> words, one of which is needed


def tell_dates_to(*models: type[Model], words: tuple[str, ...]) -> None:
    """Dates of these tables are told to those who hold one of the words for the organisation or project they are of."""
    if unknown := set(words) - WORDS.keys():
        raise KeyError(f"{sorted(unknown)} are no permission words")
    for model in models:
        _TOLD[model._meta.label_lower] = words


def date_is_told(user: User, at: datetime) -> Q:
    """The condition on dates."""
    tables: dict[str, list[str]] = {}
    for table, words in _TOLD.items():
        for word in words:
            tables.setdefault(word, []).append(table)
    told = ~Q(source_type__in=sorted(_TOLD))
    for word, here in sorted(tables.items()):
        told |= Q(source_type__in=sorted(here)) & role_q(user, word, Obligation, at)
    return told


def _explain(user: User, obj: Any, at: datetime) -> Missing:
    return Missing("date_told", _("This date is told to those who may see what it is about."))


DATE_IS_TOLD = Requirement(
    "date_told", frozenset({"obligation.view", "obligation.manage"}), Obligation, date_is_told, _explain
)
