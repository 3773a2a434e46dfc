"""Forecasting: the next numbers of a series from those before; rows of a table in the order of time.

The last stretch is the test part, the one before it the validation part: what is foretold there was never learnt from.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics
from training.engine.catalogue import Sizes
from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import read_rows
from training.engine.tasks import base

EVAL_ROWS = 256
SHOWN = 6
LARGEST = 1e15  # of the numbers that are read, whose squares are summed in 32 bits


class Task(base.Task):
    """An item is a window: `context` numbers that are seen, and `horizon` that are told."""

    unit = "windows"
    probe = "series"

    @property
    def context(self) -> int:
        """Numbers seen."""
        return self.shape.context or 1

    @property
    def horizon(self) -> int:
        """Numbers told."""
        return self.shape.horizon or 1

    def prepare_key(self) -> dict[str, Any]:
        return {"context": self.context, "horizon": self.horizon}

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        rows = read_rows(Path(data.path), data.kind, [self.spec.data.columns["value"]], data.profile, self.stop)
        series = np.array([_number(cell, n) for n, (cell,) in enumerate(rows, 1)])
        split = self.spec.data.split
        test, valid = (max(self.horizon, round(len(series) * share)) for share in (split.test, split.valid))
        edges = [len(series) - test - valid, len(series) - test, len(series)]
        if edges[0] < self.context + self.horizon:
            raise DataError("data_shape", problem=f"it is too short for a context of {self.context} numbers")
        train = series[: edges[0]]
        scale, steps = float(train.std()), float(abs(np.diff(train)).mean())
        if not scale:
            raise DataError("data_shape", problem="all its numbers are the same")
        np.save(folder / "series.npy", series)
        return {"edges": edges, "deviation": scale, "step": steps}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.series = np.load(folder / "series.npy")
        train, valid, test = facts["edges"]
        # Where the told numbers of the first window of a part begin, and how many windows there are.
        begins = {"train": (self.context, train), "valid": (train, valid), "test": (valid, test)}
        self.begins = {part: (low, high - low - self.horizon + 1) for part, (low, high) in begins.items()}
        self.parts = {part: low + np.arange(count) for part, (low, count) in self.begins.items()}

    @property
    def sizes(self) -> Sizes:
        return Sizes()

    def count(self, part: str) -> int:
        return self.begins[part][1]

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        return self._batch("train", rows)

    def _batch(self, part: str, items: np.ndarray) -> base.Batch:
        return self.batch_of(self.parts[part][items])

    def batch_of(self, numbers: np.ndarray) -> base.Batch:
        """Windows by where their told numbers begin in the series; `level` is what both sides were lowered by."""
        seen, told = self._windows(numbers)
        level = _level(seen)
        arrays = {"series": (seen - level).astype(np.float32), "target": (told - level).astype(np.float32)}
        return {name: torch.from_numpy(a).to(self.device) for name, a in (arrays | {"level": level}).items()}

    def _windows(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(numbers seen, numbers told) of each window."""
        at = numbers[:, None]
        return self.series[at + np.arange(-self.context, 0)], self.series[at + np.arange(self.horizon)]

    def order_for_eval(self, numbers: np.ndarray) -> np.ndarray:
        """All windows are as long."""
        return np.arange(len(numbers))

    def probe_targets(self, part: str, items: np.ndarray) -> np.ndarray:
        """What follows, as far from the mean of what is seen as that deviates: the net reads it so too."""
        seen, told = self._windows(self.parts[part][items])
        return (told - seen.mean(1, keepdims=True)) / _spread(seen)

    def probe_rows(self, part: str, items: np.ndarray, answers: np.ndarray) -> np.ndarray:
        seen, told = self._windows(self.parts[part][items])
        return _errors(answers * _spread(seen) + seen.mean(1, keepdims=True) - told)

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """Squared error in deviations of the training part, so that its size says something."""
        scale = self.facts["deviation"]
        return F.mse_loss(net(batch["series"]) / scale, batch["target"] / scale)

    def units(self, batch: base.Batch) -> int:
        return len(batch["target"])

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Squared and absolute errors, and numbers, of each window."""
        rows = np.zeros((len(items), 3))
        for start in range(0, len(items), EVAL_ROWS):
            self.stop.check()
            batch = self._batch(part, items[start : start + EVAL_ROWS])
            error = (net(batch["series"]).double() - batch["target"].double()).cpu().numpy()
            rows[start : start + EVAL_ROWS] = _errors(error)
        return rows

    def _scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        square, mae = sums[..., 0] / sums[..., 2], sums[..., 1] / sums[..., 2]
        return {
            "mase": mae / self.facts["step"],
            "mae": mae,
            "rmse": np.sqrt(square),
            "loss": square / self.facts["deviation"] ** 2,
        }

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        report = base.Report({name: float(value) for name, value in self._scores(judged.rows.sum(0)).items()})
        if final:
            # Windows overlap: as many as one is long are drawn together.
            blocks = np.add.reduceat(judged.rows, np.arange(0, len(judged.rows), self.horizon))
            report.detail = {"windows": len(judged.rows), "numbers": int(self.facts["edges"][2])}
            report.interval = metrics.sums_interval(
                blocks, lambda sums: self._scores(sums)[self.spec.primary], check=self.stop.check
            )
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The last number seen goes on."""
        seen, told = self._windows(self.parts["test"])
        scores = self._scores(_errors(seen[:, -1:] - told).sum(0))
        return "last number", {name: float(value) for name, value in scores.items()}

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The squared error."""
        return judged.rows[:, 0]

    def row_of(self, part: str, item: int) -> int | None:
        """The row of the first number that is told."""
        return self.begins[part][0] + item + 1

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        (seen,), (wanted,) = self._windows(self.parts[judged.part][judged.items[place : place + 1]])
        told = self._foretold(net, seen[None])[0]
        texts = (self._written(numbers) for numbers in (seen[-SHOWN:], told[:SHOWN], wanted[:SHOWN]))
        before, text, label = texts
        return {"kind": "row", "prompt": f"… {before}", "text": text, "label": label}

    def _foretold(self, net: nn.Module, seen: np.ndarray) -> np.ndarray:
        """What the net tells of windows, in float64 on both sides of it."""
        level = _level(seen)
        told = net(torch.from_numpy((seen - level).astype(np.float32)).to(self.device))
        return told.double().cpu().numpy() + level

    def _written(self, numbers: np.ndarray) -> str:
        """Numbers with as many digits as tell them apart, three at least."""
        far = float(abs(numbers).max()) / self.facts["deviation"]
        digits = max(3, 1 + math.ceil(math.log10(far))) if far else 3
        return " ".join(f"{number:.{digits}g}" for number in numbers)

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        """The net knows all that is needed."""

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The numbers that follow each series, of which the last `context` are read."""
        if not all(isinstance(series, list) and len(series) >= self.context for series in inputs):
            raise ValueError(f"this model reads series of at least {self.context} numbers")
        read = [series[-self.context :] for series in inputs]
        if wrong := [value for series in read for value in series if not _is_number(value)]:
            raise ValueError(f"“{str(wrong[0])[:40]}” is no number that this model reads")
        return [{"values": row} for row in self._foretold(net, np.array(read, dtype=np.float64)).tolist()]

    def package(self, folder: Path) -> dict[str, Any]:
        return {}


def _number(cell: str, row: int) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError("data_row", row=row, problem="its value is not a number")
    return number


def _is_number(value: Any) -> bool:
    """Whether it is one, and not so large that its square is none to a net."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _level(seen: np.ndarray) -> np.ndarray:
    """(windows, 1): the mean of each. A net reads shapes, and 32 bits keep them only near zero."""
    return seen.mean(1, keepdims=True)


def _spread(seen: np.ndarray) -> np.ndarray:
    return np.sqrt(seen.var(1, keepdims=True) + 1e-5)


def _errors(error: np.ndarray) -> np.ndarray:
    return np.column_stack([(error**2).sum(1), abs(error).sum(1), np.full(len(error), error.shape[1])])
