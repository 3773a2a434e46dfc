"""Rows that nearly repeat an earlier one, found without comparing all pairs: MinHash with bands.

Broder 1997, "On the resemblance and containment of documents", for the signatures; Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", chapter 3.4, for the bands. A signature has 64 numbers of 8 bits (Li and König 2010,
"b-bit minwise hashing"), so a row takes 64 bytes whatever its length.
"""

import numpy as np

SHINGLE = 5  # characters
HASHES, BANDS = 64, 8
LIKE = 0.8  # share of shingles in common (Jaccard) from which a row counts as a repetition
MOST_SLOTS = 1 << 22  # beyond half as many rows the oldest are forgotten by and by
AT_ONCE = 4_096
_CHANCE = np.random.default_rng(20_260_101)
_FACTORS = _CHANCE.integers(1, 2**63, HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_TERMS = _CHANCE.integers(0, 2**63, HASHES, dtype=np.uint64)
_POWERS = np.array([pow(0x9E3779B97F4A7C15, n, 2**64) for n in range(SHINGLE)], dtype=np.uint64)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def signature(text: str) -> np.ndarray:
    """(HASHES,) bytes: two texts agree in about the share of them that is the share of shingles they have in common.

    Case and white space do not count.
    """
    plain = " ".join(text.casefold().split())
    points = np.frombuffer(plain.encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    if len(points) < SHINGLE:
        points = np.pad(points, (0, SHINGLE - len(points)))
    count = len(points) - SHINGLE + 1
    shingles = np.zeros(count, dtype=np.uint64)
    for place in range(SHINGLE):
        shingles += points[place : place + count] * _POWERS[place]
    shingles = (shingles ^ (shingles >> np.uint64(31))) * _MIX
    shingles ^= shingles >> np.uint64(29)
    least = np.full(HASHES, 2**64 - 1, dtype=np.uint64)
    for start in range(0, count, AT_ONCE):
        drawn = shingles[None, start : start + AT_ONCE] * _FACTORS[:, None] + _TERMS[:, None]
        np.minimum(least, drawn.min(1), out=least)
    return ((least * _MIX) >> np.uint64(56)).astype(np.uint8)


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """The share of shingles in common, told from signatures: of bytes that differ one in 256 is equal by chance."""
    equal = float((first == second).mean())
    return max(0.0, (equal - 1 / 256) / (1 - 1 / 256))


class Seen:
    """Rows told so far. `repeats` says whether a row is like an earlier one, and remembers it if it is not."""

    def __init__(self) -> None:
        self._count = 0
        self._rows = np.zeros((1_024, HASHES), dtype=np.uint8)
        self._slots = np.full((BANDS, 4_096), -1, dtype=np.int32)

    def repeats(self, text: str) -> bool:
        """Whether the text is like an earlier one; the first of them stays."""
        row = signature(text)
        bands = np.arange(BANDS)
        slots = self._places(row[None])[0]
        for number in np.unique(self._slots[bands, slots]):
            if number >= 0 and likeness(self._rows[number], row) >= LIKE:
                return True
        self._grow()
        self._rows[self._count] = row
        self._slots[bands, slots] = self._count
        self._count += 1
        return False

    def _places(self, rows: np.ndarray) -> np.ndarray:
        """(rows, BANDS) slots: a band of eight bytes is a number of 64 bits."""
        keys = np.ascontiguousarray(rows).view(np.uint64) * _MIX
        return ((keys ^ (keys >> np.uint64(32))) % np.uint64(self._slots.shape[1])).astype(np.int64)

    def _grow(self) -> None:
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows[: max(1_024, self._count // 2)])])
        slots = self._slots.shape[1]
        if 2 * self._count >= slots and slots < MOST_SLOTS:
            self._slots = np.full((BANDS, 4 * slots), -1, dtype=np.int32)
            for start in range(0, self._count, AT_ONCE):
                places = self._places(self._rows[start : min(start + AT_ONCE, self._count)])
                for band in range(BANDS):
                    self._slots[band, places[:, band]] = np.arange(start, start + len(places))
