"""When a course or a training ends: one date in the person's calendar, told early enough to learn it again."""

from __future__ import annotations

from datetime import date, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from collab.accounts.models import User
from collab.courses.certificates.models import Certificate
from collab.courses.models import Course, Enrolment, TrainingRecord
from collab.courses.states import EnrolmentState, TrainingState
from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind


def remind_days() -> int:
    """So many days before its end the holder is told."""
    return settings.COURSE_REMIND_DAYS


def ends_soon(day: date | None) -> bool:
    """Whether that day is near, or past."""
    return day is not None and day <= timezone.localdate() + timedelta(days=remind_days())


def keep_last_end(person: User, course: Course) -> None:
    """Of all that the person holds for a course the end that comes last is in the calendar; none if one never ends."""
    passed = Enrolment.objects.filter(person=person, course=course, state=EnrolmentState.PASSED)
    trainings = TrainingRecord.objects.filter(person=person, course=course, state=TrainingState.ACCEPTED)
    ends: dict[Enrolment | TrainingRecord, date | None] = {}
    ends |= {row: timezone.localdate(row.valid_until) if row.valid_until else None for row in passed.valid()}
    ends |= {row: row.expires_on for row in trainings.valid()}
    last = None if None in ends.values() else max(ends, key=lambda row: ends[row] or date.max, default=None)
    for row in (*passed, *trainings):
        if row != last:
            settle_obligation(source=row, kind=ObligationKind.EXPIRY)
    if isinstance(last, TrainingRecord):
        show_end(last)
    elif last is not None and last.valid_until is not None:
        set_obligation(
            source=last,
            kind=ObligationKind.EXPIRY,
            title=format_lazy(gettext_lazy("Your course “{title}” expires"), title=course),
            due_on=timezone.localdate(last.valid_until),
            url=course.get_absolute_url(),
            person=person,
        )


def certificate_changed(certificate: Certificate) -> None:
    """What was taken back has no end to wait for; what counts again has."""
    enrolment = Enrolment.objects.filter(certificate=certificate).select_related("person", "course").first()
    if enrolment is not None:
        keep_last_end(enrolment.person, enrolment.course)


def show_end(training: TrainingRecord) -> None:
    """The end of a training done elsewhere, for what one holds beside our courses too."""
    if training.expires_on is None or training.has_expired:
        return
    set_obligation(
        source=training,
        kind=ObligationKind.EXPIRY,
        title=format_lazy(gettext_lazy("Your training “{title}” expires"), title=training.title),
        due_on=training.expires_on,
        url=training.get_absolute_url(),
        person=training.person,
    )
