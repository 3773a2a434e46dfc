"""A valid course as a condition of working with data or of submitting jobs: asked in SQL on every request.

A course counts while the person's certificate of it has not expired and was not taken back, or while a training done
elsewhere was accepted in its place. Rooms above register the requirement for their tables (`needs_course`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, Requirement, register_requirement, require
from collab.accounts.models import User
from collab.agreements.assets import assets_of
from collab.audit.services import record
from collab.courses.certificates.states import CertificateState
from collab.courses.models import Audience, ConditionScope, Course, CourseCondition, Enrolment, TrainingRecord
from collab.courses.states import EnrolmentState, TrainingState
from collab.kernel.errors import ConflictError, InvalidError
from collab.projects.models import Project


# --- verbs
@transaction.atomic
def set_condition(
    *, project: Project, course: Course, needed_for: str, by: User, asset: UUID | None = None
) -> CourseCondition:
    """Ask everybody in the project for a valid course; it holds for the next request."""
    require(by, "course.require", project)
    require(by, "course.view", course)
    course = Course.objects.select_for_update(of=("self",)).get(pk=course.pk)  # nobody retires it meanwhile
    if needed_for not in ConditionScope.values:
        raise InvalidError(_("Choose what it is needed for."), field="needed_for")
    if course.shown_state != "published":
        raise ConflictError(_("No version of the course is published, so nobody could meet the condition."))
    _require_open_to_all(project, course)
    if asset is not None and needed_for == ConditionScope.JOBS:
        raise InvalidError(_("For jobs the course is needed in the whole project."), field="asset")
    if asset is not None and asset not in {one.pk for one in assets_of(by, project.pk)}:
        raise InvalidError(_("Choose a dataset of this project."), field="asset")
    known = CourseCondition.objects.filter(
        project=project, course=course, needed_for=needed_for, asset=asset, ended_at=None
    )
    if known.exists():
        raise ConflictError(_("This course is asked for already."))
    row = CourseCondition.objects.create(project=project, course=course, needed_for=needed_for, asset=asset, set_by=by)
    _record("require", row, by)
    return row


def _require_open_to_all(project: Project, course: Course) -> None:
    """A course for one organisation's people would keep out those of the others, who may not take it."""
    if course.audience == Audience.EVERYONE:
        return
    parties = project.parties.filter(left_on=None).exclude(organisation=course.organisation_id)
    names = [str(row.organisation) for row in parties.select_related("organisation").order_by("organisation__name")]
    if names:
        text = _("The course is only for people of %(organisation)s; those of %(names)s could not take it.")
        told = {"organisation": course.organisation, "names": ", ".join(names)}
        raise InvalidError(text % told, field="course")


@transaction.atomic
def end_condition(*, condition: CourseCondition, by: User) -> CourseCondition:
    """Ask for it no longer."""
    require(by, "course.require", condition)
    row = CourseCondition.objects.select_for_update(of=("self",)).select_related("course").get(pk=condition.pk)
    if row.ended_at is not None:
        raise ConflictError(_("This course is no longer asked for."))
    row.ended_at, row.ended_by = timezone.now(), by
    row.save()
    _record("no_longer_require", row, by)
    return row


def _record(act: str, row: CourseCondition, by: User) -> None:
    record(
        verb=f"course.{act}", subject=row, by=by, project_id=row.project_id,
        data={"title": row.course.title, "needed_for": row.needed_for},
    )  # fmt: skip


# --- the requirement
def needs_course(model: type[Model], *words: str, needed_for: str, project: str, asset: str = "") -> None:
    """Let these words on a model need the courses that its project asks for; `project` and `asset` are look-ups."""

    def condition(user: User, at: datetime) -> Q:
        return ~Q(Exists(_unmet(user, at, needed_for, OuterRef(project), OuterRef(asset) if asset else None)))

    def explain(user: User, obj: Any, at: datetime) -> Missing:
        keys = [_follow(obj, project), _follow(obj, asset) if asset else None]
        row = _unmet(user, at, needed_for, *keys).select_related("course").order_by("created_at").first()
        assert row is not None, "asked only where the condition is not met"
        return missing_course(user, row.course, at)

    register_requirement(
        Requirement(
            code=f"{model.__name__}.course.{'_'.join(words)}",
            words=frozenset(words),
            model=model,
            condition=condition,
            explain=explain,
            label=gettext_lazy("Course"),
        )
    )


def _unmet(user: Any, at: datetime, needed_for: str, project: Any, asset: Any) -> Any:
    """Conditions of the project that the person does not meet."""
    about = Q(asset=None) | Q(asset=asset) if asset is not None else Q(asset=None)
    passed = Enrolment.objects.filter(course=OuterRef("course"), person=user).valid(at)
    elsewhere = TrainingRecord.objects.filter(course=OuterRef("course"), person=user).valid(at)
    rows = CourseCondition.objects.filter(about, project=project, needed_for=needed_for, ended_at=None)
    return rows.filter(~Exists(passed), ~Exists(elsewhere))


def holds_course(user: User, course: Course, at: datetime | None = None) -> bool:
    """Whether the course counts for the person now."""
    at = at or timezone.now()
    return (
        Enrolment.objects.filter(course=course, person=user).valid(at).exists()
        or TrainingRecord.objects.filter(course=course, person=user).valid(at).exists()
    )


def held_courses(user: User, courses: Collection[UUID]) -> set[UUID]:
    """Which of these courses count for the person now; the same two queries for any number."""
    passed = Enrolment.objects.filter(course__in=courses, person=user).valid()
    elsewhere = TrainingRecord.objects.filter(course__in=courses, person=user).valid()
    return {*passed.values_list("course", flat=True), *elsewhere.values_list("course", flat=True)}


def missing_course(user: User, course: Course, at: datetime) -> Missing:
    """Which course is missing, why, and where to take it."""
    url = course.get_absolute_url()
    last = Enrolment.objects.filter(course=course, person=user).with_names().order_by("-created_at").first()
    if last is not None and last.state == EnrolmentState.ENROLLED:
        text = _("You have not finished the course “%(title)s” yet.")
        return Missing("course_under_way", text % {"title": course}, last.get_absolute_url())
    if last is not None and last.state == EnrolmentState.PASSED:
        held = last.certificate
        if held is not None and held.state != CertificateState.ISSUED:
            text = _("Your certificate of the course “%(title)s” was taken back.")
            return Missing("course_taken_back", text % {"title": course}, held.get_absolute_url())
        if last.valid_until is not None and last.valid_until <= at:
            text = _("Your course “%(title)s” expired on %(day)s. Take it again.")
            day = date_format(timezone.localtime(last.valid_until))
            return Missing("course_expired", text % {"title": course, "day": day}, url)
    outside = TrainingRecord.objects.filter(course=course, person=user).order_by("-created_at").first()
    if outside is not None and outside.state == TrainingState.SUBMITTED:
        text = _("Your training “%(training)s” in place of the course “%(title)s” waits for its review.")
        told = {"training": outside.title, "title": course}
        return Missing("training_waits", text % told, outside.get_absolute_url())
    if outside is not None and outside.state == TrainingState.ACCEPTED:
        text = _("Your training “%(training)s” in place of the course “%(title)s” expired on %(day)s.")
        told = {"training": outside.title, "title": course, "day": date_format(outside.expires_on)}
        return Missing("training_expired", text % told, url)
    if outside is not None and outside.state == TrainingState.REVOKED:
        text = _("Your training “%(training)s” in place of the course “%(title)s” was taken back by its reviewers.")
        told = {"training": outside.title, "title": course}
        return Missing("training_taken_back", text % told, outside.get_absolute_url())
    text = _("This needs the course “%(title)s”: take it first.")
    return Missing("course_missing", text % {"title": course}, url)


def _follow(obj: Any, path: str) -> Any:
    if path == "pk":
        return obj.pk
    for step in path.split("__"):
        obj = getattr(obj, step)
    return getattr(obj, "pk", obj)
