"""What tasks share whose net hears a recording as it is, without a spectrum: a wav2vec 2.0 and its convolutions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.engine import ordering
from training.engine.sounds import RATE
from training.engine.tasks import base
from training.engine.tasks.recordings import Recordings

STRIDES = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))  # of the convolutions: kernel and step


class WaveNet(Recordings):
    """Recordings of like length share a batch."""

    def count(self, part: str) -> int:
        return len(self.parts[part])

    def units(self, batch: base.Batch) -> int:
        return len(batch["values"])

    def batches(self, epoch: int) -> list[np.ndarray]:
        train, items = self.spec.train, self.parts["train"]
        lengths = (self.edges[items + 1] - self.edges[items]) // RATE
        return ordering.bucketed_batches(lengths, train.batch, train.seed, epoch)

    def heard(self, waves: list[np.ndarray]) -> base.Batch:
        """Each at mean 0 and deviation 1, as transformers' Wav2Vec2FeatureExtractor has it; zeros behind."""
        width = max(*(len(wave) for wave in waves), shortest())
        values, mask = np.zeros((2, len(waves), width), dtype=np.float32)
        for row, wave in enumerate(waves):
            values[row, : len(wave)] = (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)
            mask[row, : max(len(wave), shortest())] = 1
        return {
            "values": torch.from_numpy(values).to(self.device, non_blocking=True),
            "mask": torch.from_numpy(mask).long().to(self.device, non_blocking=True),
            "steps": torch.tensor([steps_of(max(len(wave), shortest())) for wave in waves], device=self.device),
        }

    def write_processor(self, folder: Path, **more: Any) -> None:
        """How transformers makes of a recording what the net hears."""
        processor = {
            "feature_extractor_type": "Wav2Vec2FeatureExtractor",
            "sampling_rate": RATE,
            "feature_size": 1,
            "padding_value": 0.0,
            "do_normalize": True,
            "return_attention_mask": True,
        }
        (folder / "preprocessor_config.json").write_text(json.dumps(processor | more, indent=2) + "\n")


def steps_of(values: int) -> int:
    """Letters, or none, that are told of so many values."""
    for kernel, step in STRIDES:
        values = (values - kernel) // step + 1
    return max(0, values)


def shortest() -> int:
    """Values of which one step is told."""
    values = 1
    for kernel, step in reversed(STRIDES):
        values = (values - 1) * step + kernel
    return values
