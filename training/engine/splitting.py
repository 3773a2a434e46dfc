"""Which part each row or file is in: drawn by chance, drawn by whole groups, or as a column of the data says."""

import hashlib
from array import array
from typing import Any

import numpy as np

from training.engine import ordering
from training.engine.errors import DataError
from training.engine.spec import PARTS, SplitSpec

SHOWN_CHARS = 40


class Divider:
    """Told of every item that is kept, in order, what its split column says; then draws the parts of all."""

    def __init__(self, split: SplitSpec) -> None:
        self.split = split
        self.by_chance = False  # for a look at a little of the data, whose own parts may be too small to show anything
        self.sizes: dict[str, int] = {}
        self.groups: int | None = None
        self._told = array("Q")  # of each item: the number of its part, or what its group is drawn by

    @property
    def column(self) -> str | None:
        """The column of the data that decides, if one does."""
        return self.split.given or self.split.by

    def tell(self, cell: str) -> None:
        """What the column says of the next item. Raises ValueError with what is wrong with it."""
        cell = cell.strip()
        if self.split.given is not None:
            if cell not in PARTS:
                raise ValueError(f"its part is “{cell[:SHOWN_CHARS]}”, and not {', '.join(PARTS[:-1])} or {PARTS[-1]}")
            self._told.append(PARTS.index(cell))
            return
        if not cell:
            raise ValueError(f"it has no value in “{self.split.by}”, by which the parts are drawn")
        key = f"{self.split.seed}\n{cell}".encode("utf-8", "surrogatepass")
        self._told.append(int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()))

    def draw(self, strata: np.ndarray) -> dict[str, np.ndarray]:
        """Numbers of the items of each part, sorted. Raises DataError when one is empty.

        Without a column, or `by_chance`, each stratum gives its share to every part.
        """
        split = self.split
        drawn = self.column is None or self.by_chance
        parts = ordering.split_rows(strata, split.valid, split.test, split.seed) if drawn else self._own()
        empty = next((part for part, items in parts.items() if not len(items)), None)
        if empty is not None:
            raise DataError("data_shape", problem=self._lack(empty))
        self.sizes = {part: len(items) for part, items in parts.items()}
        return parts

    def _own(self) -> dict[str, np.ndarray]:
        told = np.frombuffer(self._told, dtype=np.uint64) if self._told else np.zeros(0, dtype=np.uint64)
        numbers = told
        if self.split.given is None:
            self.groups = len(np.unique(told))
            places = told.astype(np.float64) / 2**64
            held = [self.split.test, self.split.test + self.split.valid]
            numbers = np.array([PARTS.index("test"), PARTS.index("valid"), PARTS.index("train")])[
                np.searchsorted(held, places, side="right")
            ]
        return {part: np.flatnonzero(numbers == number) for number, part in enumerate(PARTS)}

    def _lack(self, part: str) -> str:
        if self.by_chance:
            return "one of its parts would be empty"
        if self.split.given is not None:
            return f"nothing in “{self.split.given}” says {part}"
        if self.split.by is not None:
            return f"none of the {self.groups} groups of “{self.split.by}” falls to its {part} part; try another seed"
        return "one of its parts would be empty"

    def facts(self) -> dict[str, Any]:
        """What was made of the column, for the report; nothing where parts are drawn by chance alone."""
        if self.column is None:
            return {}
        groups = {} if self.groups is None else {"groups": self.groups}
        return {"split": {"column": self.column, "parts": self.sizes} | groups}
