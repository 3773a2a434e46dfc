"""Costs of protection that a licensee repays: which, how much, and that what pays them repays exactly them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from collab.inbox.models import Obligation
from collab.kernel.errors import ConflictError, InvalidError
from collab.transfer.licences.models import Licence, LicensedAsset, LicensedThing
from collab.transfer.licences.services import current_version, edit_terms
from collab.transfer.protection.models import Family, Protection, ProtectionCost
from collab.transfer.protection.services import cancel_cost
from collab.transfer.royalties.models import CostRepayment, Invoice, LedgerEntry, ScheduledPayment
from collab.transfer.royalties.reimbursing import owed_costs
from collab.transfer.royalties.services import (
    add_payment,
    cancel_invoice,
    decide_distribution,
    enter_rate,
    invoice_payments,
    match_receipt,
    propose_reversal,
    schedule,
)
from tests.collab.transfer.royalties.test_services import balance, reconcile
from tests.pages import queries
from tests.royalties import FIRST

pytestmark = pytest.mark.django_db


@pytest.fixture
def right(books):
    family = Family.objects.create(case=books.case, number=1, title="Family", created_by=books.officer)
    return Protection.objects.create(
        family=family, kind="national", jurisdiction="US", title="Claim", created_by=books.officer
    )


@pytest.fixture
def spend(books, right):
    def make(amount: str, *, on: date = FIRST, currency: str = "EUR") -> ProtectionCost:
        return ProtectionCost.objects.create(
            protection=right, kind="counsel", amount=Decimal(amount), currency=currency, incurred_on=on, paid_on=on,
            entered_by=books.officer,
        )  # fmt: skip

    return make


def terms(books, **changes) -> None:
    """As if they had been signed so."""
    Licence.objects.filter(pk=books.licence.pk).update(**{"costs": "all"} | changes)
    schedule(licence=books.licence)


def planned() -> list[tuple[int, str]]:
    rows = ScheduledPayment.objects.filter(cost__isnull=False).order_by("cost__paid_on", "cost__created_at")
    return [(row.amount, row.state) for row in rows]


def test_the_terms_say_which_costs_how_much_of_them_and_the_most(books, spend, right):
    first, _second = spend("1000.00"), spend("501.01", on=FIRST + timedelta(days=1))
    assert schedule(licence=books.licence) == 0  # the terms name none
    terms(books, costs_percent=Decimal(50))
    assert planned() == [(500_00, "planned"), (250_51, "planned")]
    assert schedule(licence=books.licence) == 0  # once
    terms(books, costs_percent=Decimal(50), costs_cap=Decimal(600))
    assert planned() == [(500_00, "planned"), (100_00, "planned")]
    terms(books, costs="future")
    assert [state for _amount, state in planned()] == ["withdrawn", "withdrawn"]
    terms(books, costs="past", costs_percent=None, costs_cap=None)
    assert planned() == [(1000_00, "planned"), (501_01, "planned")]
    terms(books, costs_of="assets")
    assert [state for _amount, state in planned()] == ["withdrawn", "withdrawn"]  # only a model is licensed
    terms(books, costs_of="cases")
    ProtectionCost.objects.filter(pk=first.pk).update(cancelled_at=timezone.now(), cancel_reason="Twice")
    schedule(licence=books.licence)
    assert [state for _amount, state in planned()] == ["withdrawn", "planned"]


def test_a_cost_in_another_currency_waits_for_its_rate(books, spend):
    spend("1000.00", currency="USD")
    terms(books)
    assert planned() == []
    enter_rate(
        organisation=books.organisation, source="USD", target="EUR", rate=Decimal("0.9"), from_on=FIRST,
        until_on=FIRST, by=books.officer,
    )  # fmt: skip
    schedule(licence=books.licence)
    assert planned() == [(900_00, "planned")]


def test_a_repayment_by_hand_names_its_cost_and_is_divided_among_nobody(books, spend):
    old, new = spend("600.00"), spend("900.00")
    given = {
        "licence": books.licence, "kind": "costs", "title": "Filing", "currency": "EUR", "by": books.officer,
        "due_on": timezone.localdate(),
    }  # fmt: skip

    def refused(match: str, amount: str, **changes: object) -> None:
        with pytest.raises(InvalidError, match=match):
            add_payment(amount=Decimal(amount), **(given | changes))

    refused("Choose the cost", "600.00")
    refused("repays a cost", "600.00", kind="other", cost=old)
    refused("600.00 EUR are left", "600.01", cost=old)
    payment = add_payment(amount=Decimal("600.00"), cost=old, **given)
    refused("already asks for this cost", "1.00", cost=old)
    terms(books)  # they ask for all costs: for the other one, then
    assert planned() == [(600_00, "planned"), (900_00, "planned")]
    refused("already asks for this cost", "1.00", cost=new)
    invoice_payments(payments=[payment], by=books.officer)
    books.receive("600.00")
    books.distribute()
    assert (balance("costs"), CostRepayment.objects.get().cost) == (600_00, old)
    reconcile()
    schedule(licence=books.licence)
    assert sorted(planned()) == [(600_00, "invoiced"), (900_00, "planned")]


def test_a_repayment_by_hand_goes_with_its_cost(books, spend):
    cost = spend("600.00")
    payment = add_payment(
        licence=books.licence, kind="costs", title="Filing", currency="EUR", by=books.officer, cost=cost,
        due_on=timezone.localdate(), amount=Decimal("600.00"),
    )  # fmt: skip
    cancel_cost(cost=cost, reason="Twice", by=books.officer)
    schedule(licence=books.licence)
    payment.refresh_from_db()
    assert payment.state == "withdrawn"
    assert not Obligation.objects.open().filter(source_id=str(payment.pk)).exists()


def test_two_licences_in_the_currency_of_a_cost_repay_it_together_without_a_rate(books, spend, office):
    cost = spend("600.00")
    other = office.execute(case=books.case, licensee=office.rival, fields=["energy"])
    given = {
        "kind": "costs", "title": "Filing", "currency": "EUR", "by": books.officer, "cost": cost,
        "due_on": timezone.localdate(),
    }  # fmt: skip
    add_payment(licence=books.licence, amount=Decimal("400.00"), **given)
    with pytest.raises(InvalidError, match=r"200\.00 EUR are left"):
        add_payment(licence=other, amount=Decimal("200.01"), **given)
    assert add_payment(licence=other, amount=Decimal("200.00"), **given).amount == 200_00


def test_the_page_and_the_api_ask_for_the_cost(books, spend, client):
    cost = spend("600.00")
    client.force_login(books.officer)
    url = reverse("collab:payment_new", args=[books.licence.pk])
    sent = {
        "kind": "costs", "title": "Filing", "amount": "600.00", "currency": "EUR",
        "due_on": timezone.localdate().isoformat(),
    }  # fmt: skip
    answer = client.post(url, sent)
    assert "Choose the cost that it repays" in answer.content.decode()
    body = sent | {"licence": str(books.licence.pk)}
    refused = client.post("/api/v1/scheduled-payments/", body, "application/json")
    assert (refused.status_code, refused.json()["field"]) == (422, "cost")
    made = client.post("/api/v1/scheduled-payments/", body | {"cost": str(cost.pk)}, "application/json")
    assert (made.status_code, made.json()["cost"]) == (201, str(cost.pk))


def test_the_page_takes_the_same_queries_however_many_costs_there_are(books, spend, client):
    client.force_login(books.officer)
    url = reverse("collab:payment_new", args=[books.licence.pk])
    spend("600.00")
    queries(client, url)
    first = queries(client, url)
    for number in range(4):
        family = Family.objects.create(
            case=books.case, number=2 + number, title=f"Family {number}", created_by=books.officer
        )
        right = Protection.objects.create(family=family, kind="national", jurisdiction="DE", created_by=books.officer)
        ProtectionCost.objects.create(
            protection=right, kind="counsel", amount=Decimal(1), currency="EUR", incurred_on=FIRST, paid_on=FIRST,
            entered_by=books.officer,
        )  # fmt: skip
    assert queries(client, url) == first
    assert "RU-1-F5" in client.get(url).content.decode()


@pytest.mark.parametrize("of", ["cases", "assets"])
def test_what_the_terms_ask_for_takes_the_same_queries_however_many_costs_there_are(books, spend, right, of):
    terms(books, costs_of=of)
    add_asset(books, right)
    licence = Licence.objects.select_related("licensor", "agreement").get(pk=books.licence.pk)

    def told() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as caught:
            rows = [str(owed.cost.protection) for owed in owed_costs(licence)]
        return len(rows), len(caught)

    spend("1.00")
    count, first = told()
    for _number in range(3):
        spend("1.00")
    assert (count, told()) == (1, (4, first))
    assert of == "cases" or first < 7  # of assets alone, nobody looks for what is behind them


def test_the_schedule_takes_the_same_queries_however_many_costs_are_planned(books, spend):
    def counted() -> tuple[int, int]:
        schedule(licence=books.licence)
        with CaptureQueriesContext(connection) as caught:
            assert schedule(licence=books.licence) == 0
        return len(planned()), len(caught)

    spend("1.00")
    terms(books)
    count, first = counted()
    for _number in range(3):
        spend("1.00")
    assert (count, counted()) == (1, (4, first))


def add_asset(books, right) -> None:
    thing = LicensedThing.objects.create(name=f"collab.protection:{right.pk}", label="Claim")
    LicensedAsset.objects.create(
        licence=books.licence, thing=thing, kind="protection", subject_type="collab.protection", position=1,
        subject_id=str(right.pk), label="Claim", allocation_percent=0,
    )  # fmt: skip


def test_no_cost_of_another_case_is_repaid(books, spend):
    cost = spend("600.00")
    ProtectionCost.objects.update(cancelled_at=timezone.now(), cancel_reason="Wrong case")
    with pytest.raises(InvalidError, match="not paid for what this licence is about"):
        add_payment(
            licence=books.licence, kind="costs", title="Filing", currency="EUR", by=books.officer, cost=cost,
            due_on=timezone.localdate(), amount=Decimal(1),
        )  # fmt: skip


def test_what_pays_it_repays_exactly_this_cost_before_the_policy_divides(books, spend):
    """1,000 of 1,500 paid for the invoice of two costs, 5,000 of royalties: the policy finds 500 open."""
    old, new = spend("600.00"), spend("900.00", on=FIRST + timedelta(days=1))
    terms(books)
    other = add_payment(
        licence=books.licence, kind="other", title="Other", amount=Decimal(1), currency="EUR",
        due_on=timezone.localdate(), by=books.officer,
    )  # fmt: skip
    rows = list(ScheduledPayment.objects.filter(cost__isnull=False))
    with pytest.raises(InvalidError, match="invoice of their own"):
        invoice_payments(payments=[*rows, other], by=books.officer)
    invoice = invoice_payments(payments=rows, by=books.officer)
    assert invoice.total == 1500_00
    books.receive("1000.00")
    row = books.distribute()
    assert (balance("costs"), row.amount, row.retained) == (1000_00, 1000_00, row.amount)
    repaid = {one.cost_id: one.amount for one in CostRepayment.objects.all()}
    assert repaid == {old.pk: 600, new.pk: 400}
    assert not row.statements.exists()  # nobody earns by it
    entry = LedgerEntry.objects.filter(account="costs", case=books.case, rule="reimbursed")
    assert sum(one.amount for one in entry) == 1000_00
    reconcile()

    books.invoiced(0)
    books.receive("5500.00")  # 500 more for the costs, the longest due, and 5,000 for the report
    books.distribute()
    assert balance("costs") == 1500_00
    assert balance("inventors") == 2500_00  # half of 5,000: nothing of the costs is taken twice
    for cost in (old, new):
        cost.refresh_from_db()
        assert cost.repaid
    reconcile()

    back = propose_reversal(distribution=row, reason="Wrong", by=books.officer)
    decide_distribution(distribution=back, decision="approved", by=books.second)
    old.refresh_from_db()
    assert (balance("costs"), old.repaid_amount) == (500_00, 0)
    reconcile()


def test_what_income_repaid_already_is_income_when_the_licensee_repays_it(books, spend):
    cost = spend("1000.00")
    books.invoiced(0)
    books.receive("5000.00")
    books.distribute()  # Notre Dame: costs first
    cost.refresh_from_db()
    assert cost.repaid and balance("inventors") == 2000_00
    terms(books)
    invoice_payments(payments=list(ScheduledPayment.objects.filter(cost=cost)), by=books.officer)
    books.receive("1000.00")
    books.distribute()
    assert balance("costs") == 1000_00 and balance("inventors") == 2500_00
    reconcile()


def test_a_receipt_given_out_in_two_goes_repays_its_part_once_and_no_more_than_is_left(books, spend):
    """Income repaid 600 of 1,000; then 1,000 come in for the costs, of which 300 are matched first."""
    spend("1000.00")
    books.invoiced(0)
    books.receive("600.00")
    books.distribute()
    terms(books)
    (payment,) = ScheduledPayment.objects.filter(cost__isnull=False)
    costs = invoice_payments(payments=[payment], by=books.officer)
    receipt = books.receive("1000.00", match=False)
    given = []
    for invoice, amount in ((costs, "300.00"), (Invoice.objects.get(report__isnull=False), "700.00")):
        match_receipt(receipt=receipt, invoice=invoice, amount=Decimal(amount), by=books.officer)
        books.distribute()
        entries = LedgerEntry.objects.filter(rule="reimbursed")
        given.append((sum(one.amount for one in entries), balance("costs")))
    assert given == [(300_00, 900_00), (300_00, 1000_00)]  # the policy takes the last 100 from royalties
    books.receive("700.00")  # of the costs, which nobody has to be repaid any more
    books.distribute()
    assert balance("costs") == 1000_00 and CostRepayment.objects.count() == 3
    reconcile()


def test_the_licensee_repays_only_what_income_has_left(books, spend):
    spend("1000.00")
    books.invoiced(0)
    books.receive("600.00")
    books.distribute()
    terms(books)
    invoice = invoice_payments(payments=list(ScheduledPayment.objects.filter(cost__isnull=False)), by=books.officer)
    receipt = books.receive("1000.00", match=False)
    match_receipt(receipt=receipt, invoice=invoice, by=books.officer)
    books.distribute()
    assert balance("costs") == 1000_00 and balance("inventors") == 300_00  # half of the 600 that are left
    reconcile()


def test_the_terms_are_written_said_and_read(books, office):
    edit_terms(
        licence=books.licence, edit=0, by=books.officer,
        terms={"costs": "future", "costs_of": "assets", "costs_percent": "75", "costs_cap": "9000", "costs_days": 60},
    )  # fmt: skip
    version = current_version(books.licence)
    told = {name: version.particulars[name] for name in ("costs", "costs_percent", "costs_days")}
    assert told == {"costs": "future", "costs_percent": "75", "costs_days": 60}
    office.sign(office.send(books.licence))
    books.licence.refresh_from_db()
    assert (books.licence.costs_cap, books.licence.costs_days, books.licence.costs_of) == (9000, 60, "assets")


def test_a_cost_that_a_licensee_is_asked_for_is_not_cancelled(books, spend, client):
    cost = spend("600.00")
    terms(books)
    payment = ScheduledPayment.objects.get(cost=cost)
    invoice = invoice_payments(payments=[payment], by=books.officer)
    with pytest.raises(ConflictError, match=f"asked to repay it: {invoice.reference}"):
        cancel_cost(cost=cost, reason="Twice", by=books.officer)
    client.force_login(books.officer)
    answer = client.post(reverse("collab:protection_cost_cancel", args=[cost.pk]), {"reason": "Twice"})
    assert invoice.reference in answer.content.decode()
    cancel_invoice(invoice=invoice, reason="Twice", by=books.officer)
    cancel_cost(cost=cost, reason="Twice", by=books.officer)
    payment.refresh_from_db()
    with pytest.raises(ConflictError, match="is cancelled"):  # before the schedule withdraws it
        invoice_payments(payments=[payment], by=books.officer)
