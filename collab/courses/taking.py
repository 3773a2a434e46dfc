"""Verbs of those who learn: enrol, study, answer the quiz once and in time, and so earn the certificate."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from collab.access.policy import Missing, require
from collab.accounts.models import User
from collab.audit.services import record
from collab.courses.certificates.models import CertificateKind
from collab.courses.certificates.services import Achievement, issue_certificate
from collab.courses.expiring import keep_last_end
from collab.courses.models import Course, CourseModule, Enrolment, ModuleDone, QuizAttempt, QuizQuestion
from collab.courses.states import ATTEMPT_MOVES, ENROLMENT_MOVES, AttemptState, CourseState, EnrolmentState
from collab.courses.versions import compare, newer_version
from collab.kernel.errors import ConflictError, ExpiredError, InvalidError, NotReadyError
from collab.kernel.months import add_months
from collab.kernel.paper import LANGUAGES

_CENT = Decimal("0.01")


@transaction.atomic
def enrol(*, course: Course, by: User) -> Enrolment:
    """Begin the published version. Raises ConflictError while one takes it, or holds this version without an end."""
    require(by, "course.take", course)
    locked = Course.objects.select_for_update(of=("self",)).get(pk=course.pk)
    edition = locked.versions.filter(state=CourseState.PUBLISHED).first()
    if edition is None:
        raise ConflictError(_("No version of the course is published, so nobody can begin it."))
    mine = locked.enrolments.filter(person=by)
    if mine.filter(state=EnrolmentState.ENROLLED).exists():
        raise ConflictError(_("You take this course already."))
    if mine.valid().filter(valid_until=None, edition=edition).exists():
        raise ConflictError(_("You have passed this version of the course, and that never expires."))
    enrolment = Enrolment.objects.create(course=locked, edition=edition, person=by)
    _record("enrol", enrolment, by, number=edition.number)
    return enrolment


@transaction.atomic
def leave_course(*, enrolment: Enrolment, by: User) -> Enrolment:
    """Stop taking it; one may enrol again."""
    locked = _locked(enrolment, by)
    locked.state = ENROLMENT_MOVES.require("leave", locked.state, what=str(locked.course))
    locked.attempts.filter(state=AttemptState.OPEN).update(state=AttemptState.LAPSED)
    locked.save()
    _record("leave", locked, by)
    return locked


@transaction.atomic
def move_to_newer_version(*, enrolment: Enrolment, by: User) -> Enrolment:
    """Go on in the published version, with an enrolment of its own.

    Modules with the same content stay done; what is new or changed is still to study. The quiz is the new version's:
    an open attempt lapses, results do not carry over, and attempts are counted for each version by itself. Raises
    ConflictError when there is no newer version.
    """
    require(by, "course.take", enrolment)
    Course.objects.select_for_update(of=("self",)).get(pk=enrolment.course_id)  # as `enrol` and `retire_course` do
    locked = _locked(enrolment, by)
    state = ENROLMENT_MOVES.require("move", locked.state, what=str(locked.course))
    edition = newer_version(locked)
    if edition is None:
        raise ConflictError(_("There is no newer version of this course."))
    locked.attempts.filter(state=AttemptState.OPEN).update(state=AttemptState.LAPSED)
    locked.state = state
    locked.save()
    moved = Enrolment.objects.create(course=locked.course, edition=edition, person=locked.person, moved_from=locked)
    same = compare(locked.edition, edition).same
    kept = [row for row in locked.done.all() if row.module_id in same]
    ModuleDone.objects.bulk_create(
        ModuleDone(enrolment=moved, module=same[row.module_id], created_at=row.created_at) for row in kept
    )
    _record("move", moved, by, number=edition.number, kept=len(kept))
    if kept and not left_to_study(moved) and not edition.questions.exists():
        _pass(moved, by, score=None)
    return moved


@transaction.atomic
def finish_module(*, enrolment: Enrolment, module: CourseModule, by: User) -> Enrolment:
    """Say that one has studied a module; saying it twice changes nothing. Without a quiz the last one passes."""
    locked = _locked(enrolment, by)
    ENROLMENT_MOVES.require("study", locked.state, what=str(locked.course))
    if module.edition_id != locked.edition_id:
        raise InvalidError(_("The module belongs to another version of the course."), field="module")
    _row, made = ModuleDone.objects.get_or_create(enrolment=locked, module=module)
    if not made:
        return locked
    _record("study", locked, by, module=module.title)
    if not left_to_study(locked) and not locked.edition.questions.exists():
        _pass(locked, by, score=None)
    return locked


@transaction.atomic
def begin_quiz(*, enrolment: Enrolment, by: User) -> QuizAttempt:
    """Draw the questions of an attempt. One that is open goes on; one whose time is over counts as not passed.

    Raises NotReadyError before all modules are studied, ConflictError when no attempt is left.
    """
    locked = _locked(enrolment, by)
    ENROLMENT_MOVES.require("study", locked.state, what=str(locked.course))
    left = left_to_study(locked)
    if left:
        text = _("Study “%(title)s” first.")
        raise NotReadyError([Missing("module", text % {"title": row}, locked.get_absolute_url()) for row in left])
    bank = list(locked.edition.questions.all())
    if not bank:
        raise ConflictError(_("This course has no quiz."))
    opened = locked.attempts.filter(state=AttemptState.OPEN).first()
    if opened is not None and not opened.is_late:
        return opened
    if opened is not None:
        opened.state = ATTEMPT_MOVES.require("lapse", opened.state, what=str(opened))
        opened.save()
    if attempts_left(locked) == 0:
        raise ConflictError(_("All attempts are used. The people who give the course can grant another one."))
    number = (locked.attempts.aggregate(last=Max("number"))["last"] or 0) + 1
    minutes = locked.edition.minutes
    attempt = QuizAttempt.objects.create(
        enrolment=locked,
        number=number,
        asked=_draw(bank, locked.edition.asked_max),
        due_at=timezone.now() + timedelta(minutes=minutes) if minutes else None,
    )
    _record("begin_quiz", locked, by, number=number)
    return attempt


@transaction.atomic
def answer_quiz(*, attempt: QuizAttempt, answers: Mapping[str, Sequence[int]], by: User) -> QuizAttempt:
    """Answer all questions of an attempt: {question: numbers of the chosen answers, as the question lists them}.

    Answers are taken once. Raises ConflictError when they were sent before or the attempt has lapsed, ExpiredError
    after its time, InvalidError for answers to other questions than were asked.
    """
    enrolment = _locked(attempt.enrolment, by)
    locked = QuizAttempt.objects.select_for_update(of=("self",)).get(pk=attempt.pk)
    if locked.state == AttemptState.SUBMITTED:
        raise ConflictError(_("This attempt was answered before; answers are taken once."), code="replayed")
    state = ATTEMPT_MOVES.require("submit", locked.state, what=_("Attempt %(n)d") % {"n": locked.number})
    ENROLMENT_MOVES.require("study", enrolment.state, what=str(enrolment.course))
    now = timezone.now()
    if locked.due_at is not None and now > locked.due_at:
        raise ExpiredError(_("The time for this attempt is over. Begin another one."), code="late")
    questions = {str(row.pk): row for row in QuizQuestion.objects.filter(pk__in=[one["id"] for one in locked.asked])}
    given = _checked(answers, questions)
    right = sum(frozenset(given[key]) == question.right for key, question in questions.items())
    locked.score = (Decimal(100 * right) / len(questions)).quantize(_CENT, ROUND_HALF_UP)
    locked.passed = 100 * right >= enrolment.edition.pass_mark * len(questions)
    locked.state, locked.answers, locked.submitted_at = state, given, now
    locked.save()
    _record("answer_quiz", enrolment, by, number=locked.number, score=str(locked.score), passed=locked.passed)
    if locked.passed:
        _pass(enrolment, by, score=locked.score)
    return locked


def left_to_study(enrolment: Enrolment) -> list[CourseModule]:
    """Modules that are not done yet."""
    return list(enrolment.edition.modules.exclude(pk__in=enrolment.done.values("module")))


def attempts_left(enrolment: Enrolment) -> int | None:
    """None: as many as one likes. Leaving a course and enrolling again gives none back."""
    most = enrolment.edition.attempts_max
    if most is None:
        return None
    used = QuizAttempt.objects.filter(enrolment__person=enrolment.person_id, enrolment__edition=enrolment.edition_id)
    used = used.exclude(enrolment__state=EnrolmentState.PASSED).exclude(state=AttemptState.OPEN)
    return max(0, most + enrolment.attempts_extra - used.count())


@transaction.atomic
def grant_attempt(*, enrolment: Enrolment, by: User) -> Enrolment:
    """Let somebody try once more; said by those who give the course."""
    require(by, "course.edit", enrolment.course)
    locked = Enrolment.objects.select_for_update(of=("self",)).select_related("course", "edition").get(pk=enrolment.pk)
    ENROLMENT_MOVES.require("study", locked.state, what=str(locked.course))
    if locked.person_id == by.pk:
        raise ConflictError(_("Nobody grants themselves another attempt."))
    if attempts_left(locked) != 0:
        raise ConflictError(_("There are attempts left."))
    locked.attempts_extra += 1
    locked.save()
    _record("grant_attempt", locked, by)
    return locked


# --- how it is done
def _locked(enrolment: Enrolment, by: User) -> Enrolment:
    require(by, "course.take", enrolment)
    rows = Enrolment.objects.select_for_update(of=("self",))
    return rows.select_related("course__organisation", "edition", "person").get(pk=enrolment.pk)


def _draw(bank: list[QuizQuestion], most: int | None) -> list[dict[str, Any]]:
    """Questions by chance, each with its answers in an order of its own."""
    chance = random.SystemRandom()
    drawn = chance.sample(bank, min(most or len(bank), len(bank)))
    return [{"id": str(row.pk), "order": chance.sample(range(len(row.options)), len(row.options))} for row in drawn]


def _checked(answers: Mapping[str, Sequence[int]], questions: Mapping[str, QuizQuestion]) -> dict[str, list[int]]:
    if set(answers) - set(questions):
        raise InvalidError(_("There are answers to questions that this attempt did not ask."), field="answers")
    given = {}
    for key, question in questions.items():
        chosen = sorted(set(answers.get(key, ())))
        if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n < len(question.options) for n in chosen):
            raise InvalidError(_("There is no such answer to “%(text)s”.") % {"text": question}, field="answers")
        given[key] = chosen
    return given


def _pass(enrolment: Enrolment, by: User, *, score: Decimal | None) -> None:
    """Passed: valid from now, and certified."""
    now = timezone.now()
    enrolment.state = ENROLMENT_MOVES.require("pass", enrolment.state, what=str(enrolment.course))
    enrolment.passed_at, enrolment.score = now, score
    enrolment.valid_until = _end(now, enrolment.edition.valid_months)
    enrolment.certificate = issue_certificate(
        person=enrolment.person,
        achievement=_achievement(enrolment),
        organisation=enrolment.course.organisation,
        source=enrolment,
        valid_until=enrolment.valid_until,
        by=None,
    )
    enrolment.save()
    _record("pass", enrolment, by, number=enrolment.edition.number)
    keep_last_end(enrolment.person, enrolment.course)


def _end(at: datetime, months: int | None) -> datetime | None:
    """The same time of the day so many months later; None when it never expires."""
    if months is None:
        return None
    local = timezone.localtime(at).replace(microsecond=0)
    return datetime.combine(add_months(local.date(), months), local.time(), tzinfo=local.tzinfo)


def _achievement(enrolment: Enrolment) -> Achievement:
    course, edition = enrolment.course, enrolment.edition
    texts = {}
    for language, ending in zip(LANGUAGES, ("", "_zh"), strict=True):
        with override(language):
            if edition.questions.exists():
                text = _("All modules of version %(n)d studied, and its quiz passed with at least %(mark)d %%.")
            else:
                text = _("All modules of version %(n)d studied.")
            texts[f"criteria{ending}"] = text % {"n": edition.number, "mark": edition.pass_mark}
    return Achievement(
        kind=CertificateKind.COURSE,
        title=course.title,
        title_zh=course.title_zh,
        description=course.summary,
        description_zh=course.summary_zh,
        **texts,
    )


def _record(act: str, enrolment: Enrolment, by: User, **data: Any) -> None:
    record(
        verb=f"course.{act}", subject=enrolment, by=by, organisation_id=enrolment.course.organisation_id,
        data={"title": enrolment.course.title} | data,
    )  # fmt: skip
