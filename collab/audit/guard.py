"""Database triggers that refuse to change, remove or cut the history, on both databases."""

from __future__ import annotations

from typing import Any

_REFUSAL = "the history is append-only"

_INSTALL = {
    "sqlite": [
        f"CREATE TRIGGER audit_no_{verb} BEFORE {verb.upper()} ON collab_auditevent "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for verb in ("update", "delete")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON collab_auditevent "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON collab_auditevent "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    ],
}
_REMOVE = {
    "sqlite": ["DROP TRIGGER IF EXISTS audit_no_update", "DROP TRIGGER IF EXISTS audit_no_delete"],
    "postgresql": [
        "DROP TRIGGER IF EXISTS audit_no_change ON collab_auditevent",
        "DROP TRIGGER IF EXISTS audit_no_truncate ON collab_auditevent",
    ],
}


def install(connection: Any) -> None:
    """Put the triggers in place; called by a migration."""
    _run(connection, _INSTALL)


def remove(connection: Any) -> None:
    """Take the triggers away: for undoing the migration, and for tests that empty their database."""
    _run(connection, _REMOVE)


def _run(connection: Any, statements: dict[str, list[str]]) -> None:
    with connection.cursor() as cursor:
        for statement in statements[connection.vendor]:
            cursor.execute(statement)
