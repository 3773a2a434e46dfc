"""The append-only event file: one line per fact, written in one call, so that a reader sees whole lines or none."""

import json
import logging
import math
import os
import time
from pathlib import Path
from typing import Any

from training.engine.messages import MESSAGES
from training.engine.protocol import EVENTS, EVENTS_FILE, LAST_EVENTS

log = logging.getLogger(__name__)


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
        self._append(line.encode("utf-8", "replace"))
        self.number += 1
        if kind in LAST_EVENTS or kind == "checkpoint":
            os.fsync(self._file)
        line = _line_of(kind, fields)
        if line:
            log.log(logging.WARNING if kind == "warning" else logging.INFO, line)

    def _append(self, line: bytes) -> None:
        """Write a line whole. Of one that a full disk takes a part of nothing stays: the next would run into it."""
        left = line
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, os.fstat(self._file).st_size - len(line) + len(left))
            raise

    def warn(self, code: str, /, **params: Any) -> None:
        """Append a warning with the sentence of a message code."""
        self.emit("warning", code=code, params=params, text=MESSAGES[code] % params)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class NoEvents(EventLog):
    """The log of a process that is not the first of several: it tells nothing."""

    def __init__(self) -> None:
        self.number = 0

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def _line_of(kind: str, fields: dict[str, Any]) -> str:
    """What the log of a run says of an event: milestones in one line, and nothing of the data. Empty for the rest."""
    step = fields.get("step")
    if kind == "phase":
        return f"phase {fields['phase']}"
    if kind == "start":
        return f"{fields['parameters']:,} parameters on {fields['device']}, {fields['threads']} threads"
    if kind == "metric" and any(name.startswith("valid/") for name in fields["values"]):
        return f"step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in fields["values"].items())
    if kind == "checkpoint":
        return f"step {step}: checkpoint saved{', the best so far' if fields.get('best') else ''}"
    if kind == "trial":
        said = ", ".join(f"{path} = {value}" for path, value in fields["values"].items())
        return f"trial {fields['number']} {fields['state']}: {said}, score {fields['score']}"
    if kind == "warning":
        return str(fields["text"])
    if kind in {"resume", "stopped"}:
        return f"{kind} at step {step}"
    if kind == "done":
        return f"done at step {step} after {fields['seconds']:.0f} s: " + ", ".join(
            f"{name} {value:.4g}" for name, value in fields["metrics"].items()
        )
    return ""


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
