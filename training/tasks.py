"""Where Celery looks for tasks."""

from training.runner.tasks import dispatch_task, prune_queue_task, sweep_task

__all__ = ["dispatch_task", "prune_queue_task", "sweep_task"]
