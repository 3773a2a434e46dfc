"""Zips of images with boxes: `annotations.json` in the form of COCO, or `boxes.csv` (file,label,x,y,width,height).

A box is (centre x, centre y, width, height) in shares of the image once it is read, in pixels where people read it.
"""

import csv
import dataclasses
import json
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from training.engine.errors import DataError, Stop
from training.engine.readers import (
    decode_member,
    image_size,
    is_image,
    member_bytes,
    members_of,
    named_image,
    open_table,
    open_zip,
    some_of,
)

LISTS = ("annotations.json", "boxes.csv")
COLUMNS = ("file", "label", "x", "y", "width", "height")


@dataclasses.dataclass(frozen=True)
class Box:
    """A box in pixels as it was written, and where that stands."""

    label: str
    place: tuple[float, float, float, float]  # left, top, width, height
    where: str


@dataclasses.dataclass
class Boxed:
    """The images that count, by name, with their boxes, and the file that says so."""

    source: str
    images: dict[str, list[Box]]

    @property
    def labels(self) -> list[str]:
        """All labels in order."""
        return sorted({box.label for boxes in self.images.values() for box in boxes})


def read_boxes(path: Path, profile: dict[str, Any]) -> Boxed:
    """The boxes of a zip. An image without any shows nothing; one that annotations.json leaves out does not count.

    Raises DataError with the file and the place in it.
    """
    with open_zip(path, profile) as archive:
        members, image = members_of(archive), profile.get("image") or {}
        top = image.get("top") or ""
        told = image.get("labels_file") or next((f"{top}{name}" for name in LISTS if f"{top}{name}" in members), "")
        images = {name for name in members if is_image(name.split("/"))}
        if told not in members:
            raise DataError("data_shape", problem=f"it holds neither {' nor '.join(LISTS)}")

        def fault(problem: str) -> DataError:
            return DataError("data_file", name=told, problem=problem)

        try:
            text = member_bytes(archive, members[told]).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise fault("it is not UTF-8 text") from None
    read = _from_json if told.lower().endswith(".json") else _from_table
    return Boxed(told, read(text, images, top, fault))


Blame = Callable[[str], DataError]


def _from_table(text: str, images: set[str], top: str, fault: Blame) -> dict[str, list[Box]]:
    found = open_table(text, COLUMNS)
    if found is None:
        raise fault("it needs the columns file, label, x, y, width and height")
    header, rows = found
    at = [header.index(name) for name in COLUMNS]
    boxes: dict[str, list[Box]] = {name: [] for name in images}
    try:
        for number, row in enumerate(filter(None, rows), 1):
            where = f"row {number}"
            if len(row) < len(header):
                raise fault(f"{where} is shorter than the header")
            file, label, *place = (row[n].strip() for n in at)
            name = named_image(file, images, top)
            if name is None:
                raise fault(f"{where} names “{file}”, which is no image in the zip")
            if not label:
                raise fault(f"{where} has no label")
            boxes[name].append(Box(label, _numbers(place, where, fault), where))
    except csv.Error:
        raise fault("its quotes do not match") from None
    return boxes


def _from_json(text: str, members: set[str], top: str, fault: Blame) -> dict[str, list[Box]]:
    try:
        obj = json.loads(text)
    except (ValueError, RecursionError):
        raise fault("it is not valid JSON") from None
    images, notes, categories = (_objects(obj, name, fault) for name in ("images", "annotations", "categories"))
    names: dict[str, str] = {}
    for number, entry in enumerate(images, 1):
        name = named_image(str(entry.get("file_name")), members, top)
        if name is None:
            raise fault(f"image {number} of its list is “{entry.get('file_name')}”, which is no image in the zip")
        _tell(names, entry, name, f"image {number}", fault)
    labels: dict[str, str] = {}
    for number, entry in enumerate(categories, 1):
        _tell(labels, entry, str(entry.get("name") or ""), f"category {number}", fault)
    boxes: dict[str, list[Box]] = {name: [] for name in names.values()}
    for number, entry in enumerate(notes, 1):
        where = f"annotation {number}"
        if entry.get("iscrowd"):
            continue
        image, label = names.get(_key(entry.get("image_id"))), labels.get(_key(entry.get("category_id")))
        if image is None or not label:
            raise fault(f"{where} belongs to {'an image' if image is None else 'a category'} that is not listed")
        boxes[image].append(Box(label, _numbers(entry.get("bbox"), where, fault), where))
    return boxes


def _objects(obj: Any, name: str, fault: Blame) -> list[dict[str, Any]]:
    found = obj.get(name) if isinstance(obj, dict) else None
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise fault("it needs lists of objects named images, annotations and categories")
    return found


def _tell(named: dict[str, str], entry: dict[str, Any], name: str, what: str, fault: Blame) -> None:
    """Keep what an id stands for. Of two with one id nobody could say whose the boxes are."""
    key = _key(entry.get("id"))
    if (other := named.setdefault(key, name)) != name:
        raise fault(f"{what} of its list is “{name}” and has the id {key}, as “{other}” has")


def _key(value: Any) -> str:
    return json.dumps(value)


def _numbers(place: Any, where: str, fault: Blame) -> tuple[float, float, float, float]:
    try:
        # A text of four digits, too, could be gone through one by one.
        left, top, width, height = map(float, place if isinstance(place, list) else ())
    except (TypeError, ValueError, OverflowError):
        raise fault(f"the box of {where} is not four numbers") from None
    if not all(map(math.isfinite, (left, top, width, height))) or width <= 0 or height <= 0:
        raise fault(f"the box of {where} has no area")
    return left, top, width, height


def read_boxed(
    path: Path, side: int, channels: int, profile: dict[str, Any], stop: Stop, boxed: Boxed
) -> Iterator[tuple[str, np.ndarray, list[tuple[str, np.ndarray]]]]:
    """(file name, pixels, [(label, box)]) of each image that counts, sorted by name; boxes are cut at its edges."""
    with open_zip(path, profile) as archive:
        members = members_of(archive)
        for number, name in enumerate(some_of(sorted(boxed.images), profile)):
            boxes = boxed.images[name]
            if number % 50 == 0:
                stop.check()
            pixels = decode_member(archive, members[name], side, channels)
            width, height = _size(archive, members[name])
            yield name, pixels, [(box.label, _shares(box, width, height, boxed.source)) for box in boxes]


def _size(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[int, int]:
    return image_size(member_bytes(archive, info))


def _shares(box: Box, width: int, height: int, source: str) -> np.ndarray:
    left, top, wide, high = box.place
    corners = np.array([left / width, top / height, (left + wide) / width, (top + high) / height])
    cut = from_corners(corners.clip(0, 1))
    if min(cut[2:]) <= 0:
        problem = f"the box of {box.where} lies outside its image of {width} × {height} pixels"
        raise DataError("data_file", name=source, problem=problem)
    return cut


def from_corners(corners: np.ndarray) -> np.ndarray:
    """(centre x, centre y, width, height) of (left, top, right, bottom)."""
    low, high = corners[..., :2], corners[..., 2:]
    return np.concatenate([(low + high) / 2, high - low], -1)


def to_corners(boxes: Any) -> Any:
    """(left, top, right, bottom) of (centre x, centre y, width, height); arrays and tensors alike."""
    half = boxes[..., 2:] / 2
    both = (boxes[..., :2] - half, boxes[..., :2] + half)
    if isinstance(boxes, np.ndarray):
        return np.concatenate(both, -1)
    import torch  # readers of files have no need of it

    return torch.cat(both, -1)
