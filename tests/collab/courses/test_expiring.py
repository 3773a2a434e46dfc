"""The end of a course or a training: one date for each course, told in time and once, with the way to renew it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from collab.access.roles import Role
from collab.courses.certificates.services import reinstate_certificate, revoke_certificate, suspend_certificate
from collab.courses.taking import enrol
from collab.courses.trainings import submit_training
from collab.inbox.models import Notification, Obligation, Request
from collab.inbox.reminding import sweep
from collab.inbox.services import decide_request
from tests.cast import employ, person, upload
from tests.collab.courses.conftest import School
from tests.pages import as_, text

pytestmark = pytest.mark.django_db
START = datetime(2027, 1, 10, 10, tzinfo=UTC)


def open_ends(user) -> list[tuple[str, str]]:
    rows = Obligation.objects.open().filter(person=user, kind="expiry").order_by("due_on")
    return [(row.source_type, str(row.due_on)) for row in rows]


def accepted(school: School, expires_on: date | None, **facts: object):
    user, house = school.joint.engineer, school.joint.company
    reviewer = employ(person(f"Reviewer {expires_on}"), house, Role.COORDINATOR)
    row = submit_training(
        organisation=house, title="Elsewhere", provider="Academy", completed_on=date(2027, 1, 2), by=user,
        file=upload(b"%PDF-1.7 x %%EOF", "proof.pdf"), expires_on=expires_on, **facts,
    )  # fmt: skip
    decide_request(request=Request.objects.get(topic="training_record", state="open"), decision="approved", by=reviewer)
    row.refresh_from_db()
    return row


def test_the_holder_is_told_early_once_more_when_it_is_near_and_once_when_it_is_over(school, settings):
    settings.COURSE_REMIND_DAYS = 20
    user = school.joint.engineer
    with time_machine.travel(START, tick=False) as clock:
        passed = school.pass_course(user)
        end = timezone.localdate(passed.valid_until)
        told = {}
        for days in (21, 20, 19, 4, 3, 2, 0, -1, -2, -9):
            clock.move_to(datetime(end.year, end.month, end.day, 9, tzinfo=UTC) - timedelta(days=days))
            before = Notification.objects.filter(person=user, kind="reminder").count()
            sweep()
            told[days] = Notification.objects.filter(person=user, kind="reminder").count() - before
    assert [days for days, count in told.items() if count] == [20, 3, -1] and max(told.values()) == 1
    last = Notification.objects.filter(person=user, kind="reminder").order_by("created_at").last()
    assert last.title.startswith("It was on") and last.url == school.course.get_absolute_url()
    assert open_ends(user) == []


def test_of_what_is_held_for_a_course_only_the_last_end_is_in_the_calendar(school):
    user = school.joint.engineer
    admin = employ(person("Admin"), school.joint.university, Role.ORGANISATION_ADMIN)
    with time_machine.travel(START, tick=False):
        passed = school.pass_course(user)
        assert open_ends(user) == [("collab.enrolment", "2028-01-10")]
        accepted(school, date(2027, 9, 1), course=school.course)
        assert open_ends(user) == [("collab.enrolment", "2028-01-10")]
        suspend_certificate(certificate=passed.certificate, reason="Asked.", by=admin)
        assert open_ends(user) == [("collab.trainingrecord", "2027-09-01")]
        reinstate_certificate(certificate=passed.certificate, reason="Answered.", by=admin)
        assert open_ends(user) == [("collab.enrolment", "2028-01-10")]
        revoke_certificate(certificate=passed.certificate, reason="Copied.", by=admin)
        accepted(school, None, course=school.course)
        assert open_ends(user) == [], "a training without an end outlasts the others"
        accepted(school, date(2027, 5, 1))
        assert open_ends(user) == [("collab.trainingrecord", "2027-05-01")], "it counts for no course of ours"


def test_before_the_end_and_after_it_the_pages_lead_to_a_new_one(school):
    user = school.joint.engineer
    with time_machine.travel(START, tick=False) as clock:
        passed = school.pass_course(user)
        training = accepted(school, date(2028, 1, 12), course=school.course)
        course, again = school.course.get_absolute_url(), f"{school.course.get_absolute_url()}enrol/"
        new = f"/trainings/new/?course={school.course.slug}"

        def shown() -> list[bool]:
            browser = as_(user)
            pages = [text(browser.get(url)) for url in (passed.get_absolute_url(), training.get_absolute_url())]
            api = [browser.get(f"/api/v1/{name}/").json()["results"][0] for name in ("enrolments", "trainings")]
            learning = text(browser.get("/learning/"))
            return [again in pages[0], new in pages[1], "Take it again" in learning, *(o["expires_soon"] for o in api)]

        assert shown() == [False] * 5
        clock.move_to(datetime(2027, 12, 20, 9, tzinfo=UTC))
        assert shown() == [True] * 5
        assert f'value="{school.course.pk}" selected' in text(as_(user).get(new))
        clock.move_to(datetime(2028, 2, 1, 9, tzinfo=UTC))
        assert shown() == [True] * 5 and "Take it again" in text(as_(user).get(course))
        enrol(course=school.course, by=user)
        assert again not in text(as_(user).get(passed.get_absolute_url()))
