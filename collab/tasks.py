"""Where Celery looks for tasks."""

from collab.agreements.tasks import seal_task
from collab.audit.tasks import anchor_task
from collab.inbox.tasks import remind_task, send_mail_task
from collab.internships.applications.tasks import expire_offers_task
from collab.publications.tasks import close_ended_task
from collab.transfer.protection.tasks import deadlines_task
from collab.transfer.royalties.tasks import schedule_task
from collab.web.tasks import forget_answers_task

__all__ = [
    "anchor_task",
    "close_ended_task",
    "deadlines_task",
    "expire_offers_task",
    "forget_answers_task",
    "remind_task",
    "schedule_task",
    "seal_task",
    "send_mail_task",
]
