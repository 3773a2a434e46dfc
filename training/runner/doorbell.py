"""Ringing for the dispatcher. A lost ring costs seconds: the sweep finds the row anyway."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger("tandem.runner")


def ring_after_commit() -> None:
    """Ask the worker to look for waiting jobs, once the row is there to be found."""
    transaction.on_commit(_ring, robust=True)


def _ring() -> None:
    try:
        current_app.send_task("training.runner.dispatch", expires=30, retry=False)
    except (OperationalError, OSError) as fault:
        log.warning("the broker is away (%s); the sweep will find the job", type(fault).__name__)
