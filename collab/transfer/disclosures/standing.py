"""What a case lets a person do by what it says of itself: its inventors, whoever began it, its assessors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db.models import Q

from collab.access.policy import NEVER
from collab.accounts.models import User
from collab.transfer.disclosures.models import Assessment, Inventor, TransferCase
from collab.transfer.disclosures.states import STANDING


def grants(user: User, word: str, at: datetime) -> Q:
    """The policy's `Scope.grants` of a case."""
    if word not in {"disclosure.view", "disclosure.edit", "disclosure.sign"}:
        return NEVER
    named = Q(pk__in=Inventor.objects.filter(person=user.pk).values("disclosure__case"))
    if word == "disclosure.sign":
        return named
    if word == "disclosure.edit":
        return named | Q(created_by=user.pk)
    assessed = Assessment.objects.filter(assessor=user.pk, state__in=STANDING).values("case")
    return named | Q(created_by=user.pk) | Q(pk__in=assessed)


def grants_through(path: str) -> Callable[[User, str, datetime], Q]:
    """The same for rows that hang on a case."""

    def through(user: User, word: str, at: datetime) -> Q:
        cases = TransferCase.objects.filter(grants(user, word, at))
        return Q(**{f"{path}__in": cases.values("pk")})

    return through


def assesses(path: str = "") -> Callable[[User, str, datetime], Q]:
    """Assessments, and rows that hang on one by `path`: whoever was asked sees and gives their own."""
    prefix = f"{path}__" if path else ""

    def own(user: User, word: str, at: datetime) -> Q:
        if word not in {"assessment.view", "assessment.give"}:
            return NEVER
        return Q(**{f"{prefix}assessor": user.pk, f"{prefix}state__in": STANDING})

    return own
