"""What the tables of the inbox refuse by themselves, and that 50,000 dates are found by index."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from collab.inbox.models import CalendarLink, Condition, Obligation, Request, Reviewer
from collab.inbox.reading import AGENDA_MOST
from collab.inbox.services import set_obligation, settle_obligation

pytestmark = pytest.mark.django_db


def refused(make) -> str:
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        make()
    return str(error.value)


def test_a_request_keeps_its_facts_together(request_, aurora):
    rows, now = Request.objects.all(), timezone.now()
    for fields, name in (
        ({"state": "dreaming"}, "request_state_is_known"),
        ({"state": "approved"}, "request_decided_has_who_and_when"),
        ({"decided_by": aurora.lead, "decided_at": now}, "request_decided_has_who_and_when"),
        ({"state": "rejected", "decided_by": aurora.lead, "decided_at": now}, "request_refused_has_reason"),
        ({"word": ""}, "request_names_who_answers"),
        ({"organisation": None, "project": None}, "request_names_who_answers"),
        ({"escalated_to": "admins"}, "request_escalated_has_when"),
    ):
        assert name in refused(lambda fields=fields: rows.update(**fields)), fields


def test_parts_of_a_request(request_, aurora):
    Reviewer.objects.create(request=request_, user=aurora.observer, asked_by=aurora.lead)
    assert refused(lambda: Reviewer.objects.create(request=request_, user=aurora.observer, asked_by=aurora.lead))
    assert "reviewer_advice_has_when" in refused(lambda: Reviewer.objects.update(opinion="favour"))
    Condition.objects.create(request=request_, number=1, text="Report.")
    assert refused(lambda: Condition.objects.create(request=request_, number=1, text="Again."))
    met = {"met_by": aurora.lead, "met_at": timezone.now()}
    assert "condition_met_has_who_when_evidence" in refused(lambda: Condition.objects.update(**met))


def test_an_obligation_is_somebodys_and_once_for_its_source(aurora):
    given = {"source": aurora.project, "kind": "report", "url": "/", "due_on": timezone.localdate()}
    row = set_obligation(**given, title="One", project=aurora.project)
    again = set_obligation(**given, title="Two", project=aurora.project)
    assert (again.pk, Obligation.objects.get().title) == (row.pk, "Two")
    assert "obligation_is_somebodys" in refused(lambda: set_obligation(**given | {"kind": "notice"}, title="Nobody's"))
    with pytest.raises(KeyError):
        set_obligation(**given | {"kind": "dream"}, title="No", project=aurora.project)
    assert settle_obligation(source=aurora.project, kind="report")
    assert not settle_obligation(source=aurora.project, kind="report")
    assert set_obligation(**given, title="Open again", project=aurora.project).settled_at is None


def test_one_live_link_for_a_person(aurora):
    CalendarLink.objects.create(person=aurora.lead, digest="a")
    assert refused(lambda: CalendarLink.objects.create(person=aurora.lead, digest="b"))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads the plan of SQLite")
def test_the_agenda_reads_dates_in_the_order_of_an_index(aurora):
    rows = Obligation.objects.visible_to(aurora.lead).open().filter(due_on__gte=timezone.localdate())
    plan = rows.order_by("due_on")[:30].explain()
    assert "USING INDEX obligation_open_by_day" in plan and "SCAN collab_obligation\n" not in plan


@pytest.mark.slow
def test_fifty_thousand_dates(aurora, client):
    today = timezone.localdate()
    Obligation.objects.bulk_create(
        (
            Obligation(
                source_type="test",
                source_id=str(number),
                kind="report",
                title=f"Report {number}",
                due_on=today + timedelta(days=number % 700 - 100),
                project=aurora.project,
            )
            for number in range(50_000)
        ),
        batch_size=2000,
    )
    client.force_login(aurora.lead)
    for url in ("/calendar/", "/inbox/waiting/"):
        assert client.get(url).status_code == 200
    page = client.get("/calendar/").context["page"]
    assert page.paginator.count == AGENDA_MOST, "counts no further than it leads"
    assert [row.due_on for row in page] == [today - timedelta(days=100)] * len(page), "what is overdue first"
