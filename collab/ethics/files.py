"""Files that go with an application: its protocol, consent forms, statements.

They are added, replaced and taken off while the application is with those who apply. What was laid before the
committee in a round stays readable with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from collab.accounts.models import User
from collab.audit.services import record
from collab.ethics.models import EthicsCase, EthicsFile
from collab.ethics.services import locked_case, told
from collab.ethics.states import WRITABLE, CaseState
from collab.kernel.attachments import DOCUMENTS, keep_file
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError

FILES_MAX = 20  # that go with an application at a time
EDITIONS_MAX = 200  # of all its files together


@transaction.atomic
def add_file(
    *, case: EthicsCase, kind: str, file: TemporaryUploadedFile, by: User, replaces: EthicsFile | None = None
) -> EthicsFile:
    """Add a PDF or a picture, or the next edition of a file that is there. What was there stays in the history."""
    locked = _open_to(case, by)
    if kind not in EthicsFile.Kind.values:
        raise InvalidError(_("Choose a kind."), field="kind")
    if replaces is None and locked.files.now().count() >= FILES_MAX:
        raise ConflictError(_("An application has at most %(n)d files.") % {"n": FILES_MAX})
    if locked.files.count() >= EDITIONS_MAX:
        raise ConflictError(_("An application keeps at most %(n)d editions of files.") % {"n": EDITIONS_MAX})
    before = None if replaces is None else _current(locked, replaces)
    kept = keep_file(file, DOCUMENTS, settings.APPLICATION_FILE_MAX_BYTES)
    if locked.files.now().filter(sha256=kept.sha256).exists():
        raise ConflictError(_("This file is in the application already."))
    if before is not None:
        _take_off(before, locked)
    number = before.number if before else 1 + (locked.files.aggregate(last=Max("number"))["last"] or 0)
    made = EthicsFile(
        case=locked, number=number, edition=before.edition + 1 if before else 1, kind=kind, by=by,
        first_round=locked.round + 1,
        file_name=kept.file_name, content_type=kept.media_type, sha256=kept.sha256, size_bytes=kept.size_bytes,
    )  # fmt: skip
    made.require_clean()
    made.save()
    _record("replace_file" if before else "add_file", made, by)
    return made


@transaction.atomic
def remove_file(*, file: EthicsFile, by: User) -> None:
    """Take a file off. What the committee had before it in a round stays there; anything else is gone."""
    locked = _open_to(file.case, by)
    mine = _current(locked, file)
    _record("remove_file", mine, by)
    if mine.was_sent(locked.round):
        _take_off(mine, locked)
    else:
        mine.delete()


@dataclass(frozen=True)
class Files:
    """The files somebody reads: those of the application, or of one round, and the earlier ones."""

    now: list[EthicsFile]
    before: list[EthicsFile]

    def __bool__(self) -> bool:
        return bool(self.now or self.before)


def files_of(case: EthicsCase, rows: Iterable[EthicsFile], *, applies: bool, number: int | None = None) -> Files:
    """What one reads of the files of a case, as with its answers: what the applicants change is theirs until they
    submit it, and what they never submitted stays theirs."""
    number = case.round_read(applies=applies) if number is None else number
    mine = [row for row in rows if applies or case.state == CaseState.DRAFT or row.was_sent(case.round)]
    if number is None:
        now = [row for row in mine if row.last_round is None]
        return Files(now, [row for row in mine if row.last_round is not None])
    now = [row for row in mine if row.was_in(number)]
    return Files(now, [row for row in mine if row.last_round is not None and row.last_round < number])


def file_of(case: EthicsCase, pk: Any, *, applies: bool) -> EthicsFile:
    """The file of that key, current or earlier, as far as one reads it; NotFoundError otherwise."""
    found = case.files.select_related("case").filter(pk=pk).first()
    if found is None or not (applies or case.state == CaseState.DRAFT or found.was_sent(case.round)):
        raise NotFoundError
    return found


def _open_to(case: EthicsCase, by: User) -> EthicsCase:
    locked: EthicsCase = locked_case(case, by, "ethics.apply")
    if locked.state not in WRITABLE:
        raise ConflictError(_("It is with the committee; its files can no longer be changed."))
    return locked


def _current(case: EthicsCase, file: EthicsFile) -> EthicsFile:
    """The file as it is now. Raises ConflictError for one that was replaced or taken off."""
    found = case.files.now().filter(pk=file.pk).first()
    if found is None:
        raise ConflictError(_("This file was replaced or taken off already."))
    return found


def _take_off(file: EthicsFile, case: EthicsCase) -> None:
    file.last_round = case.round
    file.save(update_fields=["last_round"])


def _record(verb: str, file: EthicsFile, by: User) -> None:
    case = file.case
    data = told(case, number=file.number, edition=file.edition)
    record(verb=f"ethics.{verb}", subject=case, by=by, project_id=case.project_id, data=data)
