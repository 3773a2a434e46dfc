"""Database triggers that refuse what no verb does, the same on both databases (docs/adr/0006)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Rule = tuple[str, str, str, str]  # table, when, condition, what is said


def differs(*columns: str) -> str:
    """Standard SQL for “one of these has changed”, with nulls."""
    return " OR ".join(
        f"(NEW.{name} <> OLD.{name} OR (NEW.{name} IS NULL) <> (OLD.{name} IS NULL))" for name in columns
    )


def put(connection: Any, rules: Mapping[str, Rule]) -> None:
    """Put them in place, by name."""
    _run(connection, [line for name, rule in rules.items() for line in _lines(connection.vendor, name, rule)])


def take(connection: Any, rules: Mapping[str, Rule]) -> None:
    """Take them away: for undoing a migration, and for tests that empty their database."""
    on = "" if connection.vendor == "sqlite" else " ON {table}"
    _run(connection, [f"DROP TRIGGER IF EXISTS {name}{on.format(table=rule[0])}" for name, rule in rules.items()])


def absent(connection: Any, rules: Mapping[str, Rule]) -> list[str]:
    """Names of those that are not there, or are switched off."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        there = {row[0] for row in cursor.fetchall()}
    return [name for name in rules if name not in there]


def _lines(vendor: str, name: str, rule: Rule) -> list[str]:
    table, verb, condition, said = rule
    if vendor == "sqlite":
        return [
            f"CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{said}'); END"
        ]
    back = "OLD" if verb == "DELETE" else "NEW"
    return [
        f"CREATE OR REPLACE FUNCTION {name}_f() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {condition} THEN RAISE EXCEPTION '{said}'; END IF; RETURN {back}; END $$",
        f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}_f()",
    ]


def _run(connection: Any, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
