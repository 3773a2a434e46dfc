"""What making an invention public destroys, and until when one may still file: read from the dated rules."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.kernel.months import add_months
from collab.transfer.disclosures.models import Disclosure, DisclosureKind, NoveltyRule

RULES = Path(__file__).with_name("novelty.toml")
# What may hold something to patent.
PATENTABLE = frozenset({DisclosureKind.PATENTABLE, DisclosureKind.TRAINED_MODEL, DisclosureKind.SOFTWARE})


@dataclass(frozen=True)
class Loss:
    """One jurisdiction: lost, or until which day one may still file (`file_by` is the last good day)."""

    rule: NoveltyRule
    lost: bool
    file_by: date | None


@dataclass(frozen=True)
class Warning:
    """A sentence for people; `tone` as badges have it."""

    code: str
    tone: str
    sentence: str
    losses: tuple[Loss, ...] = ()


def load_rules() -> int:
    """Enter the rules that come with Tandem; those that are there already stay as people left them."""
    before = NoveltyRule.objects.count()
    for row in tomllib.loads(RULES.read_text(encoding="utf-8"))["rule"]:
        key = {"jurisdiction": row.pop("jurisdiction"), "valid_from": row.pop("valid_from")}
        NoveltyRule.objects.get_or_create(**key, defaults=row)
    return NoveltyRule.objects.count() - before


def rules_on(day: date) -> list[NoveltyRule]:
    rows = NoveltyRule.objects.filter(Q(valid_until=None) | Q(valid_until__gte=day), valid_from__lte=day)
    return list(rows.order_by("grace_months", "jurisdiction"))


def loss_of(rule: NoveltyRule, public_on: date, today: date) -> Loss:
    """What a publication on that day does there, seen from today."""
    if rule.grace_months == 0:
        file_by = public_on - timedelta(days=1)  # before it is public
    else:
        file_by = add_months(public_on, rule.grace_months)
    return Loss(rule, lost=today > file_by, file_by=None if today > file_by else file_by)


def warnings_of(disclosure: Disclosure, today: date, rules: Iterable[NoveltyRule] | None = None) -> list[Warning]:
    """What has been destroyed by being public, and what the planned publication will destroy."""
    past, planned = disclosure.public_disclosure_on, disclosure.planned_disclosure_on
    if past is None and planned is None:
        return []
    if disclosure.kind == DisclosureKind.KNOW_HOW:
        return [_of_secret(past, planned)]
    if disclosure.kind not in PATENTABLE:
        return []
    rules = rules_on(today) if rules is None else list(rules)
    if not rules:
        text = _("No rule on novelty is entered, so nobody can say what a publication destroys. Ask counsel.")
        return [Warning("no_rules", "warn", text)]
    if past is not None:
        return _after(past, today, rules)
    assert planned is not None
    return _before(planned, today, rules)


def _after(day: date, today: date, rules: Iterable[NoveltyRule]) -> list[Warning]:
    losses = [loss_of(rule, day, today) for rule in rules]
    gone = tuple(loss for loss in losses if loss.lost)
    found = []
    if gone:
        text = _("Public since %(day)s: a patent is no longer possible in %(where)s.")
        found.append(Warning("lost", "bad", text % {"day": date_format(day), "where": _names(gone)}, gone))
    return found + _by_day(
        [loss for loss in losses if not loss.lost], _("Still possible in %(where)s if it is filed by %(day)s.")
    )


def _before(day: date, today: date, rules: Iterable[NoveltyRule]) -> list[Warning]:
    """A day that has passed meanwhile is taken as if it had happened."""
    if day <= today:
        return _after(day, today, rules)
    losses = [loss_of(rule, day, today) for rule in rules]
    strict = tuple(loss for loss in losses if loss.rule.grace_months == 0)
    found = []
    if strict:
        text = _("File before it becomes public on %(day)s: from that day a patent is lost in %(where)s.")
        found.append(Warning("will_be_lost", "bad", text % {"day": date_format(day), "where": _names(strict)}, strict))
    return found + _by_day(
        [loss for loss in losses if loss.rule.grace_months], _("In %(where)s one may file until %(day)s even then.")
    )


def _by_day(losses: list[Loss], template: str) -> list[Warning]:
    days: dict[date, list[Loss]] = {}
    for loss in losses:
        assert loss.file_by is not None
        days.setdefault(loss.file_by, []).append(loss)
    return [
        Warning("file_by", "warn", template % {"where": _names(of), "day": date_format(day)}, tuple(of))
        for day, of in sorted(days.items())
    ]


def _of_secret(past: date | None, planned: date | None) -> Warning:
    if past is not None:
        text = _("Public since %(day)s: it can no longer be kept as a secret.") % {"day": date_format(past)}
        return Warning("secret_lost", "bad", text)
    assert planned is not None
    text = _("Making it public on %(day)s ends its protection as a secret, for good.") % {"day": date_format(planned)}
    return Warning("secret_will_be_lost", "bad", text)


def _names(losses: Iterable[Loss]) -> str:
    return ", ".join(str(loss.rule) for loss in losses)
