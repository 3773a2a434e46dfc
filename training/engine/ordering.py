"""Order, splits and batches as pure functions of seed and epoch: a resume needs no memory of what was seen."""

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.engine.spooling import LongText

BUCKET_BATCHES = 50
STRETCH_CHARS = 2_000
MAX_STRETCHES = 100


def generator(*key: int) -> np.random.Generator:
    """A random generator that depends on nothing but the key."""
    return np.random.default_rng(np.random.SeedSequence([k & (2**64 - 1) for k in key]))


def seed_of(*key: int) -> int:
    """A seed for torch that depends on nothing but the key."""
    low, high = np.random.SeedSequence([k & (2**64 - 1) for k in key]).generate_state(2)
    return int(low) | (int(high) >> 1) << 32


def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of `count` items in an epoch."""
    return generator(seed, epoch).permutation(count)


def steps_per_epoch(count: int, batch: int) -> int:
    """Batches in one pass; the last may be smaller."""
    return max(1, math.ceil(count / batch))


def plain_batches(count: int, batch: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Batches of item indices in random order."""
    order = permutation(count, seed, epoch)
    return [order[i : i + batch] for i in range(0, count, batch)]


def bucketed_batches(lengths: np.ndarray, batch: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Batches of rows of like length: sorted within stretches of a random order, then the batches shuffled."""
    order = permutation(len(lengths), seed, epoch)
    result = []
    stretch = batch * BUCKET_BATCHES
    for start in range(0, len(order), stretch):
        part = order[start : start + stretch]
        part = part[np.argsort(lengths[part], kind="stable")]
        result += [part[i : i + batch] for i in range(0, len(part), batch)]
    shuffle = generator(seed, epoch, 1).permutation(len(result))
    return [result[i] for i in shuffle]


def split_rows(labels: np.ndarray, valid: float, test: float, seed: int) -> dict[str, np.ndarray]:
    """Row indices of each part, sorted; every class gives its share, and a class of three rows or more is in all."""
    parts: dict[str, list[np.ndarray]] = {"train": [], "valid": [], "test": []}
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[generator(seed, int(label)).permutation(len(rows))]
        n_test, n_valid = _shares(len(rows), valid, test)
        parts["test"].append(rows[:n_test])
        parts["valid"].append(rows[n_test : n_test + n_valid])
        parts["train"].append(rows[n_test + n_valid :])
    return {name: np.sort(np.concatenate(found)) for name, found in parts.items()}


def _shares(count: int, valid: float, test: float) -> tuple[int, int]:
    n_test, n_valid = round(count * test), round(count * valid)
    if count >= 3:
        n_test, n_valid = max(1, n_test), max(1, n_valid)
    while n_test + n_valid >= count and n_test + n_valid > 0:
        n_test, n_valid = (n_test - 1, n_valid) if n_test > n_valid else (n_test, n_valid - 1)
    return n_test, n_valid


def split_text(text: "str | LongText", valid: float, test: float, seed: int) -> dict[str, list[tuple[int, int]]]:
    """Stretches (start, end) of each part: the text is cut at line ends, and whole stretches are drawn.

    A part is spread over the whole text rather than taken from its end, where the subject is often another.
    """
    smallest = min(valid, test)
    count = max(math.ceil(1 / smallest), min(MAX_STRETCHES, len(text) // STRETCH_CHARS))
    edges = [0]
    for n in range(1, count):
        aim = n * len(text) // count
        line = text.find("\n", aim, aim + len(text) // (2 * count)) + 1
        edges.append(max(edges[-1], line or aim))
    edges.append(len(text))
    stretches = list(itertools.pairwise(edges))
    order = generator(seed).permutation(count)
    n_test, n_valid = _shares(count, valid, test)
    chosen = {"test": order[:n_test], "valid": order[n_test : n_test + n_valid], "train": order[n_test + n_valid :]}
    return {name: _joined([stretches[i] for i in sorted(numbers)]) for name, numbers in chosen.items()}


def _joined(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring stretches as one."""
    result: list[tuple[int, int]] = []
    for start, end in stretches:
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], end)
        elif end > start:
            result.append((start, end))
    return result
