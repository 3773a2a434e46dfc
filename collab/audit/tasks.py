"""Celery's part: once a day the end of the chain is published."""

from __future__ import annotations

from celery import shared_task

from collab.audit.services import make_anchor


@shared_task(name="collab.audit.anchor", soft_time_limit=50, time_limit=60, ignore_result=True)
def anchor_task() -> None:
    """Publish the end of the history."""
    make_anchor()
