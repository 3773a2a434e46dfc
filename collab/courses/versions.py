"""What is new in a version of a course, compared with the one that somebody takes."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collab.courses.models import CourseModule, CourseVersion, Enrolment, QuizQuestion
from collab.courses.states import CourseState, EnrolmentState


@dataclass(frozen=True)
class News:
    """A newer version beside an older one.

    `same`: id of a module of the older version → the module of the newer one with the same content.
    """

    edition: CourseVersion
    added: tuple[CourseModule, ...]
    changed: tuple[CourseModule, ...]
    removed: tuple[CourseModule, ...]
    same: dict[UUID, CourseModule]
    questions_new: int
    terms: tuple[str, ...]


def newer_version(enrolment: Enrolment) -> CourseVersion | None:
    """The published version to which somebody under way in an older one may move; None when there is none."""
    if enrolment.state != EnrolmentState.ENROLLED:
        return None
    rows = CourseVersion.objects.filter(course=enrolment.course_id, state=CourseState.PUBLISHED)
    return rows.filter(number__gt=enrolment.edition.number).first()


def compare(old: CourseVersion, new: CourseVersion) -> News:
    """Modules that are copies of each other are compared in content; others are the same where all content is."""
    before, after = list(old.modules.all()), list(new.modules.all())
    by_stem = {row.stem: row for row in before}
    by_content = {row.content: row for row in before}
    same: dict[UUID, CourseModule] = {}
    added, changed, kept = [], [], set()
    for row in after:
        earlier = by_stem.get(row.stem) or by_content.get(row.content)
        if earlier is None or earlier.pk in kept:
            added.append(row)
            continue
        kept.add(earlier.pk)
        if earlier.content == row.content:
            same[earlier.pk] = row
        else:
            changed.append(row)
    removed = tuple(row for row in before if row.pk not in kept)
    known = {_asks(row) for row in old.questions.all()}
    questions_new = sum(_asks(row) not in known for row in new.questions.all())
    return News(new, tuple(added), tuple(changed), removed, same, questions_new, _terms(old, new))


def _asks(row: QuizQuestion) -> tuple[object, ...]:
    """What a question asks and which answers are right."""
    return (row.text, row.text_zh, tuple((one["text"], one.get("text_zh", ""), one["right"]) for one in row.options))


def _terms(old: CourseVersion, new: CourseVersion) -> tuple[str, ...]:
    """Sentences on the terms that differ."""
    said = []
    if old.pass_mark != new.pass_mark:
        said.append(_("The pass mark is %(new)d %% instead of %(old)d %%.") % _pair(old.pass_mark, new.pass_mark))
    if old.valid_months != new.valid_months:
        said.append(
            _("It never expires.")
            if new.valid_months is None
            else ngettext("It is valid for %(n)d month.", "It is valid for %(n)d months.", new.valid_months)
            % {"n": new.valid_months}
        )
    if old.attempts_max != new.attempts_max:
        said.append(
            _("There is no limit of attempts.")
            if new.attempts_max is None
            else ngettext("There is %(n)d attempt.", "There are %(n)d attempts.", new.attempts_max)
            % {"n": new.attempts_max}
        )
    if old.minutes != new.minutes:
        said.append(
            _("An attempt has no limit of time.")
            if new.minutes is None
            else ngettext("An attempt takes %(n)d minute.", "An attempt takes %(n)d minutes.", new.minutes)
            % {"n": new.minutes}
        )
    return tuple(said)


def _pair(old: int, new: int) -> dict[str, int]:
    return {"old": old, "new": new}
