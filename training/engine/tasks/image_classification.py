"""Image classification: all images at one size in one file, small shifts while learning."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import ordering
from training.engine.catalogue import Sizes
from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import read_images
from training.engine.tasks import base
from training.engine.tasks.classifying import Classifier

GREY_MODES = {"1", "L", "LA", "I;16"}
STATISTICS_ROWS = 5_000
SHIFT_SHARE = 8


class Task(Classifier):
    """Pixels as bytes (channels, side, side); scaled by mean and deviation of the training part."""

    unit = "images"

    def prepare_key(self) -> dict[str, Any]:
        return {"image": self.shape.image}

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        modes = (data.profile.get("image") or {}).get("modes") or ["RGB"]
        channels = 1 if set(modes) <= GREY_MODES else 3
        side = self.shape.image or 32
        names, labels = [], []
        with (folder / "pixels.bin").open("wb") as file:
            for name, label, pixels in read_images(Path(data.path), side, channels, data.profile, self.stop):
                file.write(pixels.tobytes())
                names.append(name)
                labels.append(label)
        if not names:
            raise DataError("data_shape", problem="it holds no image with a label")
        classes = self.encode_labels(labels, folder)
        all_pixels = np.memmap(folder / "pixels.bin", np.uint8, "r", shape=(len(names), channels, side, side))
        train = np.load(folder / "train.npy")
        some = all_pixels[train[base.spaced(len(train), STATISTICS_ROWS)]] / np.float32(255)
        (folder / "names.json").write_text(json.dumps(names))
        return {
            "labels": classes,
            "channels": channels,
            "side": side,
            "count": len(names),
            "mean": [round(float(m), 6) for m in some.mean((0, 2, 3))],
            "deviation": [round(max(1e-3, float(s)), 6) for s in some.std((0, 2, 3))],
        }

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_labels(folder, facts["labels"])
        self.facts = facts
        shape = (facts["count"], facts["channels"], facts["side"], facts["side"])
        self.pixels = np.memmap(folder / "pixels.bin", np.uint8, "r", shape=shape)
        self.names: list[str] = json.loads((folder / "names.json").read_text())

    @property
    def sizes(self) -> Sizes:
        return Sizes(channels=self.facts["channels"], classes=len(self.labels))

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        items = self.parts["train"][rows]
        pixels = _shift(np.asarray(self.pixels[items]), ordering.generator(seed))
        return self._batch(pixels, items)

    def batch_of(self, items: np.ndarray) -> base.Batch:
        return self._batch(np.asarray(self.pixels[items]), items)

    def _batch(self, pixels: np.ndarray, items: np.ndarray) -> base.Batch:
        scaled = torch.from_numpy(pixels).to(self.device, non_blocking=True).float().div_(255)
        mean = torch.tensor(self.facts["mean"], device=self.device).view(-1, 1, 1)
        deviation = torch.tensor(self.facts["deviation"], device=self.device).view(-1, 1, 1)
        target = torch.from_numpy(self.targets[items]).to(self.device, non_blocking=True)
        return {"pixels": (scaled - mean) / deviation, "target": target}

    def logits(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return net(batch["pixels"])

    def describe(self, item: int) -> str:
        return self.names[item]

    def package(self, folder: Path) -> dict[str, Any]:
        side = self.facts["side"]
        processor = {
            "image_processor_type": "ViTImageProcessor",
            "do_resize": True,
            "size": {"height": side, "width": side},
            "resample": 2,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "do_convert_rgb": self.facts["channels"] == 3,
            "image_mean": self.facts["mean"],
            "image_std": self.facts["deviation"],
        }
        (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
        return self.label_config()


def _shift(pixels: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Each image moved by up to an eighth of its side, edges repeated; works for scans, photos and symbols alike."""
    count, channels, side, _ = pixels.shape
    most = side // SHIFT_SHARE
    moves = chance.integers(-most, most + 1, size=(2, count, 1))
    rows = (np.arange(side) + moves[0]).clip(0, side - 1)
    columns = (np.arange(side) + moves[1]).clip(0, side - 1)
    number = np.arange(count)[:, None, None, None]
    channel = np.arange(channels)[None, :, None, None]
    return pixels[number, channel, rows[:, None, :, None], columns[:, None, None, :]]
