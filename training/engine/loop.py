"""The training loop: forward, backward, step on one screen. Logging, judging, saving and stopping are listeners."""

import contextlib
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from training.engine.errors import Stop, StopRequestedError
from training.engine.optim import FlatAdamW, learning_rate
from training.engine.spec import Spec
from training.engine.tasks.base import Task

# Places in the statistics tensor. It stays on the device, so that no step waits for a number.
LOSS, COUNT, STREAK, BAD, DIVERGED = range(5)
MAX_STREAK = 3
DONE, STOP, LIMIT = "done", "stop", "limit"


@dataclasses.dataclass
class TrainState:
    """What changes while training and is saved with every checkpoint, beside weights and optimizer."""

    step: int = 0
    best: float | None = None
    best_step: int | None = None
    stale: int = 0
    evaluated_step: int = 0
    elapsed_s: float = 0.0
    ended_early: bool = False


class Loop:
    """Runs a task to its last step, or until a listener sets `leave`."""

    def __init__(self, *, spec: Spec, task: Task, net: nn.Module, stop: Stop, dtype: str, device: torch.device) -> None:
        self.spec, self.task, self.net, self.stop = spec, task, net, stop
        self.device, self.dtype = device, dtype
        self.optimizer = FlatAdamW(net, spec.train.weight_decay)
        self.state = TrainState()
        self.stats = torch.zeros(5, dtype=torch.float64, device=device)
        self.steps = task.steps
        self.lr = 0.0
        self.units = 0
        self.leave: str | None = None
        self._clock = time.monotonic()

    def run(self, listeners: list[Callable[["Loop"], None]], save: Callable[["Loop"], None]) -> str:
        """Train; listeners look after every step, and once before the first. Returns why it ended.

        Raises EngineError from listeners. A stop inside a listener (a long evaluation, say) saves and leaves.
        """
        self.net.train()
        while self.leave is None:
            try:
                for listener in listeners:
                    listener(self)
            except StopRequestedError:
                self.leave = STOP
            if self.leave is None:
                self.step()
            else:
                save(self)
        return self.leave

    def step(self) -> None:
        """One batch forward, backward, and into the weights."""
        batch = self.task.batch_at(self.state.step)
        with self.autocast():
            loss = self.task.loss(self.net, batch)
        loss.backward()
        self.lr = learning_rate(self.state.step, self.steps, self.spec.train)
        good = self.optimizer.step(self.lr, self.spec.train.clip, loss)
        self.state.step += 1
        self.units += self.task.units(batch)
        self._count(loss.detach(), good)

    def _count(self, loss: Tensor, good: Tensor) -> None:
        stats = self.stats
        stats[LOSS] += torch.where(good, loss, torch.zeros_like(loss))
        stats[COUNT] += good
        stats[STREAK] = (stats[STREAK] + 1) * ~good
        stats[BAD] += ~good
        gone = (stats[STREAK] >= MAX_STREAK) & (stats[DIVERGED] == 0)
        stats[DIVERGED] += gone * self.state.step

    def autocast(self) -> Any:
        """bf16 products where chosen."""
        if self.dtype == "bf16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def judging(self) -> Any:
        """The net as it is used: no dropout, no gradients."""
        self.net.eval()
        try:
            with torch.inference_mode(), self.autocast():
                yield self.net
        finally:
            self.net.train()

    def tick(self) -> float:
        """Seconds of run time over all attempts."""
        now = time.monotonic()
        self.state.elapsed_s += now - self._clock
        self._clock = now
        return self.state.elapsed_s

    def snapshot(self) -> dict[str, Any]:
        """Everything a bit-exact resume needs beside the weights: tensors and plain types only."""
        self.tick()
        cuda = torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None
        return {
            "optimizer": self.optimizer.state(),
            "state": dataclasses.asdict(self.state),
            "stats": self.stats,
            "dtype": self.dtype,
            "rng": torch.get_rng_state(),
            "cuda_rng": cuda,
        }

    def restore(self, snapshot: dict[str, Any]) -> bool:
        """Go on from a snapshot; False when it belongs to a net with other parameters."""
        if not self.optimizer.load(snapshot["optimizer"]):
            return False
        self.state = TrainState(**snapshot["state"])
        self.stats.copy_(snapshot["stats"])
        self.dtype = snapshot["dtype"]
        torch.set_rng_state(snapshot["rng"])
        if snapshot["cuda_rng"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(snapshot["cuda_rng"], self.device)
        return True
