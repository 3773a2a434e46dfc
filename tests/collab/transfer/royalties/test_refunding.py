"""What was paid too much is refunded: what pays no invoice, by an entry of its own, with a day and a reason."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from collab.audit.models import AuditEvent
from collab.inbox.models import Notification
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, StaleError
from collab.transfer.portfolio.metrics import METRICS, Span
from collab.transfer.royalties.models import Receipt
from collab.transfer.royalties.refund_models import Refund
from collab.transfer.royalties.services import (
    enter_rate,
    match_receipt,
    propose_distribution,
    refund_receipt,
    reverse_receipt,
    reverse_refund,
    unmatch_receipt,
    withdraw_distribution,
)
from tests.cast import token_for
from tests.collab.transfer.royalties.test_services import reconcile
from tests.pages import as_

pytestmark = pytest.mark.django_db


def told(receipt: Receipt) -> tuple[int, int, int, int]:
    receipt.refresh_from_db()
    return receipt.matched, receipt.paid_back, receipt.refunded, receipt.undistributed


def test_what_pays_no_invoice_is_refunded_and_the_rest_is_distributed(books):
    books.invoiced(0)  # 5,000.00
    receipt = books.receive("6000.00")
    back = refund_receipt(receipt=receipt, amount=Decimal("400.00"), reason="Paid twice", by=books.officer)
    assert (back.amount, back.refunded_on) == (400_00, timezone.localdate())
    assert told(receipt) == (5000_00, 400_00, 400_00, 5600_00) and receipt.unmatched == 600_00
    reconcile()
    event = AuditEvent.objects.get(verb="royalty.refund")
    assert (event.data["amount"], event.data["reason"]) == ("400.00 EUR", "Paid twice")
    with pytest.raises(InvalidError, match=r"600\.00 EUR pays no invoice") as refused:
        refund_receipt(receipt=receipt, amount=Decimal("600.01"), reason="Paid twice", by=books.officer)
    assert refused.value.field == "amount"
    assert refund_receipt(receipt=receipt, reason="The rest of it", by=books.officer).amount == 600_00
    with pytest.raises(InvalidError, match=r"0\.00 EUR pays no invoice"):
        refund_receipt(receipt=receipt, reason="More", by=books.officer)
    assert books.distribute().amount == 5000_00
    assert told(receipt) == (5000_00, 1000_00, 1000_00, 0)
    income = METRICS["running"].value(span_of(books))["EUR"] + METRICS["other"].value(span_of(books)).get("EUR", 0)
    assert income == Decimal("5000.00")  # what went back is no income
    reconcile()


def test_who_reports_for_the_licensee_is_told_of_a_refund_and_that_it_was_taken_back(books):
    receipt, firm = books.receive("900.00"), books.office.firm_signatory
    Notification.objects.all().delete()
    back = refund_receipt(receipt=receipt, amount=Decimal("300.00"), reason="Paid twice", by=books.officer)
    one = Notification.objects.get(kind="royalty")
    assert one.person == firm and "refunded 300.00 EUR" in one.title
    assert as_(firm).get(one.url).status_code == 200
    reverse_refund(refund=back, reason="The bank sent it back", by=books.officer)
    assert Notification.objects.filter(person=firm, title__contains="took back").exists()
    assert set(Notification.objects.values_list("person", flat=True)) == {firm.pk}


def span_of(books) -> Span:
    return Span((books.organisation.pk,), timezone.localdate().year, None, None)


def test_a_refund_is_taken_back_by_one_below_zero_and_pays_again(books):
    receipt = books.receive("900.00")
    first = refund_receipt(receipt=receipt, amount=Decimal("300.00"), reason="Paid twice", by=books.officer)
    with pytest.raises(ConflictError, match=r"300\.00 EUR of this receipt was refunded"):
        reverse_receipt(receipt=receipt, reason="Wrong", by=books.officer)
    with pytest.raises(InvalidError, match="Give the reason"):
        reverse_refund(refund=first, reason=" ", by=books.officer)
    row = reverse_refund(refund=first, reason="The bank sent it back", by=books.officer)
    assert (row.amount, row.booked, row.reverses) == (-300_00, -300_00, first)
    assert told(receipt) == (0, 0, 0, 900_00)
    for again in (first, row):
        with pytest.raises(ConflictError, match="taken back already"):
            reverse_refund(refund=again, reason="Once more", by=books.officer)
    assert list(Refund.objects.standing()) == []
    invoice = books.invoiced(0)
    assert match_receipt(receipt=receipt, invoice=invoice, by=books.officer).amount == 900_00
    with pytest.raises(InvalidError, match=r"0\.00 EUR pays no invoice"):
        refund_receipt(receipt=receipt, reason="Paid twice", by=books.officer)
    unmatch_receipt(match=receipt.matches.get(), by=books.officer)
    assert refund_receipt(receipt=receipt, reason="Paid for nothing", by=books.officer).amount == 900_00
    reconcile()


def test_what_is_refused_and_what_stands_in_the_database(books):
    books.invoiced(0)
    receipt, today = books.receive("5600.00"), timezone.localdate()
    given = {"receipt": receipt, "reason": "Paid twice", "by": books.officer}
    for field, changes in (
        ("reason", {"reason": "  "}),
        ("refunded_on", {"refunded_on": today + timedelta(days=1)}),
        ("refunded_on", {"refunded_on": today - timedelta(days=1)}),
        ("amount", {"amount": Decimal(0)}),
    ):
        with pytest.raises(InvalidError) as refused:
            refund_receipt(**(given | changes))
        assert refused.value.field == field
    with pytest.raises(NotFoundError):
        refund_receipt(**(given | {"by": books.office.firm_signatory}))
    with pytest.raises(StaleError):
        refund_receipt(version=receipt.version + 1, **given)
    proposed = propose_distribution(organisation=books.organisation, by=books.officer)
    with pytest.raises(ConflictError, match="holds this receipt"):
        refund_receipt(**given)
    withdraw_distribution(distribution=proposed, by=books.officer)
    part = refund_receipt(**(given | {"amount": Decimal("100.00")}))
    proposed = propose_distribution(organisation=books.organisation, by=books.officer)
    with pytest.raises(ConflictError, match="holds this receipt"):
        reverse_refund(refund=part, reason="Not paid", by=books.officer)
    assert told(receipt)[1:3] == (100_00, 100_00)
    withdraw_distribution(distribution=proposed, by=books.officer)
    reverse_refund(refund=part, reason="Not paid", by=books.officer)
    row, of = refund_receipt(**given), {"receipt": receipt, "entered_by": books.officer}
    for statement in (
        lambda: Receipt.objects.filter(pk=receipt.pk).update(refunded=0, undistributed=5600_00),
        lambda: Receipt.objects.filter(pk=receipt.pk).update(paid_back=0),
        lambda: Refund.objects.filter(pk=row.pk).update(reason="Other"),
        lambda: Refund.objects.filter(pk=row.pk).delete(),
        lambda: Refund.objects.create(amount=-1, booked=-1, reason="x", reverses=row, **of),
        lambda: Refund.objects.create(amount=0, booked=0, reason="x", **of),
        lambda: Refund.objects.create(amount=1, booked=1, reason="", **of),
    ):
        with pytest.raises((DatabaseError, IntegrityError)), transaction.atomic():
            statement()
    reconcile()
    back = books.receive("1.00", match=False)
    reverse_receipt(receipt=back, reason="Wrong", by=books.officer)
    with pytest.raises(ConflictError, match="is reversed"):
        refund_receipt(receipt=back, reason="Paid twice", by=books.officer)


def test_in_another_currency_no_unit_of_the_books_is_lost(books):
    """Three refunds of a third, and a payment of what is left, are together what was booked."""
    today = timezone.localdate()
    enter_rate(
        organisation=books.organisation, source="USD", target="EUR", rate=Decimal("0.9131"), from_on=today,
        until_on=today, by=books.officer,
    )  # fmt: skip
    books.licence.currency = "USD"
    books.licence.save()
    receipt = books.receive("100.01", currency="USD")
    assert receipt.booked == 9132
    rows = [refund_receipt(receipt=receipt, amount=Decimal("33.33"), reason="x", by=books.officer) for _n in range(3)]
    last = refund_receipt(receipt=receipt, reason="x", by=books.officer)
    assert sum(row.booked for row in (*rows, last)) == 9132 and told(receipt) == (0, 10001, 9132, 0)
    reverse_refund(refund=rows[1], reason="Not paid", by=books.officer)
    assert told(receipt)[1:3] == (10001 - 3333, 9132 * (10001 - 3333) // 10001)
    reconcile()


def test_people_and_programs_refund_and_take_it_back(books, client):
    receipt = books.receive("900.00", match=False)
    client.force_login(books.officer)
    page = reverse("collab:receipt", args=[receipt.pk])
    address = reverse("collab:receipt_refund", args=[receipt.pk])
    assert address in client.get(page).content.decode()
    seen = client.get(address).context["form"]["version"].value()
    today = timezone.localdate().isoformat()
    sent = {"amount": "1000.00", "refunded_on": today, "reason": "Paid twice", "version": seen}
    assert "900.00 EUR pays no invoice" in client.post(address, sent).content.decode()
    assert client.post(address, sent | {"amount": "100.00", "reference": "B-7"}).status_code == 302
    shown = client.get(page).content.decode()
    assert "100.00 EUR" in shown and "Paid twice" in shown and "B-7" in shown and "800.00 EUR" in shown
    undo = reverse("collab:receipt_refund_undo", args=[receipt.pk, Refund.objects.get().pk])
    assert undo in shown and client.post(undo, {"reason": "The bank sent it back"}).status_code == 302
    assert undo not in client.get(page).content.decode()
    program = {"Authorization": f"Bearer {token_for(books.officer)}"}
    detail = reverse("api:receipt-detail", args=[receipt.pk])
    tag = client.get(detail, headers=program)["ETag"]
    body = {"reason": "Paid twice"}
    made = client.post(f"{detail}refund/", body, "application/json", headers=program | {"If-Match": tag})
    assert (made.status_code, made.json()["refunded"], made.json()["undistributed"]) == (200, "900.00", "0.00")
    assert [row["amount"] for row in made.json()["refunds"]] == ["100.00", "-100.00", "900.00"]
    body |= {"refund": made.json()["refunds"][2]["id"]}
    back = client.post(f"{detail}undo-refund/", body, "application/json", headers=program)
    assert (back.status_code, back.json()["paid_back"]) == (200, "0.00")
    books_page = client.get(reverse("collab:royalty_policy", args=[books.organisation.slug]))
    assert books_page.status_code == 200
    client.force_login(books.office.firm_signatory)
    assert client.post(address, sent).status_code in (403, 404)
    reconcile()


def test_of_two_officers_who_opened_the_same_receipt_the_second_reads_it_again(books):
    receipt = books.receive("900.00", match=False)
    first, second = as_(books.officer), as_(books.second)
    address = reverse("collab:receipt_refund", args=[receipt.pk])
    version = first.get(address).context["form"]["version"].value()
    sent = {
        "amount": "300.00", "refunded_on": timezone.localdate().isoformat(), "reason": "Paid twice", "version": version,
    }  # fmt: skip
    assert second.get(address).context["form"]["version"].value() == version
    assert first.post(address, sent).status_code == 302
    assert "Somebody changed it" in second.post(address, sent).content.decode()
    assert told(receipt)[1] == 300_00
