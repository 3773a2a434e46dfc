"""Many rows of one table at once, for where the ORM's objects cost more than the writing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connections, router
from django.db.models import Model

BATCH = 5000


def insert_rows(model: type[Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Insert rows whose values follow `names` (fields; of a foreign key its id). How many there were.

    One prepared statement for all of them: constraints and triggers check each row, as ever. What is not named gets the
    default of its field. A value that comes again is made ready for the database once.
    """
    connection = connections[router.db_for_write(model)]
    fields = [model._meta.get_field(name) for name in names]
    others = [field for field in model._meta.concrete_fields if field not in fields]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in [*fields, *others])  # type: ignore[union-attr]
    places = ", ".join(["%s"] * (len(fields) + len(others)))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608  our own names
    known: list[dict[Any, Any]] = [{} for _field in fields]

    def ready(row: Sequence[Any]) -> list[Any]:
        values = []
        for field, value, seen in zip(fields, row, known, strict=True):
            if value not in seen:
                seen[value] = field.get_db_prep_save(value, connection)  # type: ignore[union-attr]
            values.append(seen[value])
        for field in others:
            values.append(field.get_db_prep_save(field.get_default(), connection))
        return values

    count, waiting = 0, []
    with connection.cursor() as cursor:
        for row in rows:
            waiting.append(ready(row))
            if len(waiting) == BATCH:
                cursor.executemany(statement, waiting)
                count, waiting = count + len(waiting), []
        if waiting:
            cursor.executemany(statement, waiting)
    return count + len(waiting)
