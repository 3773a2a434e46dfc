"""Who may see and take what, beside the roles: courses that are open to them, and what is their own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from collab.access.policy import NEVER, Missing, visible_to
from collab.access.roles import WORDS
from collab.accounts.models import User
from collab.courses.library.attaching import ATTACHABLE
from collab.courses.models import Course, Enrolment, open_to
from collab.courses.states import CourseState


def takes(user: User, word: str, at: datetime) -> Q:
    """Courses are open to whom they are for, and to those who take them."""
    return open_to(user, at) if word in {"course.view", "course.take"} else NEVER


def takes_version(user: User, word: str, at: datetime) -> Q:
    """The published version, and the one that the person takes."""
    if word != "course.view":
        return NEVER
    mine = Enrolment.objects.filter(edition=OuterRef("pk"), person=user)
    return (Q(state=CourseState.PUBLISHED.value) & open_to(user, at, "course__")) | Q(Exists(mine))


def explain(user: User, word: str, course: Course, at: datetime) -> Missing:
    if word == "course.take":
        return Missing("course_closed", _("This course is not open to you now."), course.get_absolute_url())
    return Missing("role", _("Your role does not let you %(what)s.") % {"what": WORDS[word]})


def own_training(user: User, word: str, at: datetime) -> Q:
    """One's own document: to see, to send again and to take back, never to review."""
    return Q(person=user.pk) if word in {"training.view", "training.submit"} else NEVER


def explain_training(user: User, word: str, row: Any, at: datetime) -> Missing:
    if word == "training.review":
        return Missing("role", _("Your role does not let you %(what)s.") % {"what": WORDS[word]})
    return Missing("not_yours", _("Only the person whose training it is may do this."))


def attached_in_public(user: User, at: datetime) -> Q:
    """Resources attached to what everybody may see."""
    return Q(project=None)


def takes_off(user: User, word: str, at: datetime) -> Q:
    """What is attached in public is taken off by whoever looks after what it is attached to."""
    if word != "library.attach":
        return NEVER
    q = NEVER
    for name, kind in ATTACHABLE.items():
        if kind.project is None:  # few rows are anybody's own, and their keys are text here
            rows = visible_to(user, kind.word, kind.model._default_manager.all(), at)
            q |= Q(subject_type=name, subject_id__in=[str(key) for key in rows.values_list("pk", flat=True)])
    return q
