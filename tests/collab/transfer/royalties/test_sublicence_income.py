"""What sublicences bring is reported one by one; the licence's share is taken of the sum, and audits may correct it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from collab.kernel.errors import FaultyInputError, InvalidError
from collab.transfer.licences.models import Licence, Sublicence
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.transfer.licences.sublicensing import end_sublicence, register_sublicence
from collab.transfer.royalties.auditing import agree_audit
from collab.transfer.royalties.models import RoyaltyReport
from collab.transfer.royalties.reading import say_lines
from collab.transfer.royalties.services import accept_report, invoice_report, return_report
from tests.collab.transfer.royalties.test_auditing import begun, told
from tests.collab.transfer.royalties.test_services import reconcile
from tests.royalties import FIRST, Books

pytestmark = pytest.mark.django_db


def sublicence(books: Books, name: str, **more: Any) -> Sublicence:
    given: dict[str, Any] = {"licence": books.licence, "name": name, "starts_on": FIRST} | more
    return register_sublicence(
        fields=list(FieldOfUse.objects.filter(code="health")),
        territories=list(Territory.objects.filter(code="DE")),
        by=books.office.firm_signatory,
        **given,
    )


@pytest.fixture
def two(books: Books) -> tuple[Books, Sublicence, Sublicence]:
    Licence.objects.filter(pk=books.licence.pk).update(
        sublicence_percent=Decimal(20), sublicensing="free", late_interest_percent=Decimal(0)
    )
    books.licence.refresh_from_db()
    return books, sublicence(books, "Northwind Clinics"), sublicence(books, "Südlicht")


def came(*rows: tuple[Sublicence, str | None]) -> dict[str, Any]:
    return {"sublicences": [{"sublicence": row, "amount": amount} for row, amount in rows]}


def test_the_share_is_of_what_each_sublicence_brought(two) -> None:
    """20 % of 1,000.10 + 0 + later 500.05: 200.02, and 100.01 more; with the royalty of 5,000.00."""
    books, north, south = two
    report = books.report(0, **came((north, "1000.10"), (south, "0")))
    assert (report.sublicence_income, report.sublicence_share, report.due) == (1_000_10, 200_02, 5_200_02)
    said = [line["text"] for line in say_lines(report.computed, "EUR")]
    assert said[-4:] == [
        "Income from the sublicence to Northwind Clinics: 1,000.10 EUR",
        "Income from the sublicence to Südlicht: 0.00 EUR",
        "Share of sublicence income: 20 % of 1,000.10 EUR",
        "Owed for the period",
    ]
    return_report(report=report, reason="Südlicht paid.", by=books.officer)
    report = books.report(0, **came((south, "500.05"), (north, "1000.10")))
    closed = accept_report(report=report, by=books.officer)
    assert (closed.sublicence_share, closed.sublicence_incomes.count()) == (300_03, 2)
    invoice = invoice_report(report=closed, by=books.officer)
    assert invoice.total == 5_300_03
    books.receive("5300.03")
    books.distribute()
    reconcile()

    end_sublicence(sublicence=north, by=books.office.firm_signatory)
    audit = told(
        books, begun(books),
        {"report": closed, "product": "Fee of Südlicht", "sublicence_income": "50.00", "sublicence": str(south.pk)},
    )  # fmt: skip
    assert (audit.underpaid, audit.findings.get().sublicence) == (10_00, south)
    agree_audit(audit=audit, by=books.office.firm_signatory)
    assert RoyaltyReport.objects.get(pk=closed.pk).sublicence_share == 300_03, "what was reported stays"


def test_each_is_named_once_in_its_own_licence_and_time(two) -> None:
    books, north, south = two
    other = books.office.execute(exclusivity="non_exclusive", sublicensing="free")
    foreign = sublicence(books, "Elsewhere", licence=other, starts_on=timezone.localdate())
    later = sublicence(books, "Later", starts_on=timezone.localdate())

    def faults(**given: Any) -> list[tuple[str, str]]:
        with pytest.raises(FaultyInputError) as refused:
            books.report(0, **given)
        return [(one.path, str(one.text)) for one in refused.value.faults]

    found = faults(**came((north, "1"), (north, "2"), (later, "3"), (foreign, "4"), (south, "-5")))
    assert [path for path, _text in found] == [
        "sublicences.2.sublicence", "sublicences.3.sublicence", "sublicences.4.sublicence", "sublicences.5.amount",
    ]  # fmt: skip
    assert "Northwind Clinics" in found[0][1] and "Later" in found[1][1] and "Elsewhere" in found[2][1]
    assert faults(**came((north, "1")))[0][0] == "sublicences" and "Südlicht" in faults(**came((north, "1")))[0][1]
    assert faults(**came((north, None), (south, "0.001")))[0][0] == "sublicences.1.amount"
    assert faults(sublicences=[{"sublicence": "x", "amount": "1"}])[0] == (
        "sublicences.1.sublicence",
        "There is no such sublicence.",
    )
    with pytest.raises(InvalidError) as whole:
        books.report(0, sublicence_income=Decimal(5))
    assert whole.value.field == "sublicence_income" and "Südlicht" in str(whole.value)
    assert not RoyaltyReport.objects.exclude(state="due").exists(), "nothing is half written"

    closed = accept_report(report=books.report(0, **came((north, "1"), (south, "0"))), by=books.officer)
    with pytest.raises(FaultyInputError) as refused:
        told(
            books, begun(books),
            {"report": closed, "product": "Fee", "sublicence_income": "5", "sublicence": later},
            {"report": closed, "product": "Fee", "gross": "5", "sublicence": south},
        )  # fmt: skip
    assert [one.path for one in refused.value.faults] == ["findings.1.sublicence", "findings.2.sublicence_income"]


def test_pages_and_api_name_them(two, client) -> None:
    books, north, south = two
    report = RoyaltyReport.objects.filter(licence=books.licence).order_by("starts_on")[0]
    client.force_login(books.office.firm_signatory)
    page = reverse("collab:royalty_report_write", args=[report.pk])
    form = client.get(page).context["form"]
    assert [one.label for one in form.incomes()] == [
        "Income from the sublicence to Northwind Clinics",
        "Income from the sublicence to Südlicht",
    ]
    sent = {"currency": "EUR", "version": report.version, "product_0": "Reader", "gross_0": "10", "note": ""}
    wrong = client.post(page, sent | {"income_0": "5"})
    assert wrong.status_code == 422 and set(wrong.context["form"].errors) == {"income_1"}
    seen = client.post(page, sent | {"income_0": "5", "income_1": "0", "compute": "1"}).content.decode()
    assert "Income from the sublicence to Südlicht: 0.00 EUR" in seen
    assert client.post(page, sent | {"income_0": "5", "income_1": "0"}).status_code == 302
    assert "Südlicht" in client.get(report.get_absolute_url()).content.decode()

    detail = reverse("api:royalty-report-detail", args=[report.pk])
    known = client.get(detail)
    assert [(one["name"], one["amount"]) for one in known.json()["sublicences"]] == [
        ("Northwind Clinics", "5.00"), ("Südlicht", "0.00"),
    ]  # fmt: skip
    return_report(report=RoyaltyReport.objects.get(pk=report.pk), reason="Again.", by=books.officer)
    body = {"lines": [], "currency": "EUR", "sublicences": [{"sublicence": str(north.pk), "amount": "7.00"}]}
    address = reverse("api:royalty-report-submit", args=[report.pk])
    match = {"if-match": client.get(detail)["ETag"]}
    refused = client.post(address, body, content_type="application/json", headers=match)
    assert refused.status_code == 422 and "Südlicht" in refused.content.decode(), refused.content
    body["sublicences"].append({"sublicence": str(south.pk), "amount": "1.00"})
    done = client.post(address, body, content_type="application/json", headers=match)
    assert done.status_code == 200 and done.json()["sublicence_share"] == "1.60", done.content
