"""Royalties through their verbs: scheduled, reported, invoiced, received, distributed; and what is refused."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from collab.access.policy import can
from collab.agreements.services import terminate_version
from collab.audit.models import AuditEvent
from collab.inbox.models import Obligation, Request
from collab.inbox.services import decide_request
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, NotReadyError, RefusedError, StaleError
from collab.transfer.disclosures.models import DisclosedResult
from collab.transfer.disclosures.services import reconsider_case
from collab.transfer.licences.models import Licence
from collab.transfer.licences.services import current_version, edit_terms, end_licence
from collab.transfer.protection.models import Family, Protection, ProtectionCost
from collab.transfer.royalties.models import (
    CostRepayment,
    Distribution,
    Invoice,
    LedgerEntry,
    PartnerPayment,
    Receipt,
    RoyaltyReport,
    ScheduledPayment,
    Statement,
)
from collab.transfer.royalties.passing import owed_to_partners
from collab.transfer.royalties.policies import EXAMPLES
from collab.transfer.royalties.services import (
    accept_report,
    add_payment,
    add_third_party,
    cancel_invoice,
    decide_distribution,
    edit_receipt,
    enter_rate,
    invoice_interest,
    invoice_payments,
    invoice_report,
    match_receipt,
    propose_distribution,
    propose_reversal,
    reach_milestone,
    return_report,
    reverse_receipt,
    schedule,
    schedule_all,
    set_interest,
    set_policy,
    submit_report,
    unmatch_receipt,
    withdraw_distribution,
)
from collab.transfer.royalties.terms import TermsInForce, closes_year
from tests.cast import token_for
from tests.licensing import asset, trained
from tests.pages import as_
from tests.royalties import FIRST, case_of

pytestmark = pytest.mark.django_db


def reconcile() -> None:
    """Every cent is somewhere: receipts = distributed + retained + passed on + refunded + undistributed, and the ledger
    says so.

    What is passed on is owed or paid, and what was paid is booked or on its way.
    """
    sums = Receipt.objects.aggregate(
        booked=Sum("booked"), out=Sum("distributed"), kept=Sum("retained"), passed=Sum("passed_on"),
        back=Sum("refunded"), rest=Sum("undistributed"),
    )  # fmt: skip
    assert (sums["booked"] or 0) == sum(sums[name] or 0 for name in ("out", "kept", "passed", "back", "rest"))
    for receipt in Receipt.objects.annotate(back=Sum("refunds__amount"), less=Sum("refunds__booked")):
        assert (receipt.paid_back, receipt.refunded) == (receipt.back or 0, receipt.less or 0), receipt
        assert receipt.reverses_id or 0 <= receipt.matched + receipt.paid_back <= receipt.amount, receipt
    posted = LedgerEntry.objects.all()
    assert (posted.aggregate(all=Sum("amount"))["all"] or 0) == 0
    moved = posted.filter(account="undistributed").aggregate(all=Sum("amount"))["all"] or 0
    assert -moved == (sums["out"] or 0) + (sums["kept"] or 0) + (sums["passed"] or 0)
    owed = owed_to_partners(Licence.objects.values("pk"))
    assert (sums["passed"] or 0) == sum(one.divided for one in owed)
    paid = PartnerPayment.objects.all()
    assert sum(one.paid for one in owed) == (paid.aggregate(all=Sum("amount"))["all"] or 0)
    booked = Receipt.objects.standing().filter(partner_payment__isnull=False).aggregate(all=Sum("amount"))["all"] or 0
    on_its_way = paid.not_booked().aggregate(all=Sum("amount"))["all"] or 0
    assert sum(one.paid for one in owed) == booked + on_its_way
    for row in Statement.objects.annotate(all=Sum("entries__amount")):
        assert row.amount == row.all
    for invoice in Invoice.objects.filter(credits=None):
        paid_of = invoice.matches.filter(undone_at=None).aggregate(all=Sum("amount"))["all"] or 0
        waived = invoice.write_offs.standing().aggregate(all=Sum("amount"))["all"] or 0
        assert (invoice.paid, invoice.waived) == (paid_of, waived), invoice
        assert invoice.state == "cancelled" or invoice.is_open == (invoice.left > 0)


def balance(account: str) -> int:
    return LedgerEntry.objects.filter(account=account).aggregate(all=Sum("amount"))["all"] or 0


# --- what is due
def test_an_executed_licence_puts_its_fees_and_periods_into_both_calendars(books):
    payment = ScheduledPayment.objects.get(licence=books.licence)
    assert (payment.kind, payment.amount, payment.currency) == ("issue_fee", 500_000, "EUR")
    reports = list(RoyaltyReport.objects.filter(licence=books.licence).order_by("starts_on"))
    assert (reports[0].starts_on, reports[0].ends_on, reports[0].due_on) == (
        FIRST,
        date(2024, 3, 31),
        date(2024, 4, 30),
    )
    assert reports[-1].starts_on <= timezone.localdate() <= reports[-1].ends_on
    dates = Obligation.objects.open().filter(source_id=str(reports[0].pk))
    assert {(row.kind, row.organisation) for row in dates} == {
        ("report", books.licence.licensee),
        ("review", books.licence.licensor),
    }
    assert schedule(licence=books.licence) == 0  # saying it again changes nothing


def test_a_report_is_computed_over_tiers_cap_and_minimum_of_its_year(books):
    """3 × 100,000 at 5 % is 15,000; then 200,000 at 3 % is 6,000, of which the cap of 20,000 leaves 5,000."""
    for number, (gross, owed) in enumerate([("100000", 5000), ("100000", 5000), ("100000", 5000), ("200000", 5000)]):
        report = books.report(number, gross)
        assert report.due == owed * 100, number
    assert [line["code"] for line in report.computed] == [
        "gross", "net", "tier", "cap", "royalty", "minimum_made_up", "due",
    ]  # fmt: skip
    low = books.report(4, "1000")  # the next year begins anew
    assert low.due == 50_00
    for number in (5, 6):
        books.report(number, lines=[])
    last = books.report(7, lines=[])
    assert (last.royalty, last.minimum) == (0, 12_000_00 - 50_00)


def test_a_licence_without_a_rate_owes_its_minimum_alone(books):
    books.licence.tiers.all().delete()
    for number in range(4):
        last = books.report(number)
    assert (last.royalty, last.minimum) == (0, 12_000_00)


def test_a_report_that_is_wrong_is_refused_by_line_and_rule(books):
    report = RoyaltyReport.objects.filter(licence=books.licence).order_by("starts_on")[0]
    given: dict[str, Any] = {"report": report, "by": books.office.firm_signatory, "currency": "EUR"}
    with pytest.raises(FaultyInputError) as refused:
        submit_report(
            lines=[
                {"product": "A", "gross": Decimal("-1")},
                {"product": "B", "gross": Decimal(10), "deductions": Decimal(11)},
                {"product": "", "gross": Decimal("1e13")},
            ],
            **given,
        )
    assert [fault.path for fault in refused.value.faults] == [
        "lines.1.gross", "lines.2.deductions", "lines.3.gross",
    ]  # fmt: skip
    with pytest.raises(InvalidError, match="in EUR, not in USD"):
        submit_report(lines=[], **(given | {"currency": "USD"}))
    second = RoyaltyReport.objects.filter(licence=books.licence).order_by("starts_on")[1]
    with pytest.raises(ConflictError, match="comes first"):
        submit_report(lines=[], **(given | {"report": second}))
    with pytest.raises(RefusedError, match="Only people of Eastwind"):
        submit_report(lines=[], **(given | {"by": books.officer}))


def test_a_closed_report_takes_nothing_more(books):
    report = books.report(0)
    report = return_report(report=report, reason="Deductions are missing.", by=books.officer)
    assert books.report(0, "90000").state == "submitted"
    with pytest.raises(StaleError):
        accept_report(report=report, by=books.officer, version=report.version)
    accept_report(report=report, by=books.officer)
    with pytest.raises(ConflictError, match="is closed") as refused:
        books.report(0, "80000")
    assert refused.value.code == "report_closed"
    with pytest.raises(ConflictError):
        return_report(report=report, reason="Too late", by=books.officer)


def test_reports_are_closed_in_their_order(books):
    first, second = books.report(0), books.report(1)
    with pytest.raises(ConflictError, match="comes first"):
        accept_report(report=second, by=books.officer)
    return_report(report=first, reason="Deductions are missing.", by=books.officer)
    accept_report(report=books.report(0, "90000"), by=books.officer)
    assert accept_report(report=second, by=books.officer).state == "accepted"


# --- further terms
def test_further_terms_go_on_with_the_schedule(books, office):
    """The periods go on, what is not invoiced follows, and what is stays."""
    soon = timezone.localdate() + timedelta(days=40)
    sold = {"title": "First sale", "amount": "700.00", "due_on": soon.isoformat()}
    amend(books, office, milestones=[sold, sold | {"title": "Second sale"}])
    before = [(row.pk, row.starts_on, row.ends_on) for row in reports_of(books)]
    amend(books, office, issue_fee="6000.00", milestones=[sold | {"amount": "800.00"}])
    books.licence.refresh_from_db()
    assert books.licence.starts_on == FIRST
    assert [(row.pk, row.starts_on, row.ends_on) for row in reports_of(books)] == before
    found = {row.title: (row.amount, row.state) for row in ScheduledPayment.objects.filter(licence=books.licence)}
    assert found == {
        "Issue fee": (6000_00, "planned"),
        "First sale": (800_00, "planned"),
        "Second sale": (700_00, "withdrawn"),
    }
    withdrawn = ScheduledPayment.objects.get(title="Second sale")
    assert not Obligation.objects.open().filter(source_id=str(withdrawn.pk)).exists()
    early = sold | {"due_on": (FIRST + timedelta(days=5)).isoformat()}  # after the licence began, before these terms
    amend(books, office, milestones=[early])


def test_an_invoiced_milestone_stays_in_the_terms(books, office):
    sold = {"title": "First sale", "amount": "700.00", "due_on": timezone.localdate().isoformat()}
    amend(books, office, milestones=[sold])
    invoice_payments(payments=[ScheduledPayment.objects.get(title="First sale")], by=books.officer)
    for milestones in ([], [sold | {"title": "Sale"}]):
        with pytest.raises(FaultyInputError, match="“First sale” is invoiced"):
            edit_terms(licence=books.licence, edit=0, terms={"milestones": milestones}, by=books.officer)
    amend(books, office, milestones=[sold, sold | {"title": "Second sale"}])


def test_periods_follow_another_frequency_without_overlap(books, office):
    amend(books, office, report_frequency="yearly")
    rows = reports_of(books)
    assert all(after.starts_on == row.ends_on + timedelta(days=1) for row, after in pairwise(rows))
    assert (rows[-1].ends_on.month, rows[-1].ends_on.day) == (12, 31)
    amend(books, office, report_frequency="quarterly", report_days=10)
    rows = reports_of(books)
    assert all(after.starts_on == row.ends_on + timedelta(days=1) for row, after in pairwise(rows))
    assert rows[-1].ends_on == min(rows[-1].ends_on, timezone.localdate() + timedelta(days=92))
    assert rows[-1].due_on == rows[-1].ends_on + timedelta(days=10)


def test_a_milestone_that_is_reached_is_due(books, office, client):
    amend(books, office, milestones=[{"title": "First sale", "amount": "700.00"}, {"title": "Tenth", "amount": "9.00"}])
    assert not ScheduledPayment.objects.filter(kind="milestone").exists()  # nobody knows its day yet
    first, tenth = books.licence.milestones.order_by("title")
    today = timezone.localdate()
    with pytest.raises(InvalidError, match="in the future"):
        reach_milestone(milestone=first, version=1, met_on=today + timedelta(days=1), by=books.officer)
    with pytest.raises(RefusedError):
        reach_milestone(milestone=first, version=1, by=office.firm_signatory)
    client.force_login(books.officer)
    url = reverse("collab:milestone_reach", args=[books.licence.pk, first.pk])
    assert url in client.get(books.licence.get_absolute_url()).content.decode()
    assert client.post(url, {"met_on": today.isoformat(), "version": 1}).status_code == 302
    payment = ScheduledPayment.objects.get(title="First sale")
    assert (payment.amount, payment.due_on, payment.state) == (700_00, today, "planned")
    program = {"Authorization": f"Bearer {token_for(books.officer)}"}
    body = {"milestone": str(tenth.pk), "version": 1}
    told = client.post("/api/v1/scheduled-payments/reach/", body, "application/json", headers=program)
    assert told.status_code == 200 and told.json()["met_on"] == today.isoformat()
    with pytest.raises(ConflictError, match="reached already"):
        reach_milestone(milestone=first, version=2, by=books.officer)


# --- the end
@pytest.mark.parametrize("by_agreement", [True, False])
def test_termination_ends_the_money(books, office, by_agreement):
    soon, today = timezone.localdate() + timedelta(days=40), timezone.localdate()
    amend(books, office, milestones=[{"title": "First sale", "amount": "700.00", "due_on": soon.isoformat()}])
    version = current_version(books.licence)
    if by_agreement:
        terminate_version(version=version, by=office.firm_signatory, reason="Over")
    else:
        end_licence(licence=books.licence, by=books.officer, reason="Over")
    last = reports_of(books)[-1]
    assert last.ends_on == today and last.due_on == today + timedelta(days=30)  # the final report
    assert closes_year(last, TermsInForce(last.licence).on(last.ends_on))  # asks for the last minimum
    found = {row.title: row.state for row in ScheduledPayment.objects.filter(licence=books.licence)}
    assert found == {"Issue fee": "planned", "First sale": "withdrawn"}  # the fee was due long before
    row = ScheduledPayment.objects.get(title="First sale")
    assert not Obligation.objects.open().filter(source_id=str(row.pk)).exists()
    assert schedule(licence=books.licence) == 0
    books.case.refresh_from_db()
    assert books.case.state == "marketed"  # the last licence is over; it was never protected


def test_a_case_that_has_brought_money_keeps_its_decision(books):
    """Its inventors stand in the ledger, so that nobody may take them out any more."""
    books.invoiced(0)
    books.receive("5000.00")
    end_licence(licence=books.licence, by=books.officer, reason="Over")

    def anew() -> None:
        books.case.refresh_from_db()
        reconsider_case(case=books.case, reason="New art", by=books.officer, version=books.case.version)

    with pytest.raises(NotReadyError, match=r"5,000.00 EUR received under LIC-1 .* not distributed"):
        anew()
    books.distribute()
    with pytest.raises(NotReadyError, match="Distribution 1 has divided"):
        anew()


def test_a_case_brings_income_and_expires_with_its_last_licence_and_right(books, office):
    books.receive("10.00", match=False)
    books.case.refresh_from_db()
    assert books.case.state == "income"
    family = Family.objects.create(case=books.case, number=1, title="Reader", created_by=books.officer)
    Protection.objects.create(
        family=family, kind="national", jurisdiction="US", title="Claim", status="lapsed", filed_on=FIRST,
        ended_on=FIRST, reason="Fee not paid", created_by=books.officer,
    )  # fmt: skip
    books.licence.refresh_from_db()
    with time_machine.travel(timezone.now() + timedelta(days=366), tick=False):
        schedule_all()
        books.case.refresh_from_db()
        assert books.case.state == "expired"
        assert reports_of(books)[-1].ends_on == books.licence.ends_on - timedelta(days=1)
        assert schedule_all() == 0


def reports_of(books) -> list[RoyaltyReport]:
    return list(RoyaltyReport.objects.filter(licence=books.licence).order_by("starts_on"))


def amend(books, office, **terms: Any) -> None:
    """Further terms, signed by both."""
    edit_terms(licence=books.licence, edit=0, terms=terms, by=books.officer)
    office.sign(office.send(books.licence))


# --- invoices
def test_invoices_are_numbered_without_gaps_and_taken_back_by_a_credit_note(books):
    first = books.invoiced(0)
    assert (first.number, first.total, first.state) == (1, 5000_00, "open")
    with pytest.raises(ConflictError, match=f"invoiced already: {first.reference}"):
        invoice_report(report=first.report, by=books.officer)
    payment = ScheduledPayment.objects.get(licence=books.licence)
    with pytest.raises(InvalidError, match="in the past"):
        invoice_payments(payments=[payment], by=books.officer, due_on=timezone.localdate() - timedelta(days=1))
    fee = invoice_payments(payments=[payment], by=books.officer)
    assert fee.number == 2  # the refused one took no number
    credit = cancel_invoice(invoice=first, reason="Wrong quarter", by=books.officer)
    assert (credit.number, credit.total, credit.state) == (3, -5000_00, "credit_note")
    assert invoice_report(report=first.report, by=books.officer).number == 4
    with pytest.raises(DatabaseError, match="not changed"), transaction.atomic():
        Invoice.objects.filter(pk=fee.pk).update(total=1)
    with pytest.raises(DatabaseError, match="not removed"), transaction.atomic():
        connection.cursor().execute("DELETE FROM collab_invoice")


def test_late_interest_follows_the_rates_of_its_days(books):
    invoice = books.invoiced(0)
    Invoice.objects.filter(pk=invoice.pk)
    with connection.cursor() as cursor:  # as if it had been due fifty days ago
        cursor.execute("DROP TRIGGER invoice_stays" + ("" if connection.vendor == "sqlite" else " ON collab_invoice"))
    day = timezone.localdate()
    Invoice.objects.filter(pk=invoice.pk).update(issued_on=day - timedelta(days=60), due_on=day - timedelta(days=50))
    books.receive("2000.00", on=day - timedelta(days=50))
    books.receive("3000.00")
    invoice.refresh_from_db()
    assert invoice.state == "paid"
    with pytest.raises(InvalidError, match="No rate of late interest"):
        invoice_interest(invoice=invoice, by=books.officer)
    set_interest(organisation=books.organisation, from_on=FIRST, percent=Decimal(6), by=books.officer)
    set_interest(
        organisation=books.organisation, from_on=day - timedelta(days=19), percent=Decimal(9), by=books.officer
    )
    made = invoice_interest(invoice=invoice, by=books.officer)
    # 3,000 for 30 days at 6 % (14.79) and 20 days at 9 % (14.79)
    assert [line.amount for line in made.lines.all()] == [1479, 1479]
    with pytest.raises(ConflictError, match="asked for already"):
        invoice_interest(invoice=invoice, by=books.officer)


def test_interest_on_many_payments_is_asked_to_the_last_line(books):
    invoice = books.invoiced(0)
    with connection.cursor() as cursor:  # as if it had been due fifty days ago
        cursor.execute("DROP TRIGGER invoice_stays" + ("" if connection.vendor == "sqlite" else " ON collab_invoice"))
    day = timezone.localdate()
    Invoice.objects.filter(pk=invoice.pk).update(issued_on=day - timedelta(days=60), due_on=day - timedelta(days=50))
    for _number in range(52):
        books.receive("96.00")
    books.receive("8.00")
    set_interest(organisation=books.organisation, from_on=FIRST, percent=Decimal(6), by=books.officer)
    invoice.refresh_from_db()
    made = invoice_interest(invoice=invoice, by=books.officer)
    assert (made.lines.count(), made.total) == (53, 52 * 79 + 7)  # 96 and 8 for 50 days at 6 %


def test_the_money_of_a_licence_is_shown_by_pages(books, client):
    client.force_login(books.officer)
    for number in range(13):
        given = {"title": f"Costs {number:02d}", "amount": Decimal(1), "currency": "EUR"}
        add_payment(licence=books.licence, kind="other", due_on=timezone.localdate(), by=books.officer, **given)
    url = reverse("collab:licence_royalties", args=[books.licence.pk])
    whole = client.get(url).content.decode()
    assert "Costs 10" in whole and "Costs 11" not in whole and "?show=payments" in whole and "Receipts" in whole
    alone = client.get(url, {"show": "payments"}).content.decode()
    assert "Costs 12" in alone and "Receipts" not in alone
    assert client.get(url, {"show": "payments", "page": "9"}).status_code == 404
    assert client.get(url, {"show": "secrets"}).status_code == 200


# --- receipts
def test_money_pays_invoices_of_its_currency_alone(books):
    invoice = books.invoiced(0)
    books.licence.currency = "USD"
    books.licence.save()
    enter_rate(
        organisation=books.organisation, source="USD", target="EUR", from_on=timezone.localdate(),
        rate=Decimal("0.9"), by=books.officer,
    )  # fmt: skip
    row = books.receive("5000.00", currency="USD")
    invoice.refresh_from_db()
    assert (row.matched, invoice.paid) == (0, 0)
    with pytest.raises(InvalidError, match="is in EUR, the receipt in USD"):
        match_receipt(receipt=row, invoice=invoice, by=books.officer)


def test_part_payments_and_over_payments_are_kept_apart(books):
    first, second = books.invoiced(0), books.invoiced(1)
    part = books.receive("3000.00", reference="BANK-1")
    first.refresh_from_db()
    assert (part.matched, first.paid, first.state) == (3000_00, 3000_00, "part_paid")
    over = books.receive("9000.00")
    assert (over.matched, over.unmatched) == (7000_00, 2000_00)
    with pytest.raises(ConflictError, match="BANK-1 was entered already"):
        books.receive("1.00", reference="BANK-1")
    row = books.distribute()
    over.refresh_from_db()
    assert row.amount == 10_000_00 and over.undistributed == 2000_00
    second.refresh_from_db()
    with pytest.raises(ConflictError, match="is not open"):
        match_receipt(receipt=over, invoice=second, by=books.officer)
    third = books.invoiced(2)
    with pytest.raises(InvalidError, match=r"the receipt leaves 2,000\.00 EUR, the invoice 5,000\.00 EUR"):
        match_receipt(receipt=over, invoice=third, amount=Decimal("2000.01"), by=books.officer)
    match_receipt(receipt=over, invoice=third, by=books.officer)
    assert books.distribute().amount == 2000_00  # the rest of the same receipt
    reconcile()


def test_what_is_reversed_is_entered_anew_with_its_bank_reference(books):
    """The statement of the bank has one line, and it stays findable by it."""
    books.invoiced(0)
    wrong = books.receive("500.00", reference="BANK-1")
    reverse_receipt(receipt=wrong, reason="A nought too few", by=books.officer)
    right = books.receive("5000.00", reference="BANK-1")
    assert list(Receipt.objects.filter(reference="BANK-1").standing()) == [right]
    with pytest.raises(ConflictError, match="BANK-1 was entered already"):
        books.receive("5000.00", reference="BANK-1")
    with pytest.raises(IntegrityError, match="reference"), transaction.atomic():
        Receipt.objects.create(**{
            name: getattr(right, name) for name in (
                "organisation", "licence", "received_on", "amount", "currency", "rate", "booked", "book_currency",
                "reference", "entered_by",
            )
        }, undistributed=right.booked)  # fmt: skip
    reconcile()


def test_money_of_another_currency_or_without_a_rate_is_refused(books):
    with pytest.raises(InvalidError, match="in EUR, not in USD"):
        books.receive("5.00", currency="USD")
    with pytest.raises(InvalidError, match="not negative"):
        books.receive("-5.00")
    with pytest.raises(InvalidError, match="not come yet"):
        books.receive("5.00", on=timezone.localdate() + timedelta(days=2))
    with pytest.raises(ConflictError, match="books are kept in EUR"):
        set_policy(
            organisation=books.organisation, currency="USD", content=EXAMPLES["llu"],
            effective_on=timezone.localdate(), by=books.officer,
        )  # fmt: skip
    books.licence.currency = "USD"
    books.licence.save()
    day = timezone.localdate()
    with pytest.raises(InvalidError, match="No rate from USD to EUR is entered for"):
        books.receive("100.00", currency="USD")
    given = {"organisation": books.organisation, "source": "USD", "target": "EUR", "by": books.officer}
    enter_rate(from_on=day - timedelta(days=9), until_on=day, rate=Decimal("0.91235"), **given)
    with pytest.raises(ConflictError, match="entered already"):
        enter_rate(from_on=day, rate=Decimal("0.9"), **given)
    row = books.receive("100.00", currency="USD")
    assert (row.amount, row.booked, row.book_currency, row.rate) == (10_000, 9124, "EUR", Decimal("0.91235"))


# --- distributions
def test_a_distribution_is_proposed_approved_by_another_and_told_to_the_inventors(books):
    books.invoiced(0)
    books.receive("5000.00")
    row = propose_distribution(organisation=books.organisation, by=books.officer)
    assert (row.amount, row.distributed, row.retained) == (5000_00, 3750_00, 1250_00)
    assert LedgerEntry.objects.count() == 0
    request = Request.objects.get(topic="distribution")
    with pytest.raises(RefusedError, match="does not approve it as well"):
        decide_distribution(distribution=row, decision="approved", by=books.officer)
    decide_request(request=request, decision="approved", by=books.second)
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("posted", books.second)
    mine = Statement.objects.visible_to(books.anna).get()
    assert (mine.amount, mine.name) == (1500_00, books.anna.name)  # 60 % of one half
    assert Statement.objects.get(person=None).amount == 1000_00
    assert not can(books.office.firm_signatory, "statement.view", mine)
    assert AuditEvent.objects.filter(verb="distribution.post").count() == 1
    reconcile()


def test_a_receipt_is_divided_by_the_parts_of_the_assets_first(books, office):
    """70 % for the model, of the licence's case; 20 % for a technology and 10 % for a model that its case discloses.

    Of 5,000: 3,500 to RU-1, half of it to its inventors (1,050 and 700); 1,500 to RU-2: 100 of costs, 1,400 left, half
    of it to Chen (700). A quarter of what is left stays with the units: 875 and 350.
    """
    second = case_of(books.organisation, "RU-2", books.officer, ("Chen Outside", "100"))
    writer = trained(office.joint, office.joint.researcher, "Writer")
    DisclosedResult.objects.create(
        case=second, kind="model_version", subject_type="registry.modelversion", subject_id=writer.pk, label="Writer"
    )
    spend(second, books, "100.00")
    technology = {
        "kind": "technology", "subject_type": "collab.transfercase", "subject_id": str(second.pk), "percent": "20",
    }  # fmt: skip
    amend(books, office, assets=[asset(office.model, "70"), technology, asset(writer, "10")])
    books.invoiced(0)
    books.receive("5000.00")
    row = books.distribute()
    assert {one.name: one.amount for one in row.statements.all()} == {
        books.anna.name: 1050_00, "Bo Outside": 700_00, "Chen Outside": 700_00,
    }  # fmt: skip
    assert (balance("costs"), balance("unit"), row.amount) == (100_00, 875_00 + 350_00, 5000_00)
    assert CostRepayment.objects.get().amount == 100
    reconcile()
    back = propose_reversal(distribution=row, reason="Wrong", by=books.officer)
    decide_distribution(distribution=back, decision="approved", by=books.second)
    assert not LedgerEntry.objects.values("case").annotate(all=Sum("amount")).exclude(all=0).exists()
    reconcile()


def test_the_file_of_a_reversal_holds_numbers_that_add_up_to_nothing_left(books):
    books.invoiced(0)
    books.receive("5000.00")
    row = propose_distribution(organisation=books.organisation, by=books.officer)
    decide_distribution(distribution=row, decision="approved", by=books.second)
    back = propose_reversal(distribution=row, reason="Wrong", by=books.officer)
    decide_distribution(distribution=back, decision="approved", by=books.second)

    def sums(distribution: Distribution) -> dict[str, Decimal]:
        file = as_(books.officer).get(f"/transfer/distributions/{distribution.pk}/ledger.csv").content.decode()
        found: dict[str, Decimal] = {}
        for line in csv.DictReader(file.removeprefix("\ufeff").splitlines()):
            found[line["account"]] = found.get(line["account"], Decimal(0)) + Decimal(line["amount"])
        return found

    given = sums(row)
    assert given["inventors"] > 0
    assert sums(back) == {account: -amount for account, amount in given.items()}


def spend(case, books, amount: str) -> None:
    family = Family.objects.create(case=case, number=1, title="Family", created_by=books.officer)
    right = Protection.objects.create(
        family=family, kind="national", jurisdiction="US", title="Claim", created_by=books.officer
    )
    ProtectionCost.objects.create(
        protection=right, kind="counsel", amount=Decimal(amount), currency="EUR", incurred_on=FIRST, paid_on=FIRST,
        entered_by=books.officer,
    )  # fmt: skip


def test_of_two_who_approve_one_wins(books):
    books.invoiced(0)
    books.receive("5000.00")
    row = propose_distribution(organisation=books.organisation, by=books.officer)
    decide_distribution(distribution=row, decision="approved", by=books.second, version=row.version)
    with pytest.raises(StaleError):
        decide_distribution(distribution=row, decision="approved", by=books.second, version=row.version)
    with pytest.raises(ConflictError):
        decide_distribution(distribution=row, decision="rejected", reason="No", by=books.second)
    assert Distribution.objects.filter(state="posted").count() == 1


def test_what_changed_since_it_was_proposed_is_not_posted(books):
    given = {"organisation": books.organisation, "currency": "EUR", "by": books.officer}
    set_policy(content=EXAMPLES["ncsu"], effective_on=timezone.localdate(), **given)
    books.invoiced(0)
    books.receive("5000.00")
    row = propose_distribution(organisation=books.organisation, by=books.officer)
    add_third_party(case=books.case, name="Sponsor", percent=Decimal(10), from_on=FIRST, by=books.officer)
    with pytest.raises(ConflictError, match="changed since") as refused:
        decide_distribution(distribution=row, decision="approved", by=books.second)
    assert refused.value.code == "preview_changed"
    with pytest.raises(ConflictError, match="nothing to distribute"):
        propose_distribution(organisation=books.organisation, by=books.officer)  # still held
    withdraw_distribution(distribution=row, by=books.officer)
    assert books.distribute().distributed == 500_00 + 2250_00  # 10 %; half of the rest to inventors and unit
    with pytest.raises(InvalidError, match="owed 110 %"):
        add_third_party(case=books.case, name="More", percent=Decimal(100), from_on=FIRST, by=books.officer)


def test_what_third_parties_are_owed_is_never_passed_over(books):
    books.invoiced(0)
    books.receive("5000.00")
    add_third_party(case=books.case, name="Sponsor", percent=Decimal(10), from_on=FIRST, by=books.officer)
    with pytest.raises(ConflictError, match="version 1 of the policy has no such deduction"):
        propose_distribution(organisation=books.organisation, by=books.officer)


def test_a_distributed_receipt_is_corrected_only_by_reversals(books):
    books.invoiced(0)
    receipt = books.receive("5000.00")
    row = books.distribute()
    receipt.refresh_from_db()
    for act in (
        lambda: edit_receipt(receipt=receipt, note_text="x", by=books.officer, version=receipt.version),
        lambda: reverse_receipt(receipt=receipt, reason="Wrong", by=books.officer),
        lambda: unmatch_receipt(match=receipt.matches.get(), by=books.officer),
    ):
        with pytest.raises(ConflictError, match=rf"is distributed \(Distribution {row.number}\)") as refused:
            act()
        assert refused.value.code == "distributed"
    back = propose_reversal(distribution=row, reason="Paid by mistake", by=books.officer)
    decide_distribution(distribution=back, decision="approved", by=books.second)
    receipt.refresh_from_db()
    assert (receipt.undistributed, receipt.given_out, balance("inventors")) == (5000_00, 0, 0)
    with pytest.raises(ConflictError, match="reversed, or that is proposed"):
        propose_reversal(distribution=row, reason="Again", by=books.officer)
    reverse_receipt(receipt=receipt, reason="It was for somebody else", by=books.officer)
    assert Invoice.objects.get(report__isnull=False).state == "open"
    with pytest.raises(ConflictError, match="nothing to distribute"):
        propose_distribution(organisation=books.organisation, by=books.officer)
    reconcile()


def test_a_rejected_reversal_leaves_all_as_it_was(books):
    books.invoiced(0)
    books.receive("5000.00")
    row = books.distribute()
    back = propose_reversal(distribution=row, reason="Perhaps", by=books.officer)
    decide_distribution(distribution=back, decision="rejected", reason="No", by=books.second)
    again = propose_reversal(distribution=row, reason="Surely", by=books.officer)
    assert again.number == back.number + 1
    reconcile()


def test_receipts_wait_for_their_policy_and_their_case(books):
    set_policy(
        organisation=books.organisation, currency="EUR", content=EXAMPLES["dayton"],
        effective_on=timezone.localdate(), by=books.officer,
    )  # fmt: skip
    books.invoiced(0), books.invoiced(1)
    old = books.receive("5000.00", on=timezone.localdate() - timedelta(days=3))
    new = books.receive("5000.00")
    assert books.distribute().policy.number == 1
    assert books.distribute().policy.number == 2
    old.refresh_from_db(), new.refresh_from_db()
    assert (old.retained, new.retained) == (1250_00, 1000_00 + 1000_00)  # 25 %; 20 % and a quarter of the rest


def test_without_books_or_inventors_nothing_is_distributed(books):
    books.licence.case = None
    books.licence.save()
    books.invoiced(0)
    books.receive("5000.00")
    with pytest.raises(ConflictError, match="belongs to no case"):
        propose_distribution(organisation=books.organisation, by=books.officer)
    with pytest.raises(NotReadyError, match="no royalty policy yet"):
        from collab.transfer.royalties.rates import policy_of

        policy_of(books.licence.licensee)


# --- what the database itself holds
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE collab_ledgerentry SET amount = amount + 1 WHERE account = 'inventors'",
        "DELETE FROM collab_ledgerentry",
        "UPDATE collab_receipt SET distributed = distributed + 1, undistributed = undistributed - 1",
        "UPDATE collab_receipt SET distributed = distributed + 1",
        "UPDATE collab_receipt SET amount = amount + 1, booked = booked + 1, undistributed = undistributed + 1",
        "DELETE FROM collab_receipt",
        "UPDATE collab_distribution SET distributed = distributed + 1, retained = retained - 1",
        "UPDATE collab_distribution SET state = 'withdrawn'",
        "INSERT INTO collab_ledgerentry SELECT * FROM collab_ledgerentry",
    ],
)
def test_the_database_refuses_what_would_not_reconcile(books, statement):
    books.invoiced(0)
    books.receive("5000.00")
    books.distribute()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    reconcile()


def test_an_unbalanced_distribution_is_not_posted(books):
    books.invoiced(0)
    receipt = books.receive("5000.00")
    row = propose_distribution(organisation=books.organisation, by=books.officer)
    LedgerEntry.objects.create(distribution=row, receipt=receipt, account="unit", amount=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        Distribution.objects.filter(pk=row.pk).update(state="posted", decided_by=books.second, posted_at=timezone.now())


def test_payments_are_added_with_sense(books):
    given = {
        "licence": books.licence, "kind": "other", "title": "Samples", "due_on": timezone.localdate(),
        "by": books.officer,
    }  # fmt: skip
    with pytest.raises(InvalidError, match="in EUR, not in GBP"):
        add_payment(amount=Decimal(1), currency="GBP", **given)
    with pytest.raises(InvalidError, match="in the past"):
        add_payment(amount=Decimal(1), currency="EUR", **(given | {"due_on": FIRST}))
    with pytest.raises(InvalidError, match="nothing is not due"):
        add_payment(amount=Decimal(0), currency="EUR", **given)
    assert add_payment(amount=Decimal("10.50"), currency="EUR", **given).amount == 1050
    by_hand = add_payment(amount=Decimal(7), currency="EUR", **(given | {"kind": "milestone", "title": "By hand"}))
    assert invoice_payments(payments=[by_hand], by=books.officer).total == 700  # it follows from no milestone
