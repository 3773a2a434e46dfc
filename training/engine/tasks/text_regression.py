"""Text regression: rows of a table, each with a number."""

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
from training.engine.tasks import base
from training.engine.tasks.rows import EVAL_ROWS, PAD, TextRows


class Task(TextRows):
    """The net tells how many deviations a value lies from the mean of the training part."""

    probe = "number"

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        texts, cells, skipped = self.read_pairs(data, "value", _checked)
        values = np.array([float(cell) for cell in cells])
        np.save(folder / "values.npy", values)
        self.write_split(np.zeros(len(texts), dtype=np.int64), folder)
        train = values[np.load(folder / "train.npy")]
        if train.max() == train.min():
            raise DataError("data_shape", problem="all its numbers are the same")
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            scale = {"mean": float(train.mean()), "deviation": float(train.std())}
            scaled = ((values - scale["mean"]) / (scale["deviation"] or math.nan)).astype(np.float32)
        # What is learnt are their places by these two, in 32 bits.
        if not (math.isfinite(scale["deviation"]) and np.isfinite(scaled).all()):
            raise DataError("data_shape", problem="its numbers lie too far apart, or too close together, to be learnt")
        return self.write_texts(texts, folder) | scale | {"skipped": skipped}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_texts(folder, facts)
        self.mean, self.deviation = facts["mean"], facts["deviation"]
        self.values = np.load(folder / "values.npy")

    @property
    def answers(self) -> list[str]:
        return [self.spec.data.columns["value"]]

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size, pad=PAD, classes=1)

    def answers_of(self, items: np.ndarray, width: int) -> base.Batch:
        scaled = (self.values[items] - self.mean) / self.deviation
        return {"target": torch.from_numpy(scaled.astype(np.float32))}

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return F.mse_loss(net(batch["ids"], batch.get("mask"))[:, 0], batch["target"])

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """True number and guessed number of each item."""
        numbers = self.parts[part][items]
        rows = np.zeros((len(items), 2))
        rows[:, 0] = self.values[numbers]
        for places in self.groups_for_eval(numbers, EVAL_ROWS):
            batch = self.batch_of(numbers[places])
            guess = net(batch["ids"], batch.get("mask"))[:, 0].double().cpu().numpy()
            rows[places, 1] = guess * self.deviation + self.mean
        return rows

    def probe_targets(self, part: str, items: np.ndarray) -> np.ndarray:
        return (self.values[self.parts[part][items]] - self.mean) / self.deviation

    def probe_rows(self, part: str, items: np.ndarray, answers: np.ndarray) -> np.ndarray:
        return np.column_stack([self.values[self.parts[part][items]], answers * self.deviation + self.mean])

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        report = base.Report(self._scores(judged.rows))
        if final:
            report.detail = {"rows": len(judged.rows), "mean": self.mean, "deviation": self.deviation}
            report.interval = metrics.rows_interval(
                judged.rows, lambda rows: self._scores(rows)[self.spec.primary], check=self.stop.check
            )
            report.detail["interval_rows"] = metrics.rows_drawn(judged.rows)
        return report

    def _scores(self, rows: np.ndarray) -> dict[str, float]:
        return metrics.regression_scores(rows[:, 0], rows[:, 1], self.deviation)

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The mean of the training part, whatever the row."""
        truth = self.values[self.parts["test"]]
        return "mean", metrics.regression_scores(truth, np.full(len(truth), self.mean), self.deviation)

    def badness(self, judged: base.Judged) -> np.ndarray:
        """How far off it is."""
        return abs(judged.rows[:, 0] - judged.rows[:, 1])

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        truth, guess = judged.rows[place]
        return {
            "kind": "row",
            "prompt": self.describe(int(self.parts[judged.part][judged.items[place]])),
            "text": f"{guess:.4g}",
            "label": f"{truth:.4g}",
            "error": round(float(guess - truth), 6),
        }

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        super().open_package(folder, config)
        self.mean, self.deviation = config["target_mean"], config["target_deviation"]

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The number of each text."""
        told = net(*self.new_batch([self.encode_row(text) for text in self.texts_of(inputs)]))[:, 0]
        return [{"value": value * self.deviation + self.mean} for value in told.double().tolist()]

    def package(self, folder: Path) -> dict[str, Any]:
        """Mean and deviation turn the answer of the net into a number of the column."""
        scale = {"target_mean": self.mean, "target_deviation": self.deviation}
        return super().package(folder) | base.label_config(self.answers, "regression") | scale


def _checked(text: str, cell: str) -> str:
    """The cell, when it holds a finite number. Raises ValueError."""
    try:
        number = math.nan if "_" in cell else float(cell)  # 1_000 is a number in Python alone
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("its value is not a number")
    return cell
