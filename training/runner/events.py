"""Reading events.jsonl by byte offset: whole lines only, resumable, the same for a live and a finished run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from training.engine.contract import LAST_EVENTS, parse_event

READ_BYTES = 1 << 20


def read_events(path: Path, offset: int, limit_bytes: int = READ_BYTES) -> tuple[list[dict[str, Any]], int]:
    """Events after `offset` and the offset behind the last whole line."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(limit_bytes)
            while b"\n" not in data and (more := file.read(limit_bytes)):  # a line may be longer; then it comes alone
                data += more[: more.find(b"\n") + 1 or None]
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    lines = data[:end].splitlines()
    return [event for line in lines if (event := parse_event(line)) is not None], offset + end


def all_events(path: Path, offset: int = 0, end: int | None = None) -> Iterator[dict[str, Any]]:
    """Every whole event from `offset` to the end, or to the byte `end`."""
    while end is None or offset < end:
        limit = READ_BYTES if end is None else min(READ_BYTES, end - offset)
        events, after = read_events(path, offset, limit)
        if after == offset:
            return
        yield from events
        offset = after


def without_superseded(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events as if nothing had been interrupted: what a resumed attempt did again replaces what was done before."""
    kept: list[dict[str, Any]] = []
    resumed = False
    for event in events:
        if event["e"] == "resume":
            resumed = True
            kept = [e for e in kept if (e.get("step") or 0) <= event["step"] and e["e"] not in LAST_EVENTS]
        elif event["e"] == "start":
            if not resumed:
                kept = []  # an attempt that looked for no checkpoint began anew
            resumed = False
        kept.append(event)
    return kept


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
