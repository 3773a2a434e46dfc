"""The same decision for many people at once: one query, from the very conditions that `decide` asks.

A condition reads the person it is about from its first argument. Here that argument stands for a column of the query
around it, so what holds for one person is computed for all of them, and the two cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Exists, Expression, Model, QuerySet, UUIDField
from django.utils import timezone

from collab.access.plans import truth
from collab.access.policy import SCOPES, Requirement, requirements_of, role_q
from collab.accounts.models import User

M = TypeVar("M", bound=Model)
_PEOPLE = "collab_user"


class EachPerson(Expression):
    """Whoever the row is about. Read in a condition in place of a user, or of their key."""

    token = None
    is_active = True
    is_superuser = False

    def __init__(self) -> None:
        super().__init__(output_field=UUIDField())

    @property
    def pk(self) -> EachPerson:
        return self

    id = pk

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        quote = connection.ops.quote_name
        return f"{quote(_PEOPLE)}.{quote('id')}", ()


@dataclass(frozen=True)
class Verdict:
    """As a decision, without its sentences: `lacks` holds “role”, and the requirements that are not met."""

    allowed: bool
    role: bool
    lacks: tuple[Requirement, ...] = ()
    visible: bool = True


def decide_each(
    people: QuerySet[User], words: list[str], rows: QuerySet[M], at: datetime | None = None
) -> dict[tuple[UUID, UUID], dict[str, Verdict]]:
    """(person, row) -> word -> verdict, for all of the people on all of the rows: one query.

    It looks at what people hold, not at how they came in: no token limits it. Rows that say themselves whom they let in
    (`Scope.grants`) are asked person by person.
    """
    at = at or timezone.now()
    model = rows.model
    assert SCOPES[model].grants is None, f"{model.__name__} says itself whom it lets in: ask decide for each person"
    each: Any = EachPerson()
    checks = {"may_view": truth(role_q(each, SCOPES[model].view, model, at))}
    needs = {word: requirements_of(word, model) for word in words}
    for number, word in enumerate(words):
        checks[f"role_{number}"] = truth(role_q(each, word, model, at))
        for index, requirement in enumerate(needs[word]):
            checks[f"needs_{number}_{index}"] = truth(requirement.condition(each, at))
    crossed = model._default_manager.filter(pk__in=rows.order_by().values("pk")).order_by()
    crossed = crossed.extra(tables=[_PEOPLE]).annotate(asked_person=each, **checks)  # noqa: S610  a name of our own
    crossed = crossed.filter(Exists(people.order_by().filter(pk=each, is_active=True)))
    # Else the person would be somebody whom the row names.
    assert not crossed.query.alias_refcount.get(_PEOPLE), f"{model.__name__} joins people itself"
    found: dict[tuple[UUID, UUID], dict[str, Verdict]] = {}
    for row in crossed.values("pk", "asked_person", *checks):
        found[row["asked_person"], row["pk"]] = {
            word: _verdict(row, number, needs[word]) for number, word in enumerate(words)
        }
    return found


def _verdict(row: dict[str, Any], number: int, needs: list[Requirement]) -> Verdict:
    role = bool(row[f"role_{number}"])
    lacks = tuple(need for index, need in enumerate(needs) if not row[f"needs_{number}_{index}"])
    visible = bool(row["may_view"])
    return Verdict(visible and role and not lacks, role, lacks, visible)
