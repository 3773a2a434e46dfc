"""Reads a zip of images: every member checked, every image decoded, labels from folders or from labels.csv.

Or, beside the images, masks, boxes or captions: see `beside`.

Called in the child, which alone may load Pillow. Nothing is ever extracted to a disk.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from . import beside
from .archive import Member, Zip
from .contract import KIB, MIB, Limits, Notice, RefusedError, clean
from .lines import LineReader, Progress
from .sniff import DANGEROUS, NESTED, identify, wide_encoding
from .stats import LABEL_CHARS, Lengths, Repeats, Sample, differing_by_case
from .tables import CsvRows, find_delimiter

Found = tuple[dict[str, Any], list[Notice]]

LABELS_FILE = "labels.csv"
_LISTS = (LABELS_FILE, *beside.LISTS)
_HEAD = 64 * KIB
_SNIFFED = 8 * KIB
CLASSES_SHOWN = 1_000
_ACCEPTED = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
_OTHER_IMAGES = frozenset({"gif", "tiff", "bmp", "heic", "svg"})
_ENDINGS = {"png": (".png",), "jpeg": (".jpg", ".jpeg"), "webp": (".webp",)}
_JUNK_NAMES = frozenset({".ds_store", "thumbs.db", "desktop.ini", ".gitkeep"})
NOTES = re.compile(r"(?:read[ _-]?me|licen[cs]e|copying|notice|citation)(?:\.(?:txt|md))?", re.IGNORECASE)
_OFFICE = {"xl/": "xlsx", "word/": "docx", "ppt/": "pptx"}


# Pillow raises any of these for damaged files.
_PILLOW_FAULTS = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError),
    *(struct.error, zlib.error),
)


# --- what the members are ---------------------------------------------------------------------------------------------


class Contents:
    """The members of a zip as images, lists about them and what is left out. Raises RefusedError for anything else."""

    def __init__(self, archive: Zip) -> None:
        self.images: list[tuple[Member, str]] = []
        self.lists: dict[str, Member] = {}  # what tells about the images, by name
        self.ignored = 0
        self.top = ""
        others: list[tuple[Member, str]] = []
        tables: list[Member] = []
        for member in archive.members:
            if member.is_folder:
                continue
            what = member_format(archive, member)
            if is_junk(member.name) and what not in DANGEROUS | NESTED:
                self.ignored += 1
            elif what in _ACCEPTED:
                self.images.append((member, what))
            elif what == "text" and NOTES.fullmatch(base_name(member.name)):
                self.ignored += 1
            elif what == "text" and base_name(member.name).lower() in _LISTS:
                tables.append(member)
            else:
                others.append((member, what))
        self._refuse_others(archive, others)
        if not self.images:
            raise RefusedError("no_images")
        self.top = common_top([one.name for one, _ in self.images], [one.name for one in tables])
        for member in tables:
            name = base_name(member.name).lower()
            if member.name.lower() != f"{self.top}{name}".lower():
                raise RefusedError("not_an_image", what=name.rpartition(".")[2], where=member.where)
            self.lists[name] = member

    @property
    def labels(self) -> Member | None:
        """The table of labels."""
        return self.lists.get(LABELS_FILE)

    def _refuse_others(self, archive: Zip, others: list[tuple[Member, str]]) -> None:
        """The worst first: what must never be opened, then what the whole zip is, then the first stranger in it."""
        names = {member.name for member in archive.members}
        for member, what in others:
            if what == "pickle":
                is_torch = base_name(member.name) in ("data.pkl", "constants.pkl")
                raise RefusedError("torch_model" if is_torch else "pickle", where=member.where)
        if "[Content_Types].xml" in names:
            kinds = (kind for start, kind in _OFFICE.items() if any(name.startswith(start) for name in names))
            raise RefusedError("office", what=next(kinds, "office"))
        if others and all(what == "numpy" for _, what in others) and not self.images:
            raise RefusedError("numpy_array", where=others[0][0].where)
        for member, what in others:
            if what in NESTED:
                raise RefusedError("zip_nested", what=what, where=member.where)
        if others and not self.images:
            raise RefusedError("no_images", where=others[0][0].where)
        for member, what in others:
            if what == "empty":
                raise RefusedError("image_empty", where=member.where)
            if what in _OTHER_IMAGES:
                raise RefusedError("image_format", what=what, where=member.where)
            raise RefusedError("not_an_image", what=what, where=member.where)


def member_format(archive: Zip, member: Member) -> str:
    """The format of a member by its first bytes."""
    head = archive.head(member, _SNIFFED)
    if not head:
        return "empty"
    try:
        return identify(head, whole=member.size_bytes <= len(head))
    except RefusedError:  # text in a wide encoding: not an image in any case
        return "text"


def base_name(name: str) -> str:
    return name.rpartition("/")[2]


def is_junk(name: str) -> bool:
    """Files that operating systems leave behind."""
    base = base_name(name)
    return name.startswith("__MACOSX/") or "/__MACOSX/" in name or base.startswith("._") or base.lower() in _JUNK_NAMES


def common_top(images: list[str], tables: list[str]) -> str:
    """The one folder around everything ("photos/"), or "". A folder that holds images itself is a label, no wrapper.

    With lists the folder they lie in is the top, because names in them are relative to that.
    """
    tops = {name.rpartition("/")[0] for name in tables}
    if len(tops) == 1 and (folder := tops.pop()) and "/" not in folder:
        top = folder + "/"
        if all(name.startswith(top) for name in images):
            return top
    first = images[0].partition("/")[0] + "/"
    wraps = all(name.startswith(first) and name.count("/") >= 2 for name in images)
    return first if wraps and not tables else ""


# --- the survey -------------------------------------------------------------------------------------------------------


def survey(archive: Zip, contents: Contents, limits: Limits, progress: Progress | None = None) -> Found:
    """The profile of a zip of images and its warnings. Raises RefusedError at the first fault."""
    found = beside.look(archive, [member for member, _ in contents.images], contents.lists, contents.top, limits)
    labels, source = ({}, found.source) if found else _labels(archive, contents, limits)
    counts = _Counts()
    for member, what in contents.images:
        if progress:
            progress(member.offset)
        seen = inspect_image(archive, member, what, limits)
        if found and member.name in found.masks:
            beside.check_mask(member, seen)
            continue
        counts.add(member, labels.get(member.name), seen)
    if found:
        counts.unlabelled = 0
    profile = _profile(archive, contents, counts, source)
    if found:
        profile["image"] |= {"labels_file": found.file, "classes": found.classes}
    return profile, _warnings(archive, contents, counts)


class _Counts:
    def __init__(self) -> None:
        self.classes: Counter[str] = Counter()
        self.unlabelled = 0
        self.total = 0
        self.widths: list[int] = []
        self.heights: list[int] = []
        self.modes: set[str] = set()
        self.formats: Counter[str] = Counter()
        self.sides = Lengths()
        self.repeats = Repeats()
        self.label_of: dict[int, str | None] = {}
        self.conflicts = 0
        self.extra_data = 0
        self.examples = Sample()

    def add(self, member: Member, label: str | None, seen: dict[str, Any]) -> None:
        self.total += 1
        if label is None:
            self.unlabelled += 1
        else:
            self.classes[label] += 1
        self.widths.append(seen["width"])
        self.heights.append(seen["height"])
        self.modes.add(seen["mode"])
        self.formats[seen["format"]] += 1
        self.sides.add([max(seen["width"], seen["height"])])
        self.repeats.add(seen["key"])
        self.conflicts += self.label_of.setdefault(seen["key"], label) != label
        self.extra_data += seen["extra_data"]
        if self.examples.wants():
            self.examples.put({"file": clean(member.name), "label": label})


def _profile(archive: Zip, contents: Contents, counts: _Counts, source: str) -> dict[str, Any]:
    columns = []
    if counts.classes:
        lengths = Lengths()
        for label, count in counts.classes.items():
            lengths.add([len(label)] * count)
        columns.append(
            {
                "name": "label",
                "type": "category",
                "distinct": len(counts.classes),
                "distinct_more": False,
                "missing": counts.unlabelled,
                "min_chars": lengths.low or 0,
                "mean_chars": lengths.mean,
                "p95_chars": lengths.quantile(0.95),
                "max_chars": lengths.high,
            }
        )
    return {
        "kind": "images",
        "rows": counts.total,
        "columns": columns,
        "label_candidates": ["label"] if len(counts.classes) > 1 else [],
        "classes": {"label": dict(counts.classes.most_common(CLASSES_SHOWN))} if counts.classes else {},
        "image": {
            "width": [min(counts.widths), max(counts.widths)],
            "height": [min(counts.heights), max(counts.heights)],
            "modes": sorted(counts.modes),
            "formats": dict(counts.formats),
            "labels_from": source,
            "top": contents.top,
            "labels_file": contents.labels.name if contents.labels else None,
        },
        "lengths": {"unit": "pixels of the longer side", **counts.sides.histogram()},
        "examples": counts.examples.things(),
        "encoding": archive.name_encoding,
    }


def _warnings(archive: Zip, contents: Contents, counts: _Counts) -> list[Notice]:
    found = []
    if counts.unlabelled:
        found.append(Notice("unlabelled", {"count": counts.unlabelled, "total": counts.total}))
    if len(counts.classes) == 1:
        found.append(Notice("one_class", {"label": clean(next(iter(counts.classes)))}))
    pair = differing_by_case(counts.classes)
    if pair:
        words = {"column": "label", "first": clean(pair[0]), "second": clean(pair[1])}
        found.append(Notice("labels_differ_by_case", words))
    for code, count in (
        ("duplicate_images", counts.repeats.count),
        ("conflicting_images", counts.conflicts),
        ("jpeg_extra_data", counts.extra_data),
        ("ignored_files", contents.ignored),
    ):
        if count:
            found.append(Notice(code, {"count": count}))
    if archive.name_encoding != "utf-8":
        found.append(Notice("names_guessed", {"encoding": archive.name_encoding}))
    return found


# --- labels -----------------------------------------------------------------------------------------------------------


def _labels(archive: Zip, contents: Contents, limits: Limits) -> tuple[dict[str, str], str]:
    """Label by member name, and where the labels come from: table, folders or none."""
    names = [member.name for member, _ in contents.images]
    if contents.labels is not None:
        return _labels_from_table(archive, contents.labels, contents.top, set(names), limits), "table"
    found: dict[str, str] = {}
    for member, _ in contents.images:
        folder = member.name.removeprefix(contents.top).rpartition("/")[0]
        if "/" in folder:
            raise RefusedError("images_layout", where=member.where)
        if len(folder) > LABEL_CHARS:
            raise RefusedError("label_too_long", name=clean(folder), limit=LABEL_CHARS, where=member.where)
        if folder:
            found[member.name] = folder
    return found, "folders" if found else "none"


def _labels_from_table(archive: Zip, member: Member, top: str, names: set[str], limits: Limits) -> dict[str, str]:
    """Read labels.csv (columns file and label, others are left alone). Faults carry its name and the row."""
    if member.size_bytes > 32 * MIB:
        raise RefusedError("image_too_big", limit_bytes=32 * MIB, where=member.where)
    data = b"".join(archive.read(member, member.size_bytes))
    try:
        encoding = wide_encoding(data[: 4 * KIB])
        if encoding:
            raise RefusedError("utf16", encoding=encoding)
        return dict(_label_rows(data, top, names, limits))
    except RefusedError as fault:
        raise fault.at(**member.where) from None


def _label_rows(data: bytes, top: str, names: set[str], limits: Limits) -> Iterator[tuple[str, str]]:
    delimiter = find_delimiter(data[: 64 * KIB].decode("utf-8-sig", "replace"))[0]
    rows = CsvRows(LineReader(io.BytesIO(data), limits), delimiter, limits)
    header = [name.strip().lower() for name in rows.header()]
    if not {"file", "label"} <= set(header):
        raise RefusedError("labels_columns", where={"row": rows.row})
    file_at, label_at = header.index("file"), header.index("label")
    seen: set[str] = set()
    for row in rows:
        file, label = row[file_at].strip(), row[label_at].strip()
        if top + file not in names:
            raise RefusedError("labels_unknown_file", name=clean(file), where=rows.where)
        if file in seen:
            raise RefusedError("labels_duplicate_file", name=clean(file), where=rows.where)
        if not label:
            raise RefusedError("labels_empty", name=clean(file), where=rows.where)
        if len(label) > LABEL_CHARS or clean(label) != label:
            raise RefusedError("label_too_long", name=clean(label), limit=LABEL_CHARS, where=rows.where)
        seen.add(file)
        yield top + file, label


# --- one image --------------------------------------------------------------------------------------------------------


def inspect_image(archive: Zip, member: Member, what: str, limits: Limits) -> dict[str, Any]:
    """Check one image and decode it whole. Width and height in pixels. Raises RefusedError with the member."""
    if not member.name.lower().endswith(_ENDINGS[what]):
        raise RefusedError("image_wrong_extension", what=what, where=member.where)
    if member.size_bytes > limits.max_image_bytes:
        raise RefusedError("image_too_big", limit_bytes=limits.max_image_bytes, where=member.where)
    # The size in pixels stands near the beginning; look at it before the rest is unpacked.
    try:
        if member.size_bytes > _HEAD:
            size = _SIZES[what](archive.head(member, _HEAD))
            if size is not None:
                _check_pixels(size, limits)
        data = whole_member(archive, member)
        structure = _STRUCTURES[what](data)
        _check_pixels(structure["size"], limits)
        mode = _decode(data, _ACCEPTED[what], structure["size"])
    except RefusedError as fault:
        raise fault.at(**member.where) from None
    width, height = structure["size"]
    return {
        "width": width,
        "height": height,
        "mode": mode,
        "format": _ACCEPTED[what],
        "extra_data": structure["extra_data"],
        "key": int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big"),
    }


def whole_member(archive: Zip, member: Member) -> bytes:
    """All bytes of an image. One that is packed as images never are is unpacked and counted first, holding nothing."""
    if member.size_bytes > max(MIB, 2 * member.packed_bytes):
        for _ in archive.read(member, member.size_bytes):
            pass
    return b"".join(archive.read(member, member.size_bytes))


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise RefusedError("image_corrupt")
    if width * height > limits.max_pixels:
        raise RefusedError("image_too_many_pixels", width=width, height=height, limit=limits.max_pixels)


def _decode(data: bytes, kind: str, size: tuple[int, int]) -> str:
    """Decode all of an image with Pillow and give its mode. A JPEG is decoded at an eighth: all its data is read."""
    from PIL import Image  # here, because only the child may load it, and only for a zip

    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            if image.size != size:
                raise RefusedError("image_corrupt")
            mode = image.mode
            if kind == "JPEG":
                image.draft(None, (max(1, size[0] // 8), max(1, size[1] // 8)))
            image.load()
    except _PILLOW_FAULTS:
        raise RefusedError("image_corrupt") from None
    return mode


def warm_up() -> None:
    """Load Pillow with the three formats, without a limit of its own: pixels are counted before it sees an image."""
    from PIL import Image  # here for the same reason

    Image.MAX_IMAGE_PIXELS = None
    for kind, mode in (("PNG", "P"), ("JPEG", "L"), ("WEBP", "RGB")):
        file = io.BytesIO()
        Image.new(mode, (8, 8)).save(file, kind)
        _decode(file.getvalue(), kind, (8, 8))


def _png_size(head: bytes) -> tuple[int, int] | None:
    if len(head) < 33:
        raise RefusedError("image_truncated")
    if head[8:16] != b"\0\0\0\x0dIHDR":
        raise RefusedError("image_corrupt")
    return struct.unpack_from(">2L", head, 16)


def _png(data: bytes) -> dict[str, Any]:
    """Walk the chunks of a PNG: whole, one frame, nothing behind its end. (Checksums are Pillow's to check.)"""
    size = _png_size(data)
    at = 8
    while True:
        if at + 12 > len(data):
            raise RefusedError("image_truncated")
        (length,) = struct.unpack_from(">L", data, at)
        kind = data[at + 4 : at + 8]
        if at + 12 + length > len(data):
            raise RefusedError("image_truncated")
        if kind == b"acTL":
            raise RefusedError("image_animated")
        at += 12 + length
        if kind == b"IEND":
            break
    if data[at:].strip(b"\0"):
        raise RefusedError("image_trailing_data")
    return {"size": size, "extra_data": False}


_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_MARK = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Size from the frame header when it is within `head` (large profiles may come before it)."""
    for mark, at, length in _jpeg_segments(head):
        if mark in _JPEG_FRAMES and length >= 7 and at + 7 <= len(head):
            height, width = struct.unpack_from(">2H", head, at + 3)
            return width, height
    return None


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(mark, place of its length field, length) of each segment up to the end of the image, stepping over scans."""
    at = 2
    while True:
        found = _JPEG_MARK.search(data, at)
        if not found:
            return
        mark, at = data[found.end() - 1], found.end()
        if mark == 0xD9:
            yield mark, at, 0
            return
        if mark in (0x01, 0xD8):
            continue
        if at + 2 > len(data):
            return
        (length,) = struct.unpack_from(">H", data, at)
        yield mark, at, length
        at += max(2, length)


def _jpeg(data: bytes) -> dict[str, Any]:
    """Walk the segments of a JPEG: an end mark, and behind it nothing but what cameras put there."""
    size, end = None, None
    for mark, at, length in _jpeg_segments(data):
        if mark in _JPEG_FRAMES and size is None and length >= 7 and at + 7 <= len(data):
            height, width = struct.unpack_from(">2H", data, at + 3)
            size = (width, height)
        if mark == 0xD9:
            end = at
    if end is None:
        raise RefusedError("image_truncated")
    if size is None:
        raise RefusedError("image_corrupt")
    rest = data[end:].strip(b"\0\xff\r\n")
    # Phones append a second picture (multi-picture format) or a block of their own that ends in SEFT.
    from_camera = (b"MPF\0" in data[:_HEAD] and rest.startswith(b"\xd8")) or data.endswith(b"SEFT")
    if rest and not from_camera:
        raise RefusedError("image_trailing_data")
    return {"size": size, "extra_data": bool(rest)}


def _webp_size(head: bytes) -> tuple[int, int] | None:
    if len(head) < 30:
        raise RefusedError("image_truncated")
    kind = head[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(head[24:27], "little") + 1
        return width, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<2H", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise RefusedError("image_corrupt")


def _webp(data: bytes) -> dict[str, Any]:
    """Walk the chunks of a WebP: as long as it says, one frame, nothing behind."""
    size = _webp_size(data)
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise RefusedError("image_truncated")
    if data[end:].strip(b"\0"):
        raise RefusedError("image_trailing_data")
    at = 12
    while at + 8 <= end:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind in (b"ANIM", b"ANMF") or (kind == b"VP8X" and data[at + 8] & 0x02):
            raise RefusedError("image_animated")
        inner = data[at + 8 : at + 18] if kind in (b"VP8 ", b"VP8L") else b""
        if inner and _webp_size(data[:12] + kind + data[at + 4 : at + 18] + bytes(8)) != size:
            raise RefusedError("image_corrupt")
        at += 8 + length + length % 2
        if at > end + 1:
            raise RefusedError("image_truncated")
    return {"size": size, "extra_data": False}


_SIZES = {"png": _png_size, "jpeg": _jpeg_size, "webp": _webp_size}
_STRUCTURES = {"png": _png, "jpeg": _jpeg, "webp": _webp}
