"""Real Redis and RabbitMQ on free loopback ports, for the tests of the doorbell."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _listens(port: int) -> bool:
    with closing(socket.socket()) as sock:
        sock.settimeout(0.5)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not _listens(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(10)
            return
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis server; yields its broker address."""
    port, log = free_port(), folder / "redis.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _wait_for(port, process, log, 15)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        _end(process)


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """A RabbitMQ node, listening on loopback only; yields its broker address."""
    port, log = free_port(), folder / "rabbitmq.log"
    account = _account(folder)
    env = {
        "PATH": "/usr/lib/rabbitmq/bin:" + os.environ["PATH"],
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"tandem{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    (folder / "plugins").write_text("[].\n")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [shutil.which("rabbitmq-server", path=env["PATH"]) or "rabbitmq-server"],
            env=env,
            cwd=folder,
            stdout=out,
            stderr=out,
            start_new_session=True,
            **account,
        )
    try:
        _wait_for(port, process, log, 60)
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        _end(process)
        _end_epmd(env)


def _account(folder: Path) -> dict[str, object]:
    """As root the server must run as its own account, which then owns the folder."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("rabbitmq")
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, account.pw_uid, account.pw_gid)
    for parent in folder.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _end_epmd(env: dict[str, str]) -> None:
    """Erlang's port mapper outlives its node."""
    import psutil

    for process in psutil.process_iter(["name", "environ"]):
        if process.info["name"] == "epmd" and (process.info["environ"] or {}).get("HOME") == env["HOME"]:
            process.kill()
