"""What a file is, by its content and never by its name. Called in the child before any validator.

The name can only do two things: choose between readings the content allows alike (a list of words is both text and a
one-column table), and get a file refused whose content contradicts it.
"""

from __future__ import annotations

import csv
import json
import re
import zlib
from typing import BinaryIO

from .archive import LOCAL, find_end
from .contract import Limits, RefusedError
from .lines import BOM
from .pickles import HEAD, looks_like_pickle

_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b")) + b"\x7f"
_TAIL = 66_000
_SAMPLE = 64 * 1024
DELIMITERS = ",;\t|"

_IMAGES = frozenset({"png", "jpeg", "webp", "gif", "tiff", "bmp", "heic"})

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (8, b"WEBP", "webp"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"BM", "bmp"),
    (0, b"\x93NUMPY", "numpy"),
    (0, b"PAR1\x15", "parquet"),
    (0, b"PAR1", "parquet"),
    (0, b"ARROW1", "arrow"),
    (0, b"FEA1", "arrow"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    (0, b"SQLite format 3\0", "sqlite"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x5d\0\0", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (257, b"ustar", "tar"),
    (0, b"\x7fELF", "executable"),
    (0, b"MZ", "executable"),
    (0, b"\xfe\xed\xfa\xce", "executable"),
    (0, b"\xfe\xed\xfa\xcf", "executable"),
    (0, b"\xce\xfa\xed\xfe", "executable"),
    (0, b"\xcf\xfa\xed\xfe", "executable"),
    (0, b"\xca\xfe\xba\xbe", "executable"),
    (0, b"\0asm", "executable"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
    (8, b"WAVE", "audio"),
    (0, b"fLaC", "audio"),
    (0, b"OggS", "audio"),
    (0, b"ID3", "audio"),
    (0, b"\xff\xfb", "audio"),
    (0, b"\xff\xf3", "audio"),
    (8, b"AVI ", "video"),
    (0, b"\x1a\x45\xdf\xa3", "video"),
)
_TEXT_SIGNATURES = ((b"%PDF-", "pdf"), (b"%!PS", "postscript"), (b"{\\rtf", "rtf"))
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+(?:html|svg)|(html|head|body|script|iframe|svg)[\s/>])",
    re.IGNORECASE | re.DOTALL,
)

_REFUSALS = {
    "pickle": "pickle",
    "torch": "torch_model",
    "numpy": "numpy_array",
    "html": "html",
    "pdf": "document",
    "postscript": "document",
    "rtf": "document",
    "office": "office",
    "xlsx": "office",
    "docx": "office",
    "pptx": "office",
    "executable": "executable",
    "arrow": "arrow",
    "gzip": "compressed",
    "bzip2": "compressed",
    "xz": "compressed",
    "zstd": "compressed",
    "zlib": "compressed",
    "tar": "archive",
    "7z": "archive",
    "rar": "archive",
    "safetensors": "weights",
    "binary": "binary",
    **dict.fromkeys(_IMAGES, "image_alone"),
}
NESTED = frozenset({"zip", "gzip", "bzip2", "xz", "zstd", "zlib", "tar", "7z", "rar"})
ZIPS = frozenset({"images", "audio"})
DANGEROUS = frozenset({"pickle", "torch", "numpy", "executable"})

_EXTENSIONS = {
    **dict.fromkeys(["txt", "text", "md", "log"], "text"),
    **dict.fromkeys(["csv", "tsv", "tab"], "csv"),
    **dict.fromkeys(["jsonl", "ndjson"], "jsonl"),
    **dict.fromkeys(["jpg", "jpeg", "jpe"], "jpeg"),
    **dict.fromkeys(["tif", "tiff"], "tiff"),
    **dict.fromkeys(["htm", "html", "xhtml"], "html"),
    **dict.fromkeys(["pkl", "pickle", "joblib"], "pickle"),
    **dict.fromkeys(["pt", "pth", "ckpt"], "torch"),
    **dict.fromkeys(["npy", "npz"], "numpy"),
    **dict.fromkeys(["wav", "mp3", "flac", "ogg"], "audio"),
    **dict.fromkeys(["mp4", "avi", "mkv", "mov"], "video"),
    **{one: one for one in ("json", "zip", "png", "webp", "gif", "bmp", "heic", "svg", "pdf", "rtf", "parquet", "tar")},
    **{one: one for one in ("xlsx", "docx", "pptx", "sqlite", "7z", "rar", "xz", "safetensors")},
    **dict.fromkeys(["gz", "tgz"], "gzip"),
    **dict.fromkeys(["arrow", "feather"], "arrow"),
    **dict.fromkeys(["xls", "doc", "ppt"], "office"),
    "bz2": "bzip2",
    "zst": "zstd",
    "h5": "hdf5",
    "exe": "executable",
}
_WORDS = frozenset({"text", "csv", "jsonl", "json"})


def sniff(stream: BinaryIO, size_bytes: int, *, name: str, kind: str | None, limits: Limits) -> str:
    """The kind of a file: text, csv, jsonl, parquet or zip (the caller looks inside, then asks `check_claim`).

    Raises RefusedError. `kind` is what the person says it is, if they said: it weighs more than the name, and less
    than the content.
    """
    if size_bytes == 0:
        raise RefusedError("empty")
    if size_bytes > limits.max_bytes:
        raise RefusedError("too_big", size_bytes=size_bytes, limit_bytes=limits.max_bytes)
    stream.seek(0)
    head = stream.read(HEAD)
    stream.seek(max(0, size_bytes - _TAIL))
    tail = stream.read(_TAIL)
    stream.seek(0)
    whole = size_bytes <= len(head)
    what = identify(head, whole=whole)
    if what == "zip":
        return what
    if what != "pickle" and _ends_as_zip(tail, size_bytes):
        raise RefusedError("zip_data_before") if what in ("text", "binary") else RefusedError("polyglot", what=what)
    if what == "text":
        return _words(head, whole, name=name, kind=kind)
    check_claim(what, name=name, kind=kind)
    if what == "parquet":
        return what
    raise RefusedError(_REFUSALS.get(what, "not_accepted"), what=what)


def check_claim(what: str, *, name: str, kind: str | None) -> None:
    """Refuse content that is not what its name, or the person, says. Silent where more than that must be said."""
    extension, claimed = _claim(name)
    if what in DANGEROUS or what == "binary":
        return
    if kind == what == "parquet":
        return
    if kind is not None and (kind not in ZIPS or what != "zip"):
        raise RefusedError("wrong_kind", claimed="zip" if kind in ZIPS else kind, what=what)
    if kind is None and claimed not in (None, what) and claimed in _WORDS | _IMAGES | {"zip"}:
        raise RefusedError("wrong_extension", extension=f".{extension}", what=what)


def identify(head: bytes, *, whole: bool) -> str:
    """The format of bytes by their beginning: a key of contract.FORMATS; "text" for anything that reads as text."""
    if looks_like_pickle(head, whole=whole):
        return "pickle"
    if head.startswith((LOCAL, b"PK\x05\x06", b"PK\x07\x08")):
        return "zip"
    encoding = wide_encoding(head)
    if encoding:
        raise RefusedError("utf16", encoding=encoding)
    for start, what in _TEXT_SIGNATURES:
        if head.startswith(start) or (what == "pdf" and start in head[:1024] and not _reads_as_text(head)):
            return what
    body = head.removeprefix(BOM)
    markup = _HTML.match(body[:4096])
    if markup:
        return "svg" if (markup.group(1) or b"").lower() == b"svg" else "html"
    if _reads_as_text(body):
        return "text"
    binary = _is_binary(body)
    for offset, signature, what in _SIGNATURES:
        # A signature of letters alone can begin a text in an old encoding ("BMW …").
        if head.startswith(signature, offset) and (binary or not signature.isalnum()):
            return _look_inside(head) if what in ("gzip", "tar") else what
    if head[4:8] == b"ftyp":
        return "heic" if head[8:12] in (b"heic", b"heix", b"mif1", b"avif") else "video"
    if len(head) > 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= 100_000_000:
        return "safetensors"
    if head[:2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda") or head.startswith(b"ZF0x"):
        return _look_inside(head)
    return "binary" if binary else "text"


def _look_inside(head: bytes) -> str:
    """Compressed and tar files are not accepted; but if a pickle is in one, that is what is said."""
    if head.startswith(b"ustar", 257):
        return "pickle" if _tar_has_pickle(head) else "tar"
    gzipped = head.startswith(b"\x1f\x8b")
    try:
        inner = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(head[15:] if head[:2] == b"ZF" else head, _SAMPLE)
    except zlib.error:
        return "gzip" if gzipped else "binary"
    if looks_like_pickle(inner, whole=False) or (inner.startswith(b"ustar", 257) and _tar_has_pickle(inner)):
        return "pickle"
    return "gzip" if gzipped else "zlib"


def _tar_has_pickle(head: bytes) -> bool:
    """Walk the 512-byte blocks of a tar, as far as it was read."""
    at = 0
    while at + 512 < len(head):
        digits = head[at + 124 : at + 136].strip(b" \0")
        if not re.fullmatch(rb"[0-7]{1,11}", digits):
            return False
        size = int(digits, 8)
        if size and looks_like_pickle(head[at + 512 : at + 512 + size], whole=at + 512 + size <= len(head)):
            return True
        at += 512 + (size + 511) // 512 * 512
    return False


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32, by mark or by the pattern of zero bytes."""
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    sample = head[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    one_sided = min(even, odd) * 20 <= half and max(even, odd) * 10 >= half * 4
    if half < 2 or not one_sided:
        return None
    letters = sample[1::2] if even > odd else sample[::2]
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in letters)
    return "UTF-16" if printable * 10 >= len(letters) * 6 else None


def _reads_as_text(head: bytes) -> bool:
    """Valid UTF-8 (it may be cut at the end) without control characters."""
    if head.translate(None, _CONTROL) != head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as fault:
        return fault.start > 0 and fault.end >= len(head) and fault.reason == "unexpected end of data"
    return True


def _is_binary(head: bytes) -> bool:
    """Too many control characters for a text with a few faults in it (the validators say where those are)."""
    letters = head.replace(b"\0", b"")
    zeros = len(head) - len(letters)
    controls = len(letters) - len(letters.translate(None, _CONTROL))
    return not letters or zeros * 10 > len(head) * 3 or controls * 50 > len(letters)


def _ends_as_zip(tail: bytes, size_bytes: int) -> bool:
    at = find_end(tail)
    if at < 0:
        return False
    size = int.from_bytes(tail[at + 12 : at + 16], "little")
    offset = int.from_bytes(tail[at + 16 : at + 20], "little")
    return size + offset + 22 <= size_bytes


def _claim(name: str) -> tuple[str, str | None]:
    """The ending of a name, and the format it claims."""
    stem, dot, extension = name.rpartition(".")
    known = dot and stem and extension.isascii() and extension.isalnum()
    extension = extension.lower() if known else ""
    return extension, _EXTENSIONS.get(extension)


# --- among the kinds of text ------------------------------------------------------------------------------------------


def _words(head: bytes, whole: bool, *, name: str, kind: str | None) -> str:
    """text, csv or jsonl: as the person says, as the name says, or as it looks. Raises RefusedError."""
    found = _shape(_sample(head, whole), whole)
    extension, claimed = _claim(name)
    if kind is None and claimed is not None and claimed not in _WORDS:
        raise RefusedError("wrong_extension", extension=f".{extension}", what=found)
    if kind in ZIPS:
        raise RefusedError("wrong_kind", claimed="zip", what=found)
    if kind == "parquet":
        raise RefusedError("wrong_kind", claimed=kind, what=found)
    wanted = kind or claimed
    if wanted == "csv" and found in ("jsonl", "json"):
        check_claim(found, name=name, kind=kind)
    if wanted in ("text", "csv"):
        return wanted
    if found == "json":
        raise RefusedError("json_document")
    return "jsonl" if wanted else found


def _sample(head: bytes, whole: bool) -> str:
    """Whole lines from the beginning, decoded leniently: faults are found, with their place, by the validators."""
    cut = head.removeprefix(BOM)[:_SAMPLE]
    if not whole or len(head) > _SAMPLE:
        end = max(cut.rfind(b"\n"), cut.rfind(b"\r"))
        cut = cut[: end + 1] if end > 0 else cut
    return cut.decode("utf-8", "replace")


def _shape(sample: str, whole: bool) -> str:
    """text, csv, jsonl or json, by how the first lines look."""
    lines = [line for line in sample.splitlines()[:50] if line.strip()]
    if not lines:
        return "text"
    first = lines[0].strip()
    if first[0] in "{[":
        value = _json(first)
        if isinstance(value, dict):
            return "jsonl"
        if isinstance(value, list):
            return "json" if len(lines) == 1 and whole else "jsonl"
        document = first in ("{", "[", "[{") or (whole and _json(sample) is not None)
        return "json" if document else "jsonl" if re.match(r'\{\s*"', first) else "text"
    delimiter, columns = find_delimiter(sample)
    return "csv" if columns > 1 and len(lines) > 1 and _is_table(sample, delimiter, columns) else "text"


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _rows(sample: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(_SAMPLE)
    try:
        return [row for row in csv.reader(sample.splitlines(keepends=True), delimiter=delimiter) if row][:200]
    except csv.Error:
        return []


def find_delimiter(sample: str) -> tuple[str, int]:
    """The separator that cuts most rows as it cuts the header, and the number of columns; one column: a comma."""
    best = (0.0, 0, ",")
    for delimiter in DELIMITERS:
        rows = _rows(sample, delimiter)
        columns = len(rows[0]) if rows else 0
        if columns > 1:
            agree = sum(len(row) == columns for row in rows) / len(rows)
            # A separator that fits the header only by chance loses to one that fits the rows too.
            if agree * columns > best[0] * best[1]:
                best = (agree, columns, delimiter)
    return (best[2], best[1]) if best[1] else (",", 1)


def _is_table(sample: str, delimiter: str, columns: int) -> bool:
    """Nearly every row has as many cells as the header, and the header reads like names, not like a sentence."""
    rows = _rows(sample, delimiter)
    agree = sum(len(row) == columns for row in rows)
    names = all(cell.strip() and len(cell) <= 60 for cell in rows[0])
    return names and len(rows) > 1 and agree * 10 >= len(rows) * 9
