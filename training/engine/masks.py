"""Zips of images with masks: `images/x.jpg` beside `masks/x.png`, whose pixels are numbers of classes."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from training.engine.errors import DataError, Stop
from training.engine.readers import (
    IMAGE_FORMATS,
    MAX_PIXELS,
    UNREADABLE,
    decode_member,
    image_size,
    is_image,
    member_bytes,
    members_of,
    open_zip,
    some_of,
)

UNLABELLED = 255  # a pixel that nobody gave a class
CLASSES_FILE = "classes.txt"
MASK_MODES = ("1", "L", "P")


def class_names(path: Path, profile: dict[str, Any]) -> list[str] | None:
    """The lines of classes.txt: the name of class 0, of class 1 and so on; None without such a file."""
    with open_zip(path, profile) as archive:
        name = (profile.get("image") or {}).get("labels_file") or f"{_top(profile)}{CLASSES_FILE}"
        found = members_of(archive).get(name)
        if found is None:
            return None
        try:
            names = [line.strip() for line in member_bytes(archive, found).decode("utf-8-sig").splitlines()]
        except UnicodeDecodeError:
            raise DataError("data_file", name=name, problem="it is not UTF-8 text") from None
    while names and not names[-1]:
        names.pop()
    if "" in names or len(set(names)) < len(names) or not 2 <= len(names) <= UNLABELLED:
        raise DataError("data_file", name=name, problem="it needs 2 to 255 different names, one on each line")
    return names


def read_masked(
    path: Path, side: int, channels: int, profile: dict[str, Any], stop: Stop, classes: int | None
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(file name, pixels, mask) of each image, sorted by name: bytes (channels, side, side) and (side, side).

    With `classes`, a mask may hold smaller numbers only, and 255 where a pixel has no class.
    """
    with open_zip(path, profile) as archive:
        members = members_of(archive)
        images, masks = (_in_folder(members, f"{_top(profile)}{folder}/") for folder in ("images", "masks"))
        if not images:
            raise DataError("data_shape", problem="it holds no image in the folder images")
        for stem, name in masks.items():
            if stem not in images:
                raise DataError("data_file", name=name, problem="there is no image of this name in the folder images")
        stems = {name: stem for stem, name in images.items()}
        for number, name in enumerate(some_of(sorted(stems), profile)):
            stem = stems[name]
            if number % 50 == 0:
                stop.check()
            if stem not in masks:
                raise DataError("data_file", name=name, problem="there is no mask of this name in the folder masks")
            pixels = decode_member(archive, members[name], side, channels)
            size = image_size(member_bytes(archive, members[name]))
            mask = _decode_mask(archive, members[masks[stem]], size, side)
            most = mask[mask != UNLABELLED].max(initial=0)
            if classes is not None and most >= classes:
                problem = f"it holds the number {most}, but {CLASSES_FILE} names the classes 0 to {classes - 1}"
                raise DataError("data_file", name=masks[stem], problem=problem)
            yield name, pixels, mask


def _top(profile: dict[str, Any]) -> str:
    return (profile.get("image") or {}).get("top") or ""


def _in_folder(members: dict[str, zipfile.ZipInfo], folder: str) -> dict[str, str]:
    """Name by stem of the images in a folder. Raises DataError when two have one stem."""
    found: dict[str, str] = {}
    for name in members:
        if not name.startswith(folder) or not is_image(name.split("/")):
            continue
        stem = name.removeprefix(folder).rpartition(".")[0]
        if stem in found:
            raise DataError("data_file", name=name, problem=f"“{found[stem]}” has the same name but for its ending")
        found[stem] = name
    return found


def _decode_mask(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: tuple[int, int], side: int) -> np.ndarray:
    """The numbers of a mask as bytes (side, side): the nearest ones, for there is nothing between two classes."""
    from PIL import Image  # only runs on images need it

    def fault(problem: str) -> DataError:
        return DataError("data_file", name=info.filename, problem=problem)

    try:
        with Image.open(io.BytesIO(member_bytes(archive, info)), formats=IMAGE_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise fault("it has too many pixels")
            if image.mode not in MASK_MODES or image.format == "JPEG":
                raise fault("a mask is a PNG whose pixels are numbers of classes, not colours")
            if image.size != size:
                raise fault(f"it has {image.width} × {image.height} pixels, its image {size[0]} × {size[1]}")
            numbers = np.asarray(image).astype(np.uint8)
    except (*UNREADABLE, Image.DecompressionBombError):
        raise fault("it is not a readable PNG, JPEG or WebP") from None
    return np.asarray(Image.fromarray(numbers).resize((side, side), Image.Resampling.NEAREST))
