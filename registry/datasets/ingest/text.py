"""Reads a plain text: sound UTF-8, counted line by line. Called in the child."""

from __future__ import annotations

import re
from typing import Any, BinaryIO

from .contract import Limits, Notice, RefusedError, excerpt
from .lines import LineReader, Progress
from .stats import Column, Lengths, Sample

_BATCH_LINES = 2_000
_BATCH_CHARS = 1_000_000
_LONG_LINE = 20_000
_CONTROL = re.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def survey(stream: BinaryIO, limits: Limits, progress: Progress | None = None) -> tuple[dict[str, Any], list[Notice]]:
    """The profile of a text and its warnings; `rows` are lines that are not blank. Raises RefusedError."""
    stream.seek(0)
    reader = LineReader(stream, limits, progress)
    counts = _Counts()
    batch: list[str] = []
    chars = 0
    for line in reader:
        batch.append(line)
        chars += len(line)
        if len(batch) >= _BATCH_LINES or chars >= _BATCH_CHARS:
            counts.add(batch)
            _check_rows(counts, limits)
            batch, chars = [], 0
    counts.add(batch)
    _check_rows(counts, limits)
    if not counts.column.present:
        raise RefusedError("only_blank")
    return _profile(counts, reader), _warnings(counts, reader)


class _Counts:
    def __init__(self) -> None:
        self.column = Column("text")
        self.words = Lengths()
        self.examples = Sample()
        self.chars = self.lines = self.controls = self.longest = 0

    def add(self, lines: list[str]) -> None:
        if not lines:
            return
        self.lines += len(lines)
        joined = "".join(lines)
        self.chars += len(joined)
        self.controls += len(_CONTROL.findall(joined))
        bare = [line.rstrip("\r\n") for line in lines]
        self.longest = max(self.longest, max(map(len, bare)))
        filled = [line for line in bare if line and not line.isspace()]
        self.column.add_text(filled)
        self.words.add([len(line.split()) for line in filled])
        for line in filled:
            if self.examples.wants():
                self.examples.put(excerpt(line.strip()))


def _check_rows(counts: _Counts, limits: Limits) -> None:
    if counts.lines > limits.max_rows:
        raise RefusedError("too_many_rows", limit=limits.max_rows)


def _profile(counts: _Counts, reader: LineReader) -> dict[str, Any]:
    column = counts.column.profile(counts.column.present)
    for number in ("min", "max", "mean"):
        column.pop(number, None)
    return {
        "kind": "text",
        "rows": counts.column.present,
        "columns": [{**column, "type": "text"}],
        "label_candidates": [],
        "classes": {},
        "chars": counts.chars,
        "words": counts.words.total,
        "lines": counts.lines,
        "longest_line": counts.longest,
        "lengths": {"unit": "words per line", **counts.words.histogram()},
        "examples": counts.examples.things(),
        "encoding": reader.encoding,
    }


def _warnings(counts: _Counts, reader: LineReader) -> list[Notice]:
    found = []
    if reader.lone_cr:
        found.append(Notice("lone_cr"))
    if counts.controls:
        found.append(Notice("control_characters", {"count": counts.controls}))
    if counts.longest > _LONG_LINE:
        found.append(Notice("long_lines", {"count": counts.longest}))
    return found
