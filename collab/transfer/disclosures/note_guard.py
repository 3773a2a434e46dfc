"""Database triggers on the notes of cases: one is written once, taken back at most once, and never removed.

A migration that changes the table takes them away first and puts them back.
"""

from __future__ import annotations

from typing import Any

from collab.kernel.triggers import Rule, absent, differs, put, take

NOTES = "collab_casenote"
_FACTS = (
    "id", "created_at", "case_id", "noted_on", "text", "file_name", "media_type", "sha256", "size_bytes", "by_id",
)  # fmt: skip
RULES: dict[str, Rule] = {
    "case_note_stays": (
        NOTES,
        "UPDATE",
        f"OLD.withdrawn_at IS NOT NULL OR {differs(*_FACTS)}",
        "a note is not changed: take it back and write another",
    ),
    "case_note_no_delete": (NOTES, "DELETE", "TRUE", "a note is not removed: take it back"),
}


def install(connection: Any) -> None:
    """Put the triggers in place; called by the migration."""
    put(connection, RULES)


def remove(connection: Any) -> None:
    """Take them away: for undoing the migration, and for tests that empty their database."""
    take(connection, RULES)


def missing(connection: Any) -> list[str]:
    """Names of the triggers that should be there and are not."""
    return absent(connection, RULES)
