"""Ringing for a worker. The rows are the truth: a ring that is lost costs seconds, for a sweep finds them anyway."""

from __future__ import annotations

import logging

from celery import current_app
from kombu.exceptions import OperationalError

log = logging.getLogger("tandem.doorbell")
EXPIRES_S = 30  # by then the sweep has been there


def ring(task: str) -> None:
    """Ask a worker to do a task soon. To be called once what it looks for is committed; never raises for a broker."""
    try:
        current_app.send_task(task, expires=EXPIRES_S, ignore_result=True, retry=False)
    except (OperationalError, OSError) as fault:
        log.warning("the broker is away (%s); the sweep comes instead of %s", type(fault).__name__, task)
