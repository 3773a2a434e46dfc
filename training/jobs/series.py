"""Measurements of a run for its curves: from events.jsonl, by byte offset, thinned so that no spike is lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from registry.catalog.metrics import NAMES, metric_label, plain
from training.runner.events import read_events, without_superseded

POINTS_MAX = 2_000
ANSWER_MAX_BYTES = 32 << 20  # of events read for one answer
RANKS = {"loss": 0, "lr": 2, "rate": 3}  # loss first, then what judges the net, then how it is trained
Points = dict[str, tuple[list[float], list[float]]]


@dataclass(frozen=True)
class Curves:
    """Series after a cursor; `reset` says that they replace what was answered before."""

    cursor: int
    reset: bool = False
    series: list[dict[str, Any]] = field(default_factory=list)


def curves_after(path: Path, cursor: int) -> Curves:
    """What was measured after the byte `cursor`. A resumed attempt measures steps again: then all is told anew."""
    events, after = _read(path, cursor)
    again = cursor > 0 and any(event["e"] in {"resume", "start"} for event in events)
    if again:
        events, after = _read(path, 0)
    kept = without_superseded(events) if again or cursor == 0 else events
    return Curves(after, again, [_series(name, *points) for name, points in _points(kept).items()])


def _read(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    found: list[dict[str, Any]] = []
    start = offset
    while offset - start < ANSWER_MAX_BYTES:
        events, after = read_events(path, offset)
        if after == offset:
            break
        found += events
        offset = after
    return found, offset


def _points(events: Iterable[dict[str, Any]]) -> Points:
    """Steps and values by name; a step that goes back is left out."""
    points: Points = {}
    for event in events:
        if event["e"] == "metric":
            values = event.get("values") or {}
        elif event["e"] == "progress" and event.get("rate") is not None:
            values = {"rate": event["rate"]}
        else:
            continue
        for name, value in values.items():
            xs, ys = points.setdefault(name, ([], []))
            if isinstance(value, int | float) and (not xs or event["step"] > xs[-1]):
                xs.append(event["step"])
                ys.append(value)
    return points


def _series(name: str, xs: list[float], ys: list[float]) -> dict[str, Any]:
    xs, ys = thin(xs, ys)
    own = plain(name)
    group = str(NAMES.get(own, own.replace("_", " ")))
    label = _("Units per second") if name == "rate" else metric_label(name)
    rank = RANKS.get(own, 1)
    return {"name": name, "label": label, "group": group[:1].upper() + group[1:], "rank": rank, "x": xs, "y": ys}


def thin(xs: list[float], ys: list[float], most: int = POINTS_MAX) -> tuple[list[float], list[float]]:
    """At most `most` points: of each stretch the first, the lowest, the highest and the last."""
    if len(xs) <= most:
        return xs, ys
    size = -(-len(xs) // (most // 4))
    kept: list[int] = []
    for start in range(0, len(xs), size):
        stretch = range(start, min(start + size, len(xs)))
        low, high = min(stretch, key=ys.__getitem__), max(stretch, key=ys.__getitem__)
        kept += sorted({stretch[0], low, high, stretch[-1]})
    return [xs[i] for i in kept], [ys[i] for i in kept]
