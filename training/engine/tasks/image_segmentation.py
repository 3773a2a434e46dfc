"""Image segmentation: a class for each pixel, judged by how far what is told and what is true overlap."""

import base64
import colorsys
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics, ordering
from training.engine.catalogue import SEGFORMER_STRIDES, Sizes
from training.engine.errors import DataError
from training.engine.masks import UNLABELLED, class_names, read_masked
from training.engine.protocol import InputData
from training.engine.readers import IMAGE_FORMATS, eight_bits, image_size
from training.engine.tasks import base
from training.engine.tasks.images import Images, moved, moves

EVAL_ROWS = 16
MAX_UNNAMED = 64
MIN_SHARE = 0.0005
OVERLAY_SIDE = 512


class Task(Images):
    """`mask` of a batch holds the class of each pixel (images, side, side), UNLABELLED where there is none."""

    probe = "places"
    labels: list[str]
    parts: dict[str, np.ndarray]

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        path, channels, side = Path(data.path), self.channels_of(data), self.shape.image or 32
        named = class_names(path, data.profile)
        limit = len(named) if named else None
        names, seen = [], np.zeros(UNLABELLED + 1, dtype=bool)
        with (folder / "pixels.bin").open("wb") as images, (folder / "masks.bin").open("wb") as masks:
            for name, pixels, mask in read_masked(path, side, channels, data.profile, self.stop, limit):
                images.write(pixels.tobytes())
                masks.write(mask.tobytes())
                seen[np.unique(mask)] = True
                names.append(name)
        (folder / "names.json").write_text(json.dumps(names))
        labels = named or _renumber(folder / "masks.bin", seen)
        facts = {"channels": channels, "side": side, "count": len(names), "labels": labels}
        self.tell_files(data, "image", names)
        self.write_parts(np.zeros(len(names), dtype=np.int64), folder)
        return facts | self.statistics(folder, facts)

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_pixels(folder, facts)
        self.labels = facts["labels"]
        self.masks = np.memmap(
            folder / "masks.bin", np.uint8, "r", shape=(facts["count"], facts["side"], facts["side"])
        )
        self.parts = {part: np.load(folder / f"{part}.npy") for part in base.PARTS}

    @property
    def answers(self) -> list[str]:
        return self.labels

    @property
    def sizes(self) -> Sizes:
        return Sizes(channels=self.facts["channels"], classes=len(self.labels))

    def count(self, part: str) -> int:
        return len(self.parts[part])

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        items = self.parts["train"][rows]
        both = np.concatenate([self.pixels[items], self.masks[items][:, None]], 1)
        both = moved(both, moves(len(items), self.facts["side"], ordering.generator(seed)))
        return self._batch(both[:, :-1], both[:, -1])

    def _batch(self, pixels: np.ndarray, masks: np.ndarray) -> base.Batch:
        mask = torch.from_numpy(np.ascontiguousarray(masks)).to(self.device, non_blocking=True).long()
        return {"pixels": self.scaled(np.ascontiguousarray(pixels)), "mask": mask}

    def units(self, batch: base.Batch) -> int:
        return len(batch["mask"])

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return self._losses(self._logits(net, batch["pixels"]), batch["mask"]).mean()

    def _logits(self, net: nn.Module, pixels: Tensor) -> Tensor:
        """(images, classes, side, side)."""
        return _enlarged(net(pixel_values=pixels).logits.float(), pixels.shape[-1])

    def _losses(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Of each image, so that one with many unlabelled pixels counts as much as any other."""
        each = F.cross_entropy(logits, mask, ignore_index=UNLABELLED, reduction="none").sum((1, 2))
        return each / (mask != UNLABELLED).sum((1, 2)).clamp(min=1)

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """The loss, and pixels that are right, true and told of each class."""
        rows = []
        for start in range(0, len(items), EVAL_ROWS):
            self.stop.check()
            numbers = self.parts[part][items[start : start + EVAL_ROWS]]
            batch = self._batch(np.asarray(self.pixels[numbers]), np.asarray(self.masks[numbers]))
            rows.append(self._measured(self._logits(net, batch["pixels"]), batch["mask"]))
        return np.concatenate(rows) if rows else np.zeros((0, 1 + 3 * len(self.labels)))

    def _measured(self, logits: Tensor, mask: Tensor) -> np.ndarray:
        losses = self._losses(logits, mask).cpu().numpy()
        return np.column_stack([losses, self._pixels(logits.argmax(1).cpu().numpy(), mask.cpu().numpy())])

    def batch_of(self, items: np.ndarray) -> base.Batch:
        """Images by their number in the dataset, without their masks."""
        return {"pixels": self.scaled(np.asarray(self.pixels[items]))}

    def order_for_eval(self, numbers: np.ndarray) -> np.ndarray:
        return np.arange(len(numbers))

    @property
    def _places(self) -> int:
        """Places along a side, of which the net tells."""
        return -(-self.facts["side"] // SEGFORMER_STRIDES[0])

    @property
    def probe_size(self) -> int:
        return self._places**2

    def probe_counts(self, part: str, items: np.ndarray) -> np.ndarray:
        return np.full(len(items), self.probe_size)

    def probe_targets(self, part: str, items: np.ndarray) -> np.ndarray:
        """The class in the middle of each place, row by row."""
        numbers, middle = self.parts[part][items], (np.arange(self._places) + 0.5) / self._places
        at = (middle * self.facts["side"]).astype(np.int64)
        found = np.empty((len(items), len(at), len(at)), dtype=np.int16)
        for row, number in enumerate(numbers):
            self.stop.check()
            found[row] = self.masks[number][np.ix_(at, at)]
        return np.where(found == UNLABELLED, np.int16(-1), found).ravel()

    def probe_rows(self, part: str, items: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """`answers`: log shares of all places of the items (places, classes), enlarged as those of the net are."""
        masks = torch.from_numpy(np.asarray(self.masks[self.parts[part][items]])).long()
        shares = torch.from_numpy(answers).float().view(len(items), self._places, self._places, -1)
        return self._measured(_enlarged(shares.permute(0, 3, 1, 2), self.facts["side"]), masks)

    def _pixels(self, told: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Pixels of each image (images, 3 classes): right, true and told of each class, of those that have one."""
        count, classes = len(truth), len(self.labels)
        truth, told = truth.reshape(count, -1).astype(np.int64), told.reshape(count, -1)
        image, place = np.nonzero(truth != UNLABELLED)
        a, b = truth[image, place], told[image, place]
        found = [np.bincount(image[a == b] * classes + a[a == b], minlength=count * classes)]
        found += [np.bincount(image * classes + c, minlength=count * classes) for c in (a, b)]
        return np.concatenate([each.reshape(count, classes) for each in found], 1)

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        rows = np.column_stack([judged.rows, np.ones(len(judged.rows))])
        scores = metrics.pixel_scores(rows.sum(0))
        report = base.Report({name: float(value) for name, value in scores.items()})
        if final:
            hits, truth, told = np.split(judged.rows[:, 1:].sum(0), 3)
            union = np.maximum(truth + told - hits, 1)
            report.detail = {
                "images": len(judged.rows),
                "labels": self.labels,
                "classes": {
                    label: {"iou": round(float(hits[i] / union[i]), 6), "pixels": int(truth[i])}
                    for i, label in enumerate(self.labels)
                },
            }
            report.interval = metrics.sums_interval(
                rows, lambda s: metrics.pixel_scores(s)[self.spec.primary], check=self.stop.check
            )
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The commonest class of the training part in every pixel; loss of the share of each class there."""
        classes = len(self.labels)
        counts = np.zeros(classes)
        for start in range(0, self.count("train"), 256):
            some = np.asarray(self.masks[self.parts["train"][start : start + 256]]).ravel()
            counts += np.bincount(some[some != UNLABELLED], minlength=classes)
        logs = np.log((counts + 1) / (counts + 1).sum())
        rows = []
        for start in range(0, self.count("test"), 256):
            truth = np.asarray(self.masks[self.parts["test"][start : start + 256]])
            pixels = self._pixels(np.full_like(truth, counts.argmax(), dtype=np.int64), truth)
            true = pixels[:, classes : 2 * classes]
            losses = -(true @ logs) / np.maximum(true.sum(1), 1)
            rows.append(np.column_stack([losses, pixels, np.ones(len(truth))]))
        scores = metrics.pixel_scores(np.concatenate(rows).sum(0))
        return "commonest class", {name: float(value) for name, value in scores.items()}

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The loss."""
        return judged.rows[:, 0]

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        name = self.describe(int(self.parts[judged.part][judged.items[place]]))
        _, truth, told = np.split(judged.rows[place, 1:], 3)
        return {"kind": "image", "prompt": name, "text": self._words(told), "label": self._words(truth)}

    def _words(self, pixels: np.ndarray) -> str:
        """Classes and their shares of the pixels, the largest first."""
        shares = pixels / max(1.0, pixels.sum())
        order = [n for n in np.argsort(-shares, kind="stable") if shares[n] >= MIN_SHARE]
        return ", ".join(f"{self.labels[n]} {shares[n]:.1%}" for n in order) or "–"

    def package(self, folder: Path) -> dict[str, Any]:
        super().package(folder)
        self.name_processor(folder, "SegformerImageProcessor", do_reduce_labels=False)
        config = base.label_config(self.labels, "")
        return {name: config[name] for name in ("id2label", "label2id")}

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        super().open_package(folder, config)
        self.labels = base.labels_of(config)

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The share of each class, and a mask as PNG in base64: at the size of the image, its pixels are classes.

        `overlay` is a small JPEG of the image under the colours of the classes, which are `colours`.
        """
        told = self._logits(net, self.new_pixels(inputs)).argmax(1).to(torch.uint8).cpu().numpy()
        answers = []
        for path, mask in zip(inputs, told, strict=True):
            counts = np.bincount(mask.ravel(), minlength=len(self.labels))
            shares = {label: round(n / mask.size, 6) for label, n in zip(self.labels, counts.tolist(), strict=True)}
            data = Path(path).read_bytes()
            answer = {"shares": shares, "mask": _png(mask, image_size(data)), "overlay": _overlay(mask, data)}
            answers.append(answer | {"colours": {label: colour_of(n) for n, label in enumerate(self.labels)}})
        return answers


def _enlarged(coarse: Tensor, side: int) -> Tensor:
    return F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)


def _renumber(path: Path, seen: np.ndarray) -> list[str]:
    """Number the classes of masks as they come, where nothing names them; returns the numbers they had, as names.

    Masks of 0 and 255 alone have two classes: then 255 does not mean unlabelled.
    """
    numbers = np.flatnonzero(seen)
    if set(numbers.tolist()) != {0, UNLABELLED}:
        numbers = numbers[numbers != UNLABELLED]
    if not 2 <= len(numbers) <= MAX_UNNAMED:
        problem = f"its masks hold {len(numbers)} different numbers; 2 to {MAX_UNNAMED} can be classes"
        raise DataError("data_shape", problem=f"{problem}, or more when classes.txt names them")
    table = np.full(UNLABELLED + 1, UNLABELLED, dtype=np.uint8)
    table[numbers] = np.arange(len(numbers))
    masks = np.memmap(path, np.uint8, "r+")
    for start in range(0, len(masks), 1 << 24):
        masks[start : start + (1 << 24)] = table[masks[start : start + (1 << 24)]]
    masks.flush()
    return [str(number) for number in numbers]


def _png(mask: np.ndarray, size: tuple[int, int]) -> str:
    from PIL import Image  # only a finished model writes masks

    file = io.BytesIO()
    Image.fromarray(mask).resize(size, Image.Resampling.NEAREST).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def colour_of(number: int) -> str:
    """A colour for a class, as far as may be from those before it: hues by the golden angle."""
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(number * 0.381966 % 1, 0.75, 0.9))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _overlay(mask: np.ndarray, image: bytes) -> str:
    """The image, at most OVERLAY_SIDE pixels wide or high, half covered by the colours of its classes."""
    from PIL import Image  # as above

    with Image.open(io.BytesIO(image), formats=IMAGE_FORMATS) as opened:
        plain = eight_bits(opened).convert("RGB")
    plain.thumbnail((OVERLAY_SIDE, OVERLAY_SIDE))
    table = np.array([list(bytes.fromhex(colour_of(number)[1:])) for number in range(int(mask.max()) + 1)], np.uint8)
    colours = Image.fromarray(table[mask]).resize(plain.size, Image.Resampling.NEAREST)
    file = io.BytesIO()
    Image.blend(plain, colours, 0.45).save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()
