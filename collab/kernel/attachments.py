"""Attached files: what one is, its content says; kept by its hash like every other file."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils.translation import gettext as _

from collab.kernel.blobs import digest_file, put_blob
from collab.kernel.errors import InvalidError, TooLargeError, UnsupportedKindError
from collab.kernel.names import faulty_character

PDF, PNG, JPEG, ZIP = "application/pdf", "image/png", "image/jpeg", "application/zip"
IMAGES = frozenset({PNG, JPEG})
DOCUMENTS = frozenset({PDF, PNG, JPEG})
HANDOUTS = frozenset({PDF, PNG, JPEG, ZIP})
_NAME_BYTES_MAX = 140


class _Kind(NamedTuple):
    """`last` stands within `tail_bytes` of the end of a file that is whole."""

    first: bytes
    last: bytes
    tail_bytes: int
    endings: tuple[str, ...]


_KINDS = {
    PDF: _Kind(b"%PDF-", b"%%EOF", 2048, ("pdf",)),
    PNG: _Kind(b"\x89PNG\r\n\x1a\n", b"IEND", 2048, ("png",)),
    JPEG: _Kind(b"\xff\xd8\xff", b"\xff\xd9", 2048, ("jpg", "jpeg")),
    # Documents of an office suite are zips; a comment of 65,535 bytes may follow the last entry.
    ZIP: _Kind(b"PK\x03\x04", b"PK\x05\x06", 65_557, ("zip", "docx", "xlsx", "pptx", "odt", "ods", "odp")),
}


@dataclass(frozen=True)
class Kept:
    """A file that is stored."""

    file_name: str
    media_type: str
    sha256: str
    size_bytes: int


def keep_file(file: TemporaryUploadedFile, kinds: frozenset[str], limit: int) -> Kept:
    """Store a file of one of the kinds, of so many bytes at most. What it is, its content says, not its name.

    Raises TooLargeError; InvalidError for a faulty name; UnsupportedKindError for any other kind, a file that is cut
    off, and one that is not what its name says. Nothing is stored then.
    """
    if file.size is not None and file.size > limit:
        raise TooLargeError(_("The file is larger than %(n)d MB.") % {"n": limit // 1_000_000}, field="file")
    path = Path(file.temporary_file_path())  # settings keep every upload on disk
    media_type = _media_type_of(path, kinds)
    name = _plain_name(file.name or "", _KINDS[media_type].endings)
    sha256, size = digest_file(path)
    put_blob(path, sha256)
    return Kept(name, media_type, sha256, size)


def _media_type_of(path: Path, kinds: frozenset[str]) -> str:
    with path.open("rb") as content:
        begin = content.read(8)
        for media_type, kind in _KINDS.items():
            if media_type in kinds and begin.startswith(kind.first):
                content.seek(max(0, path.stat().st_size - kind.tail_bytes))
                if kind.last not in content.read():
                    text = _("The file ends too early; save it again and send it whole.")
                    raise UnsupportedKindError(text, field="file")
                return media_type
    names = ", ".join(_KINDS[one].endings[0].upper() for one in sorted(kinds))
    raise UnsupportedKindError(_("This is none of these kinds: %(kinds)s.") % {"kinds": names}, field="file")


def _plain_name(raw: str, endings: tuple[str, ...]) -> str:
    """The name to show: no folders, nothing invisible, with an ending of what it is. Never used as a path."""
    name = unicodedata.normalize("NFC", PurePosixPath(raw.replace("\\", "/")).name).strip()
    if faulty_character(name) is not None:
        raise InvalidError(_("The file name contains an invisible character; rename the file."), field="file")
    stem, dot, ending = name.rpartition(".")
    if dot and ending.lower() not in endings:
        text = _("The file is not what its name says: rename it, or send the right one.")
        raise UnsupportedKindError(text, field="file")
    stem, ending = (stem, ending.lower()) if dot else (name, endings[0])
    while len(stem.encode()) > _NAME_BYTES_MAX:
        stem = stem[:-1]
    return f"{stem.strip('.') or 'file'}.{ending}"
