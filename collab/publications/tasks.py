"""Celery's part: what an ended notice no longer asks of anybody leaves the inbox and the calendar."""

from __future__ import annotations

from celery import shared_task

from collab.publications.services import close_ended


@shared_task(name="collab.publications.close_ended", soft_time_limit=50, time_limit=60, ignore_result=True)
def close_ended_task() -> int:
    """Close the questions of notices whose days have passed. It decides nothing: the agreement did."""
    return close_ended()
