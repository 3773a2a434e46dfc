"""What a run's last test found, as pages draw it: from metrics.json and report.json, which quote no row."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from collab.kernel.blobs import blob_path
from registry.catalog.metrics import metric_label
from registry.catalog.models import ModelVersion

CLASSES_SHOWN = 30
CURVES_SHOWN = 6
REPORT_FILE = "report.json"
FOUND_MAX_BYTES = 4 << 20
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
    "whitespace": _("Kept: white space folded, in so many places"),
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


@dataclass(frozen=True)
class Found:
    """The 95 % interval of the primary metric, the probe beside it, and the details that the task has."""

    confusion: dict[str, Any] | None = None
    interval: tuple[float, float] | None = None
    ranking: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None
    slices: list[dict[str, Any]] = field(default_factory=list)
    cleaned: dict[str, Any] | None = None
    probe: float | None = None  # primary metric of a linear answer to the frozen features of the start


def reported(version: ModelVersion) -> Found:
    """What the report among the files of a version tells; nothing where it is not kept here."""
    facts = ((version.manifest or {}).get("files") or {}).get(REPORT_FILE) or {}
    if not facts:
        return Found()
    report = read_found(blob_path(facts["sha256"]))
    primary = report.get("primary") or {}
    return found_in(report | {"primary": primary.get("name"), "interval": primary.get("interval")})


def read_found(path: Path) -> dict[str, Any]:
    """A file of the package as JSON, or nothing when it is not there (yet), not whole, or too large."""
    try:
        if path.stat().st_size > FOUND_MAX_BYTES:
            return {}
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def found_in(results: dict[str, Any]) -> Found:
    """`results`: metrics.json, and `cleaned` of report.json."""
    detail, interval = results.get("detail") or {}, results.get("interval")
    return Found(
        confusion=_confusion(detail),
        ranking=_ranking(detail),
        calibration=_calibration(detail),
        slices=[
            {"column": column, "label": metric_label(found["metric"]), **found}
            for column, found in (results.get("slices") or {}).items()
        ],
        cleaned=_cleaned(results.get("cleaned")),
        probe=((results.get("probe") or {}).get("metrics") or {}).get(results.get("primary")),
        interval=(interval[0], interval[1]) if isinstance(interval, list) and len(interval) == 2 else None,
    )


def _confusion(detail: dict[str, Any]) -> dict[str, Any] | None:
    labels, matrix = detail.get("labels") or [], detail.get("confusion") or []
    if not 2 <= len(labels) <= CLASSES_SHOWN or len(matrix) != len(labels):
        return None
    counted, rows = detail.get("confusion_rows"), detail.get("rows")
    fewer = isinstance(counted, int) and isinstance(rows, int) and counted < rows
    return {"labels": labels, "matrix": matrix} | ({"counted": counted, "rows": rows} if fewer else {})


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
    """How often it is right in each tenth of surety; a tenth as a bar and a mark in a square of 100."""
    found = detail.get("calibration") or {}
    bins = [one | {"from": 10 * n, "to": 10 * n + 10} for n, one in enumerate(found.get("bins") or []) if one["rows"]]
    if not bins:
        return None
    for one in bins:
        one |= {
            "x": one["from"] + 1,
            "height": f"{100 * one['accuracy']:.1f}",
            "y": f"{100 - 100 * one['accuracy']:.1f}",
        }
    return {"ece": found["ece"], "bins": bins}
