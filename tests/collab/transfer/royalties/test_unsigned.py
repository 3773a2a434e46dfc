"""Nothing is owed under a licence that is not signed by all: no payment, no invoice, no receipt."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from collab.inbox.models import Notification
from collab.kernel.errors import ConflictError
from collab.transfer.royalties.models import Invoice, Receipt, ScheduledPayment
from collab.transfer.royalties.services import add_payment, enter_receipt, invoice_payments
from tests.cast import token_for

pytestmark = pytest.mark.django_db


def test_a_draft_is_neither_billed_nor_paid_and_its_case_stays_where_it_is(books, office):
    draft = office.draft(case=books.case, licensee=office.rival, territories=["US"])
    today = timezone.localdate()
    given = {"licence": draft, "amount": Decimal("5.00"), "currency": "EUR", "by": books.officer}
    with pytest.raises(ConflictError, match=f"{draft.agreement.reference} is not signed by all") as refused:
        add_payment(kind="other", title="Fee", due_on=today, **given)
    assert refused.value.code == "not_executed"
    with pytest.raises(ConflictError, match="is not signed by all"):
        enter_receipt(received_on=today, **given)
    entered = ScheduledPayment.objects.create(
        licence=draft, kind="other", title="Fee", source="added:early", due_on=today, amount=500, currency="EUR"
    )
    with pytest.raises(ConflictError, match="is not signed by all"):
        invoice_payments(payments=[entered], by=books.officer)
    assert not Invoice.objects.exists() and not Receipt.objects.exists()
    assert not Notification.objects.filter(person=office.rival_signatory, kind="royalty").exists()
    books.case.refresh_from_db()
    assert books.case.state == "licensed"


def test_pages_and_programs_say_that_it_is_not_signed(books, office, client):
    draft = office.draft(licensee=office.rival, territories=["US"])
    client.force_login(books.officer)
    told = client.get(reverse("collab:licence_royalties", args=[draft.pk])).content.decode()
    assert "once all parties have signed" in told
    for name in ("receipt_new", "invoice_new", "payment_new"):
        assert reverse(f"collab:{name}", args=[draft.pk]) not in told
    signed = client.get(reverse("collab:licence_royalties", args=[books.licence.pk])).content.decode()
    assert reverse("collab:receipt_new", args=[books.licence.pk]) in signed
    body = {
        "licence": str(draft.pk), "received_on": timezone.localdate().isoformat(), "amount": "5.00", "currency": "EUR",
    }  # fmt: skip
    program = {"Authorization": f"Bearer {token_for(books.officer)}"}
    answer = client.post("/api/v1/receipts/", body, "application/json", headers=program)
    assert answer.status_code == 409 and "not signed by all" in answer.content.decode()
