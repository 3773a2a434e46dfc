"""Celery's part: a bell, a sweep and a broom. Each calls one function and ends within seconds."""

from __future__ import annotations

from celery import shared_task

from training.runner import dispatch as dispatching
from training.runner import housekeeping, pool

_LIMITS = {"soft_time_limit": 50, "time_limit": 60, "ignore_result": True}


@shared_task(name="training.runner.dispatch", **_LIMITS)
def dispatch_task() -> int:
    """Start a supervisor for each waiting job while slots are free."""
    return dispatching.dispatch()


@shared_task(name="training.runner.sweep", **_LIMITS)
def sweep_task() -> int:
    """Keep an engine warm, put jobs whose supervisor went silent back into the queue, then dispatch."""
    pool.keep_warm()
    dispatching.recover()
    return dispatching.dispatch()


@shared_task(name="training.runner.prune_queue", **_LIMITS)
def prune_queue_task() -> int:
    """Remove old messages that the filesystem broker keeps."""
    return housekeeping.prune_queue()
