"""Celery's part: look for exports that wait. The writing itself takes longer and has a process of its own."""

from __future__ import annotations

from celery import shared_task

from training.exports import writing


@shared_task(name="training.exports.sweep", soft_time_limit=50, time_limit=60, ignore_result=True)
def sweep_exports_task() -> bool:
    """Fail what was left behind, and start a process for the oldest export that waits."""
    return writing.start_next()
