"""What text and image classification share: loss, figures, the majority baseline, examples."""

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics
from training.engine.catalogue import Sizes
from training.engine.errors import DataError
from training.engine.tasks import base

EVAL_ROWS = 64
RANKED_CLASSES = 50


class Classifier(base.Task):
    """A task whose items have one label each."""

    probe = "class"
    labels: list[str]
    targets: np.ndarray
    parts: dict[str, np.ndarray]

    @abc.abstractmethod
    def batch_of(self, items: np.ndarray) -> base.Batch:
        """Items by their number in the dataset, with `target`, as tensors on the device and without augmentation."""

    @abc.abstractmethod
    def logits(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """(batch, classes)."""

    @abc.abstractmethod
    def describe(self, item: int) -> str:
        """An item as words, for the examples."""

    def encode_labels(self, labels: Sequence[str], folder: Path) -> list[str]:
        """Write the class numbers and the split of all items; return the class names in order."""
        names = sorted(set(labels))
        if len(names) < 2:
            raise DataError("data_shape", problem="it has fewer than two classes")
        number = {name: i for i, name in enumerate(names)}
        targets = np.array([number[label] for label in labels], dtype=np.int64)
        train = self.write_parts(targets, folder)["train"]
        unseen = np.setdiff1d(np.arange(len(names)), targets[train])
        if self.divider.column and len(unseen):
            raise DataError("data_shape", problem=f"nothing in its train part has the label “{names[unseen[0]]}”")
        np.save(folder / "targets.npy", targets)
        return names

    def open_labels(self, folder: Path, names: list[str]) -> None:
        """Read what `encode_labels` wrote."""
        self.labels = names
        self.targets = np.load(folder / "targets.npy")
        self.parts = {part: np.load(folder / f"{part}.npy") for part in base.PARTS}

    @property
    def answers(self) -> list[str]:
        return self.labels

    @property
    def sizes(self) -> Sizes:
        return Sizes(classes=len(self.labels))

    def count(self, part: str) -> int:
        return len(self.parts[part])

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return F.cross_entropy(self.logits(net, batch), batch["target"])

    def units(self, batch: base.Batch) -> int:
        return len(batch["target"])

    def order_for_eval(self, numbers: np.ndarray) -> np.ndarray:
        """The order in which places of `numbers` are judged; a task may put like lengths together."""
        return np.arange(len(numbers))

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """True class, guessed class, loss in nats and log probability of the guess, of each item; then all shares.

        Of very many classes the shares are left out.
        """
        numbers = self.parts[part][items]
        rows = np.zeros((len(items), 4 + self._ranked))
        order = self.order_for_eval(numbers)
        for start in range(0, len(order), EVAL_ROWS):
            self.stop.check()
            places = order[start : start + EVAL_ROWS]
            group = numbers[places]
            logs = self.logits(net, self.batch_of(group)).float().log_softmax(-1).cpu().numpy()
            rows[places] = self._measured(self.targets[group], logs)
        return rows

    @property
    def _ranked(self) -> int:
        """Classes whose shares are kept and whose curves are told."""
        few = len(self.labels) <= RANKED_CLASSES or self.spec.primary == "roc_auc"
        return len(self.labels) if few else 0

    def _measured(self, truth: np.ndarray, logs: np.ndarray) -> np.ndarray:
        nats = -np.take_along_axis(logs, truth[:, None], 1)[:, 0]
        return np.column_stack([truth, logs.argmax(1), nats, logs.max(1), np.exp(logs[:, : self._ranked])])

    def probe_targets(self, part: str, items: np.ndarray) -> np.ndarray:
        return self.targets[self.parts[part][items]]

    def probe_rows(self, part: str, items: np.ndarray, answers: np.ndarray) -> np.ndarray:
        return self._measured(self.probe_targets(part, items), answers)

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        classes = len(self.labels)
        truth, guess = judged.rows[:, 0].astype(np.int64), judged.rows[:, 1].astype(np.int64)
        matrix = metrics.confusion(truth, guess, classes)
        scores = metrics.classification_scores(matrix)
        report = base.Report({name: float(value) for name, value in scores.items()})
        surety = {"roc_auc": self._area, "ece": _error} if self._ranked else {"ece": _error}
        report.values |= {name: score(judged.rows) for name, score in surety.items()}
        report.values["loss"] = float(judged.rows[:, 2].mean())
        if final:
            report.detail = {
                "rows": len(judged.rows),
                "labels": self.labels,
                "confusion": matrix.tolist(),
                "classes": metrics.class_table(matrix, self.labels),
                "ranking": metrics.rankings(np.eye(classes)[truth], judged.rows[:, 4:], self.labels[: self._ranked]),
                "calibration": metrics.calibration(truth == guess, np.exp(judged.rows[:, 3])),
            }
            if self.spec.primary in scores:
                report.interval = metrics.classification_interval(matrix, self.spec.primary)
            elif self.spec.primary in surety:
                report.interval = metrics.rows_interval(judged.rows, surety[self.spec.primary], check=self.stop.check)
                report.detail["interval_rows"] = metrics.rows_drawn(judged.rows)
            else:
                report.interval = metrics.mean_interval(judged.rows[:, 2], check=self.stop.check)
        return report

    def _area(self, rows: np.ndarray) -> float:
        truth = rows[:, :1].astype(np.int64) == np.arange(len(self.labels))
        return metrics.roc_auc(truth, rows[:, 4:])

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The commonest class of the training part, whatever the item; loss of its class frequencies."""
        classes = len(self.labels)
        counts = np.bincount(self.targets[self.parts["train"]], minlength=classes)
        truth = self.targets[self.parts["test"]]
        matrix = metrics.confusion(truth, np.full(len(truth), counts.argmax()), classes)
        share = (counts + 1) / (counts + 1).sum()
        scores = metrics.classification_scores(matrix)
        values = {name: float(value) for name, value in scores.items()}
        sure = metrics.calibration(truth == counts.argmax(), np.full(len(truth), share.max()))["ece"]
        # It puts no item before another.
        values |= {"roc_auc": 0.5, "ece": sure} if self._ranked else {"ece": sure}
        return "majority", values | {"loss": float(-np.log(share[truth]).mean())}

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The surest errors first, then the right answers it was least sure of."""
        truth, guess, _, logs = judged.rows[:, :4].T
        return np.where(truth == guess, 1 - np.exp(logs), 1 + np.exp(logs))

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        truth, guess, _, logs = judged.rows[place, :4]
        return {
            "kind": "image" if self.unit == "images" else "row",
            "prompt": self.describe(int(self.parts[judged.part][judged.items[place]])),
            "text": self.labels[int(guess)],
            "label": self.labels[int(truth)],
            "probability": round(float(np.exp(logs)), 4),
        }

    def answers_from(self, logits: Tensor) -> list[dict[str, Any]]:
        """The likeliest class of each row, and how likely each class is."""
        shares = logits.float().softmax(-1).tolist()
        return [
            {
                "label": self.labels[int(np.argmax(row))],
                "probabilities": {label: round(share, 6) for label, share in zip(self.labels, row, strict=True)},
            }
            for row in shares
        ]

    def label_config(self) -> dict[str, Any]:
        """Class names in the words of config.json."""
        return base.label_config(self.labels, "single_label_classification")


def _error(rows: np.ndarray) -> float:
    """How far surety is from being right."""
    return float(metrics.calibration(rows[:, 0] == rows[:, 1], np.exp(rows[:, 3]))["ece"])
