"""Bytes named by their sha256: written whole or not at all, never changed, checked when read for training."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from collab.kernel.errors import NoRoomError

_CHUNK = 1 << 20


def digest_file(path: Path) -> tuple[str, int]:
    """(sha256, size in bytes), read in pieces."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


def blob_path(sha256: str) -> Path:
    return Path(settings.BLOB_DIR) / sha256[:2] / sha256


def put_blob(source: Path, sha256: str) -> Path:
    """Copy a file to its name: beside, fsync, rename, fsync the folder. A blob that is there already is kept.

    Raises NoRoomError when the disk is full; nothing half-written stays.
    """
    target = blob_path(sha256)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as out, source.open("rb") as file:
            shutil.copyfileobj(file, out, _CHUNK)
            out.flush()
            os.fsync(out.fileno())
        part.chmod(0o440)
        part.replace(target)
        _sync_folder(target.parent)
    except OSError as fault:
        part.unlink(missing_ok=True)
        if fault.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoRoomError(_("There is no room left for this file. Nothing was stored.")) from fault
        raise
    return target


def read_blob(sha256: str) -> Iterator[bytes]:
    """The bytes in pieces."""
    with blob_path(sha256).open("rb") as file:
        while piece := file.read(_CHUNK):
            yield piece


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
