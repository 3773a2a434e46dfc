"""What a run left in its folder for its page: examples, and the details of its last test."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from registry.catalog.metrics import metric_label
from training.engine.contract import EVENTS_FILE, PACKAGE_DIR, SEARCH_FILE
from training.runner.events import read_events

SAMPLES_SHOWN = 8
CLASSES_SHOWN = 30
CLEANED_WORDS = {
    "duplicates": _("Repeat an earlier row"),
    "near_duplicates": _("Nearly repeat an earlier row"),
    "language": _("In other languages"),
    "language_unknown": _("Kept: too short to tell their language"),
    "pii": _("Point to a person"),
    "masked": _("Kept: what points to a person is masked"),
    "short": _("Too short"),
    "long": _("Too long"),
    "formed": _("Kept: characters brought into one form"),
}
PII_WORDS = {
    "card": _("payment cards"),
    "email": _("e-mail addresses"),
    "iban": _("bank accounts (IBAN)"),
    "ip": _("internet addresses"),
    "passport": _("passport numbers"),
    "phone": _("phone numbers"),
    "resident_id": _("Chinese resident ids"),
}
CURVES_SHOWN = 6
TAIL_BYTES = 1 << 20
METRICS_FILE = "metrics.json"
REPORT_FILE = "report.json"
METRICS_MAX_BYTES = 4 << 20


@dataclass(frozen=True)
class Findings:
    """Examples of the last evaluation, the confusion matrix, and the 95 % interval of the primary metric."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    step: int | None = None
    confusion: dict[str, Any] | None = None
    interval: tuple[float, float] | None = None
    ranking: dict[str, Any] | None = None
    slices: list[dict[str, Any]] = field(default_factory=list)
    cleaned: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None
    search: dict[str, Any] | None = None  # the trials of a search
    probe: float | None = None  # primary metric of a linear answer to the frozen features of the start


def findings_of(run_dir: Path, *, samples: bool) -> Findings:
    """Read a run's folder; `samples` only for those who may read the data, because they quote it."""
    results = _results(run_dir / PACKAGE_DIR / METRICS_FILE)
    detail = results.get("detail") or {}
    interval = results.get("interval")
    shown = _samples(run_dir / EVENTS_FILE) if samples else []
    return Findings(
        samples=shown,
        step=shown[-1].get("step") if shown else None,
        confusion=_confusion(detail),
        cleaned=_cleaned(_results(run_dir / PACKAGE_DIR / REPORT_FILE).get("cleaned")),
        calibration=_calibration(detail),
        ranking=_ranking(detail),
        slices=[
            {"column": column, "label": metric_label(found["metric"]), **found}
            for column, found in (results.get("slices") or {}).items()
        ],
        search=search_of(run_dir),
        probe=((results.get("probe") or {}).get("metrics") or {}).get(results.get("primary")),
        interval=(interval[0], interval[1]) if isinstance(interval, list) and len(interval) == 2 else None,
    )


def search_of(run_dir: Path) -> dict[str, Any] | None:
    """The trials of a search, the best first, then as they were tried; None for a job that searches nothing."""
    found = _results(run_dir / SEARCH_FILE)
    if not isinstance(found.get("trials"), list):
        return None
    trials = [trial | {"best": trial["number"] == found["best"]} for trial in found["trials"]]
    return {
        "kind": found["kind"],
        "metric": f"valid/{found['primary']}",
        "label": metric_label(f"valid/{found['primary']}"),
        "trials": sorted(trials, key=lambda trial: not trial["best"]),
    }


def _results(path: Path) -> dict[str, Any]:
    """metrics.json of the package, or nothing when it is not there (yet)."""
    try:
        if path.stat().st_size > METRICS_MAX_BYTES:
            return {}
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _confusion(detail: dict[str, Any]) -> dict[str, Any] | None:
    labels, matrix = detail.get("labels") or [], detail.get("confusion") or []
    if not 2 <= len(labels) <= CLASSES_SHOWN or len(matrix) != len(labels):
        return None
    return {"labels": labels, "matrix": matrix}


def _ranking(detail: dict[str, Any]) -> dict[str, Any] | None:
    """Areas and curves of the commonest labels; a curve as the points of a line in a square of 100."""
    found = detail.get("ranking") or {}
    labels = sorted((found.get("labels") or {}).items(), key=lambda entry: -entry[1]["rows"])
    if not labels:
        return None
    rows = [{"label": name, **one, "roc": _line(one["roc"]), "pr": _line(one["pr"])} for name, one in labels]
    areas = {name: found[name] for name in ("roc_auc", "average_precision")}
    return areas | {"rows": rows[:CURVES_SHOWN], "more": max(0, len(rows) - CURVES_SHOWN)}


def _line(points: list[list[float]]) -> str:
    return " ".join(f"{100 * x:.1f},{100 - 100 * y:.1f}" for x, y in points)


def _cleaned(found: Any) -> dict[str, Any] | None:
    """What preparation left out or masked: how many rows for each reason, and the numbers of the first of them."""
    if not isinstance(found, dict):
        return None
    told = found.get("rows") or {}
    reasons = [why for why in CLEANED_WORDS if why in found]
    rows = [{"words": CLEANED_WORDS[why], "count": found[why], "rows": told.get(why) or []} for why in reasons]
    kinds = [{"words": PII_WORDS.get(kind, kind), "count": n} for kind, n in (found.get("pii_found") or {}).items()]
    return {"rows": rows, "kinds": kinds}


def _calibration(detail: dict[str, Any]) -> dict[str, Any] | None:
    """How often it is right in each tenth of surety, beside how sure it is; bars in a square of 100."""
    found = detail.get("calibration") or {}
    bins = found.get("bins") or []
    if not bins:
        return None
    return found | {"bins": bins}


def _samples(path: Path) -> list[dict[str, Any]]:
    """The examples of the last step that has any, from the end of the file."""
    try:
        size = path.stat().st_size
    except OSError:
        return []
    events, _after = read_events(path, max(0, size - TAIL_BYTES), TAIL_BYTES)
    samples = [event for event in events if event["e"] == "sample"]
    return [one for one in samples if one.get("step") == samples[-1].get("step")][-SAMPLES_SHOWN:]
