"""What differs between two versions: texts line by line and word by word, and every term that changed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collab.agreements.background import BackgroundItem
from collab.agreements.ip import IP_FIELDS, IPTerms
from collab.agreements.models import AgreementVersion
from collab.agreements.particulars import particulars_of

_WORDS = re.compile(r"\s+|[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+")
_LINES_MAX = 4000


@dataclass(frozen=True)
class Piece:
    """Some words; `kind` is same, gone or new."""

    kind: str
    text: str


@dataclass(frozen=True)
class Row:
    """A line of both versions beside each other. `kind`: same, gone, new or changed."""

    kind: str
    before: list[Piece]
    after: list[Piece]


@dataclass(frozen=True)
class Change:
    """A term that is not what it was."""

    label: str
    before: str
    after: str


def text_rows(before: str, after: str) -> list[Row]:
    """Both texts line by line; in a line that changed, the words that did."""
    old, new = before.splitlines()[:_LINES_MAX], after.splitlines()[:_LINES_MAX]
    rows: list[Row] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            rows += [Row("same", [Piece("same", line)], [Piece("same", line)]) for line in old[i:j]]
            continue
        for number in range(max(j - i, m - k)):
            left = old[i + number] if i + number < j else None
            right = new[k + number] if k + number < m else None
            rows.append(_row(left, right))
    return rows


def _row(left: str | None, right: str | None) -> Row:
    if left is None or right is None:
        kind = "new" if left is None else "gone"
        return Row(kind, [Piece("gone", left)] if left else [], [Piece("new", right)] if right else [])
    before, after = _WORDS.findall(left), _WORDS.findall(right)
    pieces: tuple[list[Piece], list[Piece]] = ([], [])
    for tag, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        for side, words, kind in ((0, before[i:j], "gone"), (1, after[k:m], "new")):
            if words:
                pieces[side].append(Piece("same" if tag == "equal" else kind, "".join(words)))
    return Row("changed", *pieces)


def differs(rows: list[Row]) -> bool:
    return any(row.kind != "same" for row in rows)


def near_changes(rows: list[Row], around: int = 2) -> list[Row | None]:
    """The lines that changed and some around them; None stands for lines left out."""
    keep = {
        near
        for index, row in enumerate(rows)
        if row.kind != "same"
        for near in range(index - around, index + around + 1)
    }
    shown: list[Row | None] = []
    for index, row in enumerate(rows):
        if index in keep:
            shown.append(row)
        elif shown and shown[-1] is not None:
            shown.append(None)
    return shown


def term_changes(before: AgreementVersion, after: AgreementVersion, names: dict[str, str]) -> list[Change]:
    """Dates, parties, coverage, IP terms, background and duties that differ. `names`: of the assets one may see."""
    old, new = dict(_terms(before, names)), dict(_terms(after, names))
    return [
        Change(label, old.get(label, "–"), new.get(label, "–"))
        for label in {**old, **new}
        if old.get(label, "–") != new.get(label, "–")
    ]


def _terms(version: AgreementVersion, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name in (
        "effective_on",
        "expires_on",
        "governing_law",
        "confidentiality_months",
        "auto_renews",
        "renewal_months",
        "notice_days",
        "requires_acceptance",
    ):
        yield _label(version, name), _said(getattr(version, name))
    parties = list(version.parties.all())
    yield _("Parties"), _list(str(party.organisation) for party in parties)
    if any(party.signing_order for party in parties):
        yield _("Order of signing"), " → ".join(str(p.organisation) for p in parties)
    for row in version.coverage.all():
        asset = names.get(str(row.asset_id), _("one dataset")) if row.asset_id else _("every dataset of the project")
        yield f"{row.party}: {row.get_purpose_display()}: {asset}", _("yes")
    ip: IPTerms | None = getattr(version, "ip_terms", None)
    if ip is not None:
        for label, value in ip_facts(ip):
            yield label, value
    if (room := particulars_of(version.agreement)) and version.particulars:
        yield from room.said(version.particulars)
    known = {str(party.organisation_id): str(party.organisation) for party in parties}
    for item in version.background_shown():
        label = f"{_('Background')}: {known.get(item['owner'], '')}: {item['title']}"
        yield label, _background(item)
    for duty in version.duties.all():
        end = _said(duty.until) if duty.until else (_months(duty.months) if duty.months else "∞")
        yield f"{_('Surviving duty')}: {duty}", f"{duty.party or _('all parties')}, {end}"


def ip_facts(ip: IPTerms) -> Iterator[tuple[str, str]]:
    """Every term of intellectual property in words, those that say nothing left out."""
    for name in IP_FIELDS:
        shown = getattr(ip, f"get_{name}_display", None)
        value = shown() if shown else getattr(ip, name)
        if value not in (None, ""):
            yield _label(ip, name), _said(value)


def _background(item: dict[str, Any]) -> str:
    usable = _("may be used in the project") if item["usable_in_project"] else _("not for use in the project")
    parts = [usable, item["description"], item["restrictions"], item["reference"]]
    if item["exploitation"]:
        field = BackgroundItem._meta.get_field("exploitation")
        parts.append(str(dict(field.flatchoices).get(item["exploitation"], item["exploitation"])))
    return "; ".join(part for part in parts if part)


def _label(row: Any, name: str) -> str:
    text = str(row._meta.get_field(name).verbose_name)
    return text[:1].upper() + text[1:]


def _months(n: int) -> str:
    return ngettext("%(n)d month", "%(n)d months", n) % {"n": n}


def _said(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if hasattr(value, "isoformat"):
        return date_format(value)
    return str(value)


def _list(words: Iterator[str]) -> str:
    return _(", ").join(sorted(words))
