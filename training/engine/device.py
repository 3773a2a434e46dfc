"""The processor a run uses: threads, device, number format, and how the process behaves beside others."""

import contextlib
import functools
import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path

import torch

from training.engine.catalogue import ARCHS
from training.engine.errors import EngineError
from training.engine.protocol import Reason
from training.engine.spec import Spec
from training.engine.team import MAX_RANKS, Team

OOM_SCORE = 600
BF16_GAIN = 1.5


def be_a_good_neighbour() -> None:
    """Private files, first in line when memory runs out, never on the network for a model or a tokenizer."""
    os.umask(0o077)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))


def choose_device(spec: Spec) -> tuple[torch.device, Team]:
    """The GPU when one is asked for, else the processors, as a team of processes; sets the threads of each.

    Raises EngineError(device_missing).
    """
    threads = min(spec.train.threads or spec.resources.cpus, os.cpu_count() or 1)
    together = ranks_started() > 1
    if spec.resources.gpus:
        if not torch.cuda.is_available():
            raise EngineError(Reason.DEVICE_MISSING, "device_missing")
        torch.set_num_threads(threads)
        torch.backends.cuda.matmul.allow_tf32 = True
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) if together else 0)
        torch.cuda.set_device(device)
        return device, _wire(device) if together else Team()
    if together:
        torch.set_num_threads(max(1, threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
        return torch.device("cpu"), _wire(torch.device("cpu"))
    ranks = min(threads, MAX_RANKS, _shares(spec)) if hasattr(os, "fork") else 1
    torch.set_num_threads(max(1, threads // ranks))
    return torch.device("cpu"), Team(ranks)


def _shares(spec: Spec) -> int:
    """Among how many processes the rows of a batch can be divided."""
    batch, micro = spec.train.batch, spec.train.micro or spec.train.batch
    least = ARCHS[spec.model.arch].least_rows(spec.shape)
    return batch if least == 1 else max(1, min(batch, micro) // least)


def ranks_started() -> int:
    """How many processes torchrun or Slurm started together; 1 without them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank_of_start() -> int:
    """Which of them this is."""
    return int(os.environ.get("RANK", "0")) if ranks_started() > 1 else 0


def _wire(device: torch.device) -> Team:
    from training.engine.wire import Wire  # torch.distributed takes its time

    return Wire(device)


def device_name(device: torch.device) -> str:
    """`cpu`, or the name of the GPU."""
    return "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device)


def choose_dtype(spec: Spec, device: torch.device) -> str:
    """fp32 or bf16. `auto` measures on a processor, because without matrix units bf16 is slower than fp32."""
    if spec.train.dtype != "auto":
        return spec.train.dtype
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if _product_time(torch.float32) > BF16_GAIN * _product_time(torch.bfloat16) else "fp32"


def seed(number: int, device: torch.device) -> None:
    """Begin the chance of processor and device anew, as torch.manual_seed does.

    That one keeps the stack of its callers for a CUDA that may come later: a hundredth of the step of a small net.
    """
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed_all(number)


def _product_time(dtype: torch.dtype) -> float:
    """Seconds of the quickest of three matrix products."""
    a = torch.ones(384, 384, dtype=dtype)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return min(times[1:])


@functools.cache
def versions() -> dict[str, str]:
    """What besides the spec shapes the numbers."""
    found = {"python": platform.python_version(), "torch": torch.__version__, "machine": platform.machine()}
    for name in ("numpy", "tokenizers", "safetensors", "transformers"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def peak_memory_bytes() -> int:
    """Largest resident size of this process so far."""
    import resource  # absent on some systems, and only the result needs it

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024
