"""Multi-label classification: rows of a table, each with any number of labels of a list."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics
from training.engine.catalogue import Sizes
from training.engine.errors import DataError
from training.engine.labelling import label_sets
from training.engine.protocol import InputData
from training.engine.tasks import base
from training.engine.tasks.rows import EVAL_ROWS, PAD, TextRows

MAX_LABELS = 500


class Task(TextRows):
    """Each label is a question of its own: yes above one half."""

    probe = "labels"

    labels: list[str]

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        texts, cells, skipped = self.read_pairs(data, "label")
        sets = label_sets(cells)
        counts = Counter(label for labels in sets for label in labels)
        names = sorted(counts)
        if not 2 <= len(names) <= MAX_LABELS:
            raise DataError("data_shape", problem=f"it has {len(names)} labels, and not 2 to {MAX_LABELS}")
        number = {name: i for i, name in enumerate(names)}
        targets = np.zeros((len(texts), len(names)), dtype=np.uint8)
        for row, labels in enumerate(sets):
            targets[row, [number[label] for label in labels]] = 1
        np.save(folder / "targets.npy", targets)
        # Rows are shared out by their rarest label, so that each label is in all parts.
        rarest = [min((counts[label], number[label]) for label in labels)[1] if labels else -1 for labels in sets]
        self.write_split(np.array(rarest), folder)
        unseen = np.flatnonzero(~targets[np.load(folder / "train.npy")].any(0))
        if self.divider.column and len(unseen):
            raise DataError("data_shape", problem=f"nothing in its train part has the label “{names[unseen[0]]}”")
        return self.write_texts(texts, folder) | {"labels": names, "skipped": skipped}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_texts(folder, facts)
        self.labels = facts["labels"]
        self.targets = np.load(folder / "targets.npy")

    @property
    def answers(self) -> list[str]:
        return self.labels

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size, pad=PAD, classes=len(self.labels))

    def answers_of(self, items: np.ndarray, width: int) -> base.Batch:
        return {"target": torch.from_numpy(self.targets[items].astype(np.float32))}

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return F.binary_cross_entropy_with_logits(net(batch["ids"], batch.get("mask")), batch["target"])

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """True labels, guessed labels, shares of the labels and loss in nats a label, of each item."""
        numbers, count = self.parts[part][items], len(self.labels)
        rows = np.zeros((len(items), 3 * count + 1))
        for places in self.groups_for_eval(numbers, EVAL_ROWS):
            batch = self.batch_of(numbers[places])
            logits = net(batch["ids"], batch.get("mask")).float()
            nats = F.binary_cross_entropy_with_logits(logits, batch["target"], reduction="none").mean(1)
            rows[places] = (
                torch.cat([batch["target"], (logits > 0).float(), logits.sigmoid(), nats[:, None]], 1).cpu().numpy()
            )
        return rows

    def probe_targets(self, part: str, items: np.ndarray) -> np.ndarray:
        return self.targets[self.parts[part][items]]

    def probe_rows(self, part: str, items: np.ndarray, answers: np.ndarray) -> np.ndarray:
        truth = self.probe_targets(part, items)
        nats = -np.where(truth > 0, np.log(answers), np.log(1 - answers)).mean(1)
        return np.column_stack([truth, answers > 0.5, answers, nats]).astype(float)

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        count = len(self.labels)
        sums = metrics.label_sums(judged.rows[:, :count], judged.rows[:, count : 2 * count], judged.rows[:, -1])
        scores = metrics.label_scores(sums.sum(0))
        report = base.Report({name: float(value) for name, value in scores.items()})
        surety = {"roc_auc": self._area, "ece": self._error}
        report.values |= {name: score(judged.rows) for name, score in surety.items()}
        if final:
            hits, truth, guess = sums[:, : 3 * count].sum(0).reshape(3, count)
            report.detail = {
                "rows": len(sums),
                "labels": self.labels,
                "classes": metrics.hits_table(hits, truth, guess, self.labels),
                "ranking": metrics.rankings(judged.rows[:, :count], judged.rows[:, 2 * count : -1], self.labels),
                "calibration": self._calibration(judged.rows),
            }
            if self.spec.primary in surety:
                report.interval = metrics.rows_interval(judged.rows, surety[self.spec.primary], check=self.stop.check)
                report.detail["interval_rows"] = metrics.rows_drawn(judged.rows)
            else:
                report.interval = metrics.sums_interval(
                    sums, lambda s: metrics.label_scores(s)[self.spec.primary], check=self.stop.check
                )
        return report

    def _area(self, rows: np.ndarray) -> float:
        count = len(self.labels)
        return metrics.roc_auc(rows[:, :count] > 0, rows[:, 2 * count : -1])

    def _calibration(self, rows: np.ndarray) -> dict[str, Any]:
        """Of every answer, yes or no, to every label: how sure it was, and whether it was right."""
        truth, guess, shares = np.split(rows[:, :-1], 3, axis=1)
        return metrics.calibration((truth == guess).ravel(), np.maximum(shares, 1 - shares).ravel())

    def _error(self, rows: np.ndarray) -> float:
        return float(self._calibration(rows)["ece"])

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The commonest set of labels of the training part, whatever the row; loss of the labels' frequencies."""
        train, truth = self.targets[self.parts["train"]], self.targets[self.parts["test"]]
        sets, times = np.unique(train, axis=0, return_counts=True)
        share = (train.sum(0) + 1) / (len(train) + 2)
        nats = -np.where(truth, np.log(share), np.log(1 - share)).mean(1)
        sums = metrics.label_sums(truth, np.broadcast_to(sets[times.argmax()], truth.shape), nats)
        scores = metrics.label_scores(sums.sum(0))
        known = np.broadcast_to(share, truth.shape)
        rows = np.column_stack([truth, known > 0.5, known, nats])
        # It puts no row before another.
        surety = {"roc_auc": 0.5, "ece": self._error(rows)}
        return "commonest set", {name: float(value) for name, value in scores.items()} | surety

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The loss."""
        return judged.rows[:, -1]

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        truth, guess = np.split(judged.rows[place, : 2 * len(self.labels)].astype(bool), 2)
        return {
            "kind": "row",
            "prompt": self.describe(int(self.parts[judged.part][judged.items[place]])),
            "text": "; ".join(np.array(self.labels)[guess]) or "–",
            "label": "; ".join(np.array(self.labels)[truth]),
            "loss": round(float(judged.rows[place, -1]), 4),
        }

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        super().open_package(folder, config)
        self.labels = base.labels_of(config)

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The labels of each text, and how likely each is by itself."""
        logits = net(*self.new_batch([self.encode_row(text) for text in self.texts_of(inputs)]))
        shares = [dict(zip(self.labels, row, strict=True)) for row in logits.float().sigmoid().tolist()]
        return [
            {
                "labels": [label for label, share in row.items() if share > 0.5],
                "probabilities": {label: round(share, 6) for label, share in row.items()},
            }
            for row in shares
        ]

    def package(self, folder: Path) -> dict[str, Any]:
        return super().package(folder) | base.label_config(self.labels, "multi_label_classification")
