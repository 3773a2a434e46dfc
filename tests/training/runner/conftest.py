"""A whole machine side for tests: the tracking process on a free port, and children that share the test's database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings as django_settings
from django.db import connection

from registry.tracking.setup import upgrade_store
from training.jobs.models import Job
from training.runner import dispatch as dispatching


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Tracking:
    """The tracking process with its own store; may be stopped and started again."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        url = self.env["TANDEM_TRACKING_URL"]
        options = ["-b", url.removeprefix("http://"), "-k", "gthread", "--threads", "4", "--graceful-timeout", "1"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "config.wsgi_tracking:application", *options, "--no-control-socket"],
            cwd=django_settings.BASE_DIR,
            env=os.environ | self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _until(lambda: _answers(f"{url}/health/live"), 90, "the tracking process")

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


@pytest.fixture(scope="session")
def tracking(django_db_setup, tmp_path_factory) -> Iterator[Tracking]:
    """One tracking process for all tests here; `env` is what our children need to find it and the test's database."""
    folder = tmp_path_factory.mktemp("tracking")
    env = {
        "TANDEM_TRACKING_URL": f"http://127.0.0.1:{free_port()}",
        "TANDEM_TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "MLFLOW_STORE_URI": f"sqlite:///{folder / 'mlflow.sqlite3'}",
        "MLFLOW_ARTIFACTS": str(folder / "artifacts"),
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "TANDEM_LEASE_S": "4",
    }
    upgrade_store(store=env["MLFLOW_STORE_URI"])
    process = Tracking(env)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def machine(request, transactional_db, tracking, settings, tmp_path, monkeypatch) -> Iterator[Machine]:
    """Settings, folders and a live tracking process for one test; what the test started is ended afterwards."""
    env = tracking.env | {"TANDEM_DATA_DIR": str(tmp_path)}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings.DATA_DIR = tmp_path
    settings.BLOB_DIR, settings.RUN_DIR = tmp_path / "blobs", tmp_path / "runs"
    settings.TRACKING_URL = env["TANDEM_TRACKING_URL"]
    settings.LEASE_S = int(env["TANDEM_LEASE_S"])
    settings.TRAINING_CPUS = 8
    if tracking.process is None:
        tracking.start()
    request.getfixturevalue("warm_engine")  # in the folder of this test
    box = Machine(tracking)
    yield box
    box.shut_down()


class Machine:
    """Starts and ends the processes a test needs."""

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking
        self.env = tracking.env

    def dispatch(self) -> int:
        return dispatching.dispatch()

    def supervisor(self) -> subprocess.Popen[bytes]:
        return dispatching._children[-1]

    def wait_for(self, job: Job, *states: str, timeout_s: float = 120) -> Job:
        """Until the job is in one of the states; a failure shows what the processes wrote."""

        def reached() -> bool:
            job.refresh_from_db()
            return job.state in states

        _until(reached, timeout_s, f"{states}", lambda: self.said(job))
        return job

    def wait_for_step(self, job: Job, step: int, timeout_s: float = 120) -> Job:
        """Until the engine has done that many steps."""

        def reached() -> bool:
            job.refresh_from_db()
            return (job.progress.get("step") or 0) >= step

        _until(reached, timeout_s, f"step {step}", lambda: self.said(job))
        return job

    def wait_for_lease_to_run_out(self, job: Job) -> None:
        _until(lambda: Job.objects.filter(pk=job.pk).abandoned(_now()).exists(), 30, "the lease to run out")

    def said(self, job: Job) -> str:
        folder = dispatching.run_dir(job.pk)
        job.refresh_from_db()
        texts = [f"{job.state} {job.reason} {job.reason_detail} {job.progress}"]
        for name in ("supervisor.log", "log.txt"):
            path = folder / name
            texts.append(f"--- {name}\n{path.read_text()[-4000:] if path.exists() else '(none)'}")
        return "\n".join(texts)

    def shut_down(self) -> None:
        for child in dispatching._children:
            if child.poll() is None:
                child.terminate()
        for child in dispatching._children:
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
        dispatching._children.clear()


def _now():
    from collab.kernel.clock import db_now

    return db_now()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _until(true: Callable[[], bool], timeout_s: float, what: str, said: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s} s for {what}\n{said()}")
        time.sleep(0.1)
