"""Datasets in: text, CSV, JSONL, and zips of images. What breaks the promise of the profile is named by row or file."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from training.engine.errors import DataError, Stop

MAX_FIELD_CHARS = 8_000_000
MAX_PIXELS = 40_000_000
MAX_MEMBER_BYTES = 256_000_000
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg")
EVERY = 1_000
SURROGATES = re.compile("[\ud800-\udfff]")


def read_text(path: Path) -> str:
    """The whole of a UTF-8 file, without a byte order mark."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("data_shape", problem=f"byte {error.start} is not UTF-8 text") from None


def read_rows(path: Path, kind: str, columns: list[str], profile: dict[str, Any], stop: Stop) -> Iterator[list[str]]:
    """The chosen columns of each row as text; an absent value is an empty text. Rows count from 1."""
    rows = _csv_rows(path, profile.get("delimiter") or ",") if kind == "csv" else _json_rows(path)
    for number, row in rows:
        if number % EVERY == 0:
            stop.check()
        yield [_as_text(row.get(name), number) for name in columns]


def _as_text(value: Any, number: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise DataError("data_row", row=number, problem="a value is not text or a number")


def _csv_rows(path: Path, delimiter: str) -> Iterator[tuple[int, dict[str, str]]]:
    csv.field_size_limit(MAX_FIELD_CHARS)
    # Bad bytes become surrogates, so that the row they are in can be named.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        number = 0
        try:
            header = next(reader, None)
            if not header:
                raise DataError("data_shape", problem="it has no header row")
            for cells in reader:
                if not cells:
                    continue
                number += 1
                if SURROGATES.search("".join(cells)):
                    raise DataError("data_row", row=number, problem="it is not UTF-8 text")
                if len(cells) != len(header):
                    problem = f"it has {len(cells)} values, the header has {len(header)}"
                    raise DataError("data_row", row=number, problem=problem)
                yield number, dict(zip(header, cells, strict=True))
        except csv.Error:
            raise DataError("data_row", row=number + 1, problem="its quotes do not match") from None


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        number = 0
        for line in file:
            if not line.strip():
                continue
            number += 1
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError):
                raise DataError("data_row", row=number, problem="it is not valid JSON") from None
            if not isinstance(row, dict):
                raise DataError("data_row", row=number, problem="it is not a JSON object")
            yield number, row


def read_images(path: Path, side: int, channels: int, stop: Stop) -> Iterator[tuple[str, str, np.ndarray]]:
    """(file name, label, pixels) of each image, sorted by name; pixels are uint8 (channels, side, side).

    Labels are the folder names, or the `label` column of a labels.csv at the top.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError):
        raise DataError("data_shape", problem="it is not a zip file") from None
    with archive:
        members = {info.filename: info for info in archive.infolist() if not info.is_dir()}
        named = {name: info for name, info in members.items() if not name.startswith("__MACOSX/")}
        listed = _listed_labels(archive, named)
        names = sorted(listed) if listed else sorted(n for n in named if n.lower().endswith(IMAGE_ENDINGS))
        for number, name in enumerate(names):
            if number % 50 == 0:
                stop.check()
            folders = name.split("/")
            if not listed and len(folders) < 2:
                raise DataError("data_file", name=name, problem="it is in no folder, so it has no label")
            label = listed[name] if listed else folders[-2]
            yield name, label, _decode(archive, named[name], side, channels)


def _listed_labels(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> dict[str, str]:
    if "labels.csv" not in members:
        return {}
    text = _member_bytes(archive, members["labels.csv"]).decode("utf-8-sig", "replace")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if not {"file", "label"} <= set(rows.fieldnames or ()):
        raise DataError("data_file", name="labels.csv", problem="it needs the columns file and label")
    labels = {}
    for row in rows:
        name = row["file"] or ""
        if name not in members:
            raise DataError("data_file", name="labels.csv", problem=f"it names “{name}”, which is not in the zip")
        labels[name] = row["label"] or ""
    return labels


def _member_bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, counted while they are read: the size in its header may lie."""
    try:
        with archive.open(info) as file:
            data = file.read(MAX_MEMBER_BYTES + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError):
        raise DataError("data_file", name=info.filename, problem="it cannot be unpacked") from None
    if len(data) > MAX_MEMBER_BYTES:
        raise DataError("data_file", name=info.filename, problem="it is too large")
    return data


def _decode(archive: zipfile.ZipFile, info: zipfile.ZipInfo, side: int, channels: int) -> np.ndarray:
    from PIL import Image  # only runs on images need it

    data = _member_bytes(archive, info)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError("data_file", name=info.filename, problem="it has too many pixels")
            plain = image.convert("L" if channels == 1 else "RGB")
            if plain.size != (side, side):
                plain = plain.resize((side, side), Image.Resampling.BILINEAR)
            pixels = np.asarray(plain, dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise DataError("data_file", name=info.filename, problem="it is not a readable PNG or JPEG") from None
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
