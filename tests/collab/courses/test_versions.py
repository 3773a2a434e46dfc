"""A newer version of a course: what is new in it, moving to it, who takes which, and lost edits."""

from __future__ import annotations

import pytest
from django.utils import translation

from collab.courses.editing import (
    draft_version,
    publish_version,
    remove_module,
    remove_question,
    save_module,
    save_question,
    set_terms,
)
from collab.courses.models import Course, CourseVersion, Enrolment, ModuleDone
from collab.courses.taking import answer_quiz, attempts_left, begin_quiz, enrol, finish_module, move_to_newer_version
from collab.courses.versions import compare, newer_version
from collab.inbox.models import Notification
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError, StaleError
from tests.collab.courses.conftest import School, right
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db
OPTIONS = [{"text": "Yes", "text_zh": "是", "right": True}, {"text": "No", "text_zh": "否"}]


def next_version(school: School, **terms: object) -> CourseVersion:
    """The second version: the first module as it was, the second rewritten, a third one, and another question."""
    draft = draft_version(course=school.course, by=school.teacher)
    video = draft.modules.get(kind="video")
    save_module(
        edition=draft, module=video, version=1, kind="video", title="Another case", link="https://example.org/2",
        by=school.teacher,
    )  # fmt: skip
    save_module(edition=draft, kind="text", title="Transfers", body="Abroad.", by=school.teacher)
    save_question(
        edition=draft, text="And abroad?", text_zh="境外呢？", options=OPTIONS,
        why="It says so.", why_zh="条文如此规定。", by=school.teacher,
    )  # fmt: skip
    draft.refresh_from_db()
    news = {"note": "Transfers are new.", "note_zh": "新增数据出境内容。"}
    set_terms(edition=draft, version=draft.version, by=school.teacher, **(news | terms))
    return publish_version(edition=draft, by=school.teacher)


def test_who_moves_keeps_what_is_the_same_and_answers_the_new_quiz(school):
    user = school.joint.engineer
    enrolment = school.study(user)
    opened = begin_quiz(enrolment=enrolment, by=user)
    second = next_version(school, pass_mark=60)
    assert Notification.objects.filter(person=user, kind="course", url=enrolment.get_absolute_url()).count() == 1

    news = compare(enrolment.edition, newer_version(enrolment))

    assert [[str(row) for row in rows] for rows in (news.added, news.changed, news.removed)] == [
        ["Transfers"], ["Another case"], []
    ]  # fmt: skip
    assert (news.questions_new, len(news.terms)) == (1, 1)
    moved = move_to_newer_version(enrolment=enrolment, by=user)
    enrolment.refresh_from_db()
    opened.refresh_from_db()
    assert (enrolment.state, opened.state, moved.state, moved.edition) == ("moved", "lapsed", "enrolled", second)
    assert [row.module.title for row in moved.done.all()] == ["Principles"]
    assert moved.attempts.count() == 0 and enrolment.done.count() == 2
    with pytest.raises(ConflictError):
        answer_quiz(attempt=opened, answers=right(enrolment), by=user)
    for module in second.modules.exclude(title="Principles"):
        finish_module(enrolment=moved, module=module, by=user)
    attempt = begin_quiz(enrolment=moved, by=user)
    assert (attempt.number, len(attempt.asked)) == (1, 3)
    assert answer_quiz(attempt=attempt, answers=right(moved), by=user).passed


def test_copies_of_copies_are_still_the_same_and_what_was_dropped_is_told(school):
    user = school.joint.engineer
    enrolment = enrol(course=school.course, by=user)
    next_version(school)
    third = draft_version(course=school.course, by=school.teacher)
    remove_module(module=third.modules.get(title="Another case"), by=school.teacher)
    publish_version(edition=third, by=school.teacher)
    news = compare(enrolment.edition, newer_version(enrolment))
    assert [[str(row) for row in rows] for rows in (news.added, news.changed, news.removed)] == [
        ["Transfers"], [], ["A case"]
    ]  # fmt: skip
    third.modules.update(origin=None)  # as in courses that were copied before origins were kept
    assert [row.title for row in compare(enrolment.edition, third).same.values()] == ["Principles"]


def test_who_may_move_and_when(school):
    user = school.joint.engineer
    passed = school.pass_course(user)
    taken = enrol(course=school.course, by=school.joint.researcher)
    with pytest.raises(ConflictError, match="no newer version"):
        move_to_newer_version(enrolment=taken, by=school.joint.researcher)
    next_version(school)
    for who in (user, school.teacher):
        with pytest.raises((RefusedError, NotFoundError)):
            move_to_newer_version(enrolment=taken, by=who)
    with pytest.raises(ConflictError):
        move_to_newer_version(enrolment=passed, by=user)
    passed.refresh_from_db()
    assert passed.state == "passed" and Enrolment.objects.valid().get() == passed, "what was passed counts to its end"
    moved = move_to_newer_version(enrolment=taken, by=school.joint.researcher)
    with pytest.raises(ConflictError):
        move_to_newer_version(enrolment=taken, by=school.joint.researcher)
    with pytest.raises(ConflictError):
        move_to_newer_version(enrolment=moved, by=school.joint.researcher)


def test_attempts_are_counted_for_each_version(school):
    user = school.joint.engineer
    draft = draft_version(course=school.course, by=school.teacher)
    set_terms(edition=draft, version=draft.version, by=school.teacher, attempts_max=1)
    publish_version(edition=draft, by=school.teacher)
    enrolment = school.study(user)
    answer_quiz(attempt=begin_quiz(enrolment=enrolment, by=user), answers={}, by=user)
    next_version(school)
    moved = move_to_newer_version(enrolment=enrolment, by=user)
    assert (attempts_left(enrolment), attempts_left(moved)) == (0, 1)


def test_where_nothing_is_left_to_do_one_passes_with_the_move(school):
    course = school.course
    draft = draft_version(course=course, by=school.teacher)
    for question in draft.questions.all():
        remove_question(question=question, by=school.teacher)
    publish_version(edition=draft, by=school.teacher)
    user = school.joint.engineer
    enrolment = enrol(course=course, by=user)
    finish_module(enrolment=enrolment, module=draft.modules.first(), by=user)
    shorter = draft_version(course=course, by=school.teacher)
    remove_module(module=shorter.modules.last(), by=school.teacher)
    publish_version(edition=shorter, by=school.teacher)
    moved = move_to_newer_version(enrolment=enrolment, by=user)
    moved.refresh_from_db()
    assert moved.state == "passed" and moved.certificate is not None


def test_the_pages_and_the_api_tell_the_news_and_move(school):
    user = school.joint.engineer
    enrolment = school.study(user)
    next_version(school)
    browser, page = as_(user), enrolment.get_absolute_url()
    api = f"/api/v1/enrolments/{enrolment.pk}/"
    told = browser.get(api).json()["newer"]
    names = [[one["title"] for one in told[what]] for what in ("added", "changed", "removed")]
    assert (told["number"], names, told["note_zh"]) == (2, [["Transfers"], ["Another case"], []], "新增数据出境内容。")
    assert as_(school.teacher).get(api).json()["newer"] is None
    assert "Version 2 is out" in text(browser.get(school.course.get_absolute_url()))
    assert "version 2 is out" in text(browser.get("/learning/"))
    shown = text(browser.get(page))
    assert "Transfers are new." in shown and "Another case" in shown and f"{page}move/" in shown
    assert f"{page}move/" not in text(as_(school.teacher).get(page))
    assert "新增数据出境内容。" in text(browser.get(page, headers={"Accept-Language": "zh-hans"}))
    response = browser.post(f"{page}move/")
    moved = Enrolment.objects.get(moved_from=enrolment)
    assert response["Location"] == moved.get_absolute_url()
    assert moved.get_absolute_url() in text(browser.get(page))
    assert browser.post(f"{api}move/").status_code == 409
    other = enrol(course=school.course, by=school.joint.researcher)
    assert as_(school.joint.researcher).post(f"/api/v1/enrolments/{other.pk}/move/").status_code == 409


def test_who_gives_the_course_sees_how_many_take_which_version(school):
    first = school.joint.engineer
    school.pass_course(first)
    browser, page = as_(school.teacher), f"{school.course.get_absolute_url()}people/"
    enrol(course=school.course, by=school.joint.researcher)
    before = queries(browser, page)
    next_version(school)
    enrol(course=school.course, by=school.joint.lead)
    assert queries(browser, page) == before
    found = browser.get(f"/api/v1/courses/{school.course.slug}/versions/").json()
    assert [(one["number"], one["under_way"], one["passed"], one["holding"]) for one in found] == [
        (2, 1, 0, 0), (1, 1, 1, 1)
    ]  # fmt: skip
    shown = text(browser.get(f"{page}?version=2"))
    assert str(school.joint.lead) in shown and str(first) not in shown
    assert str(first) in text(browser.get(f"{page}?state=passed"))
    assert as_(first).get(f"/api/v1/courses/{school.course.slug}/versions/").status_code == 403


def test_why_an_answer_is_right_is_told_in_both_languages_once_passed(school):
    user = school.joint.engineer
    next_version(school)
    enrolment = school.study(user)
    attempt = begin_quiz(enrolment=enrolment, by=user)
    browser, api = as_(user), f"/api/v1/enrolments/{enrolment.pk}/quiz/"
    page = f"{enrolment.get_absolute_url()}attempts/1/"
    assert "why_zh" not in str(browser.get(api).json()) and "It says so." not in text(browser.get(page))
    answer_quiz(attempt=attempt, answers=right(enrolment), by=user)
    asked = {one["text"]: one for one in browser.get(api).json()[0]["questions"]}["And abroad?"]
    assert (asked["right"], asked["chosen"], asked["why"], asked["why_zh"]) == (
        [0], [0], "It says so.", "条文如此规定。"
    )  # fmt: skip
    assert "It says so." in text(browser.get(page))
    assert "条文如此规定。" in text(browser.get(page, headers={"Accept-Language": "zh-hans"}))
    with translation.override("zh-hans"):
        question = enrolment.edition.questions.exclude(why="").get()
        assert question.reason == "条文如此规定。"


def test_two_who_change_one_module_or_question(school):
    teacher = school.teacher
    draft = draft_version(course=school.course, by=teacher)
    module, question = draft.modules.first(), draft.questions.first()
    given = {"edition": draft, "module": module, "kind": "text", "body": "Text.", "by": teacher}
    save_module(**given, title="Mine", version=1)
    with pytest.raises(StaleError) as stale:
        save_module(**given, title="Theirs", version=1)
    assert stale.value.now["title"] == "Mine"
    with pytest.raises(InvalidError):
        save_module(**given, title="Theirs")
    asked = {"edition": draft, "question": question, "text": "Why?", "options": OPTIONS, "by": teacher}
    save_question(**asked, version=1)
    with pytest.raises(StaleError):
        save_question(**asked, version=1)
    browser, page = as_(teacher), f"{school.course.get_absolute_url()}draft/"
    here = page.replace("draft", f"modules/{module.pk}")
    sent = {"kind": "text", "title": "Theirs", "body": "Text.", "version": 1}
    assert browser.post(here, sent).status_code == 412
    assert browser.post(here, sent | {"version": 2}).status_code == 302
    api = f"/api/v1/courses/{school.course.slug}/modules/"
    sent = {"module": str(module.pk), "kind": "text", "title": "X", "body": "Y"}
    for version, status in ((None, 422), (2, 412), (3, 201)):
        body = sent if version is None else sent | {"version": version}
        assert browser.post(api, body, "application/json").status_code == status
    remove_module(module=module, by=teacher)
    with pytest.raises(ConflictError):
        save_module(**given, title="Back again", version=4)
    assert not draft.modules.filter(pk=module.pk).exists()


def test_a_version_that_never_expires_does_not_keep_one_from_the_next(school):
    user = school.joint.engineer
    draft = draft_version(course=school.course, by=school.teacher)
    set_terms(edition=draft, version=draft.version, by=school.teacher, valid_months=None)
    publish_version(edition=draft, by=school.teacher)
    school.pass_course(user)
    with pytest.raises(ConflictError):
        enrol(course=school.course, by=user)
    next_version(school)
    assert enrol(course=Course.objects.get(), by=user).edition.number == 3
    assert ModuleDone.objects.filter(enrolment__state="enrolled").count() == 0
