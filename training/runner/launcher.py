"""Starting and ending the engine on this machine. Other launchers (torchrun, Slurm) take the same four calls."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from django.conf import settings

from training.engine.contract import LOG_FILE, Forked, Request, die_with_parent
from training.runner import identity, pool

LOOK_S = 2.0  # between two measurements of memory; finding children means reading every process. At first sooner
FIRST_LOOK_S = 0.2


@dataclass
class EngineProcess:
    """A running engine: the leader of its own session."""

    process: subprocess.Popen[bytes] | Forked
    started: float
    peak_rss_bytes: int = 0
    next_look: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        return self.process.pid

    def poll(self) -> int | None:
        """Exit code, or None while it runs; measures memory on the way."""
        code = self.process.poll()
        if code is None and time.monotonic() >= self.next_look:
            now = time.monotonic()
            self.next_look = now + min(LOOK_S, max(FIRST_LOOK_S, now - self.began))
            self.peak_rss_bytes = max(self.peak_rss_bytes, _rss_bytes(self.pid))
        return code

    @property
    def lost(self) -> bool:
        """Whether it ended only because the pool that it was forked from is gone."""
        return isinstance(self.process, Forked) and self.process.lost

    def ask_to_stop(self) -> None:
        identity.end_group(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        identity.end_group(self.pid, signal.SIGKILL)
        self.process.wait()


def launch(run_dir: Path) -> EngineProcess:
    """Start `python -m training.engine run DIR`, forked from the pool if there is one; it dies with its supervisor."""
    own = {"TANDEM_PREPARED_DIR": str(Path(settings.DATA_DIR) / "prepared")}
    with (run_dir / LOG_FILE).open("ab") as log:
        request = Request(("run", str(run_dir)), str(run_dir), own)
        process = pool.ENGINE.fork(request, log.fileno(), log.fileno()) or subprocess.Popen(
            [sys.executable, "-m", "training.engine", *request.arguments],
            cwd=run_dir,
            env=pool.engine_environment() | own,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    return EngineProcess(process, identity.started_at(process.pid) or 0.0)


def _rss_bytes(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)])
    except psutil.Error:
        return 0
