"""Counters that describe data while it streams by, each in bounded memory. Used by all validators."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

LABEL_VALUES = 200  # a column with more distinct values is not offered as a label
LABEL_CHARS = 200  # nor one with longer values
DISTINCT_KEPT = 10_000  # per column, and fewer when there are many columns
DISTINCT_KEPT_IN_ALL = 400_000
EXAMPLES = 8
BINS = 20

_NUMBER_BYTES = b"0123456789+-.eE \t\n"
_INTEGER_BYTES = b"0123456789+- \t\n"
_ODD_NUMBER = re.compile(r"^[ \t]*[+-]?(?:0\d|\d{19})", re.MULTILINE)  # codes such as 007, and long identifiers
_COMMA_NUMBER = re.compile(r"\s*[+-]?\d{1,18},\d+\s*", re.ASCII)
_BOOLEAN = frozenset({"true", "false", "True", "False", "TRUE", "FALSE", "yes", "no", "Yes", "No", "YES", "NO"})


class Lengths:
    """Counts of lengths: exact up to 1,024, then within 1 %. At most about 4,000 counters whatever comes."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.n = 0
        self.total = 0
        self.low: int | None = None
        self.high = 0

    def add(self, lengths: Sequence[int]) -> None:
        """Count a batch of lengths (whole numbers from 0)."""
        if not lengths:
            return
        low, high = min(lengths), max(lengths)
        self.low = low if self.low is None else min(self.low, low)
        self.high = max(self.high, high)
        self.n += len(lengths)
        self.total += sum(lengths)
        self.counts.update(lengths if high <= 1024 else map(_rounded, lengths))

    @property
    def mean(self) -> float:
        """Mean length, 0 when nothing was counted."""
        return round(self.total / self.n, 2) if self.n else 0.0

    def quantile(self, share: float) -> int:
        """The length that `share` of all values do not exceed."""
        wanted, seen = math.ceil(share * self.n), 0
        for length in sorted(self.counts):
            seen += self.counts[length]
            if seen >= wanted:
                return min(length, self.high)
        return 0

    def histogram(self, bins: int = BINS) -> dict[str, list[int]]:
        """`bins` are edges, one more than `counts`; the last bin takes everything above the 99th percentile too."""
        if not self.n:
            return {"bins": [], "counts": []}
        low = self.low or 0
        width = _nice((self.quantile(0.99) - low + 1) / bins)
        first = low - low % width
        counts = [0] * bins
        for length, count in self.counts.items():
            counts[min(max(0, length - first) // width, bins - 1)] += count
        last = max(at for at, count in enumerate(counts) if count) + 1
        edges = [first + width * at for at in range(last)]
        return {"bins": [*edges, max(first + width * last, self.high + 1)], "counts": counts[:last]}


def _rounded(length: int) -> int:
    """Keep eight leading bits: steps of 1/128 or finer."""
    shift = max(0, length.bit_length() - 8) if length > 1024 else 0
    return length >> shift << shift


def _nice(width: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, … that is not smaller."""
    step = 1
    while True:
        for one in (step, 2 * step, 5 * step):
            if one >= width:
                return one
        step *= 10


class Distinct:
    """Distinct values: counted by value while they could be labels, then by hash, then "more than"."""

    def __init__(self, keep: int = DISTINCT_KEPT) -> None:
        self.keep = max(keep, LABEL_VALUES + 1)
        self.values: Counter[str] | None = Counter()  # None: too many, or too long, to be labels
        self.hashes: set[int] = set()
        self.more = False

    def add(self, values: Sequence[str], longest: int) -> None:
        """Count a batch of values, the longest of which has `longest` characters."""
        if self.values is not None and longest <= LABEL_CHARS:
            self.values.update(values)
            if len(self.values) <= LABEL_VALUES:
                return
        if self.values is not None:
            self.hashes = set(map(hash, self.values))
            self.values = None
        if not self.more:
            self.hashes.update(map(hash, values))
            self.more = len(self.hashes) > self.keep

    @property
    def count(self) -> int:
        """Number of distinct values; when `more` is set, there are more than this."""
        if self.values is not None:
            return len(self.values)
        return self.keep if self.more else len(self.hashes)


class Repeats:
    """How many of the things seen had been seen before, looking back at most 200,000 different ones."""

    def __init__(self, keep: int = 200_000) -> None:
        self.keep = keep
        self.seen: set[int] = set()
        self.count = 0

    def add(self, key: int) -> None:
        """Count one thing by its hash."""
        if key in self.seen:
            self.count += 1
        elif len(self.seen) < self.keep:
            self.seen.add(key)


class Sample:
    """A few examples spread over all that passes by, each with the same chance; one file always gives the same ones."""

    def __init__(self, size: int = EXAMPLES) -> None:
        self.size = size
        self.kept: list[tuple[int, Any]] = []
        self.n = 0
        self._dice = random.Random(0)  # noqa: S311 - a spread of examples, no secret
        self._next = 0
        self._weight = 1.0

    def wants(self) -> bool:
        """Count one thing; true when it is to be kept with `put`."""
        self.n += 1
        return len(self.kept) < self.size or self.n - 1 >= self._next

    def put(self, thing: Any) -> None:
        """Keep the thing just counted."""
        if len(self.kept) < self.size:
            self.kept.append((self.n, thing))
            if len(self.kept) < self.size:
                return
            self._next = self.n - 1
        else:
            self.kept[self._dice.randrange(self.size)] = (self.n, thing)
        # Li's algorithm L: draw how far away the next one to keep is, instead of drawing for every one.
        self._weight *= self._dice.random() ** (1 / self.size)
        self._next += int(math.log(1 - self._dice.random()) / math.log(1 - self._weight)) + 1

    def things(self) -> list[Any]:
        """The kept examples in the order in which they came."""
        return [thing for _, thing in sorted(self.kept, key=lambda one: one[0])]


class Column:
    """One column of a table: what type it is, how long its values are, how many differ."""

    def __init__(self, name: str, keep: int = DISTINCT_KEPT, watch_commas: bool = False) -> None:
        self.name = name
        self.present = 0
        self.lengths = Lengths()
        self.distinct = Distinct(keep)
        self.types: Counter[str] = Counter()  # of typed values (JSON); empty for columns read as text (CSV)
        self.low: float | None = None
        self.high: float | None = None
        self.total = 0.0
        self._integer = self._number = self._boolean = True
        self._comma = watch_commas

    def add_text(self, values: Sequence[str]) -> None:
        """Count a batch of present cells of a CSV; their type is inferred."""
        if not values:
            return
        self._count(values)
        if self._number:
            numbers, whole = _as_numbers(values)
            self._number = bool(numbers)
            self._integer = self._integer and whole
            if numbers:
                self._measure(numbers)
        if self._boolean:
            self._boolean = _BOOLEAN.issuperset(values)
        if self._comma:
            self._comma = all(map(_COMMA_NUMBER.fullmatch, values))

    def add_typed(self, values: Sequence[Any], as_text: Sequence[str]) -> None:
        """Count a batch of present JSON values, given too as the text that stands for them."""
        if not values:
            return
        self._count(as_text)
        self.types.update(_TYPE_NAMES.get(type(one), "nested") for one in values)
        numbers = [float(one) for one in values if type(one) is int or type(one) is float]
        if numbers:
            self._measure(numbers)

    def _count(self, values: Sequence[str]) -> None:
        lengths = list(map(len, values))
        self.present += len(values)
        self.lengths.add(lengths)
        self.distinct.add(values, max(lengths))

    def _measure(self, numbers: list[float]) -> None:
        low, high = min(numbers), max(numbers)
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        self.total += sum(numbers)

    @property
    def has_decimal_commas(self) -> bool:
        """Every value is like 1,5 (looked at only where the comma does not separate columns)."""
        return self._comma and self.present > 0

    @property
    def is_mixed(self) -> bool:
        """JSON values of different types; whole and broken numbers belong together."""
        return len(set(self.types) - {"integer"} | ({"number"} if "integer" in self.types else set())) > 1

    def type(self) -> str:
        """text, integer, number, boolean, category, or nested (JSON lists and objects)."""
        if not self.present:
            return "text"
        if self.types:
            kind = "text" if self.is_mixed else "number" if len(self.types) > 1 else next(iter(self.types))
            if "nested" in self.types:
                kind = "nested"
        else:
            kind = next(
                (
                    name
                    for name, holds in (
                        ("integer", self._number and self._integer),
                        ("number", self._number),
                        ("boolean", self._boolean),
                    )
                    if holds
                ),
                "text",
            )
        few = self.distinct.values is not None and 2 <= self.distinct.count <= self.present / 2
        return "category" if kind == "text" and few and self.lengths.mean <= 50 else kind

    def is_label_candidate(self) -> bool:
        """2 to 200 distinct short values of which some repeat."""
        values = self.distinct.values
        if values is None or not 2 <= len(values) < self.present or "nested" in self.types:
            return False
        return len(values) <= self.present / 2 or self.lengths.high <= 50

    def classes(self) -> dict[str, int]:
        """Rows per value, the largest first; only for columns that are label candidates."""
        return dict((self.distinct.values or Counter()).most_common())

    def profile(self, rows: int) -> dict[str, Any]:
        """The column's entry in the profile of a table with `rows` rows."""
        kind = self.type()
        entry: dict[str, Any] = {
            "name": self.name,
            "type": kind,
            "distinct": self.distinct.count,
            "distinct_more": self.distinct.more,
            "missing": rows - self.present,
            "min_chars": self.lengths.low or 0,
            "mean_chars": self.lengths.mean,
            "p95_chars": self.lengths.quantile(0.95),
            "max_chars": self.lengths.high,
        }
        if kind in {"integer", "number"} and self.low is not None and self.high is not None:
            whole = int if kind == "integer" else float
            entry |= {"min": whole(self.low), "max": whole(self.high)}
            if math.isfinite(self.total):  # sums of huge numbers may not be
                entry["mean"] = round(self.total / self.present, 6)
        return entry


def _as_numbers(values: Sequence[str]) -> tuple[list[float], bool]:
    """The values as numbers (none when one of them is not a plain decimal number), and whether all are whole."""
    joined = "\n".join(values)
    if not joined.isascii() or joined.encode().translate(None, _NUMBER_BYTES) or _ODD_NUMBER.search(joined):
        return [], False
    try:
        numbers = list(map(float, values))
    except ValueError:
        return [], False
    if math.isinf(max(numbers)) or math.isinf(min(numbers)):
        return [], False
    return numbers, not joined.encode().translate(None, _INTEGER_BYTES)


_TYPE_NAMES = {str: "text", bool: "boolean", int: "integer", float: "number"}


def differing_by_case(labels: Iterable[str]) -> tuple[str, str] | None:
    """Two labels that are one and the same but for case and surrounding spaces, if there are such."""
    met: dict[str, str] = {}
    for label in labels:
        first = met.setdefault(label.strip().casefold(), label)
        if first != label:
            return first, label
    return None
