"""What of an invoice will not arrive is written off: bank charges, withheld tax, what is given up."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from collab.audit.models import AuditEvent
from collab.inbox.models import Obligation
from collab.kernel.errors import ConflictError, InvalidError, RefusedError, StaleError
from collab.transfer.royalties.models import Invoice, RoyaltyReport
from collab.transfer.royalties.papers import invoice_pdf
from collab.transfer.royalties.services import cancel_invoice, chase, undo_write_off, unmatch_receipt, write_off
from collab.transfer.royalties.write_off_models import WriteOff
from tests.cast import token_for
from tests.collab.transfer.royalties.test_services import reconcile
from tests.pages import as_

pytestmark = pytest.mark.django_db


def test_a_bank_charge_on_a_distributed_payment_is_a_dead_end_no_more(books):
    invoice = books.invoiced(0)  # 5,000.00
    receipt = books.receive("4985.00")
    books.distribute()
    with pytest.raises(ConflictError, match="distributed"):
        unmatch_receipt(match=receipt.matches.get(), by=books.officer)
    with pytest.raises(ConflictError, match="write off what will not arrive"):
        cancel_invoice(invoice=invoice, reason="Wrong", by=books.officer)
    RoyaltyReport.objects.exclude(pk=invoice.report_id).delete()
    with time_machine.travel(timezone.now() + timedelta(days=60), tick=False):
        chase()
        assert Obligation.objects.open().filter(source_type="collab.latestep").count() == 1
        row = write_off(invoice=invoice, kind="bank_charge", reason="Kept by the bank", by=books.officer)
        assert chase() == 0
    invoice.refresh_from_db()
    assert (row.amount, invoice.paid, invoice.waived, invoice.left, invoice.state) == (1500, 498500, 1500, 0, "paid")
    assert not Obligation.objects.open().filter(source_type="collab.latestep").exists()
    assert not Obligation.objects.open().filter(source_id=str(invoice.pk)).exists()
    event = AuditEvent.objects.get(verb="royalty.write_off")
    assert (event.data["amount"], event.data["kind"]) == ("15.00 EUR", "bank_charge")
    reconcile()
    with time_machine.travel(timezone.now() + timedelta(days=60), tick=False):
        undo_write_off(write_off=row, by=books.officer)
        invoice.refresh_from_db()
        assert (invoice.state, invoice.left) == ("part_paid", 1500)
        assert Obligation.objects.open().filter(source_type="collab.latestep").count() == 1
    with pytest.raises(ConflictError, match="taken back already"):
        undo_write_off(write_off=row, by=books.officer)
    reconcile()


def test_what_is_refused_and_what_stands_in_the_database(books):
    invoice = books.invoiced(0)
    given = {"invoice": invoice, "kind": "tax_withheld", "reason": "10 %", "by": books.officer}
    with pytest.raises(InvalidError, match=r"leaves 5,000\.00 EUR"):
        write_off(amount=Decimal("5000.01"), **given)
    with pytest.raises(InvalidError) as refused:
        write_off(**(given | {"reason": " "}))
    assert refused.value.field == "reason"
    with pytest.raises(RefusedError):
        write_off(**(given | {"by": books.office.firm_signatory}))
    with pytest.raises(StaleError):
        write_off(version=invoice.version + 1, **given)
    first = write_off(amount=Decimal("500.00"), **given)
    invoice.refresh_from_db()
    assert (invoice.state, invoice.left) == ("open", 450_000)
    with pytest.raises(ConflictError, match="written off; take that back first"):
        cancel_invoice(invoice=invoice, reason="Wrong", by=books.officer)
    assert books.receive("4600.00").matched == 450_000  # no more than is left
    invoice.refresh_from_db()
    assert invoice.state == "paid"
    with pytest.raises(ConflictError, match="not open"):
        write_off(**given)
    with pytest.raises(DatabaseError, match="something else than its write-offs"), transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk).update(waived=1, paid=499_999)
    with pytest.raises(DatabaseError, match="not changed"), transaction.atomic():
        WriteOff.objects.filter(pk=first.pk).update(amount=1)
    with pytest.raises(DatabaseError, match="not removed"), transaction.atomic():
        WriteOff.objects.filter(pk=first.pk).delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        WriteOff.objects.create(invoice=invoice, kind="gift", amount=1, reason="x", written_by=books.officer)
    with pytest.raises(IntegrityError), transaction.atomic():
        WriteOff.objects.create(invoice=invoice, kind="bank_charge", amount=0, reason="x", written_by=books.officer)
    reconcile()


def test_pages_take_back_only_what_belongs_to_the_invoice_or_receipt_of_their_address(books):
    first, second = books.invoiced(0), books.invoiced(1)
    row = write_off(invoice=first, kind="bank_charge", reason="Kept", amount=Decimal("15.00"), by=books.officer)
    paid = books.receive("100.00")
    match, other = paid.matches.get(), books.receive("50.00")
    own, foreign = as_(books.officer), as_(books.office.rival_signatory)
    undo = {
        row: lambda over: reverse("collab:invoice_write_off_undo", args=[over.pk, row.pk]),
        match: lambda over: reverse("collab:receipt_unmatch", args=[over.pk, match.pk]),
    }
    for thing, (mine, elsewhere) in {row: (first, second), match: (paid, other)}.items():
        assert own.post(undo[thing](elsewhere)).status_code == 404
        assert foreign.post(undo[thing](mine)).status_code == 404
        thing.refresh_from_db()
        assert thing.undone_at is None
        assert own.post(undo[thing](mine)).status_code == 302
        thing.refresh_from_db()
        assert thing.undone_at is not None
    reconcile()


def test_all_of_an_invoice_can_be_given_up(books):
    invoice = books.invoiced(0)
    write_off(invoice=invoice, kind="written_off", reason="Insolvent", by=books.officer)
    invoice.refresh_from_db()
    assert (invoice.state, invoice.left, invoice.is_open) == ("written_off", 0, False)
    reconcile()


def test_two_officers_do_not_write_off_the_same_twice(books, client):
    invoice = books.invoiced(0)
    client.force_login(books.officer)
    address = reverse("collab:invoice_write_off", args=[invoice.pk])
    seen = client.get(address).context["form"]["version"].value()
    write_off(invoice=invoice, kind="bank_charge", amount=Decimal(15), reason="Bank", by=books.second)
    sent = {"kind": "bank_charge", "amount": "15.00", "reason": "Bank", "version": seen}
    late = client.post(address, sent)
    assert late.status_code == 412 and "Somebody changed it" in late.content.decode()
    assert WriteOff.objects.count() == 1
    now = client.get(address).context["form"]["version"].value()
    assert client.post(address, sent | {"version": now}).status_code == 302


def test_people_and_programs_write_off_and_take_it_back(books, client):
    invoice = books.invoiced(0)
    books.receive("4000.00")
    client.force_login(books.officer)
    page = reverse("collab:invoice", args=[invoice.pk])
    address = reverse("collab:invoice_write_off", args=[invoice.pk])
    assert address in client.get(page).content.decode()
    version = client.get(address).context["form"]["version"].value()
    tax = {"kind": "tax_withheld", "amount": "900.00", "reason": "Tax", "version": version}
    assert client.post(address, tax).status_code == 302
    plain = invoice_pdf(Invoice.objects.get(pk=invoice.pk))
    shown = client.get(page).content.decode()
    assert "Tax withheld" in shown and "900.00 EUR" in shown and "100.00 EUR" in shown
    program = {"Authorization": f"Bearer {token_for(books.officer)}"}
    detail = reverse("api:invoice-detail", args=[invoice.pk])
    told = client.get(detail, headers=program)
    assert (told.json()["waived"], told.json()["left"]) == ("900.00", "100.00")
    made = client.post(
        f"{detail}write-off/", {"kind": "bank_charge", "reason": "Bank"}, "application/json",
        headers=program | {"If-Match": told["ETag"]},
    )  # fmt: skip
    assert (made.status_code, made.json()["state"], made.json()["left"]) == (200, "paid", "0.00")
    assert [row["kind"] for row in made.json()["write_offs"]] == ["tax_withheld", "bank_charge"]
    assert invoice_pdf(Invoice.objects.get(pk=invoice.pk)) != plain
    body = {"write_off": made.json()["write_offs"][0]["id"]}
    back = client.post(f"{detail}undo-write-off/", body, "application/json", headers=program)
    assert (back.status_code, back.json()["state"], back.json()["left"]) == (200, "part_paid", "900.00")
    row = WriteOff.objects.get(kind="bank_charge")
    undo = reverse("collab:invoice_write_off_undo", args=[invoice.pk, row.pk])
    assert undo in client.get(page).content.decode()
    assert client.post(undo).status_code == 302
    invoice.refresh_from_db()
    assert invoice.waived == 0
    client.force_login(books.office.firm_signatory)
    assert address not in client.get(page).content.decode() and client.post(address).status_code in (403, 404)
