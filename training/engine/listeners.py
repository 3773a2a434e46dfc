"""What happens around a step: events, evaluation, early stop, limits, checkpoints. Each looks whether its time is due.

Listeners also run once right after a resume, at the step of the checkpoint; each knows from the saved state whether its
duty at that step was already done, so that nothing is lost or done twice.
"""

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.engine import checkpoint, package
from training.engine.catalogue import LOWER, TASKS
from training.engine.checkpoint import Owner
from training.engine.errors import EngineError
from training.engine.events import EventLog
from training.engine.loop import BAD, COUNT, DIVERGED, DONE, LIMIT, LOSS, REACHED, STOP, STREAK, Loop
from training.engine.protocol import Reason
from training.engine.spec import Spec

PROGRESS_EVERY_S = 1.0
LOGGED_POINTS = 500
EVALUATIONS = 10
EVAL_ITEMS = 512
EVAL_TOKENS = 65_536


class Logger:
    """Training loss at the first step and at fixed ones, progress at fixed times; the end where a loss is no number."""

    def __init__(self, events: EventLog, steps: int) -> None:
        self.events = events
        self.every = max(1, math.ceil(steps / LOGGED_POINTS))
        self._time = time.monotonic()
        self._units = 0
        self._bad = 0
        self._loss: float | None = None
        self._first: tuple[float, int] = ()  # type: ignore[assignment]

    def __call__(self, loop: Loop) -> None:
        step = loop.state.step
        due = bool(step) and (step % self.every == 0 or step in (1, loop.steps))
        if not self._first:
            self._first = (time.monotonic(), step)
            self._bad = int(loop.stats[BAD]) if due else 0  # what was bad up to here was told before a stop
        if due:
            self._metric(loop, step)
        now = time.monotonic()
        if now - self._time >= PROGRESS_EVERY_S or (step == loop.steps and loop.units > self._units):
            self._progress(loop, step, now)

    def _metric(self, loop: Loop, step: int) -> None:
        stats = loop.stats.tolist()
        if stats[BAD] > self._bad:
            self._bad = int(stats[BAD])
            self.events.warn("loss_not_finite", count=self._bad, step=step)
        if stats[DIVERGED]:
            raise EngineError(Reason.DIVERGED, "diverged", step=int(stats[DIVERGED]))
        if stats[COUNT]:
            self._loss = stats[LOSS] / stats[COUNT]
            self.events.emit("metric", step=step, values={"train/loss": self._loss, "train/lr": loop.lr})
            loop.stats[LOSS] = 0
            loop.stats[COUNT] = 0

    def _progress(self, loop: Loop, step: int, now: float) -> None:
        stats = loop.stats.tolist()
        loss = stats[LOSS] / stats[COUNT] if stats[COUNT] else self._loss
        rate = (loop.units - self._units) / max(1e-9, now - self._time)
        done = step - self._first[1]
        eta_s = (loop.steps - step) * (now - self._first[0]) / done if done else None
        self.events.emit(
            "progress",
            step=step,
            steps=loop.steps,
            epoch=round(step / loop.task.steps_per_epoch, 3),
            loss=loss,
            lr=loop.lr,
            rate=round(rate, 1),
            unit=loop.task.unit,
            eta_s=None if eta_s is None else round(eta_s, 1),
        )
        self._time, self._units = now, loop.units


class Evaluator:
    """Judges the validation part at fixed steps, remembers the best, and ends the run when patience is over."""

    def __init__(self, events: EventLog, spec_every: int | None, steps: int) -> None:
        self.events = events
        self.every = spec_every or max(1, steps // EVALUATIONS)

    def __call__(self, loop: Loop) -> None:
        state = loop.state
        due = state.step and (state.step % self.every == 0 or state.step == loop.steps)
        if not due or state.evaluated_step == state.step:
            return
        limit = EVAL_ITEMS
        if loop.task.unit == "tokens":
            limit = max(8, EVAL_TOKENS // (loop.task.shape.context or 1))
        judged = loop.judge("valid", limit)
        values = loop.task.report(judged).values
        with loop.judging(alone=True) as net:
            samples = list(loop.task.samples(net, judged, 1, state.step)) if loop.spec.eval.samples else []
        if not math.isfinite(values["loss"]):
            raise EngineError(Reason.DIVERGED, "diverged_valid", step=state.step)
        self.events.emit("metric", step=state.step, values={f"valid/{k}": v for k, v in values.items()})
        for sample in samples:
            self.events.emit("sample", step=state.step, **sample)
        self._judge(loop, values[loop.spec.primary])
        state.evaluated_step = state.step

    def _judge(self, loop: Loop, value: float) -> None:
        state, patience = loop.state, loop.spec.train.patience
        lower = TASKS[loop.spec.task].metrics[loop.spec.primary] == LOWER
        if state.best is None or (value < state.best if lower else value > state.best):
            state.best, state.best_step, state.stale = value, state.step, 0
            return
        state.stale += 1
        if patience is not None and state.stale >= patience:
            state.ended_early = True


class Ender:
    """Says when to leave: at the last step, when patience is over, on request, or at the limit of minutes."""

    def __init__(self, minutes: float, until: int | None = None) -> None:
        self.seconds, self.until = minutes * 60, until

    def __call__(self, loop: Loop) -> None:
        if loop.state.step >= loop.steps or loop.state.ended_early:
            loop.leave = DONE
        elif loop.stop.requested:
            loop.leave = STOP
        elif loop.tick() >= self.seconds:
            loop.leave = LIMIT
        elif self.until is not None and loop.state.step >= self.until:
            loop.leave = REACHED


class Checkpointer:
    """Saves by time, by steps, at every new best, and whenever the loop leaves.

    The loop waits only while weights and state are copied; a thread writes the copy, and what it wrote counts, and is
    told, once it is whole. `save` and `settle` wait for it.
    """

    def __init__(self, events: EventLog, folder: Path, owner: Owner, spec: Spec, facts: dict[str, Any]) -> None:
        self.events, self.folder, self.owner, self.keep, self.facts = events, folder, owner, spec.keep, facts
        self._time = time.monotonic()
        self._saved_step: int | None = None
        self._copy = Copy()
        self._writing: threading.Thread | None = None
        self._written: dict[str, Any] | BaseException | None = None

    def __call__(self, loop: Loop) -> None:
        """Save when due; the loop's end is handled by `save`."""
        if self._writing is not None and not self._writing.is_alive():
            self.settle()
        if loop.leave is not None or not loop.state.step:
            return
        every = self.keep.checkpoint_every_steps
        best = bool(self.keep.best) and loop.state.best_step == loop.state.step
        timed = time.monotonic() - self._time >= self.keep.checkpoint_every_s
        if best or timed or (every is not None and loop.state.step % every == 0):
            self.begin(loop)

    def save(self, loop: Loop) -> None:
        """Write a checkpoint of this step, unless it is there or the net is in trouble, and wait for it."""
        self.begin(loop)
        self.settle()

    def begin(self, loop: Loop) -> None:
        """Copy what is to be saved, and let a thread write it, unless it is saved or the net is in trouble."""
        step = loop.state.step
        if step == self._saved_step or loop.stats[STREAK].item() or loop.stats[DIVERGED].item():
            return
        self.settle()
        facts = self.facts | {"best": loop.state.best_step == step, "values": {loop.spec.primary: loop.state.best}}
        best_step = loop.state.best_step if self.keep.best else None
        write = self._copy.of(loop)

        def work() -> None:
            try:
                saved = checkpoint.save(self.folder, step, self.owner, write, facts)
                checkpoint.prune(self.folder, keep_last=self.keep.last, best_step=best_step)
                path = f"{self.folder.name}/{saved.path.name}"
                fields = {"step": step, "path": path, "sha256": saved.sha256, "size_bytes": saved.size_bytes}
                self._written = {**fields, "best": facts["best"]}
            except BaseException as error:  # raised again by the loop's own thread
                self._written = error

        self._writing = threading.Thread(target=work, name="checkpoint")
        self._writing.start()
        self._time, self._saved_step = time.monotonic(), step

    def settle(self) -> None:
        """Wait until what was begun is written, and tell of it. Raises what went wrong with it."""
        if self._writing is None:
            return
        self._writing.join()
        written, self._writing, self._written = self._written, None, None
        if isinstance(written, BaseException):
            raise written
        assert written is not None
        self.events.emit("checkpoint", **written)

    def resumed(self, step: int) -> None:
        """Nothing to save at the step that was just loaded."""
        self._saved_step = step


class Copy:
    """Weights and state of a loop as they were, in memory that is claimed once."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    def of(self, loop: Loop) -> Callable[[Path], None]:
        """A function that writes weights and state of this step into a folder."""
        weights, optimizer = loop.collect()
        tensors = {name: self._keep(f"net {name}", tensor) for name, tensor in weights.items()}
        state = loop.snapshot(optimizer)
        state["optimizer"] = {name: self._keep(f"optimizer {name}", part) for name, part in state["optimizer"].items()}
        state["stats"] = self._keep("stats", state["stats"])

        def write(folder: Path) -> None:
            package.write_tensors(folder / checkpoint.WEIGHTS, tensors)
            # Through Python's own file, whose errors say that the disk is full.
            with (folder / checkpoint.STATE).open("wb") as file:
                torch.save(state, file)

        return write

    def _keep(self, name: str, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        kept = self._kept.get(name)
        if kept is None or kept.shape != value.shape:
            kept = self._kept[name] = torch.empty(value.shape, dtype=value.dtype)
        return kept.copy_(value)


def read_state(folder: Path) -> dict[str, Any]:
    """State of a checkpoint: tensors and plain types, nothing that could run."""
    return torch.load(folder / checkpoint.STATE, map_location="cpu", weights_only=True)
