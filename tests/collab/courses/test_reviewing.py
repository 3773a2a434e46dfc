"""Trainings done elsewhere, for those who review them: all that were handed in, and an acceptance taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from collab.access.policy import decide
from collab.access.roles import Role
from collab.accounts.models import User
from collab.audit.models import AuditEvent
from collab.courses.conditions import holds_course
from collab.courses.models import TrainingRecord
from collab.courses.trainings import revoke_training
from collab.inbox.models import Notification, Obligation, Request
from collab.inbox.services import decide_request
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from tests.cast import employ, person, token_for
from tests.collab.courses.conftest import School
from tests.collab.courses.test_courses import handed_in, required, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer(school: School) -> User:
    return employ(person("Rita Reviewer"), school.joint.company, Role.COORDINATOR)


def accepted(school: School, reviewer: User, **facts: object) -> TrainingRecord:
    row = handed_in(school, **facts)
    request = Request.objects.get(topic="training_record", subject_id=str(row.pk))
    decide_request(request=request, decision="approved", by=reviewer)
    row.refresh_from_db()
    return row


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_what_was_accepted_by_mistake_counts_no_more_at_once(school, reviewer):
    joint, user = school.joint, school.joint.engineer
    required(joint, school.course)
    row = accepted(school, reviewer, expires_on=timezone.localdate() + timedelta(days=99))
    assert decide(user, "job.submit", joint.project)
    for stranger in (user, joint.lead):
        with pytest.raises((RefusedError, NotFoundError)):
            revoke_training(training=row, reason="Forged.", by=stranger)
    with pytest.raises(InvalidError, match="Say why"):
        revoke_training(training=row, reason=" ", by=reviewer)

    revoke_training(training=row, reason="The academy does not know it.", by=reviewer)

    row.refresh_from_db()
    assert (row.state, row.reason, row.reviewed_by) == ("revoked", "The academy does not know it.", reviewer)
    assert said(user, "job.submit", joint.project) == [("training_taken_back", row.get_absolute_url())]
    assert not holds_course(user, school.course)
    assert not Obligation.objects.filter(person=user, kind="expiry", settled_at=None).exists()
    assert Notification.objects.filter(person=user, title__contains="counts no longer").exists()
    assert AuditEvent.objects.filter(verb="training.revoke", subject_id=str(row.pk)).exists()
    with pytest.raises(ConflictError):
        revoke_training(training=row, reason="Again.", by=reviewer)


def test_another_training_of_the_course_still_counts(school, reviewer):
    day = timezone.localdate() + timedelta(days=99)
    kept, wrong = (accepted(school, reviewer, title=title, expires_on=day) for title in ("One", "Two"))
    revoke_training(training=wrong, reason="Forged.", by=reviewer)
    assert holds_course(school.joint.engineer, school.course)
    [owed] = Obligation.objects.filter(person=school.joint.engineer, kind="expiry", settled_at=None)
    assert owed.source_id == str(kept.pk)


def test_reviewers_list_what_was_handed_in_and_revoke_on_the_page(school, reviewer):
    joint = school.joint
    row, waits = accepted(school, reviewer), handed_in(school, title="First aid", course=None)
    page = signed_in(reviewer)
    shown = page.get("/trainings/").content.decode()
    assert row.get_absolute_url() in shown and waits.get_absolute_url() in shown
    chosen = page.get("/trainings/?state=accepted").content.decode()
    assert row.get_absolute_url() in chosen and waits.get_absolute_url() not in chosen
    found = page.get("/trainings/", {"q": f"{joint.engineer.name} aid"}).content.decode()
    assert waits.get_absolute_url() in found and row.get_absolute_url() not in found
    assert row.get_absolute_url() not in signed_in(joint.lead).get("/trainings/").content.decode()
    assert row.get_absolute_url() not in signed_in(joint.engineer).get("/trainings/").content.decode(), "not reviewed"
    assert "/trainings/" in page.get("/learning/").content.decode()
    assert 'href="/trainings/"' not in signed_in(joint.engineer).get("/learning/").content.decode()

    address = f"{row.get_absolute_url()}revoke/"
    assert address in page.get(row.get_absolute_url()).content.decode()
    assert address not in page.get(waits.get_absolute_url()).content.decode()
    assert signed_in(joint.engineer).post(address, {"reason": "Mine."}).status_code == 403
    assert page.post(address, {"reason": ""}).status_code == 422
    assert page.post(address, {"reason": "Forged."}).url == row.get_absolute_url()
    assert "It counts no longer" in signed_in(joint.engineer).get(row.get_absolute_url()).content.decode()


def test_the_api_finds_and_revokes(school, reviewer):
    row, waits = accepted(school, reviewer), handed_in(school, title="First aid", course=None)
    client = Client(headers={"Authorization": f"Bearer {token_for(reviewer)}"})

    def keys(query: str) -> list[str]:
        return [one["id"] for one in client.get(f"/api/v1/trainings/?{query}").json()["results"]]

    assert keys("state=accepted") == keys(f"course={school.course.slug}") == [str(row.pk)]
    assert keys("q=first") == [str(waits.pk)]
    url = f"/api/v1/trainings/{row.pk}/revoke/"
    assert client.post(url, {}, "application/json").status_code == 400
    answer = client.post(url, {"reason": "Forged."}, "application/json")
    assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    own = Client(headers={"Authorization": f"Bearer {token_for(school.joint.engineer)}"})
    assert own.post(url, {"reason": "Mine."}, "application/json").status_code == 403
