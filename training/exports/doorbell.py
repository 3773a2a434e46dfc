"""Ringing for a worker. A lost ring costs seconds: the sweep finds the row anyway."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger("tandem.exports")
TASK = "training.exports.sweep"


def ring_after_commit() -> None:
    """Ask a worker to look for exports, once the row is there to be found."""
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    try:
        current_app.send_task(TASK, expires=30, retry=False)
    except (OperationalError, OSError) as fault:
        log.warning("the broker is away (%s); the sweep will find the export", type(fault).__name__)
