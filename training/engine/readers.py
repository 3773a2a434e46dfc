"""Datasets in: text, CSV, JSONL, Parquet, zips of images or recordings. What breaks the profile's promise is named."""

import codecs
import contextlib
import csv
import io
import itertools
import json
import math
import re
import struct
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from training.engine.errors import DataError, Stop

if TYPE_CHECKING:
    from PIL import Image

MAX_FIELD_CHARS = 8_000_000
MAX_UNPACKED_BYTES, PARQUET_BATCH_BYTES = 2 << 30, 8 << 20
MAX_PIXELS = 40_000_000
MAX_MEMBER_BYTES = 256_000_000
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
SOUND_ENDINGS = (".wav", ".flac")
IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
TABLES = ("labels.csv", "captions.csv", "boxes.csv", "transcripts.csv")
DELIMITERS = ",;\t|"
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, ArithmeticError, struct.error)
EVERY = 1_000
PREVIEW_ROWS = "preview_rows"  # in a profile: how many rows or files to read, for a look at them
PREVIEW_OF = "preview_of"  # of how many rows they are taken, evenly spaced; without it they are the first
SURROGATES = re.compile("[\ud800-\udfff]")


class Look(NamedTuple):
    """How an image becomes a square: by which rule of Pillow, and with `crop`, which share of its middle is seen.

    Without, it is pulled to the square whole.
    """

    resample: int = 2  # bilinear
    crop: float | None = None


class _NoSuchWordError(Exception):
    """A row of a few names a word that its dictionary has not: `place` counts from 0."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


Row = tuple[int, dict[str, Any]]  # its number, and its cells by column


def read_text(path: Path) -> str:
    """The whole of a UTF-8 file, without a byte order mark."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("data_shape", problem=f"byte {error.start} is not UTF-8 text") from None


def read_rows(path: Path, kind: str, columns: list[str], profile: dict[str, Any], stop: Stop) -> Iterator[list[str]]:
    """The chosen columns of each row as text; a value that is absent or blank is an empty text. Rows count from 1."""
    if kind == "parquet":
        rows: Iterator[Row] = _parquet_rows(path, columns)
    else:
        rows = _csv_rows(path, profile) if kind == "csv" else _json_rows(path)
    for number, row in _looked_at(rows, profile):
        if number % EVERY == 0:
            stop.check()
        yield [_as_text(row.get(name), number) for name in columns]


def _looked_at(rows: Iterator[Row], profile: dict[str, Any]) -> Iterator[Row]:
    """All rows; for a preview the first of them, or as many from all over the table."""
    most, of = profile.get(PREVIEW_ROWS), profile.get(PREVIEW_OF)
    if most is None or of is None:
        return itertools.islice(rows, most)
    return _at(rows, [n * of // most for n in range(most)])


def _at(rows: Iterator[Row], places: list[int]) -> Iterator[Row]:
    """The rows at these places, in order; nothing behind the last of them is read."""
    last = -1
    for place in places:
        yield from itertools.islice(rows, place - last - 1, place - last)
        last = place


def _as_text(value: Any, number: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "" if value.isspace() else value
    if isinstance(value, int | float):
        return str(value)
    raise DataError("data_row", row=number, problem="a value is not text or a number")


def _csv_rows(path: Path, profile: dict[str, Any]) -> Iterator[tuple[int, dict[str, str]]]:
    delimiter = profile.get("delimiter") or ","
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if profile.get("quotes", True) else csv.QUOTE_NONE
    csv.field_size_limit(MAX_FIELD_CHARS)
    # Bad bytes become surrogates, so that the row they are in can be named.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, quoting=quoting, strict=True)
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
            if not line.removeprefix(codecs.BOM_UTF8).strip():
                continue
            number += 1
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError):
                raise DataError("data_row", row=number, problem="it is not valid JSON") from None
            if not isinstance(row, dict):
                raise DataError("data_row", row=number, problem="it is not a JSON object")
            # Only an escape can be half of a pair of UTF-16, which no tokenizer and no file of ours takes.
            if b"\\u" in line and any(isinstance(one, str) and SURROGATES.search(one) for one in row.values()):
                raise DataError("data_row", row=number, problem="it has half of a character pair")
            yield number, row


def _parquet_rows(path: Path, columns: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The chosen columns as a CSV of the same table would hold them, a few rows at a time."""
    import pyarrow as pa  # only runs on Parquet need it
    from pyarrow import parquet

    number, room = 0, MAX_UNPACKED_BYTES
    try:
        # A buffer: pages are read as they are needed, and never a whole column of a large group of rows.
        file = parquet.ParquetFile(path, buffer_size=1 << 16, pre_buffer=False)
        known = {one.name: _parquet_reader(one.type) for one in file.schema_arrow}
        wanted = [name for name in dict.fromkeys(columns) if name in known]
        for name in wanted:
            if known[name] is None:
                raise DataError("data_shape", problem=f"its column “{name}” holds lists, records or bytes")
        said = sum(file.metadata.row_group(n).total_byte_size for n in range(file.metadata.num_row_groups))
        size = max(64, min(1_024, PARQUET_BATCH_BYTES * file.metadata.num_rows // max(1, said)))
        for batch in file.iter_batches(batch_size=size, columns=wanted, use_threads=False):
            told = [_cells(known[name], batch.column(name), name, number) for name in wanted]
            for cells in zip(*told, strict=True) if told else ((),) * batch.num_rows:
                number += 1
                room -= sum(map(len, cells))
                if room < 0:
                    raise DataError("data_row", row=number, problem="its texts are too many when unpacked")
                yield number, dict(zip(wanted, cells, strict=True))
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError):
        raise DataError("data_row", row=number + 1, problem="the Parquet file is cut off or damaged") from None


def _parquet_reader(kind: Any) -> Callable[[Any], list[str]] | None:
    """How a column of this type becomes texts, blank where nothing is; None for lists, records and bytes."""
    import pyarrow as pa  # as above
    from pyarrow import types

    if types.is_dictionary(kind):
        inner = None if types.is_dictionary(kind.value_type) else _parquet_reader(kind.value_type)
        return inner and (lambda column: _by_number(inner, column.dictionary, column.indices))
    if types.is_null(kind):
        return lambda column: [""] * len(column)
    if types.is_boolean(kind):
        return lambda column: ["" if one is None else "true" if one else "false" for one in column.to_pylist()]
    if types.is_integer(kind):
        return lambda column: ["" if one is None else str(one) for one in column.to_pylist()]
    if types.is_float64(kind):
        return lambda column: [_finite(one) for one in column.to_pylist()]
    if types.is_floating(kind):  # by the shortest digits that tell it, as they would be written
        return lambda column: [_finite(one and float(one)) for one in column.cast(pa.string()).to_pylist()]
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return lambda column: [one or "" for one in column.to_pylist()]
    if types.is_timestamp(kind) and kind.tz is not None:
        plain = pa.timestamp(kind.unit)
        return lambda column: [f"{one}Z" if one else "" for one in column.cast(plain).cast(pa.string()).to_pylist()]
    if types.is_decimal(kind) or types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind):
        return lambda column: [one or "" for one in column.cast(pa.string()).to_pylist()]
    return None


def _cells(read: Any, column: Any, name: str, before: int) -> list[str]:
    """A column of the rows that follow the first `before`."""
    try:
        return read(column)
    except _NoSuchWordError as fault:
        problem = f"it names a value of “{name}” that is not in the list of its values"
        raise DataError("data_row", row=before + fault.place + 1, problem=problem) from None


def _by_number(read: Callable[[Any], list[str]], dictionary: Any, numbers: Any) -> list[str]:
    """The words that rows name. A dictionary comes whole with every few rows, and only what they name is read of it."""
    told, named = numbers.to_pylist(), numbers.unique().drop_null()
    absent = {number for number in named.to_pylist() if not 0 <= number < len(dictionary)}
    if absent:
        raise _NoSuchWordError(next(place for place, number in enumerate(told) if number in absent))
    words = dict(zip(named.to_pylist(), read(dictionary.take(named)), strict=True))
    return ["" if number is None else words[number] for number in told]


def _finite(value: float | None) -> str:
    """As Python writes it; what is not a number is missing, as pandas has it."""
    return "" if value is None or math.isnan(value) else str(value)


def read_images(
    path: Path,
    side: int,
    channels: int,
    profile: dict[str, Any],
    stop: Stop,
    *,
    labelled: bool = True,
    look: Look = Look(),  # noqa: B008  it cannot be changed
) -> Iterator[tuple[str, str, np.ndarray]]:
    """(file name, label, pixels) of each labelled image, sorted by name; pixels are uint8 (channels, side, side).

    Labels are the folders below `image.top` of the profile, or stand in the table `image.labels_file`. Not `labelled`:
    all images, in whatever folder or table, with an empty label.
    """
    column = "label" if labelled else None
    for name, label, data in read_members(path, profile, "image", IMAGE_ENDINGS, column, stop):
        try:
            yield name, label, decode_image(data, side, channels, look)
        except ValueError as error:
            raise DataError("data_file", name=name, problem=str(error)) from None


def read_members(
    path: Path, profile: dict[str, Any], place: str, endings: tuple[str, ...], column: str | None, stop: Stop
) -> Iterator[tuple[str, str, bytes]]:
    """(file name, what it is told to be, bytes) of each file of a zip with one of the endings, sorted by name.

    `place` is where the profile tells of such files, `column` what is told of them: label, text, or nothing, and then
    all are read. Where that stands is as with images; a text stands in the table `transcripts_file`.
    """
    with open_zip(path, profile) as archive:
        members = members_of(archive)
        facts = profile.get(place) or {}
        top = facts.get("top") or ""
        if column is None:
            masks = f"{top}masks/" if facts.get("labels_from") == "masks" else None
            names = (name for name in members if masks is None or not name.startswith(masks))
            told = {name: "" for name in names if _is_one(name.split("/"), endings)}
        elif column == "text":
            table = facts.get("transcripts_file") or f"{top}transcripts.csv"
            told = _table_labels(archive, members, top, table, column)
        elif facts.get("labels_from") == "table":
            told = _table_labels(archive, members, top, facts.get("labels_file") or f"{top}labels.csv", column)
        else:
            told = _folder_labels(members, top, endings)
        for number, name in enumerate(some_of(sorted(told), profile)):
            if number % 50 == 0:
                stop.check()
            yield name, told[name], member_bytes(archive, members[name])


def read_speakers(path: Path, profile: dict[str, Any]) -> dict[str, str]:
    """Who speaks in each recording, where the table of transcripts has the column speaker; else nothing."""
    with open_zip(path, profile) as archive:
        members = members_of(archive)
        facts = profile.get("audio") or {}
        top = facts.get("top") or ""
        table = facts.get("transcripts_file") or f"{top}transcripts.csv"
        try:
            text = member_bytes(archive, members[table]).decode("utf-8-sig") if table in members else ""
        except UnicodeDecodeError:
            text = ""  # which is told where the transcripts are read
        return _table_labels(archive, members, top, table, "speaker") if open_table(text, ("file", "speaker")) else {}


def read_told(
    path: Path, profile: dict[str, Any], place: str, names: Iterable[str], column: str
) -> Iterator[tuple[str, str]]:
    """(file name, what `column` of the table of a zip says of it) of each of `names`.

    The table is the one that tells labels, captions, boxes or transcripts; a file that it names several times is told
    the same each time. Raises DataError.
    """
    names, column = list(names), column.strip().lower()
    facts = profile.get(place) or {}
    top = facts.get("top") or ""
    likely = [facts.get(name) for name in ("labels_file", "transcripts_file")] + [f"{top}{name}" for name in TABLES]
    with open_zip(path, profile) as archive:
        members = members_of(archive)
        tables = [name for name in dict.fromkeys(likely) if name in members and not name.lower().endswith(".json")]
        for table in tables:
            found = _column_of(archive, members[table], top, set(names), column)
            if found is not None:
                break
        else:
            where = f"no column “{column}” in {' or '.join(tables)}" if tables else "no table of its files"
            raise DataError("data_shape", problem=f"it has {where}")
    for name in names:
        yield name, found.get(name, "")


def _column_of(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, top: str, names: set[str], column: str
) -> dict[str, str] | None:
    """What a table says of files in one of its columns; None where it has no such column. Raises DataError."""

    def fault(problem: str) -> DataError:
        return DataError("data_file", name=info.filename, problem=problem)

    told: dict[str, str] = {}
    try:
        table = open_table(member_bytes(archive, info).decode("utf-8-sig"), ("file", column))
        if table is None:
            return None
        header, rows = table
        file_at, cell_at = header.index("file"), header.index(column)
        for number, row in enumerate(filter(None, rows), 1):
            name, cell = named_image(row[file_at].strip(), names, top), row[cell_at].strip()
            if name is not None and told.setdefault(name, cell) != cell:
                raise fault(f"row {number} says of “{row[file_at].strip()}” something else than an earlier one")
    except UnicodeDecodeError:
        raise fault("it is not UTF-8 text") from None
    except IndexError:
        raise fault("a row is shorter than the header") from None
    except csv.Error:
        raise fault("its quotes do not match") from None
    return told


def some_of(names: list[str], profile: dict[str, Any]) -> list[str]:
    """All names, or for a preview some of them, evenly spaced."""
    most = profile.get(PREVIEW_ROWS) or len(names)
    return [names[n * len(names) // most] for n in range(most)] if most < len(names) else names


def open_zip(path: Path, profile: dict[str, Any]) -> zipfile.ZipFile:
    """The zip of a dataset of images. Raises DataError."""
    try:
        return zipfile.ZipFile(path, metadata_encoding=profile.get("encoding"))
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, LookupError):
        raise DataError("data_shape", problem="it is not a zip file") from None


def named_image(name: str, images: Collection[str], top: str) -> str | None:
    """The image that a name in a list stands for: in the folder of the list, or in the folder images beside it."""
    return next((full for full in (f"{top}{name}", f"{top}images/{name}") if full in images), None)


def members_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of a zip by name."""
    return {info.filename: info for info in archive.infolist() if not info.is_dir()}


def _folder_labels(members: dict[str, zipfile.ZipInfo], top: str, endings: tuple[str, ...]) -> dict[str, str]:
    """Label by member. What is of another kind, what systems leave behind and files in no folder are left out."""
    labels = {}
    for name in members:
        *folders, file = name.removeprefix(top).split("/")
        if folders and _is_one([*folders, file], endings):
            labels[name] = folders[-1]
    return labels


def is_image(parts: list[str]) -> bool:
    """Whether a file, given as the folders to it and its name, is an image and nothing that systems leave behind."""
    return _is_one(parts, IMAGE_ENDINGS)


def _is_one(parts: list[str], endings: tuple[str, ...]) -> bool:
    *folders, file = parts
    return file.lower().endswith(endings) and not file.startswith("._") and "__MACOSX" not in folders


def _table_labels(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], top: str, table: str, column: str
) -> dict[str, str]:
    """What a table with the columns file (relative to `top`) and `column` tells of members."""

    def fault(problem: str) -> DataError:
        return DataError("data_file", name=table, problem=problem)

    if table not in members:
        raise fault("it is not in the zip")
    try:
        text = member_bytes(archive, members[table]).decode("utf-8-sig")
        found = open_table(text, ("file", column))
        if found is None:
            raise fault(f"it needs the columns file and {column}")
        header, rows = found
        file_at, label_at = header.index("file"), header.index(column)
        labels = {}
        for row in filter(None, rows):
            name = top + row[file_at].strip()
            if name not in members:
                raise fault(f"it names “{name}”, which is not in the zip")
            labels[name] = row[label_at].strip()
    except UnicodeDecodeError:
        raise fault("it is not UTF-8 text") from None
    except IndexError:
        raise fault("a row is shorter than the header") from None
    except csv.Error:
        raise fault("its quotes do not match") from None
    return labels


def open_table(text: str, columns: Collection[str]) -> tuple[list[str], Iterator[list[str]]] | None:
    """(header, other rows) of a table in a zip, cut by the separator that shows these columns; None if none does."""
    csv.field_size_limit(MAX_FIELD_CHARS)
    for delimiter in DELIMITERS:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        with contextlib.suppress(csv.Error, StopIteration):
            header = [name.strip().lower() for name in next(rows)]
            if set(columns) <= set(header):
                return header, rows
    return None


def member_bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, counted while they are read: the size in its header may lie."""
    try:
        with archive.open(info) as file:
            data = file.read(MAX_MEMBER_BYTES + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError):
        raise DataError("data_file", name=info.filename, problem="it cannot be unpacked") from None
    if len(data) > MAX_MEMBER_BYTES:
        raise DataError("data_file", name=info.filename, problem="it is too large")
    return data


def decode_member(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    side: int,
    channels: int,
    look: Look = Look(),  # noqa: B008  it cannot be changed
) -> np.ndarray:
    """An image of a zip as bytes (channels, side, side). Raises DataError with its name."""
    data = member_bytes(archive, info)
    try:
        return decode_image(data, side, channels, look)
    except ValueError as error:
        raise DataError("data_file", name=info.filename, problem=str(error)) from None


def decode_image(data: bytes, side: int, channels: int, look: Look = Look()) -> np.ndarray:  # noqa: B008  as above
    """An image file as bytes (channels, side, side). Raises ValueError with what is wrong with it."""
    from PIL import Image  # only runs on images need it

    pixels = None
    try:
        with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
            if image.width * image.height <= MAX_PIXELS:
                plain = eight_bits(image).convert("L" if channels == 1 else "RGB")
                pixels = np.asarray(_square(plain, side, look), dtype=np.uint8)
    except (*UNREADABLE, Image.DecompressionBombError):
        raise ValueError("it is not a readable PNG, JPEG or WebP") from None
    if pixels is None:
        raise ValueError("it has too many pixels")
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _square(image: "Image.Image", side: int, look: Look) -> "Image.Image":
    from PIL import Image  # as above

    rule = Image.Resampling(look.resample)
    if look.crop is None:
        return image if image.size == (side, side) else image.resize((side, side), rule)
    # As transformers' ConvNextImageProcessor has it.
    short, least = int(side / look.crop), min(image.size)
    image = image.resize((int(short * image.width / least), int(short * image.height / least)), rule)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def image_size(data: bytes) -> tuple[int, int]:
    """(width, height) of an image file in pixels. Raises ValueError."""
    from PIL import Image  # as above

    try:
        with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
            return image.size
    except (*UNREADABLE, Image.DecompressionBombError):
        raise ValueError("it is not a readable PNG, JPEG or WebP") from None


def eight_bits(image: "Image.Image") -> "Image.Image":
    """The image with its grey levels as bytes: by itself Pillow would make all but the darkest of 16 bits white."""
    from PIL import Image  # as above

    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
