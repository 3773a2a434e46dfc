"""Gathers the tasks of every slice for Celery."""

from collab.agreements.tasks import seal_task
from collab.audit.tasks import anchor_task

__all__ = ["anchor_task", "seal_task"]
