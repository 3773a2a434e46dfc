"""Verbs on datasets: create, add a checked version."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from collab.access.policy import party_of, require
from collab.accounts.models import User
from collab.audit.services import record
from collab.kernel.blobs import digest_file, put_blob, read_blob
from collab.kernel.errors import (
    ConflictError,
    Fault,
    FaultyInputError,
    InvalidError,
    TooLargeError,
    UnsupportedKindError,
)
from collab.kernel.names import faulty_character
from collab.projects.models import Project
from collab.projects.services import is_open
from registry.datasets.ingest.contract import Refusal
from registry.datasets.ingest.run import inspect
from registry.datasets.models import Dataset, DatasetVersion

NAME_BYTES_MAX = 150


@transaction.atomic
def create_dataset(*, project: Project, name: str, by: User, description: str = "") -> Dataset:
    """Announce a dataset, contributed by the party for which the person acts."""
    require(by, "dataset.upload", project)
    _require_open(project)
    organisation = party_of(by, project.pk).first()
    assert organisation is not None  # dataset.upload is held through a party
    if Dataset.objects.filter(project=project, name=name).exists():
        raise InvalidError(_("This project has a dataset of that name; choose another."), field="name")
    dataset = Dataset(project=project, organisation=organisation, name=name, description=description, created_by=by)
    dataset.require_clean()
    dataset.save()
    record(verb="dataset.create", subject=dataset, by=by, project_id=project.pk, data={"name": name})
    return dataset


def add_version(*, dataset: Dataset, file: TemporaryUploadedFile, by: User) -> DatasetVersion:
    """Check a file in a capped child, keep its bytes by their hash, and add the next version.

    Raises UnsupportedKindError for a kind that is not taken, FaultyInputError naming the row, line or member at fault,
    TooLargeError beyond the limit, ConflictError when these very bytes are a version already. Nothing is stored then.
    """
    require(by, "dataset.upload", dataset)
    _require_open(dataset.project)
    name = clean_file_name(file.name or "")
    if file.size is not None and file.size > settings.UPLOAD_MAX_BYTES:
        raise TooLargeError(
            _("The file is larger than %(n)d MB.") % {"n": settings.UPLOAD_MAX_BYTES // 1_000_000}, field="file"
        )
    path = Path(file.temporary_file_path())  # settings keep every upload on disk
    sha256, size_bytes = digest_file(path)
    twin = dataset.versions.filter(sha256=sha256).first()
    if twin is not None:
        raise ConflictError(
            _("These bytes are already version %(n)d of this dataset.") % {"n": twin.number}, field="file"
        )
    report = inspect(path, name=name)
    if not report.ok or report.kind is None or report.profile is None:
        raise _refused(report.refusal)
    put_blob(path, sha256)
    return _store_version(dataset, report.kind, report.profile, sha256, size_bytes, name, by)


@transaction.atomic
def _store_version(
    dataset: Dataset, kind: str, profile: dict, sha256: str, size_bytes: int, name: str, by: User
) -> DatasetVersion:
    require(by, "dataset.upload", dataset)  # again: checking a large file takes a while
    locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
    if locked.versions.filter(sha256=sha256).exists():
        raise ConflictError(_("These bytes were added a moment ago."), field="file")
    number = (locked.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    version = DatasetVersion.objects.create(
        dataset=locked,
        number=number,
        kind=kind,
        sha256=sha256,
        size_bytes=size_bytes,
        rows=profile.get("rows") or 0,
        profile=profile,
        file_name=name,
        created_by=by,
    )
    record(
        verb="dataset.add_version",
        subject=version,
        by=by,
        project_id=locked.project_id,
        data={"number": number, "sha256": sha256, "size_bytes": size_bytes},
    )
    return version


@transaction.atomic
def open_version(*, version: DatasetVersion, by: User) -> Iterator[bytes]:
    """The bytes of a version, in pieces; who took them and when is history. Raises RefusedError without coverage."""
    require(by, "dataset.read", version)
    record(
        verb="dataset.download",
        subject=version,
        by=by,
        project_id=version.dataset.project_id,
        data={"number": version.number, "sha256": version.sha256},
    )
    return read_blob(version.sha256)


def clean_file_name(raw: str) -> str:
    """The name to show: no folders, no control or direction characters, at most 150 bytes. Never used as a path.

    Raises InvalidError for a name that hides something or says nothing.
    """
    name = unicodedata.normalize("NFC", PurePosixPath(raw.replace("\\", "/")).name).strip()
    if not name or set(name) == {"."}:
        raise InvalidError(_("The file needs a name."), field="file")
    if faulty_character(name) is not None:
        raise InvalidError(_("The file name contains an invisible character; rename the file."), field="file")
    while len(name.encode()) > NAME_BYTES_MAX:
        stem, dot, suffix = name.rpartition(".")
        name = f"{stem[:-1]}{dot}{suffix}" if dot and len(stem) > 1 else name[:-1]
    return name


def _require_open(project: Project) -> None:
    if not is_open(project):
        raise ConflictError(_("The project is not active, so it takes no new data."))


def _refused(refusal: Refusal | None) -> InvalidError:
    if refusal is None:
        return InvalidError(_("The file could not be checked."), field="file")
    sentence, remedy = refusal.message(_), refusal.remedy(_)
    if refusal.category == "kind":
        return UnsupportedKindError(f"{sentence} {remedy}".strip(), field="file", code=refusal.code)
    where = ", ".join(f"{key} {value}" for key, value in refusal.where.items() if value is not None)
    error = FaultyInputError([Fault(path=where or "file", text=sentence, hint=remedy)], field="file")
    error.code = refusal.code
    return error
