"""What waits for a student, a mentor, a supervisor or a reviewer, as the dashboard shows it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.agreements.states import STANDING, VersionState
from collab.inbox.errands import Errand
from collab.internships.applications.states import WAITING, ApplicationState
from collab.internships.models import Application, Evaluation, Interview, Placement
from collab.internships.placements.models import PlacementQuerySet, Side
from collab.internships.placements.states import OPEN, LogState, PlacementState

MOST = 10  # of each kind


def errands_of_internships(user: User) -> Iterator[Errand]:
    return chain(_answers(user), _times(user), _signatures(user), _log_books(user), _evaluations(user), _reviews(user))


def _answers(user: User) -> Iterator[Errand]:
    rows = Application.objects.filter(
        candidate=user, state=ApplicationState.OFFERED.value, offer_ends_at__gt=timezone.now()
    )
    for row in rows.with_names().order_by("offer_ends_at")[:MOST]:
        title = _("Answer the offer of a place: %(posting)s") % {"posting": row.posting}
        yield Errand(title, row.get_absolute_url(), str(row.posting.organisation), "award", row.offer_ends_at)


def _times(user: User) -> Iterator[Errand]:
    waits = Interview.objects.filter(application=OuterRef("pk"), chosen_at=None)
    rows = Application.objects.filter(candidate=user, state=ApplicationState.INTERVIEWING.value)
    for row in rows.filter(Exists(waits)).with_names().order_by("submitted_at", "pk")[:MOST]:
        title = _("Choose a time for the interview: %(posting)s") % {"posting": row.posting}
        yield Errand(title, row.get_absolute_url(), str(row.posting.organisation), "calendar-event")


def _signatures(user: User) -> Iterator[Errand]:
    """Learning agreements whose newest version is out for signature, or signed by the organisations, without mine."""
    counts = [state.value for state in (VersionState.OUT_FOR_SIGNATURE, *STANDING)]
    newest = AgreementVersion.objects.filter(agreement=OuterRef("agreement"), state__in=counts).order_by("-number")
    unsigned = AgreementVersion.objects.filter(pk=OuterRef("counts"), student_signature=None)
    rows = _open(user, "placement.sign").filter(student=user).annotate(counts=newest.values("pk")[:1])
    for row in rows.filter(Exists(unsigned)).with_names().order_by("starts_on", "pk")[:MOST]:
        yield Errand(_("Sign your learning agreement"), row.get_absolute_url(), str(row.host), "pen")


def _log_books(user: User) -> Iterator[Errand]:
    rows = _open(user, "placement.confirm").annotate(days=Count("log", filter=Q(log__state=LogState.SUBMITTED)))
    for row in rows.filter(Q(mentor=user), days__gt=0).with_names().order_by("starts_on")[:MOST]:
        title = _("Confirm the log book of %(student)s") % {"student": row.student}
        yield Errand(title, row.get_absolute_url(), str(row.posting), "journal-text")


def _evaluations(user: User) -> Iterator[Errand]:
    """From the day after the last one: before it, nobody has to."""
    mine = Q(side=Side.MENTOR, placement__mentor=user) | Q(side=Side.INTERN, placement__student=user)
    given = Evaluation.objects.filter(mine, placement=OuterRef("pk"))  # also by a mentor before
    rows = _open(user, "placement.evaluate").filter(
        Q(student=user) | Q(mentor=user), state=PlacementState.ONBOARDED.value, ends_on__lt=timezone.localdate()
    )
    for row in rows.exclude(Exists(given)).with_names().order_by("ends_on")[:MOST]:
        title = _("Evaluate the internship: %(placement)s") % {"placement": row}
        yield Errand(title, row.get_absolute_url(), str(row.posting), "award")


def _reviews(user: User) -> Iterator[Errand]:
    rows = Application.objects.visible_to(user, "application.review").filter(
        reviews__reviewer=user, reviews__given_at=None, state__in=WAITING
    )
    for row in rows.with_names().order_by("submitted_at", "pk")[:MOST]:
        yield Errand(_("Review an application: %(row)s") % {"row": row}, row.get_absolute_url(), "", "person-check")


def _open(user: User, word: str) -> PlacementQuerySet:
    return Placement.objects.visible_to(user, word).filter(state__in=[state.value for state in OPEN])
