"""Background work of protections."""

from __future__ import annotations

from celery import shared_task

from collab.transfer.protection.sweeping import sweep


@shared_task(name="collab.transfer.deadlines", soft_time_limit=50, time_limit=60, ignore_result=True)
def deadlines_task() -> dict[str, int]:
    """Tell more people of deadlines that come near, and enter the next ones of what repeats."""
    return sweep()
