"""Which process on which machine: a pid alone is reused, a pid with its start time and boot is not."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import psutil


def host() -> str:
    return socket.gethostname()


def boot_id() -> str:
    """Changes with every boot; empty where the system does not tell."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="ascii").strip() if path.exists() else str(int(psutil.boot_time()))


def started_at(pid: int) -> float | None:
    """When the process began, in seconds since 1970; None when there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def is_same(pid: int, started: float) -> bool:
    now = started_at(pid)
    return now is not None and abs(now - started) < 0.05


def end_group(pid: int, sign: int = signal.SIGKILL) -> bool:
    """Signal a session leader and everything in its group; False when it is gone."""
    try:
        os.killpg(pid, sign)
    except (ProcessLookupError, PermissionError):
        return False
    return True
