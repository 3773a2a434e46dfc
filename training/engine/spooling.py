"""Texts larger than memory: kept in a file, read piece by piece, and cut as if they were one string."""

import bisect
import codecs
import hashlib
import itertools
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from training.engine.errors import DataError, Stop

CHUNK_BYTES = 1 << 18
HELD = 2  # chunks in memory


class Spool(Sequence[str]):
    """Texts that were read once, kept in a file without a name; a sequence takes eight bytes of memory for each."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  lives as long as this object
        self._ends = array("q", [0])

    def append(self, text: str) -> None:
        """Keep one more."""
        self._file.seek(self._ends[-1])
        self._ends.append(self._ends[-1] + self._file.write(text.encode("utf-8", "surrogatepass")))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        number = range(len(self))[number]
        self._file.seek(self._ends[number])
        return self._file.read(self._ends[number + 1] - self._ends[number]).decode("utf-8", "surrogatepass")


def hashes_of(texts: Iterable[str]) -> np.ndarray:
    """A number of 64 bits for each text, the same for the same: of ten million texts hardly two share one by chance."""
    found = array("Q")
    for text in texts:
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        found.append(int.from_bytes(digest, "little"))
    return np.array(found, dtype=np.uint64)


class LongText:
    """A UTF-8 file as one string of which only a little is in memory. Raises DataError where it is not UTF-8.

    `change` is done to the text, which is then kept in a file without a name in `folder`: to whole lines, or to what
    there is of a line longer than a chunk.
    """

    def __init__(self, path: Path, stop: Stop, change: Callable[[str], str] | None = None, folder: Path | None = None):
        self._file = path.open("rb") if change is None else tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  as above
        self._starts, self._places = array("q", [0]), array("q")  # of each chunk: in characters, and in bytes
        self._held: dict[int, str] = {}
        chunks = _chunks(path)
        if change is None:
            self._places.append(len(codecs.BOM_UTF8) if _has_mark(path) else 0)
            for text in chunks:
                stop.check()
                self._add(text)
            return
        self._places.append(0)
        for text in _lines(chunks):
            stop.check()
            changed = change(text)
            self._file.write(changed.encode())
            self._add(changed)

    def _add(self, text: str) -> None:
        self._starts.append(self._starts[-1] + len(text))
        self._places.append(self._places[-1] + len(text.encode()))

    def __len__(self) -> int:
        return self._starts[-1]

    def find(self, what: str, start: int, end: int) -> int:
        """As `str.find`, for one character."""
        while start < min(end, len(self)):
            number = self._chunk_of(start)
            until = min(end, self._starts[number + 1])
            first = self._starts[number]
            found = self._chunk(number).find(what, start - first, until - first)
            if found >= 0:
                return first + found
            start = until
        return -1

    def part(self, start: int, end: int) -> str:
        """The characters from `start` to `end`."""
        end = min(end, len(self))
        parts = []
        while start < end:
            number = self._chunk_of(start)
            first, until = self._starts[number], min(end, self._starts[number + 1])
            parts.append(self._chunk(number)[start - first : until - first])
            start = until
        return "".join(parts)

    def pieces(self, start: int, end: int, size: int) -> Iterator[str]:
        """What `tokenizing.pieces` makes of the characters from `start` to `end`."""
        while start < end:
            text = self.part(start, min(start + size, end))
            if start + size < end:
                text = text[: text.rfind("\n") + 1] or text
            yield text
            start += len(text)

    def _chunk_of(self, place: int) -> int:
        return bisect.bisect_right(self._starts, place) - 1

    def _chunk(self, number: int) -> str:
        if number not in self._held:
            if len(self._held) >= HELD:
                del self._held[next(iter(self._held))]
            self._file.seek(self._places[number])
            self._held[number] = self._file.read(self._places[number + 1] - self._places[number]).decode()
        return self._held[number]


def _has_mark(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8


def _chunks(path: Path) -> Iterator[str]:
    """The text of a file without its byte order mark, in chunks that are never empty."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        place = file.seek(len(codecs.BOM_UTF8) if _has_mark(path) else 0)
        for data in itertools.chain(iter(lambda: file.read(CHUNK_BYTES), b""), [b""]):
            waiting = len(decoder.getstate()[0])
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                problem = f"byte {place - waiting + error.start} is not UTF-8 text"
                raise DataError("data_shape", problem=problem) from None
            place += len(data)
            if text:
                yield text


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    """The chunks cut after line ends, so that nothing that is changed together is parted."""
    left = ""
    for chunk in chunks:
        whole, line, rest = (left + chunk).rpartition("\n")
        left = rest
        if line:
            yield whole + line
        elif len(left) > 4 * CHUNK_BYTES:
            yield left
            left = ""
    if left:
        yield left
