"""Ringing for the dispatcher."""

from __future__ import annotations

from django.db import transaction

from collab.kernel import doorbell

TASK = "training.runner.dispatch"


def ring_after_commit() -> None:
    """Ask the worker to look for waiting jobs, once the row is there to be found."""
    transaction.on_commit(_ring, robust=True)


def _ring() -> None:
    doorbell.ring(TASK)
