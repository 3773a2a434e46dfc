"""The append-only event file: one line per fact, written in one call, so that a reader sees whole lines or none."""

import json
import math
import os
import time
from pathlib import Path
from typing import Any

from training.engine.messages import MESSAGES
from training.engine.protocol import EVENTS, EVENTS_FILE, LAST_EVENTS


class EventLog:
    """Writes events.jsonl of a run folder and goes on numbering where an earlier attempt ended."""

    def __init__(self, folder: Path) -> None:
        path = folder / EVENTS_FILE
        self.number = _cut_torn_line(path)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Append one event. Numbers that are not finite are left out: JSON has no word for them."""
        if kind not in EVENTS:
            raise ValueError(f"unknown event {kind!r}")
        event = {"t": round(time.time(), 3), "n": self.number, "e": kind, **finite(fields)}
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"
        os.write(self._file, line.encode("utf-8", "replace"))
        self.number += 1
        if kind in LAST_EVENTS or kind == "checkpoint":
            os.fsync(self._file)

    def warn(self, code: str, /, **params: Any) -> None:
        """Append a warning with the sentence of a message code."""
        self.emit("warning", code=code, params=params, text=MESSAGES[code] % params)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def finite(value: Any) -> Any:
    """The value without NaN and infinities: dropped from mappings, None elsewhere."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items() if not (isinstance(v, float) and not math.isfinite(v))}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return value


def _cut_torn_line(path: Path) -> int:
    """Remove a last line that a killed attempt did not finish; return the number of the next event."""
    if not path.exists():
        return 0
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
    return data.count(b"\n", 0, whole)
