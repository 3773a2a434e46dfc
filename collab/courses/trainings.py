"""Verbs on training done elsewhere: hand in the document, send it again, take it back; the inbox reviews it.

What was accepted can be revoked by those who review."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require, require_for_oneself
from collab.accounts.models import Membership, Organisation, User
from collab.audit.services import record
from collab.courses.expiring import keep_last_end, show_end
from collab.courses.files import keep_file
from collab.courses.models import Course, TrainingRecord
from collab.courses.states import TRAINING_MOVES
from collab.inbox.models import Request
from collab.inbox.services import ask, lapse_requests, notify, settle_obligation
from collab.inbox.states import ObligationKind, RequestState
from collab.kernel.attachments import DOCUMENTS
from collab.kernel.errors import InvalidError

TRAINING = "training_record"


@transaction.atomic
def submit_training(
    *,
    organisation: Organisation,
    title: str,
    provider: str,
    completed_on: date,
    file: TemporaryUploadedFile | None,
    by: User,
    expires_on: date | None = None,
    course: Course | None = None,
) -> TrainingRecord:
    """Hand in the document of a training; people of one's organisation review it."""
    require_for_oneself(by, "training.submit")
    if not Membership.objects.of(by).filter(organisation=organisation).active().exists():
        raise InvalidError(_("You do not belong to %(name)s.") % {"name": organisation}, field="organisation")
    row = TrainingRecord(person=by, organisation=organisation)
    _fill(row, title, provider, completed_on, expires_on, course, file)
    _record("submit", row, by)
    _ask(row, by)
    return row


@transaction.atomic
def submit_training_again(
    *,
    training: TrainingRecord,
    title: str,
    provider: str,
    completed_on: date,
    by: User,
    file: TemporaryUploadedFile | None = None,
    expires_on: date | None = None,
    course: Course | None = None,
) -> TrainingRecord:
    """Mend what was returned. Without a new file the one that is there stays."""
    row = _locked(training, by)
    row.state = TRAINING_MOVES.require("submit_again", row.state, what=str(row))
    row.version += 1
    _fill(row, title, provider, completed_on, expires_on, course, file)
    _record("submit", row, by)
    _ask(row, by)
    return row


@transaction.atomic
def withdraw_training(*, training: TrainingRecord, by: User) -> TrainingRecord:
    row = _locked(training, by)
    row.state = TRAINING_MOVES.require("withdraw", row.state, what=str(row))
    row.version += 1
    row.save()
    lapse_requests(topic=TRAINING, subjects=[row], by=by)
    _record("withdraw", row, by)
    return row


@transaction.atomic
def revoke_training(*, training: TrainingRecord, reason: str, by: User) -> TrainingRecord:
    """Take an acceptance back, for the document is not what it seemed. It counts no more from the next request on."""
    require(by, "training.review", training)
    rows = TrainingRecord.objects.select_for_update(of=("self",)).select_related("organisation", "person")
    row = rows.get(pk=training.pk)
    row.state = TRAINING_MOVES.require("revoke", row.state, what=str(row))
    if not reason.strip():
        raise InvalidError(_("Say why, in a sentence."), field="reason")
    row.reviewed_by, row.reviewed_at, row.reason = by, timezone.now(), reason.strip()
    row.version += 1
    row.require_clean()
    row.save()
    settle_obligation(source=row, kind=ObligationKind.EXPIRY)
    if row.course is not None:
        keep_last_end(row.person, row.course)
    title = format_lazy(gettext_lazy("Your training “{title}” counts no longer"), title=row.title)
    notify(people=[row.person], kind="certificate", title=title, url=row.get_absolute_url())
    _record("revoke", row, by)
    return row


def open_training(*, training: TrainingRecord, by: User) -> None:
    """Whoever takes the document is on record: it is about a person."""
    require(by, "training.view", training)
    with transaction.atomic():
        _record("read", training, by)


# --- what the inbox decides
def training_decided(request: Request, by: User) -> None:
    row = TrainingRecord.objects.select_for_update(of=("self",)).get(pk=request.subject_id)
    move = {RequestState.APPROVED: "accept", RequestState.REJECTED: "reject"}.get(RequestState(request.state), "return")
    row.state = TRAINING_MOVES.require(move, row.state, what=str(row))
    row.reviewed_by, row.reviewed_at, row.reason = by, timezone.now(), request.reason
    row.version += 1
    row.save()
    _record(move, row, by)
    if move == "accept" and row.course is not None:
        keep_last_end(row.person, row.course)
    elif move == "accept":
        show_end(row)


def training_withdrawn(request: Request, by: User) -> None:
    row = TrainingRecord.objects.select_for_update(of=("self",)).get(pk=request.subject_id)
    row.state = TRAINING_MOVES.require("withdraw", row.state, what=str(row))
    row.save()


def facts_of_training(request: Request) -> list[tuple[str, str]]:
    row = TrainingRecord.objects.filter(pk=request.subject_id).select_related("course", "person").first()
    if row is None:
        return []
    return [
        (_("Person"), str(row.person)),
        (_("Name of the training"), row.title),
        (_("Offered by"), row.provider),
        (_("Completed on"), date_format(row.completed_on)),
        (_("Expires on"), date_format(row.expires_on) if row.expires_on else _("It never expires.")),
        (_("Counts for the course"), str(row.course) if row.course else "–"),
        (_("Document"), row.file_name),
    ]


# --- how it is done
def _fill(
    row: TrainingRecord,
    title: str,
    provider: str,
    completed_on: date,
    expires_on: date | None,
    course: Course | None,
    file: TemporaryUploadedFile | None,
) -> None:
    if completed_on > timezone.localdate():
        raise InvalidError(_("It is completed only when that day has come."), field="completed_on")
    if expires_on is not None and expires_on <= completed_on:
        raise InvalidError(_("It would expire before it was completed."), field="expires_on")
    if file is None and not row.sha256:
        raise InvalidError(_("Choose the document."), field="file")
    row.title, row.provider, row.completed_on = title, provider, completed_on
    row.expires_on, row.course = expires_on, course
    if file is not None:
        kept = keep_file(file, DOCUMENTS)
        row.file_name, row.media_type = kept.file_name, kept.media_type
        row.sha256, row.size_bytes = kept.sha256, kept.size_bytes
    row.require_clean()
    row.save()


def _ask(row: TrainingRecord, by: User) -> None:
    ask(
        topic=TRAINING,
        subject=row,
        title=format_lazy(
            gettext_lazy("Review the training “{title}” of {person}"), title=row.title, person=row.person
        ),
        organisation=row.organisation,
        word="training.review",
        by=by,
    )


def _locked(training: TrainingRecord, by: User) -> TrainingRecord:
    require(by, "training.submit", training)
    rows = TrainingRecord.objects.select_for_update(of=("self",)).select_related("organisation", "person")
    return rows.get(pk=training.pk)


def _record(act: str, row: TrainingRecord, by: User, **data: Any) -> None:
    record(
        verb=f"training.{act}",
        subject=row,
        by=by,
        organisation_id=row.organisation_id,
        data={"title": row.title} | data,
    )
