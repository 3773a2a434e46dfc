"""A profile as people see it: charts, columns, notices, and examples for those who may read the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registry.datasets.ingest.contract import WARNINGS, Notice
from registry.datasets.models import DatasetVersion

CLASSES_SHOWN = 30
COLUMNS_SHOWN = 60
CLASS_CHARTS = 3

UNITS = {
    "words per line": gettext_lazy("Words per line"),
    "characters per row": gettext_lazy("Characters per row"),
    "pixels of the longer side": gettext_lazy("Pixels of the longer side"),
    "tenths of a second": gettext_lazy("Tenths of a second"),
}
TYPES = {
    "text": gettext_lazy("text"),
    "category": gettext_lazy("categories"),
    "boolean": gettext_lazy("yes or no"),
    "integer": gettext_lazy("whole numbers"),
    "number": gettext_lazy("numbers"),
    "empty": gettext_lazy("empty"),
}


@dataclass
class Pictures:
    """What the page draws from one profile."""

    facts: list[tuple[str, Any]] = field(default_factory=list)
    classes: list[dict[str, Any]] = field(default_factory=list)
    lengths: dict[str, Any] | None = None
    columns: list[dict[str, Any]] = field(default_factory=list)
    more_columns: int = 0
    notices: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    examples: list[list[Any]] = field(default_factory=list)


def pictures_of(version: DatasetVersion, *, examples: bool) -> Pictures:
    """Charts and tables of a version's profile; `examples` only for those who may read the rows."""
    profile = version.profile if examples else version.public_profile
    columns = profile.get("columns") or []
    shown = Pictures(
        facts=_facts(profile),
        classes=[
            _classes(name, counts) for name, counts in list((profile.get("classes") or {}).items())[:CLASS_CHARTS]
        ],
        lengths=_lengths(profile.get("lengths") or {}),
        columns=[column | {"type_text": TYPES.get(column.get("type"), column.get("type"))} for column in columns],
        notices=[_notice(one) for one in profile.get("warnings") or [] if one.get("code") in WARNINGS],
    )
    shown.more_columns = max(0, len(shown.columns) - COLUMNS_SHOWN)
    shown.columns = shown.columns[:COLUMNS_SHOWN]
    shown.headers, shown.examples = _examples(profile.get("examples") or [])
    return shown


def _facts(profile: dict[str, Any]) -> list[tuple[str, Any]]:
    """(term, number or text) in the order of reading; what a kind has no number for is left out."""
    image, audio = profile.get("image") or {}, profile.get("audio") or {}
    known = [
        (_("Characters"), profile.get("chars")),
        (_("Words"), profile.get("words")),
        (_("Columns"), len(profile["columns"]) if profile.get("kind") in {"csv", "jsonl", "parquet"} else None),
        (_("Encoding"), profile.get("encoding")),
        (_("Separator"), {"\t": _("tab"), None: None}.get(profile.get("delimiter"), profile.get("delimiter"))),
        (_("Width"), _range(image.get("width"))),
        (_("Height"), _range(image.get("height"))),
        (_("Formats"), _counted(image.get("formats"))),
        (_("Seconds"), _span(audio.get("seconds"))),
        (_("Seconds in all"), audio.get("total_seconds")),
        (_("Values a second"), _counted(audio.get("rates"))),
        (_("Channels"), _counted(audio.get("channels"))),
        (_("Formats"), _counted(audio.get("formats"))),
        (_("Transcripts"), audio.get("transcribed")),
        (_("Colours"), ", ".join(image.get("modes") or []) or None),
    ]
    return [(term, value) for term, value in known if value not in (None, "")]


def _counted(counts: dict[str, int] | None) -> str | None:
    return ", ".join(f"{name} ({count})" for name, count in (counts or {}).items()) or None


def _span(ends: list[float] | None) -> str | None:
    return f"{ends[0]:g} – {ends[1]:g}" if ends else None


def _range(ends: list[int] | None) -> str | None:
    if not ends:
        return None
    low, high = ends
    return _("%(n)d pixels") % {"n": low} if low == high else _("%(a)d to %(b)d pixels") % {"a": low, "b": high}


def _classes(name: str, counts: dict[str, int]) -> dict[str, Any]:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:CLASSES_SHOWN]
    return {
        "name": name,
        "count": len(counts),
        "more": max(0, len(counts) - CLASSES_SHOWN),
        "data": {"labels": [label for label, _n in ranked], "values": [n for _label, n in ranked]},
    }


def _lengths(lengths: dict[str, Any]) -> dict[str, Any] | None:
    if len(lengths.get("counts") or ()) < 2:
        return None  # all of one length: nothing to draw
    unit = lengths.get("unit", "")
    return {"title": UNITS.get(unit, unit), "data": {"labels": lengths["bins"], "values": lengths["counts"]}}


def _notice(one: dict[str, Any]) -> str:
    return Notice(one["code"], one.get("params") or {}).message(_)


def _examples(examples: list[Any]) -> tuple[list[str], list[list[Any]]]:
    """Rows as a table: objects by their keys, plain lines in one column."""
    if not examples or not isinstance(examples[0], dict):
        return [], [[one] for one in examples]
    headers = list(dict.fromkeys(key for one in examples for key in one))
    return headers, [[one.get(key, "") for key in headers] for one in examples]
