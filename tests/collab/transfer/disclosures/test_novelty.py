"""What making an invention public destroys: counted from dated rules, told plainly."""

from __future__ import annotations

from datetime import date

import pytest

from collab.transfer.disclosures.models import Disclosure, NoveltyRule
from collab.transfer.disclosures.novelty import load_rules, loss_of, rules_on, warnings_of

TODAY = date(2026, 5, 10)
STRICT = NoveltyRule(jurisdiction="EP", name="Europe", grace_months=0)
GRACE = NoveltyRule(jurisdiction="US", name="America", grace_months=12)


@pytest.mark.parametrize(
    ("rule", "public_on", "file_by"),
    [
        (STRICT, date(2026, 5, 11), date(2026, 5, 10)),  # tomorrow: today is the last good day
        (STRICT, date(2026, 5, 10), None),
        (GRACE, date(2025, 5, 10), date(2026, 5, 10)),
        (GRACE, date(2025, 5, 9), None),
        (GRACE, date(2027, 2, 28), date(2028, 2, 28)),
    ],
)
def test_until_when_one_may_file(rule, public_on, file_by):
    loss = loss_of(rule, public_on, TODAY)
    assert (loss.file_by, loss.lost) == (file_by, file_by is None)


def said(rules=(STRICT, GRACE), **facts) -> list[tuple[str, str]]:
    disclosure = Disclosure(**({"kind": "patentable"} | facts))
    return [(warning.code, warning.sentence) for warning in warnings_of(disclosure, TODAY, rules)]


def test_what_is_public_is_lost_where_novelty_is_absolute():
    found = said(public_disclosure_on=date(2026, 3, 1))
    assert [code for code, _text in found] == ["lost", "file_by"]
    assert "Europe" in found[0][1] and "America" not in found[0][1]
    assert "America" in found[1][1] and "March 1, 2027" in found[1][1]


def test_what_is_planned_is_warned_of_before():
    found = said(planned_disclosure_on=date(2026, 6, 1))
    assert [code for code, _text in found] == ["will_be_lost", "file_by"]
    assert "File before it becomes public on June 1, 2026" in found[0][1]
    # a planned day that has passed counts as if it had happened
    assert said(planned_disclosure_on=date(2026, 5, 1))[0][0] == "lost"


def test_other_kinds_lose_other_things():
    assert said(kind="know_how", public_disclosure_on=date(2026, 1, 1))[0][0] == "secret_lost"
    assert said(kind="know_how", planned_disclosure_on=date(2026, 6, 1))[0][0] == "secret_will_be_lost"
    assert said(kind="mark", public_disclosure_on=date(2026, 1, 1)) == []
    assert said() == []
    assert said(rules=(), public_disclosure_on=date(2026, 1, 1))[0][0] == "no_rules"


@pytest.mark.django_db
def test_rules_are_dated_and_stay_as_people_left_them():
    assert load_rules() == 8
    NoveltyRule.objects.filter(jurisdiction="EP").update(name="Changed")
    assert load_rules() == 0
    row = NoveltyRule.objects.get(jurisdiction="EP")
    assert row.name == "Changed"
    NoveltyRule.objects.filter(pk=row.pk).update(valid_until=date(2026, 1, 1))
    NoveltyRule.objects.create(jurisdiction="EP", name="New law", grace_months=6, valid_from=date(2026, 1, 2))
    assert [rule.grace_months for rule in rules_on(TODAY) if rule.jurisdiction == "EP"] == [6]
    assert [rule.grace_months for rule in rules_on(date(2025, 12, 31)) if rule.jurisdiction == "EP"] == [0]
