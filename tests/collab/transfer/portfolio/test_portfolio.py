"""The figures are counted from the records, and each number opens the rows that it is made of."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest

from collab.accounts.models import OrganisationUnit
from collab.agreements.models import Agreement
from collab.transfer.licences.services import edit_terms
from collab.transfer.models import Licence, Receipt
from collab.transfer.portfolio.services import found_startup
from collab.transfer.royalties.models import ScheduledPayment
from collab.transfer.royalties.services import decide_distribution, invoice_payments, propose_reversal
from tests.collab.transfer.protection.ground import case_of, day, member, officer_of
from tests.licensing import asset, office
from tests.pages import as_, queries, text
from tests.royalties import books
from tests.royalties import case_of as money_case

__all__ = ["books", "office"]
pytestmark = pytest.mark.django_db


def test_numbers_open_their_lists_and_strangers_read_none(aurora):
    officer, case = officer_of(aurora), case_of(aurora, disclosed_on=day(0))
    member(case, officer, "provisional", filed_on=day(0))
    member(case, officer, "trade_secret", jurisdiction="", filed_on=day(0))  # no application
    year = day(0).year
    client = as_(officer)
    page = text(client.get("/transfer/reports/"))
    assert f"?metric=filed&amp;year={year}" in page
    assert "Year by year" in page and "Smoothing" not in page and "Logarithmic" not in page
    file = b"".join(client.get("/transfer/reports/file.csv").streaming_content).decode()
    assert f"disclosures,{year},,1" in file and f"filed,{year},,1" in file and f"issued,{year},,0" in file
    rows = text(client.get(f"/transfer/reports/rows/?metric=filed&year={year}"))
    assert "RU-1-F1" in rows and "Trade secret" not in rows
    assert client.get("/transfer/reports/?year=002024999").status_code == 200
    told = client.get("/transfer/reports/series.json").json()["series"]
    assert {line["name"]: line["y"][-1] for line in told}["disclosures"] == 1
    assert "No figures for you" in text(as_(aurora.engineer).get("/transfer/reports/"))


def receipts_of(joint, officer, case, count: int) -> Licence:
    """A licence of the case whose money has arrived."""
    number = Agreement.objects.count()
    agreement = Agreement.objects.create(
        project=joint.project, reference=f"L-{number}", kind="licence", title="Licence", created_by=officer
    )
    licence = Licence.objects.create(
        agreement=agreement, case=case, licensor=joint.university, licensee=joint.company, exclusivity="non_exclusive",
        starts_on=day(-9), created_by=officer,
    )  # fmt: skip
    Receipt.objects.bulk_create(
        Receipt(
            organisation=joint.university, licence=licence, received_on=day(0), amount=10_000, currency="EUR",
            booked=10_000, book_currency="EUR", undistributed=10_000, entered_by=officer,
        )
        for _number in range(count)
    )  # fmt: skip
    return licence


def test_money_is_written_as_money_in_both_languages(aurora):
    officer = officer_of(aurora)
    receipts_of(aurora, officer, case_of(aurora, disclosed_on=day(0)), 15)
    for language in ("en", "zh-hans"):
        type(officer).objects.filter(pk=officer.pk).update(language=language)
        for page in ("/transfer/reports/", f"/transfer/reports/rows/?metric=other&year={day(0).year}"):
            told = text(as_(officer).get(page))
            assert "1,500.00 EUR" in told and "Decimal" not in told, (language, page)


def test_figures_by_unit_and_party_open_exactly_their_rows(aurora):
    officer, year = officer_of(aurora), day(0).year
    units = [OrganisationUnit.objects.create(organisation=aurora.university, name=name) for name in ("Bio", "Law")]
    cases = [case_of(aurora, docket=f"RU-{n}", disclosed_on=day(0), unit=unit) for n, unit in enumerate([*units, None])]
    receipts_of(aurora, officer, cases[0], 3)
    startup = found_startup(
        organisation=aurora.university, name="Soft", country="DE", founded_on=day(0), cases=cases[:2], by=officer
    )
    client = as_(officer)

    def told(query: str) -> dict[tuple[str, str, str], str]:
        rows = client.get(f"/api/v1/transfer-figures/?{query}").json()["figures"]
        return {(row["metric"], row["group"], row["currency"]): row["value"] for row in rows if row["year"] == year}

    by_unit, bio, law = told("by=unit"), str(units[0].pk), str(units[1].pk)
    assert by_unit["disclosures", bio, ""] == by_unit["disclosures", "none", ""] == "1"
    assert by_unit["other", bio, "EUR"] == "300.00" and ("other", law, "EUR") not in by_unit
    assert by_unit["startups", bio, ""] == by_unit["startups", law, ""] == "1"
    firm = str(aurora.company.pk)
    by_party = told("by=party")
    assert by_party["other", firm, "EUR"] == "300.00" and by_party["startups", "none", ""] == "1"
    assert told("")["startups", "", ""] == "1" and told("")["disclosures", "", ""] == "3"

    rows = client.get(f"/api/v1/transfer-figures/rows/?metric=startups&unit={law}&year={year}").json()
    assert [row["id"] for row in rows["results"]] == [str(startup.pk)]
    rows = client.get("/api/v1/transfer-figures/rows/?metric=disclosures&unit=none").json()
    assert [row["id"] for row in rows["results"]] == [str(cases[2].pk)]
    page = text(client.get("/transfer/reports/?by=unit"))
    assert f"metric=other&amp;year={year}&amp;unit={bio}" in page and "Without a unit" in page
    file = b"".join(client.get("/transfer/reports/file.csv?by=unit").streaming_content).decode()
    assert f"other,{year},Bio,EUR,300.00" in file
    assert client.get("/api/v1/transfer-figures/?by=colour").status_code == 400
    strange = as_(aurora.engineer).get("/api/v1/transfer-figures/rows/?metric=startups").json()
    assert strange["results"] == []


def test_figures_take_the_same_queries_for_more_rows(aurora):
    officer = officer_of(aurora)
    client, count = as_(officer), 0

    def fill() -> None:
        nonlocal count
        count += 1
        unit = OrganisationUnit.objects.create(organisation=aurora.university, name=f"Unit {count}")
        case = case_of(aurora, docket=f"RU-{count}", disclosed_on=day(0), unit=unit)
        member(case, officer, "provisional", filed_on=day(0))
        receipts_of(aurora, officer, case, 2)

    fill()
    urls = [f"/api/v1/transfer-figures/?by={by}" for by in ("year", "unit", "party")]
    urls += ["/api/v1/transfer-figures/rows/?metric=filed", "/transfer/reports/?by=unit"]
    client.get(urls[-1])
    first = [queries(client, url) for url in urls]
    for _number in range(3):
        fill()
    assert [queries(client, url) for url in urls] == first
    assert max(first[1:3]) < 45


def test_the_rows_of_a_sum_make_it_to_the_cent(books):
    """Receipts pay reports with and without a minimum, a fee, and nothing: each part is told once."""
    year, officer = day(0).year, books.officer
    for number in range(3):
        books.invoiced(number, "33333.33")
    with_minimum = books.invoiced(3, "1000.00")  # mostly the annual minimum
    assert with_minimum.report.minimum
    fee = ScheduledPayment.objects.get(licence=books.licence)
    invoice_payments(payments=[fee], by=officer)
    for amount in ("1111.11", "777.77", "9000.01", "0.01"):
        books.receive(amount)
    books.receive("55.55", match=False)
    client = as_(officer)
    told = client.get(f"/api/v1/transfer-figures/?by=year&year={year}").json()["figures"]
    numbers = {row["metric"]: row["value"] for row in told if row["year"] == year and row["currency"]}
    rows = {}
    for metric in ("running", "other"):
        found = client.get(f"/api/v1/transfer-figures/rows/?metric={metric}&year={year}").json()["results"]
        rows[metric] = {row["id"]: Decimal(row["amount"]) for row in found}
        assert sum(rows[metric].values()) == Decimal(numbers[metric]) > 0, metric
        assert {row["currency"] for row in found} == {"EUR"}
        file = b"".join(
            client.get(f"/transfer/reports/rows/file.csv?metric={metric}&year={year}").streaming_content
        ).decode("utf-8-sig")
        lines = list(csv.DictReader(file.splitlines()))
        assert {line["id"]: Decimal(line["amount"]) for line in lines} == rows[metric]
        page = text(client.get(f"/transfer/reports/rows/?metric={metric}&year={year}"))
        assert all(f"{amount:,.2f} EUR" in page for amount in rows[metric].values())
    unmatched = Receipt.objects.get(matched=0)
    assert str(unmatched.pk) not in rows["running"] and rows["other"][str(unmatched.pk)] == Decimal("55.55")
    assert len(rows["other"]) == 5
    counted = client.get(f"/api/v1/transfer-figures/rows/?metric=active&year={year}").json()["results"]
    assert {row["amount"] for row in counted} == {None}


def test_a_case_tells_what_it_brought_also_where_a_licence_is_about_several(books, office):
    """70 % for the model, of the licence's case; 30 % for a technology, which is a case of its own."""
    second = money_case(books.organisation, "RU-2", books.officer, ("Chen Outside", "100"))
    technology = {
        "kind": "technology", "subject_type": "collab.transfercase", "subject_id": str(second.pk), "percent": "30",
    }  # fmt: skip
    edit_terms(
        licence=books.licence, edit=0, by=books.officer, terms={"assets": [asset(office.model, "70"), technology]}
    )
    office.sign(office.send(books.licence))
    books.invoiced(0)
    books.receive("5000.00")
    row = books.distribute()
    books.receive("1.00", match=False)
    client = as_(books.officer)

    def told(case) -> str:
        return text(client.get(f"/transfer/cases/{case.pk}/income/"))

    for case, part in ((books.case, "3,500.00 EUR"), (second, "1,500.00 EUR")):
        assert "LIC-1" in told(case) and "5,001.00 EUR" in told(case) and f"<dd>{part}</dd>" in told(case)
    foreign = money_case(office.joint.company, "NW-1", books.officer, ("Dana Outside", "100"))
    Licence.objects.filter(pk=books.licence.pk).update(case=foreign)  # as one that another licensor administers
    assert "3,500.00" not in told(books.case) and "1,500.00 EUR" in told(second)
    Licence.objects.filter(pk=books.licence.pk).update(case=books.case)
    back = propose_reversal(distribution=row, reason="Wrong", by=books.officer)
    decide_distribution(distribution=back, decision="approved", by=books.second)
    assert "1,500.00" not in told(second)
