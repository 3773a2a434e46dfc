"""The only mover of a running job: claim, beat, end. Every write carries the fence, so old attempts write nothing.

Safe to repeat: each function is one short transaction of conditional updates, and returns what became true.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from collab.audit.services import record
from collab.kernel.clock import db_now
from training.jobs.costs import book_attempt
from training.jobs.models import Attempt, Job
from training.jobs.states import (
    BACK_OFF_S,
    JOB_MOVES,
    LIVE,
    NO_PROGRESS_MAX,
    RETRY_REASONS,
    Desired,
    JobState,
)

_CLAIM_LOCK = 7_261_002


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, told by its supervisor."""

    reason: str
    detail: str = ""
    exit_code: int | None = None
    peak_rss_bytes: int | None = None
    last_step: int | None = None


@transaction.atomic
def claim(*, owner: str, host: str, cpus: int) -> Job | None:
    """Take the next waiting job when this host has processors for it: a new fence, the lease set in the same update.

    `cpus` is what the host gives to training; a job that wants more than that runs alone. The first in the queue is not
    overtaken by smaller ones behind it.
    """
    if connection.vendor == "postgresql":  # counting what is busy and taking more must not interleave
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIM_LOCK])
    now = db_now()
    here = Attempt.objects.filter(host=host, ended_at=None, job__state__in=LIVE, fence=F("job__fence"))
    busy = sum(_cpus(attempt.job) for attempt in here.select_related("job"))
    for job in Job.objects.claimable(now)[:5]:
        if busy and busy + _cpus(job) > cpus:
            return None
        taken = Job.objects.filter(pk=job.pk, state=JobState.QUEUED, fence=job.fence).update(
            state=JOB_MOVES.require("claim", job.state, what=str(job)),
            fence=F("fence") + 1,
            attempt_count=F("attempt_count") + 1,
            owner=owner,
            lease_until=now + timedelta(seconds=settings.LEASE_S),
            started_at=job.started_at or now,
            finished_at=None,
            reason="",
            reason_detail="",
        )
        if taken:
            job = Job.objects.get(pk=job.pk)
            Attempt.objects.create(job=job, number=job.attempt_count, fence=job.fence, host=host, started_at=now)
            return job
    return None


def _cpus(job: Job) -> int:
    return int(job.spec.get("resources", {}).get("cpus") or 1)


def beat(*, job_id: UUID, fence: int, **changes: Any) -> str | None:
    """Renew the lease and write progress. Returns what is desired, or None: superseded, stop at once."""
    held = Job.objects.filter(pk=job_id, fence=fence, state__in=LIVE)
    if not held.update(lease_until=db_now() + timedelta(seconds=settings.LEASE_S), **changes):
        return None
    return Job.objects.filter(pk=job_id, fence=fence).values_list("desired", flat=True).first()


def mark_running(*, job_id: UUID, fence: int) -> bool:
    """The engine has started."""
    return bool(
        Job.objects.filter(pk=job_id, fence=fence, state__in=JOB_MOVES.sources("start")).update(state=JobState.RUNNING)
    )


def note_engine(*, job_id: UUID, fence: int, pid: int, started: float, boot_id: str) -> None:
    """Remember the engine's process, so that a successor can end it if we vanish."""
    Attempt.objects.filter(job_id=job_id, fence=fence).update(engine_pid=pid, engine_started=started, boot_id=boot_id)


def note_checkpoint(*, job_id: UUID, fence: int, step: int) -> bool:
    """A checkpoint is on disk: work was saved, so deaths are counted anew."""
    return bool(Job.objects.filter(pk=job_id, fence=fence, state__in=LIVE).update(checkpoint_step=step, no_progress=0))


@transaction.atomic
def end_attempt(*, job_id: UUID, fence: int, ending: Ending, done_with: Any = None) -> Job | None:
    """Close the attempt and move the job: done, stopped, paused, failed, or queued again after a back-off.

    `done_with` is the registered version; only with it is a job done. Returns None when superseded.
    """
    job = Job.objects.select_for_update(of=("self",)).filter(pk=job_id, fence=fence, state__in=LIVE).first()
    if job is None:
        return None
    now = db_now()
    move = _move_for(job, ending, done=done_with is not None)
    job.state = JOB_MOVES.require(move, job.state, what=str(job))
    job.reason, job.reason_detail = _final_reason(job, ending, move), ending.detail[:500]
    job.lease_until = None
    job.owner = ""
    if move == "requeue":
        job.queued_at = now
        if ending.reason != "shutdown":
            job.no_progress += 1
            wait = BACK_OFF_S[min(job.no_progress, len(BACK_OFF_S)) - 1]
            job.not_before = now + timedelta(seconds=wait + random.random())  # noqa: S311  spreads a thundering herd
    elif move != "end_paused":
        job.finished_at = now
    if done_with is not None:
        job.model_version = done_with
        job.reason = ""
    job.save()
    Attempt.objects.filter(job=job, fence=fence).update(
        ended_at=now,
        reason=ending.reason,
        exit_code=ending.exit_code,
        peak_rss_bytes=ending.peak_rss_bytes,
        last_step=ending.last_step,
    )
    attempt = Attempt.objects.filter(job=job, fence=fence).first()
    if attempt is not None:
        book_attempt(job, attempt)
    record(
        verb=f"job.{move}",
        subject=job,
        by=None,
        project_id=job.project_id,
        data={"reason": ending.reason, "fence": fence},
    )
    return job


def _move_for(job: Job, ending: Ending, *, done: bool) -> str:
    if done:
        return "end_done"
    if job.desired in (Desired.STOP, Desired.KILL):
        return "end_stopped"  # whatever else was lost by then: a pause nobody could stop any more
    if ending.reason == "access_lost":
        return "end_paused"
    if ending.reason == "limit_minutes":
        return "end_stopped"
    if ending.reason in RETRY_REASONS and (ending.reason == "shutdown" or job.no_progress + 1 < NO_PROGRESS_MAX):
        return "requeue"
    return "end_failed"


def _final_reason(job: Job, ending: Ending, move: str) -> str:
    if move == "end_stopped" and ending.reason != "limit_minutes":
        return "killed_by_person" if job.desired == Desired.KILL else "stopped_by_person"
    if move == "end_failed" and ending.reason in {"lost", "internal"} and job.no_progress + 1 >= NO_PROGRESS_MAX:
        return "crash_loop"
    return ending.reason


def abandoned() -> list[tuple[UUID, int]]:
    """(job, fence) of every attempt whose lease has run out."""
    return list(Job.objects.abandoned(db_now()).values_list("pk", "fence"))
