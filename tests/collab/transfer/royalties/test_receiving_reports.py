"""A report that the licensee sends on paper or by mail is entered by the licensor's office, with the same checks."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Obligation
from collab.kernel.errors import ConflictError, FaultyInputError, InvalidError, RefusedError, StaleError
from collab.transfer.royalties.models import RoyaltyReport
from collab.transfer.royalties.services import accept_report, receive_report, return_report
from tests.cast import token_for

pytestmark = pytest.mark.django_db
LINES = [{"product": "Reader", "units": "10", "gross": Decimal("100000.00")}]


def report_of(books, number: int = 0) -> RoyaltyReport:
    return RoyaltyReport.objects.filter(licence=books.licence).order_by("starts_on")[number]


def given(books, **changes: Any) -> dict[str, Any]:
    return {
        "report": report_of(books), "received_on": timezone.localdate(), "sent_by": "Fred Firm", "lines": LINES,
        "currency": "EUR", "note_text": "By post", "by": books.officer,
    } | changes  # fmt: skip


def test_it_is_computed_as_the_licensees_own_told_to_both_and_checked_by_another(books):
    row = receive_report(**given(books))
    assert (row.state, row.due, row.sent_by, row.submitted_by) == ("submitted", 5000_00, "Fred Firm", books.officer)
    assert [line.product for line in row.lines.all()] == ["Reader"] and row.note == "By post"
    event = AuditEvent.objects.get(verb="royalty.receive_report")
    assert (event.data["who"], event.data["amount"]) == ("Fred Firm", "5,000.00 EUR")
    assert not AuditEvent.objects.filter(verb="royalty.report").exists()
    told = {note.person for note in Notification.objects.filter(title__contains="on paper or by mail")}
    assert told >= {books.office.firm_signatory, books.second} and books.officer not in told
    assert not Obligation.objects.open().filter(source_id=str(row.pk), kind="report").exists()
    with pytest.raises(RefusedError, match="does not check it"):
        accept_report(report=row, by=books.officer)
    assert accept_report(report=row, by=books.second).state == "accepted"
    with pytest.raises(ConflictError, match="is closed"):
        receive_report(**given(books))


def test_the_licensee_corrects_what_came_back_in_its_own_name(books):
    row = return_report(report=receive_report(**given(books)), reason="A line is missing", by=books.second)
    assert row.sent_by == "Fred Firm"
    row = books.report(0, "200000.00")
    assert (row.received_on, row.sent_by, row.submitted_by) == (None, "", books.office.firm_signatory)


def test_when_it_comes_back_the_office_that_entered_it_is_told_as_well(books):
    row = receive_report(**given(books))
    Notification.objects.all().delete()
    return_report(report=row, reason="A line is missing", by=books.second)
    told = {note.person for note in Notification.objects.filter(title__contains="came back")}
    assert told >= {books.office.firm_signatory, books.officer} and books.second not in told
    row = books.report(0, "200000.00")
    Notification.objects.all().delete()
    return_report(report=row, reason="A line is missing", by=books.second)
    assert not Notification.objects.filter(person=books.officer).exists()  # the licensee entered this one


def test_what_is_refused(books):
    report, today = report_of(books), timezone.localdate()
    for field, changes in (
        ("received_on", {"received_on": today + timedelta(days=1)}),
        ("received_on", {"received_on": report.ends_on}),
        ("sent_by", {"sent_by": " "}),
        ("currency", {"currency": "USD"}),
    ):
        with pytest.raises(InvalidError) as refused:
            receive_report(**given(books, **changes))
        assert refused.value.field == field
    with pytest.raises(FaultyInputError) as faulty:
        receive_report(**given(books, lines=[{"product": "A", "gross": Decimal(1), "deductions": Decimal(2)}]))
    assert [fault.path for fault in faulty.value.faults] == ["lines.1.deductions"]
    with pytest.raises(ConflictError, match="comes first"):
        receive_report(**given(books, report=report_of(books, 1)))
    with pytest.raises(RefusedError):
        receive_report(**given(books, by=books.office.firm_signatory))
    with pytest.raises(StaleError):
        receive_report(version=report.version + 1, **given(books))
    row = receive_report(**given(books))
    for facts in ({"sent_by": ""}, {"received_on": None}, {"received_on": row.ends_on}):
        with pytest.raises(IntegrityError), transaction.atomic():
            RoyaltyReport.objects.filter(pk=row.pk).update(**facts)


def test_people_and_programs_enter_it_and_the_licensee_reads_it(books, client):
    report = report_of(books)
    page = reverse("collab:royalty_report", args=[report.pk])
    address = reverse("collab:royalty_report_receive", args=[report.pk])
    client.force_login(books.officer)
    assert address in client.get(page).content.decode()
    sent = {
        "currency": "EUR", "version": report.version, "received_on": timezone.localdate().isoformat(),
        "product_0": "Reader", "units_0": "10", "gross_0": "100000", "sent_by": "",
    }  # fmt: skip
    assert "sent_by" in client.post(address, sent).context["form"].errors
    sent["sent_by"] = "Fred Firm"
    computed = client.post(address, sent | {"compute": "1"})
    assert computed.status_code == 200 and "5,000.00 EUR" in computed.content.decode()
    assert client.post(address, sent).status_code == 302
    for person in (books.officer, books.office.firm_signatory):
        client.force_login(person)
        shown = client.get(page).content.decode()
        assert "Entered by the office" in shown and "Fred Firm" in shown and address not in shown
    assert client.post(address, sent).status_code in (403, 404)
    second = report_of(books, 1)
    program = {"Authorization": f"Bearer {token_for(books.officer)}"}
    detail = reverse("api:royalty-report-detail", args=[second.pk])
    tag = client.get(detail, headers=program)["ETag"]
    body = {
        "lines": [{"product": "Reader", "gross": "10.00"}], "currency": "EUR", "sent_by": "Fred Firm",
        "received_on": timezone.localdate().isoformat(),
    }  # fmt: skip
    made = client.post(f"{detail}receive/", body, "application/json", headers=program | {"If-Match": tag})
    assert made.status_code == 200, made.content
    assert (made.json()["state"], made.json()["sent_by"]) == ("submitted", "Fred Firm")
