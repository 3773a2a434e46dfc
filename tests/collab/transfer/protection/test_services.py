"""Protections, their moves, days and money: what cannot be is refused at its field."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from collab.audit.models import AuditEvent
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, StaleError
from collab.transfer.models import Protection, ProtectionCost, TransferCase
from collab.transfer.protection.services import (
    add_cost,
    add_counsel,
    add_protection,
    begin_family,
    cancel_cost,
    correct_protection,
    edit_protection,
    move_protection,
    pay_cost,
    repay_cost,
)
from collab.transfer.protection.states import PROTECTION_MOVES, ProtectionKind, moves_of
from tests.collab.transfer.protection.ground import case_of, day, member, officer_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ground(aurora):
    aurora.officer = officer_of(aurora)
    aurora.case = case_of(aurora)
    return aurora


def faults(act) -> set[str]:  # type: ignore[no-untyped-def]
    with pytest.raises(FaultyInputError) as refused:
        act()
    return {fault.path for fault in refused.value.faults}


def test_what_was_entered_by_mistake_is_taken_back_step_by_step(ground):
    row = member(ground.case, ground.officer, "national", filed_on=day(-90))
    move = {"by": ground.officer}
    row = move_protection(protection=row, move="publish", on=day(-40), number="US 2026/1", **move)
    row = move_protection(protection=row, move="grant", on=day(-2), number="US 9,1", **move)
    row = move_protection(protection=row, move="abandon", on=day(-1), reason="Wrong row", **move)
    seen = []
    for _step in range(4):
        row = correct_protection(protection=row, reason="By mistake", by=ground.officer, version=row.version)
        seen.append((row.status, row.ended_on, row.number))
    assert [one[0] for one in seen] == ["granted", "published", "filed", "planned"]
    assert seen[0][1:] == (None, "US 9,1") and row.grant_number == row.publication_number == ""
    with pytest.raises(ConflictError, match="only planned"):
        correct_protection(protection=row, reason="Again", by=ground.officer, version=row.version)
    assert AuditEvent.objects.filter(verb="protection.correct").count() == 4


def test_what_was_restored_last_is_not_taken_back_as_something_else(ground):
    by = {"by": ground.officer}
    row = member(ground.case, ground.officer, "national", filed_on=day(-90), granted_on=day(-20))
    row = move_protection(protection=row, move="lapse", on=day(-9), reason="Fee not paid", **by)
    row = move_protection(protection=row, move="restore", on=day(-2), **by)
    row = edit_protection(protection=row, version=row.version, counsel_reference="A", **by)
    with pytest.raises(ConflictError, match="enter its end"):
        correct_protection(protection=row, reason="By mistake", version=row.version, **by)
    row = move_protection(protection=row, move="lapse", on=day(-1), reason="Not paid", **by)
    row = correct_protection(protection=row, reason="Paid", version=row.version, **by)
    with pytest.raises(ConflictError, match="enter its end"):  # the restoration is the last again
        correct_protection(protection=row, reason="By mistake", version=row.version, **by)
    assert (row.status, row.granted_on) == ("granted", day(-20))

    pending = member(ground.case, ground.officer, "national", filed_on=day(-90))
    pending = move_protection(protection=pending, move="lapse", on=day(-9), reason="Fee not paid", **by)
    pending = move_protection(protection=pending, move="revive", on=day(-2), **by)
    with pytest.raises(ConflictError, match="enter its end"):
        correct_protection(protection=pending, reason="By mistake", version=pending.version, **by)


def test_what_was_published_before_it_lapsed_is_published_again(ground):
    by = {"by": ground.officer}
    row = member(ground.case, ground.officer, "national", filed_on=day(-90))
    row = move_protection(protection=row, move="publish", on=day(-40), number="US 2026/1", **by)
    row = move_protection(protection=row, move="lapse", on=day(-9), reason="Fee not paid", **by)
    row = move_protection(protection=row, move="revive", on=day(-2), **by)
    assert (row.status, row.published_on, row.ended_on) == ("published", day(-40), None)
    row = move_protection(protection=row, move="grant", on=day(-1), number="US 9,1", **by)
    assert row.status == "granted"


def test_a_filing_that_others_follow_from_is_not_taken_back(ground):
    first = member(ground.case, ground.officer, "provisional", filed_on=day(-90))
    member(ground.case, ground.officer, "national", filed_on=day(-9), parent=first)
    with pytest.raises(ConflictError, match="follow"):
        correct_protection(protection=first, reason="No", by=ground.officer, version=first.version)
    with pytest.raises(StaleError):
        correct_protection(protection=first, reason="No", by=ground.officer, version=first.version + 7)


def test_the_way_of_a_patent_secures_the_case(ground):
    planned = member(ground.case, ground.officer, "national")
    assert planned.status == "planned" and TransferCase.objects.get().state == "decided"
    for move, when, number, status in (
        ("file", day(-90), "US 17/1", "filed"),
        ("publish", day(-40), "US 2026/1", "published"),
        ("grant", day(-2), "US 9,1", "granted"),
    ):
        planned = move_protection(protection=planned, move=move, on=when, number=number, by=ground.officer)
        assert planned.status == status
    assert TransferCase.objects.get().state == "secured"
    assert (planned.application_number, planned.publication_number, planned.number) == (
        "US 17/1",
        "US 2026/1",
        "US 9,1",
    )
    verbs = AuditEvent.objects.filter(subject_id=str(planned.pk)).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == [f"protection.{what}" for what in ("add", "file", "publish", "grant")]


def test_a_secret_and_an_open_licence_hold_without_an_office(ground):
    family = begin_family(case=ground.case, title="Weights", by=ground.officer)
    secret = add_protection(family=family, kind="trade_secret", by=ground.officer, filed_on=day(-3))
    assert secret.status == "in_force" and TransferCase.objects.get().state == "secured"
    assert faults(lambda: add_protection(family=family, kind="open_licence", by=ground.officer)) == {"instrument"}
    with pytest.raises(ConflictError):
        move_protection(protection=secret, move="grant", on=day(0), by=ground.officer)
    assert moves_of(ProtectionKind.PROVISIONAL) & {"grant", "publish"} == set()
    assert set(PROTECTION_MOVES.table) >= moves_of(ProtectionKind.NATIONAL)


def test_days_out_of_order_are_refused_by_field(ground):
    family = begin_family(case=ground.case, title="Gripper", by=ground.officer)

    def add(**facts: object) -> set[str]:
        facts = {"kind": "national", "jurisdiction": "US"} | facts
        return faults(lambda: add_protection(family=family, by=ground.officer, **facts))

    assert add(priority_on=day(-1), filed_on=day(-2)) == {"filed_on"}
    assert add(filed_on=day(-2), granted_on=day(-3)) == {"granted_on"}
    assert add(filed_on=day(-2), published_on=day(-3)) == {"published_on"}
    assert add(filed_on=day(-2), expires_on=day(-2)) == {"expires_on"}
    assert add(filed_on=day(1)) == {"filed_on"}
    assert add(granted_on=day(-1)) == {"filed_on"}
    assert add(jurisdiction="") == {"jurisdiction"}
    assert add(jurisdiction="WO") == {"jurisdiction"}
    assert add(kind="pct", jurisdiction="US") == {"jurisdiction"}
    assert add(kind="divisional") == {"parent"}
    assert Protection.objects.count() == 0


def test_a_move_names_the_day_at_fault(ground):
    filed = member(ground.case, ground.officer, "national", filed_on=day(-9))
    assert faults(lambda: move_protection(protection=filed, move="publish", on=day(-10), by=ground.officer)) == {"on"}
    for when, move, reason in ((day(1), "publish", ""), (day(-20), "lapse", "Not paid")):
        with pytest.raises(InvalidError) as refused:
            move_protection(protection=filed, move=move, on=when, reason=reason, by=ground.officer)
        assert refused.value.field == "on"
    lapsed = move_protection(protection=filed, move="lapse", on=day(-1), reason="Not paid", by=ground.officer)
    with pytest.raises(ConflictError):  # it was never granted
        move_protection(protection=lapsed, move="restore", on=day(0), by=ground.officer)
    assert move_protection(protection=lapsed, move="revive", on=day(0), by=ground.officer).status == "filed"


def test_two_officers_at_once(ground):
    filed = member(ground.case, ground.officer, "national", filed_on=day(-9))
    edit_protection(protection=filed, by=ground.officer, version=1, counsel_reference="A")
    with pytest.raises(StaleError) as refused:
        edit_protection(protection=filed, by=officer_of(ground, "Second"), version=1, counsel_reference="B")
    assert refused.value.now == {"counsel_reference": "A"}


def test_a_draft_is_not_protected_and_an_undecided_case_does_not_move(ground):
    draft = TransferCase.objects.create(organisation=ground.university, created_by=ground.officer)
    with pytest.raises(ConflictError):
        begin_family(case=draft, title="Early", by=ground.officer)
    TransferCase.objects.filter(pk=ground.case.pk).update(
        state="under_assessment", decision="", decided_by=None, decided_at=None
    )
    member(ground.case, ground.officer, "provisional", filed_on=day(-1))  # one may have to file before the decision
    assert TransferCase.objects.get(pk=ground.case.pk).state == "under_assessment"


def test_absurd_money_is_refused_by_field(ground):
    protection = member(ground.case, ground.officer, "national", filed_on=day(-9))
    facts = {"protection": protection, "kind": "counsel", "incurred_on": day(-5), "by": ground.officer}
    for wrong, field in (
        ({"amount": "-1", "currency": "EUR"}, "amount"),
        ({"amount": "0", "currency": "EUR"}, "amount"),
        ({"amount": "1e13", "currency": "EUR"}, "amount"),
        ({"amount": "1.005", "currency": "EUR"}, "amount"),
        ({"amount": "1.5", "currency": "JPY"}, "amount"),
        ({"amount": "NaN", "currency": "EUR"}, "amount"),
        ({"amount": 1.5, "currency": "EUR"}, "amount"),
        ({"amount": "1", "currency": "XXX"}, "currency"),
        ({"amount": "1", "currency": "EUR", "paid_on": day(-6)}, "paid_on"),
        ({"amount": "1", "currency": "EUR", "paid_on": day(1)}, "paid_on"),
    ):
        with pytest.raises(InvalidError) as refused:
            add_cost(**facts | wrong)
        assert refused.value.field == field, wrong
    assert add_cost(amount="1.005", currency="kwd", **facts).currency == "KWD"


def test_a_cost_is_repaid_up_to_its_amount_and_not_cancelled_then(ground):
    protection = member(ground.case, ground.officer, "national", filed_on=day(-9))
    cost = add_cost(
        protection=protection, kind="counsel", amount="100", currency="EUR", incurred_on=day(-5), by=ground.officer
    )
    with pytest.raises(ConflictError):  # not paid yet
        repay_cost(cost=cost, amount=Decimal(1))
    pay_cost(cost=cost, paid_on=day(0), by=ground.officer)
    assert list(ProtectionCost.objects.unrepaid()) == [cost]
    repay_cost(cost=cost, amount=Decimal(60))
    with pytest.raises(ConflictError):
        repay_cost(cost=cost, amount=Decimal(41))
    with pytest.raises(ConflictError):
        cancel_cost(cost=cost, reason="Twice", by=ground.officer)
    assert repay_cost(cost=cost, amount=Decimal(40)).repaid and not ProtectionCost.objects.unrepaid()
    repay_cost(cost=cost, amount=Decimal(-100))
    cancel_cost(cost=cost, reason="Twice", by=ground.officer)
    assert not ProtectionCost.objects.standing()


def test_counsel_is_of_the_organisation(ground):
    with pytest.raises(Exception, match="role"):
        add_counsel(organisation=ground.company, name="Pat", by=ground.officer)
    mine = add_counsel(organisation=ground.university, name="Pat", by=ground.officer)
    with pytest.raises(InvalidError):
        add_counsel(organisation=ground.university, name="Pat", by=ground.officer)
    assert member(ground.case, ground.officer, "national", counsel=mine).counsel == mine


def test_the_database_holds_what_the_verbs_promise(ground):
    filed = member(ground.case, ground.officer, "national", filed_on=day(-9))
    rows = Protection.objects.filter(pk=filed.pk)
    for broken in (
        {"filed_on": None},
        {"granted_on": date(2000, 1, 1)},
        {"status": "granted"},
        {"status": "lapsed"},
        {"ended_on": day(0)},
        {"jurisdiction": "WO"},
        {"jurisdiction": ""},
        {"kind": "magic"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**broken)
