"""torch.compile of what a net learns with, where it pays back within the run.

Compiling takes a processor about a minute, and a net of a few layers gains about a tenth; so a run that is short by
its first step never asks. A long one lets a forked process try: it measures a step as it is, compiles, and measures
again. Nothing that happens
to it (no compiler, something that does not compile, an order to stop) happens to the run. What it compiled stays in
the run folder, where every member of the team finds it. The choice is kept in the checkpoints, for compiled code
rounds otherwise, and a resumed run must go on as it began.
"""

import contextlib
import json
import logging
import os
import select
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.engine.confining import die_with_parent
from training.engine.errors import Stop
from training.engine.spec import AUTO, COMPILE_GAIN, COMPILE_S, ON

FOLDER = "compiled"
COMPILERS = ("c++", "g++", "clang++")
LEAST_GAIN = 0.03
MOST_S = 900.0
POLL_S = 0.05
MEASURED = 3  # times, but of what takes long fewer
ENOUGH_S = 2.0
# What torch writes calls its kernels from C++: from Python that takes a tenth of a small step. The tangent of GELU is
# put together from an exponential, which takes half as long.
OPTIONS: dict[str, Any] = {"cpp_wrapper": True, "cpp.use_decompose_tanh": True}
log = logging.getLogger(__name__)

Learn = Callable[[Any], Tensor]


def possible() -> bool:
    """Whether there is a compiler for what torch writes, and a way to try it aside."""
    return hasattr(os, "fork") and any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), *COMPILERS))


def compiled(learn: Learn, folder: Path) -> Learn:
    """`learn` compiled at its first call, or found in the folder. One version for each form of batch."""
    # Read when torch's compiler is first imported. It must not start processes of its own.
    os.environ |= {"TORCHINDUCTOR_CACHE_DIR": str(folder / FOLDER), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    return torch.compile(learn, dynamic=False, fullgraph=True, options=OPTIONS)


def pays(learn: Learn, step: Callable[[Learn], None], *, wanted: str, steps: int, folder: Path, stop: Stop) -> bool:
    """Whether to compile for `steps` more steps. `step` does with `learn` what a step of the run does, for nothing.

    `wanted`: auto, on or off. Raises StopRequestedError.
    """
    if wanted not in (AUTO, ON) or not possible():
        return False
    # The first step takes longer than others, so what is short by it is short. Not where a pool of threads would work
    # on it, which the forked process could not use.
    if wanted == AUTO and torch.get_num_threads() == 1 and _short(steps, _seconds(learn, step)):
        return False
    began = time.monotonic()
    found = aside(lambda: _try(learn, step, wanted=wanted, steps=steps, folder=folder), stop)
    if found is None:
        log.warning("could not be compiled")
        return False
    if "compiled_s" not in found:
        return False
    before, after = found["eager_s"], found["compiled_s"]
    log.info("a step takes %.4f s, compiled %.4f s (%.0f s to find out)", before, after, time.monotonic() - began)
    return wanted == ON or after < (1 - LEAST_GAIN) * before


def _try(learn: Learn, step: Callable[[Learn], None], *, wanted: str, steps: int, folder: Path) -> dict[str, float]:
    eager_s = _quickest(learn, step)
    if wanted == AUTO and _short(steps, eager_s):
        return {"eager_s": eager_s}
    after = compiled(learn, folder)
    step(after)
    return {"eager_s": eager_s, "compiled_s": _quickest(after, step)}


def _short(steps: int, step_s: float) -> bool:
    return steps * step_s * COMPILE_GAIN < COMPILE_S


def _seconds(learn: Learn, step: Callable[[Learn], None]) -> float:
    began = time.perf_counter()
    step(learn)
    return time.perf_counter() - began


def _quickest(learn: Learn, step: Callable[[Learn], None]) -> float:
    times: list[float] = []
    while len(times) < MEASURED and sum(times) < ENOUGH_S:
        times.append(_seconds(learn, step))
    return min(times)


def aside(work: Callable[[], dict[str, float]], stop: Stop) -> dict[str, float] | None:
    """What `work` finds in a process of its own; None when it did not come back. Raises StopRequestedError."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setpgid(0, 0)  # with the compilers that it starts
            die_with_parent()  # a killed run leaves nothing behind
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.write(writer, json.dumps(work()).encode())
            code = 0
        except Exception:  # whatever it was: traced in the log, and the run goes on without
            log.exception("compiling")
        finally:
            os._exit(code)
    os.close(writer)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    try:
        until = time.monotonic() + MOST_S
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            stop.check()
            if time.monotonic() > until:
                return None
            select.select([reader], [], [], POLL_S)  # it tells, or ends, and the run goes on at once
        pid = 0
        text = os.read(reader, 1 << 16)
        return json.loads(text) if text else None
    finally:
        os.close(reader)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
