"""`inspect`: look at an uploaded file in a capped child process. The rest of the system calls only this.

The calling process opens the file and reads the child's answer; it parses nothing and loads no image library. Whatever
happens to the child, the caller gets a Report.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .contract import KINDS, MAX_REPORT_BYTES, Limits, Refusal, Report

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[3]
_GRACE_S = 5.0  # to exit once the answer is given
_LAST_WORDS = 4_096  # kept of what a dying child prints, for the log

Progress = Callable[[int, int], None]
"""Called with bytes read and bytes in all, a few times a second."""


def inspect(
    path: str | os.PathLike[str],
    *,
    name: str,
    limits: Limits | None = None,
    kind: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """What the file at `path` is and holds, or why it is refused.

    `name` is what the uploader calls it; content decides, the name only chooses between readings the content allows.
    `kind` (text, csv, jsonl, parquet, images, audio) is what the uploader says it is, when they say. Takes up to
    `limits.wall_s` seconds; never raises for what is in the file. Raises ValueError for an unknown `kind`.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    limits = limits or Limits()
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        log.exception("an uploaded file cannot be opened")
        return _refused("unreadable")
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return _refused("unreadable")
        if status.st_size == 0:
            return _refused("empty")
        if status.st_size > limits.max_bytes:
            return _refused("too_big", size_bytes=status.st_size, limit_bytes=limits.max_bytes)
        child = _Child(handle, name=name, kind=kind, limits=limits)
        tell = (lambda done: progress(done, status.st_size)) if progress else None
        return child.report(tell)
    finally:
        os.close(handle)


def _refused(code: str, **params: int) -> Report:
    return Report(ok=False, refusal=Refusal(code, dict(params)))


class _Child:
    """One child process, from start to its last line. Its group is killed in the end whatever happened."""

    def __init__(self, handle: int, *, name: str, kind: str | None, limits: Limits) -> None:
        self.limits = limits
        self.started = time.monotonic()
        self.out = b""
        self.errors = b""
        self.answer: Report | None = None
        self.late = False
        self.order = {
            "fd": handle,
            "parent": os.getpid(),
            "name": _printable(name),
            "kind": kind,
            "limits": limits.to_dict(),
        }
        self.process = subprocess.Popen(
            # -P: never import from the current folder; -s: nor from the user's packages.
            [sys.executable, "-P", "-s", "-m", "registry.datasets.ingest"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(handle,),
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )

    def report(self, tell: Callable[[int], None] | None) -> Report:
        closed = False
        try:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(json.dumps(self.order).encode())  # type: ignore[union-attr]
                self.process.stdin.close()  # type: ignore[union-attr]
            closed = self._listen(tell)
        finally:
            code, peak = self._end(kill=not closed)
        seconds = round(time.monotonic() - self.started, 3)
        found = self.answer or self._obituary(code)
        return replace(found, peak_rss_bytes=found.peak_rss_bytes or peak, seconds=seconds)

    def _listen(self, tell: Callable[[int], None] | None) -> bool:
        """Read until the child closes its ends (True), the time is over, or it says what our child never says."""
        deadline = self.started + self.limits.wall_s
        said = 0
        with selectors.DefaultSelector() as ears:
            for pipe in (self.process.stdout, self.process.stderr):
                ears.register(pipe, selectors.EVENT_READ)  # type: ignore[arg-type]
            while ears.get_map():
                left = deadline - time.monotonic()
                if left <= 0:
                    self.late, self.answer = True, None
                    return False
                for key, _ in ears.select(left):
                    block = os.read(key.fd, 65_536)
                    if not block:
                        ears.unregister(key.fileobj)
                    elif key.fileobj is self.process.stderr:
                        self.errors = (self.errors + block)[-_LAST_WORDS:]
                    else:
                        said += len(block)
                        if said > MAX_REPORT_BYTES or not self._hear(block, tell):
                            self.answer = None
                            return False
        return True

    def _hear(self, block: bytes, tell: Callable[[int], None] | None) -> bool:
        """Take in a block of output; false when it is not what our child says."""
        *lines, self.out = (self.out + block).split(b"\n")
        for line in lines:
            try:
                said = json.loads(line)
                if self.answer is not None or not isinstance(said, dict):
                    return False
                if isinstance(said.get("progress"), int):
                    if tell:
                        tell(said["progress"])
                else:
                    self.answer = Report.from_dict(said.get("report"))
            except (ValueError, RecursionError):
                return False
        return True

    def _end(self, *, kill: bool) -> tuple[int | None, int]:
        """Wait for the child, or kill its group; its exit code (None when unknown) and peak memory in bytes.

        The group is only ever killed before its leader is collected: afterwards the number may be someone else's.
        """
        deadline = time.monotonic() + _GRACE_S
        pid, status, usage = 0, None, None
        try:
            while not pid:
                if kill or time.monotonic() >= deadline:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(self.process.pid, signal.SIGKILL)
                    pid, status, usage = os.wait4(self.process.pid, 0)
                else:
                    pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
                    if not pid:
                        time.sleep(0.002)
        except ChildProcessError:
            log.warning("the parsing child was collected by someone else")
            usage = None
        code = os.waitstatus_to_exitcode(status) if usage is not None and status is not None else None
        self.process.returncode = code if code is not None else 0
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) if usage is not None else 0
        return code, peak

    def _obituary(self, code: int | None) -> Report:
        """Why there is no answer, as a refusal."""
        if self.late or code == -signal.SIGXCPU:
            limit = self.limits.wall_s if self.late else self.limits.cpu_s
            return _refused("too_slow", limit_s=int(limit) if limit >= 1 else 1)
        if b"MemoryError" in self.errors:
            return _refused("too_much_memory", limit_bytes=self.limits.memory_bytes)
        log.error("the parsing child ended with %s and no answer: %s", code, self.errors.decode("utf-8", "replace"))
        return _refused("parser_died")


def _environment() -> dict[str, str]:
    """Nothing of ours, so no secret either; only what the interpreter itself needs to start."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {**kept, "PATH": os.defpath, "PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}


def _printable(name: str) -> str:
    """A name without surrogates, and only its end, where the ending is."""
    return name[-300:].encode("utf-8", "replace").decode()
