"""Average precision of boxes as COCO counts it (Lin et al. 2014), in numpy, and its interval.

Of each class the boxes of all images are ranked by surety. One is right when it overlaps a true box of its class which
no surer one of its image has taken. Precision is read at 101 levels of recall, and averaged over ten demands.
"""

import dataclasses
from typing import Any

import numpy as np

from training.engine.errors import Check, unasked
from training.engine.ordering import generator

# To the last bit as COCO has them: recalls often lie on a level.
OVERLAPS = np.linspace(0.5, 0.95, 10)
LEVELS = np.linspace(0.0, 1.0, 101)
DRAWS = 200


@dataclasses.dataclass(frozen=True)
class Ranked:
    """Told boxes of one class, the surest first: their images, whether they are right (boxes, overlaps); true boxes."""

    image: np.ndarray
    right: np.ndarray
    truth: np.ndarray  # true boxes of this class in each image


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of corners (n, 4) and (m, 4): (n, m)."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clip(0).prod(-1)
    area = (a[:, 2:] - a[:, :2]).prod(-1)[:, None] + (b[:, 2:] - b[:, :2]).prod(-1)[None]
    return shared / np.maximum(area - shared, 1e-12)


def matched(overlaps: np.ndarray) -> np.ndarray:
    """Which told boxes are right at each demand (told, demands); `overlaps` (told, true), the surest first."""
    told, true = overlaps.shape
    right = np.zeros((told, len(OVERLAPS)), dtype=bool)
    free, demands = np.ones((len(OVERLAPS), true), dtype=bool), np.arange(len(OVERLAPS))
    for box in range(told if true else 0):
        if overlaps[box].max() < OVERLAPS[0]:
            continue
        best = np.where(free, overlaps[box], -1.0).argmax(1)
        right[box] = free[demands, best] & (overlaps[box, best] >= OVERLAPS)
        free[demands[right[box]], best[right[box]]] = False
    return right


def rank(
    told: list[tuple[np.ndarray, np.ndarray, np.ndarray]], true: list[tuple[np.ndarray, np.ndarray]], classes: int
) -> list[Ranked]:
    """Rank what is told of each image, (class, surety, corners), against what is true, (class, corners)."""
    result = []
    for label in range(classes):
        images, surety, right, counts = [], [], [], np.zeros(len(true), dtype=np.int64)
        for image, ((kinds, sure, corners), (true_kinds, true_corners)) in enumerate(zip(told, true, strict=True)):
            own = np.flatnonzero(kinds == label)
            own = own[np.argsort(-sure[own], kind="stable")]
            wanted = true_corners[true_kinds == label]
            counts[image] = len(wanted)
            images.append(np.full(len(own), image))
            surety.append(sure[own])
            right.append(matched(overlap(corners[own], wanted)))
        order = np.argsort(-np.concatenate(surety), kind="stable")
        result.append(Ranked(np.concatenate(images)[order], np.concatenate(right)[order], counts))
    return result


def precisions(ranked: Ranked, weight: np.ndarray | None = None) -> np.ndarray | None:
    """Average precision at each demand on overlap; None where no box of the class is true. `weight` by image."""
    weight = np.ones(len(ranked.truth)) if weight is None else weight
    wanted = float((ranked.truth * weight).sum())
    if not wanted:
        return None
    each = weight[ranked.image][:, None]
    hits = (ranked.right * each).cumsum(0)
    recall, precision = hits / wanted, hits / np.maximum(each.cumsum(0), 1e-12)
    # The best precision at this recall or a higher one.
    precision = np.maximum.accumulate(precision[::-1], 0)[::-1]
    found = np.zeros(len(OVERLAPS))
    for n in range(len(OVERLAPS)):
        places = np.searchsorted(recall[:, n], LEVELS)
        found[n] = np.append(precision[:, n], 0.0)[places].mean()
    return found


def scores(ranked: list[Ranked], weight: np.ndarray | None = None) -> dict[str, float]:
    """mAP over all demands, and AP50, over the classes that are anywhere."""
    found = [each for each in (precisions(one, weight) for one in ranked) if each is not None]
    if not found:
        return {"map": 0.0, "ap50": 0.0}
    mean = np.mean(found, 0)
    return {"map": float(mean.mean()), "ap50": float(mean[0])}


def class_table(ranked: list[Ranked], labels: list[str]) -> dict[str, dict[str, Any]]:
    """AP, AP50 and true boxes of each class."""
    table: dict[str, dict[str, Any]] = {}
    for label, one in zip(labels, ranked, strict=True):
        found = precisions(one)
        table[label] = {"boxes": int(one.truth.sum())}
        if found is not None:
            table[label] |= {"ap": round(float(found.mean()), 6), "ap50": round(float(found[0]), 6)}
    return table


def interval(ranked: list[Ranked], metric: str, images: int, seed: int = 0, check: Check = unasked) -> list[float]:
    """95 % interval when images are drawn again."""
    chance, even, values = generator(seed), np.full(images, 1 / images), []
    for _ in range(DRAWS):
        check()
        values.append(scores(ranked, chance.multinomial(images, even))[metric])
    low, high = np.percentile(values, [2.5, 97.5])
    return [float(low), float(high)]
