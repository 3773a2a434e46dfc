"""Celery's part: offers whose time is over free their seats."""

from __future__ import annotations

from celery import shared_task

from collab.internships.applications.deciding import expire_offers


@shared_task(name="collab.internships.expire_offers", soft_time_limit=50, time_limit=60, ignore_result=True)
def expire_offers_task() -> int:
    """Write down that offers have expired. The date alone made them so."""
    return expire_offers()
