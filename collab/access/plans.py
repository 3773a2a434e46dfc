"""Decisions made ready: the SQL of the policy's conditions, with holes for the person, the moment and the row.

Django takes ten times as long to build the query of a decision as the database to answer it, and from one asking to the
next only these values differ. A condition is called with a stand-in for each, as in `many`. Where one wants to know
more than a key and a moment, or looks into the database meanwhile, there is no plan, and the query is built each time.
Nothing that is decided is kept: the database answers every asking anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, NoReturn

from django.core.exceptions import FieldError, ValidationError
from django.db import connections
from django.db.models import Case, DateField, DateTimeField, Exists, Expression, Field, Model, Q, UUIDField, Value, When
from django.db.models.expressions import BaseExpression
from django.db.models.fields import BooleanField
from django.utils import timezone

from collab.accounts.models import ApiToken, User

Checks = dict[str, Q | Exists]
# (person, moment) -> the conditions by name: of a user and a time, or of what stands for them.
Conditions = Callable[[Any, Any], Checks]

_A_DAY = re.compile(r"\d{4}-\d\d-\d\d")
# What stand-ins provoke in a condition that wants more of them; the same condition with a user then says what is wrong.
_WANTS_MORE = (AttributeError, TypeError, ValueError, FieldError, ValidationError)


class NoPlanError(Exception):
    """A condition hangs on more than the person's key, the moment and the row."""


@dataclass(frozen=True)
class Asking:
    """What the holes are filled with."""

    user: User
    at: datetime
    pk: Any


class _Hole(Expression):
    """Stands for a value that is known only when it is asked. Comparing it or calculating with it ends in no plan."""

    def __init__(self, output_field: Field[Any, Any], of: Callable[[Asking], Any]) -> None:
        super().__init__(output_field=output_field)
        self._of = of

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)

    def filled(self, asking: Asking, connection: Any) -> Any:
        """The value as the database takes it."""
        return self.output_field.get_db_prep_value(self._of(asking), connection)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, BaseExpression) or other == "":  # Django's own questions
            return self is other
        raise NoPlanError

    def __hash__(self) -> int:
        raise NoPlanError

    def __str__(self) -> str:
        raise NoPlanError

    def _combine(self, other: Any, connector: str, reversed: bool) -> NoReturn:
        raise NoPlanError


@dataclass(frozen=True)
class _Token:
    """Stands for the token somebody came in with: what it may do is known, its project not yet."""

    scope: str
    project_id: _Hole | None


class StandIn(_Hole):
    """In place of whoever asks; read in a condition as a user, or as their key."""

    is_active = True

    def __init__(self, token: ApiToken | None) -> None:
        super().__init__(UUIDField(), lambda asking: asking.user.pk)
        self.token: _Token | None = None
        if token is not None:
            project = _Hole(UUIDField(), lambda asking: asking.user.token.project_id)  # type: ignore[attr-defined]
            self.token = _Token(token.scope, project if token.project_id is not None else None)

    @property
    def pk(self) -> StandIn:
        return self

    id = pk


class _Moment(_Hole):
    """Its day too, as `timezone.localdate` finds it."""

    def __init__(self) -> None:
        super().__init__(DateTimeField(), lambda asking: asking.at)

    def utcoffset(self) -> timedelta:
        return timedelta(0)

    def astimezone(self, zone: tzinfo | None = None) -> _Moment:
        if zone != timezone.get_current_timezone():
            raise NoPlanError
        return self

    def date(self) -> _Hole:
        return _Hole(DateField(), lambda asking: timezone.localdate(asking.at))


@dataclass(frozen=True)
class _Plan:
    sql: str
    params: tuple[Any, ...]
    names: tuple[str, ...]

    def answers(self, asking: Asking, connection: Any) -> dict[str, bool] | None:
        params = [one.filled(asking, connection) if isinstance(one, _Hole) else one for one in self.params]
        with connection.cursor() as cursor:
            row = cursor.execute(self.sql, params).fetchone()
        return None if row is None else dict(zip(self.names, map(bool, row), strict=True))


@dataclass
class _Kept:
    plan: _Plan | None
    made_of: tuple[object, ...] = field(repr=False)  # held, so that what comes later never has the same id


_kept: dict[Hashable, _Kept] = {}


def answers(
    what: Hashable, made_of: Iterable[object], model: type[Model], asking: Asking, conditions: Conditions
) -> dict[str, bool] | None:
    """Which of the conditions hold on the row, by name: one query; None when there is no such row.

    `what` names these conditions among those of the model; they are made of `made_of`, and made anew when it changes.
    """
    connection = connections[model._default_manager.db]
    parts = tuple(made_of)
    token: ApiToken | None = getattr(asking.user, "token", None)
    came_in = None if token is None else (token.scope, token.project_id is not None)
    key = (connection.alias, model, what, came_in, *map(id, parts))
    kept = _kept.get(key)
    if kept is None:
        kept = _kept[key] = _Kept(_plan(model, StandIn(token), conditions, connection), parts)
    if kept.plan is not None:
        return kept.plan.answers(asking, connection)
    checks = conditions(asking.user, asking.at)
    return _rows(model, asking.pk, checks).values(*checks).first()


def truth(check: Q | Exists) -> Case:
    """A condition as a column."""
    return Case(When(check, then=Value(True)), default=Value(False), output_field=BooleanField())


def _rows(model: type[Model], pk: Any, checks: Checks) -> Any:
    columns = {name: truth(check) for name, check in checks.items()}
    return model._default_manager.filter(pk=pk).order_by().annotate(**columns)


def _plan(model: type[Model], person: StandIn, conditions: Conditions, connection: Any) -> _Plan | None:
    row = _Hole(model._meta.pk, lambda asking: asking.pk)
    try:
        with connection.execute_wrapper(_no_query):
            checks = conditions(person, _Moment())
            query = _rows(model, row, checks).values_list(*checks).query
            sql, params = query.get_compiler(connection.alias).as_sql()
    except (NoPlanError, *_WANTS_MORE):
        return None
    if any(_is_day(one) for one in params):  # of today, not of the moment that is asked about
        return None
    return _Plan(sql, tuple(params), tuple(checks))


def _no_query(*_args: object) -> NoReturn:
    raise NoPlanError


def _is_day(value: object) -> bool:
    return isinstance(value, date) or (isinstance(value, str) and _A_DAY.match(value) is not None)
