"""Celery's part: reminders, and mail. Each calls one function and ends within a minute."""

from __future__ import annotations

from celery import shared_task

from collab.inbox import mailing, reminding

_LIMITS = {"soft_time_limit": 50, "time_limit": 60, "ignore_result": True}


@shared_task(name="collab.inbox.remind", **_LIMITS)
def remind_task() -> dict[str, int]:
    """Remind of what is due and let climb what nobody answers."""
    return reminding.sweep()


@shared_task(name="collab.inbox.send_mail", **_LIMITS)
def send_mail_task() -> int:
    """Send the notifications that people want by e-mail."""
    return mailing.send_due()
