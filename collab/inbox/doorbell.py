"""Rings for the worker when mail waits. Losing the bell loses nothing: a sweep comes every minute."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger("tandem.inbox")
SEND = "collab.inbox.send_mail"


def ring_after_commit() -> None:
    """Ask for the mail to be sent once this transaction is in the database."""
    if not any(entry[1] is _ring for entry in transaction.get_connection().run_on_commit):  # one ring is enough
        transaction.on_commit(_ring, robust=True)


def _ring() -> None:
    try:
        current_app.send_task(SEND, ignore_result=True, expires=60)
    except (OperationalError, OSError) as fault:
        log.info("the bell did not ring (%s); the sweep finds the mail", fault)
