"""Masked images: tell the hidden three quarters of an image from the patches that are shown (He et al. 2022).

No labels are needed, and a classifier of images can begin with what was learnt.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import metrics, ordering
from training.engine.catalogue import Sizes
from training.engine.protocol import InputData
from training.engine.tasks import base
from training.engine.tasks.images import Images

EVAL_ROWS = 64
EVAL_SEED = 1
HIDDEN = 0.75


def shown_of(patches: int) -> int:
    """How many patches of an image the net sees."""
    return max(1, int(patches * (1 - HIDDEN)))


class Task(Images):
    """`order` of a batch lists the patches of each image, those that are shown first."""

    parts: dict[str, np.ndarray]

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        _, facts = self.write_pixels(data, folder, labelled=False)
        self.write_parts(np.zeros(facts["count"], dtype=np.int64), folder)
        return facts | self.statistics(folder, facts)

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_pixels(folder, facts)
        self.parts = {part: np.load(folder / f"{part}.npy") for part in base.PARTS}

    @property
    def sizes(self) -> Sizes:
        return Sizes(channels=self.facts["channels"])

    def count(self, part: str) -> int:
        return len(self.parts[part])

    @property
    def patches(self) -> int:
        """Patches of an image."""
        return (self.facts["side"] // (self.shape.patch or 1)) ** 2

    @property
    def shown(self) -> int:
        """Patches that the net sees."""
        return shown_of(self.patches)

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        chance = ordering.generator(seed)
        return self._batch("train", rows, chance.random((len(rows), self.patches)))

    def _judged_batch(self, part: str, items: np.ndarray) -> base.Batch:
        """What is hidden of an image depends on its place in the part alone, so that figures can be compared."""
        draws = [ordering.generator(EVAL_SEED, int(item)).random(self.patches) for item in items]
        return self._batch(part, items, np.stack(draws))

    def _batch(self, part: str, items: np.ndarray, noise: np.ndarray) -> base.Batch:
        order = torch.from_numpy(np.argsort(noise, axis=1, kind="stable"))
        pixels = self.scaled(np.asarray(self.pixels[self.parts[part][items]]))
        return {"pixels": pixels, "order": order.to(self.device, non_blocking=True)}

    def _patches(self, batch: base.Batch) -> tuple[Tensor, Tensor]:
        """(the patches that are shown, those that are hidden) as numbers (images, patches, numbers)."""
        images, channels, side, _ = batch["pixels"].shape
        patch = self.shape.patch or 1
        grid = batch["pixels"].view(images, channels, side // patch, patch, side // patch, patch)
        found = _chosen(grid.permute(0, 2, 4, 3, 5, 1).reshape(images, self.patches, -1), batch["order"])
        return found[:, : self.shown], found[:, self.shown :]

    def _told(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """What the net says of the hidden patches."""
        return _chosen(net(batch["pixels"], batch["order"], self.shown), batch["order"])[:, self.shown :]

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return (self._told(net, batch) - self._patches(batch)[1]).square().mean()

    def units(self, batch: base.Batch) -> int:
        return len(batch["pixels"])

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Mean squared error in the hidden patches of each image, and that of the mean of what is shown."""
        rows = np.zeros((len(items), 2))
        for start in range(0, len(items), EVAL_ROWS):
            self.stop.check()
            batch = self._judged_batch(part, items[start : start + EVAL_ROWS])
            error = self._told(net, batch).float() - self._patches(batch)[1]
            rows[start : start + EVAL_ROWS, 0] = error.square().double().mean((1, 2)).cpu().numpy()
            rows[start : start + EVAL_ROWS, 1] = self._trivial(batch)
        return rows

    def _trivial(self, batch: base.Batch) -> np.ndarray:
        """Error of telling everywhere the mean of what is shown, channel by channel."""
        shown, hidden = (found.unflatten(2, (-1, self.facts["channels"])) for found in self._patches(batch))
        return (hidden - shown.mean((1, 2), keepdim=True)).square().double().mean((1, 2, 3)).cpu().numpy()

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        report = base.Report(
            {name: float(value) for name, value in _scores(judged.rows.sum(0), len(judged.rows)).items()}
        )
        if final:
            report.detail = {"images": len(judged.rows), "hidden": HIDDEN}
            sums = np.column_stack([judged.rows, np.ones(len(judged.rows))])
            report.interval = metrics.sums_interval(
                sums, lambda s: _scores(s, s[..., 2])[self.spec.primary], check=self.stop.check
            )
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The mean of what is shown, everywhere."""
        errors = []
        for start in range(0, self.count("test"), EVAL_ROWS):
            items = np.arange(start, min(start + EVAL_ROWS, self.count("test")))
            errors.append(self._trivial(self._judged_batch("test", items)))
        error = np.concatenate(errors)
        scores = _scores(np.array([error.sum(), error.sum()]), len(error))
        return "mean of what is shown", {name: float(value) for name, value in scores.items()}

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """How much of what is hidden it explains of each image."""
        # The same is hidden of each, whoever is asked about beside it.
        noise = np.tile(ordering.generator(EVAL_SEED).random(self.patches), (len(inputs), 1))
        order = torch.from_numpy(np.argsort(noise, axis=1, kind="stable")).to(self.device)
        batch = {"pixels": self.new_pixels(inputs), "order": order}
        error = (self._told(net, batch).float() - self._patches(batch)[1]).square().double().mean((1, 2))
        return [{"explained": 1 - e / max(t, 1e-12)} for e, t in zip(error.tolist(), self._trivial(batch), strict=True)]

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The error."""
        return judged.rows[:, 0]

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        error, trivial = judged.rows[place]
        name = self.describe(int(self.parts[judged.part][judged.items[place]]))
        return {"kind": "image", "prompt": name, "text": f"{error:.3g}", "label": f"{trivial:.3g}"}


def _scores(sums: np.ndarray, count: Any) -> dict[str, np.ndarray]:
    return {"explained": 1 - sums[..., 0] / np.maximum(sums[..., 1], 1e-12), "loss": sums[..., 0] / count}


def _chosen(patches: Tensor, order: Tensor) -> Tensor:
    return patches.gather(1, order[:, :, None].expand(-1, -1, patches.shape[2]))
