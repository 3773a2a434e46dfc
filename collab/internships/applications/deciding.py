"""Verbs of hosts: the review board with scores, interviews, offers with expiry, refusals, ranking of students."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import Membership, User
from collab.audit.services import record
from collab.internships.applications.models import Application, BoardReview, Interview
from collab.internships.applications.services import move_all, move_to, note
from collab.internships.applications.states import APPLICATION_MOVES, TAKEN, WAITING, ApplicationState
from collab.internships.oneself import require_other
from collab.internships.programmes.models import YEARS, Cohort, Posting
from collab.internships.programmes.services import (
    NAMED_MAX,
    locked_posting,
    register_closing,
    register_withdrawn,
)
from collab.internships.programmes.states import CohortState, PostingState
from collab.internships.telling import tell, tell_each, who_run_each
from collab.kernel.errors import ConflictError, InvalidError

TIMES_MAX = 10
_UNDECIDED = WAITING | {ApplicationState.DRAFT}
_TOLD = {
    "shortlist": gettext_lazy("Your application moves on: {row}"),
    "reject": gettext_lazy("Your application moves on: {row}"),
    "retract": gettext_lazy("The offer of a place was taken back: {row}"),
    "reconsider": gettext_lazy("Your application is considered again: {row}"),
}


@transaction.atomic
def ask_reviewers(*, application: Application, people: Iterable[User], by: User) -> list[BoardReview]:
    """Ask people of the host for a score; they read this application from now on."""
    locked = _for_host(application, by)
    if locked.state not in WAITING:
        raise ConflictError(_("It was decided already."))
    made = []
    for person in people:
        here = Membership.objects.filter(user=person, project=None, organisation=locked.posting.organisation).active()
        if person.pk == locked.candidate_id or not person.is_active or not here.exists():
            raise InvalidError(_("%(person)s cannot review this application.") % {"person": person}, field="people")
        row, new = BoardReview.objects.get_or_create(application=locked, reviewer=person)
        made += [row] if new else []
    if not made:
        raise ConflictError(_("They are asked already."))
    note("ask_review", locked, by, organisation=locked.posting.organisation, n=len(made))
    tell(locked, gettext_lazy("Your review of an application is asked: {row}"), [row.reviewer for row in made], but=by)
    return made


@transaction.atomic
def give_review(*, application: Application, score: int, by: User, comment: str = "") -> BoardReview:
    """Score an application one was asked to review, until it is decided."""
    require(by, "application.review", application)
    locked = locked_application(application)
    if locked.state not in WAITING:
        raise ConflictError(_("It was decided already."))
    row = BoardReview.objects.select_for_update().get(application=locked, reviewer=by)
    row.score, row.comment, row.given_at = score, comment.strip(), timezone.now()
    row.require_clean()
    row.save()
    note("review", locked, by, organisation=locked.posting.organisation)
    return row


@transaction.atomic
def decide_application(*, application: Application, move: str, by: User, reason: str = "") -> Application:
    """Put it on the short list, refuse it or take an offer back, with the reason that the student reads; or consider
    anew what was refused, as long as the posting goes on."""
    require(by, "application.decide", application)
    require_other(by, application.candidate)
    if move not in _TOLD:
        raise InvalidError(_("Choose one of the moves offered."), field="move")
    if move in {"reject", "retract"} and not reason.strip():
        raise InvalidError(_("Give the reason: the student reads it."), field="reason")
    posting = locked_posting(application.posting)  # before the application, as where an offer is answered
    locked = locked_application(application)
    state = APPLICATION_MOVES.require(move, locked.state, what=str(locked))
    if move == "reconsider":
        _require_going_on(locked, posting)
    locked.reason, locked.offer_ends_at = reason.strip(), None
    locked.require_clean()
    move_to(locked, state, by, reason=locked.reason)
    note(move, locked, by, organisation=posting.organisation)
    tell(locked, _TOLD[move], [locked.candidate], but=by)
    return locked


@transaction.atomic
def propose_times(*, application: Application, times: Sequence[datetime], by: User, where: str = "") -> Interview:
    """Propose times for an interview; earlier ones that were not answered are off."""
    locked = _for_host(application, by)
    state = APPLICATION_MOVES.require("interview", locked.state, what=str(locked))
    moments = sorted(set(times))
    if not 1 <= len(moments) <= TIMES_MAX or moments[0] <= timezone.now():
        raise InvalidError(_("Propose 1 to %(n)d times that lie ahead.") % {"n": TIMES_MAX}, field="times")
    if moments[-1].year not in YEARS:
        raise InvalidError(_("Write a year between 2000 and 2100."), field="times")
    Interview.objects.filter(application=locked, chosen_at=None).delete()
    row = Interview(
        application=locked, times=[moment.isoformat() for moment in moments], where=where.strip(), proposed_by=by
    )
    row.require_clean()
    row.save()
    move_to(locked, state, by)
    note("interview", locked, by, organisation=locked.posting.organisation)
    tell(locked, gettext_lazy("Choose a time for the interview: {row}"), [locked.candidate], but=by)
    return row


@transaction.atomic
def make_offer(*, application: Application, by: User) -> Application:
    """Offer a place. Raises ConflictError when every seat is offered or taken: two who offer the last one wait here."""
    require(by, "application.decide", application)
    require_other(by, application.candidate)
    posting = locked_posting(application.posting)
    locked = locked_application(application)
    offer_seats([locked], [posting], by)
    note("offer", locked, by, organisation=posting.organisation)
    tell(locked, gettext_lazy("You are offered a place: {row}"), [locked.candidate], but=by)
    return locked


@transaction.atomic
def renew_offer(*, application: Application, by: User) -> Application:
    """Offer the place again to a student who declined it or did not answer in time, for as many days as at first."""
    require(by, "application.decide", application)
    require_other(by, application.candidate)
    posting = locked_posting(application.posting)
    [locked] = locked_applications([application.pk], [posting])
    if _expire([posting], timezone.now()):
        locked = locked_application(application)  # its own offer may be one of those that have just ended
    _require_going_on(locked, posting)
    locked.reason = ""
    offer_seats([locked], [posting], by, move="renew")
    note("renew", locked, by, organisation=posting.organisation)
    tell(locked, gettext_lazy("You are offered a place again: {row}"), [locked.candidate], but=by)
    return locked


OFFERS = {"offer": make_offer, "renew": renew_offer}


def goes_on(posting: Posting) -> bool:
    """Whether what ended for one of its applications may be taken up again."""
    running = posting.state in {PostingState.PUBLISHED, PostingState.CLOSED}
    return running and posting.cohort.state != CohortState.CLOSED


def _require_going_on(application: Application, posting: Posting) -> None:
    """Raises ConflictError when posting or cohort is over, or when the student has a place by now."""
    # asked anew: the cohort that came with the locked posting may be older than the wait for it
    over = Cohort.objects.filter(pk=posting.cohort_id, state=CohortState.CLOSED).exists()
    if over or not goes_on(posting):
        raise ConflictError(_("The posting or its cohort is over."), code="posting_over")
    of_student = Application.objects.filter(cohort=posting.cohort_id, candidate=application.candidate_id)
    if of_student.filter(state__in=TAKEN).exists():
        raise ConflictError(_("The student has accepted another place in this cohort."))


def offer_seats(
    applications: Sequence[Application], postings: Iterable[Posting], by: User, *, move: str = "offer"
) -> None:
    """Give each application the lowest free seat of its posting, in a few queries for any number; all are locked.

    Raises ConflictError for one that may not be offered a place, or whose posting has no seat left.
    """
    now, at = timezone.now(), {posting.pk: posting for posting in postings}
    _expire(at.values(), now)
    taken = set(Application.objects.filter(posting__in=at).exclude(seat=None).values_list("posting", "seat"))
    moves = []
    for row in applications:
        posting = at[row.posting_id]
        state = APPLICATION_MOVES.require(move, row.state, what=str(row))
        free = next((number for number in range(1, posting.places + 1) if (posting.pk, number) not in taken), None)
        if free is None:
            raise ConflictError(_("All places are offered or taken."), code="no_seat")
        taken.add((posting.pk, free))
        row.seat, row.offer_ends_at = free, now + timedelta(days=posting.cohort.offer_days)
        moves.append((row, state))
    move_all(moves, by)


def _expire(postings: Iterable[Posting], at: datetime) -> int:
    late = Application.objects.select_for_update(of=("self",)).filter(
        posting__in=list(postings), state=ApplicationState.OFFERED, offer_ends_at__lt=at
    )
    rows = list(late.select_related("posting", "candidate").order_by("pk"))
    _write_expired(rows)
    return len(rows)


def _write_expired(rows: Sequence[Application]) -> None:
    """These offers are over: their seats are free, and both sides are told."""
    move_all([(row, ApplicationState.OFFER_EXPIRED) for row in rows], None)
    offices = who_run_each({row.posting.organisation_id for row in rows}, "posting.manage") if rows else {}
    news: list[tuple[Any, Any, User]] = []
    for row in rows:
        note("expire", row, None)
        news.append((row, gettext_lazy("Your offer has expired: {row}"), row.candidate))
        title = gettext_lazy("An offer has expired, and its seat is free: {row}")
        news += [(row, title, person) for person in offices.get(row.posting.organisation_id, [])]
    tell_each(news)


def expire_offers() -> int:
    """Write down that offers whose time is over are over, so that their seats are free. It decides nothing."""
    now, done = timezone.now(), 0
    late = Application.objects.filter(state=ApplicationState.OFFERED, offer_ends_at__lt=now)
    for posting in Posting.objects.filter(pk__in=late.values("posting")):
        with transaction.atomic():
            done += _expire([locked_posting(posting)], now)
    return done


@transaction.atomic
def rank_students(*, posting: Posting, order: Sequence[Application], by: User) -> list[Application]:
    """Put the applications for one's posting in order, the best first; who is left out is not wanted.

    Raises InvalidError for one named twice, ConflictError a second after ranking has ended.
    """
    require(by, "posting.manage", posting)
    locked = locked_posting(posting)
    if not locked.cohort.takes_rankings(timezone.now()):
        raise ConflictError(_("Ranking has ended."), code="ranking_closed")
    keys = [row.pk for row in order]
    if len(set(keys)) != len(keys):
        raise InvalidError(_("Name each application once."), field="order")
    waiting = locked.applications.select_for_update(of=("self",)).filter(state__in=WAITING).order_by("pk")
    known = {row.pk: row for row in waiting.select_related("candidate")}
    for row in known.values():
        if row.pk in keys:
            require_other(by, row.candidate)
    if any(key not in known for key in keys):
        raise InvalidError(_("Choose among the applications that wait for a decision."), field="order")
    locked.applications.exclude(rank=None).update(rank=None)
    for number, key in enumerate(keys, 1):
        known[key].rank = number
    Application.objects.bulk_update([known[key] for key in keys], ["rank"], batch_size=200)
    record(
        verb="posting.rank", subject=locked, by=by, organisation_id=locked.organisation_id,
        data={"title": locked.title, "n": len(keys)},
    )  # fmt: skip
    return [known[key] for key in keys]


def applications_lapse(posting: Posting, by: User) -> None:
    """The posting is withdrawn: nobody waits for it any more."""
    rows = posting.applications.select_for_update(of=("self",)).select_related("candidate", "posting")
    going_on = list(rows.filter(state__in=[*_UNDECIDED, ApplicationState.OFFERED]).order_by("pk"))
    _end(going_on, "posting_withdrawn", gettext_lazy("The posting was withdrawn: {row}"), by)


def _end(rows: Sequence[Application], reason: str, title: Any, by: User) -> None:
    """These go on no more: what was sent is refused, a draft is withdrawn, and everybody is told."""
    for row in rows:
        row.reason = reason
    sent, draft = ApplicationState.REJECTED, ApplicationState.WITHDRAWN
    move_all([(row, draft if row.submitted_at is None else sent) for row in rows], by)
    tell_each((row, title, row.candidate) for row in rows)


register_withdrawn(applications_lapse)


def missing_to_close(cohort: Cohort) -> list[Missing]:
    """Offers that may still be accepted, by name."""
    rows = Application.objects.filter(cohort=cohort, state=ApplicationState.OFFERED, offer_ends_at__gte=timezone.now())
    text = _("An offer is open: %(row)s.")
    return [
        Missing("offer_open", text % {"row": row}, row.get_absolute_url())
        for row in rows.select_related("candidate", "posting").order_by("candidate__name", "pk")[:NAMED_MAX]
    ]


def applications_end(cohort: Cohort, by: User) -> None:
    """The cohort is closed: nobody waits for an answer any more, and everybody who did is told."""
    rows = Application.objects.select_for_update(of=("self",)).filter(cohort=cohort).order_by("pk")
    open_ones = rows.filter(state__in=[*_UNDECIDED, ApplicationState.OFFERED]).select_related("candidate", "posting")
    going_on = list(open_ones)
    _write_expired([row for row in going_on if row.state == ApplicationState.OFFERED])
    title = gettext_lazy("The cohort was closed, and your application ends: {row}")
    _end([row for row in going_on if row.state in _UNDECIDED], "cohort_closed", title, by)


register_closing(missing_to_close, applications_end)


def _for_host(application: Application, by: User) -> Application:
    require(by, "application.decide", application)
    require_other(by, application.candidate)
    return locked_application(application)


def locked_application(application: Application) -> Application:
    """The row as it is now; nobody else changes it before the end of the transaction."""
    return _locked().get(pk=application.pk)


def locked_applications(keys: Any, postings: Iterable[Any]) -> list[Application]:
    """These rows by rank, and with them the offers of the postings that nobody answered in time, all locked at once."""
    late = Q(posting__in=list(postings), state=ApplicationState.OFFERED, offer_ends_at__lt=timezone.now())
    wanted = set(Application.objects.filter(pk__in=keys).values_list("pk", flat=True))
    held = _locked().filter(Q(pk__in=wanted) | late).order_by("pk")
    rows = [row for row in held if row.pk in wanted]
    return sorted(rows, key=lambda row: (row.posting_id, row.rank or 0))


def _locked() -> Any:
    return Application.objects.select_for_update(of=("self",)).select_related(
        "posting__organisation", "posting__cohort__programme__organisation", "candidate", "university", "cohort"
    )
