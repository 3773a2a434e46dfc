"""Celery's part: every hour the next periods and payments of every licence in force come into the calendar."""

from __future__ import annotations

from celery import shared_task

from collab.transfer.royalties.escalating import escalate_late
from collab.transfer.royalties.services import schedule_all


@shared_task(name="collab.royalties.schedule", soft_time_limit=50, time_limit=60, ignore_result=True)
def schedule_task() -> int:
    """Enter what falls due next. The calendar reminds of it, and of what is late."""
    return schedule_all()


@shared_task(name="collab.royalties.escalate", soft_time_limit=50, time_limit=60, ignore_result=True)
def escalate_task() -> int:
    """Tell the next in line of reports and invoices that are late for long."""
    return escalate_late()
