"""Reading events.jsonl by byte offset: whole lines only, resumable, the same for a live and a finished run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.engine.contract import parse_event

READ_BYTES = 1 << 20


def read_events(path: Path, offset: int, limit_bytes: int = READ_BYTES) -> tuple[list[dict[str, Any]], int]:
    """Events after `offset` and the offset behind the last whole line."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(limit_bytes)
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    lines = data[:end].splitlines()
    return [event for line in lines if (event := parse_event(line)) is not None], offset + end


def all_events(path: Path, offset: int = 0) -> Iterator[dict[str, Any]]:
    """Every whole event to the end."""
    while True:
        events, after = read_events(path, offset)
        if after == offset:
            return
        yield from events
        offset = after


def read_text(path: Path, offset: int, limit_bytes: int = 64 * 1024) -> tuple[str, int]:
    """Text after `offset`, cut at a whole line where there is one, and the offset behind it."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(limit_bytes)
    except FileNotFoundError:
        return "", offset
    end = data.rfind(b"\n") + 1 or len(data)
    return data[:end].decode("utf-8", errors="replace"), offset + end
