"""Ringing for a worker that looks for exports."""

from __future__ import annotations

from django.db import transaction

from collab.kernel import doorbell

TASK = "training.exports.sweep"


def ring_after_commit() -> None:
    """Ask a worker to look for exports, once the row is there to be found."""
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Ask at once, for what is there already."""
    doorbell.ring(TASK)
