"""What a zip of images can hold beside them to learn from: masks, boxes, or captions.

Masks lie in a folder `masks` beside the folder `images`, each with the name of its image; classes.txt may name the
classes. Boxes stand in boxes.csv or, in the form of COCO, in annotations.json, captions in captions.csv. What each
pixel and each box says is read when a model is trained; here is seen that everything is there and belongs together.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass, field
from typing import Any

from .archive import Member, Zip
from .contract import KIB, MIB, Limits, RefusedError, clean
from .lines import LineReader
from .tables import CsvRows, find_delimiter

CLASSES_FILE = "classes.txt"
TABLE_FILE, COCO_FILE = "boxes.csv", "annotations.json"
CAPTIONS_FILE = "captions.csv"
LISTS = (CLASSES_FILE, COCO_FILE, TABLE_FILE, CAPTIONS_FILE)
MASKS, BOXES, CAPTIONS = "masks", "boxes", "captions"
_COLUMNS = ("file", "label", "x", "y", "width", "height")
_MASK_MODES = frozenset({"1", "L", "P"})
_LIST_BYTES = 32 * MIB


@dataclass(frozen=True)
class Beside:
    """`source` is `masks`, `boxes` or `captions`; `classes` how many there are, where that is told."""

    source: str
    file: str | None = None
    classes: int | None = None
    masks: frozenset[str] = field(default_factory=frozenset)


def look(archive: Zip, images: list[Member], lists: dict[str, Member], top: str, limits: Limits) -> Beside | None:
    """What there is to learn from beside labels, or None. Raises RefusedError where something does not belong."""
    folders: dict[str, dict[str, Member]] = {}
    for member in images:
        folder, _, name = member.name.removeprefix(top).rpartition("/")
        folders.setdefault(folder, {})[name.rpartition(".")[0]] = member
    if set(folders) == {"images", MASKS}:
        _pair(folders["images"], folders[MASKS])
        classes = lists.get(CLASSES_FILE)
        count = len(_text(archive, classes).split("\n")) if classes else None
        masks = frozenset(member.name for member in folders[MASKS].values())
        return Beside(MASKS, classes.name if classes else None, count, masks)
    for name, read in ((COCO_FILE, _coco), (TABLE_FILE, _table), (CAPTIONS_FILE, _captions)):
        if name in lists:
            names = {member.name.removeprefix(top) for member in images}
            try:
                labels = read(_text(archive, lists[name]), names, limits)
            except RefusedError as fault:
                raise fault.at(**lists[name].where) from None
            source = CAPTIONS if name == CAPTIONS_FILE else BOXES
            return Beside(source, lists[name].name, len(labels) if labels else None)
    return None


def check_mask(member: Member, seen: dict[str, Any]) -> None:
    """Whether the pixels of a mask can be numbers of classes. Raises RefusedError."""
    if seen["mode"] not in _MASK_MODES or seen["format"] == "JPEG":
        raise RefusedError("mask_colours", where=member.where)


def _pair(images: dict[str, Member], masks: dict[str, Member]) -> None:
    for stem, member in images.items():
        if stem not in masks:
            raise RefusedError("mask_missing", where=member.where)
    for stem, member in masks.items():
        if stem not in images:
            raise RefusedError("mask_alone", where=member.where)


def _text(archive: Zip, member: Member) -> str:
    if member.size_bytes > _LIST_BYTES:
        raise RefusedError("image_too_big", limit_bytes=_LIST_BYTES, where=member.where)
    try:
        return b"".join(archive.read(member, member.size_bytes)).decode("utf-8-sig").rstrip()
    except UnicodeDecodeError:
        raise RefusedError("list_not_utf8", where=member.where) from None


def _known(name: str, names: set[str]) -> bool:
    return name in names or f"images/{name}" in names


def _table(text: str, names: set[str], limits: Limits) -> set[str]:
    """The labels of boxes.csv."""
    data = text.encode()
    rows = CsvRows(LineReader(io.BytesIO(data), limits), find_delimiter(text[: 64 * KIB])[0], limits)
    header = [name.strip().lower() for name in rows.header()]
    if not set(_COLUMNS) <= set(header):
        raise RefusedError("boxes_columns")
    at, labels = [header.index(name) for name in _COLUMNS], set()
    for row in rows:
        file, label, *place = (row[n].strip() for n in at)
        if not _known(file, names):
            raise RefusedError("boxes_unknown_file", name=clean(file), where=rows.where)
        if not label or not _is_box(place):
            raise RefusedError("boxes_row", where=rows.where)
        labels.add(label)
    return labels


def _captions(text: str, names: set[str], limits: Limits) -> set[str]:
    """Nothing: captions have no classes."""
    rows = CsvRows(LineReader(io.BytesIO(text.encode()), limits), find_delimiter(text[: 64 * KIB])[0], limits)
    header = [name.strip().lower() for name in rows.header()]
    if not {"file", "text"} <= set(header):
        raise RefusedError("captions_columns")
    file_at, text_at = header.index("file"), header.index("text")
    for row in rows:
        if not _known(row[file_at].strip(), names):
            raise RefusedError("captions_unknown_file", name=clean(row[file_at].strip()), where=rows.where)
        if not row[text_at].strip():
            raise RefusedError("captions_empty", where=rows.where)
    return set()


def _is_box(place: list[str]) -> bool:
    try:
        numbers = [float(value) for value in place]
    except ValueError:
        return False
    return all(map(math.isfinite, numbers)) and min(numbers[2:]) > 0


def _coco(text: str, names: set[str], limits: Limits) -> set[str]:
    """The names of the categories of annotations.json."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError("boxes_json") from None
    lists = [found.get(name) if isinstance(found, dict) else None for name in ("images", "annotations", "categories")]
    if not all(isinstance(each, list) and all(isinstance(one, dict) for one in each) for each in lists):
        raise RefusedError("boxes_json")
    files = [str(image.get("file_name")) for image in lists[0]]
    for file in files:
        if not _known(file, names):
            raise RefusedError("boxes_image", name=clean(file))
    labels = [str(one.get("name")) for one in lists[2]]
    _hold_apart(lists[0], [file if file in names else f"images/{file}" for file in files])
    _hold_apart(lists[2], labels)
    return set(labels)


def _hold_apart(entries: list[dict[str, Any]], names: list[str]) -> None:
    """Of two things with one id nobody could say whose the boxes are; the same thing may be listed twice."""
    seen: dict[str, str] = {}
    for entry, name in zip(entries, names, strict=True):
        key = json.dumps(entry.get("id"))
        if (other := seen.setdefault(key, name)) != name:
            raise RefusedError("boxes_id", id=clean(key), first=clean(other), second=clean(name))
