"""What those who lead placements for an organisation find: what waits for them, all their interns, and as a file."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collab.access.roles import Role
from collab.agreements.services import draft_agreement, draft_version, send_for_signature
from collab.audit.models import AuditEvent
from collab.courses.certificates.models import Certificate, IssuerKey
from collab.inbox.models import Notification
from collab.internships.api.placement_shapes import PlacementDetail, PlacementSerializer
from collab.internships.models import Evaluation, LogEntry, Placement, PlacementNote
from collab.internships.placements.attesting import attest_placement
from collab.internships.placements.caring import answer_log, evaluate, write_log
from collab.internships.placements.points import move_check_point
from collab.internships.placements.reminding import remind
from collab.internships.placements.services import edit_placement
from collab.internships.programmes.services import add_check_point
from collab.internships.standing import projects_told
from collab.projects.services import create_project
from tests.cast import employ, organisation, person
from tests.collab.internships.season import Season, season
from tests.pages import as_, queries, text

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


def visiting(summer: Season):
    """The programme of Riverside takes a student of another university, which leads the placement; its coordinator."""
    other = organisation("Harbour University")
    theirs = employ(person("Their Coordinator"), other, Role.COORDINATOR)
    student = employ(person("Zoe"), other, Role.STUDENT)
    placement = summer.accepted(student)
    assert placement.university == other
    return placement, theirs


def test_the_programme_sees_and_reminds_those_of_another_university_and_changes_nothing(summer):
    placement, theirs = visiting(summer)
    Placement.objects.filter(pk=placement.pk).update(
        state="onboarded", approved_by_host=summer.host, approved_by_university=theirs
    )
    LogEntry.objects.create(placement=placement, day=placement.starts_on, hours=7, text="Secret work")
    PlacementNote.objects.create(placement=placement, kind="incident", author=placement.student, text="Secret fall")
    page, api = placement.get_absolute_url(), f"/api/v1/placements/{placement.pk}/"
    browser = as_(summer.coordinator)
    board = text(browser.get(f"{summer.cohort.get_absolute_url()}board/"))
    assert page in board and browser.get(page).status_code == 200 and browser.get(api).status_code == 200
    shown = text(browser.get(page))
    assert "Secret" not in shown and f"{page}notes/" not in shown and f"{page}remind/" in shown
    assert browser.get(f"{api}log/").json() == browser.get(f"{api}notes/").json() == []
    assert "Secret work" in text(as_(theirs).get(page)) and "Secret fall" in text(as_(theirs).get(page))
    Notification.objects.all().delete()
    assert (browser.post(f"{api}remind/").status_code, browser.post(f"{page}remind/").status_code) == (200, 302)
    assert Notification.objects.filter(person=theirs).exists()
    moved = browser.post(f"{api}move/", {"move": "terminate", "reason": "Mine"}, "application/json")
    assert (moved.status_code, browser.get(f"{page}move/").status_code) == (403, 403)
    assert browser.post(f"{api}notes/", {"kind": "check_in", "text": "?"}, "application/json").status_code == 403
    refused = browser.post(f"/api/v1/cohorts/{summer.cohort.pk}/move/", {"move": "close"}, "application/json")
    assert refused.status_code == 409 and placement.get_absolute_url() in text(refused)


def test_the_programme_reads_neither_why_a_check_point_moved_nor_which_project_it_is(summer):
    placement, theirs = visiting(summer)
    elsewhere = create_project(title="Cygnus", lead_organisation=summer.company, by=summer.joint.engineer)
    Placement.objects.filter(pk=placement.pk).update(project=elsewhere, supervisor=theirs)
    placement.refresh_from_db()
    point = add_check_point(
        cohort=summer.cohort, kind="feedback", name="Half way", due_on=placement.starts_on + timedelta(days=20),
        by=summer.coordinator,
    )  # fmt: skip
    later = placement.starts_on + timedelta(days=30)
    move_check_point(placement=placement, check_point=point, due_on=later, reason="An illness", by=theirs)
    page, api = placement.get_absolute_url(), f"/api/v1/placements/{placement.pk}/"
    for user, told in ((summer.coordinator, False), (theirs, True), (placement.student, True)):
        browser = as_(user)
        shown = text(browser.get(page))
        assert (("An illness" in shown), ("Cygnus" in shown)) == (told, told), user
        [row] = browser.get(f"{api}check-points/").json()
        assert (row["due_on"], row["reason"]) == (later.isoformat(), "An illness" if told else ""), user
        assert browser.get(api).json()["project"] == (elsewhere.slug if told else None), user


def test_which_projects_are_told_is_asked_for_the_rows_of_the_page_alone(summer):
    """However many placements an office sees, no more keys are read than are shown."""
    summer.posting = summer.offer(title="Many", places=2, project=summer.joint.project)
    shown, other = (summer.accepted(summer.student(name)) for name in ("First", "Second"))
    request = RequestFactory().get("/")
    request.user = summer.coordinator
    assert {shown.pk, other.pk} == set(projects_told(request.user).values_list("pk", flat=True))
    page = PlacementSerializer([shown], many=True, context={"request": request})
    assert [row["project"] for row in page.data] == [summer.joint.project.slug]
    assert page.child._project_told == {shown.pk}


def test_a_programme_of_another_university_does_not_read_who_has_signed(summer):
    placement, theirs = visiting(summer)
    terms = draft_agreement(
        project=summer.joint.project, reference="INT-1", kind="internship", title="Internship", by=summer.joint.lead
    )
    version = draft_version(
        agreement=terms, text="T", effective_on=timezone.localdate(), by=summer.joint.lead,
        parties=[summer.university, summer.company],
    )  # fmt: skip
    send_for_signature(version=version, by=summer.joint.lead)
    Placement.objects.filter(pk=placement.pk).update(
        state="out_for_signature", agreement=terms, approved_by_host=summer.host, approved_by_university=theirs,
        mentor=summer.mentor,
    )  # fmt: skip
    url = f"/api/v1/placements/{placement.pk}/agreement/"
    assert {
        user.name: as_(user).get(url).status_code
        for user in (summer.coordinator, theirs, summer.host, placement.student, summer.mentor)
    } == {"Coordinator": 404, "Their Coordinator": 200, "Talent Office": 200, "Zoe": 200, "Mentor": 200}


def test_one_person_is_told_of_as_one(summer):
    placement, theirs = visiting(summer)
    Placement.objects.filter(pk=placement.pk).update(
        state="approved", starts_on=timezone.localdate(), approved_by_host=summer.host, approved_by_university=theirs
    )
    to = f"{summer.cohort.get_absolute_url()}remind/"
    assert "Reminded: 1 person." in text(as_(summer.coordinator).post(to, follow=True))


def test_who_reads_the_emergency_contact_is_asked_of_each_row_and_once_for_all(summer):
    """The supervisor of one placement is nobody in the next."""
    summer.posting = summer.offer(title="Many", places=9)
    first, second, third = (summer.accepted(summer.student(name)) for name in ("Ann", "Bo", "Cy"))
    Placement.objects.update(contact_name="A parent", contact_phone="+44 20 123", supervisor=summer.coordinator)
    Placement.objects.filter(pk=second.pk).update(supervisor=summer.supervisor)
    key = IssuerKey.objects.create(kid="K", public_jwk={})
    for number, placement in enumerate((first, second)):
        Certificate.objects.create(
            organisation=summer.university, person=placement.student, recipient_name="A", kind="placement", title="T",
            description="D", criteria="C", state="issued", source_type="collab.placement", source_id=str(placement.pk),
            key=key, issued_at=timezone.now(), credential="C", list_number=1, list_index=number,
        )  # fmt: skip

    def told(user, *placements) -> tuple[list[bool], list[bool], int]:
        request = RequestFactory().get("/")
        request.user = user
        rows = Placement.objects.with_names().filter(pk__in=[one.pk for one in placements])
        rows = list(rows.order_by("student__name"))
        with CaptureQueriesContext(connection) as asked:
            data = PlacementDetail(rows, many=True, context={"request": request}).data
        seen = [one["contact_name"] is not None and one["contact_phone"] is not None for one in data]
        return seen, [one["certificate"] is not None for one in data], len(asked)

    assert told(summer.supervisor, first, second, third)[0] == [False, True, False]
    assert told(second.student, first, second, third)[:2] == ([False, True, False], [False, True, False])
    assert told(summer.coordinator, first, second, third)[:2] == ([True] * 3, [True, True, False])
    assert told(summer.supervisor, first)[2] == told(summer.supervisor, first, second, third)[2]


def test_offices_and_supervisors_reach_all_their_placements(summer):
    first = summer.accepted(summer.student("Ann Archer"))
    summer.posting = summer.offer(title="More work")
    second = summer.accepted(summer.student("Bo Baker"))
    Placement.objects.filter(pk=second.pk).update(state="cancelled", supervisor=summer.supervisor)
    Placement.objects.filter(pk=first.pk).update(supervisor=summer.supervisor)
    list_page, api = "/internships/placements/", "/api/v1/placements/"
    for user in (summer.coordinator, summer.host):
        home = text(as_(user).get("/internships/"))
        assert "Placements of your organisation" in home and "Ann Archer" in home and "Bo Baker" not in home
    for user in (summer.coordinator, summer.host, summer.supervisor):
        browser = as_(user)
        found = {
            query: [name for name in ("Ann Archer", "Bo Baker") if name in text(browser.get(f"{list_page}{query}"))]
            for query in ("", "?going=open", "?going=ended", "?q=archer")
        }
        assert found == {
            "": ["Ann Archer", "Bo Baker"], "?going=open": ["Ann Archer"], "?going=ended": ["Bo Baker"],
            "?q=archer": ["Ann Archer"],
        }  # fmt: skip
        for query, expected in (("?open=true", first), ("?open=false", second), ("?search=baker", second)):
            assert [row["id"] for row in browser.get(f"{api}{query}").json()["results"]] == [str(expected.pk)]
    outsider = text(as_(person("Nobody")).get(list_page))
    assert "Ann Archer" not in outsider and "Placements of your organisation" not in outsider
    browser = as_(summer.coordinator)
    counted = [queries(browser, url) for url in (list_page, "/internships/")]
    summer.posting = summer.offer(title="Even more work")
    summer.accepted(summer.student("Cy"))
    assert [queries(browser, url) for url in (list_page, "/internships/")] == counted


def test_programmes_are_begun_by_universities_alone(summer):
    assert "programmes/new/" in text(as_(summer.coordinator).get("/internships/"))
    assert "programmes/new/" not in text(as_(summer.host).get("/internships/"))


def test_a_side_that_never_evaluates_keeps_nobody_from_completing_for_a_reason(summer):
    student = summer.student("Ann")
    placement = summer.ready(student)
    with time_machine.travel(placement.begins_at + timedelta(days=9), tick=False):
        entry = write_log(placement=placement, day=placement.starts_on, hours=Decimal(7), text="Read", by=student)
        answer_log(entry=entry, confirm=True, by=summer.mentor)
        evaluate(placement=placement, scores={"guidance": 1, "tasks": 4, "conditions": 4}, by=student, comment="Never")
    late = placement.is_over_at + timedelta(days=14)
    api, page = f"/api/v1/placements/{placement.pk}/", placement.get_absolute_url()
    sent = {"move": "complete", "reason": "The mentor left"}
    with time_machine.travel(late - timedelta(seconds=1), tick=False):
        refused = as_(summer.coordinator).post(f"{api}move/", sent, "application/json")
        assert refused.status_code == 409 and "no_evaluations" in text(refused)
    with time_machine.travel(late, tick=False):
        browser = as_(summer.coordinator)
        refused = browser.post(f"{api}move/", {"move": "complete"}, "application/json")
        assert refused.status_code == 409 and "evaluation_late" in text(refused)
        assert "With a reason it is completed all the same." in text(browser.get(page))
        assert browser.post(f"{page}move/", sent).status_code == 302
        placement.refresh_from_db()
        assert (placement.state, placement.reason) == ("completed", "The mentor left")
        assert AuditEvent.objects.get(verb="placement.complete").data["evaluations"] == 1
        assert not Evaluation.objects.published().exists()
        assert "Never" not in text(as_(summer.mentor).get(page)) + text(browser.get(page))
        attest_placement(placement=placement, by=summer.coordinator)
        assert "both sides" not in Certificate.objects.get().criteria


def two_late(summer: Season):
    """Two placements of one mentor that should have begun and are not signed, and a third in which nothing is late."""
    rows = []
    for name in ("Ann", "Bo"):
        summer.posting = summer.offer(title=f"Work of {name}")
        rows.append(summer.accepted(summer.student(name)))
    Placement.objects.filter(pk__in=[row.pk for row in rows]).update(mentor=summer.mentor)
    return rows


def test_all_that_are_late_are_reminded_each_once(summer):
    first, second = two_late(summer)
    board, api = f"{summer.cohort.get_absolute_url()}board/", f"/api/v1/cohorts/{summer.cohort.pk}/remind/"
    assert as_(summer.coordinator).post(api).status_code == 409, "nothing is late"
    with time_machine.travel(first.begins_at + timedelta(days=1), tick=False):
        browser = as_(summer.coordinator)
        url = f"{summer.cohort.get_absolute_url()}remind/"
        assert url in text(browser.get(f"{board}?show=late")) and url not in text(browser.get(board))
        Notification.objects.all().delete()
        assert browser.post(api).json() == {"people": 1}
        note = Notification.objects.get()
        assert note.person == summer.host and "2 placements" in note.title and note.url.endswith("/placements/")
        assert AuditEvent.objects.get(verb="cohort.remind_all").data["n"] == 2
        Placement.objects.filter(pk=second.pk).update(state="cancelled")
        Notification.objects.all().delete()
        assert browser.post(url).status_code == 302
        assert Notification.objects.get().url == first.get_absolute_url()
        for user in (summer.host, first.student):
            assert as_(user).post(api).status_code == 403


def test_the_board_is_a_table_with_applications_placements_and_what_is_late(summer):
    waits = summer.apply(summer.student("Cy"))
    first, _second = two_late(summer)
    file = f"{summer.cohort.get_absolute_url()}board.csv"
    with time_machine.travel(first.begins_at + timedelta(days=1), tick=False):
        browser = as_(summer.coordinator)
        content = browser.get(file).content.decode("utf-8-sig")
        head, *lines = csv.reader(io.StringIO(content))
        assert [line[0] for line in lines] == ["Ann", "Bo", "Cy"]
        ann, cy = dict(zip(head, lines[0], strict=True)), dict(zip(head, lines[2], strict=True))
        assert (ann["Mentor"], ann["Late"]) == ("Mentor", "should have begun, and is not signed")
        assert (ann["Host"], ann["Waits for"]) == ("Northwind", "Northwind")
        assert (cy["Placement"], cy["Late"], cy["Posting"]) == ("", "", waits.posting.title)
        counted = queries(browser, file)
        Placement.objects.all().delete()
        assert queries(browser, file) == counted
    assert as_(summer.host).get(file).status_code == 403
