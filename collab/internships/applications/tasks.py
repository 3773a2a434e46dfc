"""Celery's part: offers whose time is over free their seats, and dates that are over leave the calendar."""

from __future__ import annotations

from celery import shared_task

from collab.internships.applications.deciding import expire_offers
from collab.internships.models import MovedCheckPoint
from collab.internships.programmes.calendar import pass_dates


@shared_task(name="collab.internships.expire_offers", soft_time_limit=50, time_limit=60, ignore_result=True)
def expire_offers_task() -> int:
    """Write down that offers have expired. The date alone made them so."""
    return expire_offers()


@shared_task(name="collab.internships.pass_dates", soft_time_limit=50, time_limit=60, ignore_result=True)
def pass_dates_task() -> int:
    """Dates of cohorts that are over leave the calendar of obligations."""
    return pass_dates(MovedCheckPoint._meta.label_lower)
