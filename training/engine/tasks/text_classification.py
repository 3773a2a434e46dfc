"""Text classification: rows of a table, each with one label of a list."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine.catalogue import Sizes
from training.engine.protocol import InputData
from training.engine.tasks import base
from training.engine.tasks.classifying import Classifier
from training.engine.tasks.rows import PAD, TextRows


class Task(TextRows, Classifier):
    """A class for each row."""

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        texts, labels, skipped = self.read_pairs(data, "label")
        names = self.encode_labels(labels, folder)
        return self.write_texts(texts, folder) | {"labels": names, "skipped": skipped}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_labels(folder, facts["labels"])
        self.open_texts(folder, facts)

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size, pad=PAD, classes=len(self.labels))

    def answers_of(self, items: np.ndarray, width: int) -> base.Batch:
        return {"target": torch.from_numpy(self.targets[items])}

    def logits(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return net(batch["ids"], batch.get("mask"))

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        super().open_package(folder, config)
        self.labels = base.labels_of(config)

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The label of each text, and the share of each label."""
        return self.answers_from(net(*self.new_batch([self.encode_row(text) for text in self.texts_of(inputs)])))

    def package(self, folder: Path) -> dict[str, Any]:
        return super().package(folder) | self.label_config()
