"""Ringing for a worker that looks for questions."""

from __future__ import annotations

from django.db import transaction

from collab.kernel import doorbell

TASK = "training.playground.answer"


def ring_after_commit() -> None:
    """Ask a worker to look for questions, once the row is there to be found."""
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Ask at once, for what is there already."""
    doorbell.ring(TASK)
