"""What a case is made of: tables, each read through the policy. Rooms above add theirs (`register_case_table`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Manager, Model

from collab.access.policy import visible_to
from collab.accounts.models import User
from collab.projects.models import Project


@dataclass(frozen=True)
class Table:
    """A CSV and a JSON file. One must hold `word` on the rows; `lines` gives a value for each of `names`."""

    name: str
    word: str
    names: str
    rows: Callable[[Project], Any]
    lines: Callable[[Iterable[Any], User], Iterator[Sequence[Any]]]

    @property
    def columns(self) -> list[str]:
        return self.names.split()

    def read(self, project: Project, user: User) -> Iterator[dict[str, Any]]:
        """The rows that the person may see, as column and value."""
        for line in self.lines(visible_to(user, self.word, self.rows(project)), user):
            yield dict(zip(self.columns, line, strict=True))


TABLES: list[Table] = []


def register_case_table(table: Table) -> None:
    """Let a room above add what it keeps of a joint project: jobs, models, placements."""
    if any(table.name == other.name for other in TABLES):
        raise ValueError(f"two tables of a case are called {table.name}")
    TABLES.append(table)


def attributes(name: str, word: str, columns: str, rows: Callable[[Project], Any]) -> Table:
    """A table whose columns are attributes of its rows: `name`, or `name=path.to.it` for one of another object."""
    pairs = [column.partition("=") for column in columns.split()]
    paths = [(path or name).split(".") for name, _is, path in pairs]
    names = " ".join(name for name, _is, _path in pairs)
    return Table(name, word, names, rows, each(lambda row: [_at(row, path) for path in paths]))


def _at(row: Any, path: Sequence[str]) -> Any:
    for name in path:
        row = getattr(row, name) if row is not None else None
    if isinstance(row, Manager):
        return [str(one) for one in row.all()]
    return str(row) if isinstance(row, Model) else row


def each(of: Callable[[Any], Sequence[Any]]) -> Callable[[Iterable[Any], User], Iterator[Sequence[Any]]]:
    return lambda rows, user: (of(row) for row in rows)
