"""The engine as a capped child: no network, no secret, bounded in time, memory and what it writes.

Web and worker never load torch, nor open an image: only such a child does, and it dies with whoever started it.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from training.engine.contract import Limits, Request, confine
from training.runner import identity, pool

__all__ = ["Ended", "Limits", "run_engine"]
_ENV_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
_CALM = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class Ended:
    """How the child ended, and what it said."""

    code: int
    out: bytes
    errors: str


def run_engine(*arguments: str, folder: Path, limits: Limits) -> Ended:
    """`python -m training.engine ARGUMENTS` in a folder of its own, warm where it can be. Raises TimeoutError."""
    until = time.monotonic() + limits.wall_s
    own = _CALM | _own_places(folder)
    (out, out_end), (errors, errors_end) = os.pipe(), os.pipe()
    with os.fdopen(out, "rb", 0) as out_file, os.fdopen(errors, "rb", 0) as errors_file:
        try:
            request = Request(arguments, str(folder), own, threads=1, limits=limits)
            process = pool.ENGINE.fork(request, out_end, errors_end) or subprocess.Popen(
                [sys.executable, "-P", "-s", "-m", "training.engine", *arguments],
                cwd=folder,
                env=_environment() | own,
                stdin=subprocess.DEVNULL,
                stdout=out_end,
                stderr=errors_end,
                start_new_session=True,
                preexec_fn=lambda: confine(limits),
            )
        finally:
            os.close(out_end)
            os.close(errors_end)
        try:
            said, complained = _read_both(out_file.fileno(), errors_file.fileno(), until)
            code = process.wait(max(0.0, until - time.monotonic()))
        except BaseException as fault:  # also the worker's own time limit: whatever it was, no child is left behind
            identity.end_group(process.pid)
            process.wait()
            if isinstance(fault, subprocess.TimeoutExpired):
                raise TimeoutError from None
            raise
    return Ended(code, said, complained.decode("utf-8", "replace"))


def _read_both(out: int, errors: int, until: float) -> tuple[bytes, bytes]:
    """All that comes through two pipes. Raises TimeoutError."""
    read = {out: bytearray(), errors: bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in read:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            left_s = until - time.monotonic()
            ready = selector.select(left_s) if left_s > 0 else []  # though there be more: it may never stop talking
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                piece = os.read(key.fd, 1 << 16)
                read[key.fd] += piece
                if not piece:
                    selector.unregister(key.fd)
    return bytes(read[out]), bytes(read[errors])


def _own_places(folder: Path) -> dict[str, str]:
    """Where it may put what nobody keeps. Without the second one torch tries to write a file when it is imported."""
    return {"TMPDIR": str(folder), "TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled")}


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENV_KEPT if name in os.environ}
    return kept | {"PYTHONPATH": str(settings.BASE_DIR), "PYTHONDONTWRITEBYTECODE": "1"}
