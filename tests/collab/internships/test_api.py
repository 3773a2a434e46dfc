"""Internships through the API alone: from the programme to the confirmed log book, each step by who does it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from collab.accounts.models import Membership
from collab.inbox.models import Notification
from collab.internships.models import Application, Placement, Posting, StudentSignature
from collab.internships.placements.signing import version_to_sign
from collab.projects.services.parties import leave_party
from collab.web.api import etag_of
from tests.cast import employ
from tests.collab.internships.season import PDF, PNG, Season, season, sign_parties
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


# --- what somebody tries who wants more than is theirs
SECOND = timedelta(seconds=1)


def draft_of(student: Any, summer: Season) -> str:
    """The path of a draft with a statement, made through the API."""
    made = asks(student, "POST", f"postings/{summer.posting.pk}/apply/", {}, status=201)
    tag = etag_of(made["id"], made["version"])
    asks(student, "PATCH", f"applications/{made['id']}/", {"statement": "Because"}, **{"If-Match": tag})
    return f"applications/{made['id']}/"


def test_a_second_past_each_end_is_too_late(summer):
    student, cohort = summer.student("Ann"), summer.cohort
    path, order = draft_of(student, summer), f"cohorts/{cohort.pk}/rank/"
    with time_machine.travel(cohort.closes_at + SECOND, tick=False):
        assert asks(student, "POST", f"{path}submit/", status=409)["code"] == "too_late"
        late = summer.student("Late")
        assert asks(late, "POST", f"postings/{summer.posting.pk}/apply/", {}, status=409)["code"] == "too_late"
        assert asks(student, "GET", path)["state"] == "draft"
    with time_machine.travel(cohort.closes_at, tick=False):
        assert asks(student, "POST", f"{path}submit/")["state"] == "applied"
    with time_machine.travel(cohort.ranking_ends_at + SECOND, tick=False):
        own = {"order": [path.split("/")[1]]}
        assert asks(student, "POST", order, own, status=409)["code"] == "ranking_closed"
        theirs = f"postings/{summer.posting.pk}/rank/"
        assert asks(summer.host, "POST", theirs, own, status=409)["code"] == "ranking_closed"
        asks(summer.host, "POST", f"{path}decide/", {"move": "offer"})
    row = Application.objects.get(candidate=student)
    with time_machine.travel(row.offer_ends_at + SECOND, tick=False):
        assert asks(student, "POST", f"{path}answer/", {"accept": True}, status=409)["code"] == "offer_expired"
    with time_machine.travel(row.offer_ends_at, tick=False):
        assert asks(student, "POST", f"{path}answer/", {"accept": True})["state"] == "accepted"


def test_the_last_seat_is_offered_and_taken_once(summer):
    ann, bo = summer.student("Ann"), summer.student("Bo")
    first, second = (f"applications/{summer.apply(one).pk}/" for one in (ann, bo))
    asks(summer.host, "POST", f"{first}decide/", {"move": "offer"})
    assert asks(summer.host, "POST", f"{second}decide/", {"move": "offer"}, status=409)["code"] == "no_seat"
    asks(bo, "POST", f"{first}answer/", {"accept": True}, status=404)
    asks(ann, "POST", f"{first}answer/", {"accept": True})
    asks(ann, "POST", f"{first}answer/", {"accept": True}, status=409)
    asks(ann, "POST", f"{first}withdraw/", {}, status=409)
    assert Placement.objects.count() == 1
    assert asks(summer.host, "POST", f"{second}decide/", {"move": "offer"}, status=409)["code"] == "no_seat"


def test_ranks_do_not_repeat_and_name_what_is_ones_own_and_goes_on(summer):
    ann, bo = summer.student("Ann"), summer.student("Bo")
    mine, theirs = summer.apply(ann), summer.apply(bo)
    own, board = f"cohorts/{summer.cohort.pk}/rank/", f"postings/{summer.posting.pk}/rank/"
    for user, path in ((ann, own), (summer.host, board)):
        refused = asks(user, "POST", path, {"order": [str(mine.pk), str(mine.pk)]}, status=422)
        assert refused["field"] == "order"
    asks(ann, "POST", own, {"order": [str(mine.pk), str(theirs.pk)]}, status=404)
    asks(ann, "POST", board, {"order": [str(mine.pk)]}, status=403)
    asks(summer.coordinator, "POST", board, {"order": [str(mine.pk)]}, status=403)
    asks(ann, "POST", f"applications/{mine.pk}/withdraw/", {})
    asks(ann, "POST", own, {"order": [str(mine.pk)]}, status=422)
    asks(summer.host, "POST", board, {"order": [str(mine.pk), str(theirs.pk)]}, status=422)
    for move in ("offer", "shortlist", "reject"):
        asks(summer.host, "POST", f"applications/{mine.pk}/decide/", {"move": move, "reason": "R"}, status=409)
    again = draft_of(ann, summer)
    asks(ann, "POST", f"{again}submit/")
    asks(ann, "POST", f"{again}withdraw/", {})
    asks(ann, "POST", f"postings/{summer.posting.pk}/apply/", {}, status=409)
    assert set(Application.objects.values_list("choice", "rank")) == {(None, None)}


def test_of_a_rival_nothing_is_read_and_nothing_done_to_them(summer):
    ann, bo = summer.student("Ann"), summer.student("Bo")
    row = summer.apply(ann)
    summer.apply(bo)
    path = f"applications/{row.pk}/"
    assert [one["candidate"]["name"] for one in asks(bo, "GET", "applications/")["results"]] == ["Bo"]
    for part in ("", "history/", "interviews/", "reviews/", "documents/1/"):
        asks(bo, "GET", f"{path}{part}", status=404)
    for part, body in (
        ("submit/", None), ("withdraw/", {}), ("answer/", {"accept": False}), ("decide/", {"move": "reject"}),
        ("review/", {"score": 1}), ("interviews/choose/", {"moment": "2099-01-01T09:00:00Z"}),
        ("interviews/decline/", {"reason": "Mine"}),
    ):  # fmt: skip
        asks(bo, "POST", f"{path}{part}", body, status=404)
    asks(ann, "POST", f"{path}decide/", {"move": "offer"}, status=403)
    asks(ann, "POST", f"{path}review/", {"score": 10}, status=403)
    assert Application.objects.get(pk=row.pk).state == "applied"


def test_no_step_of_a_placement_is_skipped(summer):
    placement = summer.accepted(summer.student("Ann"))
    student, path, day = placement.student, f"placements/{placement.pk}/", str(timezone.localdate())
    sign = {"typed_name": student.name, "document_sha256": "0" * 64}
    tried = (
        (summer.coordinator, "agreement/", {"governing_law": "Scotland"}),
        (summer.coordinator, "agreement/change/", {"hours": 20, "reason": "R"}),
        (summer.coordinator, "agreement/take-back/", None),
        (student, "agreement/sign/", sign), (student, "agreement/decline/", {"reason": "R"}),
        (summer.coordinator, "onboard/", None), (summer.coordinator, "certificate/", None),
        *((summer.coordinator, "move/", {"move": move, "reason": "R"})
          for move in ("suspend", "resume", "complete", "terminate", "fail")),
        (student, "log/", {"day": day, "hours": "7", "text": "Read"}),
        (student, "evaluate/", {"scores": dict.fromkeys(("guidance", "tasks", "conditions"), 5)}),
        (summer.coordinator, "approve/", {"organisation": summer.university.slug, "approve": True}),
    )  # fmt: skip
    for user, part, body in tried:
        asks(user, "POST", f"{path}{part}", body, status=409)
    asks(student, "POST", f"{path}approve/", {"organisation": summer.university.slug, "approve": True}, status=403)
    asks(student, "GET", f"{path}signed/", status=409)
    assert asks(student, "GET", path)["state"] == "proposed" and not placement.log.exists()


def test_nobody_is_their_own_mentor_and_who_left_the_host_guides_no_more(summer):
    placement = summer.ready(summer.student("Ann"))
    student, path = placement.student, f"placements/{placement.pk}/"
    changed = {"mentor": str(student.pk), "reason": "R"}
    asks(summer.host, "POST", f"{path}mentor/", changed, status=404)  # a person whom the host does not see
    employ(student, summer.company)  # even when the host employs the student
    assert asks(summer.host, "POST", f"{path}mentor/", changed, status=422)["field"] == "mentor"
    asks(student, "POST", f"{path}mentor/", changed, status=403)
    with time_machine.travel(placement.begins_at + timedelta(hours=9), tick=False):
        day = str(timezone.localdate())
        asks(student, "POST", f"{path}log/", {"day": day, "hours": "7", "text": "Read"}, status=201)
        for user in (student, summer.supervisor):
            asks(user, "POST", f"{path}log/answer/", {"day": day, "confirm": True}, status=403)
            asks(user, "POST", f"{path}log/confirm/", {"days": [day]}, status=403)
        Membership.objects.filter(user=summer.mentor).update(ends_at=timezone.now())
        asks(summer.mentor, "POST", f"{path}log/answer/", {"day": day, "confirm": True}, status=404)
        asks(summer.mentor, "POST", f"{path}evaluate/", {"scores": {"work": 5}}, status=404)
    assert placement.log.get().state == "submitted"


def test_what_a_party_that_left_was_to_sign_is_signed_by_nobody(summer):
    placement = summer.approved(summer.described(summer.accepted(summer.student("Ann"))))
    student, path = placement.student, f"placements/{placement.pk}/"
    asks(summer.coordinator, "POST", f"{path}agreement/", {"governing_law": "Scotland"}, status=201)
    sign = {"typed_name": student.name, "document_sha256": asks(student, "GET", f"{path}agreement/")["sha256"]}
    party = summer.joint.project.parties.get(organisation=summer.company)
    leave_party(party=party, by=summer.joint.lead)
    asks(student, "POST", f"{path}agreement/sign/", sign, status=409)
    assert asks(student, "GET", path)["state"] == "approved" and not StudentSignature.objects.exists()
    again = asks(summer.coordinator, "POST", f"{path}agreement/", {"governing_law": "Scotland"}, status=409)
    assert "not_parties" in {one["code"] for one in again["missing"]}


def test_dates_and_texts_that_cannot_be_meant(summer):
    facts = {
        "cohort": str(summer.cohort.pk), "host": summer.company.slug, "title": "{{7*7}} ${jndi:x}", "duties": "D",
        "place": "Leith", "starts_on": "2027-07-01", "ends_on": "2027-09-01",
    }  # fmt: skip
    for field, value, status in (
        ("ends_on", "2027-06-01", 422), ("ends_on", "9999-01-01", 400), ("starts_on", "2027-02-29", 400),
        ("closes_at", "2027-06-01T23:59:00", 400), ("title", "\u200b\u200b", 422), ("title", " ", 400),
        ("duties", "a" + "\u0301" * 100_000, 400), ("place", "Leith\r\nBcc: all", 422), ("pay", "-1", 400),
    ):  # fmt: skip
        refused = asks(summer.host, "POST", "postings/", facts | {field: value}, status=status)
        assert refused["field"] == field, (field, refused)
    asks(summer.host, "POST", "postings/", facts | {"duties": "a" + "\u0301" * 1_000_000}, status=413)
    day = timezone.localdate() + timedelta(days=5)
    last = {"closes_at": f"{day}T23:59:00+14:00"}  # in Kiritimati
    made = asks(summer.host, "POST", "postings/", facts | last, status=201)
    assert made["title"] == "{{7*7}} ${jndi:x}"
    assert Posting.objects.get(pk=made["id"]).closes_at.isoformat() == f"{day}T09:59:00+00:00"


def test_a_document_that_is_too_large_or_something_else_is_refused(summer, settings):
    path = f"{API}/{draft_of(summer.student('Ann'), summer)}documents/"
    student = as_(Application.objects.get().candidate)

    def sent(content: bytes) -> tuple[int, str]:
        file = SimpleUploadedFile("cv.pdf", content, "application/pdf")
        answer = student.post(path, {"kind": "cv", "file": file})
        return answer.status_code, answer.json()["field"]

    assert sent(PNG) == (415, "file")
    settings.APPLICATION_FILE_MAX_BYTES = 10
    assert sent(PDF) == (413, "file")
    assert not Application.objects.get().documents.exists()
