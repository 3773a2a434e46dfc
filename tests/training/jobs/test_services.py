"""Submitting, stopping and resuming: what is refused, and what is written."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from collab.agreements.models import Purpose
from collab.agreements.services import terminate_version
from collab.audit.models import AuditEvent
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, NotFoundError, RefusedError
from collab.projects.services import move_project
from training.jobs import services
from training.jobs.models import Job
from training.jobs.services import resume_job, stop_job, submit_job

pytestmark = pytest.mark.django_db


def submit(joint, spec, **changes) -> Job:
    return submit_job(**{"project": joint.project, "name": "Run", "spec": spec, "by": joint.engineer} | changes)


def faulty_paths(error: pytest.ExceptionInfo[FaultyInputError]) -> set[str]:
    return {fault.path for fault in error.value.faults}


def test_a_submitted_job_is_queued_under_its_terms_with_its_act(covered, spec):
    job = submit(covered, spec)

    assert (job.state, job.desired, job.task) == ("queued", "run", "causal-lm")
    assert [str(v) for v in job.terms.all()] == ["DUA-1 v1"]
    assert AuditEvent.objects.filter(verb="job.submit", subject_id=str(job.pk)).count() == 1


def test_the_bell_rings_only_after_the_row_is_there(covered, spec, monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr("training.runner.doorbell._ring", lambda: rung.append(Job.objects.count()))

    with django_capture_on_commit_callbacks(execute=True):
        submit(covered, spec)
        assert rung == []

    assert rung == [1]


def test_nothing_is_queued_or_rung_when_rolled_back(covered, spec, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks, pytest.raises(RuntimeError), transaction.atomic():
        submit(covered, spec)
        raise RuntimeError

    assert callbacks == []
    assert not Job.objects.exists()
    assert not AuditEvent.objects.filter(verb="job.submit").exists()


def test_the_same_key_submits_once(covered, spec):
    first = submit(covered, spec, idempotency_key="k1")

    assert submit(covered, spec, idempotency_key="k1") == first
    assert submit(covered, spec, idempotency_key="k2") != first


def test_a_key_of_another_job_is_refused(covered, spec):
    submit(covered, spec, idempotency_key="k1")
    other = spec | {"train": spec["train"] | {"seed": 99}}

    with pytest.raises(InvalidError, match="Idempotency-Key"):
        submit(covered, other, idempotency_key="k1")
    with pytest.raises(InvalidError, match="Idempotency-Key"):
        submit(covered, spec, name="Another name", idempotency_key="k1")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"colour": "red"}, "spec.colour"),
        ({"train": {"epochs": True}}, "spec.train.epochs"),
        ({"train": {"epochs": "3"}}, "spec.train.epochs"),
        ({"train": {"lr": float("nan")}}, "spec.train.lr"),
        ({"train": {"lr": -1.0}}, "spec.train.lr"),
        ({"train": {"batch": 0}}, "spec.train.batch"),
        ({"train": {"seed": 2**64}}, "spec.train.seed"),
        ({"model": {"arch": "https://example.org/net"}}, "spec.model.arch"),
        ({"data": {"path": "/etc/passwd"}}, "spec.data.path"),
    ],
)
def test_a_faulty_spec_names_the_field_and_queues_nothing(covered, spec, change, path):
    for key, value in change.items():
        spec[key] = spec.get(key, {}) | value if isinstance(value, dict) else value

    with pytest.raises(FaultyInputError) as refused:
        submit(covered, spec)

    assert path in faulty_paths(refused)
    assert not Job.objects.exists()


def test_a_task_that_the_data_cannot_serve_is_refused(covered, spec):
    spec["task"] = "image-classification"

    with pytest.raises(FaultyInputError):
        submit(covered, spec)


def test_a_dataset_of_another_project_is_as_if_it_were_not_there(covered, borealis, spec):
    foreign = borealis.dataset().latest()
    spec["data"]["dataset_version"] = str(foreign.pk)

    with pytest.raises(NotFoundError):
        submit(covered, spec)


def test_an_outsider_does_not_learn_that_the_project_exists(covered, borealis, spec):
    with pytest.raises(NotFoundError):
        submit(covered, spec, by=borealis.lead)


def test_an_observer_is_told_which_roles_may(covered, spec):
    with pytest.raises(RefusedError, match="Engineer"):
        submit(covered, spec, by=covered.observer)


def test_an_expired_agreement_is_named(aurora):
    aurora.cover(reference="DUA-9", expires_on=timezone.localdate() + timedelta(days=3))
    version = aurora.dataset().latest()
    spec = services.suggest("causal-lm", version)["spec"]

    with time_machine.travel(timezone.now() + timedelta(days=3)), pytest.raises(RefusedError, match="DUA-9 expired"):
        submit(aurora, spec)


def test_reading_terms_do_not_allow_training(aurora):
    aurora.cover(reference="DUA-9", purposes=(Purpose.DATA_ACCESS,))
    version = aurora.dataset().latest()

    with pytest.raises(RefusedError) as refused:
        submit(aurora, services.suggest("causal-lm", version)["spec"])

    assert [m.code for m in refused.value.missing] == ["no_agreement"]


def test_a_suspended_project_takes_no_jobs(covered, spec):
    move_project(project=covered.project, move="suspend", by=covered.lead)
    covered.project.refresh_from_db()

    with pytest.raises(RefusedError) as refused:
        submit(covered, spec)
    assert [m.code for m in refused.value.missing] == ["project_not_active"]


def test_stopping_a_waiting_job_ends_it(covered, spec):
    job = stop_job(job=submit(covered, spec), by=covered.engineer)

    assert (job.state, job.reason) == ("stopped", "stopped_by_person")
    assert job.finished_at is not None


def test_stopping_twice_changes_nothing(covered, spec):
    job = stop_job(job=submit(covered, spec), by=covered.engineer)
    acts = AuditEvent.objects.count()

    stop_job(job=job, by=covered.engineer)

    assert AuditEvent.objects.count() == acts


def test_an_observer_may_not_stop(covered, spec):
    job = submit(covered, spec)

    with pytest.raises(RefusedError):
        stop_job(job=job, by=covered.observer)

    job.refresh_from_db()
    assert job.state == "queued"


def test_resuming_a_running_job_is_a_conflict(covered, spec):
    job = submit(covered, spec)

    with pytest.raises(ConflictError):
        resume_job(job=job, by=covered.engineer)


def test_resuming_asks_for_the_terms_of_today(covered, spec):
    job = stop_job(job=submit(covered, spec), by=covered.engineer)
    terminate_version(version=covered.agreements[0], by=covered.lead)

    with pytest.raises(RefusedError, match="DUA-1 was terminated"):
        resume_job(job=job, by=covered.engineer)


def test_whoever_resumes_answers_for_the_job(covered, spec):
    job = stop_job(job=submit(covered, spec), by=covered.engineer)

    job = resume_job(job=job, by=covered.researcher)

    assert (job.state, job.runs_as, job.submitted_by) == ("queued", covered.researcher, covered.engineer)


def test_a_graphics_processor_that_no_worker_has_is_refused_before_anything_is_queued(covered, spec, settings):
    wanted = spec | {"resources": {"cpus": 1, "gpus": 1}}
    settings.TRAINING_GPUS = 0
    with pytest.raises(FaultyInputError, match="no worker of this site has one") as refused:
        submit(covered, wanted)
    assert faulty_paths(refused) == {"spec.resources.gpus"} and not Job.objects.exists()

    settings.TRAINING_GPUS = 1
    assert submit(covered, wanted).state == "queued"
