"""Deadlines follow the dates and the rules of the day; what people settled stays, and nothing settles by itself."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import time_machine
from django.utils import timezone

from collab.accounts.models import User
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Obligation
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, NotFoundError
from collab.kernel.months import add_months
from collab.transfer.disclosures.services import move_case, reopen_case
from collab.transfer.models import Deadline, DeadlineRuleSet, TransferCase
from collab.transfer.protection.counting import due_day, next_occurrence
from collab.transfer.protection.rules import DeadlineRule
from collab.transfer.protection.ruling import load_shipped, publish_rule_set
from collab.transfer.protection.services import (
    add_deadline,
    choose_funder_rules,
    drop_funder_rules,
    edit_funder_rules,
    edit_protection,
    meet_deadline,
    move_protection,
    reopen_deadline,
    waive_deadline,
)
from collab.transfer.protection.sweeping import sweep
from tests.collab.transfer.protection.ground import case_of, day, member, officer_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ground(aurora):
    load_shipped()
    aurora.officer = officer_of(aurora)
    aurora.case = case_of(aurora)
    return aurora


def deadlines(case: TransferCase) -> dict[str, Deadline]:
    rows = Deadline.objects.filter(case=case).select_related("rule")
    return {row.rule.code if row.rule else row.title: row for row in rows}


def in_calendar(case: TransferCase) -> set[date]:
    keys = [str(pk) for pk in Deadline.objects.filter(case=case).values_list("pk", flat=True)]
    return set(Obligation.objects.open().filter(source_id__in=keys).values_list("due_on", flat=True))


def test_a_provisional_is_followed_within_a_year_and_a_pct_meets_it(ground):
    filed = day(-300)
    first = member(ground.case, ground.officer, "provisional", filed_on=filed)
    waits = deadlines(ground.case)["follow-provisional"]
    assert (waits.due_on, waits.state, waits.base_on) == (add_months(filed, 12), "open", filed)
    assert waits.due_on in in_calendar(ground.case)

    member(ground.case, ground.officer, "pct", parent=first, filed_on=day(-1))

    found = deadlines(ground.case)
    assert (found["follow-provisional"].state, found["follow-provisional"].settled_on) == ("met", day(-1))
    assert found["national-phase"].due_on == add_months(filed, 30)  # from the priority it claims
    assert in_calendar(ground.case) == {
        row.due_on for row in found.values() if row.state == "open"
    } and waits.due_on not in in_calendar(ground.case)


def test_what_it_claims_priority_of_is_no_national_phase(ground):
    first = member(ground.case, ground.officer, "national", jurisdiction="EP", filed_on=day(-300))
    wide = member(ground.case, ground.officer, "pct", parent=first, filed_on=day(-20))
    assert deadlines(ground.case)["national-phase"].state == "open"

    member(ground.case, ground.officer, "national", jurisdiction="CN", parent=wide, filed_on=day(-2))

    phase = deadlines(ground.case)["national-phase"]
    assert (phase.state, phase.settled_on) == ("met", day(-2))


def test_a_changed_date_moves_its_deadlines(ground):
    protection = member(ground.case, ground.officer, "provisional", filed_on=day(-100))
    edit_protection(protection=protection, by=ground.officer, version=1, filed_on=day(-50))

    moved = deadlines(ground.case)["follow-provisional"]
    assert moved.due_on == add_months(day(-50), 12)
    assert in_calendar(ground.case) == {moved.due_on}
    act = AuditEvent.objects.get(verb="protection.edit")
    assert act.data["fields"] == ["filed_on"] and act.data["deadlines"] == 1


def test_what_had_gone_by_when_it_was_entered_is_told_but_not_in_the_calendar(ground):
    member(ground.case, ground.officer, "provisional", filed_on=day(-500))
    row = deadlines(ground.case)["follow-provisional"]
    assert row.state == "gone_by" and not in_calendar(ground.case)


def test_what_people_settled_stays_settled_when_the_date_moves(ground):
    protection = member(ground.case, ground.officer, "provisional", filed_on=day(-100))
    row = waive_deadline(deadline=deadlines(ground.case)["follow-provisional"], by=ground.officer, note="Not worth it")
    edit_protection(protection=protection, by=ground.officer, version=1, filed_on=day(-90))
    again = deadlines(ground.case)["follow-provisional"]
    assert (again.pk, again.state, again.note) == (row.pk, "waived", "Not worth it")

    reopen_deadline(deadline=again, by=ground.officer)
    assert in_calendar(ground.case) == {add_months(day(-90), 12)}


def test_what_is_opened_again_is_counted_again(ground):
    protection = member(ground.case, ground.officer, "provisional", filed_on=day(-100))
    row = waive_deadline(deadline=deadlines(ground.case)["follow-provisional"], by=ground.officer, note="Not worth it")
    move_protection(protection=protection, move="abandon", on=day(0), by=ground.officer, reason="No licensee")
    assert reopen_deadline(deadline=row, by=ground.officer).state == "void"  # its protection is over
    assert not in_calendar(ground.case)

    followed = member(ground.case, ground.officer, "provisional", filed_on=day(-50))
    member(ground.case, ground.officer, "pct", parent=followed, filed_on=day(-1))
    met = Deadline.objects.get(protection=followed, rule__code="follow-provisional")
    with pytest.raises(ConflictError, match="What was filed"):
        reopen_deadline(deadline=met, by=ground.officer)


def test_deadlines_end_with_their_case_and_go_on_with_it(ground):
    """Missed before it ended, one is overdue again; one whose day came meanwhile had gone by."""
    missed, gone, coming = (
        member(ground.case, ground.officer, "provisional", filed_on=day(-365 + ahead)) for ahead in (10, 35, 100)
    )

    def states() -> list[str]:
        rows = {row.protection_id: row.state for row in Deadline.objects.filter(rule__code="follow-provisional")}
        return [rows[one.pk] for one in (missed, gone, coming)]

    def case() -> TransferCase:
        return TransferCase.objects.get(pk=ground.case.pk)

    by = {"by": ground.officer, "reason": "Wrong case"}
    now = timezone.now()
    with time_machine.travel(now + timedelta(days=20), tick=False):
        move_case(case=case(), stage="closed", version=case().version, **by)
        assert states() == ["void"] * 3 and not in_calendar(ground.case)
    with time_machine.travel(now + timedelta(days=50), tick=False):
        reopen_case(case=case(), version=case().version, **by)
    assert states() == ["open", "gone_by", "open"]
    assert len(in_calendar(ground.case)) == 2


def test_what_had_gone_by_has_gone_by_after_another_end(ground):
    """Counted and by hand alike: its day came while the case rested, whatever ended the case later."""
    member(ground.case, ground.officer, "provisional", filed_on=day(-365 + 35))
    member(ground.case, ground.officer, "provisional", filed_on=day(-365 + 55))
    for title, ahead in {"gone": 36, "missed": 56}.items():
        add_deadline(case=ground.case, title=title, due_on=day(ahead), by=ground.officer)

    def turn(ahead: int) -> list[str]:
        """Ends the case so many days ahead, or lets it go on; how its deadlines stand then, by their days."""
        case = TransferCase.objects.get(pk=ground.case.pk)
        by = {"case": case, "by": ground.officer, "reason": "Wrong case", "version": case.version}
        with time_machine.travel(now + timedelta(days=ahead), tick=False):
            reopen_case(**by) if case.state == "closed" else move_case(stage="closed", **by)
        return list(Deadline.objects.exclude(rule__code="national-phase").values_list("state", flat=True))

    now = timezone.now()
    assert turn(20) == ["void"] * 4
    assert turn(50) == ["gone_by", "gone_by", "open", "open"]
    assert turn(60) == ["void"] * 4
    assert turn(70) == ["gone_by", "gone_by", "open", "open"]


def test_what_was_entered_by_hand_ends_with_the_case_and_goes_on_with_it(ground):
    """As what is counted; what is settled stays settled, and what is opened again in an ended case is over with it."""
    entered = {
        name: add_deadline(case=ground.case, title=name, due_on=day(ahead), by=ground.officer)
        for name, ahead in {"missed": 10, "gone": 35, "coming": 100, "met": 40, "waived": 45}.items()
    }
    meet_deadline(deadline=entered["met"], by=ground.officer)
    waive_deadline(deadline=entered["waived"], by=ground.officer, note="Not worth it")

    def states() -> dict[str, str]:
        return dict(Deadline.objects.filter(rule=None).values_list("title", "state"))

    def case() -> TransferCase:
        return TransferCase.objects.get(pk=ground.case.pk)

    by = {"by": ground.officer, "reason": "Wrong case"}
    counted = in_calendar(ground.case) - {row.due_on for row in entered.values()}
    now, settled = timezone.now(), {"met": "met", "waived": "waived"}
    with time_machine.travel(now + timedelta(days=20), tick=False):
        move_case(case=case(), stage="closed", version=case().version, **by)
        assert states() == dict.fromkeys(("missed", "gone", "coming"), "void") | settled
        assert not in_calendar(ground.case)
        assert reopen_deadline(deadline=entered["met"], by=ground.officer).state == "void"
    with time_machine.travel(now + timedelta(days=50), tick=False):
        reopen_case(case=case(), version=case().version, **by)
        assert states() == {
            "missed": "open", "gone": "gone_by", "coming": "open", "met": "gone_by", "waived": "waived"
        }  # fmt: skip
        assert {row.is_overdue for row in Deadline.objects.filter(title="missed")} == {True}
    assert {entered["missed"].due_on, entered["coming"].due_on} == in_calendar(ground.case) - counted


def test_the_next_annual_fee_comes_when_the_last_is_paid(ground):
    member(ground.case, ground.officer, "national", jurisdiction="EP", filed_on=day(-800), granted_on=day(-10))
    fees = Deadline.objects.filter(rule__code="renewal")
    first = fees.get()
    assert first.due_on == add_months(day(-800), 36) and first.occurrence == 2

    meet_deadline(deadline=first, by=ground.officer)

    assert [row.state for row in fees.order_by("occurrence")] == ["met", "open"]
    assert fees.get(state="open").due_on == add_months(day(-800), 48)


def test_giving_up_ends_what_would_come_later(ground):
    protection = member(ground.case, ground.officer, "national", jurisdiction="EP", filed_on=day(-800))
    with pytest.raises(InvalidError) as refused:
        move_protection(protection=protection, move="abandon", on=day(0), by=ground.officer)
    assert refused.value.field == "reason"

    move_protection(protection=protection, move="abandon", on=day(0), by=ground.officer, reason="No licensee")

    assert not in_calendar(ground.case)
    assert not Obligation.objects.open().filter(source_id=str(protection.pk)).exists()


def test_the_version_in_force_on_the_date_counts(ground):
    change = day(-40)
    old = member(ground.case, ground.officer, "provisional", filed_on=day(-60))
    kept = deadlines(ground.case)["follow-provisional"]
    rules = [{"code": "follow-provisional", "title": "Sooner", "base": "filed_on", "months": 6, "obligation": "notice"}]
    shipped = DeadlineRuleSet.objects.get(code="us-office")
    facts = {"code": "us-office", "authority": "office", "jurisdiction": "US", "name": "Patent office", "by": None}
    publish_rule_set(rules=rules, effective_from=change, **facts)
    new = member(ground.case, ground.officer, "provisional", filed_on=day(-20))

    days = dict(Deadline.objects.filter(title="Sooner").values_list("protection", "due_on"))
    assert days == {new.pk: add_months(day(-20), 6)}
    kept.refresh_from_db()
    assert (kept.protection_id, kept.due_on, kept.state) == (old.pk, add_months(day(-60), 12), "open")
    shipped.refresh_from_db()
    assert shipped.effective_to == change
    with pytest.raises(InvalidError) as refused:
        publish_rule_set(rules=rules, effective_from=change, **facts)
    assert refused.value.field == "effective_from"


def test_an_organisation_counts_by_its_own_rules(ground):
    member(ground.case, ground.officer, "provisional", filed_on=day(-60))
    rule = {"code": "ours", "title": "Ours", "base": "filed_on", "months": 3, "obligation": "notice"}
    facts = {"code": "us-office", "authority": "office", "jurisdiction": "US", "name": "Ours", "by": ground.officer}
    publish_rule_set(rules=[rule], effective_from=date(2020, 1, 1), organisation=ground.university, **facts)
    states = {row.title: row.state for row in Deadline.objects.filter(case=ground.case)}
    assert states["Ours"] == "open"
    assert {state for title, state in states.items() if title != "Ours"} == {"void"}


def test_own_rules_from_today_leave_the_deadlines_that_run(ground):
    member(ground.case, ground.officer, "provisional", filed_on=day(-60))
    before = {row.pk: row.state for row in Deadline.objects.filter(case=ground.case)}
    assert "open" in before.values()
    rule = {"code": "ours", "title": "Ours", "base": "filed_on", "months": 3, "obligation": "notice"}
    facts = {"code": "us-office", "authority": "office", "jurisdiction": "US", "name": "Ours", "by": ground.officer}
    publish_rule_set(rules=[rule], effective_from=timezone.localdate(), organisation=ground.university, **facts)
    assert {row.pk: row.state for row in Deadline.objects.filter(case=ground.case)} == before
    new = member(ground.case, ground.officer, "provisional", filed_on=timezone.localdate())
    assert [row.title for row in Deadline.objects.filter(protection=new)] == ["Ours"]


def test_a_code_names_the_rules_of_one_office(ground):
    rule = {"code": "a", "title": "A", "base": "filed_on", "months": 1, "obligation": "notice"}
    with pytest.raises(InvalidError) as refused:
        publish_rule_set(
            code="us-office", authority="office", jurisdiction="JP", name="X", by=ground.officer,
            organisation=ground.university, effective_from=day(0), rules=[rule],
        )  # fmt: skip
    assert refused.value.field == "code"


def test_rules_are_checked_and_the_faulty_one_is_named(ground):
    def publish(**fault: object) -> list[str]:
        rule = {"code": "a", "title": "A", "base": "filed_on", "months": 1, "obligation": "notice"} | fault
        with pytest.raises(FaultyInputError) as refused:
            publish_rule_set(
                code="x", authority="office", jurisdiction="US", name="X", by=None, effective_from=day(0), rules=[rule]
            )
        return [fault.path for fault in refused.value.faults]

    assert publish(base="birthday") == ["rules[0].base"]
    assert publish(months=0) == ["rules[0].months"]
    assert publish(kinds=["magic"]) == ["rules[0].kinds"]
    assert publish(until_months=3) == ["rules[0].until_months"]
    assert publish(surprise=1) == ["rules[0].surprise"]
    assert publish(base="elected_on") == ["rules[0].base"]


def test_a_funder_asks_for_report_election_and_yearly_reports(ground):
    chosen = choose_funder_rules(case=ground.case, code="us-federal", by=ground.officer)
    assert {code: row.due_on for code, row in deadlines(ground.case).items()} == {"report": add_months(day(-30), 2)}
    with pytest.raises(InvalidError) as refused:
        edit_funder_rules(chosen=chosen, by=ground.officer, version=1, reported_on=day(-40))
    assert refused.value.field == "reported_on"

    edit_funder_rules(chosen=chosen, by=ground.officer, version=1, reported_on=day(-20), elected_on=day(-5))

    found = deadlines(ground.case)
    assert {code: row.state for code, row in found.items()} == {
        "report": "met", "elect": "met", "file": "open", "utilisation": "open",
    }  # fmt: skip
    member(ground.case, ground.officer, "provisional", filed_on=day(-1))
    found = deadlines(ground.case)
    assert found["file"].state == "met" and found["foreign"].due_on == add_months(day(-1), 10)
    chosen.refresh_from_db()
    drop_funder_rules(chosen=chosen, by=ground.officer)
    assert {row.state for row in deadlines(ground.case).values() if row.rule.rule_set.code == "us-federal"} <= {
        "met",
        "void",
    }


def test_by_hand_a_deadline_lies_ahead(ground):
    for wrong in (day(-1), date(1990, 1, 1)):
        with pytest.raises(InvalidError) as refused:
            add_deadline(case=ground.case, title="Office action", due_on=wrong, by=ground.officer)
        assert refused.value.field == "due_on"
    row = add_deadline(case=ground.case, title="Office action", due_on=day(0), by=ground.officer)
    assert in_calendar(ground.case) == {day(0)}
    with pytest.raises(InvalidError):
        meet_deadline(deadline=row, by=ground.officer, on=day(1))
    with pytest.raises(InvalidError) as refused:
        waive_deadline(deadline=row, by=ground.officer, note=" ")
    assert refused.value.field == "note"
    meet_deadline(deadline=row, by=ground.officer)
    with pytest.raises(ConflictError):
        meet_deadline(deadline=row, by=ground.officer)


@pytest.mark.parametrize("state", ["closed", "expired", "abandoned"])
def test_an_ended_case_takes_no_deadline(ground, state):
    move_case(case=ground.case, stage=state, version=ground.case.version, by=ground.officer, reason="Nobody wants it")
    with pytest.raises(ConflictError, match="has ended"):
        add_deadline(case=ground.case, title="Office action", due_on=day(10), by=ground.officer)
    assert not Deadline.objects.filter(title="Office action").exists() and not in_calendar(ground.case)


def test_what_comes_near_is_told_to_the_admins_once_and_never_settled(ground):
    row = add_deadline(case=ground.case, title="Office action", due_on=day(20), escalate_days=10, by=ground.officer)
    assert sweep(day(9))["escalated"] == 0
    assert sweep(day(10))["escalated"] == 1 and sweep(day(60))["escalated"] == 0
    told = Notification.objects.get(kind="deadline")
    assert told.person == ground.officer and "RU-1: Office action" in told.title and "RU-1：" in told.title_zh
    row.refresh_from_db()
    assert row.state == "open"


def test_the_next_fee_is_entered_though_the_last_was_missed(ground, monkeypatch):
    member(ground.case, ground.officer, "national", jurisdiction="EP", filed_on=day(-800))
    fees = Deadline.objects.filter(rule__code="renewal")
    late = add_months(day(-800), 36) + timedelta(days=1)
    monkeypatch.setattr(timezone, "localdate", lambda *_: late)
    assert sweep(late)["recounted"] == 1
    assert sorted(fees.values_list("occurrence", "state")) == [(2, "open"), (3, "open")]


def test_months_are_counted_as_contracts_do():
    rule = DeadlineRule(months=12, days=0, every_months=12, until_months=36)
    assert due_day(rule, date(2024, 2, 29)) == date(2025, 2, 28)
    assert due_day(rule, date(2024, 2, 29), 3) == date(2027, 2, 28)
    assert due_day(rule, date(2024, 2, 29), 4) is None
    assert next_occurrence(rule, date(2024, 2, 29), date(2025, 3, 1)) == 2
    assert next_occurrence(rule, date(2024, 2, 29), date(2030, 1, 1)) is None


def test_only_the_office_changes_anything(ground):
    stranger: User = ground.engineer
    protection = member(ground.case, ground.officer, "provisional", filed_on=day(-10))
    for act in (
        lambda: add_deadline(case=ground.case, title="Mine", due_on=day(3), by=stranger),
        lambda: move_protection(protection=protection, move="expire", on=day(0), by=stranger),
        lambda: choose_funder_rules(case=ground.case, code="us-federal", by=stranger),
    ):
        with pytest.raises(NotFoundError):
            act()
