"""Rings for the worker when mail waits; a sweep comes every minute."""

from __future__ import annotations

from django.db import transaction

from collab.kernel.doorbell import ring

SEND = "collab.inbox.send_mail"


def ring_after_commit() -> None:
    """Ask for the mail to be sent once this transaction is in the database."""
    if not any(entry[1] is _ring for entry in transaction.get_connection().run_on_commit):  # one ring is enough
        transaction.on_commit(_ring, robust=True)


def _ring() -> None:
    ring(SEND)
