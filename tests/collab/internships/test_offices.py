"""What those who lead placements for an organisation find: what waits for them, all their interns, and as a file."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from collab.inbox.models import Notification
from collab.internships.placements.caring import answer_log, evaluate, write_log
from collab.internships.placements.reminding import remind
from collab.internships.placements.services import edit_placement
from tests.collab.internships.season import Season, season
from tests.pages import as_, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(aurora) -> Season:
    return season(aurora)


def late_on(summer: Season) -> list[dict]:
    rows = as_(summer.coordinator).get(f"/api/v1/cohorts/{summer.cohort.pk}/board/?late=true").json()["results"]
    return [late for row in rows for late in row["late"]]


def told(placement, summer: Season) -> set:
    """Whom a reminder tells."""
    Notification.objects.all().delete()
    remind(placement=placement, by=summer.coordinator)
    return {row.person_id for row in Notification.objects.all()}


def test_a_signed_placement_that_did_not_begin_is_late(summer):
    placement = summer.signed(summer.approved(summer.described(summer.accepted(summer.student("Ann")))))
    with time_machine.travel(placement.begins_at - timedelta(days=1), tick=False):
        assert late_on(summer) == []
    what = "should have begun, and nobody let it begin"
    with time_machine.travel(placement.begins_at + timedelta(hours=9), tick=False):
        assert late_on(summer) == [{"what": what, "whom": [summer.university.name, "Ann"]}]
        assert placement.student.pk in told(placement, summer)
        page = as_(summer.coordinator).get(f"{summer.cohort.get_absolute_url()}board/?show=late")
        assert what in text(page)
        facts = {"contact_name": "A parent", "contact_phone": "+44 20 123"}
        edit_placement(placement=placement, by=placement.student, version=placement.version, **facts)
        assert late_on(summer) == [{"what": what, "whom": [summer.university.name]}]
        assert placement.student.pk not in told(placement, summer)


def evaluated(summer: Season, student):
    """At work, with a confirmed day and both evaluations."""
    placement = summer.ready(student)
    with time_machine.travel(placement.begins_at + timedelta(days=9), tick=False):
        entry = write_log(placement=placement, day=placement.starts_on, hours=Decimal(7), text="Read", by=student)
        answer_log(entry=entry, confirm=True, by=summer.mentor)
        evaluate(placement=placement, scores={"work": 5, "learning": 4, "teamwork": 3}, by=summer.mentor)
        evaluate(placement=placement, scores={"guidance": 4, "tasks": 4, "conditions": 4}, by=student)
    return placement


def test_what_is_over_and_evaluated_waits_to_be_completed(summer):
    placement = evaluated(summer, summer.student("Ann"))
    with time_machine.travel(placement.is_over_at - timedelta(hours=1), tick=False):
        assert late_on(summer) == []
    with time_machine.travel(placement.is_over_at, tick=False):
        assert late_on(summer) == [{"what": "to be completed", "whom": [summer.university.name]}]
        assert not {placement.student_id, summer.mentor.pk} & told(placement, summer)
