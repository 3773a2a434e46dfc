"""Documents that go with an application: their content says what they are, their name only how they are called."""

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
_TAIL = 2048

# content type -> (first bytes, what must stand near the end, endings of names)
KINDS = {
    "application/pdf": (b"%PDF-", b"%%EOF", (".pdf",)),
    "image/png": (b"\x89PNG\r\n\x1a\n", b"IEND", (".png",)),
    "image/jpeg": (b"\xff\xd8\xff", b"\xff\xd9", (".jpg", ".jpeg")),
}


@dataclass(frozen=True)
class Kept:
    """A file that is stored."""

    file_name: str
    content_type: str
    sha256: str
    size_bytes: int


def keep_document(file: TemporaryUploadedFile) -> Kept:
    """Store a PDF or a picture. Raises TooLargeError, or UnsupportedKindError for what is not what its name says."""
    limit = settings.APPLICATION_FILE_MAX_BYTES
    if file.size is not None and file.size > limit:
        raise TooLargeError(_("The file is larger than %(n)d MB.") % {"n": limit // 1_000_000}, field="file")
    path = Path(file.temporary_file_path())  # settings keep every upload on disk
    content_type = _kind_of(path)
    name = _plain_name(file.name or "", KINDS[content_type][2])
    sha256, size = digest_file(path)
    put_blob(path, sha256)
    return Kept(name, content_type, sha256, size)


def _kind_of(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as content:
        head = content.read(16)
        content.seek(max(0, size - _TAIL))
        tail = content.read()
    for content_type, (first, last, _endings) in KINDS.items():
        if head.startswith(first):
            if last not in tail:
                raise UnsupportedKindError(_("The file ends too early; save it again and send it whole."), field="file")
            return content_type
    raise UnsupportedKindError(_("Send a PDF, a PNG or a JPEG; this file is none."), field="file")


def _plain_name(raw: str, endings: tuple[str, ...]) -> str:
    """The name to show: no folders, nothing invisible, with the ending of what it is. Never used as a path."""
    name = unicodedata.normalize("NFC", PurePosixPath(raw.replace("\\", "/")).name).strip()
    if faulty_character(name) is not None:
        raise InvalidError(_("The file name contains an invisible character; rename the file."), field="file")
    stem, dot, ending = name.rpartition(".")
    if dot and f".{ending.lower()}" not in endings:
        raise UnsupportedKindError(
            _("The file is not what its name says: rename it, or send the right one."), field="file"
        )
    stem = stem if dot else name
    while len(stem.encode()) > _NAME_BYTES_MAX:
        stem = stem[:-1]
    return f"{stem.strip('.') or 'document'}{endings[0]}"
