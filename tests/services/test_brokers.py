"""The doorbell rings through every broker, and losing the broker loses nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import psutil
import pytest
from django.conf import settings as django_settings
from django.db import connection

from tests.services import brokers
from tests.training.runner.test_main_path import tiny_spec
from training.jobs.models import Job
from training.jobs.services import submit_job

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

NEEDS = {"redis": ("redis-server", "redis-server"), "rabbitmq": ("rabbitmq-server", "rabbitmq-server")}


@contextmanager
def broker(kind: str, folder):
    if kind == "filesystem":
        yield "filesystem://"
        return
    program, package = NEEDS[kind]
    if shutil.which(program, path="/usr/sbin:/usr/lib/rabbitmq/bin:" + os.environ["PATH"]) is None:
        pytest.skip(f"{program} is not installed; get it with: apt-get install {package}")
    with getattr(brokers, kind)(folder) as url:
        yield url


@contextmanager
def worker(url: str, data, *, sweep: bool):
    """A Celery worker as in production; without beat only the bell can wake it."""
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.services.worker_settings",
        "TANDEM_TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "TANDEM_DATA_DIR": str(data),
        "TANDEM_TEST_BROKER": url,
    }
    log = data / "worker.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config", "worker", "-P", "threads", "-c", "2"]
            + (["-B"] if sweep else []),
            cwd=django_settings.BASE_DIR,
            env=env,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        until((data / "worker.ready").exists, 60, lambda: log.read_text(errors="replace"))
        yield process
    finally:
        started = psutil.Process(process.pid).children(recursive=True)  # supervisors outlive their worker by design
        process.terminate()
        process.wait(30)
        for child in started:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(started, 10)


def until(true, timeout_s: float, said=lambda: "") -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, said()[-3000:]
        time.sleep(0.1)


@contextmanager
def ringing_through(url: str, data, settings):
    """This process sends through the same broker."""
    from config.celery import app
    from training.runner.housekeeping import ensure_queue_folders

    before = app.conf.broker_url, app.conf.broker_transport_options
    if url.startswith("filesystem"):
        queue = {"data_folder_in": data / "queue/q", "data_folder_out": data / "queue/q"}
        queue |= {"control_folder": data / "queue/control", "processed_folder": data / "queue/processed"}
        options = {key: str(path) for key, path in queue.items()} | {"store_processed": True, "polling_interval": 0.1}
        settings.CELERY_BROKER_TRANSPORT_OPTIONS = options
        ensure_queue_folders()
    else:
        options = {}
    app.conf.broker_url, app.conf.broker_transport_options = url, options
    app.set_default()
    app.pool.force_close_all()
    app._pool = None
    app.amqp._producer_pool = None
    try:
        yield
    finally:
        app.conf.broker_url, app.conf.broker_transport_options = before
        app._pool = None
        app.amqp._producer_pool = None


def submit(joint) -> Job:
    joint.cover(reference="DUA-1")
    version = joint.dataset().latest()
    return submit_job(project=joint.project, name="Bell", spec=tiny_spec(version, steps=5), by=joint.engineer)


def is_claimed(job: Job) -> bool:
    job.refresh_from_db()
    return job.fence > 0


@pytest.mark.parametrize("kind", ["filesystem", "redis", "rabbitmq"])
def test_the_bell_wakes_the_worker(kind, aurora, tmp_path_factory, settings):
    data = tmp_path_factory.mktemp("data")
    with broker(kind, tmp_path_factory.mktemp(kind)) as url, worker(url, data, sweep=False):
        with ringing_through(url, data, settings):
            job = submit(aurora)
        until(lambda: is_claimed(job), 30, (data / "worker.log").read_text)


def test_a_lost_bell_only_delays(aurora, tmp_path_factory, settings):
    data = tmp_path_factory.mktemp("data")
    job = submit(aurora)  # nobody listens: the test's own broker is this process's memory
    with worker("filesystem://", data, sweep=True):
        until(lambda: is_claimed(job), 30, (data / "worker.log").read_text)
