"""Verbs on the notes of a case: write one, keep a file with it, take it back. Who opened which file is history."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import User
from collab.audit.services import record
from collab.kernel.attachments import HANDOUTS, keep_file
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.note_models import CaseNote
from collab.transfer.disclosures.writing import told


@transaction.atomic
def add_note(
    *,
    case: TransferCase,
    by: User,
    text: str = "",
    file: TemporaryUploadedFile | None = None,
    noted_on: date | None = None,
) -> CaseNote:
    """Note something about a case, or keep a file with it; also of one that has ended.

    Raises InvalidError for neither, and for a day to come; for the file what `keep_file` raises.
    """
    require(by, "case.manage", case)
    day = noted_on or timezone.localdate()
    if day > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="noted_on")
    if not text.strip() and file is None:
        raise InvalidError(_("Write something, or choose a file."), field="text")
    row = CaseNote(case=case, noted_on=day, text=text.strip(), by=by)
    row.require_clean()
    if file is not None:
        kept = keep_file(file, HANDOUTS, settings.CASE_FILE_MAX_BYTES)
        row.file_name, row.media_type = kept.file_name, kept.media_type
        row.sha256, row.size_bytes = kept.sha256, kept.size_bytes
    row.save()
    if row.sha256:
        _record("case.keep_file", row, by, file=row.file_name, sha256=row.sha256)
    else:
        _record("case.note", row, by)
    return row


@transaction.atomic
def withdraw_note(*, note: CaseNote, reason: str, by: User) -> CaseNote:
    """Take it back: it is not shown any more, but that it was there, who took it back and why is."""
    require(by, "case.manage", note)
    locked = CaseNote.objects.select_for_update(of=("self",)).select_related("case__disclosure").get(pk=note.pk)
    if locked.withdrawn_at is not None:
        raise ConflictError(_("This was taken back already."))
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    locked.withdrawn_by, locked.withdrawn_at, locked.withdrawn_reason = by, timezone.now(), reason.strip()
    locked.require_clean()
    locked.save(update_fields=["withdrawn_by", "withdrawn_at", "withdrawn_reason"])
    _record("case.withdraw_note", locked, by, reason=locked.withdrawn_reason[:200])
    return locked


@transaction.atomic
def open_file(*, note: CaseNote, by: User) -> CaseNote:
    """Who took which file is history. Raises NotFoundError without one, or when it was taken back."""
    require(by, "case.view", note)
    require_file(note)
    _record("case.read_file", note, by, file=note.file_name, sha256=note.sha256)
    return note


def require_file(note: CaseNote) -> None:
    if not note.sha256 or note.withdrawn_at is not None:
        raise NotFoundError


def _record(verb: str, note: CaseNote, by: User, **data: Any) -> None:
    record(
        verb=verb, subject=note.case, by=by, organisation_id=note.case.organisation_id,
        data=told(note.case) | {"note": str(note.pk), "day": note.noted_on.isoformat()} | data,
    )  # fmt: skip
