"""What is late climbs by dated steps, each once, until the report arrives or the invoice is paid."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Obligation
from collab.transfer.royalties.models import Invoice, LateStep, RoyaltyReport
from collab.transfer.royalties.services import accept_report, cancel_invoice, chase, return_report, unmatch_receipt

pytestmark = pytest.mark.django_db


def tasks() -> list[Obligation]:
    return list(Obligation.objects.open().filter(source_type="collab.latestep"))


def only_the_first(books, late_days: int) -> RoyaltyReport:
    """One report of the past, late by so many days."""
    rows = RoyaltyReport.objects.filter(licence=books.licence).order_by("starts_on")
    first = rows[0]
    rows.exclude(pk=first.pk).delete()
    due = timezone.localdate() - timedelta(days=late_days)
    RoyaltyReport.objects.filter(pk=first.pk).update(due_on=due)
    return rows.get()


def test_a_late_report_takes_each_step_once_and_its_task_ends_with_it(books, client):
    report = only_the_first(books, 0)
    today = timezone.localdate()
    assert chase() == 0
    seen = []
    for days, stage in ((1, 1), (13, 1), (14, 2), (44, 2), (45, 3), (90, 3)):
        with time_machine.travel(timezone.now() + timedelta(days=days), tick=False):
            chase()
            assert chase() == 0  # again: nothing
        seen.append(LateStep.objects.filter(report=report).count())
        assert max(LateStep.objects.values_list("stage", flat=True)) == stage
    assert seen == [1, 1, 2, 2, 3, 3]
    assert list(LateStep.objects.values_list("told_on", flat=True)) == [
        today + timedelta(days=days) for days in (1, 14, 45)
    ]
    breach = reverse("collab:licence_breach", args=[books.licence.pk])
    (task,) = tasks()  # that of the step before went with it
    assert (task.organisation_id, task.url) == (books.licence.licensor_id, breach)
    told = {n.person_id for n in Notification.objects.filter(url=breach)}
    assert {books.officer.pk, books.second.pk} <= told and books.office.firm_signatory.pk not in told
    assert AuditEvent.objects.filter(verb="royalty.late").count() == 3

    client.force_login(books.officer)
    assert b"whether it is a breach" in client.get(report.get_absolute_url()).content
    client.force_login(books.office.firm_signatory)
    assert b"whether it is a breach" not in client.get(report.get_absolute_url()).content

    sent = books.report(0)
    assert tasks() == []
    return_report(report=sent, reason="Units are missing", by=books.officer)
    assert [one.url for one in tasks()] == [breach]
    accept_report(report=books.report(0), by=books.officer)
    assert tasks() == [] and chase() == 0


def test_what_is_late_for_long_takes_only_the_last_step(books):
    report = only_the_first(books, 100)
    assert chase() == 1
    assert list(LateStep.objects.values_list("stage", "report")) == [(3, report.pk)]
    assert not Notification.objects.filter(person=books.office.firm_signatory, title__startswith="Late by").exists()


def test_a_late_invoice_is_chased_until_it_is_paid_or_taken_back(books):
    only_the_first(books, 0)
    invoice = books.invoiced(0)
    with time_machine.travel(timezone.now() + timedelta(days=14 + 14), tick=False):
        chase()
        assert [one.url for one in tasks()] == [invoice.get_absolute_url()]
        receipt = books.receive("5000.00")
        assert Invoice.objects.get().state == "paid" and tasks() == []
        unmatch_receipt(match=receipt.matches.get(), by=books.officer)
        assert len(tasks()) == 1
        cancel_invoice(invoice=Invoice.objects.get(), reason="Wrong", by=books.officer)
        assert tasks() == [] and chase() == 0


def test_the_licensor_reads_the_steps_over_the_api_and_the_licensee_does_not(books, client):
    report = only_the_first(books, 0)
    with time_machine.travel(timezone.now() + timedelta(days=50), tick=False):
        chase()
    for stage in (1, 2):
        LateStep.objects.create(licence=books.licence, report=report, stage=stage, told_on=timezone.localdate())
    address = reverse("api:late-step-list")
    client.force_login(books.officer)
    client.get(address)
    with CaptureQueriesContext(connection) as one:
        client.get(address, {"report": str(report.pk), "stage": 3})
    with CaptureQueriesContext(connection) as three:
        rows = client.get(address, {"licence": str(books.licence.pk)}).json()["results"]
    assert len(one) == len(three), "however many rows"
    assert {row["stage"]: row["told"] for row in rows}[3] == "the licensor was asked whether it is a breach"
    assert {row["report"] for row in rows} == {str(report.pk)} and len(rows) == 3
    assert client.get(address, {"invoice": str(report.pk)}).json()["results"] == []
    assert client.get(address, {"report": "x"}).status_code in (400, 422)
    client.force_login(books.office.firm_signatory)
    assert client.get(address).json()["results"] == [], "what the licensor thinks of doing is not for the licensee"
