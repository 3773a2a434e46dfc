"""A school: the university of Aurora with somebody who makes courses, and a course that asks two questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from collab.access.roles import Role
from collab.accounts.models import User
from collab.courses.editing import create_course, publish_version, save_module, save_question, set_terms
from collab.courses.models import Course, CourseVersion, Enrolment
from collab.courses.taking import answer_quiz, begin_quiz, enrol, finish_module, left_to_study
from tests.cast import Joint, employ, person


@dataclass
class School:
    joint: Joint
    teacher: User
    course: Course
    edition: CourseVersion

    def pass_course(self, user: User, course: Course | None = None) -> Enrolment:
        enrolment = self.study(user, course)
        answer_quiz(attempt=begin_quiz(enrolment=enrolment, by=user), answers=right(enrolment), by=user)
        enrolment.refresh_from_db()
        return enrolment

    def study(self, user: User, course: Course | None = None) -> Enrolment:
        enrolment = enrol(course=course or self.course, by=user)
        for module in left_to_study(enrolment):
            finish_module(enrolment=enrolment, module=module, by=user)
        return enrolment


def right(enrolment: Enrolment, *, faults: int = 0) -> dict[str, list[int]]:
    """The right answers to every question, but for so many of them."""
    rows = enrolment.edition.questions.all()
    return {str(row.pk): sorted(row.right) if n >= faults else [1] for n, row in enumerate(rows)}


def a_course(joint: Joint, teacher: User, title: str = "Data protection", **terms: Any) -> Course:
    course = create_course(
        organisation=joint.university, title=title, title_zh="数据保护", summary="How to handle personal data.",
        audience="everyone", by=teacher,
    )  # fmt: skip
    edition = course.versions.get()
    save_module(edition=edition, kind="text", title="Principles", body="Lawful, fair, transparent.", by=teacher)
    save_module(edition=edition, kind="video", title="A case", link="https://example.org/video", by=teacher)
    for text, answers in (("What is personal?", (True, False, False)), ("Which are special?", (True, False, True))):
        save_question(
            edition=edition,
            text=text,
            options=[{"text": f"Answer {n}", "right": is_right} for n, is_right in enumerate(answers)],
            by=teacher,
        )
    edition.refresh_from_db()
    set_terms(edition=edition, version=edition.version, by=teacher, **terms)
    publish_version(edition=edition, by=teacher)
    return Course.objects.get(pk=course.pk)


@pytest.fixture
def school(aurora: Joint) -> School:
    teacher = employ(person("Tina Teacher"), aurora.university, Role.COORDINATOR)
    course = a_course(aurora, teacher, valid_months=12, pass_mark=100)
    return School(aurora, teacher, course, course.versions.get())
