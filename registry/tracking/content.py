"""Decides by content what a file is, from its first bytes and without opening it; only listed kinds may be stored.

A pickle runs code when it is loaded, so no form of it is kept: not the binary protocols, not the archives of
`torch.save`, not compressed ones, and not protocol 0, which is plain text and is recognised by its opcodes.
"""

import codecs
import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Final

from django.utils.translation import gettext as _

from registry.datasets.ingest.pickles import looks_like_pickle

HEAD_BYTES: Final = 64 * 1024
SAFETENSORS_HEADER_MAX_BYTES: Final = 4 * 1024**2
SAFETENSORS_TENSORS_MAX: Final = 20_000

# Names under which weights are pickled or archived, whatever is inside.
REFUSED_SUFFIXES: Final = frozenset(
    f".{kind}"
    for kind in (
        *("pkl", "pickle", "pck", "pt", "pth", "pt2", "bin", "joblib", "dill", "cloudpickle", "ckpt", "skops", "mar"),
        *("npy", "npz", "h5", "hdf5", "keras", "jar", "so", "pyc", "whl", "exe", "dll"),
    )
)
_MAGIC: Final = (  # (offset, bytes): kinds that are data and nothing else
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"\xff\xd8\xff"),
    (0, b"GIF87a"),
    (0, b"GIF89a"),
    (0, b"%PDF-"),
    (0, b"PAR1"),
    (0, b"fLaC"),
    (0, b"OggS"),
)
_RIFF_KINDS: Final = (b"WAVE", b"WEBP")
HARMLESS_BYTES: Final = 6  # too few to name and call anything; "N." and "Judge." are pickles by the letter
_TEXT_CONTROLS: Final = frozenset("\t\n\r\f\x1b")
_DTYPE_BYTES: Final = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip


class ContentError(Exception):
    """The file is of a kind that is not stored, or is broken; the text says which and what to do instead."""


def _advice() -> str:
    return _("Store weights as safetensors and everything else as text, JSON, YAML, images, audio, PDF or Parquet.")


def check_name(name: str) -> None:
    """Refuse a file name that promises a pickle, an archive of one, or a program."""
    for suffix in PurePosixPath(name.lower()).suffixes:
        if suffix in REFUSED_SUFFIXES:
            raise ContentError(_("Files named *%(suffix)s are not stored.") % {"suffix": suffix} + " " + _advice())


def head_length(name: str, first_bytes: bytes, size_bytes: int) -> int:
    """How many leading bytes `check` needs, given the first eight: a whole safetensors header, or else a page."""
    if PurePosixPath(name.lower()).suffix == ".safetensors" and len(first_bytes) >= 8:
        return min(size_bytes, 8 + min(int.from_bytes(first_bytes[:8], "little"), SAFETENSORS_HEADER_MAX_BYTES))
    return min(size_bytes, HEAD_BYTES)


def check(name: str, head: bytes, size_bytes: int) -> Callable[[bytes, bool], None] | None:
    """Refuse what is not on the list. `head` holds the first `head_length` bytes of `size_bytes`.

    Returns a function for the bytes after the head, `(chunk, is_last)`, when the kind promises something about them too
    (text stays text to its end). Raises ContentError.
    """
    check_name(name)
    if PurePosixPath(name.lower()).suffix == ".safetensors":
        check_safetensors_header(head, size_bytes)
        return None
    if any(head[at : at + len(magic)] == magic for at, magic in _MAGIC):
        return None
    if head[:4] == b"RIFF" and head[8:12] in _RIFF_KINDS:
        return None
    text = _TextCheck()
    text(head, len(head) == size_bytes)
    if size_bytes > HARMLESS_BYTES and looks_like_pickle(head, whole=len(head) == size_bytes):
        raise ContentError(_("This file is a pickle, which runs code when it is opened.") + " " + _advice())
    return text


class _TextCheck:
    """Follows a text to its end: UTF-8, no control characters, whatever the pieces in which it arrives."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def __call__(self, chunk: bytes, is_last: bool) -> None:
        try:
            text = self._decoder.decode(chunk, final=is_last)
        except UnicodeDecodeError:
            text = "\x00"
        if any(character not in _TEXT_CONTROLS for character in set(text) if character < " " or character == "\x7f"):
            raise ContentError(_("Files of this kind are not stored.") + " " + _advice())


def check_safetensors_header(head: bytes, size_bytes: int) -> None:
    """Refuse a safetensors file whose header does not describe exactly the bytes that follow.

    Layout: 8 bytes little-endian header length, JSON {name: {dtype, shape, data_offsets}}, then the data without holes.
    """
    fault = ContentError(_("This is not a whole safetensors file: its header and its length disagree. Save it again."))
    if len(head) < 8:
        raise fault
    header_bytes = int.from_bytes(head[:8], "little")
    if header_bytes > SAFETENSORS_HEADER_MAX_BYTES:
        raise ContentError(_("The header of this safetensors file is longer than 4 MiB. Store fewer, larger tensors."))
    if len(head) < 8 + header_bytes:
        raise fault
    try:
        header = json.loads(head[8 : 8 + header_bytes])
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        spans = sorted(_span(entry) for entry in tensors.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise fault from None
    if len(tensors) > SAFETENSORS_TENSORS_MAX:
        raise ContentError(_("This safetensors file holds more than 20,000 tensors. Store fewer, larger ones."))
    position = 0
    for begin, end in spans:
        if begin != position:
            raise fault
        position = end
    if 8 + header_bytes + position != size_bytes:
        raise fault


def _span(entry: dict[str, Any]) -> tuple[int, int]:
    begin, end = entry["data_offsets"]
    length = _DTYPE_BYTES[entry["dtype"]]
    for side in entry["shape"]:
        if type(side) is not int or side < 0:
            raise ValueError("shape")
        length *= side
    if type(begin) is not int or type(end) is not int or begin < 0 or end - begin != length:
        raise ValueError("offsets")
    return begin, end
