"""Nobody approves blind: a preview and a summary over the API, and receipts chosen on the page."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.urls import reverse

from collab.transfer.licences.models import Licence
from collab.transfer.royalties.models import Distribution
from collab.transfer.royalties.services import propose_distribution
from tests.cast import token_for

pytestmark = pytest.mark.django_db


def read(client, who, address: str, **query: str):
    return client.get(address, query, headers={"Authorization": f"Bearer {token_for(who)}"})


def test_a_program_sees_who_gets_what_before_and_after_it_is_proposed(books, client):
    books.invoiced(0)
    first, second = books.receive("1000.00"), books.receive("500.01")
    address, slug = reverse("api:distribution-preview"), books.organisation.slug
    told = read(client, books.officer, address, organisation=slug).json()
    assert (told["amount"], told["currency"], told["left_out"]) == ("1500.01", "EUR", [])
    assert set(told["receipts"]) == {str(first.pk), str(second.pk)}
    sums = told["summary"]
    assert sum(Decimal(row["amount"]) for row in sums["accounts"]) == Decimal("1500.01")
    inventors = next(row for row in sums["accounts"] if row["account"] == "inventors")
    assert inventors["title"] == "Inventors"
    assert sum(Decimal(row["amount"]) for row in sums["inventors"]) == Decimal(inventors["amount"])
    assert {row["name"] for row in sums["inventors"]} == {books.anna.name, "Bo Outside"}
    alone = read(client, books.officer, address, organisation=slug, receipts=str(second.pk)).json()
    assert (alone["amount"], alone["receipts"]) == ("500.01", [str(second.pk)])
    row = propose_distribution(organisation=books.organisation, by=books.officer)
    shown = read(client, books.second, reverse("api:distribution-detail", args=[row.pk])).json()
    assert shown["summary"] == sums


def test_the_preview_names_what_is_left_out_and_is_for_the_office(books, client):
    books.invoiced(0)
    receipt = books.receive("1000.00")
    Licence.objects.filter(pk=books.licence.pk).update(case=None)
    address, slug = reverse("api:distribution-preview"), books.organisation.slug
    told = read(client, books.officer, address, organisation=slug).json()
    assert told["receipts"] == [] and told["amount"] == "0.00"
    ((left,),) = [told["left_out"]]
    assert left["receipt"] == str(receipt.pk) and left["undistributed"] == "1000.00" and left["reason"]
    assert read(client, books.office.firm_signatory, address, organisation=slug).status_code == 403
    assert read(client, books.officer, address).status_code == 404
    assert read(client, books.officer, address, organisation=slug, receipts="x").status_code == 400
    assert read(client, books.officer, reverse("api:distribution-list"), receipts="x").status_code == 400


def test_the_page_lets_receipts_be_chosen(books, client):
    books.invoiced(0)
    first, second = books.receive("1000.00"), books.receive("500.01")
    client.force_login(books.officer)
    address = reverse("collab:distribution_new", args=[books.organisation.slug])
    page = client.get(address).content.decode()
    assert "1,500.01 EUR" in page and f'value="{second.pk}"' in page
    chosen = client.get(address, {"receipts": str(second.pk)}).content.decode()
    assert "1 receipt, 500.01 EUR" in chosen and "1,500.01 EUR" not in chosen
    answer = client.post(address, {"reason": "", "receipts": [str(second.pk)]})
    assert answer.status_code == 302
    row = Distribution.objects.get()
    assert (row.receipts, row.amount) == (1, 500_01)
    first.refresh_from_db()
    assert first.held_by_id is None
    assert client.get(address, {"receipts": "nonsense"}).status_code == 200
