"""What a run left in its folder for its page: examples, and the details of its last test."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry.catalog.metrics import metric_label
from registry.catalog.reporting import REPORT_FILE, Found, found_in, read_found
from training.engine.contract import EVENTS_FILE, PACKAGE_DIR, SEARCH_FILE
from training.runner.events import read_events

SAMPLES_SHOWN = 8
TAIL_BYTES = 1 << 20
METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class Findings(Found):
    """With examples of the last evaluation, which quote the data."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    step: int | None = None
    search: dict[str, Any] | None = None  # the trials of a search


def findings_of(run_dir: Path, *, samples: bool) -> Findings:
    """Read a run's folder; `samples` only for those who may read the data, because they quote it."""
    package = run_dir / PACKAGE_DIR
    results = read_found(package / METRICS_FILE) | {"cleaned": read_found(package / REPORT_FILE).get("cleaned")}
    shown = _samples(run_dir / EVENTS_FILE) if samples else []
    step = shown[-1].get("step") if shown else None
    return Findings(**vars(found_in(results)), samples=shown, step=step, search=search_of(run_dir))


def search_of(run_dir: Path) -> dict[str, Any] | None:
    """The trials of a search, the best first, then as they were tried; None for a job that searches nothing."""
    found = read_found(run_dir / SEARCH_FILE)
    if not isinstance(found.get("trials"), list):
        return None
    trials = [trial | {"best": trial["number"] == found["best"]} for trial in found["trials"]]
    return {
        "kind": found["kind"],
        "metric": f"valid/{found['primary']}",
        "label": metric_label(f"valid/{found['primary']}"),
        "trials": sorted(trials, key=lambda trial: not trial["best"]),
    }


def _samples(path: Path) -> list[dict[str, Any]]:
    """The examples of the last step that has any, from the end of the file."""
    try:
        size = path.stat().st_size
    except OSError:
        return []
    events, _after = read_events(path, max(0, size - TAIL_BYTES), TAIL_BYTES)
    samples = [event for event in events if event["e"] == "sample"]
    return [one for one in samples if one.get("step") == samples[-1].get("step")][-SAMPLES_SHOWN:]
