"""A mistyped rate is mended: withdrawn while unused, ended where it was used; what was booked by it stays."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from collab.audit.models import AuditEvent
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError
from collab.transfer.licences.models import Licence
from collab.transfer.royalties.models import ExchangeRate, InterestRule, PolicyVersion, Receipt, ThirdPartyShare
from collab.transfer.royalties.policies import EXAMPLES
from collab.transfer.royalties.services import (
    end_rate,
    enter_rate,
    invoice_interest,
    reverse_receipt,
    set_interest,
    set_policy,
    withdraw_interest,
    withdraw_policy,
    withdraw_rate,
)
from tests.cast import token_for
from tests.collab.transfer.royalties.test_services import reconcile
from tests.pages import queries
from tests.royalties import FIRST

pytestmark = pytest.mark.django_db


@pytest.fixture
def wrong(books):
    """A rate of a whole year, with a digit too many."""
    today = timezone.localdate()
    Licence.objects.filter(pk=books.licence.pk).update(currency="USD")
    books.licence.refresh_from_db()
    return enter_rate(
        organisation=books.organisation, source="USD", target="EUR", rate=Decimal("9.1"), by=books.officer,
        from_on=today - timedelta(days=100), until_on=today + timedelta(days=200),
    )  # fmt: skip


def test_an_unused_rate_is_withdrawn_and_the_right_one_entered(books, wrong):
    with pytest.raises(NotFoundError):
        withdraw_rate(rate=wrong, reason="Mistyped", by=books.office.firm_signatory)
    with pytest.raises(InvalidError):
        withdraw_rate(rate=wrong, reason=" ", by=books.officer)
    withdraw_rate(rate=wrong, reason="Mistyped", by=books.officer)
    assert AuditEvent.objects.get(verb="royalty.withdraw_rate").data["rate"] == "9.1"
    with pytest.raises(NotFoundError):
        withdraw_rate(rate=wrong, reason="Again", by=books.officer)
    enter_rate(
        organisation=books.organisation, source="USD", target="EUR", rate=Decimal("0.91"), by=books.officer,
        from_on=wrong.from_on, until_on=wrong.until_on,
    )  # fmt: skip
    assert books.receive("100.00", currency="USD", match=False).booked == 91_00


def test_a_used_rate_is_ended_and_its_receipts_keep_it(books, wrong):
    today = timezone.localdate()
    old = books.receive("100.00", currency="USD", match=False, on=today - timedelta(days=1))
    with pytest.raises(ConflictError, match=r"100\.00 USD was reckoned"):
        withdraw_rate(rate=wrong, reason="Mistyped", by=books.officer)
    for day, said in ((wrong.until_on, "choose an earlier day"), (wrong.from_on - timedelta(days=1), "before it begi")):
        with pytest.raises(InvalidError, match=said):
            end_rate(rate=wrong, until_on=day, reason="Mistyped", by=books.officer)
    end_rate(rate=wrong, until_on=today - timedelta(days=1), reason="Mistyped", by=books.officer)
    with pytest.raises(InvalidError, match="No rate from USD to EUR"):
        books.receive("100.00", currency="USD", match=False)
    enter_rate(
        organisation=books.organisation, source="USD", target="EUR", rate=Decimal("0.91"), by=books.officer,
        from_on=today,
    )  # fmt: skip
    assert books.receive("100.00", currency="USD", match=False).booked == 91_00
    old.refresh_from_db()
    assert (old.booked, old.rate) == (910_00, Decimal("9.1"))
    reconcile()


def test_a_rate_of_late_interest_is_withdrawn_until_interest_is_asked_for(books):
    given = {"organisation": books.organisation, "from_on": FIRST, "by": books.officer}
    withdraw_interest(rule=set_interest(percent=Decimal(80), **given), reason="Mistyped", by=books.officer)
    rule = set_interest(percent=Decimal(8), **given)
    invoice = books.invoiced(0)
    with time_machine.travel(timezone.now() + timedelta(days=60), tick=False):
        books.receive("5000.00")
        invoice.refresh_from_db()
        asked = invoice_interest(invoice=invoice, by=books.officer)
    with pytest.raises(ConflictError, match=asked.reference):
        withdraw_interest(rule=rule, reason="Mistyped", by=books.officer)


def test_a_version_of_the_policy_is_withdrawn_until_something_is_received(books, client):
    """A day that was typed wrong keeps no right version from being entered."""
    organisation, today = books.organisation, timezone.localdate()
    given = {"organisation": organisation, "currency": "EUR", "content": EXAMPLES["llu"], "by": books.officer}
    first = PolicyVersion.objects.get(policy__organisation=organisation)
    wrong = set_policy(effective_on=today + timedelta(days=3650), **given)
    with pytest.raises(InvalidError, match="begins after the last one"):
        set_policy(effective_on=today, **given)
    client.force_login(books.officer)
    page, address = reverse("collab:royalty_policy", args=[organisation.slug]), "collab:royalty_policy_withdraw"
    shown = client.get(page).content.decode()
    assert [reverse(address, args=[row.pk]) in shown for row in (first, wrong)] == [False, True]
    assert client.post(reverse(address, args=[wrong.pk]), {"reason": " "}).status_code == 422
    assert client.post(reverse(address, args=[wrong.pk]), {"reason": "2036 for 2026"}).status_code == 302
    assert AuditEvent.objects.get(verb="royalty.withdraw_policy").data["reason"] == "2036 for 2026"

    again = set_policy(effective_on=today, **given)
    assert again.number == 2
    for row in (first, again):
        if row == again:
            books.receive("100.00", match=False)
        with pytest.raises(ConflictError, match="nothing was received"):
            withdraw_policy(version=row, reason="Mistyped", by=books.officer)
    program = {"Authorization": f"Bearer {token_for(books.officer)}"}
    gone = reverse("api:royalty-policy-withdraw", args=[again.pk])
    assert client.post(gone, {"reason": "Mistyped"}, "application/json", headers=program).status_code == 409
    reverse_receipt(receipt=Receipt.objects.get(), reason="Not ours", by=books.officer)
    assert client.post(gone, {"reason": "Mistyped"}, "application/json", headers=program).status_code == 204
    assert list(PolicyVersion.objects.filter(policy__organisation=organisation)) == [first]


def test_pages_and_programs_show_all_rates_and_mend_them(books, wrong, client):
    today, slug = timezone.localdate(), books.organisation.slug
    rule = set_interest(organisation=books.organisation, from_on=FIRST, percent=Decimal(8), by=books.officer)
    client.force_login(books.officer)
    page = reverse("collab:exchange_rates", args=[slug])
    assert page in client.get(reverse("collab:royalty_policy", args=[slug])).content.decode()
    client.get(page)
    few = queries(client, page)
    for number in range(60):
        day = today - timedelta(days=200 + number)
        ExchangeRate.objects.create(
            organisation=books.organisation, source="USD", target="EUR", from_on=day, until_on=day, rate=1,
            entered_by=books.officer,
        )  # fmt: skip
    assert queries(client, page) == few
    assert "page=2" in client.get(page).content.decode()
    end = reverse("collab:exchange_rate_end", args=[wrong.pk])
    assert end in client.get(page).content.decode()
    assert client.post(end, {"until_on": today.isoformat(), "reason": "Mistyped"}).status_code == 302
    wrong.refresh_from_db()
    assert wrong.until_on == today
    program = {"Authorization": f"Bearer {token_for(books.officer)}"}
    ended = client.post(
        reverse("api:exchange-rate-end", args=[wrong.pk]),
        {"until_on": (today - timedelta(days=2)).isoformat(), "reason": "Mistyped"}, "application/json",
        headers=program,
    )  # fmt: skip
    assert (ended.status_code, ended.json()["until_on"]) == (200, (today - timedelta(days=2)).isoformat())
    gone = reverse("api:exchange-rate-withdraw", args=[wrong.pk])
    assert client.post(gone, {"reason": "Mistyped"}, "application/json", headers=program).status_code == 204
    assert not ExchangeRate.objects.filter(pk=wrong.pk).exists()
    other = ExchangeRate.objects.first()
    away = reverse("collab:exchange_rate_withdraw", args=[other.pk])
    assert client.post(away, {"reason": "Mistyped"}).status_code == 302
    address = reverse("collab:interest_withdraw", args=[rule.pk])
    assert client.post(address, {"reason": "Mistyped"}).status_code == 302
    assert not InterestRule.objects.exists() and not ExchangeRate.objects.filter(pk=other.pk).exists()


def test_the_fiftieth_third_party_can_be_ended(books, client):
    for number in range(60):
        last = ThirdPartyShare.objects.create(
            case=books.case, name=f"Party {number}", percent=1, from_on=FIRST - timedelta(days=number),
            entered_by=books.officer,
        )  # fmt: skip
    client.force_login(books.officer)
    slug = books.organisation.slug
    address = reverse("collab:third_parties", args=[slug])
    assert address in client.get(reverse("collab:royalty_policy", args=[slug])).content.decode()
    end = reverse("collab:third_party_end", args=[last.pk])
    pages = [client.get(address, {"page": n}).content.decode() for n in (1, 2, 3, 4)]
    assert sum(end in page for page in pages) >= 1
