"""Celery's part: every hour the next periods and payments of every licence in force come into the calendar."""

from __future__ import annotations

from celery import shared_task

from collab.transfer.royalties.services import chase, schedule_all


@shared_task(name="collab.royalties.schedule", soft_time_limit=50, time_limit=60, ignore_result=True)
def schedule_task() -> int:
    """Enter what falls due next, and take the steps about what is late. The calendar reminds of both."""
    return schedule_all() + chase()
