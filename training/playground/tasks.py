"""Celery's part: one question, and a sweep. Each calls one function and ends within a minute."""

from __future__ import annotations

from celery import shared_task

from training.playground import answering

_LIMITS = {"soft_time_limit": 58, "time_limit": 60, "ignore_result": True}


@shared_task(name="training.playground.answer", **_LIMITS)
def answer_task() -> bool:
    """Let a model answer the oldest question."""
    return answering.answer_next()


@shared_task(name="training.playground.sweep", **_LIMITS)
def sweep_playground_task() -> dict[str, int]:
    """Fail what was left behind, forget what is old, and ring for what waits."""
    return answering.sweep()
