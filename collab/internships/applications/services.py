"""Verbs of students: begin to apply, write, add documents, send, withdraw, choose a time, answer an offer, rank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.internships.applications.hooks import accepted
from collab.internships.applications.models import (
    ATTEMPTS_MAX,
    Application,
    ApplicationDocument,
    ApplicationEvent,
    DocumentKind,
    Interview,
)
from collab.internships.applications.states import APPLICATION_MOVES, GOING_ON, HOLDS_SEAT, TAKEN, ApplicationState
from collab.internships.programmes.models import Cohort, Posting
from collab.internships.programmes.questions import checked_answers
from collab.internships.programmes.services import locked_posting
from collab.internships.standing import studies
from collab.internships.telling import tell, who_run
from collab.kernel.attachments import DOCUMENTS, keep_file
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, StaleError

DOCUMENTS_MAX = 6


def universities_of(user: User) -> list[Organisation]:
    """Where the person studies, and may apply from."""
    return list(Organisation.objects.filter(pk__in=studies(user).active().values("organisation")).order_by("name"))


@transaction.atomic
def begin_application(*, posting: Posting, by: User, university: Organisation | None = None) -> Application:
    """Begin to apply. Raises ConflictError a second after the deadline, and for a second application.

    After a withdrawal one may apply once again.
    """
    require(by, "posting.apply", posting)
    locked = locked_posting(posting)
    _require_open(locked, timezone.now())
    mine = universities_of(by)
    if university is None and len(mine) == 1:
        university = mine[0]
    if university not in mine:
        raise InvalidError(_("Choose the university where you study."), field="university")
    before = list(locked.applications.filter(candidate=by).order_by("attempt"))
    if any(row.state != ApplicationState.WITHDRAWN for row in before):
        raise ConflictError(_("You have applied for this posting already."))
    if len(before) >= ATTEMPTS_MAX:
        raise ConflictError(_("You have withdrawn twice; one may apply again only once."))
    application = Application(
        posting=locked, cohort=locked.cohort, candidate=by, university=university, attempt=len(before) + 1
    )
    application.save()
    _step(application, by)
    note("begin", application, by)
    return application


@transaction.atomic
def write_application(
    *, application: Application, by: User, version: int, statement: str | None = None,
    answers: Mapping[str, Any] | None = None, questions_version: int | None = None,
) -> Application:  # fmt: skip
    """Write at one's draft. Raises StaleError when the questions changed since they were read."""
    locked = _own(application, by)
    if locked.state != ApplicationState.DRAFT:
        raise ConflictError(_("It was sent already; withdraw it to apply anew."))
    if locked.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Read it again and repeat your change."),
            now={"statement": locked.statement},
        )
    if answers is not None:
        _same_questions(locked.posting, questions_version)
        locked.answers = checked_answers([row | {"required": False} for row in locked.posting.questions], answers)
        locked.questions = locked.posting.questions
    if statement is not None:
        locked.statement = statement.strip()
    locked.version += 1
    locked.require_clean()
    locked.save()
    note("write", locked, by)
    return locked


@transaction.atomic
def add_document(*, application: Application, file: TemporaryUploadedFile, kind: str, by: User) -> ApplicationDocument:
    """Add a file to one's draft; what it is, its content says."""
    locked = _own(application, by)
    if locked.state != ApplicationState.DRAFT:
        raise ConflictError(_("It was sent already; withdraw it to apply anew."))
    if kind not in DocumentKind.values:
        raise InvalidError(_("Choose a kind."), field="kind")
    if locked.documents.count() >= DOCUMENTS_MAX:
        raise ConflictError(_("An application has at most %(n)d documents.") % {"n": DOCUMENTS_MAX})
    kept = keep_file(file, DOCUMENTS, settings.APPLICATION_FILE_MAX_BYTES)
    if locked.documents.filter(sha256=kept.sha256).exists():
        raise ConflictError(_("This file is in the application already."))
    row = ApplicationDocument(
        application=locked, kind=kind, file_name=kept.file_name, content_type=kept.media_type, sha256=kept.sha256,
        size_bytes=kept.size_bytes,
    )  # fmt: skip
    row.require_clean()
    row.save()
    note("add_document", locked, by, kind=kind)
    return row


@transaction.atomic
def remove_document(*, document: ApplicationDocument, by: User) -> None:
    """Take a file out of one's draft."""
    locked = _own(document.application, by)
    if locked.state != ApplicationState.DRAFT:
        raise ConflictError(_("It was sent already; withdraw it to apply anew."))
    ApplicationDocument.objects.filter(pk=document.pk).delete()
    note("remove_document", locked, by)


@transaction.atomic
def submit_application(*, application: Application, by: User, version: int) -> Application:
    """Send it to the host. Raises ConflictError a second after the deadline, or when the posting is withdrawn."""
    require(by, "application.write", application)
    posting = locked_posting(application.posting)
    locked = _own(application, by)
    state = APPLICATION_MOVES.require("submit", locked.state, what=str(locked.posting))
    now = timezone.now()
    _require_open(posting, now)
    if locked.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Read it again and repeat your change."),
            now={"statement": locked.statement},
        )
    if locked.questions != posting.questions:
        if locked.answers:
            raise StaleError(
                _("The questions changed since you answered them. Read and answer them again."),
                now={"questions": posting.questions},
            )
        locked.questions = posting.questions
    locked.answers = checked_answers(posting.questions, locked.answers)
    if not locked.statement.strip():
        raise InvalidError(_("Say why you want this place."), field="statement")
    locked.submitted_at = now
    move_to(locked, state, by)
    note("submit", locked, by, organisation=posting.organisation)
    tell(locked, gettext_lazy("A new application: {row}"), who_run(posting.organisation, "posting.manage"), but=by)
    return locked


@transaction.atomic
def withdraw_application(*, application: Application, by: User, reason: str = "") -> Application:
    """Take it back; a seat that it held is free again. Once there is a placement, that is cancelled instead."""
    locked = _own(application, by)
    state = APPLICATION_MOVES.require("withdraw", locked.state, what=str(locked.posting))
    if hasattr(locked, "placement"):
        raise ConflictError(_("There is a placement already: ask the coordinators to cancel it."))
    was_sent = locked.submitted_at is not None
    locked.reason = reason.strip()
    locked.require_clean()
    move_to(locked, state, by, reason=locked.reason)
    note("withdraw", locked, by)
    if was_sent:
        people = who_run(locked.posting.organisation, "posting.manage")
        tell(locked, gettext_lazy("An application was withdrawn: {row}"), people, but=by)
    return locked


@transaction.atomic
def choose_time(*, interview: Interview, moment: datetime, by: User) -> Interview:
    """Choose one of the times that the host proposed."""
    locked = _own(interview.application, by)
    row = _still_waiting(interview, locked)
    if moment not in row.moments:
        raise InvalidError(_("Choose one of the times that were proposed."), field="moment")
    if moment <= timezone.now():
        raise InvalidError(_("This time has passed; ask the host for others."), field="moment")
    row.chosen_at = moment
    row.save(update_fields=["chosen_at"])
    note("choose_time", locked, by)
    tell(locked, gettext_lazy("A time for the interview is chosen: {row}"), [row.proposed_by], but=by)
    return row


@transaction.atomic
def decline_times(*, interview: Interview, reason: str, by: User) -> Application:
    """Say that none of the proposed times suits, and why; they are off, and the host proposes others."""
    locked = _own(interview.application, by)
    row = _still_waiting(interview, locked)
    if not reason.strip():
        raise InvalidError(_("Say what would suit you: the host reads it."), field="reason")
    ApplicationEvent(application=locked, state=locked.state, reason=reason.strip()).require_clean()
    row.delete()
    move_to(locked, ApplicationState.INTERVIEWING, by, reason=reason.strip())
    note("decline_times", locked, by)
    tell(locked, gettext_lazy("None of the times for the interview suits: {row}"), [row.proposed_by], but=by)
    return locked


def waiting_interview(application: Application) -> Interview:
    """The interview for which a time is to be chosen. Raises ConflictError when there is none."""
    row = Interview.objects.waiting_of(application)
    if row is None:
        raise ConflictError(_("A time is chosen already, or none is asked for any more."))
    return row


def _still_waiting(interview: Interview, application: Application) -> Interview:
    row = Interview.objects.select_for_update().filter(pk=interview.pk, chosen_at=None).first()
    if row is None or application.state != ApplicationState.INTERVIEWING:
        raise ConflictError(_("A time is chosen already, or none is asked for any more."))
    return row


@transaction.atomic
def answer_offer(*, application: Application, accept: bool, by: User, reason: str = "") -> Application:
    """Accept the offered place, or decline it. Accepting withdraws one's other applications in the cohort.

    Raises ConflictError a second after the offer expired, when the seat is gone or another place was accepted.
    """
    require(by, "application.write", application)
    posting = locked_posting(application.posting)
    mine = Application.objects.select_for_update(of=("self",)).filter(cohort=application.cohort_id, candidate=by)
    if accept:
        list(mine.order_by("pk"))  # all at once and in one order, or two that are accepted together wait for each other
    locked = _own(application, by)
    state = APPLICATION_MOVES.require("accept" if accept else "decline", locked.state, what=str(locked.posting))
    now = timezone.now()
    assert locked.offer_ends_at is not None
    if now > locked.offer_ends_at:
        day = date_format(timezone.localtime(locked.offer_ends_at), "DATETIME_FORMAT")
        raise ConflictError(_("The offer ended on %(day)s.") % {"day": day}, code="offer_expired")
    if not accept:
        locked.reason = reason.strip()
        locked.require_clean()
        move_to(locked, state, by, reason=locked.reason)
        note("decline", locked, by)
        tell(
            locked,
            gettext_lazy("An offer was declined: {row}"),
            who_run(posting.organisation, "posting.manage"),
            but=by,
        )
        return locked
    others = list(mine.exclude(pk=locked.pk).filter(state__in=GOING_ON).select_related("posting").order_by("pk"))
    if any(row.state in TAKEN for row in others):
        raise ConflictError(_("You have accepted another place in this cohort."))
    try:
        with transaction.atomic():
            move_to(locked, state, by)
    except IntegrityError:
        raise ConflictError(_("You have accepted another place in this cohort.")) from None
    for row in others:
        row.reason = "placed_elsewhere"
        move_to(row, ApplicationState.WITHDRAWN, by, reason=row.reason)
    accepted(locked, by)
    note("accept", locked, by, organisation=posting.organisation)
    tell(locked, gettext_lazy("An offer was accepted: {row}"), who_run(posting.organisation, "posting.manage"), but=by)
    return locked


@transaction.atomic
def rank_choices(*, cohort: Cohort, order: Sequence[Application], by: User) -> list[Application]:
    """Put one's applications in order, first choice first; whatever is left out is no choice.

    Raises InvalidError for a choice named twice, ConflictError a second after ranking has ended.
    """
    require(by, "programme.rank", cohort)
    _require_ranking(cohort, timezone.now())
    mine = {
        row.pk: row
        for row in Application.objects.select_for_update(of=("self",))
        .filter(cohort=cohort, candidate=by)
        .order_by("pk")
    }
    keys = [row.pk for row in order]
    if len(set(keys)) != len(keys):
        raise InvalidError(_("Name each choice once."), field="order")
    if len(keys) > cohort.choices_max:
        raise InvalidError(_("Rank at most %(n)d choices.") % {"n": cohort.choices_max}, field="order")
    chosen = [mine[key] for key in keys if key in mine and mine[key].state in _RANKED and mine[key].submitted_at]
    if len(chosen) != len(keys):
        raise InvalidError(_("Choose among your own applications that still go on."), field="order")
    Application.objects.filter(cohort=cohort, candidate=by).update(choice=None)
    for number, row in enumerate(chosen, 1):
        Application.objects.filter(pk=row.pk).update(choice=number)
        row.choice = number
    record(verb="application.rank", subject=cohort, by=by, data={"n": len(chosen)})
    return chosen


_RANKED = GOING_ON - TAKEN - {ApplicationState.DRAFT}


def _require_ranking(cohort: Cohort, at: datetime) -> None:
    if not cohort.takes_rankings(at):
        day = date_format(timezone.localtime(cohort.ranking_ends_at), "DATETIME_FORMAT")
        raise ConflictError(_("Ranking goes on until %(day)s.") % {"day": day}, code="ranking_closed")


def _require_open(posting: Posting, at: datetime) -> None:
    if posting.takes_applications(at):
        return
    if posting.cohort.opens_at > at:
        day = date_format(timezone.localtime(posting.cohort.opens_at), "DATETIME_FORMAT")
        raise ConflictError(_("Applications are taken from %(day)s.") % {"day": day}, code="not_open_yet")
    day = date_format(timezone.localtime(posting.last_moment), "DATETIME_FORMAT")
    raise ConflictError(
        _("Applications were taken until %(day)s; this one comes too late.") % {"day": day}, code="too_late"
    )


def _same_questions(posting: Posting, version: int | None) -> None:
    if version != posting.questions_version:
        raise StaleError(
            _("The questions changed since you read them. Read and answer them again."),
            now={"questions": posting.questions},
        )


def _own(application: Application, by: User) -> Application:
    require(by, "application.write", application)
    rows = Application.objects.select_for_update(of=("self",)).select_related(
        "posting__organisation", "posting__cohort__programme__organisation", "cohort", "candidate", "university"
    )
    found = rows.filter(pk=application.pk).first()
    if found is None:
        raise NotFoundError
    return found


def move_to(application: Application, state: str, by: User | None, *, reason: str = "") -> None:
    """Write the new state, free the seat that it no longer holds, and add a line to the history."""
    _stand(application, state)
    application.save()
    _step(application, by, reason=reason)


def move_all(moves: Iterable[tuple[Application, str]], by: User | None) -> None:
    """As `move_to`, for many rows at once, each with the reason that stands on it: a few queries for any number."""
    rows = []
    alike: dict[tuple[Any, ...], list[Any]] = defaultdict(list)  # written together: a case for each row is slow
    for row, state in moves:
        _stand(row, state)
        rows.append(row)
        alike[row.state, row.seat, row.offer_ends_at, row.reason].append(row.pk)
    for (state, seat, ends_at, reason), keys in alike.items():
        facts = {"state": state, "seat": seat, "offer_ends_at": ends_at, "reason": reason, "version": F("version") + 1}
        if state not in GOING_ON:
            facts |= {"choice": None, "rank": None}
        for first in range(0, len(keys), _AT_ONCE):
            Application.objects.filter(pk__in=keys[first : first + _AT_ONCE]).update(**facts)
    ApplicationEvent.objects.bulk_create(
        [ApplicationEvent(application=row, state=row.state, by=by, reason=row.reason) for row in rows],
        batch_size=_AT_ONCE,
    )


_AT_ONCE = 500


def _stand(application: Application, state: str) -> None:
    application.state = state
    if state not in HOLDS_SEAT:
        application.seat = None
    if state not in GOING_ON:
        application.choice = application.rank = None
    application.version += 1


def _step(application: Application, by: User | None, *, reason: str = "") -> None:
    ApplicationEvent.objects.create(application=application, state=application.state, by=by, reason=reason)


def note(
    verb: str, application: Application, by: User | None, *, organisation: Organisation | None = None, **data: Any
) -> None:
    record(
        verb=f"application.{verb}",
        subject=application,
        by=by,
        organisation_id=organisation.pk if organisation else None,
        data={"title": application.posting.title} | data,
    )
