"""`python -m training.engine predict` as a capped child: no network, no secret, bounded in time, memory and answer.

Web and worker never load torch, nor open an image: only this child does, and it dies with whoever started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from training.runner import identity

log = logging.getLogger("tandem.playground")
ANSWER_MAX_BYTES = 1 << 20
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_ENV_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


class NoAnswerError(Exception):
    """Why the model did not answer: a code of states.REASONS, or `unreadable` for what its kind says."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Limits:
    wall_s: float
    memory_bytes: int


def predict(package: Path, given: Path, *, limits: Limits) -> dict[str, Any]:
    """The one answer to the one input. Raises NoAnswerError."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-s", "-m", "training.engine", "predict", str(package), str(given)],
        cwd=given.parent,
        env=_environment(),
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
            raise NoAnswerError("too_slow") from None
        raise
    if process.returncode == 0 and len(out) <= ANSWER_MAX_BYTES:
        with contextlib.suppress(ValueError):
            answer = json.loads(out)
            if isinstance(answer, dict):
                return answer
    raise NoAnswerError(_reason(process.returncode, errors.decode("utf-8", "replace")))


def _reason(code: int, errors: str) -> str:
    if code == -signal.SIGXCPU:
        return "too_slow"
    if "MemoryError" in errors or "alloc" in errors or code == -signal.SIGKILL:
        return "too_much_memory"
    if code == 1 and "This cannot be answered: " in errors:
        return "not_as_registered" if "manifest" in errors else "unreadable"
    log.error("the model's process ended with %s: %s", code, errors[-4_000:])
    return "broke"


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
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (most, most))
