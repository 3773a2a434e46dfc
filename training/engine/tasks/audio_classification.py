"""Audio classification: one label of a list for each recording, from the power in its bands over time.

A wav2vec 2.0 hears the recording as it is, so that it can begin with what was learnt of hidden stretches.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import ordering
from training.engine.catalogue import MELS, Sizes, frames_of
from training.engine.protocol import InputData
from training.engine.sounds import RATE, WINDOW, log_mels, mel_bands
from training.engine.tasks import base
from training.engine.tasks.classifying import Classifier
from training.engine.tasks.waves import WaveNet

STATISTICS_ROWS = 500
SHIFT_SHARE = 10
PROCESSOR = "preprocessor_config.json"


class Task(WaveNet, Classifier):
    """A class for each recording; what lies behind `seconds` is not heard, and silence follows what is shorter."""

    facts: dict[str, Any]
    read_as: dict[str, Any] | None = None  # how the model that it starts from reads spectra

    def begin_with(self, folder: Path) -> None:
        """Read spectra as that model does, whatever these ones are like: its weights have learnt to hear them so."""
        found = json.loads((folder / PROCESSOR).read_text())
        if "num_mel_bins" in found:
            self.read_as = _read_as(found)

    @property
    def hears(self) -> bool:
        """Whether the net hears recordings as they are, without a spectrum."""
        return self.spec.model.arch == "wav2vec2"

    def prepare_key(self) -> dict[str, Any]:
        own = {"hears": True} if self.hears else {"read_as": self.read_as} if self.read_as else {}
        return super().prepare_key() | own

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        labels = self.write_sounds(data, folder, "label", cut=True)
        classes = self.encode_labels(labels, folder)
        if self.hears:
            return {"labels": classes}
        if self.read_as is not None:
            return {"labels": classes} | self.read_as
        self.facts = {}
        self.open_sounds(folder)
        train = np.load(folder / "train.npy")
        some = train[base.spaced(len(train), STATISTICS_ROWS)]
        values = np.concatenate([self._spectra([self.wave(item)]).numpy().ravel() for item in some])
        mean, deviation = round(float(values.mean()), 6), round(max(1e-3, float(values.std())), 6)
        return {"labels": classes, "mean": mean, "deviation": deviation}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.open_labels(folder, facts["labels"])
        self.open_sounds(folder)

    @property
    def sizes(self) -> Sizes:
        return Sizes(classes=len(self.labels))

    @property
    def bands(self) -> Tensor:
        """What makes bands of a spectrum."""
        if not hasattr(self, "_bands"):
            self._bands = mel_bands(self.mels)
        return self._bands

    @property
    def mels(self) -> int:
        """How many bands those are."""
        return self.facts.get("mels", MELS)

    @property
    def frames(self) -> int:
        """Spectra of a recording."""
        return self.facts.get("frames", frames_of(self.shape.seconds or 1))

    def _spectra(self, waves: Sequence[np.ndarray]) -> Tensor:
        """(recordings, frames, bands), frames as many as the longest has."""
        width = max(WINDOW, *(len(wave) for wave in waves))
        together = np.zeros((len(waves), width), dtype=np.float32)
        for row, wave in enumerate(waves):
            together[row, : len(wave)] = wave
        return log_mels(torch.from_numpy(together).to(self.device), self.bands)

    def _features(self, waves: Sequence[np.ndarray]) -> Tensor:
        """Spectra scaled by mean and deviation; what is behind a recording is 0 before that, as in transformers."""
        frames = self.frames
        found = self._spectra([wave[: self.room] for wave in waves])
        counts = torch.tensor([1 + max(0, min(len(w), self.room) - WINDOW) // 160 for w in waves], device=found.device)
        found = found.masked_fill(
            torch.arange(found.shape[1], device=found.device)[:, None] >= counts[:, None, None], 0
        )
        found = nn.functional.pad(found[:, :frames], (0, 0, 0, max(0, frames - found.shape[1])))
        return (found - self.facts["mean"]) / (2 * self.facts["deviation"])

    def batches(self, epoch: int) -> list[np.ndarray]:
        """All spectra are as long, so they need not be put together by length."""
        return super().batches(epoch) if self.hears else base.Task.batches(self, epoch)

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        """Each recording begins up to a tenth of its length later."""
        items, chance = self.parts["train"][rows], ordering.generator(seed)
        waves = [self.wave(item) for item in items]
        starts = [int(chance.integers(len(wave) // SHIFT_SHARE + 1)) for wave in waves]
        return self._batch([wave[start:] for wave, start in zip(waves, starts, strict=True)], items)

    def batch_of(self, items: np.ndarray) -> base.Batch:
        return self._batch([self.wave(item) for item in items], items)

    def _batch(self, waves: Sequence[np.ndarray], items: np.ndarray) -> base.Batch:
        target = torch.from_numpy(self.targets[items]).to(self.device, non_blocking=True)
        return self._read(waves) | {"target": target}

    def _read(self, waves: Sequence[np.ndarray]) -> base.Batch:
        """What the net reads of recordings."""
        return self.heard([wave[: self.room] for wave in waves]) if self.hears else {"values": self._features(waves)}

    def logits(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return net(batch["values"], batch["mask"]) if self.hears else net(batch["values"])

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        return super().show(net, judged, place) | {"kind": "row"}

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        self.labels = base.labels_of(config)
        if not self.hears:
            self.facts = _read_as(json.loads((folder / PROCESSOR).read_text()))

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The label of each recording, and the share of each label."""
        return self.answers_from(self.logits(net, self._read(self.new_waves(inputs))))

    def package(self, folder: Path) -> dict[str, Any]:
        if self.hears:
            self.write_processor(folder)
            return self.label_config()
        processor = spectra_of(self.mels, self.frames, self.facts["mean"], self.facts["deviation"])
        (folder / PROCESSOR).write_text(json.dumps(processor, indent=2) + "\n")
        return self.label_config()


def _read_as(processor: dict[str, Any]) -> dict[str, Any]:
    """What a processor says that facts of prepared recordings say too."""
    names = {"mean": "mean", "deviation": "std", "mels": "num_mel_bins", "frames": "max_length"}
    return {own: processor[name] for own, name in names.items()}


def spectra_of(mels: int, frames: int, mean: float, deviation: float) -> dict[str, Any]:
    """How transformers makes of a recording what an AST reads."""
    return {
        "feature_extractor_type": "ASTFeatureExtractor",
        "sampling_rate": RATE,
        "num_mel_bins": mels,
        "max_length": frames,
        "feature_size": 1,
        "padding_value": 0.0,
        "do_normalize": True,
        "mean": mean,
        "std": deviation,
        "return_attention_mask": False,
    }
