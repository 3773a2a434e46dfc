"""Processes that torchrun or Slurm started, on one machine or several, as a team: they meet over torch.distributed.

Process 0 leads: it alone prepares, judges what to do, saves and writes the package; the others follow its orders.
"""

import contextlib
import datetime
import signal
from collections.abc import Callable

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from training.engine.errors import DismissedError
from training.engine.team import Team

PATIENCE = datetime.timedelta(hours=24)  # the others wait while the first prepares the data


class Wire(Team):
    """The processes of torchrun. Nothing is shared in memory: each has all weights, and gradients are summed."""

    wired = True

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        if not dist.is_initialized():
            backend = "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"
            dist.init_process_group(backend, timeout=PATIENCE)
        self.ranks, self.rank = dist.get_world_size(), dist.get_rank()
        self._leaving: Tensor | None = None

    def zeros(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor of this process."""
        return torch.zeros(*shape, dtype=dtype)

    def split(self, work: Callable[[], None]) -> None:
        """The first goes on; the others do `work` and then raise DismissedError."""
        if self.rank:
            # Signals go to every process; the first alone decides what they mean.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            work()
            raise DismissedError

    def tell(self, orders: Tensor) -> None:
        """Give the orders of the first to all, or hear them."""
        dist.broadcast(orders, 0)
        self._leaving = torch.full_like(orders, -1)

    def share(self, tensor: Tensor) -> None:
        """Give what the first has to all."""
        if tensor.numel():
            dist.broadcast(tensor, 0)

    def sum(self, tensor: Tensor) -> None:
        """Add up what all have."""
        dist.all_reduce(tensor)

    def meet(self) -> None:
        """Wait for all."""
        dist.barrier()

    def gather(self, array: np.ndarray) -> list[np.ndarray]:
        """The float64 arrays (rows, columns) of all, at the first; the others get nothing."""
        size = torch.tensor(array.shape)
        sizes = [torch.zeros_like(size) for _ in range(self.ranks)]
        dist.all_gather(sizes, size)
        most = max(int(rows) * int(columns) for rows, columns in sizes)
        own = torch.zeros(most, dtype=torch.float64)
        own[: array.size] = torch.from_numpy(np.ascontiguousarray(array, np.float64)).flatten()
        found = [torch.zeros_like(own) for _ in range(self.ranks)]
        dist.all_gather(found, own)
        if self.rank:
            return []
        shapes = [(int(rows), int(columns)) for rows, columns in sizes]
        return [one.numpy()[: r * c].reshape(r, c) for one, (r, c) in zip(found, shapes, strict=True)]

    def make_room(self, rows: int, columns: int) -> None:
        """Nothing: what is handed around is sent."""

    def spread(self, rows: Tensor, counts: list[int]) -> list[Tensor]:
        """The float64 rows of all, at all of them."""
        own = torch.zeros(max(counts), rows.shape[1], dtype=torch.float64)
        own[: len(rows)] = rows
        found = [torch.zeros_like(own) for _ in counts]
        dist.all_gather(found, own)
        return [part[:count] for part, count in zip(found, counts, strict=True)]

    def dismiss(self) -> None:
        """Let the others go."""
        if self._leaving is not None and not self.rank:
            with contextlib.suppress(RuntimeError):  # they may be gone already
                dist.broadcast(self._leaving, 0)
            self._leaving = None
