"""Reminders before and after, and who is told next; waiting never decides anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Membership
from collab.audit.models import AuditEvent
from collab.inbox.models import Notification, Obligation, Request
from collab.inbox.reminding import sweep
from collab.inbox.services import decide_request, set_obligation, settle_obligation
from collab.inbox.standing import who_can_answer
from collab.inbox.tasks import remind_task
from collab.inbox.topics import Reminding
from tests.cast import person
from tests.collab.inbox.conftest import asked, away

pytestmark = pytest.mark.django_db


def reminders(user) -> int:
    return Notification.objects.filter(person=user, kind="reminder").count()


def at(days: float, request: Request):
    """So many days after the request is due."""
    return time_machine.travel(request.due_at + timedelta(days=days), tick=False)


def test_people_are_reminded_before_and_again_after_and_nothing_is_decided(request_, aurora):
    expected = {-4: 0, -3: 1, -2: 1, -0.1: 1, 0: 2, 1: 2, 3: 3, 5: 3, 6: 4}
    seen = {}
    for day in expected:
        with at(day, request_):
            remind_task()
            sweep()  # twice is once
            seen[day] = reminders(aurora.lead)
    assert seen == expected
    assert Request.objects.get().state == "open" and reminders(aurora.engineer) == 0
    assert AuditEvent.objects.filter(verb="request.remind").count() == 4


def test_a_topic_has_days_of_its_own_and_what_is_decided_is_left_alone(aurora, plain):
    plain(reminding=Reminding(before_days=1))
    row = asked(aurora)
    with at(-2, row):
        sweep()
    assert reminders(aurora.lead) == 0
    decide_request(request=row, decision="approved", by=aurora.lead)
    with at(30, row):
        assert sweep() == {"stuck": 0, "reminded": 0, "escalated": 0, "obligations": 0}


def test_what_waits_too_long_climbs_step_by_step_and_stays_undecided(request_, aurora, admin):
    staff = person("Staff", is_staff=True)
    levels = []
    for day in (6, 7, 8, 14, 30):
        with at(day, request_):
            sweep()
            levels.append(Request.objects.get().escalated_to)
    assert levels == ["", "admins", "admins", "platform", "platform"]
    for user in (admin, staff):
        assert Notification.objects.filter(person=user, kind="escalation").exists()
        assert user not in {a.user for a in who_can_answer(Request.objects.get())}  # told, not put in their place
    assert Request.objects.get().state == "open"


def test_a_request_that_becomes_stuck_climbs_by_itself_and_comes_back(request_, aurora, admin):
    Membership.objects.filter(organisation=aurora.university, role=Role.SIGNATORY).update(ends_at=timezone.now())
    absence = away(aurora.lead)
    assert sweep()["stuck"] == 1 and sweep()["stuck"] == 0
    row = Request.objects.get()
    assert row.nobody_since is not None and [a.user for a in who_can_answer(row)] == [admin]
    absence.delete()
    sweep()
    row.refresh_from_db()
    assert row.nobody_since is None and [a.user for a in who_can_answer(row)] == [aurora.lead]


def test_when_the_admins_are_gone_too_it_climbs_on(aurora, admin):
    staff = person("Staff", is_staff=True)
    away(aurora.lead), away(aurora.university_signatory)
    row = asked(aurora)
    assert row.escalated_to == "admins"
    away(admin)
    assert sweep()["stuck"] == 1
    row.refresh_from_db()
    assert row.escalated_to == "platform" and [a.user for a in who_can_answer(row)] == [staff]


def test_dates_are_reminded_of_to_whom_they_concern(aurora, admin):
    today = timezone.localdate()
    given = {"source": aurora.project, "url": "/", "due_on": today + timedelta(days=3)}
    set_obligation(**given, kind="report", title="Report", project=aurora.project)
    set_obligation(**given, kind="notice", title="Notice", organisation=aurora.university)
    set_obligation(**given, kind="review", title="Review", person=aurora.observer)
    set_obligation(**given, kind="expiry", title="Settled", person=aurora.researcher)
    settle_obligation(source=aurora.project, kind="expiry")
    assert sweep()["obligations"] == 3 and sweep()["obligations"] == 0
    assert [reminders(user) for user in (aurora.lead, admin, aurora.observer, aurora.researcher)] == [1, 1, 1, 0]
    with time_machine.travel(timezone.now() + timedelta(days=7)):
        assert sweep()["obligations"] == 3
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert sweep()["obligations"] == 0
    moved = set_obligation(**given | {"due_on": today}, kind="report", title="Report", project=aurora.project)
    assert moved.reminded_on is None and Obligation.objects.filter(kind="report").count() == 1
