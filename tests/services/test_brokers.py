"""The doorbell rings through every broker that the environment may name, and a lost ring loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import psutil
import pytest
from celery import Celery
from django.conf import settings as django_settings
from django.db import connection

from tests.registry.tracking.servers import free_port
from tests.services import brokers
from tests.training.runner.tiny import tiny_spec
from training.jobs.models import Job
from training.jobs.services import submit_job

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

KINDS = {"folder": lambda: nullcontext("filesystem://"), "redis": brokers.redis, "rabbitmq": brokers.rabbitmq}
WAIT_S = 120  # for a process to do what takes it a second on a machine of its own


@pytest.fixture
def data(tmp_path) -> Path:
    """The data folder of the worker; whatever runs with it is ended, supervisors too, which outlive a worker."""
    yield tmp_path
    for _again in range(20):
        left = [process for process in psutil.process_iter(["environ"]) if _works_in(process, tmp_path)]
        if not left:
            return
        for process in left:
            process.kill()
        psutil.wait_procs(left, 5)
    raise AssertionError(f"still running: {left}")


def _works_in(process: psutil.Process, folder: Path) -> bool:
    return (process.info["environ"] or {}).get("TANDEM_DATA_DIR") == str(folder)


@contextmanager
def worker(broker: str, data: Path, *, clock: bool):
    """A worker as `make run` starts it; without its clock nothing but the bell can wake it."""
    env = os.environ | {
        "CELERY_BROKER_URL": broker,
        "DJANGO_SETTINGS_MODULE": "tests.services.worker_settings",
        "TANDEM_DATA_DIR": str(data),
        "TANDEM_TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "TANDEM_TRACKING_URL": f"http://127.0.0.1:{free_port()}",  # nobody
    }
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-P", "threads", "-c", "2", "-l", "INFO"]
    command += ["--without-mingle", "--without-gossip"]
    if clock:
        command += ["-B", "-s", str(data / "schedule")]
    log = data / "worker.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=django_settings.BASE_DIR, env=env, stdout=out, stderr=out, start_new_session=True
        )
    try:
        until((data / "worker.ready").exists, log)
        yield log
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(reached, log: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    while not reached():
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-4000:]
        time.sleep(0.1)


@pytest.fixture
def bell(monkeypatch, data):
    """Let the verbs of this process ring through a broker, as the web process does."""
    with ExitStack() as closing:

        def through(broker: str) -> None:
            app = closing.enter_context(Celery("bell", broker=broker, set_as_current=False))
            if broker.startswith("filesystem"):
                folders = {"data_folder_in": "q", "data_folder_out": "q", "control_folder": "control"}
                app.conf.broker_transport_options = {
                    option: str(data / "queue" / folder) for option, folder in folders.items()
                }
            monkeypatch.setattr("collab.kernel.doorbell.current_app", app)

        yield through


def submit(joint) -> Job:
    joint.cover(reference="DUA-1")
    spec = tiny_spec(joint.dataset().latest(), steps=5)
    return submit_job(project=joint.project, name="Bell", spec=spec, by=joint.engineer)


def is_claimed(job: Job) -> bool:
    return Job.objects.filter(pk=job.pk, fence__gt=0).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_the_bell_wakes_the_worker(kind, aurora, data, bell):
    with KINDS[kind]() as broker, worker(broker, data, clock=False) as log:
        bell(broker)
        job = submit(aurora)
        until(lambda: is_claimed(job), log)


def test_a_bell_that_nobody_heard_only_delays(aurora, data):
    job = submit(aurora)  # rings in the memory of this process
    with worker("filesystem://", data, clock=True) as log:
        until(lambda: is_claimed(job), log)


def test_a_broker_that_is_away_refuses_no_job_and_is_found_again(aurora, data, bell):
    port = free_port()
    with ExitStack() as working:
        with brokers.redis(port=port) as broker:
            log = working.enter_context(worker(broker, data, clock=True))
        bell(broker)
        job = submit(aurora)
        assert not is_claimed(job)
        with brokers.redis(port=port):
            until(lambda: is_claimed(job), log)
            working.close()
