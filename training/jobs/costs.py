"""What training tells the project it runs in: its cost, its figures for reports, and that it ends with the project."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from collab.accounts.models import User
from collab.projects.models import Project
from collab.projects.services import book_training_cost
from training.jobs.models import Attempt, Job
from training.jobs.purposes import withdraw_questions
from training.jobs.states import JOB_MOVES, LIVE, Desired, JobState


def book_attempt(job: Job, attempt: Attempt) -> None:
    """Book what an attempt cost: the seconds it took on the processors it had. Once, however often it is told."""
    if attempt.ended_at is None:
        return
    seconds = Decimal(str((attempt.ended_at - attempt.started_at).total_seconds()))
    cpus = int(job.spec.get("resources", {}).get("cpus") or 1)
    book_training_cost(
        project_id=job.project_id,
        attempt=attempt.pk,
        cpu_seconds=seconds * cpus,
        ended_at=attempt.ended_at,
        runs_as=job.runs_as,
        name=job.name,
    )


def end_jobs(project: Project, by: User) -> dict[str, Any]:
    """The jobs of a project that ends: waiting ones are stopped, running ones are ended at once."""
    jobs = Job.objects.filter(project=project).unfinished()  # type: ignore[attr-defined]
    withdraw_questions(list(jobs.filter(state=JobState.WAITING)), by)
    live = jobs.filter(state__in=LIVE)
    running = live.update(desired=Desired.KILL)
    live.filter(state__in=JOB_MOVES.sources("ask_stop")).update(state=JOB_MOVES.target("ask_stop"))
    waiting = jobs.filter(state__in=JOB_MOVES.sources("stop_waiting")).update(
        state=JobState.STOPPED, desired=Desired.KILL, reason="killed_by_person", finished_at=timezone.now()
    )
    return {"jobs_ended": running + waiting}


def report_facts(project: Project, start: date, end: date) -> list[tuple[str, int]]:
    """How many runs ended in a period, and how."""
    counts = Job.objects.filter(project=project, finished_at__date__range=(start, end)).aggregate(
        ended=Count("pk"), done=Count("pk", filter=Q(state=JobState.DONE))
    )
    return [
        (gettext_noop("Training runs that ended"), counts["ended"]),
        (gettext_noop("Training runs that reached their goal"), counts["done"]),
    ]
