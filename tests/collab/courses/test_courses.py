"""Courses: written in versions, taken, passed once and in time; and as a condition of working with data and jobs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from collab.access.policy import decide
from collab.access.roles import Role
from collab.accounts.models import Membership, User
from collab.courses.certificates.checking import Finding, check
from collab.courses.certificates.services import revoke_certificate
from collab.courses.conditions import end_condition, set_condition
from collab.courses.editing import (
    create_course,
    draft_version,
    edit_course,
    publish_version,
    remove_module,
    retire_course,
    save_module,
    save_question,
    set_terms,
)
from collab.courses.library.models import Resource
from collab.courses.library.services import add_resource, attach_resource, detach_resource, links_of
from collab.courses.models import Course, CourseCondition, Enrolment, QuizAttempt, TrainingRecord
from collab.courses.taking import answer_quiz, begin_quiz, enrol, finish_module, grant_attempt, leave_course
from collab.courses.trainings import submit_training, submit_training_again
from collab.inbox.models import Obligation, Request
from collab.inbox.services import decide_request
from collab.kernel.errors import (
    ConflictError,
    ExpiredError,
    InvalidError,
    NotFoundError,
    NotReadyError,
    RefusedError,
    StaleError,
    UnsupportedKindError,
)
from registry.datasets.models import Dataset
from tests.cast import Joint, employ, person, upload
from tests.collab.courses.conftest import School, a_course, right
from tests.pages import as_, text

pytestmark = pytest.mark.django_db
JSON = "application/json"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20 + b"IEND"


# --- writing
def test_a_version_that_is_published_stays_as_it_is(school):
    taken = enrol(course=school.course, by=school.joint.engineer)
    with pytest.raises(ConflictError):
        save_module(edition=school.edition, kind="text", title="New", body="New", by=school.teacher)

    draft = draft_version(course=school.course, by=school.teacher)
    with pytest.raises(ConflictError):
        draft_version(course=school.course, by=school.teacher)
    remove_module(module=draft.modules.first(), by=school.teacher)
    publish_version(edition=draft, by=school.teacher)

    taken.refresh_from_db()
    states = Course.objects.get(pk=school.course.pk).versions.order_by("number").values_list("number", "state")
    assert list(states) == [(1, "retired"), (2, "published")]
    assert (taken.edition.number, taken.edition.modules.count(), draft.modules.count()) == (1, 2, 1)
    assert (draft.pass_mark, draft.valid_months, draft.questions.count()) == (100, 12, 2)


def test_what_cannot_be_published(school):
    course = create_course(organisation=school.joint.university, title="Empty", summary="Nothing.", by=school.teacher)
    edition = course.versions.get()
    with pytest.raises(NotReadyError, match="no module"):
        publish_version(edition=edition, by=school.teacher)
    for options in ([], [{"text": "A"}, {"text": "B"}], [{"text": "A", "right": True}, {"text": "A"}]):
        with pytest.raises(InvalidError):
            save_question(edition=edition, text="Why?", options=options, by=school.teacher)
    with pytest.raises(UnsupportedKindError):
        save_module(edition=edition, kind="image", title="X", file=upload(b"%PDF-1", "x.png"), by=school.teacher)
    for content, name in ((PNG[:-4], "x.png"), (PNG, "x.jpg")):  # cut off; not what its name says
        with pytest.raises(UnsupportedKindError):
            save_module(edition=edition, kind="image", title="X", file=upload(content, name), by=school.teacher)
    with pytest.raises(InvalidError):
        save_module(edition=edition, kind="video", title="X", link="javascript:alert(1)", by=school.teacher)
    image = save_module(edition=edition, kind="image", title="X", file=upload(PNG, "../x.PNG"), by=school.teacher)
    assert (image.file_name, image.media_type) == ("x.png", "image/png")


def test_who_may_write(school, borealis):
    given = {"title": "Mine", "summary": "…"}
    for user in (school.joint.engineer, borealis.lead):
        with pytest.raises((RefusedError, NotFoundError)):
            create_course(organisation=school.joint.university, by=user, **given)
    with pytest.raises(StaleError):
        edit_course(course=school.course, version=7, title="Other", by=school.teacher)


# --- taking
def test_passing_gives_a_certificate_that_can_be_checked(school):
    passed = school.pass_course(school.joint.engineer)

    assert (passed.state, passed.score) == ("passed", 100)
    assert check(passed.certificate.credential).finding == Finding.VALID
    assert passed.certificate.valid_until == passed.valid_until
    due = Obligation.objects.get(person=school.joint.engineer, kind="expiry")
    assert due.due_on == timezone.localdate(passed.valid_until)


def test_one_wrong_answer_of_two_does_not_reach_a_pass_mark_of_all(school):
    user = school.joint.engineer
    enrolment = school.study(user)
    attempt = answer_quiz(attempt=begin_quiz(enrolment=enrolment, by=user), answers=right(enrolment, faults=1), by=user)
    enrolment.refresh_from_db()
    assert (attempt.score, attempt.passed, enrolment.state, enrolment.certificate) == (50, False, "enrolled", None)


def test_answers_that_are_sent_again_are_refused(school):
    user = school.joint.engineer
    enrolment = school.study(user)
    attempt = begin_quiz(enrolment=enrolment, by=user)
    assert begin_quiz(enrolment=enrolment, by=user) == attempt
    answer_quiz(attempt=attempt, answers=right(enrolment, faults=1), by=user)

    with pytest.raises(ConflictError) as error:
        answer_quiz(attempt=attempt, answers=right(enrolment), by=user)

    assert error.value.code == "replayed"
    assert (QuizAttempt.objects.get().score, Enrolment.objects.get().state) == (50, "enrolled")


def test_answers_are_taken_to_the_last_second_and_not_after(aurora):
    teacher, user = employ(person("Teacher"), aurora.university, Role.COORDINATOR), aurora.engineer
    course = a_course(aurora, teacher, title="Timed", minutes=10, pass_mark=50)
    begins = datetime(2027, 1, 5, 9, tzinfo=UTC)
    school = School(aurora, teacher, course, course.versions.get())
    with time_machine.travel(begins, tick=False) as clock:
        enrolment = school.study(user)
        late = begin_quiz(enrolment=enrolment, by=user)
        clock.move_to(begins + timedelta(minutes=10, seconds=1))
        with pytest.raises(ExpiredError):
            answer_quiz(attempt=late, answers=right(enrolment), by=user)
        again = begin_quiz(enrolment=enrolment, by=user)
        clock.move_to(begins + timedelta(minutes=20, seconds=1))
        assert answer_quiz(attempt=again, answers=right(enrolment), by=user).passed

    late.refresh_from_db()
    assert (late.state, late.score, again.number) == ("lapsed", None, 2)
    with pytest.raises(ConflictError):
        answer_quiz(attempt=late, answers=right(enrolment), by=user)


def test_the_api_takes_answers_once_and_in_time(aurora):
    teacher, user = employ(person("Teacher"), aurora.university, Role.COORDINATOR), aurora.engineer
    course = a_course(aurora, teacher, title="Timed", minutes=10, pass_mark=100)
    enrolment = School(aurora, teacher, course, course.versions.get()).study(user)
    api = f"/api/v1/enrolments/{enrolment.pk}/"

    def answered(by: User, number: int, faults: int = 0) -> tuple[int, str]:
        sent = {"number": number, "answers": right(enrolment, faults=faults)}
        answer = as_(by).post(f"{api}answer/", sent, JSON)
        return answer.status_code, answer.json().get("code", "")

    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert answered(user, 1)[0] == 404, "it was not begun"
        assert as_(user).post(f"{api}quiz/").status_code == 201
        assert [answered(aurora.researcher, 1)[0], answered(teacher, 1)[0]] == [404, 403]
        clock.shift(timedelta(minutes=10, seconds=1))
        assert answered(user, 1) == (410, "late")
        assert as_(user).post(f"{api}quiz/").json()["number"] == 2
        assert answered(user, 1)[0] == 409, "it has lapsed"
        assert answered(user, 2, faults=1) == (200, "")
        assert answered(user, 2) == (409, "replayed")
    enrolment.refresh_from_db()
    assert (enrolment.state, enrolment.attempts.filter(passed=True).count()) == ("enrolled", 0)


def test_answers_to_what_was_not_asked(school, aurora):
    user = school.joint.engineer
    enrolment = school.study(user)
    other = a_course(aurora, school.teacher, title="Other", pass_mark=50)
    attempt = begin_quiz(enrolment=enrolment, by=user)
    foreign = {str(row.pk): [0] for row in other.versions.get().questions.all()}
    key = attempt.asked[0]["id"]
    for answers in (foreign, {key: [9]}, {key: [-1]}, {key: [True]}):
        with pytest.raises(InvalidError):
            answer_quiz(attempt=attempt, answers=answers, by=user)
    with pytest.raises((RefusedError, NotFoundError)):
        answer_quiz(attempt=attempt, answers=right(enrolment), by=school.joint.researcher)
    with pytest.raises((RefusedError, NotFoundError)):
        answer_quiz(attempt=attempt, answers=right(enrolment), by=school.teacher)
    with pytest.raises(InvalidError):
        finish_module(enrolment=enrolment, module=other.versions.get().modules.first(), by=user)


def test_attempts_run_out_and_leaving_gives_none_back(aurora):
    teacher, user = employ(person("Teacher"), aurora.university, Role.COORDINATOR), aurora.engineer
    course = a_course(aurora, teacher, title="Once", attempts_max=1, asked_max=1, pass_mark=100)
    school = School(aurora, teacher, course, course.versions.get())
    enrolment = school.study(user)
    with pytest.raises(ConflictError):
        grant_attempt(enrolment=enrolment, by=teacher)
    first = begin_quiz(enrolment=enrolment, by=user)
    assert len(first.asked) == 1
    answer_quiz(attempt=first, answers={}, by=user)
    with pytest.raises(ConflictError):
        begin_quiz(enrolment=enrolment, by=user)
    leave_course(enrolment=enrolment, by=user)
    enrolment = school.study(user)
    with pytest.raises(ConflictError):
        begin_quiz(enrolment=enrolment, by=user)
    grant_attempt(enrolment=enrolment, by=teacher)
    assert begin_quiz(enrolment=enrolment, by=user).number == 1


def test_the_quiz_comes_after_the_modules_and_one_takes_a_course_once(school):
    user = school.joint.engineer
    enrolment = enrol(course=school.course, by=user)
    with pytest.raises(NotReadyError, match="Principles"):
        begin_quiz(enrolment=enrolment, by=user)
    with pytest.raises(ConflictError):
        enrol(course=school.course, by=user)
    with pytest.raises(IntegrityError), transaction.atomic():
        Enrolment.objects.create(course=school.course, edition=school.edition, person=user)


def test_a_course_without_a_quiz_is_passed_with_its_last_module_and_may_never_expire(aurora):
    teacher = employ(person("Teacher"), aurora.university, Role.COORDINATOR)
    course = create_course(organisation=aurora.university, title="Read", summary="…", audience="everyone", by=teacher)
    edition = course.versions.get()
    save_module(edition=edition, kind="text", title="One", body="Text.", by=teacher)
    publish_version(edition=edition, by=teacher)
    enrolment = enrol(course=course, by=aurora.lead)
    finish_module(enrolment=enrolment, module=edition.modules.get(), by=aurora.lead)

    enrolment.refresh_from_db()
    assert (enrolment.state, enrolment.valid_until, enrolment.certificate.valid_until) == ("passed", None, None)
    assert not enrolment.has_expired
    far = timezone.now() + timedelta(days=40_000)
    assert list(Enrolment.objects.valid(far)) == [enrolment]
    with pytest.raises(ConflictError):
        enrol(course=course, by=aurora.lead)


def test_a_course_for_the_organisation_is_closed_to_others(aurora, borealis):
    teacher = employ(person("Teacher"), aurora.university, Role.COORDINATOR)
    course = a_course(aurora, teacher, title="Inside", pass_mark=50)
    Course.objects.filter(pk=course.pk).update(audience="organisation")
    for user in (aurora.engineer, borealis.lead):
        with pytest.raises(NotFoundError):
            enrol(course=course, by=user)
    assert enrol(course=course, by=aurora.researcher).state == "enrolled"


# --- as a condition
def required(joint: Joint, course: Course, **what: object) -> CourseCondition:
    return set_condition(project=joint.project, course=course, by=joint.lead, **({"needed_for": "jobs"} | what))


def said(user, word, obj) -> list[tuple[str, str]]:
    return [(one.code, one.url) for one in decide(user, word, obj).missing]


def test_jobs_need_the_course_and_the_refusal_links_to_it(school):
    joint, user = school.joint, school.joint.engineer
    assert decide(user, "job.submit", joint.project)
    required(joint, school.course)

    decision = decide(user, "job.submit", joint.project)

    assert not decision and decision.visible
    assert said(user, "job.submit", joint.project) == [("course_missing", school.course.get_absolute_url())]
    assert "Data protection" in str(decision.missing[0].sentence)
    enrolment = school.study(user)
    assert said(user, "job.submit", joint.project) == [("course_under_way", enrolment.get_absolute_url())]
    answer_quiz(attempt=begin_quiz(enrolment=enrolment, by=user), answers=right(enrolment), by=user)
    assert decide(user, "job.submit", joint.project)
    assert not decide(joint.researcher, "job.submit", joint.project)


def test_who_is_refused_finds_the_course_on_the_page_and_in_the_api(school):
    """Data and jobs alike, in both languages: the sentence names the course, and beside it is where to take it."""
    joint, user = school.joint, school.joint.engineer
    joint.cover(reference="DUA-1")
    letters = joint.dataset()
    required(joint, school.course, needed_for="data")
    required(joint, school.course)
    browser, course = as_(user), school.course.get_absolute_url()
    shown = text(browser.get(letters.get_absolute_url(), headers={"Accept-Language": "zh-hans"}))
    assert f'href="{course}"' in shown and "数据保护" in shown
    room = text(browser.get(f"/projects/{joint.project.slug}/training/"))
    assert f'href="{course}"' in room and "missing" in room
    for word, kind, key in (
        ("dataset.read", "dataset", letters.pk),
        ("dataset.train", "dataset", letters.pk),
        ("job.submit", "project", joint.project.slug),
    ):
        answer = browser.get(f"/api/v1/decide/?word={word}&type={kind}&id={key}").json()
        assert [(one["code"], one["url"]) for one in answer["missing"]] == [("course_missing", course)], word
    refused = browser.post("/api/v1/jobs/", {"project": joint.project.slug, "name": "Small", "spec": {}}, JSON)
    assert (refused.status_code, refused.json()["missing"][0]["url"]) == (403, course), refused.content
    school.pass_course(user)
    assert f'href="{course}"' not in text(browser.get(letters.get_absolute_url()))


def test_its_end_takes_effect_with_the_next_request(school):
    joint, user = school.joint, school.joint.engineer
    required(joint, school.course)
    passed_at = datetime(2027, 2, 10, 10, tzinfo=UTC)
    with time_machine.travel(passed_at, tick=False) as clock:
        school.pass_course(user)
        found = []
        for moment in (datetime(2028, 2, 10, 9, 59, 59, tzinfo=UTC), datetime(2028, 2, 10, 10, tzinfo=UTC)):
            clock.move_to(moment)
            found.append(said(user, "job.submit", joint.project))
        assert found == [[], [("course_expired", school.course.get_absolute_url())]]
        school.pass_course(user)
        assert decide(user, "job.submit", joint.project)


def test_a_revoked_certificate_no_longer_counts(school):
    joint, user = school.joint, school.joint.engineer
    required(joint, school.course)
    passed = school.pass_course(user)
    admin = employ(person("Admin"), joint.university, Role.ORGANISATION_ADMIN)
    revoke_certificate(certificate=passed.certificate, reason="Copied.", by=admin)
    assert said(user, "job.submit", joint.project)[0][0] == "course_taken_back"


def test_data_of_one_dataset_or_of_all(school):
    joint, user = school.joint, school.joint.engineer
    joint.cover(reference="DUA-1")
    letters, others = joint.dataset(), joint.dataset(name="Others")
    required(joint, school.course, needed_for="data", asset=letters.pk)
    words = ("dataset.read", "dataset.train")
    answers = [[bool(decide(user, word, one)) for word in words] for one in (letters, others)]
    assert answers == [[False, False], [True, True]]
    assert not decide(user, "dataset.train", letters.latest())
    assert list(Dataset.objects.visible_to(user, "dataset.read")) == [others]
    condition = required(joint, school.course, needed_for="data")
    assert not decide(user, "dataset.read", others)
    school.pass_course(user)
    assert decide(user, "dataset.train", letters.latest()) and decide(user, "dataset.read", others)
    end_condition(condition=condition, by=joint.lead)
    with pytest.raises(ConflictError):
        end_condition(condition=condition, by=joint.lead)


def test_a_course_that_projects_ask_for_is_not_retired_and_one_for_a_party_alone_not_asked_for(school):
    joint, teacher = school.joint, school.teacher
    condition = required(joint, school.course)
    for act in (
        lambda: retire_course(course=school.course, by=teacher),
        lambda: edit_course(course=school.course, by=teacher, version=school.course.version, audience="organisation"),
    ):
        with pytest.raises(NotReadyError) as refused:
            act()
        assert [one.code for one in refused.value.missing] == ["course_required"]
    Membership.objects.create(user=teacher, organisation=joint.university, project=joint.project, role=Role.OBSERVER)
    with pytest.raises(NotReadyError, match=str(joint.project)):
        retire_course(course=school.course, by=teacher)
    end_condition(condition=condition, by=joint.lead)
    edit_course(course=school.course, by=teacher, version=school.course.version, audience="organisation")
    school.course.refresh_from_db()
    with pytest.raises(InvalidError, match=str(joint.company)):
        required(joint, school.course)
    assert retire_course(course=school.course, by=teacher).shown_state == "retired"


def test_who_may_set_a_condition(school, borealis):
    joint = school.joint
    given = {"project": joint.project, "course": school.course, "needed_for": "jobs"}
    for user in (joint.engineer, joint.observer, borealis.lead):
        with pytest.raises((RefusedError, NotFoundError)):
            set_condition(by=user, **given)
    required(joint, school.course)
    with pytest.raises(ConflictError):
        required(joint, school.course)
    with pytest.raises(InvalidError):
        required(joint, school.course, needed_for="data", asset=borealis.project.pk)


# --- done elsewhere
def handed_in(school: School, **facts: object) -> TrainingRecord:
    given = {
        "organisation": school.joint.company,
        "title": "GDPR certificate",
        "provider": "Academy",
        "completed_on": date(2026, 1, 10),
        "file": upload(b"%PDF-1.7 x %%EOF", "proof.pdf"),
        "course": school.course,
        "by": school.joint.engineer,
    }
    return submit_training(**(given | facts))


def test_a_training_done_elsewhere_counts_once_reviewed_until_its_day(school):
    joint, user = school.joint, school.joint.engineer
    reviewer = employ(person("Rita Reviewer"), joint.company, Role.COORDINATOR)
    required(joint, school.course)
    with time_machine.travel(datetime(2027, 2, 1, 12, tzinfo=UTC), tick=False) as clock:
        row = handed_in(school, expires_on=date(2027, 6, 1))
        request = Request.objects.get(topic="training_record")
        assert said(user, "job.submit", joint.project) == [("training_waits", row.get_absolute_url())]
        with pytest.raises((RefusedError, NotFoundError)):
            decide_request(request=request, decision="approved", by=user)
        decide_request(request=request, decision="returned", reason="Which year?", by=reviewer)
        assert not decide(user, "job.submit", joint.project)
        row.refresh_from_db()
        submit_training_again(
            training=row, title="GDPR 2027", provider="Academy", completed_on=row.completed_on,
            expires_on=row.expires_on, course=row.course, by=user,
        )  # fmt: skip
        decide_request(request=Request.objects.get(state="open"), decision="approved", by=reviewer)
        found = []
        for moment in (datetime(2027, 5, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)):
            clock.move_to(moment)
            found.append([code for code, _url in said(user, "job.submit", joint.project)])
    assert found == [[], ["training_expired"]]
    row.refresh_from_db()
    assert (row.state, row.reviewed_by, row.title) == ("accepted", reviewer, "GDPR 2027")


def test_a_training_that_is_not_what_it_says(school, borealis):
    with pytest.raises(UnsupportedKindError):
        handed_in(school, file=upload(b"MZ program", "proof.pdf"))
    with pytest.raises(InvalidError):
        handed_in(school, completed_on=timezone.localdate() + timedelta(days=1))
    with pytest.raises(InvalidError):
        handed_in(school, completed_on=date(2026, 1, 2), expires_on=date(2026, 1, 2))
    with pytest.raises(InvalidError):
        handed_in(school, organisation=borealis.company)
    assert TrainingRecord.objects.count() == 0


# --- the library
def test_the_library_finds_by_any_word_and_attaches_once(school):
    joint = school.joint
    facts = {"organisation": joint.university, "by": joint.researcher, "link": "https://example.org"}
    book = add_resource(kind="book", title="Deep Learning", title_zh="深度学习", authors="A. Author", **facts)
    add_resource(kind="paper", title="Attention", topics="transformers, translation", **facts)
    found = [
        Resource.objects.matching(text).count() for text in ("deep AUTHOR", "学习", "transformers", "deep transformers")
    ]
    assert found == [1, 1, 1, 0]
    with pytest.raises(InvalidError):
        add_resource(kind="tool", title="Nowhere", **(facts | {"link": ""}))

    link = attach_resource(resource=book, subject=joint.project, by=joint.researcher)

    with pytest.raises(ConflictError):
        attach_resource(resource=book, subject=joint.project, by=joint.lead)
    with pytest.raises(RefusedError):
        attach_resource(resource=book, subject=joint.project, by=joint.observer)
    assert [row.resource for row in links_of(joint.project)] == [book]
    detach_resource(link=link, by=joint.lead)
    assert not links_of(joint.project).exists()


def test_terms_are_checked(school):
    draft = draft_version(course=school.course, by=school.teacher)
    for terms in ({"pass_mark": 0}, {"pass_mark": 101}, {"valid_months": 0}, {"minutes": 601}):
        with pytest.raises(InvalidError):
            set_terms(edition=draft, version=draft.version, by=school.teacher, **terms)
