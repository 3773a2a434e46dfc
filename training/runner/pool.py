"""What a worker keeps warm: a process with torch loaded that engines are forked from, one with Django for supervisors.

Where there is none, or it has loaded code that was replaced since, either starts as a process of its own, as it always
can: the pools make things sooner, never possible.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from training.engine.contract import Forked, NoPoolError, Request, answers, ask, engine_stamp, stamp
from training.runner import identity

# The engine gets no secrets: only what a Python program needs to run.
ENV_KEPT: tuple[str, ...] = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
ENV_KEPT += ("TANDEM_RUN_ID", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
AGAIN_S = 60.0  # between two tries to start one: loading takes seconds, and one that cannot load fails each time
ROOMS = ("config", "collab", "registry", "training")
log = logging.getLogger("tandem.runner")


@dataclass
class Warm:
    """One pool of this machine: how its code is stamped, which program it is, and what its environment holds."""

    name: str
    code: Callable[[], str]
    program: Callable[[], list[str]]
    environment: Callable[[], dict[str, str]]
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _last_try: float = -AGAIN_S

    def address(self) -> Path:
        """Its socket; a data folder may be shared by several machines."""
        return Path(settings.DATA_DIR) / f"{self.name}-{identity.host()}.pool"

    def fork(self, request: Request, out: int, errors: int) -> Forked | None:
        """A child that writes to these two files, or None where no pool can give one."""
        try:
            return ask(self.address(), request, out, errors, self.code())
        except NoPoolError as fault:
            log.info("no warm %s: %s", self.name, fault)
            return None

    def keep(self) -> bool:
        """Start it unless one answers. It lives as long as this process, and then until its last child has ended."""
        self._started[:] = [pool for pool in self._started if pool.poll() is None]
        if time.monotonic() - self._last_try < AGAIN_S or answers(self.address(), self.code()):
            return False
        self._last_try = time.monotonic()
        self._started.append(
            subprocess.Popen(
                [sys.executable, *self.program(), str(self.address())],
                cwd=settings.BASE_DIR,
                env=self.environment(),
                stdin=subprocess.PIPE,  # its life: the end of this process, whatever ends it, closes it
                start_new_session=True,  # restarting Celery does not touch running training
            )
        )
        return True


def engine_environment() -> dict[str, str]:
    """What every engine gets."""
    kept = {name: os.environ[name] for name in ENV_KEPT if name in os.environ}
    return kept | {"PYTHONPATH": str(settings.BASE_DIR), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}


def _engine_program() -> list[str]:
    more = ["--transformers"] if settings.WARM_ENGINE == "transformers" else []
    return ["-P", "-s", "-m", "training.engine", "pool", *more]


def supervisor_stamp() -> str:
    return stamp(*(Path(settings.BASE_DIR) / room for room in ROOMS))


ENGINE = Warm("engine", engine_stamp, _engine_program, engine_environment)
SUPERVISOR = Warm("supervisor", supervisor_stamp, lambda: ["-m", "training.runner.warm"], lambda: dict(os.environ))


def keep_warm() -> None:
    """Start the pools that are missing, unless this machine is to do without."""
    if settings.WARM_ENGINE != "off":
        ENGINE.keep()
        SUPERVISOR.keep()
