"""Where Celery looks for tasks."""

from collab.inbox.tasks import remind_task, send_mail_task

__all__ = ["remind_task", "send_mail_task"]
