"""Image classification: one label of a list for each image, small shifts while learning."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import ordering
from training.engine.catalogue import Sizes
from training.engine.protocol import InputData
from training.engine.tasks import base
from training.engine.tasks.classifying import Classifier
from training.engine.tasks.images import Images, moved, moves


class Task(Images, Classifier):
    """A class for each image."""

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        labels, facts = self.write_pixels(data, folder, labelled=True)
        classes = self.encode_labels(labels, folder)
        return facts | {"labels": classes} | self.statistics(folder, facts)

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_labels(folder, facts["labels"])
        self.open_pixels(folder, facts)

    @property
    def sizes(self) -> Sizes:
        return Sizes(channels=self.facts["channels"], classes=len(self.labels))

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        items = self.parts["train"][rows]
        steps = moves(len(items), self.facts["side"], ordering.generator(seed))
        return self._batch(moved(np.asarray(self.pixels[items]), steps), items)

    def batch_of(self, items: np.ndarray) -> base.Batch:
        return self._batch(np.asarray(self.pixels[items]), items)

    def _batch(self, pixels: np.ndarray, items: np.ndarray) -> base.Batch:
        target = torch.from_numpy(self.targets[items]).to(self.device, non_blocking=True)
        return {"pixels": self.scaled(pixels), "target": target}

    def logits(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return logits_of(net(batch["pixels"]))

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        super().open_package(folder, config)
        self.labels = base.labels_of(config)

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The label of each image, and the share of each label."""
        return self.answers_from(logits_of(net(self.new_pixels(inputs))))

    def package(self, folder: Path) -> dict[str, Any]:
        return super().package(folder) | self.label_config()


def logits_of(answer: Any) -> Tensor:
    """What a net answers; a borrowed one wraps it."""
    return answer if isinstance(answer, Tensor) else answer.logits
