"""Claiming, beating and ending: leases, fences, retries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.cast import Joint
from training.jobs import lifecycle
from training.jobs.lifecycle import Ending
from training.jobs.models import Job
from training.jobs.services import stop_job, submit_job

pytestmark = pytest.mark.django_db
HOST = "node-1"


def submit(joint: Joint, spec: dict, *, name: str = "Run", cpus: int = 1) -> Job:
    spec = spec | {"resources": {"cpus": cpus, "gpus": 0}}
    return submit_job(project=joint.project, name=name, spec=spec, by=joint.engineer)


def claim(cpus: int = 2) -> Job | None:
    return lifecycle.claim(owner=HOST, host=HOST, cpus=cpus)


def let_lease_run_out(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def end(job: Job, reason: str, **facts) -> Job | None:
    return lifecycle.end_attempt(job_id=job.pk, fence=job.fence, ending=Ending(reason, **facts))


def test_a_claim_sets_fence_and_lease_at_once(covered, spec):
    submit(covered, spec)

    job = claim()

    assert (job.state, job.fence, job.attempt_count) == ("starting", 1, 1)
    assert job.lease_until > timezone.now()
    assert job.attempts.get().fence == 1


def test_an_empty_queue_gives_nothing(db):
    assert claim() is None


def test_processors_are_not_promised_twice(covered, spec):
    submit(covered, spec, name="A", cpus=2)
    submit(covered, spec, name="B", cpus=1)

    assert claim().name == "A"
    assert claim() is None


def test_a_job_that_wants_more_than_the_machine_runs_alone(covered, spec):
    submit(covered, spec, cpus=2)

    assert claim(cpus=1) is not None


def test_another_machine_has_its_own_processors(covered, spec):
    submit(covered, spec, name="A", cpus=2)
    submit(covered, spec, name="B", cpus=2)
    claim()

    assert lifecycle.claim(owner="node-2", host="node-2", cpus=2).name == "B"


def test_a_project_with_many_jobs_does_not_starve_another(covered, borealis, spec):
    for number in range(5):
        submit(covered, spec, name=f"Many {number}")
    borealis.cover(reference="DUA-B")
    other = borealis.dataset().latest()
    one = submit(borealis, spec | {"data": spec["data"] | {"dataset_version": str(other.pk)}}, name="One")

    order = [claim(cpus=8).pk for _ in range(2)]

    assert one.pk in order


def test_an_old_fence_writes_nothing(covered, spec):
    submit(covered, spec)
    first = claim()
    let_lease_run_out(first)
    end(first, "lost")
    Job.objects.update(not_before=None)
    second = claim()

    assert lifecycle.beat(job_id=first.pk, fence=first.fence, progress={"step": 9}) is None
    assert end(first, "") is None
    assert not lifecycle.note_checkpoint(job_id=first.pk, fence=first.fence, step=9)
    second.refresh_from_db()
    assert (second.fence, second.progress, second.checkpoint_step) == (2, {}, None)


def test_a_beat_says_what_is_desired(covered, spec):
    submit(covered, spec)
    job = claim()
    lifecycle.mark_running(job_id=job.pk, fence=job.fence)

    assert lifecycle.beat(job_id=job.pk, fence=job.fence) == "run"
    stop_job(job=job, by=covered.engineer)
    assert lifecycle.beat(job_id=job.pk, fence=job.fence) == "stop"


def test_a_silent_job_is_found_by_its_lease(covered, spec):
    submit(covered, spec)
    job = claim()
    assert lifecycle.abandoned() == []

    let_lease_run_out(job)

    assert lifecycle.abandoned() == [(job.pk, 1)]


def test_a_lost_attempt_is_tried_again_after_a_pause(covered, spec):
    submit(covered, spec)

    job = end(claim(), "lost")

    assert (job.state, job.no_progress) == ("queued", 1)
    assert job.not_before > timezone.now()
    assert claim() is None


def test_three_deaths_without_progress_are_a_crash_loop(covered, spec):
    submit(covered, spec)
    for _attempt in range(3):
        Job.objects.update(not_before=None)
        job = end(claim(), "internal")

    assert (job.state, job.reason) == ("failed", "crash_loop")


def test_a_checkpoint_between_deaths_counts_them_anew(covered, spec):
    submit(covered, spec)
    for _attempt in range(4):
        Job.objects.update(not_before=None)
        job = claim()
        lifecycle.note_checkpoint(job_id=job.pk, fence=job.fence, step=job.fence)
        job = end(job, "internal")

    assert job.state == "queued"


def test_a_shutdown_is_no_death(covered, spec):
    submit(covered, spec)

    job = end(claim(), "shutdown")

    assert (job.state, job.no_progress, job.not_before) == ("queued", 0, None)


@pytest.mark.parametrize(
    ("reason", "state"),
    [("diverged", "failed"), ("oom", "failed"), ("data_error", "failed"), ("limit_minutes", "stopped")],
)
def test_what_another_try_cannot_cure_ends(covered, spec, reason, state):
    submit(covered, spec)

    job = end(claim(), reason, detail="At step 3.")

    assert (job.state, job.reason, job.reason_detail) == (state, reason, "At step 3.")
    assert job.reason_sentence


def test_lost_terms_pause(covered, spec):
    submit(covered, spec)

    job = end(claim(), "access_lost", detail="The agreement DUA-1 expired.")

    assert (job.state, job.finished_at) == ("paused", None)


def test_without_a_registered_version_nothing_is_done(covered, spec):
    submit(covered, spec)
    job = claim()
    lifecycle.mark_running(job_id=job.pk, fence=job.fence)

    ended = end(job, "publish")

    assert ended.state == "failed"


def test_a_job_that_was_to_stop_is_stopped_also_when_it_lost_its_access(covered, spec):
    submit(covered, spec)
    job = claim()
    stop_job(job=job, by=covered.engineer)

    ended = end(job, "access_lost")

    assert (ended.state, ended.reason) == ("stopped", "stopped_by_person")
