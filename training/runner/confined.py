"""The engine as a capped child: no network, no secret, bounded in time, memory and what it writes.

Web and worker never load torch, nor open an image: only such a child does, and it dies with whoever started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from training.runner import identity

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_ENV_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Limits:
    """`file_bytes`: the longest file it may write."""

    wall_s: float
    memory_bytes: int
    file_bytes: int = 0


@dataclass(frozen=True)
class Ended:
    """How the child ended, and what it said."""

    code: int
    out: bytes
    errors: str


def run_engine(*arguments: str, folder: Path, limits: Limits) -> Ended:
    """`python -m training.engine ARGUMENTS` in a folder of its own. Raises TimeoutError."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-s", "-m", "training.engine", *arguments],
        cwd=folder,
        env=_environment() | _own_places(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: _confine(limits),
    )
    try:
        out, errors = process.communicate(timeout=limits.wall_s)
    except BaseException as fault:  # also the worker's own time limit: whatever it was, no child is left behind
        identity.end_group(process.pid)
        process.communicate()
        if isinstance(fault, subprocess.TimeoutExpired):
            raise TimeoutError from None
        raise
    return Ended(process.returncode, out, errors.decode("utf-8", "replace"))


def _own_places(folder: Path) -> dict[str, str]:
    """Where it may put what nobody keeps. Without the second one torch tries to write a file when it is imported."""
    return {"TMPDIR": str(folder), "TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled")}


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENV_KEPT if name in os.environ}
    calm = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    return kept | calm | {"PYTHONPATH": str(settings.BASE_DIR), "PYTHONDONTWRITEBYTECODE": "1"}


def _confine(limits: Limits) -> None:
    """In the child, before Python starts: each measure on its own, so a platform that lacks one has the others."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    seconds = int(limits.wall_s) + 1
    for which, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (most, most))
