"""Real Redis and RabbitMQ on free loopback ports, run as whoever runs the tests and ended with their test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.registry.tracking.servers import free_port

START_TIMEOUT_S = 180  # Erlang starts for half a minute when two cores are shared with a whole suite
# Debian's rabbitmq-server in the path is a wrapper that insists on one account and one place for its data.
PLACES = os.pathsep.join(["/usr/lib/rabbitmq/bin", os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])


def program(name: str, *, package: str) -> str:
    """Where it is; skips the test, naming the package, where it is not installed."""
    found = shutil.which(name, path=PLACES)
    if found is None:
        pytest.skip(f"{name} is not installed; get it with: apt-get install {package}")
    return found


@contextmanager
def server(command: list[str], *, port: int, folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process group of its own, once it listens; nothing of the group is left when the block ends."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("ab") as out:
        child = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _listens(port):
            if child.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)
        yield child
    finally:
        with suppress(subprocess.TimeoutExpired):
            child.terminate()
            child.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def redis(*, port: int | None = None) -> Iterator[str]:
    """A Redis that keeps nothing, on a free port or the given one; its broker address."""
    redis_server = program("redis-server", package="redis-server")
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="tandem-redis-") as folder:
        command = [redis_server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with server(command, port=port, folder=Path(folder), env=dict(os.environ)):
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def rabbitmq() -> Iterator[str]:
    """A RabbitMQ with its own account book, cookie and port mapper; its broker address."""
    rabbitmq_server = program("rabbitmq-server", package="rabbitmq-server")
    epmd = program("epmd", package="rabbitmq-server")
    port, mapper = free_port(), free_port()
    # Not below pytest's folders: Erlang wants a home, and short names.
    with tempfile.TemporaryDirectory(prefix="tandem-rabbitmq-") as name:
        folder = Path(name)
        (folder / "plugins").write_text("[].\n")
        for file in ("rabbitmq.conf", "rabbitmq-env.conf"):  # instead of the machine's, in /etc
            (folder / file).touch()
        env = {
            "PATH": PLACES,
            "HOME": name,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(mapper),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_NODENAME": f"tandem{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        # A port mapper that the node started itself would outlive it.
        with (
            server([epmd, "-port", str(mapper), "-address", "127.0.0.1"], port=mapper, folder=folder, env=env),
            server([rabbitmq_server], port=port, folder=folder, env=env),
        ):
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
