"""The table at the end of the main job, for people and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from deploy.tandem.demo import Outcome


def table(outcomes: Sequence[Outcome], access: Mapping[str, Any], base_url: str) -> str:
    """What was trained, how well, where it is, who may look. Narrow enough for any terminal."""
    lines = []
    for outcome in outcomes:
        lines += ["", *columns(rows(outcome, base_url))]
    people = [[f"  {who['email']}", who["password"], who["who"]] for who in access.get("accounts", [])]
    return "\n".join([*lines, "", f"  Sign in at {base_url}/ as", *columns(people), ""])


def rows(outcome: Outcome, base_url: str) -> list[list[str]]:
    job, version = outcome.job, outcome.job.get("model_version") or {}
    test = [f"{name} {figure(value)}" for name, value, _ in outcome.compared]
    trivial = [f"{name} {figure(value)}" for name, _, value in outcome.compared if value is not None]
    kind = f" ({job['baseline_name']})" if job.get("baseline_name") else ""
    return [
        ["TRAINED", f"{outcome.chapter.job}, on {outcome.chapter.dataset}"],
        ["test", ", ".join(test) or "-"],
        ["trivial answer", (", ".join(trivial) or "-") + kind],
        ["MLflow run", job.get("mlflow_run_id") or "-"],
        ["model version", label(version)],
        ["look", absolute(base_url, version.get("url"))],
    ]


def label(version: Mapping[str, Any]) -> str:
    return f"{version['name']} version {version['number']}" if version else "-"


def figure(value: float) -> str:
    """Four digits that say something: 0.9812, 12.34, 412.3."""
    size = abs(value)
    return f"{value:.4f}" if size < 1 else f"{value:.2f}" if size < 100 else f"{value:,.1f}"


def absolute(base_url: str, url: str | None) -> str:
    if not url:
        return base_url + "/"
    return url if url.startswith("http") else base_url + url


def columns(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Rows with aligned columns, two spaces apart."""
    if not rows:
        return []
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]
