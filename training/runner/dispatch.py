"""Claim waiting jobs, start one supervisor for each, and recover those whose supervisor went silent."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from django.conf import settings

from training.engine.contract import Forked, Request
from training.jobs import lifecycle
from training.jobs.models import Attempt, Job
from training.runner import identity, pool

log = logging.getLogger("tandem.runner")
_children: list[subprocess.Popen[bytes] | Forked] = []


def dispatch() -> int:
    """Start supervisors while this machine has processors and jobs wait. Returns how many were started."""
    _reap()
    started = 0
    host = identity.host()
    while (job := lifecycle.claim(owner=host, host=host, cpus=settings.TRAINING_CPUS)) is not None:
        _start_supervisor(job)
        started += 1
    return started


def recover() -> int:
    """Queue again every job whose lease has run out, after ending what is left of its engine here."""
    count = 0
    for job_id, fence in lifecycle.abandoned():
        end_leftover(job_id, fence)
        if lifecycle.end_attempt(job_id=job_id, fence=fence, ending=lifecycle.Ending("lost")) is not None:
            log.warning("job %s: attempt %s went silent", job_id, fence)
            count += 1
    return count


def end_leftover(job_id: UUID, fence: int) -> None:
    """End the engine of an attempt if it still runs on this machine; two engines must not share a run folder."""
    attempt = Attempt.objects.filter(job_id=job_id, fence=fence).first()
    if attempt is None or attempt.engine_pid is None or attempt.engine_started is None:
        return
    here = attempt.host == identity.host() and attempt.boot_id == identity.boot_id()
    if here and identity.is_same(attempt.engine_pid, attempt.engine_started):
        identity.end_group(attempt.engine_pid)


def run_dir(job_id: UUID | str) -> Path:
    return Path(settings.RUN_DIR) / str(job_id)


def _start_supervisor(job: Job) -> None:
    folder = run_dir(job.pk)
    folder.mkdir(parents=True, exist_ok=True)
    # Restarting Celery does not touch running training: it stays, in a session of its own.
    request = Request((str(job.pk), str(job.fence)), str(settings.BASE_DIR), stays=True)
    with (folder / "supervisor.log").open("ab") as out:
        _children.append(
            pool.SUPERVISOR.fork(request, out.fileno(), out.fileno())
            or subprocess.Popen(
                [sys.executable, "-m", "training.runner.supervisor", *request.arguments],
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )


def _reap() -> None:
    """Collect supervisors that ended, so that none stays behind as a zombie."""
    _children[:] = [child for child in _children if child.poll() is None]
