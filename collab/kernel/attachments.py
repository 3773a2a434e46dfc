"""Attached files: kinds known by their first bytes, kept by their hash like every other file."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils.translation import gettext as _

from collab.kernel.blobs import digest_file, put_blob
from collab.kernel.errors import InvalidError, TooLargeError, UnsupportedKindError
from collab.kernel.names import faulty_character

PDF, PNG, JPEG, ZIP = "application/pdf", "image/png", "image/jpeg", "application/zip"
IMAGES = frozenset({PNG, JPEG})
DOCUMENTS = frozenset({PDF, PNG, JPEG})
HANDOUTS = frozenset({PDF, PNG, JPEG, ZIP})
_BEGINNINGS = {b"%PDF-": PDF, b"\x89PNG\r\n\x1a\n": PNG, b"\xff\xd8\xff": JPEG, b"PK\x03\x04": ZIP}
_ENDINGS = {PDF: ("pdf",), PNG: ("png",), JPEG: ("jpg", "jpeg"), ZIP: ("zip",)}
_NAME_BYTES_MAX = 140


@dataclass(frozen=True)
class Kept:
    """A file that is stored."""

    file_name: str
    media_type: str
    sha256: str
    size_bytes: int


def keep_file(file: TemporaryUploadedFile, kinds: frozenset[str], limit: int) -> Kept:
    """Store a file of one of the kinds, of so many bytes at most. What it is, its first bytes say, not its name.

    Raises TooLargeError, or UnsupportedKindError for any other kind; nothing is stored then.
    """
    if file.size is not None and file.size > limit:
        raise TooLargeError(_("The file is larger than %(n)d MB.") % {"n": limit // 1_000_000}, field="file")
    path = Path(file.temporary_file_path())  # settings keep every upload on disk
    with path.open("rb") as content:
        begin = content.read(8)
    kind = next((kind for start, kind in _BEGINNINGS.items() if begin.startswith(start)), None)
    if kind not in kinds:
        names = ", ".join(_ENDINGS[one][0].upper() for one in sorted(kinds))
        raise UnsupportedKindError(_("This is none of these kinds: %(kinds)s.") % {"kinds": names}, field="file")
    name = _plain_name(file.name or "", kind)
    sha256, size = digest_file(path)
    put_blob(path, sha256)
    return Kept(name, kind, sha256, size)


def _plain_name(raw: str, kind: str) -> str:
    """The name to show: no folders, nothing invisible, always ending as its kind does. Never used as a path."""
    name = unicodedata.normalize("NFC", PurePosixPath(raw.replace("\\", "/")).name).strip()
    if faulty_character(name) is not None:
        raise InvalidError(_("The file name contains an invisible character; rename the file."), field="file")
    stem, _dot, ending = name.rpartition(".")
    stem = stem if ending.lower() in _ENDINGS[kind] else name
    while len(stem.encode()) > _NAME_BYTES_MAX:
        stem = stem[:-1]
    return f"{stem.strip('.') or 'file'}.{_ENDINGS[kind][0]}"
