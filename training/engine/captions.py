"""Zips of images with captions: `captions.csv` with the columns file and text; an image may have several."""

import csv
from pathlib import Path
from typing import Any

from training.engine.errors import DataError
from training.engine.readers import is_image, member_bytes, members_of, named_image, open_table, open_zip, some_of

CAPTIONS_FILE = "captions.csv"


def read_captions(path: Path, profile: dict[str, Any]) -> dict[str, list[str]]:
    """The captions of each image that has some, by name in order. Raises DataError with the row."""
    image = profile.get("image") or {}
    top = image.get("top") or ""
    table = image.get("labels_file") or f"{top}{CAPTIONS_FILE}"

    def fault(problem: str) -> DataError:
        return DataError("data_file", name=table, problem=problem)

    with open_zip(path, profile) as archive:
        members = members_of(archive)
        if table not in members:
            raise DataError("data_shape", problem=f"it holds no {CAPTIONS_FILE}")
        images = {name for name in members if is_image(name.split("/"))}
        try:
            found = open_table(member_bytes(archive, members[table]).decode("utf-8-sig"), ("file", "text"))
        except UnicodeDecodeError:
            raise fault("it is not UTF-8 text") from None
    if found is None:
        raise fault("it needs the columns file and text")
    header, rows = found
    file_at, text_at = header.index("file"), header.index("text")
    captions: dict[str, list[str]] = {}
    try:
        for number, row in enumerate(filter(None, rows), 1):
            if len(row) < len(header):
                raise fault(f"row {number} is shorter than the header")
            name, text = named_image(row[file_at].strip(), images, top), row[text_at].strip()
            if name is None:
                raise fault(f"row {number} names “{row[file_at].strip()}”, which is no image in the zip")
            if not text:
                raise fault(f"row {number} has no text")
            captions.setdefault(name, []).append(text)
    except csv.Error:
        raise fault("its quotes do not match") from None
    return {name: captions[name] for name in some_of(sorted(captions), profile)}
