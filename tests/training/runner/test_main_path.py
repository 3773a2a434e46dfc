"""The whole way of a job with real processes: supervisor, engine, MLflow behind the gate. And what may break."""

from __future__ import annotations

import json
import os
import signal

import pytest

from collab.agreements.services import terminate_version
from registry.tracking import job_token
from tests.cast import Joint, token_for
from tests.training.runner.tiny import tiny_spec
from tests.warm import let_go, wait_until_warm
from training.engine.contract import Forked
from training.jobs.models import Job
from training.jobs.services import resume_job, stop_job, submit_job
from training.runner import dispatch as dispatching
from training.runner import pool

pytestmark = [pytest.mark.services, pytest.mark.slow]

# Steps of a job that is interrupted and then ends: several seconds, also on a fast machine, so that it cannot be over
# before.
LONG = 3000
# Steps of a job that nobody waits for to end.
ENDLESS = 100_000


@pytest.fixture
def covered(aurora: Joint) -> Joint:
    aurora.cover(reference="DUA-1")
    return aurora


def submit(joint: Joint, *, steps: int, name: str = "Tiny") -> Job:
    version = joint.dataset(name=f"Letters for {name}").latest()
    return submit_job(project=joint.project, name=name, spec=tiny_spec(version, steps=steps), by=joint.engineer)


def client_for(joint: Joint, machine, monkeypatch):
    """The stock MLflow client, as a partner sets it up."""
    import mlflow

    uri = f"{machine.env['TANDEM_TRACKING_URL']}/mlflow/{joint.project.slug}"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token_for(joint.engineer))
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


def weights_sha256(job: Job) -> str:
    return job.model_version.manifest["files"]["model.safetensors"]["sha256"]


def losses_of(job: Job, client) -> list[tuple[int, float]]:
    return [(m.step, m.value) for m in client.get_metric_history(job.mlflow_run_id, "train/loss")]


_whole: list[tuple[str, list[tuple[int, float]]]] = []


def whole_run(joint: Joint, machine, client) -> tuple[str, list[tuple[int, float]]]:
    """Weights and curve of the long job when nothing interrupts it; trained once, whichever test asks first."""
    if not _whole:
        job = submit(joint, steps=LONG, name="Whole")
        machine.dispatch()
        machine.wait_for(job, "done", "failed")
        assert job.state == "done", machine.said(job)
        _whole.append((weights_sha256(job), losses_of(job, client)))
    return _whole[0]


@pytest.mark.parametrize("start", ["cold", "warm"])
def test_a_submitted_job_becomes_a_registered_version_with_lineage(start, covered, machine, monkeypatch):
    """Also with both processes forked from pools, the worker having ended in the middle."""
    if start == "warm":
        assert pool.SUPERVISOR.keep()
        wait_until_warm(pool.SUPERVISOR)
    else:
        pool.ENGINE.address().unlink()
    job = submit(covered, steps=40)

    assert machine.dispatch() == 1
    supervisor = machine.supervisor()
    assert isinstance(supervisor, Forked) == (start == "warm")
    let_go(pool.SUPERVISOR)
    machine.wait_for(job, "done", "failed")

    assert (job.state, job.reason) == ("done", ""), machine.said(job)
    version = job.model_version
    assert [v.pk for v in version.dataset_versions.all()] == [job.dataset_version_id]
    assert [str(t) for t in version.terms.all()] == ["DUA-1 v1"]
    assert version.primary_value == version.metrics.get(name=version.primary_metric).value
    assert {"model.safetensors", "config.json", "README.md"} <= set(version.manifest["files"])
    client = client_for(covered, machine, monkeypatch)
    run = client.get_run(job.mlflow_run_id)
    assert run.info.status == "FINISHED"
    steps = [m.step for m in client.get_metric_history(job.mlflow_run_id, "train/loss")]
    assert steps == sorted(set(steps)) and steps[-1] == 40
    assert run.inputs.dataset_inputs[0].dataset.digest == job.dataset_version.sha256[:32]
    assert client.get_logged_model(version.mlflow_model_id).status == "READY"
    attempt = job.attempts.get()
    assert attempt.exit_code == 0 and attempt.peak_rss_bytes > 50_000_000


def test_a_job_goes_on_from_a_registered_version(covered, machine):
    """The first is the best of a search, so that its net is another than its spec says."""
    spec = tiny_spec(covered.dataset().latest(), steps=20)
    spec["search"] = {"kind": "grid", "space": {"train.lr": "0.00001, 0.003", "model.width": "48"}}
    first = submit_job(project=covered.project, name="First", spec=spec, by=covered.engineer)
    machine.dispatch()
    machine.wait_for(first, "done", "failed")
    assert (first.state, first.progress["search"]["trial"]) == ("done", 1 + 1), machine.said(first)
    start = first.model_version
    assert "search.json" in start.manifest["files"]
    version = covered.dataset(name="More letters").latest()
    spec = tiny_spec(version, steps=5)
    spec["model"] |= {"start": str(start.pk), "width": 48}
    job = submit_job(project=covered.project, name="Second", spec=spec, by=covered.engineer)
    machine.dispatch()
    machine.wait_for(job, "done", "failed")

    assert (job.state, job.reason) == ("done", ""), machine.said(job)
    made = job.model_version
    assert made.started_from == start
    assert {v.pk for v in made.dataset_versions.all()} == {first.dataset_version_id, version.pk}
    files = [row.manifest["files"]["tokenizer.json"]["sha256"] for row in (start, made)]
    assert files[0] == files[1]
    assert f"Trained from model version {start.pk} (manifest {start.manifest_sha256})" in made.card


def test_a_supervisor_killed_in_the_middle_loses_nothing(covered, machine, monkeypatch):
    client = client_for(covered, machine, monkeypatch)
    weights, losses = whole_run(covered, machine, client)
    broken = submit(covered, steps=LONG, name="Broken")
    machine.dispatch()
    machine.wait_for_step(broken, 60)

    machine.supervisor().kill()
    machine.supervisor().wait()
    machine.wait_for_lease_to_run_out(broken)
    assert dispatching.recover() == 1
    Job.objects.filter(pk=broken.pk).update(not_before=None)
    machine.dispatch()
    machine.wait_for(broken, "done", "failed")

    assert broken.state == "done", machine.said(broken)
    assert broken.attempts.count() == 2
    assert weights_sha256(broken) == weights
    assert losses_of(broken, client) == losses


def test_stopping_keeps_the_work_and_resuming_ends_with_the_same_net(covered, machine, monkeypatch):
    weights, _losses = whole_run(covered, machine, client_for(covered, machine, monkeypatch))
    job = submit(covered, steps=LONG, name="Stopped")
    machine.dispatch()
    machine.wait_for_step(job, 60)

    stop_job(job=job, by=covered.engineer)
    machine.wait_for(job, "stopped", "done", "failed")
    assert (job.state, job.reason) == ("stopped", "stopped_by_person"), machine.said(job)
    assert job.checkpoint_step is not None and job.checkpoint_step >= 60
    resume_job(job=job, by=covered.researcher)
    machine.dispatch()
    machine.wait_for(job, "done", "failed")

    assert weights_sha256(job) == weights


def test_an_agreement_that_ends_pauses_the_job_and_names_it(covered, machine):
    job = submit(covered, steps=ENDLESS)
    machine.dispatch()
    machine.wait_for_step(job, 10)

    terminate_version(version=covered.agreements[0], by=covered.lead)
    machine.wait_for(job, "paused", "done", "failed", timeout_s=60)

    assert (job.state, job.reason) == ("paused", "access_lost")
    assert "DUA-1" in job.reason_detail


def test_ending_at_once_leaves_no_engine(covered, machine):
    job = submit(covered, steps=ENDLESS)
    machine.dispatch()
    machine.wait_for_step(job, 10)
    engine = job.attempts.get().engine_pid

    stop_job(job=job, by=covered.engineer, kill=True)
    machine.wait_for(job, "stopped", "failed", timeout_s=30)

    assert job.reason == "killed_by_person"
    with pytest.raises(ProcessLookupError):
        os.kill(engine, 0)


def test_a_frozen_supervisor_is_overtaken_and_writes_nothing_more(covered, machine):
    job = submit(covered, steps=ENDLESS)  # its engine goes on while the supervisor is frozen
    machine.dispatch()
    machine.wait_for_step(job, 20)
    frozen = machine.supervisor()
    os.kill(frozen.pid, signal.SIGSTOP)
    machine.wait_for_lease_to_run_out(job)
    old = job_token.issue(job_id=str(job.pk), project=covered.project.slug, fence=job.fence)

    dispatching.recover()
    Job.objects.filter(pk=job.pk).update(not_before=None)
    machine.dispatch()
    machine.wait_for(job, "running")
    os.kill(frozen.pid, signal.SIGCONT)
    frozen.wait(60)
    job.refresh_from_db()

    assert job.fence == 2 and job.state == "running"
    assert job.attempts.get(fence=1).reason == "lost"
    assert _gate_status(machine, covered, old) in {401, 403, 404, 409}
    stop_job(job=job, by=covered.engineer, kill=True)
    machine.wait_for(job, "stopped")


def _gate_status(machine, joint: Joint, token: str) -> int:
    import requests

    answer = requests.post(
        f"{machine.env['TANDEM_TRACKING_URL']}/mlflow/{joint.project.slug}/api/2.0/mlflow/experiments/search",
        data=json.dumps({"max_results": 1}),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        timeout=10,
    )
    return answer.status_code


def test_an_engine_that_dies_three_times_is_not_tried_again(covered, machine):
    job = submit(covered, steps=ENDLESS)
    spec = job.spec
    spec["keep"]["checkpoint_every_s"] = 3600.0  # no checkpoint between the deaths
    Job.objects.filter(pk=job.pk).update(spec=spec)
    for attempt in (1, 2, 3):
        Job.objects.filter(pk=job.pk).update(not_before=None)
        assert machine.dispatch() == 1
        machine.wait_for(job, "running")
        engine = job.attempts.get(number=attempt).engine_pid
        os.killpg(engine, signal.SIGKILL)
        machine.wait_for(job, "queued", "failed", "stopped")

    assert (job.state, job.reason) == ("failed", "crash_loop")
    assert machine.dispatch() == 0


def test_a_job_whose_pool_is_gone_waits_to_go_on(covered, machine):
    pool.ENGINE.address().unlink()
    pool.ENGINE.keep()
    wait_until_warm(pool.ENGINE)
    job = submit(covered, steps=ENDLESS)
    machine.dispatch()
    machine.wait_for_step(job, 10)

    pool.ENGINE._started[0].kill()
    machine.wait_for(job, "queued", "failed", "stopped")
    let_go(pool.ENGINE)

    assert (job.state, job.attempts.get().reason) == ("queued", "lost"), machine.said(job)


def test_tracking_that_is_away_delays_only_the_registration(covered, machine, monkeypatch):
    job = submit(covered, steps=60)
    machine.tracking.stop()
    machine.dispatch()
    machine.wait_for_step(job, 60)
    assert job.state == "running"

    machine.tracking.start()
    machine.wait_for(job, "done", "failed", timeout_s=180)

    assert job.state == "done", machine.said(job)
    client = client_for(covered, machine, monkeypatch)
    assert [m.step for m in client.get_metric_history(job.mlflow_run_id, "train/loss")][-1] == 60
