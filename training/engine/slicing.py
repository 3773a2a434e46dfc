"""The primary metric for each value of a column: whom the model serves worse than others.

Columns are read again from the dataset at the end, so that they shape neither the preparation nor the weights. Those
of images and recordings stand in the table of their zip, which no profile tells: it is looked at before a run learns.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.readers import read_rows, read_told
from training.engine.tasks.base import Judged, Task

MIN_ROWS = 5  # of a value that is told by name: the report goes to people who may not read the data
MAX_VALUES = 20
QUARTERS = 4
PLACES = {"images": "image", "audio": "audio"}  # where a profile tells of files, by the kind of the dataset


def slices_of(columns: tuple[str, ...], data: InputData, task: Task, judged: Judged) -> dict[str, Any] | None:
    """By column: rows, primary metric and interval of each value of the judged items, and the widest gap."""
    if not columns:
        return None
    told = _told(columns, data, task, judged.part, [int(item) for item in judged.items])
    return {column: _slices(task, judged, cells) for column, cells in zip(columns, told, strict=True)}


def check_slices(columns: tuple[str, ...], data: InputData, task: Task) -> None:
    """Look at the table of a zip before a run learns. Raises DataError when a column is not there, or tells nothing."""
    if not columns or data.kind not in PLACES:
        return
    told = _told(columns, data, task, "test", list(range(task.count("test"))))
    for column, cells in zip(columns, told, strict=True):
        counts = Counter(cells)
        if max(counts.values()) < MIN_ROWS and not _quarters(cells):
            problem = f"its column “{column}” has {len(counts):,} values for the {len(cells):,} files of the test part"
            raise DataError("data_shape", problem=f"{problem}: fewer than {MIN_ROWS} of each")


def _told(columns: tuple[str, ...], data: InputData, task: Task, part: str, items: list[int]) -> list[list[str]]:
    """By column the cell of each of these items."""
    if data.kind in PLACES:
        names = [task.file_of(part, item) or "" for item in items]
        return [
            [cell for _, cell in read_told(Path(data.path), data.profile, PLACES[data.kind], names, column)]
            for column in columns
        ]
    rows = [task.row_of(part, item) for item in items]
    values = _values_of(columns, data, task, {row for row in rows if row is not None})
    cells = [values.get(row, [""] * len(columns)) for row in rows]
    return [[row[n] for row in cells] for n in range(len(columns))]


def _values_of(columns: tuple[str, ...], data: InputData, task: Task, wanted: set[int]) -> dict[int | None, list[str]]:
    found = read_rows(Path(data.path), data.kind, list(columns), data.profile, task.stop)
    return {number: cells for number, cells in enumerate(found, 1) if number in wanted}


def _slices(task: Task, judged: Judged, cells: list[str]) -> dict[str, Any]:
    words = np.array(_quarters(cells) or cells)
    names, counts = np.unique(words, return_counts=True)
    told = [str(names[n]) for n in np.argsort(-counts, kind="stable") if counts[n] >= MIN_ROWS][:MAX_VALUES]
    primary = task.spec.primary
    entries: list[dict[str, Any]] = []
    for name in told:
        task.stop.check()
        mine = words == name
        report = task.report(Judged(judged.part, judged.items[mine], judged.rows[mine]), final=True)
        value = report.values[primary]
        entries.append({"value": name, "rows": int(mine.sum()), "metric": value, "interval": report.interval})
    scores = [entry["metric"] for entry in entries]
    return {
        "metric": primary,
        "values": entries,
        "others": len(words) - sum(entry["rows"] for entry in entries),
        "gap": max(scores) - min(scores) if len(scores) > 1 else None,
    }


def _quarters(cells: list[str]) -> list[str]:
    """Many different numbers as the quarter they lie in; nothing when they are few, or not numbers."""
    if len({*cells} - {""}) <= MAX_VALUES:
        return []
    try:
        numbers = np.array([float(cell or "nan") for cell in cells])
    except ValueError:
        return []
    known = np.isfinite(numbers)
    edges = np.quantile(numbers[known], np.linspace(0, 1, QUARTERS + 1))
    place = np.searchsorted(edges[1:-1], numbers, side="left")
    return [f"{edges[p]:g} – {edges[p + 1]:g}" if k else "" for p, k in zip(place, known, strict=True)]
