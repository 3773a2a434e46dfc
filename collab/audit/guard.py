"""Database triggers that refuse to change, remove or cut the history and its anchors, on both databases."""

from __future__ import annotations

from typing import Any

_REFUSAL = "the history is append-only"
EVENTS, ANCHORS = "collab_auditevent", "collab_auditanchor"


def _names(vendor: str, table: str) -> list[str]:
    stem = "audit" if table == EVENTS else "anchor"
    return [f"{stem}_no_{what}" for what in (("update", "delete") if vendor == "sqlite" else ("change", "truncate"))]


def _install(vendor: str, table: str) -> list[str]:
    first, second = _names(vendor, table)
    if vendor == "sqlite":
        return [
            f"CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            for name, verb in ((first, "UPDATE"), (second, "DELETE"))
        ]
    return [
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        f"CREATE TRIGGER {first} BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        f"CREATE TRIGGER {second} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    ]


def _remove(vendor: str, table: str) -> list[str]:
    on = "" if vendor == "sqlite" else f" ON {table}"
    return [f"DROP TRIGGER IF EXISTS {name}{on}" for name in _names(vendor, table)]


def install(connection: Any, tables: tuple[str, ...] = (EVENTS,)) -> None:
    """Put the triggers in place; called by migrations."""
    _run(connection, [line for table in tables for line in _install(connection.vendor, table)])


def remove(connection: Any, tables: tuple[str, ...] = (EVENTS, ANCHORS)) -> None:
    """Take the triggers away: for undoing a migration, and for tests that empty their database."""
    _run(connection, [line for table in tables for line in _remove(connection.vendor, table)])


def missing(connection: Any) -> list[str]:
    """Names of the triggers that should be there and are not."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        there = {row[0] for row in cursor.fetchall()}
    return [name for table in (EVENTS, ANCHORS) for name in _names(connection.vendor, table) if name not in there]


def _run(connection: Any, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
