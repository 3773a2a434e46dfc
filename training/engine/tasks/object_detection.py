"""Object detection: what is where in an image, as a class and a box for each thing (Carion et al. 2020).

The net tells a fixed number of boxes; each true one is given the told one that suits it best, the others say "nothing".
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from training.engine import metrics, ordering, precision
from training.engine.boxes import from_corners, read_boxed, read_boxes, to_corners
from training.engine.catalogue import Sizes, boxes_of
from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import image_size
from training.engine.tasks import base
from training.engine.tasks.images import Images, moved, moves

EVAL_ROWS = 32
MAX_CLASSES = 1_000
NOTHING_WEIGHT, SIDES_WEIGHT, OVERLAP_WEIGHT = 0.1, 5.0, 2.0
SURE = 0.5
LEAST = 1e-3
NEAR = 1e-6  # an edge
LEAST_SIDE = 0.01  # of a box that the edge of a moved image has cut, or half of what it had


class Task(Images):
    """`kinds` of a batch holds the class of each true box (images, most), -1 where there is none; `boxes` its place."""

    labels: list[str]
    parts: dict[str, np.ndarray]

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        path, channels, side = Path(data.path), self.channels_of(data), self.shape.image or 32
        boxed = read_boxes(path, data.profile)
        labels = boxed.labels
        if not 1 <= len(labels) <= MAX_CLASSES:
            problem = f"its boxes have {len(labels)} different labels; 1 to {MAX_CLASSES} are possible"
            raise DataError("data_file", name=boxed.source, problem=problem)
        number, names, rows, counts = {label: n for n, label in enumerate(labels)}, [], [], []
        with (folder / "pixels.bin").open("wb") as images:
            for name, pixels, boxes in read_boxed(path, side, channels, data.profile, self.stop, boxed):
                images.write(pixels.tobytes())
                names.append(name)
                counts.append(len(boxes))
                rows += [[number[label], *place] for label, place in boxes]
        (folder / "names.json").write_text(json.dumps(names))
        most = max(counts)
        table = np.full((len(names), most, 5), -1, dtype=np.float32)
        table[np.arange(most)[None] < np.array(counts)[:, None]] = rows
        np.save(folder / "boxes.npy", table)
        facts = {"channels": channels, "side": side, "count": len(names), "labels": labels}
        self.tell_files(data, "image", names)
        self.write_parts(np.zeros(len(names), dtype=np.int64), folder)
        return facts | self.statistics(folder, facts)

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_pixels(folder, facts)
        self.labels = facts["labels"]
        self.boxes = np.load(folder / "boxes.npy")
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
        items, side = self.parts["train"][rows], self.facts["side"]
        steps = moves(len(items), side, ordering.generator(seed))
        boxes = self.boxes[items].copy()
        still = to_corners(boxes[..., 1:])
        corners = (still - np.tile(steps[::-1], (2, 1)).T[:, None] / side).clip(0, 1)
        # What lies at an edge goes on there: the edge is repeated.
        corners[..., :2][still[..., :2] <= NEAR] = 0
        corners[..., 2:][still[..., 2:] >= 1 - NEAR] = 1
        boxes[..., 1:] = from_corners(corners)
        cut = boxes[..., 3:] < np.minimum(LEAST_SIDE, 0.5 * self.boxes[items][..., 3:])
        boxes[cut.any(-1), 0] = -1
        return self._batch(moved(np.asarray(self.pixels[items]), steps), boxes)

    def _batch(self, pixels: np.ndarray, boxes: np.ndarray) -> base.Batch:
        found = torch.from_numpy(boxes).to(self.device, non_blocking=True)
        return {"pixels": self.scaled(pixels), "kinds": found[..., 0].long(), "boxes": found[..., 1:].float()}

    def units(self, batch: base.Batch) -> int:
        return len(batch["kinds"])

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        told = net(pixel_values=batch["pixels"])
        return self._losses(told.logits.float(), told.pred_boxes.float(), batch).mean()

    def _losses(self, logits: Tensor, boxes: Tensor, batch: base.Batch) -> Tensor:
        """Of each image: class of every told box, place of those that a true one was given."""
        images, count, classes = logits.shape
        wanted = torch.full((images, count), classes - 1, device=logits.device)
        image, told, true = self._matched(logits, boxes, batch)
        wanted[image, told] = batch["kinds"][image, true]
        weight = torch.where(wanted == classes - 1, NOTHING_WEIGHT, 1.0)
        named = F.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")
        a, b = boxes[image, told], batch["boxes"][image, true]
        placed = SIDES_WEIGHT * (a - b).abs().sum(-1) + OVERLAP_WEIGHT * (1 - generous(to_corners(a), to_corners(b)))
        sums = torch.zeros(images, device=logits.device).index_add(0, image, placed)
        things = (batch["kinds"] >= 0).sum(1).clamp(min=1)
        return (named * weight).sum(1) / weight.sum(1) + sums / things

    @torch.no_grad()
    def _matched(self, logits: Tensor, boxes: Tensor, batch: base.Batch) -> tuple[Tensor, Tensor, Tensor]:
        """(image, told box, true box) of each pair: the pairs of an image cost the least together."""
        kinds, true = batch["kinds"], batch["boxes"]
        shares = logits.softmax(-1).gather(2, kinds.clamp(min=0)[:, None].expand(-1, logits.shape[1], -1))
        sides = (boxes[:, :, None] - true[:, None]).abs().sum(-1)
        overlap = generous(to_corners(boxes)[:, :, None], to_corners(true)[:, None])
        costs = (SIDES_WEIGHT * sides - OVERLAP_WEIGHT * overlap - shares).nan_to_num(1e6, 1e6, -1e6).cpu().numpy()
        found = []
        for image, there in enumerate((kinds >= 0).cpu().numpy()):
            places = np.flatnonzero(there)
            told, chosen = linear_sum_assignment(costs[image][:, places])
            found.append(np.stack([np.full(len(told), image), told, places[chosen]]))
        pairs = torch.from_numpy(np.concatenate(found, 1).astype(np.int64)).to(logits.device)
        return pairs[0], pairs[1], pairs[2]

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """The loss, the true boxes (class and corners) and the told ones (class, surety and corners)."""
        rows = []
        for start in range(0, len(items), EVAL_ROWS):
            self.stop.check()
            numbers = self.parts[part][items[start : start + EVAL_ROWS]]
            batch = self._batch(np.asarray(self.pixels[numbers]), self.boxes[numbers])
            told = net(pixel_values=batch["pixels"])
            logits, boxes = told.logits.float(), told.pred_boxes.float()
            losses = self._losses(logits, boxes, batch)
            true = torch.cat([batch["kinds"][..., None].float(), to_corners(batch["boxes"])], -1)
            found = torch.cat([losses[:, None], true.flatten(1), self._answers(logits, boxes).flatten(1)], 1)
            rows.append(found.cpu().double().numpy())
        width = 1 + 5 * self.boxes.shape[1] + 6 * boxes_of(self.shape)
        return np.concatenate(rows) if rows else np.zeros((0, width))

    def _answers(self, logits: Tensor, boxes: Tensor) -> Tensor:
        """(images, boxes, 6): the likeliest class that is something, its share, the corners."""
        surety, kinds = logits.softmax(-1)[..., :-1].max(-1)
        return torch.cat([kinds[..., None].float(), surety[..., None], to_corners(boxes)], -1)

    def _read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(true, told) boxes of measured rows."""
        edge = 1 + 5 * self.boxes.shape[1]
        return rows[:, 1:edge].reshape(len(rows), -1, 5), rows[:, edge:].reshape(len(rows), -1, 6)

    def _ranked(self, rows: np.ndarray) -> list[precision.Ranked]:
        true, told = self._read(rows)
        given = [(each[:, 0], each[:, 1], each[:, 2:]) for each in told]
        return precision.rank(given, [(each[:, 0], each[:, 1:]) for each in true], len(self.labels))

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        ranked, losses = self._ranked(judged.rows), judged.rows[:, 0]
        report = base.Report(precision.scores(ranked) | {"loss": float(losses.mean())})
        if final:
            report.detail = {
                "images": len(losses),
                "labels": self.labels,
                "classes": precision.class_table(ranked, self.labels),
            }
            if self.spec.primary == "loss":
                report.interval = metrics.mean_interval(losses, check=self.stop.check)
            else:
                report.interval = precision.interval(ranked, self.spec.primary, len(losses), check=self.stop.check)
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The mean box of each class in every image, as sure as it is often there."""
        train = self.boxes[self.parts["train"]]
        count = boxes_of(self.shape)
        shares = torch.full((count, len(self.labels) + 1), LEAST / len(self.labels))
        shares[:, -1] = 1 - LEAST
        boxes = torch.full((count, 4), 0.5)
        for label in range(min(count, len(self.labels))):
            own = train[..., 0] == label
            if own.any():
                often = min(1 - LEAST, max(LEAST, float(own.any(1).mean())))
                shares[label] = LEAST / (len(self.labels) + 1)
                shares[label, label], shares[label, -1] = often, 1 - often
                boxes[label] = torch.from_numpy(train[own][:, 1:].mean(0))
        rows = self.measure(
            _Same(shares.log().to(self.device), boxes.to(self.device)), "test", np.arange(self.count("test"))
        )
        return "mean box of each class", precision.scores(self._ranked(rows)) | {"loss": float(rows[:, 0].mean())}

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The loss."""
        return judged.rows[:, 0]

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        true, told = (each[0] for each in self._read(judged.rows[place : place + 1]))
        sure = told[told[:, 1] >= SURE]
        words = [
            ", ".join(sorted(self.labels[int(kind)] for kind in kinds)) or "–"
            for kinds in (sure[:, 0], true[true[:, 0] >= 0, 0])
        ]
        name = self.describe(int(self.parts[judged.part][judged.items[place]]))
        return {"kind": "image", "prompt": name, "text": words[0], "label": words[1]}

    def package(self, folder: Path) -> dict[str, Any]:
        super().package(folder)
        self.name_processor(folder, "YolosImageProcessor", do_pad=False, format="coco_detection")
        config = base.label_config(self.labels, "")
        return {name: config[name] for name in ("id2label", "label2id")}

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        super().open_package(folder, config)
        self.labels = base.labels_of(config)

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """What it is sure of in each image, the surest first: label, share, and left, top, width, height in pixels."""
        told = net(pixel_values=self.new_pixels(inputs))
        answers = []
        for path, found in zip(inputs, self._answers(told.logits.float(), told.pred_boxes.float()), strict=True):
            width, height = image_size(Path(path).read_bytes())
            boxes = []
            for kind, surety, *corners in sorted(found.tolist(), key=lambda each: -each[1]):
                left, top, right, bottom = (min(1.0, max(0.0, corner)) for corner in corners)
                place = [left * width, top * height, (right - left) * width, (bottom - top) * height]
                if surety >= SURE:
                    sides = [round(value, 2) for value in place]
                    boxes.append({"label": self.labels[int(kind)], "probability": round(surety, 6), "box": sides})
            answers.append({"boxes": boxes})
        return answers


class _Same(nn.Module):
    """Tells the same of every image."""

    def __init__(self, logits: Tensor, boxes: Tensor) -> None:
        super().__init__()
        self.logits, self.boxes = logits, boxes

    def forward(self, pixel_values: Tensor) -> SimpleNamespace:
        count = len(pixel_values)
        return SimpleNamespace(logits=self.logits.expand(count, -1, -1), pred_boxes=self.boxes.expand(count, -1, -1))


def generous(a: Tensor, b: Tensor) -> Tensor:
    """Generalised intersection over union of corners (Rezatofighi et al. 2019): below 0 the further they lie apart."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    joint = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    around = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    return shared / joint.clamp(min=1e-9) - (around - joint) / around.clamp(min=1e-9)
