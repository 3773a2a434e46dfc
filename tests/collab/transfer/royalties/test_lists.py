"""No list ends without a way on: every report, invoice and receipt is found, by pages, and as CSV."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from collab.transfer.royalties.models import Invoice, Receipt
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


def fill(books, count: int, first: int = 1) -> None:
    today = timezone.localdate()
    for number in range(first, first + count):
        Invoice.objects.create(
            organisation=books.organisation, licence=books.licence, number=number, total=100_00 + number,
            currency="EUR", due_on=today + timedelta(days=9 if number % 2 else -9), issued_by=books.officer,
        )  # fmt: skip
        books.receive("1.00", match=False, reference=f"BANK/{number}")


def rows_of(response) -> list[dict[str, str]]:
    told = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(told.splitlines()))


def test_all_invoices_and_receipts_are_reached_in_as_many_queries(books):
    client = as_(books.officer)
    fill(books, 3)
    names = ("royalty_reports", "invoices", "receipts", "invoices_file", "receipts_file")
    urls = [reverse(f"collab:{name}") for name in names]
    client.get(urls[0])
    few = [queries(client, url) for url in urls[:3]]
    fill(books, 60, 4)
    assert [queries(client, url) for url in urls[:3]] == few
    overview = text(client.get(reverse("collab:royalties")))
    assert all(f'href="{url}"' in overview for url in urls[:3])
    assert "page=2" in text(client.get(urls[1])) and "page=2" in text(client.get(urls[2]))
    found = rows_of(client.get(urls[3]))
    assert len(found) == 63 and sum(Decimal(row["left"]) for row in found) == Decimal("6320.16")
    found = rows_of(client.get(urls[4]))
    assert len(found) == 63 and sum(Decimal(row["undistributed"]) for row in found) == 63


def test_search_and_filters_find_exactly_theirs(books):
    client = as_(books.officer)
    fill(books, 4)
    paid = Invoice.objects.get(number=4)
    Invoice.objects.filter(pk=paid.pk).update(paid=paid.total, state="paid")

    def numbers(**query: str) -> set[str]:
        return {row["number"][-1] for row in rows_of(client.get(reverse("collab:invoices_file"), query))}

    year, firm = timezone.localdate().year, books.office.firm.slug
    assert numbers() == {"1", "2", "3", "4"}
    assert numbers(q=Invoice.objects.get(number=3).reference) == {"3"}
    assert numbers(q="eastwind") == {"1", "2", "3", "4"} and numbers(q="nobody") == set()
    assert numbers(state="overdue") == {"2"} and numbers(state="paid") == {"4"}
    assert numbers(licensee=firm, year=str(year)) == {"1", "2", "3", "4"} and numbers(year=str(year - 1)) == set()
    page = text(client.get(reverse("collab:invoices"), {"state": "overdue"}))
    assert "-00002" in page and "-00003" not in page

    def told(**query: str) -> set[str]:
        return {row["reference"] for row in rows_of(client.get(reverse("collab:receipts_file"), query))}

    assert told(q="BANK/2") == {"BANK/2"} and told(state="distributed") == set()
    assert told(state="unmatched") == told() == {f"BANK/{n}" for n in range(1, 5)}
    late = client.get(reverse("api:invoice-list"), {"overdue": "true", "licensee": firm, "year": year}).json()
    assert [row["number"] for row in late["results"]] == [2]
    assert len(client.get(reverse("api:receipt-list"), {"licensee": firm, "year": year}).json()["results"]) == 4
    assert "No report" not in text(client.get(reverse("collab:royalty_reports"), {"state": "overdue"}))


def test_each_side_sees_its_own(books, office):
    fill(books, 2)
    firm, stranger = as_(office.firm_signatory), as_(office.rival_signatory)
    assert len(rows_of(firm.get(reverse("collab:invoices_file")))) == 2
    assert rows_of(firm.get(reverse("collab:receipts_file"))) == []  # the licensor's books
    assert rows_of(stranger.get(reverse("collab:invoices_file"))) == []
    assert "Eastwind" not in text(stranger.get(reverse("collab:invoices")))
    assert Receipt.objects.count() == 2


@pytest.mark.parametrize("year", ["0", "-1", "10000", "9" * 20])
@pytest.mark.parametrize("noun", ["invoice", "receipt"])
def test_a_year_that_no_calendar_has_is_named(books, client, noun, year):
    client.force_login(books.officer)
    refused = client.get(reverse(f"api:{noun}-list"), {"year": year})
    assert (refused.status_code, refused.json()["field"]) == (400, "year")
