"""Internships through the API alone: from the programme to the confirmed log book, each step by who does it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from collab.inbox.models import Notification
from collab.internships.models import Application, Placement, StudentSignature
from collab.internships.placements.signing import version_to_sign
from collab.web.api import etag_of
from tests.collab.internships.season import PDF, Season, season, sign_parties
from tests.pages import as_, queries

pytestmark = pytest.mark.django_db
API = "/api/v1"


@pytest.fixture
def summer(aurora) -> Season:
    return season(aurora)


def asks(user: Any, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
    """What the API answers this person; the status is as expected."""
    send = getattr(as_(user), method.lower())
    data = () if body is None else (body, "application/json")
    response = send(f"{API}/{path}", *data, headers=headers)
    assert response.status_code == status, (path, response.status_code, response.content)
    return response.json() if response.content else None


def test_programme_and_check_points(summer):
    coordinator, house = summer.coordinator, summer.university.slug
    made = asks(coordinator, "POST", "programmes/", {"university": house, "name": "Winter of data"}, status=201)
    assert made["university"] == house and {one["about"] for one in made["criteria"]} == {"intern", "host"}
    asks(coordinator, "POST", "programmes/", {"university": house, "name": "Winter of data"}, status=422)
    asks(summer.host, "POST", "programmes/", {"university": house, "name": "Ours"}, status=403)
    day = summer.cohort.starts_on + timedelta(days=3)
    of_cohort = f"cohorts/{summer.cohort.pk}/check-points/"
    sent = {"kind": "feedback", "name": "Halfway", "due_on": str(day)}
    made = asks(coordinator, "POST", of_cohort, sent, status=201)
    point, seen = made["id"], {"If-Match": etag_of(made["id"], made["version"])}
    later = str(day + timedelta(days=2))
    asks(summer.student(), "PATCH", f"check-points/{point}/", {"due_on": later}, status=403)
    asks(coordinator, "PATCH", f"check-points/{point}/", {"due_on": "2020-01-01"}, status=422, **seen)
    asks(coordinator, "PATCH", f"check-points/{point}/", {"due_on": later}, status=428)
    asks(coordinator, "PATCH", f"check-points/{point}/", {"due_on": later}, **seen)
    stale = asks(coordinator, "PATCH", f"check-points/{point}/", {"due_on": str(day)}, status=412, **seen)
    assert stale["now"] == {"due_on": later}
    page = f"{summer.cohort.get_absolute_url()}check-points/{point}/"
    sent = {"name": "Halfway", "due_on": str(day), "version": 1}
    assert as_(coordinator).post(page, sent).status_code == 412
    assert [one["due_on"] for one in asks(coordinator, "GET", of_cohort)] == [later]
    asks(coordinator, "DELETE", f"check-points/{point}/", status=204)
    assert asks(coordinator, "GET", f"check-points/?cohort={summer.cohort.pk}")["results"] == []


def test_from_the_interview_to_the_explained_offer(summer):
    ann, bo = summer.student("Ann"), summer.student("Bo")
    row, other = summer.apply(ann), summer.apply(bo)
    path = f"applications/{row.pk}"
    asked = asks(summer.host, "POST", f"{path}/reviewers/", {"people": [str(summer.mentor.pk)]}, status=201)
    assert asked[0]["reviewer"]["name"] == "Mentor" and asked[0]["score"] is None
    asks(summer.host, "POST", f"{path}/reviewers/", {"people": []}, status=400)
    asks(summer.mentor, "POST", f"{path}/review/", {"score": 8, "comment": "Reads well"})
    assert [one["score"] for one in asks(summer.host, "GET", f"{path}/reviews/")] == [8]
    assert asks(ann, "GET", f"{path}/reviews/") == []  # what the board thinks is not the student's
    board = f"postings/{summer.posting.pk}/board/"
    told = [(one["student"]["name"], one["score"], one["scores"]) for one in asks(summer.host, "GET", board)["results"]]
    assert told == [("Ann", 8.0, 1), ("Bo", None, 0)]
    asks(ann, "GET", board, status=403)
    counted = queries(as_(summer.host), f"{API}/{board}")
    summer.apply(summer.student("Cy"))
    assert queries(as_(summer.host), f"{API}/{board}") == counted

    moment = timezone.now().replace(microsecond=0) + timedelta(days=2)
    asks(summer.host, "POST", f"{path}/interviews/", {"times": ["2020-01-01T09:00:00Z"]}, status=422)
    asks(ann, "POST", f"{path}/interviews/", {"times": [moment.isoformat()]}, status=403)
    asks(summer.host, "POST", f"{path}/interviews/", {"times": [moment.isoformat()], "where": "Leith"}, status=201)
    [proposed] = asks(ann, "GET", f"{path}/interviews/")
    assert proposed["chosen_at"] is None and proposed["where"] == "Leith"
    asks(ann, "POST", f"{path}/interviews/choose/", {"moment": "2099-01-01T09:00:00Z"}, status=422)
    assert asks(ann, "POST", f"{path}/interviews/choose/", {"moment": proposed["times"][0]})["chosen_at"]
    asks(ann, "POST", f"{path}/interviews/choose/", {"moment": proposed["times"][0]}, status=409)
    states = [one["state"] for one in asks(ann, "GET", f"{path}/history/")]
    assert states == ["draft", "applied", "interviewing"]

    for one in (row, other):
        asks(one.candidate, "POST", f"cohorts/{summer.cohort.pk}/rank/", {"order": [str(one.pk)]})
    asks(summer.host, "POST", f"postings/{summer.posting.pk}/rank/", {"order": [str(row.pk), str(other.pk)]})
    with time_machine.travel(summer.cohort.ranking_ends_at + timedelta(seconds=1)):
        cohort = f"cohorts/{summer.cohort.pk}"
        number = asks(summer.coordinator, "POST", f"{cohort}/match/", status=201)["number"]
        assert asks(summer.coordinator, "GET", f"{cohort}/stages/")["matching"]["confirmed_at"] is None
        assert asks(ann, "GET", f"{path}/")["explanation"] == ""  # nobody is told before it is confirmed
        asks(summer.coordinator, "POST", f"{cohort}/confirm/", {"number": number})
        stages = asks(summer.coordinator, "GET", f"{cohort}/stages/")
        assert stages["applications"] == {"offered": 1, "applied": 2} and stages["matching"]["confirmed_at"]
        mine, theirs = (asks(user, "GET", f"{path}/")["explanation"] for user in (ann, summer.host))
        assert mine.startswith("This is the best") and theirs.startswith("The student takes")
        assert "whom the host ranked higher" in asks(bo, "GET", f"applications/{other.pk}/")["explanation"]


def test_a_document_is_taken_out_of_a_draft_alone(summer):
    student = summer.student()
    asks(student, "POST", f"postings/{summer.posting.pk}/apply/", {}, status=201)
    draft = Application.objects.get(candidate=student)
    file = SimpleUploadedFile("cv.pdf", PDF, "application/pdf")
    sent = as_(student).post(f"{API}/applications/{draft.pk}/documents/", {"kind": "cv", "file": file})
    assert sent.status_code == 201, sent.content
    asks(student, "DELETE", f"applications/{draft.pk}/documents/2/", status=404)
    asks(student, "DELETE", f"applications/{draft.pk}/documents/1/", status=204)
    assert not draft.documents.exists()
    row = summer.apply(summer.student("Rival"))
    asks(student, "DELETE", f"applications/{row.pk}/documents/1/", status=404)


def test_a_placement_from_the_approvals_to_the_confirmed_log_book(summer):
    placement = summer.accepted(summer.student("Ann"))
    student, path = placement.student, f"placements/{placement.pk}"
    step = asks(summer.host, "GET", f"{path}/next/")
    assert (step["move"], [one["code"] for one in step["missing"]]) == ("approve_host", ["no_mentor"])
    for user, changes in (
        (summer.host, {"mentor": str(summer.mentor.pk)}),
        (summer.coordinator, {"supervisor": str(summer.supervisor.pk), "insurer": "Mutual"}),
    ):
        tag = as_(user).get(f"{API}/{path}/")["ETag"]
        asks(user, "PATCH", f"{path}/", changes, **{"If-Match": tag})
    placement = summer.approved(summer.described(Placement.objects.get(pk=placement.pk)))
    asks(student, "GET", f"{path}/agreement/", status=409)
    drafted = asks(summer.coordinator, "POST", f"{path}/agreement/", {"governing_law": "Scotland"}, status=201)
    placement.refresh_from_db()
    assert drafted["state"] == "out_for_signature" and drafted["student"] is None and drafted["text"] == ""
    shown = asks(student, "GET", f"{path}/agreement/")
    assert "Ann" in shown["text"] and shown["signatures"] == []
    sign = {"typed_name": student.name, "document_sha256": shown["sha256"]}
    asks(summer.mentor, "POST", f"{path}/agreement/sign/", sign, status=403)
    asks(student, "POST", f"{path}/agreement/sign/", sign | {"document_sha256": "0" * 64}, status=409)
    asks(student, "POST", f"{path}/agreement/sign/", sign, status=201)
    sign_parties(summer.joint, version_to_sign(placement))
    assert asks(student, "GET", f"{path}/")["state"] == "signed"
    assert [one["code"] for one in asks(student, "GET", f"{path}/next/")["missing"]] == ["no_emergency_contact"]
    tag = as_(student).get(f"{API}/{path}/")["ETag"]
    contact = {"contact_name": "A parent", "contact_phone": "+44 20 123"}
    asks(student, "PATCH", f"{path}/", contact, **{"If-Match": tag})
    asks(summer.coordinator, "POST", f"{path}/onboard/")

    change = {"hours": 20, "reason": "Exams"}
    asks(student, "POST", f"{path}/agreement/change/", change, status=403)
    asks(summer.coordinator, "POST", f"{path}/agreement/change/", change, status=201)
    assert asks(student, "GET", f"{path}/")["pending"] == {"hours": "20"}
    second = version_to_sign(placement)
    sign_parties(summer.joint, second)
    asks(student, "POST", f"{path}/agreement/sign/", sign | {"document_sha256": second.document_sha256}, status=201)
    assert asks(student, "GET", f"{path}/")["hours"] == 20 and StudentSignature.objects.count() == 2

    with time_machine.travel(placement.begins_at + timedelta(days=1, hours=9), tick=False):
        day = str(timezone.localdate())
        asks(student, "POST", f"{path}/log/", {"day": day, "hours": "7", "text": "Read"}, status=201)
        board = asks(summer.coordinator, "GET", f"cohorts/{summer.cohort.pk}/board/?late=true")["results"]
        assert board[0]["late"] == [{"what": "log book to confirm", "whom": ["Mentor"]}]
        Notification.objects.all().delete()
        assert asks(summer.coordinator, "POST", f"{path}/remind/") == {"late": ["log book to confirm"]}
        assert {row.person_id for row in Notification.objects.all()} == {summer.mentor.pk}
        page = as_(summer.coordinator).get(f"{summer.cohort.get_absolute_url()}board/?show=late").content.decode()
        assert "Waits for: Mentor" in " ".join(page.split())
        asks(student, "POST", f"{path}/log/answer/", {"day": day, "confirm": True}, status=403)
        asks(summer.mentor, "POST", f"{path}/log/answer/", {"day": day, "confirm": False}, status=422)
        asks(summer.mentor, "POST", f"{path}/log/answer/", {"day": "2020-01-01", "confirm": True}, status=404)
        asks(summer.mentor, "POST", f"{path}/log/answer/", {"day": day, "confirm": True})
        assert [one["state"] for one in asks(summer.supervisor, "GET", f"{path}/log/")] == ["confirmed"]
        asks(student, "POST", f"{path}/notes/", {"kind": "incident", "text": "Fell"}, status=201)
        [note] = asks(summer.mentor, "GET", f"{path}/notes/")
        settle = {"note": note["id"], "settlement": "Talked"}
        asks(summer.mentor, "POST", f"{path}/notes/settle/", settle, status=403)
        assert asks(summer.coordinator, "POST", f"{path}/notes/settle/", settle)["settlement"] == "Talked"
        scores = dict.fromkeys(("guidance", "tasks", "conditions"), 5)
        asks(student, "POST", f"{path}/evaluate/", {"scores": scores}, status=201)
        assert len(asks(student, "GET", f"{path}/evaluations/")) == 1
        assert asks(summer.mentor, "GET", f"{path}/evaluations/") == []  # both, when both are in
        assert asks(summer.coordinator, "GET", f"cohorts/{summer.cohort.pk}/board/?late=true")["results"] == []
        asks(summer.coordinator, "GET", f"cohorts/{summer.cohort.pk}/board/?late=maybe", status=400)


def test_a_posting_tells_all_that_may_be_changed_of_it_and_an_application_its_questions(summer):
    page, student = f"postings/{summer.posting.pk}/", summer.student()
    tag, moment = {"If-Match": as_(summer.host).get(f"{API}/{page}")["ETag"]}, "2199-01-01T00:00:00Z"
    asks(summer.host, "PATCH", page, {"closes_at": moment}, status=422, **tag)
    moment = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    question = {"key": "q1", "label": "Which corpus?", "required": True}
    sent = {"closes_at": moment.isoformat(), "audience": "chosen", "universities": [summer.university.slug]}
    told = asks(summer.host, "PATCH", page, sent | {"questions": [question]}, **tag)
    assert told["closes_at"] == told["takes_until"] and told["universities"] == [summer.university.slug]
    assert told["project"] == summer.joint.project.slug
    assert asks(student, "GET", page)["project"] is None, "the page does not tell it either"
    asks(summer.host, "POST", f"{page}move/", {"move": "withdraw", "reason": "No money"})
    assert asks(summer.host, "GET", page)["reason"] == "No money"

    asked = summer.offer(title="Asks", questions=[question])
    made = asks(student, "POST", f"postings/{asked.pk}/apply/", {}, status=201)
    tag = {"If-Match": etag_of(made["id"], made["version"])}
    sent = {"statement": "Me", "answers": {"q1": "Letters"}, "questions_version": asked.questions_version}
    asks(student, "PATCH", f"applications/{made['id']}/", sent, **tag)
    asks(student, "POST", f"applications/{made['id']}/submit/")
    told = asks(summer.host, "GET", f"applications/{made['id']}/")
    assert (told["answers"], told["questions"]) == ({"q1": "Letters"}, [question])

    counted = queries(as_(summer.host), f"{API}/postings/")
    for number in range(4):
        summer.offer(title=f"Place {number}", audience="chosen", universities=[summer.university])
    assert queries(as_(summer.host), f"{API}/postings/") == counted
