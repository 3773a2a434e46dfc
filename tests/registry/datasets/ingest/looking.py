"""Look at bytes in this process and check that whatever is said can be said."""

from __future__ import annotations

import io
import string

from registry.datasets.ingest.child import examine
from registry.datasets.ingest.contract import MESSAGES, WARNINGS, Limits, Report


def look_at(data: bytes, name: str = "", kind: str | None = None, **limits) -> Report:
    """Examine bytes here, without a child."""
    return check_words(examine(io.BytesIO(data), name=name, kind=kind, limits=Limits(**limits)))


def check_words(report: Report) -> Report:
    """JSON and back, and every place in the sentences is filled."""
    assert Report.from_json(report.to_json()) == report
    if report.refusal:
        known = {**report.refusal.params, **report.refusal.where}
        for template in MESSAGES[report.refusal.code]:
            assert places(template) <= set(known), f"{report.refusal.code} does not fill {template!r}"
        assert "{" not in report.refusal.message()
    for one in report.warnings:
        assert places(WARNINGS[one.code]) <= set(one.params), f"{one.code} does not fill its sentence"
    return report


def places(template: str) -> set[str]:
    """The names in curly brackets."""
    return {field for _, field, _, _ in string.Formatter().parse(template) if field}


def short(value: object) -> str | None:
    """The name of a test parameter, where its own would be long or hold what no name should."""
    if isinstance(value, bytes):
        return f"{len(value)}-bytes"
    return (
        f"{len(value)}-characters" if isinstance(value, str) and (len(value) > 40 or not value.isprintable()) else None
    )
