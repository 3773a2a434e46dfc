"""Audits: announced in time, told report by report, computed like the reports, due only when both sides agree."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import User
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Obligation
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, NotFoundError, RefusedError
from collab.transfer.licences.models import Licence
from collab.transfer.licences.services import edit_terms
from collab.transfer.portfolio.metrics import METRICS, Span
from collab.transfer.royalties.audit_models import RoyaltyAudit
from collab.transfer.royalties.auditing import (
    agree_audit,
    announce_audit,
    begin_audit,
    cancel_audit,
    dispute_audit,
    report_audit,
)
from collab.transfer.royalties.models import RoyaltyReport, ScheduledPayment
from collab.transfer.royalties.reading import say_rule
from collab.transfer.royalties.reimbursing import require_unmixed
from collab.transfer.royalties.services import (
    accept_report,
    decide_distribution,
    invoice_payments,
    propose_reversal,
    schedule,
    set_interest,
    withdraw_interest,
)
from collab.transfer.royalties.states import PaymentState
from collab.transfer.royalties.terms import TermsInForce
from tests.cast import employ, person
from tests.collab.transfer.royalties.test_services import reconcile
from tests.royalties import FIRST, Books

pytestmark = pytest.mark.django_db


def today():
    return timezone.localdate()


def closed(books: Books, *gross: str) -> list[RoyaltyReport]:
    """Accepted reports on the first quarters."""
    return [accept_report(report=books.report(number, one), by=books.officer) for number, one in enumerate(gross)]


def announced(books: Books, **changes) -> RoyaltyAudit:
    facts = {
        "licence": books.licence,
        "starts_on": FIRST,
        "ends_on": FIRST.replace(month=12, day=31),
        "auditor": "Ledger & Partners",
        "begins_on": today() + timedelta(days=30),
        "by": books.officer,
    }
    return announce_audit(**facts | changes)


def begun(books: Books) -> RoyaltyAudit:
    row = announced(books)
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        return begin_audit(audit=row, by=books.officer)


def told(books: Books, audit: RoyaltyAudit, *findings: dict, **more) -> RoyaltyAudit:
    facts = {"summary": "Examined the ledgers.", "by": books.officer} | more
    return report_audit(audit=audit, findings=findings, **facts)


def terms(books: Books, **changes) -> None:
    Licence.objects.filter(pk=books.licence.pk).update(**changes)
    books.licence.refresh_from_db()


def test_a_rate_by_which_an_audit_reckoned_interest_stays(books: Books, client) -> None:
    given = {"organisation": books.organisation, "by": books.officer}
    wrong = set_interest(from_on=FIRST, percent=Decimal(8), **given)
    coming = set_interest(from_on=today() + timedelta(days=90), percent=Decimal(9), **given)
    (first,) = closed(books, "250000.00")
    audit = begun(books)
    client.force_login(books.officer)
    page = reverse("collab:exchange_rates", args=[books.organisation.slug])

    def offered() -> list[bool]:
        shown = client.get(page).content.decode()
        return [reverse("collab:interest_withdraw", args=[rule.pk]) in shown for rule in (wrong, coming)]

    assert offered() == [True, True]
    audit = told(books, audit, {"report": first, "product": "Reader", "gross": "100000.00"})
    assert audit.interest > 0 and offered() == [False, True]
    with pytest.raises(ConflictError, match="Audit 1"):
        withdraw_interest(rule=wrong, reason="Mistyped", by=books.officer)
    withdraw_interest(rule=coming, reason="Mistyped", by=books.officer)
    cancel_audit(audit=audit, reason="Begun anew", by=books.officer)
    assert offered()[0]
    withdraw_interest(rule=wrong, reason="Mistyped", by=books.officer)


def test_it_is_announced_under_the_licence_and_in_time(books: Books) -> None:
    closed(books, "100000.00")
    with pytest.raises(InvalidError) as early:
        announced(books, begins_on=today() + timedelta(days=29))
    assert early.value.field == "begins_on" and "30" in str(early.value)
    with pytest.raises(InvalidError) as nothing:
        announced(books, starts_on=today() + timedelta(days=1), ends_on=today() + timedelta(days=9))
    assert nothing.value.field == "starts_on"
    terms(books, audit_right=False)
    with pytest.raises(RefusedError) as refused:
        announced(books)
    assert [one.code for one in refused.value.missing] == ["audit_right"]
    terms(books, audit_right=True)
    with pytest.raises((RefusedError, NotFoundError)):
        announced(books, by=books.office.firm_signatory)
    row = announced(books)
    assert (row.number, row.state) == (1, "announced")
    dates = Obligation.objects.open().filter(source_id=str(row.pk))
    assert {one.organisation for one in dates} == {books.licence.licensor, books.licence.licensee}
    assert Notification.objects.filter(person=books.office.firm_signatory, url=row.get_absolute_url()).exists()
    officer = employ(person("Theo Theirs"), books.licence.licensee, Role.TRANSFER_OFFICER)
    cancel_audit(audit=row, reason="Another day.", by=books.officer)
    row = announced(books)
    assert not Notification.objects.filter(person=officer).exists(), "whoever may not open it is not told of it"
    with pytest.raises(ConflictError):
        announced(books)  # one at a time
    with pytest.raises(ConflictError):
        begin_audit(audit=row, by=books.officer)  # not before its day


def test_what_was_left_out_is_computed_with_the_tiers_and_carried_on(books: Books) -> None:
    """5 % to 300,000 a year, then 3 %, at most 20,000 a year; the minimum of 12,000 comes with the last quarter.

    Reported 250,000 and 100,000: 12,500 and 50,000 at 5 % + 50,000 at 3 % = 4,000. With 100,000 left out of the first:
    300,000 at 5 % + 50,000 at 3 % = 16,500, and 100,000 at 3 % = 3,000. So 4,000 more and 1,000 less: 3,000.
    """
    first, second = closed(books, "250000.00", "100000.00")
    assert (first.royalty, second.royalty) == (1_250_000, 400_000)
    terms(books, late_interest_percent=Decimal(10), audit_cost_percent=Decimal(5))
    audit = told(books, begun(books), {"report": first, "product": "Reader", "gross": "100000.00"}, cost="900")
    assert [(one.report, one.royalty, one.minimum) for one in audit.corrections.order_by("report__starts_on")] == [
        (first, 400_000, 0),
        (second, -100_000, 0),
    ]
    assert (audit.reported, audit.underpaid) == (1_650_000, 300_000)
    days = (today() - first.due_on).days
    assert audit.interest == round(400_000 * 10 * days / (100 * 365))
    assert audit.cost_borne == 90_000  # 300,000 of 1,650,000 is more than 5 %
    assert ScheduledPayment.objects.filter(kind="audit").count() == 0, "nothing is due before both agree"

    with pytest.raises((RefusedError, NotFoundError)):
        agree_audit(audit=audit, by=books.officer)
    agreed = agree_audit(audit=audit, by=books.office.firm_signatory)
    payments = list(ScheduledPayment.objects.filter(kind="audit").order_by("-amount"))
    assert sum(row.amount for row in payments) == agreed.to_pay == 300_000 + agreed.interest + 90_000
    assert not Obligation.objects.open().filter(source_id=str(audit.pk)).exists()
    schedule(licence=books.licence)  # what the terms do not ask for is withdrawn, but not this
    assert set(ScheduledPayment.objects.filter(kind="audit").values_list("state", flat=True)) == {PaymentState.PLANNED}
    cost = [row for row in payments if row.amount == 90_000]
    with pytest.raises(InvalidError):
        invoice_payments(payments=payments, by=books.officer)  # what repays a cost is on an invoice of its own
    found = invoice_payments(payments=[row for row in payments if row not in cost], by=books.officer)
    assert found.total == 300_000 + agreed.interest
    assert invoice_payments(payments=cost, by=books.officer).total == 90_000

    third = accept_report(report=books.report(2, "100000.00"), by=books.officer)
    assert third.royalty == 50_000, "19,500 of 20,000 are reached: 16,500 + 3,000 as corrected"
    again = RoyaltyReport.objects.get(pk=first.pk)
    assert again.royalty == 1_250_000, "what was reported stays as it was"


def test_the_cost_of_an_audit_is_repaid_and_never_shared(books: Books) -> None:
    """100 more at 5 % of 2,000 are income; the 900 of the auditor are not, though one receipt pays both."""
    [first] = closed(books, "1000.00")
    terms(books, late_interest_percent=Decimal(0), audit_cost_percent=Decimal(5))
    audit = told(books, begun(books), {"report": first, "product": "Reader", "gross": "2000.00"}, cost="900")
    assert (audit.underpaid, audit.cost_borne) == (10_000, 90_000)
    agree_audit(audit=audit, by=books.office.firm_signatory)
    more, cost = ScheduledPayment.objects.filter(kind="audit").order_by("amount")
    assert require_unmixed([more]) is None
    for one in (cost, more):
        invoice_payments(payments=[one], by=books.officer)
    books.receive("950.00")  # all of the cost, and half of the rest
    row = books.distribute()
    kept = row.entries.filter(rule="audit_cost").get()
    assert (kept.account, kept.amount, kept.case) == ("costs", 90_000, None)
    shared = row.entries.exclude(account__in=["undistributed"]).exclude(rule="audit_cost")
    assert sum(one.amount for one in shared) == 5_000 and row.amount == 95_000
    assert say_rule(kept.rule) == "cost of an audit, repaid by the licensee"
    reconcile()
    span = Span((books.organisation.pk,), today().year)
    assert METRICS["other"].value(span) == {"EUR": Decimal("50.00")}, "a cost that was repaid is no income"
    books.receive("50.00")
    assert not books.distribute().entries.filter(rule="audit_cost").exists()
    reconcile()
    take_back = propose_reversal(distribution=row, reason="Wrong", by=books.officer)
    decide_distribution(distribution=take_back, decision="approved", by=books.second)
    again = books.distribute()
    assert sum(one.amount for one in again.entries.filter(rule="audit_cost")) == 90_000, "it is repaid once, anew"
    reconcile()


def test_corrections_and_late_reports_follow_the_terms_of_their_period(books: Books) -> None:
    """The first quarter at 5 %, though the rate has been 50 % since further terms of today."""
    [first] = closed(books, "100000.00")
    changed = {"tiers": [{"from": "0", "rate": "50"}], "late_interest_percent": "0"}
    edit_terms(licence=books.licence, edit=0, terms=changed, by=books.office.officer)
    books.office.sign(books.office.send(books.licence))
    books.licence.refresh_from_db()
    assert TermsInForce(books.licence).on(today()).running.tiers[0].rate == 50
    audit = told(books, begun(books), {"report": first, "product": "Reader", "gross": "1000.00"})
    assert audit.underpaid == 5_000
    # and so does a report that is written now on a quarter of that time, when it is sent and when it is accepted
    second = books.report(1)
    assert second.royalty == 500_000
    assert accept_report(report=second, by=books.officer).royalty == 500_000


def test_less_than_the_threshold_and_nothing_found(books: Books) -> None:
    _first, second = closed(books, "100000.00", "100000.00")
    terms(books, late_interest_percent=Decimal(0), audit_cost_percent=Decimal(5))
    audit = told(books, begun(books), {"report": second, "product": "Reader", "gross": "1000.00"}, cost="900.00")
    assert (audit.underpaid, audit.cost, audit.cost_borne, audit.to_pay) == (5_000, 90_000, 0, 5_000)
    dispute_audit(audit=audit, reason="It was a sample.", by=books.office.firm_signatory)
    audit = told(books, audit, summary="A sample indeed.")
    assert (audit.state, audit.underpaid, audit.findings.count(), audit.reason) == ("reported", 0, 0, "")
    agree_audit(audit=audit, by=books.office.firm_signatory)
    assert not ScheduledPayment.objects.filter(kind="audit").exists()
    with pytest.raises(ConflictError) as soon:
        announced(books)
    assert soon.value.code == "audited_lately"


def test_findings_are_checked_one_by_one(books: Books) -> None:
    [first] = closed(books, "100000.00")
    audit = begun(books)
    stranger = RoyaltyReport.objects.exclude(pk=first.pk).first()
    with pytest.raises(FaultyInputError) as faulty:
        told(
            books,
            audit,
            {"report": stranger, "product": "Reader", "gross": "1"},
            {"report": first, "product": "Reader"},
            {"report": first, "product": "Reader", "disallowed": "1"},
            {"report": first, "product": "Reader", "gross": "1", "sublicence_income": "5"},
            {"report": first, "product": "", "gross": "1"},
        )
    assert [one.path for one in faulty.value.faults] == [
        "findings.1.report",
        "findings.2.gross",
        "findings.3.disallowed",
        "findings.4.sublicence_income",
        "findings.5.product",
    ]
    audit.refresh_from_db()
    assert audit.state == "under_way" and audit.findings.count() == 0
    with pytest.raises(InvalidError):
        cancel_audit(audit=audit, reason=" ", by=books.officer)
    assert cancel_audit(audit=audit, reason="Settled otherwise.", by=books.officer).state == "cancelled"
    with pytest.raises(ConflictError):
        told(books, audit)


def test_without_a_rate_of_interest_the_findings_name_the_day(books: Books) -> None:
    [first] = closed(books, "100000.00")
    audit = begun(books)
    terms(books, late_interest_percent=None)
    with pytest.raises(InvalidError) as no_rate:
        told(books, audit, {"report": first, "product": "Reader", "gross": "1000.00"})
    assert no_rate.value.field == "rate" and (first.due_on + timedelta(days=1)).isoformat() in str(no_rate.value)


def test_both_sides_do_it_on_their_pages(books: Books, client) -> None:
    [first] = closed(books, "100000.00")
    terms(books, late_interest_percent=Decimal(0))
    audit = begun(books)
    page = reverse("collab:royalty_audit", args=[audit.pk])
    client.force_login(books.officer)
    form = client.get(f"{page}report/")
    assert form.status_code == 200 and b"Gross sales not reported" in form.content
    sent = {"summary": "Found a shop.", "cost": "0", "version": audit.version, "report_1": str(first.pk)}
    wrong = client.post(f"{page}report/", sent | {"gross_1": "10"})
    assert wrong.status_code == 422 and wrong.context["form"].errors.keys() == {"product_1"}
    done = client.post(f"{page}report/", sent | {"product_1": "Shop", "gross_1": "1000.00"})
    assert done.status_code == 302, done.content.decode()[-800:]
    assert client.post(f"{page}agree/").status_code == 403
    client.force_login(books.office.firm_signatory)
    seen = client.get(page).content.decode()
    assert "Agree to the findings" in seen and "Call the audit off" not in seen and "50.00" in seen
    assert client.post(f"{page}agree/").status_code == 302
    assert "Corrected by an audit" in client.get(first.get_absolute_url()).content.decode()
    client.force_login(User.objects.create(email="nobody@example.org", name="Nobody"))
    assert client.get(page).status_code == 404
    verbs = AuditEvent.objects.filter(subject_id=str(audit.pk)).values_list("verb", flat=True)
    assert {"royalty.announce_audit", "royalty.begin_audit", "royalty.report_audit", "royalty.agree_audit"} == set(
        verbs
    )
