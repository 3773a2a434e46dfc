"""Pages of internships: what each person finds, the same queries however many there are, and no door left open."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone, translation

from collab.access.roles import Role
from collab.accounts.models import User
from collab.courses.library.services import add_resource, links_of
from collab.inbox.models import Notification, Obligation
from collab.internships.applications.deciding import (
    ask_reviewers,
    give_review,
    make_offer,
    propose_times,
    rank_students,
)
from collab.internships.applications.rounds import run_matching
from collab.internships.applications.services import answer_offer, begin_application, choose_time, rank_choices
from collab.internships.applications.tasks import pass_dates_task
from collab.internships.models import Application, Posting
from collab.internships.placements.caring import evaluate, write_log
from collab.internships.placements.points import move_check_point
from collab.internships.placements.reminding import remind
from collab.internships.placements.services import change_mentor
from collab.internships.placements.signing import draft_learning_agreement, sign_as_student, version_to_sign
from collab.internships.programmes.questions import said_label
from collab.internships.programmes.services import (
    add_check_point,
    drop_check_point,
    edit_posting,
    move_cohort,
    move_posting,
)
from collab.internships.reading import hosts_of
from collab.kernel.errors import ConflictError, InvalidError
from tests.cast import employ, organisation, person
from tests.collab.internships.season import PDF, Season, posting_facts, season, sign_parties
from tests.pages import as_, hidden, queries, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def summer(aurora) -> Season:
    return season(aurora)


def table(response) -> list[list[str]]:  # type: ignore[no-untyped-def]
    """The lines of a CSV that came back."""
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_from_the_public_page_to_the_application(summer, client):
    hidden = summer.offer(title="Chosen only", audience="chosen", universities=[summer.university])
    public = text(client.get("/internships/open/"))
    assert "Corpus work" in public and "Chosen only" not in public
    assert client.get(f"/internships/open/{hidden.pk}/").status_code == 404
    assert "Corpus work" in text(client.get(f"/internships/open/{summer.posting.pk}/"))
    student = summer.student()
    browser = as_(student)
    edit = browser.post(f"{summer.posting.get_absolute_url()}apply/")["Location"]
    draft = Application.objects.get(candidate=student)
    assert edit == f"{draft.get_absolute_url()}edit/"
    bad = browser.post(
        f"{draft.get_absolute_url()}documents/", {"kind": "cv", "file": SimpleUploadedFile("cv.pdf", b"MZ")}
    )
    assert bad.status_code == 415
    good = browser.post(
        f"{draft.get_absolute_url()}documents/", {"kind": "cv", "file": SimpleUploadedFile("cv.pdf", PDF)}
    )
    assert good.status_code == 302
    file = f"{draft.get_absolute_url()}documents/{draft.documents.get().pk}/"
    sent = {"statement": "Me", "version": draft.version, "questions_version": 1, "send": "1"}
    assert browser.post(edit, sent).status_code == 302
    draft.refresh_from_db()
    assert draft.state == "applied"
    assert as_(summer.host).get(file).status_code == 200
    assert as_(summer.student("Rival")).get(file).status_code == 404
    assert "Student" in text(as_(summer.host).get(f"{summer.posting.get_absolute_url()}board/"))


def test_the_board_asks_as_often_for_five_thousand_as_for_none(summer):
    browser = as_(summer.coordinator)
    board = f"{summer.cohort.get_absolute_url()}board/"
    summer.ready(summer.student())
    counted = [queries(browser, f"{board}{query}") for query in ("", "?show=applications", "?show=late")]
    many(summer, postings=200, students=25)
    assert Application.objects.count() > 5000
    after = [queries(browser, f"{board}{query}") for query in ("", "?show=applications", "?show=late")]
    assert after == counted
    api = queries(browser, f"/api/v1/applications/?cohort={summer.cohort.pk}")
    assert queries(browser, f"/api/v1/applications/?cohort={summer.cohort.pk}&page_size=100") == api
    assert queries(browser, f"{summer.cohort.get_absolute_url()}report/") < 25


def test_coordinators_look_at_the_pairs_before_they_confirm_and_drop_a_rule(summer):
    student, rival = summer.student("Ann"), summer.student("Bo")
    mine, other = summer.apply(student), summer.apply(rival)
    for row in (mine, other):
        rank_choices(cohort=summer.cohort, order=[row], by=row.candidate)
    rank_students(posting=summer.posting, order=[other, mine], by=summer.host)
    page, api, browser = summer.cohort.get_absolute_url(), "/api/v1/", as_(summer.coordinator)
    sent = {"application": str(mine.pk), "forced": True, "reason": "She began here"}
    made = browser.post(f"{api}pair-rules/", sent, "application/json")
    assert made.status_code == 201, made.content
    assert "She began here" in text(browser.get(f"{page}board/"))
    with time_machine.travel(summer.cohort.ranking_ends_at + timedelta(seconds=1)):
        run_matching(cohort=summer.cohort, by=summer.coordinator)
        browser = as_(summer.coordinator)
        assert "set by a rule" in text(browser.get(f"{page}pairs/"))
        dropped = browser.post(f"{page}rules/{made.json()['id']}/drop/")
        assert dropped.status_code == 302 and not summer.cohort.pair_rules.exists()
        assert browser.post(f"{api}cohorts/{summer.cohort.pk}/match/").status_code == 201
        found = browser.get(f"{api}cohorts/{summer.cohort.pk}/pairs/").json()["results"]
        told = [(one["student"]["name"], one["choice"], one["rank"], one["outcome"]) for one in found]
        assert told == [("Bo", 1, 1, "matched"), ("Ann", 1, 2, "full")]
        for user in (summer.host, student):
            assert as_(user).get(f"{page}pairs/").status_code in {403, 404}
        for number, status in ((1, 409), (2, 200)):
            sent = {"number": number}
            response = browser.post(f"{api}cohorts/{summer.cohort.pk}/confirm/", sent, "application/json")
            assert response.status_code == status, response.content
    assert Application.objects.get(pk=other.pk).state == "offered"


def test_what_is_evaluated_is_written_on_the_page_and_through_the_api(summer):
    browser, programme = as_(summer.coordinator), summer.cohort.programme
    page = f"/internships/programmes/{programme.pk}/edit/"
    assert "Guidance by the mentor |  | 3" in text(browser.get(page))
    sent = {"name": programme.name, "version": programme.version, "about_intern": "Craft | 手艺 | 2\nCare | 1"}
    bad = browser.post(page, sent | {"about_host": "Guidance by the mentor"})
    assert bad.status_code == 422
    assert browser.post(page, sent | {"about_host": "Guidance by the mentor | 1"}).status_code == 302
    programme.refresh_from_db()
    kept = [(one["key"], one["label"], one.get("label_zh", ""), one["weight"]) for one in programme.criteria]
    assert kept == [
        ("intern_1", "Craft", "手艺", 2), ("intern_2", "Care", "", 1), ("guidance", "Guidance by the mentor", "", 1)
    ]  # fmt: skip
    with translation.override("zh-hans"):
        assert said_label(programme.criteria[0]) == "手艺"
    api = f"/api/v1/programmes/{programme.pk}/"
    criteria = [{"key": "a", "about": "intern", "label": "A", "weight": 1}]
    tag = {"If-Match": browser.get(api)["ETag"]}
    assert browser.patch(api, {"criteria": criteria}, "application/json", headers=tag).status_code == 422
    criteria.append({"key": "b", "about": "host", "label": "B", "weight": 2})
    done = browser.patch(api, {"criteria": criteria}, "application/json", headers=tag)
    assert done.status_code == 200 and done.json()["criteria"] == criteria, done.content


def test_those_who_take_part_read_what_was_signed(summer):
    placement = summer.approved(summer.described(summer.accepted(summer.student())))
    page, api = f"{placement.get_absolute_url()}signed/", f"/api/v1/placements/{placement.pk}/signed/"
    assert as_(placement.student).get(page).status_code == as_(placement.student).get(api).status_code == 409
    placement = summer.signed(placement)
    for user in (placement.student, summer.mentor, summer.supervisor):
        assert page in text(as_(user).get(placement.get_absolute_url()))
        assert "A talk every second week" in text(as_(user).get(page))
        assert as_(user).get(api).json()["student"]["name"] == placement.student.name
    assert as_(summer.student("Rival")).get(page).status_code == 404


def test_days_far_away_are_refused(summer):
    with pytest.raises(InvalidError):
        add_check_point(
            cohort=summer.cohort, kind="feedback", name="Half", due_on=date(9999, 1, 1), by=summer.coordinator
        )
    with pytest.raises(InvalidError):
        propose_times(
            application=summer.apply(summer.student()), times=[datetime(9000, 1, 1, tzinfo=UTC)], by=summer.host
        )


def test_what_helps_to_prepare_stands_on_the_posting(summer):
    book = add_resource(
        organisation=summer.company, kind="book", title="On corpora", link="https://books.example/1", by=summer.host
    )
    page = summer.posting.get_absolute_url()
    student = as_(summer.student())
    assert student.post(f"{page}resources/", {"resource": book.pk}).status_code == 403
    assert as_(summer.host).post(f"{page}resources/", {"resource": book.pk, "note": "Chapter 2"}).status_code == 302
    assert "On corpora" in text(student.get(page)) and "Chapter 2" in text(student.get(page))
    [link] = links_of(summer.posting)
    assert as_(summer.host).post(f"{page}resources/", {"remove": link.pk}).status_code == 302
    assert "On corpora" not in text(student.get(page))

    api = "/api/v1/resource-links/"
    sent = {"resource": str(book.pk), "subject_type": "collab.posting", "subject": str(summer.posting.pk)}
    made = as_(summer.host).post(api, sent, "application/json")
    assert made.status_code == 201, made.content
    assert student.delete(f"{api}{made.json()['id']}/").status_code == 403
    assert as_(summer.host).delete(f"{api}{made.json()['id']}/").status_code == 204
    assert not links_of(summer.posting).exists()


def test_the_board_says_what_is_late_and_reminds(summer):
    placement = summer.ready(summer.student())
    day = summer.cohort.starts_on + timedelta(days=3)
    add_check_point(cohort=summer.cohort, kind="check_in", name="First", due_on=day, by=summer.coordinator)
    with time_machine.travel(placement.begins_at + timedelta(days=9), tick=False):
        page = text(as_(summer.coordinator).get(f"{summer.cohort.get_absolute_url()}board/?show=late"))
        assert "check-in" in page
        assert remind(placement=placement, by=summer.coordinator) == ["check-in"]
    assert as_(summer.host).get(f"{summer.cohort.get_absolute_url()}board/").status_code == 403


def many(summer: Season, *, postings: int, students: int) -> None:
    users = User.objects.bulk_create(User(email=f"s{n}@example.org", name=f"Student {n}") for n in range(students))
    facts = posting_facts() | {"cohort": summer.cohort, "organisation": summer.company, "state": "published"}
    rows = Posting.objects.bulk_create(
        Posting(**(facts | {"title": f"Place {n}", "created_by": summer.host})) for n in range(postings)
    )
    Application.objects.bulk_create(
        Application(
            posting=row, cohort=summer.cohort, candidate=user, university=summer.university, state="applied",
            submitted_at=timezone.now(),
        )
        for row in rows
        for user in users
    )  # fmt: skip


def test_a_check_point_is_moved_for_one_intern_with_its_reason(summer):
    placement = summer.ready(summer.student("Ann"))
    day = summer.cohort.starts_on + timedelta(days=3)
    point = add_check_point(cohort=summer.cohort, kind="check_in", name="First", due_on=day, by=summer.coordinator)
    assert Obligation.objects.open().get(source_id=str(point.pk)).due_on == day
    url = f"{placement.get_absolute_url()}check-points/{point.pk}/"
    browser = as_(summer.coordinator)
    later = day + timedelta(days=30)
    assert browser.post(url, {"due_on": later, "reason": ""}).status_code == 422
    assert browser.post(url, {"due_on": later, "reason": "Exams come first."}).status_code == 302
    shown = text(as_(placement.student).get(placement.get_absolute_url()))
    assert "Exams come first." in shown and f"check-points/{point.pk}" not in shown, "whoever leads it moves dates"
    assert as_(placement.student).post(url, {"due_on": day, "reason": "No."}).status_code == 403

    board = f"{summer.cohort.get_absolute_url()}board/?show=late"
    with time_machine.travel(placement.begins_at + timedelta(days=9), tick=False):
        assert "Ann" not in text(as_(summer.coordinator).get(board))
    with time_machine.travel(placement.begins_at + timedelta(days=40), tick=False):
        assert "Ann" in text(as_(summer.coordinator).get(board))
        assert remind(placement=placement, by=summer.coordinator) == ["check-in"]
    moved = placement.moved_points.get()
    assert Obligation.objects.open().get(source_id=str(moved.pk)).due_on == later
    with pytest.raises(ConflictError, match="moved for an intern"):
        drop_check_point(point=point, by=summer.coordinator)
    move_check_point(placement=placement, check_point=point, due_on=day, reason="As all.", by=summer.coordinator)
    assert (
        not placement.moved_points.exists() and not Obligation.objects.open().filter(source_id=str(moved.pk)).exists()
    )


def test_the_roster_tells_who_is_where_and_the_calendar_when(summer):
    student = summer.student("Ann")
    placement = summer.ready(student)
    day = summer.cohort.starts_on + timedelta(days=3)
    add_check_point(cohort=summer.cohort, kind="feedback", name="Halfway", due_on=day, by=summer.coordinator)
    page, file = f"{summer.cohort.get_absolute_url()}roster/", f"{summer.cohort.get_absolute_url()}roster.csv"
    browser = as_(summer.coordinator)

    def lines(address: str) -> list[list[str]]:
        return table(as_(summer.coordinator).get(address))

    shown = text(browser.get(page))
    assert "Ann" in shown and "Mentor" in shown and "begins" in shown
    with time_machine.travel(placement.begins_at + timedelta(hours=1), tick=False):
        expected = ["Ann", "Northwind", "Corpus work", "Mentor", "Supervisor", "In progress"]
        assert lines(file)[1][:6] == expected
    with time_machine.travel(placement.begins_at + timedelta(days=2), tick=False):
        assert lines(file)[1][-1] == "Halfway"
    counted = queries(browser, page)
    summer.posting = summer.offer(title="More work")
    summer.accepted(summer.student("Bo"))
    assert queries(browser, page) == counted
    assert as_(summer.host).get(file).status_code == 403

    mine = Obligation.objects.visible_to(summer.coordinator).open()
    assert mine.filter(source_id=str(summer.cohort.pk)).count() == 4
    assert not Obligation.objects.visible_to(summer.supervisor).filter(source_id=str(summer.cohort.pk)).exists()
    with time_machine.travel(placement.begins_at + timedelta(days=4), tick=False):
        pass_dates_task()
    assert [row.kind for row in mine.filter(source_type="collab.cohort")] == ["expiry"], "only the last day lies ahead"


def test_a_refused_application_comes_back_whole_and_can_be_sent_again(summer):
    question = {"key": "q1", "label": "Which corpus?", "required": True}
    facts = {"posting": summer.posting, "by": summer.host}
    posting = edit_posting(**facts, version=summer.posting.version, questions=[question])
    student = summer.student()
    browser, draft = as_(student), begin_application(posting=posting, by=student)
    edit = f"{draft.get_absolute_url()}edit/"
    sent = {"statement": "Me", "version": draft.version, "questions_version": posting.questions_version, "send": "1"}
    refused = browser.post(edit, sent)
    assert refused.status_code == 422
    assert refused.context["form"].errors == {"answer_q1": ["Answer this question."]}
    assert "Saved, but it goes no further yet" in text(refused)
    draft.refresh_from_db()
    assert (draft.statement, draft.state) == ("Me", "draft")

    other = question | {"label": "Which language?"}
    posting = edit_posting(**facts, version=posting.version, questions=[other])
    sent |= {"version": hidden(refused, "version"), "answer_q1": "Old letters"}
    stale = browser.post(edit, sent)
    assert stale.status_code == 412
    assert "Which language?" in text(stale) and "Old letters" in text(stale)
    again = {name: hidden(stale, name) for name in ("version", "questions_version")}
    assert browser.post(edit, sent | again | {"answer_q1": "Scots"}).status_code == 302
    draft.refresh_from_db()
    assert (draft.state, draft.answers) == ("applied", {"q1": "Scots"})


def test_the_host_decides_anew_on_the_page_and_through_the_api(summer):
    row, host = summer.apply(summer.student()), as_(summer.host)
    page, api = f"{row.get_absolute_url()}decide/", f"/api/v1/applications/{row.pk}/decide/"
    student = as_(row.candidate)

    def offered() -> list[str]:
        return [move for move, _word in host.get(page).context["form"].fields["move"].choices]

    assert offered() == ["shortlist", "offer", "reject"]
    assert host.post(page, {"move": "offer"}).status_code == 302
    assert offered() == ["retract"]
    assert "Decide anew" in text(host.get(row.get_absolute_url()))
    assert "Decide anew" not in text(student.get(row.get_absolute_url()))
    assert host.post(page, {"move": "retract", "reason": ""}).status_code == 422
    assert host.post(page, {"move": "retract", "reason": "No money"}).status_code == 302
    assert "No money" in text(student.get(row.get_absolute_url()))
    for move, state in (("reject", "rejected"), ("reconsider", "applied"), ("offer", "offered")):
        told = host.post(api, {"move": move, "reason": "R"}, "application/json")
        assert (told.status_code, told.json()["state"]) == (200, state), told.content
    student.post(f"{row.get_absolute_url()}answer/", {"answer": "decline"})
    assert offered() == ["renew"]
    assert student.post(api, {"move": "renew"}, "application/json").status_code == 403
    assert host.post(api, {"move": "renew"}, "application/json").json()["state"] == "offered"
    student.post(f"{row.get_absolute_url()}answer/", {"answer": "accept"})
    assert host.get(page).status_code == 409


def test_postings_are_searched_and_filtered_in_every_list(summer, client):
    student, now = as_(summer.student()), timezone.now()
    summer.offer(title="Speech", title_zh="语音识别", skills="Kaldi", place="Dundee")
    summer.offer(title="Shut", closes_at=now + timedelta(hours=1))
    home, cohort, public = "/internships/", summer.cohort.get_absolute_url(), "/internships/open/"

    def titles(page: str, query: str) -> set[str]:
        browser = client if page == public else student
        return {row.title for row in browser.get(f"{page}{query}").context["page"]}

    for page in (home, cohort, public):
        for words in ("speech", "语音", "kaldi dundee", "northwind speech"):
            assert titles(page, f"?q={words}") == {"Speech"}, (page, words)
        assert titles(page, "?q=speech leith") == set()
        assert titles(page, "?open=now") == {"Corpus work", "Speech", "Shut"}
        with time_machine.travel(now + timedelta(hours=2), tick=False):
            assert titles(page, "?open=now") == {"Corpus work", "Speech"}
            assert titles(page, "") == {"Corpus work", "Speech", "Shut"}
    assert "No posting fits these filters" in text(student.get(f"{home}?q=nothing"))

    def told(query: str) -> set[str]:
        return {row["title"] for row in student.get(f"/api/v1/postings/?{query}").json()["results"]}

    assert told("q=语音") == {"Speech"} and told("open=false") == set()
    with time_machine.travel(now + timedelta(hours=2), tick=False):
        assert told("open=true") == {"Corpus work", "Speech"} and told("open=false") == {"Shut"}
    urls = [f"{page}?q=work&open=now" for page in (home, cohort)] + ["/api/v1/postings/?q=work&open=true"]
    counted = {url: queries(student, url) for url in urls}
    many(summer, postings=20, students=0)
    for url, count in counted.items():
        assert queries(student, url) == count


def test_what_takes_applications_is_the_same_in_rows_and_in_the_table(summer):
    moments = [summer.cohort.opens_at, summer.cohort.closes_at, timezone.now() + timedelta(hours=1)]
    summer.offer(title="Sooner", closes_at=moments[-1])
    move_posting(posting=summer.offer(title="Closed"), move="close", by=summer.host)
    for moment in moments:
        for second in (-1, 0, 1):
            at = moment + timedelta(seconds=second)
            expected = {row for row in Posting.objects.with_names() if row.takes_applications(at)}
            assert set(Posting.objects.open_at(at)) == expected, at


def test_who_belongs_to_two_universities_says_for_which(summer):
    student = summer.student()
    other = organisation("Third University")
    employ(student, other, Role.STUDENT)
    browser, apply = as_(student), f"{summer.posting.get_absolute_url()}apply/"
    asked = browser.post(apply)
    assert asked.status_code == 200 and "Third University" in text(asked)
    assert browser.post(apply, {"university": organisation("Elsewhere").pk}).status_code == 422
    assert not Application.objects.filter(candidate=student).exists()
    begun = browser.post(apply, {"university": other.pk})
    made = Application.objects.get(candidate=student)
    assert (begun.url, made.university) == (f"{made.get_absolute_url()}edit/", other)


def test_a_ranking_with_a_repeated_number_comes_back_as_it_was_typed(summer):
    rows = [summer.apply(summer.student(name)) for name in ("Ann", "Bo", "Cy")]
    browser, page = as_(summer.host), f"{summer.posting.get_absolute_url()}board/"
    names = [f"rank_{row.pk}" for row in rows]
    again = browser.post(page, dict(zip(names, (7, 7, 2), strict=True)))
    form = again.context["form"]
    assert again.status_code == 422
    assert form.errors == {
        "__all__": ["Nothing is saved yet: look at the rows that are marked."],
        names[0]: ["Give each number once."], names[1]: ["Give each number once."],
    }  # fmt: skip
    assert [form[name].value() for name in names] == ["7", "7", "2"] and text(again).count('value="7"') == 2
    assert browser.post(page, {names[0]: "4000"}).status_code == 422
    assert not Application.objects.exclude(rank=None).exists()
    assert browser.post(page, dict(zip(names, (7, "", 2), strict=True))).status_code == 302
    assert [Application.objects.get(pk=row.pk).rank for row in rows] == [2, None, 1]
    late = summer.cohort.ranking_ends_at + timedelta(seconds=1)
    with time_machine.travel(late, tick=False):
        assert as_(summer.host).post(page, {names[0]: 1}).status_code == 409


def test_choices_with_a_repeated_number_come_back_as_they_were_chosen(summer):
    student = summer.student()
    rows = [summer.apply(student), summer.apply(student, summer.offer(title="Second"))]
    browser, page = as_(student), f"{summer.cohort.get_absolute_url()}rank/"
    names = [f"rank_{row.pk}" for row in rows]
    again = browser.post(page, dict.fromkeys(names, "3"))
    assert again.status_code == 422 and text(again).count('<option value="3" selected>') == 2
    assert text(again).count("Give each number once.") == 2
    assert browser.post(page, {names[0]: "6"}).status_code == 422, "the cohort lets one rank five"
    assert browser.post(page, {names[0]: "2", names[1]: "1"}).url == summer.cohort.get_absolute_url()
    assert [Application.objects.get(pk=row.pk).choice for row in rows] == [2, 1]


def test_a_closed_posting_is_reopened_while_its_time_runs_or_withdrawn(summer):
    waits, page = summer.apply(summer.student()), summer.posting.get_absolute_url()
    api, host = f"/api/v1/postings/{summer.posting.pk}/move/", as_(summer.host)
    assert f"{page}edit/" in text(host.get(page))
    assert host.post(f"{page}move/", {"move": "close"}).status_code == 302
    shown = text(host.get(page))
    assert 'value="reopen"' in shown and f"{page}edit/" not in shown
    assert 'value="reopen"' not in text(as_(waits.candidate).get(page))
    assert as_(waits.candidate).post(api, {"move": "reopen"}, "application/json").status_code == 403
    assert host.post(f"{page}move/", {"move": "reopen"}).status_code == 302
    assert Posting.objects.get(pk=summer.posting.pk).is_open
    assert Notification.objects.filter(person=summer.coordinator, title__contains="applications again").exists()
    assert host.post(api, {"move": "close"}, "application/json").json()["state"] == "closed"
    with time_machine.travel(summer.cohort.closes_at + timedelta(seconds=1), tick=False):
        late = as_(summer.host)
        refused = late.post(api, {"move": "reopen"}, "application/json")
        assert (refused.status_code, refused.json()["code"]) == (409, "too_late")
        assert 'value="reopen"' not in text(late.get(page)) and 'value="withdraw"' in text(late.get(page))
        gone = late.post(api, {"move": "withdraw", "reason": "No money"}, "application/json")
    assert gone.json()["state"] == "withdrawn"
    waits.refresh_from_db()
    assert (waits.state, waits.reason) == ("rejected", "posting_withdrawn")


def test_a_posting_that_takes_no_applications_any_more_is_shown_as_closed(summer):
    page, lists = summer.posting.get_absolute_url(), ("/internships/", summer.cohort.get_absolute_url())
    soon = timezone.now() + timedelta(hours=1)
    summer.offer(title="Shut", closes_at=soon)
    student = as_(summer.student())
    for url in lists:
        assert "Closed" not in text(student.get(url))
    with time_machine.travel(soon + timedelta(seconds=1), tick=False):
        for url in lists:
            assert text(student.get(url)).count("Closed") == 1, url
        assert "Closed" not in text(student.get(page))
    with time_machine.travel(summer.cohort.closes_at + timedelta(seconds=1), tick=False):
        shown = text(as_(summer.host).get(page))
        assert "Closed" in shown and "Published" not in shown
        told = as_(summer.host).get(f"/api/v1/postings/{summer.posting.pk}/").json()
        assert (told["state"], told["shown_state"]) == ("published", "closed")
    assert summer.posting.shown_state == "published"
    move_cohort(cohort=summer.cohort, move="close", by=summer.coordinator)
    assert Posting.objects.get(pk=summer.posting.pk).shown_state == "closed"


def test_who_runs_the_programme_is_not_asked_to_apply_unless_they_study_as_well(summer):
    page = summer.posting.get_absolute_url()
    assert f"{page}apply/" in text(as_(summer.student()).get(page))
    assert f"{page}apply/" not in text(as_(summer.coordinator).get(page))
    assert f"{page}apply/" not in text(as_(summer.host).get(page))
    both = employ(summer.student("Both"), summer.university, Role.COORDINATOR)
    assert f"{page}apply/" in text(as_(both).get(page))


def test_pairs_and_the_board_of_a_posting_are_taken_away_as_tables(summer):
    ann, bo = (summer.apply(summer.student(name)) for name in ("Ann", "=Bo"))
    ask_reviewers(application=ann, people=[summer.mentor], by=summer.host)
    give_review(application=ann, score=8, by=summer.mentor)
    for row in (ann, bo):
        rank_choices(cohort=summer.cohort, order=[row], by=row.candidate)
    rank_students(posting=summer.posting, order=[bo, ann], by=summer.host)
    board, pairs = f"{summer.posting.get_absolute_url()}board", f"{summer.cohort.get_absolute_url()}pairs"
    host = as_(summer.host)
    assert f"{board}.csv" in text(host.get(f"{board}/"))
    got = [[*line[:5], line[6]] for line in table(host.get(f"{board}.csv"))[1:]]
    there = summer.university.name
    assert got == [["'=Bo", there, "Applied", "", "0", "1"], ["Ann", there, "Applied", "8.0", "1", "2"]]
    with time_machine.travel(summer.cohort.ranking_ends_at + timedelta(seconds=1)):
        run_matching(cohort=summer.cohort, by=summer.coordinator)
    runs = as_(summer.coordinator)
    assert f"{pairs}.csv" in text(runs.get(f"{pairs}/"))
    assert [line[0:1] + line[4:] for line in table(runs.get(f"{pairs}.csv"))[1:]] == [
        ["'=Bo", "matched", "1", "1"], ["Ann", "the seats went to others", "1", "2"]
    ]  # fmt: skip
    for user, address in (
        (ann.candidate, f"{board}.csv"),
        (ann.candidate, f"{pairs}.csv"),
        (summer.host, f"{pairs}.csv"),
    ):
        assert as_(user).get(address).status_code == 403
    counted = queries(host, f"{board}.csv")
    summer.apply(summer.student("Cy"))
    assert queries(host, f"{board}.csv") == counted


def test_a_student_whom_no_time_suits_says_what_would(summer):
    row, host = summer.apply(summer.student()), as_(summer.host)
    page, api = row.get_absolute_url(), f"/api/v1/applications/{row.pk}/interviews/"
    student, days = as_(row.candidate), [timezone.now() + timedelta(days=n) for n in (2, 3)]
    propose_times(application=row, times=days, by=summer.host)
    assert f"{page}other-times/" in text(student.get(page)) and f"{page}other-times/" not in text(host.get(page))
    assert host.post(f"{page}other-times/", {"reason": "No"}).status_code == 403
    assert student.post(f"{page}other-times/", {"reason": " "}).status_code == 422
    assert student.post(f"{page}other-times/", {"reason": "Only in June"}).status_code == 302
    assert student.get(f"{page}other-times/").status_code == 409
    shown = text(host.get(page))
    assert "None of the proposed times suited" in shown and "Only in June" in shown
    assert Notification.objects.filter(person=summer.host, title__contains="suits").exists()

    gone = row.interviews.model(pk=uuid4(), application=row)
    with pytest.raises(ConflictError):
        choose_time(interview=gone, moment=days[0], by=row.candidate)

    propose_times(application=row, times=days, by=summer.host)
    assert "None of the proposed times suited" not in text(host.get(page))
    assert student.post(f"{api}decline/", {"reason": ""}, "application/json").status_code == 400
    assert student.post(f"{api}decline/", {"reason": "\u202eJune"}, "application/json").status_code in {400, 422}
    told = student.post(f"{api}decline/", {"reason": "In July"}, "application/json")
    assert (told.status_code, told.json()["state"]) == (200, "interviewing")
    assert student.post(f"{api}decline/", {"reason": "In July"}, "application/json").status_code == 409
    assert host.get(api).json() == []


def waits(user: User) -> str:
    """What the dashboard loads of what waits for a person."""
    return text(as_(user).get("/inbox/waiting/"))


def test_the_dashboard_says_what_waits_for_a_student_and_their_mentor(summer):
    student, rival = summer.student(), summer.student("Rival")
    assert 'id="inbox-waiting"' in text(as_(student).get("/"))  # also without a joint project
    offered = make_offer(application=summer.apply(student), by=summer.host)
    assert "Answer the offer of a place: Corpus work" in waits(student)
    assert "Answer the offer" not in waits(rival)
    placement = summer.approved(summer.described(answer_offer(application=offered, accept=True, by=student).placement))
    assert "Answer the offer" not in waits(student)
    version = draft_learning_agreement(placement=placement, governing_law="Scotland", by=summer.coordinator)
    sign_parties(summer.joint, version)
    assert "Sign your learning agreement" in waits(student)
    assert "learning agreement" not in waits(summer.mentor)
    placement.refresh_from_db()
    shown = version_to_sign(placement)
    assert shown is not None
    sign_as_student(placement=placement, typed_name=student.name, document_sha256=shown.document_sha256, by=student)
    assert "Sign your learning agreement" not in waits(student)


def test_the_dashboard_says_what_waits_during_an_internship_and_after_it(summer):
    placement = summer.ready(summer.student())
    with time_machine.travel(datetime.combine(placement.starts_on, datetime.min.time(), UTC) + timedelta(hours=30)):
        write_log(placement=placement, day=placement.starts_on, hours=8, text="Began.", by=placement.student)
        assert f"Confirm the log book of {placement.student}" in waits(summer.mentor)
        assert "log book" not in waits(placement.student)
        assert "Evaluate the internship" not in waits(summer.mentor)
    with time_machine.travel(datetime.combine(placement.ends_on, datetime.min.time(), UTC) + timedelta(hours=30)):
        assert "Evaluate the internship" in waits(summer.mentor)
        assert "Evaluate the internship" in waits(placement.student)
        assert "Evaluate the internship" not in waits(summer.supervisor)
        evaluate(placement=placement, scores={"work": 5, "learning": 4, "teamwork": 3}, by=summer.mentor)
        later = employ(person("Later Mentor"), summer.company)
        change_mentor(placement=placement, mentor=later, reason="On leave", by=summer.host)
        assert "Evaluate the internship" not in waits(later), "the side of the mentor has"
        assert "/evaluate/" not in text(as_(later).get(placement.get_absolute_url()))


def test_the_report_names_each_host_in_the_language_of_whoever_reads_it(summer):
    summer.company.name_zh = "北风机器人"
    summer.company.save(update_fields=["name_zh"])
    with translation.override("zh-hans"):
        assert [line["name"] for line in hosts_of(summer.cohort)] == ["北风机器人"]


def test_a_student_who_has_applied_reads_no_first_steps(summer):
    student = summer.student()
    assert "First steps" in text(as_(student).get("/"))
    summer.apply(student)
    page = text(as_(student).get("/"))
    assert "First steps" not in page and "Waiting for you" in page
    assert "First steps" in text(as_(summer.student("Second")).get("/")), "others still do"
