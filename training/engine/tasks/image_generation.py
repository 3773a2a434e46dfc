"""Image generation: a net learns to tell the noise in an image, and draws new ones out of pure noise (Ho et al. 2020).

Where the images have labels, a label can be asked for: for one image in ten it is left out while learning, so that a
drawing can be pushed away from what would be drawn without it (classifier-free guidance, Ho and Salimans 2022).
"""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import metrics, ordering
from training.engine.catalogue import Sizes
from training.engine.diffusion import SCHEDULER, TIMES, draw, kept, noised
from training.engine.protocol import InputData
from training.engine.tasks import base
from training.engine.tasks.images import Images, moved, moves

EVAL_ROWS = 64
EVAL_SEED = 1
EVAL_TIMES = 4  # of each image, from almost clean to almost noise
LEFT_OUT = 0.1  # of the labels, while learning
STEPS, GUIDANCE = 50, 2.0
MOST_GUIDANCE = 20


class Task(Images):
    """`labels` are those of the folders or the table; there are none where there is but one, or none."""

    parts: dict[str, np.ndarray]
    labels: list[str]

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        known = (data.profile.get("classes") or {}).get("label") or {}
        told, facts = self.write_pixels(data, folder, labelled=len(known) > 1)
        labels = sorted(set(told))
        if len(labels) < 2:
            labels = []
            self.write_parts(np.zeros(len(told), dtype=np.int64), folder)
        else:
            self._split(np.array([labels.index(label) for label in told], dtype=np.int64), folder)
        return facts | {"labels": labels, "seen": self.statistics(folder, facts)}

    def _split(self, targets: np.ndarray, folder: Path) -> None:
        """Every class gives its share to each part."""
        np.save(folder / "targets.npy", targets)
        self.write_parts(targets, folder)

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        # The net reads and draws numbers from -1 to 1, as the pipelines of diffusers have it.
        middle = [0.5] * facts["channels"]
        self.open_pixels(folder, facts | {"mean": middle, "deviation": middle})
        self.labels = facts["labels"]
        self.parts = {part: np.load(folder / f"{part}.npy") for part in base.PARTS}
        self.targets = np.load(folder / "targets.npy") if self.labels else np.zeros(facts["count"], dtype=np.int64)

    @property
    def answers(self) -> list[str]:
        return self.labels

    @property
    def sizes(self) -> Sizes:
        return Sizes(channels=self.facts["channels"], classes=len(self.labels))

    @property
    def shares(self) -> Tensor:
        """What is left of an image at each time."""
        if not hasattr(self, "_shares"):
            self._shares = kept().to(self.device)
        return self._shares

    def count(self, part: str) -> int:
        return len(self.parts[part])

    def units(self, batch: base.Batch) -> int:
        return len(batch["pixels"])

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        chance, items = ordering.generator(seed), self.parts["train"][rows]
        side, channels = self.facts["side"], self.facts["channels"]
        pixels = moved(np.asarray(self.pixels[items]), (moves(len(items), side, chance) / 2).astype(np.int64))
        targets = np.where(chance.random(len(items)) < LEFT_OUT, len(self.labels), self.targets[items])
        times = chance.integers(TIMES, size=len(items))
        return self._batch(pixels, targets, times, chance.standard_normal((len(items), channels, side, side)))

    def _batch(self, pixels: np.ndarray, targets: np.ndarray, times: np.ndarray, noise: np.ndarray) -> base.Batch:
        told = {"target": torch.from_numpy(targets), "time": torch.from_numpy(times)}
        told["noise"] = torch.from_numpy(noise).float()
        found = {name: tensor.to(self.device, non_blocking=True) for name, tensor in told.items()}
        return found | {"pixels": self.scaled(pixels)}

    def _noisy(self, batch: base.Batch) -> Tensor:
        return noised(batch["pixels"], batch["noise"], self.shares[batch["time"]])

    def _told(self, net: nn.Module, images: Tensor, times: Tensor, targets: Tensor) -> Tensor:
        """What the net takes for noise; `targets` are classes, or their number for none of them."""
        if self.labels:
            return net(images, times, targets, return_dict=False)[0]
        # A DiT always wants a class; a U-Net that has none does without.
        given = None if self.spec.model.arch == "unet" else torch.zeros_like(targets)
        return net(images, times, given, return_dict=False)[0]

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        told = self._told(net, self._noisy(batch), batch["time"], batch["target"])
        return (told - batch["noise"]).square().mean()

    def _judged_batch(self, part: str, items: np.ndarray, turn: int) -> base.Batch:
        """Noise and time of an image depend on its place in the part alone, so that figures can be compared."""
        side, channels = self.facts["side"], self.facts["channels"]
        chances = [ordering.generator(EVAL_SEED, int(item), turn) for item in items]
        fifth = TIMES // EVAL_TIMES
        times = np.array([turn * fifth + int(chance.integers(fifth)) for chance in chances])
        noise = np.stack([chance.standard_normal((channels, side, side)) for chance in chances])
        numbers = self.parts[part][items]
        return self._batch(np.asarray(self.pixels[numbers]), self.targets[numbers], times, noise)

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Mean squared error of the told noise of each image, and that of the trivial answer."""
        rows = np.zeros((len(items), 2))
        for start in range(0, len(items), EVAL_ROWS):
            self.stop.check()
            for turn in range(EVAL_TIMES):
                batch = self._judged_batch(part, items[start : start + EVAL_ROWS], turn)
                noisy = self._noisy(batch)
                for place, told in enumerate(
                    (self._told(net, noisy, batch["time"], batch["target"]), self._trivial(noisy, batch["time"]))
                ):
                    error = (told.float() - batch["noise"]).square().double().mean((1, 2, 3)).cpu().numpy()
                    rows[start : start + EVAL_ROWS, place] += error / EVAL_TIMES
        return rows

    def _trivial(self, noisy: Tensor, times: Tensor) -> Tensor:
        """The best guess that knows only mean and variance of each channel: a multiple of what differs from the mean.

        With zero for everything the error would be 1; this is nearer wherever there is more noise than image.
        """
        left = self.shares[times].view(-1, 1, 1, 1)
        mean, deviation = (
            2 * torch.tensor(self.facts["seen"][name], device=self.device).view(-1, 1, 1)
            for name in ("mean", "deviation")
        )
        middle, variance = mean - 1, deviation**2
        return (1 - left).sqrt() * (noisy - left.sqrt() * middle) / (left * variance + 1 - left)

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        report = base.Report({name: float(v) for name, v in _scores(judged.rows.sum(0), len(judged.rows)).items()})
        if final:
            report.detail = {"images": len(judged.rows), "labels": self.labels}
            sums = np.column_stack([judged.rows, np.ones(len(judged.rows))])
            report.interval = metrics.sums_interval(
                sums, lambda s: _scores(s, s[..., 2])[self.spec.primary], check=self.stop.check
            )
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The best guess from mean and variance."""
        error = self.measure(_Nothing(), "test", np.arange(self.count("test")))[:, 1]
        scores = _scores(np.array([error.sum(), error.sum()]), len(error))
        return "best multiple of the noisy image", {name: float(value) for name, value in scores.items()}

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The error."""
        return judged.rows[:, 0]

    def samples(self, net: nn.Module, judged: base.Judged, count: int, step: int) -> Iterator[dict[str, Any]]:
        """Drawings, one of each label in turn."""
        for number in range(count):
            label = number % len(self.labels) if self.labels else 0
            png = self._drawn(net, label, number, STEPS, 0.0, GUIDANCE)
            name = self.labels[label] if self.labels else str(number + 1)
            yield {
                "kind": "picture",
                "prompt": name,
                "text": f"{self.facts['side']} × {self.facts['side']}",
                "png": png,
            }

    def _drawn(self, net: nn.Module, label: int, seed: int, steps: int, eta: float, guidance: float) -> str:
        """A PNG in base64, by itself: the same whoever is drawn beside it."""
        generator = torch.Generator().manual_seed(ordering.seed_of(EVAL_SEED, seed))
        shape = (1, self.facts["channels"], self.facts["side"], self.facts["side"])
        start = torch.randn(shape, generator=generator).to(self.device)
        targets = torch.tensor([label, len(self.labels)] if self.labels else [0], device=self.device)

        def tell(images: Tensor, time: int) -> Tensor:
            self.stop.check()
            times = torch.full((len(targets),), time, device=self.device)
            told = self._told(net, images.expand(len(targets), -1, -1, -1), times, targets).float()
            return told[:1] if len(told) == 1 else told[1:] + guidance * (told[:1] - told[1:])

        pixels = ((draw(tell, start, steps, eta, generator)[0] + 1) * 127.5).round().byte().cpu().numpy()
        return base64.b64encode(png_of(pixels)).decode()

    def package(self, folder: Path) -> dict[str, Any]:
        super().package(folder)
        (folder / "scheduler_config.json").write_text(json.dumps(SCHEDULER, indent=2) + "\n")
        config = base.label_config(self.labels, "")
        return {name: config[name] for name in ("id2label", "label2id")}

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        super().open_package(folder, config | {"num_channels": config["in_channels"]})
        self.labels = base.labels_of(config)

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """A PNG, in base64, for each label; {"label", "seed", "steps", "eta", "guidance"} says how it is drawn."""
        asked = [self._asked(one, self.first_input + number) for number, one in enumerate(inputs)]
        return [
            ({"label": self.labels[how[0]]} if self.labels else {}) | {"png": self._drawn(net, *how)} for how in asked
        ]

    def _asked(self, one: Any, number: int) -> tuple[int, int, int, float, float]:
        """(label, seed, steps, eta, guidance) of an input. Raises ValueError."""
        given = dict(one) if isinstance(one, dict) else {"label": one}
        if unknown := set(given) - {"label", "seed", "steps", "eta", "guidance"}:
            raise ValueError(f"a drawing has no {', '.join(sorted(map(str, unknown)))}")
        name = given.get("label") or ""
        if self.labels and name not in self.labels:
            raise ValueError(f"this model draws {', '.join(self.labels[:20])}")
        seed, steps = given.get("seed", number), given.get("steps", STEPS)
        eta, guidance = given.get("eta", 0.0), given.get("guidance", GUIDANCE)
        if not _between(seed, 0, 2**63 - 1, int):
            raise ValueError("the seed is a whole number")
        if not _between(steps, 1, TIMES, int):
            raise ValueError(f"steps are a whole number from 1 to {TIMES:,}")
        if not _between(eta, 0, 1, float) or not _between(guidance, 0, MOST_GUIDANCE, float):
            raise ValueError(f"eta is from 0 to 1, guidance from 0 to {MOST_GUIDANCE}")
        return self.labels.index(name) if self.labels else 0, seed, steps, float(eta), float(guidance)


class _Nothing(nn.Module):
    """Tells no noise."""

    def forward(self, images: Tensor, *more: Any, **how: Any) -> tuple[Tensor]:
        return (torch.zeros_like(images),)


def _between(value: Any, low: float, high: float, kind: type) -> bool:
    kinds = (int, float) if kind is float else (int,)
    return isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high


def png_of(pixels: np.ndarray) -> bytes:
    """Bytes (channels, height, width) as a PNG."""
    from PIL import Image  # only runs that draw need it

    file = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(file, "PNG")
    return file.getvalue()


def _scores(sums: np.ndarray, count: Any) -> dict[str, np.ndarray]:
    return {"loss": sums[..., 0] / count, "explained": 1 - sums[..., 0] / np.maximum(sums[..., 1], 1e-12)}
