"""The training loop: forward, backward, step on one screen. Logging, judging, saving and stopping are listeners."""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import compiling, ordering
from training.engine.catalogue import TASKS
from training.engine.device import seed
from training.engine.errors import Stop, StopRequestedError
from training.engine.gathering import Gathered
from training.engine.optim import FlatOptimizer, learning_rate
from training.engine.spec import COMPILED, Spec
from training.engine.tasks.base import PARTS, Judged, Task
from training.engine.team import Team

# Places in the statistics tensor. It stays on the device, so that no step waits for a number.
LOSS, COUNT, STREAK, BAD, DIVERGED = range(5)
MAX_STREAK = 3
DONE, STOP, LIMIT, REACHED = "done", "stop", "limit", "reached"
STEP, JUDGE, GATHER, LEND = range(4)
LEAVE = -1


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

    def __init__(
        self,
        *,
        spec: Spec,
        task: Task,
        net: nn.Module,
        stop: Stop,
        dtype: str,
        device: torch.device,
        team: Team | None = None,
    ) -> None:
        self.spec, self.task, self.net, self.stop = spec, task, net, stop
        self.device, self.dtype, self.team = device, dtype, team or Team()
        train = spec.train
        self.micro = train.micro  # a run that runs out of memory halves it
        self.sharded = False
        self.optimizer: Any = FlatOptimizer(
            net,
            train.weight_decay,
            self.team,
            kind=train.optimizer,
            momentum=train.momentum,
            ema_decay=train.ema_decay,
        )
        self.state = TrainState()
        # A run from when such batches could be cut goes on as it began: each piece by itself.
        whole = task.contrasted and self.team.ranks > 1 and train.micro is None
        task.gathered = Gathered(self.team, train.batch, task.contrasted) if whole else None
        self.orders = self.team.zeros(3, dtype=torch.int64)
        self._buffers = self.team.zeros(sum(b.numel() for b in net.buffers()), dtype=torch.float64)
        self.stats = torch.zeros(5, dtype=torch.float64, device=device)
        self.steps = task.steps
        self.learn: compiling.Learn = functools.partial(task.loss, net)
        self.compiled = False
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
                self.orders[0] = STEP
                self.team.tell(self.orders)
                self.step()
            else:
                save(self)
        return self.leave

    def compile(self, folder: Path) -> None:
        """Learn with compiled code where it pays back, or where the run did before; `folder` keeps what is compiled.

        To be called before `split`, so that all members do the same. Raises StopRequestedError.
        """
        if not self.state.step:
            self.compiled = self._compiling_pays(folder)
        if self.compiled:
            self.learn = compiling.compiled(self.learn, folder)

    def _compiling_pays(self, folder: Path) -> bool:
        spec, here = self.spec, self.device.type == "cpu" and not self.team.wired
        if not (TASKS[spec.task].packed and spec.model.arch in COMPILED and here):
            return False
        steps = self.steps - self.state.step
        try:
            return compiling.pays(
                self.learn, self._rehearse, wanted=spec.train.compile, steps=steps, folder=folder, stop=self.stop
            )
        finally:
            self.optimizer.all_grads.zero_()

    def _rehearse(self, learn: compiling.Learn) -> None:
        """Forward and backward of this member's share of the next batch, of which nothing stays but gradients."""
        epoch, rows = self.task.rows_at(self.state.step)
        mine = rows[self.team.rank :: self.team.ranks][: -(-(self.micro or len(rows)) // self.team.ranks)]
        batch = self.task.train_batch(mine, epoch, ordering.seed_of(self.spec.train.seed, self.state.step))
        with self.autocast():
            share = learn(batch)
        share.backward()

    def split(self) -> None:
        """Start the other members of the team; they follow the orders of this one until it ends."""
        if self.team.wired:
            self._align()
            if self.spec.train.shard:
                from training.engine.sharding import ShardedOptimizer  # torch.distributed takes its time

                self.optimizer, self.sharded = ShardedOptimizer(self.net, self.optimizer, self.team), True
        self.team.split(self._help)

    def _align(self) -> None:
        """Let all processes begin where the first does, after a resume too."""
        told = torch.tensor([self.state.step, self.dtype == "bf16"])
        self.team.share(told)
        self.state.step, self.dtype = int(told[0]), ("fp32", "bf16")[int(told[1])]
        for tensor in self.optimizer.tensors():
            self.team.share(tensor)
        for buffer in self.net.buffers():
            self.team.share(buffer)

    def _help(self) -> None:
        self.net.train()
        self.optimizer.join()
        while True:
            self.team.tell(self.orders)
            order, part, limit = self.orders.tolist()
            if order == LEAVE:
                return
            if order == STEP:
                self.step()
            elif order == GATHER:
                self.optimizer.collect()
            elif order == LEND:
                with self.optimizer.reading(self.net):
                    pass
            else:
                self._measure(PARTS[part], limit)

    def judge(self, part: str, limit: int | None = None) -> Judged:
        """Measure at most `limit` items of a part, evenly spaced; every member takes its share."""
        self.orders[:] = torch.tensor([JUDGE, PARTS.index(part), limit or 0])
        start = 0
        for buffer in self.net.buffers():
            self._buffers[start : start + buffer.numel()] = buffer.flatten()
            start += buffer.numel()
        self.team.tell(self.orders)
        return self._measure(part, limit or 0)

    def _measure(self, part: str, limit: int) -> Judged:
        items = self.task.judged(part, limit or None)
        self.team.share(self._buffers)
        if self.team.rank:
            # Running means of norms are the leader's.
            start = 0
            for buffer in self.net.buffers():
                buffer.copy_(self._buffers[start : start + buffer.numel()].view(buffer.shape))
                start += buffer.numel()
        with self.judging() as net:
            mine = self.task.measure(net, part, items[self.team.rank :: self.team.ranks])
        found = self.team.gather(mine)
        rows = np.zeros((len(items), mine.shape[1]))
        for rank, part_rows in enumerate(found):
            rows[rank :: self.team.ranks] = part_rows
        return Judged(part, items, rows)

    def step(self) -> None:
        """One batch forward, backward, and into the weights; every member takes its share of the rows."""
        step, rank = self.state.step, self.team.rank
        epoch, rows = self.task.rows_at(step)
        mine = rows[rank :: self.team.ranks]
        loss, units = torch.zeros((), device=self.device), 0
        # All chance comes from (seed, step, member): a resume needs no memory of the generator.
        seed(ordering.seed_of(self.spec.train.seed, step, rank), self.device)
        at_once = -(-(self.micro or len(rows)) // self.team.ranks)
        together = self.task.gathered
        if together is not None:
            together.begin(len(rows))
        most = -(-len(rows) // self.team.ranks) if self.sharded or together is not None else len(mine)
        for place, start in enumerate(range(0, most, at_once), 1):
            part = mine[start : start + at_once]
            share_of_batch = len(part) / len(rows)
            if not len(part):  # weights, or answers, are gathered together: who has no row reads one for nothing
                part = rows[:1]
            batch = self.task.train_batch(part, epoch, ordering.seed_of(self.spec.train.seed, step, rank, place))
            with self.autocast():
                share = self.learn(batch) * share_of_batch
            share.backward()
            loss += share.detach()
            units += self.task.units(batch)
        self.units += units * len(rows) // max(1, len(mine))
        self.lr = learning_rate(step, self.steps, self.spec.train)
        good, total = self.optimizer.step(self.lr, self.spec.train.clip, loss)
        self.state.step += 1
        self._count(total, good)

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
    def judging(self, *, alone: bool = False) -> Any:
        """The net as it is used: no dropout, no gradients, the averaged weights where they are asked for.

        `alone`: the leader by itself, while the others wait.
        """
        if alone and self.sharded:
            self.orders[0] = LEND
            self.team.tell(self.orders)
        self.net.eval()
        try:
            with self.optimizer.reading(self.net) as net, torch.inference_mode(), self.autocast():
                yield net
        finally:
            self.net.train()

    def tick(self) -> float:
        """Seconds of run time over all attempts."""
        now = time.monotonic()
        self.state.elapsed_s += now - self._clock
        self._clock = now
        return self.state.elapsed_s

    def collect(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """(weights by name, state of the optimizer), whole, at the leader."""
        if not self.sharded:
            return self.net.state_dict(), self.optimizer.state()
        self.orders[0] = GATHER
        self.team.tell(self.orders)
        return self.optimizer.collect()

    def go_on_alone(self, net: nn.Module) -> None:
        """Put the whole weights into `net`, and go on with it without the others."""
        weights, state = self.collect()
        self.team.dismiss()
        net.load_state_dict(weights)
        train, self.net, self.sharded, self.team = self.spec.train, net.to(self.device), False, Team()
        self.optimizer = FlatOptimizer(net, train.weight_decay, kind=train.optimizer, momentum=train.momentum)
        self.optimizer.load(state)

    def snapshot(self, optimizer: dict[str, Any]) -> dict[str, Any]:
        """Everything a bit-exact resume needs beside the weights: tensors and plain types only.

        No generator state: all chance comes from seed and step.
        """
        self.tick()
        return {
            "optimizer": optimizer,
            "state": dataclasses.asdict(self.state),
            "stats": self.stats,
            "dtype": self.dtype,
            "compiled": self.compiled,
            "micro": self.micro,
        }

    def restore(self, snapshot: dict[str, Any]) -> bool:
        """Go on from a snapshot; False when it belongs to a net with other parameters."""
        if not self.optimizer.load(snapshot["optimizer"]):
            return False
        self.state = TrainState(**snapshot["state"])
        self.stats.copy_(snapshot["stats"])
        self.dtype = snapshot["dtype"]
        self.compiled = snapshot.get("compiled", False)
        self.micro = snapshot.get("micro", self.micro)
        return True
