"""Starting and ending the engine on this machine. Other launchers (torchrun, Slurm) take the same four calls."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings

from training.engine.contract import LOG_FILE
from training.runner import identity

# The engine gets no secrets: only what a Python program needs to run.
_ENV_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "TANDEM_RUN_ID")
_ENV_KEPT += ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")

LOOK_S = 2.0  # between two measurements of memory; finding children means reading every process


@dataclass
class EngineProcess:
    """A running engine: the leader of its own session."""

    process: subprocess.Popen[bytes]
    started: float
    peak_rss_bytes: int = 0
    next_look: float = 0.0

    @property
    def pid(self) -> int:
        return self.process.pid

    def poll(self) -> int | None:
        """Exit code, or None while it runs; measures memory on the way."""
        code = self.process.poll()
        if code is None and time.monotonic() >= self.next_look:
            self.next_look = time.monotonic() + LOOK_S
            self.peak_rss_bytes = max(self.peak_rss_bytes, _rss_bytes(self.pid))
        return code

    def ask_to_stop(self) -> None:
        identity.end_group(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        identity.end_group(self.pid, signal.SIGKILL)
        self.process.wait()


def launch(run_dir: Path) -> EngineProcess:
    """Start `python -m training.engine run DIR`, output to log.txt; it dies with its supervisor."""
    env = {name: os.environ[name] for name in _ENV_KEPT if name in os.environ}
    env |= {
        "PYTHONPATH": str(settings.BASE_DIR),
        "TANDEM_PREPARED_DIR": str(Path(settings.DATA_DIR) / "prepared"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    with (run_dir / LOG_FILE).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "training.engine", "run", str(run_dir)],
            cwd=run_dir,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    return EngineProcess(process, identity.started_at(process.pid) or 0.0)


def _die_with_parent() -> None:
    """Linux: the kernel ends the engine when the supervisor is gone, even by kill -9."""
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _rss_bytes(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)])
    except psutil.Error:
        return 0
