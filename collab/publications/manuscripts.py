"""The file of a manuscript: a PDF, kept by its hash like every other file."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils.translation import gettext as _

from collab.kernel.blobs import digest_file, put_blob
from collab.kernel.errors import InvalidError, TooLargeError, UnsupportedKindError
from collab.kernel.names import faulty_character

_NAME_BYTES_MAX = 140


@dataclass(frozen=True)
class Kept:
    """A file that is stored."""

    file_name: str
    sha256: str
    size_bytes: int


def keep_file(file: TemporaryUploadedFile) -> Kept:
    """Store a PDF. Raises TooLargeError, or UnsupportedKindError for what is none; nothing is stored then."""
    limit = settings.MANUSCRIPT_MAX_BYTES
    if file.size is not None and file.size > limit:
        raise TooLargeError(_("The file is larger than %(n)d MB.") % {"n": limit // 1_000_000}, field="file")
    name = _plain_name(file.name or "")
    path = Path(file.temporary_file_path())  # settings keep every upload on disk
    with path.open("rb") as content:
        if content.read(5) != b"%PDF-":
            raise UnsupportedKindError(_("This is no PDF. Save the manuscript as PDF, or give a link."), field="file")
    sha256, size = digest_file(path)
    put_blob(path, sha256)
    return Kept(name, sha256, size)


def _plain_name(raw: str) -> str:
    """The name to show: no folders, nothing invisible, always ending in .pdf. Never used as a path."""
    name = unicodedata.normalize("NFC", PurePosixPath(raw.replace("\\", "/")).name).strip()
    if faulty_character(name) is not None:
        raise InvalidError(_("The file name contains an invisible character; rename the file."), field="file")
    stem = name[:-4] if name.lower().endswith(".pdf") else name
    while len(stem.encode()) > _NAME_BYTES_MAX:
        stem = stem[:-1]
    return f"{stem.strip('.') or 'manuscript'}.pdf"
