"""What the parent and the parsing child say to each other: limits in, a report out. Standard library only.

Every sentence people may read is in this file, marked for translation; whoever shows it passes `gettext` in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

KINDS = ("text", "csv", "jsonl", "parquet", "images", "audio")
"""The kinds of data a dataset version can hold."""

MAX_REPORT_BYTES = 8 * MIB
"""A longer answer from the child is junk."""

CELL_CHARS = 300
"""Examples and values shown in messages are cut here."""


def gettext_noop(message: str) -> str:
    """Mark a sentence for translation and return it unchanged (the name is one that makemessages looks for)."""
    return message


N_ = gettext_noop


@dataclass(frozen=True)
class Limits:
    """Every bound of the ingest, as data. Sizes in bytes, times in seconds; names carry the unit."""

    max_bytes: int = 2 * GIB  # of the uploaded file
    max_rows: int = 5_000_000
    max_columns: int = 2_000
    max_name_chars: int = 200  # of a column name
    max_field_bytes: int = 1 * MIB  # of one cell
    max_line_bytes: int = 1 * MIB  # of one physical line
    max_depth: int = 32  # of nesting in one JSON line
    max_members: int = 20_000  # of a zip
    max_directory_bytes: int = 16 * MIB  # of a zip's list of members
    max_total_uncompressed_bytes: int = 2 * GIB
    max_image_bytes: int = 64 * MIB
    max_pixels: int = 40_000_000  # of one image
    max_recording_bytes: int = 256 * 1000 * 1000  # as much as the engine unpacks
    max_recording_s: int = 600
    max_recording_values: int = 60_000_000  # of all channels
    max_recording_channels: int = 8
    min_recording_rate: int = 4_000  # values a second
    max_recording_rate: int = 192_000
    max_ratio: int = 100  # unpacked : packed, looked at from 1 MiB up
    wall_s: float = 120.0
    cpu_s: int = 60
    memory_bytes: int = 1536 * MIB  # address space of the child
    max_open_files: int = 64

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ValueError(f"limit {one.name} must be a number above 0")

    def to_dict(self) -> dict[str, Any]:
        """All limits as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Limits:
        """Build from JSON values; missing ones keep their default. Raises ValueError for a name that is no limit."""
        unknown = sorted(set(values) - {one.name for one in fields(cls)})
        if unknown:
            raise ValueError(f"unknown limits: {', '.join(unknown)}")
        return cls(**values)


# --- what can be said -------------------------------------------------------------------------------------------------

FORMATS: dict[str, str] = {
    "text": gettext_noop("a plain text file"),
    "csv": gettext_noop("a table in CSV"),
    "jsonl": gettext_noop("JSON lines"),
    "json": gettext_noop("one JSON document"),
    "zip": gettext_noop("a zip archive"),
    "png": gettext_noop("a PNG image"),
    "jpeg": gettext_noop("a JPEG image"),
    "webp": gettext_noop("a WebP image"),
    "gif": gettext_noop("a GIF image"),
    "tiff": gettext_noop("a TIFF image"),
    "bmp": gettext_noop("a BMP image"),
    "heic": gettext_noop("a HEIC image"),
    "svg": gettext_noop("an SVG drawing"),
    "html": gettext_noop("a web page (HTML)"),
    "pdf": gettext_noop("a PDF document"),
    "postscript": gettext_noop("a PostScript document"),
    "rtf": gettext_noop("an RTF document"),
    "office": gettext_noop("an office document"),
    "xlsx": gettext_noop("an Excel workbook"),
    "docx": gettext_noop("a Word document"),
    "pptx": gettext_noop("a PowerPoint presentation"),
    "executable": gettext_noop("a program"),
    "parquet": gettext_noop("a Parquet file"),
    "arrow": gettext_noop("an Arrow or Feather file"),
    "hdf5": gettext_noop("an HDF5 file"),
    "sqlite": gettext_noop("an SQLite database"),
    "safetensors": gettext_noop("a file of model weights (safetensors)"),
    "gzip": gettext_noop("a gzip-compressed file"),
    "bzip2": gettext_noop("a bzip2-compressed file"),
    "xz": gettext_noop("an xz-compressed file"),
    "zstd": gettext_noop("a zstd-compressed file"),
    "zlib": gettext_noop("a zlib-compressed file"),
    "tar": gettext_noop("a tar archive"),
    "7z": gettext_noop("a 7z archive"),
    "rar": gettext_noop("a RAR archive"),
    "audio": gettext_noop("an audio file"),
    "video": gettext_noop("a video file"),
    "pickle": gettext_noop("a Python pickle"),
    "torch": gettext_noop("a PyTorch file"),
    "numpy": gettext_noop("a NumPy file"),
    "binary": gettext_noop("a binary file of an unknown kind"),
}
"""Names of formats inside sentences. Parameters called `what` or `claimed` hold a key of this table."""

_AGAIN = gettext_noop("Make the zip again from the plain files and upload it.")
_UTF8 = gettext_noop("Save the file as UTF-8 and upload it again.")
OF_ONE: dict[str, tuple[str, str]] = {
    "ragged_row": (
        "found",
        gettext_noop("Row {row} has {found} cell where the header has {expected} (line {line})."),
    ),
}
"""What is said where the parameter named counts just one; beside it stands the sentence for all other numbers."""

_ACCEPTED = gettext_noop(
    "Accepted are plain text, CSV, JSON lines, Parquet, and a zip of PNG, JPEG or WebP images, or of WAV or FLAC "
    "recordings."
)

MESSAGES: dict[str, tuple[str, str]] = {
    # kind
    "wrong_extension": (
        gettext_noop("The name ends in {extension}, but the content is {what}."),
        gettext_noop("Upload the file it claims to be, or give it its true name if that kind is accepted."),
    ),
    "wrong_kind": (
        gettext_noop("You chose {claimed}, but the content is {what}."),
        gettext_noop("Choose the kind the file really has, or upload the right file."),
    ),
    "pickle": (
        gettext_noop("This is a Python pickle. Opening one can run any program, so pickles are never opened here."),
        gettext_noop("Write your data as CSV, JSON lines or plain text and upload that."),
    ),
    "torch_model": (
        gettext_noop("This is a PyTorch file. It holds a pickle, and pickles are never opened here."),
        gettext_noop("Data: write it as CSV, JSON lines or images. Weights: save them as safetensors."),
    ),
    "numpy_array": (
        gettext_noop("This is a NumPy file, which can hold a pickle; it is not opened here."),
        gettext_noop("Write the array as CSV, or as images in a zip."),
    ),
    "html": (
        gettext_noop("This is {what}, not data."),
        gettext_noop("Often a sign-in or error page was saved instead of the file; download the data again."),
    ),
    "document": (
        gettext_noop("This is {what}, which cannot be read as data."),
        gettext_noop("Copy the text into a plain text file in UTF-8 and upload that."),
    ),
    "office": (
        gettext_noop("This is {what}, which cannot be read as data."),
        gettext_noop("Save the sheet as “CSV UTF-8”, or the document as plain text, and upload that."),
    ),
    "executable": (
        gettext_noop("This is a program, not data."),
        _ACCEPTED,
    ),
    "image_alone": (
        gettext_noop("This is {what} alone."),
        gettext_noop("Put your images into folders named for their labels, zip the folders, and upload the zip."),
    ),
    "arrow": (
        gettext_noop("This is {what}, which is not accepted yet."),
        gettext_noop("Write the table as Parquet, CSV or JSON lines and upload that."),
    ),
    "compressed": (
        gettext_noop("This is {what}."),
        gettext_noop("Unpack it and upload the file inside."),
    ),
    "archive": (
        gettext_noop("This is {what}."),
        gettext_noop("Unpack it. Images go into a zip; a table or a text is uploaded as it is."),
    ),
    "weights": (
        gettext_noop("This is {what}, not a dataset."),
        gettext_noop("Models are registered on the models page, not uploaded as data."),
    ),
    "not_accepted": (
        gettext_noop("This is {what}, which is not accepted."),
        _ACCEPTED,
    ),
    "binary": (
        gettext_noop("This is a binary file of a kind not known here."),
        _ACCEPTED,
    ),
    "json_document": (
        gettext_noop("This is one JSON document, not JSON lines."),
        gettext_noop("Write one object per line, without a list around them and without line breaks inside."),
    ),
    "polyglot": (
        gettext_noop("This file is two things at once: {what}, and a zip archive behind it."),
        _AGAIN,
    ),
    # size
    "empty": (
        gettext_noop("The file is empty."),
        gettext_noop("Check the file on your side and upload it again."),
    ),
    "too_big": (
        gettext_noop("The file has {size_bytes}; at most {limit_bytes} are accepted."),
        gettext_noop("Split the data into several datasets, or ask the platform to raise the limit."),
    ),
    "too_many_rows": (
        gettext_noop("There are more than {limit} rows."),
        gettext_noop("Split the data into several datasets, or ask the platform to raise the limit."),
    ),
    "too_many_columns": (
        gettext_noop("There are more than {limit} columns."),
        gettext_noop("Keep the columns you need, and check that the right character separates them."),
    ),
    "line_too_long": (
        gettext_noop("Line {line} is longer than {limit_bytes}."),
        gettext_noop("Break the text into lines, for example one paragraph per line."),
    ),
    "field_too_big": (
        gettext_noop("A cell in row {row} is larger than {limit_bytes}."),
        gettext_noop("Shorten the cell or split it over several rows."),
    ),
    "name_too_long": (
        gettext_noop("The name of column {column} has more than {limit} characters."),
        gettext_noop("Give the column a short name. Perhaps the file has no header row."),
    ),
    "name_characters": (
        gettext_noop("The name of column {column} contains line breaks or characters one cannot see."),
        gettext_noop("Give the column a plain name."),
    ),
    # text
    "utf16": (
        gettext_noop("The text is encoded as {encoding}."),
        _UTF8,
    ),
    "not_utf8": (
        gettext_noop("Line {line} is not valid UTF-8 (byte {offset} of the file)."),
        _UTF8,
    ),
    "legacy_encoding": (
        gettext_noop("Line {line} is not valid UTF-8 (byte {offset} of the file); it looks like {guess}."),
        _UTF8,
    ),
    "mixed_encoding": (
        gettext_noop("The file begins in UTF-8, but line {line} is in another encoding (byte {offset} of the file)."),
        gettext_noop("The file was probably joined from several. Convert each part to UTF-8 and join them again."),
    ),
    "cut_character": (
        gettext_noop("The file ends in the middle of a character (line {line})."),
        gettext_noop("It was probably cut off; export or upload it again."),
    ),
    "nul_character": (
        gettext_noop("Line {line} contains a NUL character."),
        gettext_noop("Remove it; it often comes from a broken copy or a fixed-width export."),
    ),
    "only_blank": (
        gettext_noop("The file holds only blank lines."),
        gettext_noop("Check the file on your side and upload it again."),
    ),
    # Parquet
    "parquet_cut": (
        gettext_noop("The file begins as Parquet, but its end is missing."),
        gettext_noop("It was probably cut off; export or upload it again."),
    ),
    "parquet_damaged": (
        gettext_noop("The file is Parquet, but damaged or encrypted: it cannot be read to its end."),
        gettext_noop("Write the table again, without encryption, and upload that."),
    ),
    "parquet_column": (
        gettext_noop("The column “{column}” holds {what_type}; a column holds texts, numbers, times or yes and no."),
        gettext_noop("Leave the column out. A list or a record becomes several columns, and files go into a zip."),
    ),
    "parquet_nameless": (
        gettext_noop("Column {column} has no name."),
        gettext_noop("Name every column."),
    ),
    "parquet_nul": (
        gettext_noop("Row {row} contains a NUL character in “{column}”."),
        gettext_noop("Remove it; it often comes from a broken copy or a fixed-width export."),
    ),
    "parquet_word": (
        gettext_noop("Row {row} names a value of “{column}” that is not in the list of its values."),
        gettext_noop("The file is damaged: write the table again and upload that."),
    ),
    "parquet_unpacked": (
        gettext_noop("The rows of this file have more than {limit_bytes} when unpacked."),
        gettext_noop("Split the data into several datasets, or leave columns out."),
    ),
    # tables
    "no_rows": (
        gettext_noop("There is a header, but no row below it."),
        gettext_noop("Add the data below the header and upload the file again."),
    ),
    "header_empty": (
        gettext_noop("Column {column} has no name in the header row."),
        gettext_noop("Name every column; remove a stray separator at the end of the first line."),
    ),
    "header_duplicate": (
        gettext_noop("The column name “{name}” appears twice in the header (columns {first} and {column})."),
        gettext_noop("Give every column its own name."),
    ),
    "ragged_row": (
        gettext_noop("Row {row} has {found} cells where the header has {expected} (line {line})."),
        gettext_noop("Put text that contains the separator in double quotes, or mend this row."),
    ),
    "unclosed_quote": (
        gettext_noop("A double quote opened in row {row} is never closed (line {line})."),
        gettext_noop("Close it, or write a double quote inside quoted text twice."),
    ),
    "stray_quote": (
        gettext_noop("In row {row} there is text right behind a closing double quote (line {line})."),
        gettext_noop("Write a double quote inside quoted text twice."),
    ),
    "json_invalid": (
        gettext_noop("Line {line} is not valid JSON, from character {character} on."),
        gettext_noop("Every line must be one complete JSON object."),
    ),
    "json_not_object": (
        gettext_noop("Line {line} is valid JSON, but not an object."),
        gettext_noop('Every line must be an object such as {{"text": "…", "label": "…"}}.'),
    ),
    "json_too_deep": (
        gettext_noop("Line {line} is nested deeper than {limit} levels."),
        gettext_noop("Flatten the objects before uploading."),
    ),
    "json_duplicate_key": (
        gettext_noop("Line {line} has the key “{name}” twice."),
        gettext_noop("Give every key of an object once."),
    ),
    "json_not_finite": (
        gettext_noop("Line {line} has a number that is not finite ({value})."),
        gettext_noop("Write null where a number is unknown."),
    ),
    "json_number_too_big": (
        gettext_noop("Line {line} has a whole number too large to be kept exactly."),
        gettext_noop("Write identifiers as text, in double quotes."),
    ),
    "json_bad_character": (
        gettext_noop("Line {line} has text with half of a character pair (a lone surrogate)."),
        gettext_noop("The text was cut in the middle of a character; export the data again."),
    ),
    "json_line_ends": (
        gettext_noop("Lines end in a carriage return alone."),
        gettext_noop("End every line with a line feed (LF), as programs of today do."),
    ),
    "no_keys": (
        gettext_noop("Every line is an empty object."),
        gettext_noop('Write objects such as {{"text": "…", "label": "…"}}, one per line.'),
    ),
    "json_empty_key": (
        gettext_noop("Line {line} has a key without a name."),
        gettext_noop("Name every key."),
    ),
    # zip
    "zip_truncated": (
        gettext_noop("The zip is cut off: its list of files is missing."),
        gettext_noop("Upload it again; if that does not help, make the zip again."),
    ),
    "zip_corrupt": (
        gettext_noop("The zip is damaged: its list of files does not hold together."),
        _AGAIN,
    ),
    "zip_member_corrupt": (
        gettext_noop("The file “{member}” in the zip is damaged."),
        _AGAIN,
    ),
    "zip_data_before": (
        gettext_noop("There is other data before the first file of the zip."),
        _AGAIN,
    ),
    "zip_data_after": (
        gettext_noop("There is other data behind the end of the zip."),
        _AGAIN,
    ),
    "zip_hidden_data": (
        gettext_noop("There is data in the zip that belongs to none of its files."),
        _AGAIN,
    ),
    "zip_encrypted": (
        gettext_noop("The file “{member}” in the zip is encrypted."),
        gettext_noop("Make the zip again without a password."),
    ),
    "zip_method": (
        gettext_noop("The file “{member}” in the zip is packed with a method that is not accepted."),
        gettext_noop("Make the zip again with the usual method (deflate), or without compression."),
    ),
    "zip_too_many_members": (
        gettext_noop("The zip holds {found} files; at most {limit} are accepted."),
        gettext_noop("Split the images into several datasets, or ask the platform to raise the limit."),
    ),
    "zip_directory_too_big": (
        gettext_noop("The zip's list of files takes {size_bytes}; at most {limit_bytes} are accepted."),
        gettext_noop("Use shorter file names, or split the images into several datasets."),
    ),
    "zip_too_large": (
        gettext_noop("Unpacked, the zip would take {size_bytes}; at most {limit_bytes} are accepted."),
        gettext_noop("Make the images smaller, or split them into several datasets."),
    ),
    "zip_bomb": (
        gettext_noop("“{member}” would unpack to {ratio} times its size, which real images never do."),
        _AGAIN,
    ),
    "zip_header_lies": (
        gettext_noop("What the zip says about “{member}” is not true."),
        _AGAIN,
    ),
    "zip_overlap": (
        gettext_noop("The file “{member}” lies over another one in the zip."),
        _AGAIN,
    ),
    "zip_path_traversal": (
        gettext_noop("The name “{member}” leads out of the zip."),
        gettext_noop("Make the zip again from inside the folder, so that no name contains “..”."),
    ),
    "zip_absolute_path": (
        gettext_noop("The name “{member}” is an absolute path."),
        gettext_noop("Make the zip again from inside the folder, so that names are relative."),
    ),
    "zip_unsafe_name": (
        gettext_noop("The name “{member}” contains characters that are not accepted."),
        gettext_noop("Use letters, digits, spaces, “-”, “_” and “.” in file names, and “/” between folders."),
    ),
    "zip_invisible_name": (
        gettext_noop("The name “{member}” contains an invisible character ({character})."),
        gettext_noop("Rename that file or folder: type its name anew, then make the zip again."),
    ),
    "zip_symlink": (
        gettext_noop("“{member}” is a link, not a file."),
        gettext_noop("Make the zip again with the files themselves."),
    ),
    "zip_special_file": (
        gettext_noop("“{member}” is a device or another special file."),
        gettext_noop("Make the zip again with plain files only."),
    ),
    "zip_setuid": (
        gettext_noop("“{member}” carries rights of another user (setuid or setgid)."),
        gettext_noop("Make the zip again with plain files only."),
    ),
    "zip_nested": (
        gettext_noop("“{member}” is itself {what}."),
        gettext_noop("Unpack it and make one zip of all images."),
    ),
    "zip_duplicate_name": (
        gettext_noop("The name “{member}” is in the zip twice."),
        gettext_noop("Give every file its own name."),
    ),
    "zip_case_collision": (
        gettext_noop("The names “{member}” and “{other}” differ only in upper and lower case or in accents."),
        gettext_noop("Give every file a name that is also different in lower case."),
    ),
    # images
    "no_images": (
        gettext_noop("There is no image in the zip."),
        gettext_noop("A zip must hold PNG, JPEG or WebP images; a table or a text is uploaded without a zip."),
    ),
    "not_an_image": (
        gettext_noop("“{member}” is not an image but {what}."),
        gettext_noop(
            "Take it out of the zip. Accepted are PNG, JPEG and WebP images, and at the top labels.csv, boxes.csv, "
            "captions.csv, annotations.json and classes.txt."
        ),
    ),
    "image_empty": (
        gettext_noop("The file “{member}” in the zip is empty."),
        gettext_noop("Replace it or take it out."),
    ),
    "image_format": (
        gettext_noop("“{member}” is {what}; accepted are PNG, JPEG and WebP."),
        gettext_noop("Convert it to PNG or JPEG."),
    ),
    "image_wrong_extension": (
        gettext_noop("The name “{member}” does not fit its content, which is {what}."),
        gettext_noop("Give the file its true ending."),
    ),
    "image_too_many_pixels": (
        gettext_noop("“{member}” has {width} × {height} pixels; at most {limit} are accepted."),
        gettext_noop("Make the image smaller."),
    ),
    "image_too_big": (
        gettext_noop("“{member}” has more than {limit_bytes}."),
        gettext_noop("Make the image smaller, or save it as JPEG."),
    ),
    "image_truncated": (
        gettext_noop("The image “{member}” is cut off."),
        gettext_noop("Replace it by a whole one or take it out."),
    ),
    "image_corrupt": (
        gettext_noop("The image “{member}” is damaged."),
        gettext_noop("Open it, save it again, and make the zip again."),
    ),
    "image_trailing_data": (
        gettext_noop("There is other data behind the end of the image “{member}”."),
        gettext_noop("Open the image, save it again, and make the zip again."),
    ),
    "image_animated": (
        gettext_noop("The image “{member}” has several frames."),
        gettext_noop("Save each frame as its own image."),
    ),
    "images_layout": (
        gettext_noop("“{member}” lies deeper than one folder, so its label is not clear."),
        gettext_noop(
            "Use one folder per label, all at the top or in one common folder. Parts such as “train” and “test” "
            "are chosen when training. Or name the labels in labels.csv at the top."
        ),
    ),
    "labels_columns": (
        gettext_noop("labels.csv needs the columns “file” and “label”."),
        gettext_noop("Write “file,label” in the first line of labels.csv."),
    ),
    "labels_unknown_file": (
        gettext_noop("Row {row} of labels.csv names “{name}”, which is no image in the zip."),
        gettext_noop("Names in labels.csv are relative to its folder and must match exactly."),
    ),
    "labels_duplicate_file": (
        gettext_noop("Row {row} of labels.csv names “{name}” a second time."),
        gettext_noop("Give every image one label."),
    ),
    "labels_empty": (
        gettext_noop("Row {row} of labels.csv has no label for “{name}”."),
        gettext_noop("Fill in the label, or remove the row to keep the image without one."),
    ),
    "mask_missing": (
        gettext_noop("“{member}” has no mask."),
        gettext_noop("Put a mask of the same name into the folder masks, or take the image out."),
    ),
    "mask_alone": (
        gettext_noop("There is no image for the mask “{member}”."),
        gettext_noop("Put an image of the same name into the folder images, or take the mask out."),
    ),
    "mask_colours": (
        gettext_noop("“{member}” holds colours; the pixels of a mask are numbers of classes."),
        gettext_noop("Save it as a PNG of one channel or with a palette; 255 means that a pixel has no class."),
    ),
    "list_not_utf8": (
        gettext_noop("“{member}” is not UTF-8 text."),
        gettext_noop("Save it as UTF-8."),
    ),
    "boxes_columns": (
        gettext_noop("boxes.csv needs the columns file, label, x, y, width and height."),
        gettext_noop("Write “file,label,x,y,width,height” in its first line; x and y are left and top, in pixels."),
    ),
    "boxes_unknown_file": (
        gettext_noop("Row {row} of boxes.csv names “{name}”, which is no image in the zip."),
        gettext_noop("Names in boxes.csv are relative to its folder, or to the folder images beside it."),
    ),
    "boxes_row": (
        gettext_noop("Row {row} of boxes.csv has no label, or its box is not four numbers with an area."),
        gettext_noop("Give every box a label, a place and a size in pixels."),
    ),
    "captions_columns": (
        gettext_noop("captions.csv needs the columns file and text."),
        gettext_noop("Write “file,text” in the first line of captions.csv."),
    ),
    "captions_unknown_file": (
        gettext_noop("Row {row} of captions.csv names “{name}”, which is no image in the zip."),
        gettext_noop("Names in captions.csv are relative to its folder, or to the folder images beside it."),
    ),
    "captions_empty": (
        gettext_noop("Row {row} of captions.csv has no text."),
        gettext_noop("Give every image in the table a text, or remove the row."),
    ),
    "boxes_json": (
        gettext_noop("annotations.json does not have the form of COCO."),
        gettext_noop("It is an object with the lists images, annotations and categories."),
    ),
    "boxes_image": (
        gettext_noop("annotations.json lists “{name}”, which is no image in the zip."),
        gettext_noop("Names in it are relative to its folder, or to the folder images beside it."),
    ),
    "boxes_id": (
        gettext_noop("annotations.json gives the id {id} to “{first}” and to “{second}”."),
        gettext_noop("Give each image, and each category, an id of its own. Joined files often need new ids."),
    ),
    "label_too_long": (
        gettext_noop("The label “{name}” has more than {limit} characters."),
        gettext_noop("Give labels short names."),
    ),
    # recordings
    "not_a_recording": (
        gettext_noop("“{member}” is not a recording but {what}."),
        gettext_noop(
            "Take it out of the zip. Accepted are WAV and FLAC, and labels.csv and transcripts.csv at the top."
        ),
    ),
    "recording_format": (
        gettext_noop("“{member}” is a recording in a form that is not accepted."),
        gettext_noop("Save it as WAV or FLAC."),
    ),
    "recording_coding": (
        gettext_noop("The values of “{member}” are not whole numbers of 8, 16, 24 or 32 bits."),
        gettext_noop("Save it as plain WAV (PCM) of 16 bits, or as FLAC."),
    ),
    "recording_too_big": (
        gettext_noop("“{member}” has more than {limit_bytes}."),
        gettext_noop("Cut it into pieces, or save it as FLAC."),
    ),
    "recording_too_long": (
        gettext_noop("“{member}” lasts {found} s; at most {limit} s are accepted, and fewer of many channels."),
        gettext_noop("Cut it into pieces."),
    ),
    "recording_rate": (
        gettext_noop("“{member}” has {found} values a second; accepted are {low} to {high}."),
        gettext_noop("Save it with 16,000 values a second (16 kHz)."),
    ),
    "recording_channels": (
        gettext_noop("“{member}” has {found} channels; at most {limit} are accepted."),
        gettext_noop("Mix it down to one or two channels."),
    ),
    "recording_silent": (
        gettext_noop("The recording “{member}” does not say how long it is, or holds no sound."),
        gettext_noop("Save it again with another program, or take it out."),
    ),
    "recording_truncated": (
        gettext_noop("The recording “{member}” is cut off."),
        gettext_noop("Replace it by a whole one or take it out."),
    ),
    "recording_corrupt": (
        gettext_noop("The recording “{member}” is damaged."),
        gettext_noop("Open it, save it again, and make the zip again."),
    ),
    "recording_trailing_data": (
        gettext_noop("There is other data behind the end of the recording “{member}”."),
        gettext_noop("Open the recording, save it again, and make the zip again."),
    ),
    "told_columns": (
        gettext_noop("{member} needs the columns “file” and “{name}”."),
        gettext_noop("Write “file,label” in the first line of labels.csv, and “file,text” in that of transcripts.csv."),
    ),
    "told_unknown_file": (
        gettext_noop("Row {row} of {member} names “{name}”, which is no recording in the zip."),
        gettext_noop("Names are relative to the folder of the table and must match exactly."),
    ),
    "told_twice": (
        gettext_noop("Row {row} of {member} names “{name}” a second time."),
        gettext_noop("Name every recording once."),
    ),
    "told_nothing": (
        gettext_noop("Row {row} of {member} says nothing of “{name}”."),
        gettext_noop("Fill it in, or remove the row to keep the recording without."),
    ),
    "told_too_long": (
        gettext_noop("What row {row} of {member} says of “{name}” has more than {limit} characters, or odd ones."),
        gettext_noop("Shorten it, or cut the recording into pieces."),
    ),
    # the reading itself
    "too_slow": (
        gettext_noop("Reading the file took too long (more than {limit_s} s)."),
        gettext_noop("Upload a smaller file, or split the data into several datasets."),
    ),
    "too_much_memory": (
        gettext_noop("Reading the file needs more memory than a file may take ({limit_bytes})."),
        gettext_noop("Upload a smaller file, or split the data into several datasets."),
    ),
    "parser_died": (
        gettext_noop("The file could not be read; reading it stopped without a result."),
        gettext_noop(
            "The file is probably damaged. Save it again with another program, or ask the platform's support."
        ),
    ),
    "unreadable": (
        gettext_noop("The stored file could not be opened."),
        gettext_noop("Upload it again."),
    ),
}
"""code: (what happened, how to mend it). Templates for str.format with the refusal's parameters and place."""

WARNINGS: dict[str, str] = {
    "one_value": gettext_noop("Column “{column}” has the same value in every row; as a label it teaches nothing."),
    "one_class": gettext_noop("All labelled images have the same label, “{label}”; a classifier needs at least two."),
    "unlabelled": gettext_noop("Images without a label: {count} of {total}."),
    "one_class_of_recordings": gettext_noop(
        "All labelled recordings have the same label, “{label}”; a classifier needs at least two."
    ),
    "unlabelled_recordings": gettext_noop("Recordings without a label: {count} of {total}."),
    "untold_recordings": gettext_noop("Recordings without a transcript: {count} of {total}."),
    "duplicate_recordings": gettext_noop("Recordings that repeat an earlier one byte for byte: {count}."),
    "labels_differ_by_case": gettext_noop(
        "In “{column}” the labels “{first}” and “{second}” differ only in case or spaces."
    ),
    "mixed_types": gettext_noop("Column “{column}” mixes values of different types: {types}."),
    "keys_differ": gettext_noop("Not every line has the same keys; lines with missing keys: {count}."),
    "mostly_missing": gettext_noop("Column “{column}” is empty in {percent} % of the rows."),
    "duplicate_rows": gettext_noop("Rows that repeat an earlier row exactly: {count}."),
    "duplicate_images": gettext_noop("Images that repeat an earlier image byte for byte: {count}."),
    "conflicting_images": gettext_noop("Images that appear under two different labels: {count}."),
    "blank_rows": gettext_noop("Blank rows, left out: {count}."),
    "header_looks_like_data": gettext_noop("The first row looks like data; it was taken as the names of the columns."),
    "quotes_are_letters": gettext_noop("Double quotes do not enclose cells in this file; they were read as letters."),
    "header_spaces": gettext_noop("The column name “{column}” begins or ends with a space."),
    "decimal_comma": gettext_noop("Column “{column}” has decimal commas; it is read as text, not as numbers."),
    "lone_cr": gettext_noop("Lines end in a carriage return alone (old Mac style); each was read as a line break."),
    "control_characters": gettext_noop("The text contains control characters: {count}."),
    "long_lines": gettext_noop("The longest line has {count} characters; training cuts lines into pieces."),
    "ignored_files": gettext_noop("Files left out, such as notes and system files: {count}."),
    "jpeg_extra_data": gettext_noop("Photos that carry a second picture or camera data behind the image: {count}."),
    "names_guessed": gettext_noop("The zip does not say how its file names are encoded; read as {encoding}."),
}
"""code: sentence. A warning never stops an upload."""

_KIND_CODES = frozenset(
    {
        *("wrong_extension", "wrong_kind", "pickle", "torch_model", "numpy_array", "html", "document", "office"),
        *("executable", "image_alone", "arrow", "compressed", "archive", "weights", "not_accepted", "binary"),
        "json_document",
    }
)
_SIZE_CODES = frozenset({"too_big"})
_SYSTEM_CODES = frozenset({"parser_died", "unreadable"})


@dataclass(frozen=True)
class Refusal:
    """Why a file is not accepted, and where: `where` may hold row, line, column (number or name), member, offset."""

    code: str
    params: dict[str, Any] = field(default_factory=dict)
    where: dict[str, Any] = field(default_factory=dict)

    @property
    def category(self) -> str:
        """`kind` (not a kind we take), `size` (too big as a whole), `system` (our side), or `content`."""
        if self.code in _KIND_CODES:
            return "kind"
        if self.code in _SIZE_CODES:
            return "size"
        return "system" if self.code in _SYSTEM_CODES else "content"

    def message(self, translate: Callable[[str], str] = gettext_noop) -> str:
        """What happened, as one sentence."""
        counted, of_one = OF_ONE.get(self.code, ("", ""))
        template = of_one if counted and self.params.get(counted) == 1 else MESSAGES[self.code][0]
        return _say(template, {**self.params, **self.where}, translate)

    def remedy(self, translate: Callable[[str], str] = gettext_noop) -> str:
        """How to mend it, as one or two sentences."""
        return _say(MESSAGES[self.code][1], {**self.params, **self.where}, translate)


@dataclass(frozen=True)
class Notice:
    """Something worth knowing that does not stop the upload."""

    code: str
    params: dict[str, Any] = field(default_factory=dict)

    def message(self, translate: Callable[[str], str] = gettext_noop) -> str:
        """The warning as one sentence."""
        return _say(WARNINGS[self.code], self.params, translate)


class RefusedError(Exception):
    """Raised by a validator at the first fault; carries the Refusal. Never leaves the child."""

    def __init__(self, code: str, *, where: Mapping[str, Any] | None = None, **params: Any) -> None:
        super().__init__(code)
        self.refusal = Refusal(code, params, dict(where or {}))

    def at(self, **where: Any) -> RefusedError:
        """The same refusal with more known about the place; what is already known stays."""
        known = self.refusal
        self.refusal = replace(known, where={**where, **known.where})
        return self


@dataclass(frozen=True)
class Report:
    """The child's answer. `ok` with kind and profile, or a refusal. Peak memory in bytes, time in seconds."""

    ok: bool
    kind: str | None = None
    profile: dict[str, Any] | None = None
    refusal: Refusal | None = None
    warnings: tuple[Notice, ...] = ()
    peak_rss_bytes: int = 0
    seconds: float = 0.0
    confinement: tuple[str, ...] = ()  # what held the child: "memory", "cpu", "no_network", …

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=True, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_dict(cls, values: Any) -> Report:
        """Build from JSON values and check them: the child read a hostile file, so its word is looked at too.

        Raises ValueError for anything a well-behaved child would not say.
        """
        try:
            refusal = values["refusal"] and Refusal(**values["refusal"])
            warnings = tuple(Notice(**one) for one in values["warnings"])
            report = cls(
                **{**values, "refusal": refusal, "warnings": warnings, "confinement": tuple(values["confinement"])}
            )
        except (TypeError, KeyError, AttributeError) as fault:
            raise ValueError("not a report") from fault
        report._check()
        return report

    @classmethod
    def from_json(cls, line: str | bytes) -> Report:
        """Inverse of `to_json`. Raises ValueError."""
        try:
            return cls.from_dict(json.loads(line))
        except RecursionError as fault:
            raise ValueError("not a report") from fault

    def _check(self) -> None:
        if self.ok is True:
            sound = self.kind in KINDS and isinstance(self.profile, dict) and self.refusal is None
        else:
            sound = self.ok is False and self.refusal is not None and self.profile is None
            sound = sound and (self.kind is None or self.kind in KINDS)
        if self.refusal is not None:
            parts = (self.refusal.params, self.refusal.where)
            sound = sound and self.refusal.code in MESSAGES and all(isinstance(one, dict) for one in parts)
        sound = sound and all(one.code in WARNINGS and isinstance(one.params, dict) for one in self.warnings)
        sound = sound and isinstance(self.peak_rss_bytes, int) and isinstance(self.seconds, (int, float))
        if not sound or not _storable(self.to_dict()):
            raise ValueError("not a report")


def _storable(value: Any) -> bool:
    """No NUL and no lone surrogate anywhere: databases refuse both inside JSON."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            if "\0" in one or any("\ud800" <= c <= "\udfff" for c in one):
                return False
        elif isinstance(one, dict):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple)):
            todo += one
    return True


# --- words ------------------------------------------------------------------------------------------------------------


class _Values(dict):
    """Parameters for a template; one that is missing shows as a dash instead of failing."""

    def __missing__(self, key: str) -> str:
        return "–"


def _say(template: str, params: Mapping[str, Any], translate: Callable[[str], str]) -> str:
    shown = _Values()
    for name, value in params.items():
        if name in {"what", "claimed"} and value in FORMATS:
            shown[name] = translate(FORMATS[value])
        elif name.endswith("_bytes") and isinstance(value, (int, float)):
            shown[name] = human_bytes(value)
        elif isinstance(value, str):
            shown[name] = clean(value, 120)
        else:
            shown[name] = value
    return translate(template).format_map(shown)


def human_bytes(size_bytes: float) -> str:
    """A size for people: 532 bytes, 1 MiB, 1.5 GiB."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{int(size_bytes)} bytes"


_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_UNSHOWN_IN_CELLS = re.compile(_UNSHOWN.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def clean(value: str, chars: int = CELL_CHARS) -> str:
    """Text from a file made safe to show on one line: no control or direction-changing characters, cut at `chars`."""
    return _cut(_UNSHOWN.sub("\ufffd", value[: chars + 1]), chars)


def excerpt(value: str, chars: int = CELL_CHARS) -> str:
    """Like `clean` for an example cell: line breaks and tabs stay."""
    return _cut(_UNSHOWN_IN_CELLS.sub("\ufffd", value[: chars + 1].replace("\r\n", "\n")), chars)


def _cut(value: str, chars: int) -> str:
    return value if len(value) <= chars else value[: chars - 1] + "…"
