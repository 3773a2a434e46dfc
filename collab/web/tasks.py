"""Celery's part: what is kept for a while is forgotten again."""

from __future__ import annotations

from celery import shared_task

from collab.web import once


@shared_task(name="collab.web.forget_answers", soft_time_limit=50, time_limit=60, ignore_result=True)
def forget_answers_task() -> int:
    """Answers to requests with an Idempotency-Key that nobody sends again any more."""
    return once.forget_answers()
