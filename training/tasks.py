"""Where Celery looks for tasks."""

from training.exports.tasks import sweep_exports_task
from training.playground.tasks import answer_task, sweep_playground_task
from training.runner.tasks import dispatch_task, prune_queue_task, sweep_task

__all__ = [
    "answer_task",
    "dispatch_task",
    "prune_queue_task",
    "sweep_exports_task",
    "sweep_playground_task",
    "sweep_task",
]
