"""Celery's part: sealed documents are made soon after the last signature."""

from __future__ import annotations

from celery import shared_task

from collab.agreements.sealing import seal_waiting


@shared_task(name="collab.agreements.seal", soft_time_limit=50, time_limit=60, ignore_result=True)
def seal_task() -> int:
    """Make the PDFs of versions that were executed since."""
    return seal_waiting()
