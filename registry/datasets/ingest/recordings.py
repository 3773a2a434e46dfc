"""Reads a zip of recordings: every WAV and FLAC walked through, labels from folders or labels.csv, texts from
transcripts.csv.

Called in the child. What is said here is read from headers and from how chunks and frames lie; the sound itself is
unpacked only when a model learns from it.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from .archive import Member, Zip
from .contract import KIB, MIB, Limits, Notice, RefusedError, clean, excerpt
from .images import CLASSES_SHOWN, LABELS_FILE, NOTES, base_name, common_top, is_junk, member_format, whole_member
from .lines import LineReader, Progress
from .sniff import DANGEROUS, NESTED, wide_encoding
from .stats import LABEL_CHARS, Distinct, Lengths, Repeats, Sample, differing_by_case
from .tables import CsvRows, find_delimiter

Found = tuple[dict[str, Any], list[Notice]]

TRANSCRIPTS_FILE = "transcripts.csv"
TRANSCRIPT_CHARS = 10_000
_ENDINGS = {"wav": ".wav", "flac": ".flac"}
_FORMATS = {"wav": "WAV", "flac": "FLAC"}
_WIDTHS = (8, 16, 24, 32)
_STREAM_INFO = 34


def holds_recordings(archive: Zip) -> bool:
    """Whether recordings are in a zip, and no images."""
    kinds = {member_format(archive, one) for one in archive.members if not one.is_folder and not is_junk(one.name)}
    return "audio" in kinds and not kinds & {"png", "jpeg", "webp"}


class Contents:
    """The members of a zip as recordings, their tables and what is left out. Raises RefusedError for anything else."""

    def __init__(self, archive: Zip) -> None:
        self.sounds: list[tuple[Member, str]] = []
        self.ignored = 0
        others: list[tuple[Member, str]] = []
        tables: dict[str, list[Member]] = {LABELS_FILE: [], TRANSCRIPTS_FILE: []}
        for member in archive.members:
            if member.is_folder:
                continue
            what, name = member_format(archive, member), base_name(member.name)
            if is_junk(member.name) and what not in DANGEROUS | NESTED:
                self.ignored += 1
            elif what == "audio":
                self.sounds.append((member, _form(archive, member)))
            elif what == "text" and NOTES.fullmatch(name):
                self.ignored += 1
            elif what == "text" and name.lower() in tables:
                tables[name.lower()].append(member)
            else:
                others.append((member, what))
        _refuse(others)
        found = [one for rows in tables.values() for one in rows]
        names = [one.name for one, _ in self.sounds]
        # Both tables lie at the same top, so one of them says where it is.
        self.top = common_top(names, [one.name for one in found][:1])
        self.labels, self.transcripts = (self._table(tables[name], name) for name in tables)

    def _table(self, found: list[Member], name: str) -> Member | None:
        for member in found:
            if member.name.lower() != f"{self.top}{name}".lower():
                raise RefusedError("not_a_recording", what="csv", where=member.where)
        return found[0] if found else None


def _refuse(others: list[tuple[Member, str]]) -> None:
    """The worst first: what must never be opened, then an archive, then the first stranger."""
    for member, what in sorted(others, key=lambda one: (one[1] != "pickle", one[1] not in NESTED)):
        if what == "pickle":
            raise RefusedError("pickle", where=member.where)
        if what in NESTED:
            raise RefusedError("zip_nested", what=what, where=member.where)
        if what == "empty":
            raise RefusedError("image_empty", where=member.where)
        raise RefusedError("not_a_recording", what=what, where=member.where)


def _form(archive: Zip, member: Member) -> str:
    """wav or flac, by content and by name alike. Raises RefusedError for other recordings."""
    head = archive.head(member, 12)
    what = "flac" if head.startswith(b"fLaC") else "wav" if head[:4] == b"RIFF" and head[8:] == b"WAVE" else ""
    if not what:
        raise RefusedError("recording_format", where=member.where)
    if not member.name.lower().endswith(_ENDINGS[what]):
        raise RefusedError("image_wrong_extension", what="audio", where=member.where)
    return what


# --- the survey -------------------------------------------------------------------------------------------------------


def survey(archive: Zip, contents: Contents, limits: Limits, progress: Progress | None = None) -> Found:
    """The profile of a zip of recordings and its warnings. Raises RefusedError at the first fault."""
    labels, source = _labels(archive, contents, limits)
    texts = _table(archive, contents, contents.transcripts, "text", TRANSCRIPT_CHARS, limits)
    speakers = _table(archive, contents, contents.transcripts, "speaker", LABEL_CHARS, limits, needed=False)
    counts = _Counts()
    for member, what in contents.sounds:
        if progress:
            progress(member.offset)
        seen = inspect_recording(archive, member, what, limits)
        counts.add(member, labels.get(member.name), texts.get(member.name), speakers.get(member.name), seen)
    return _profile(archive, contents, counts, source), _warnings(archive, contents, counts)


class _Told:
    """What a table tells of recordings in one column."""

    def __init__(self) -> None:
        self.present = 0
        self.lengths = Lengths()
        self.distinct = Distinct()

    def add(self, value: str) -> None:
        self.present += 1
        self.lengths.add([len(value)])
        self.distinct.add([value], len(value))


class _Counts:
    def __init__(self) -> None:
        self.classes: Counter[str] = Counter()
        self.letters: set[str] = set()
        self.texts, self.speakers = _Told(), _Told()
        self.total = 0
        self.seconds: list[float] = []
        self.rates: Counter[str] = Counter()
        self.channels: Counter[str] = Counter()
        self.formats: Counter[str] = Counter()
        self.lengths = Lengths()
        self.repeats = Repeats()
        self.examples = Sample()

    def add(
        self, member: Member, label: str | None, text: str | None, speaker: str | None, seen: dict[str, Any]
    ) -> None:
        self.total += 1
        if label is not None:
            self.classes[label] += 1
        if text is not None:
            self.letters |= set(text) - set(" \t\r\n")
            self.texts.add(text)
        if speaker is not None:
            self.speakers.add(speaker)
        self.seconds.append(seen["seconds"])
        self.rates[str(seen["rate"])] += 1
        self.channels[str(seen["channels"])] += 1
        self.formats[seen["format"]] += 1
        self.lengths.add([round(10 * seen["seconds"])])
        self.repeats.add(seen["key"])
        if self.examples.wants():
            told = {"label": label, "text": None if text is None else excerpt(text), "speaker": speaker}
            self.examples.put({"file": clean(member.name)} | {name: one for name, one in told.items() if one})


def _profile(archive: Zip, contents: Contents, counts: _Counts, source: str) -> dict[str, Any]:
    columns = []
    if counts.classes:
        lengths = Lengths()
        for label, count in counts.classes.items():
            lengths.add([len(label)] * count)
        columns.append(_column("label", "category", counts, counts.classes.total(), lengths, len(counts.classes)))
    for name, kind, told in (("text", "text", counts.texts), ("speaker", "category", counts.speakers)):
        if told.present:
            column = _column(name, kind, counts, told.present, told.lengths, told.distinct.count)
            columns.append(column | {"distinct_more": told.distinct.more})
    return {
        "kind": "audio",
        "rows": counts.total,
        "columns": columns,
        "label_candidates": ["label"] if len(counts.classes) > 1 else [],
        "classes": {"label": dict(counts.classes.most_common(CLASSES_SHOWN))} if counts.classes else {},
        "audio": {
            "seconds": [min(counts.seconds), max(counts.seconds)],
            "total_seconds": round(sum(counts.seconds), 1),
            "rates": dict(counts.rates),
            "channels": dict(counts.channels),
            "formats": dict(counts.formats),
            "labels_from": source,
            "top": contents.top,
            "labels_file": contents.labels.name if contents.labels else None,
            "transcripts_file": contents.transcripts.name if contents.transcripts else None,
            "transcribed": counts.texts.present,
            "characters": len(counts.letters),
        },
        "lengths": {"unit": "tenths of a second", **counts.lengths.histogram()},
        "examples": counts.examples.things(),
        "encoding": archive.name_encoding,
    }


def _column(name: str, kind: str, counts: _Counts, present: int, lengths: Lengths, distinct: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "distinct": distinct,
        "distinct_more": False,
        "missing": counts.total - present,
        "min_chars": lengths.low or 0,
        "mean_chars": lengths.mean,
        "p95_chars": lengths.quantile(0.95),
        "max_chars": lengths.high,
    }


def _warnings(archive: Zip, contents: Contents, counts: _Counts) -> list[Notice]:
    found = []
    without_label, without_text = counts.total - counts.classes.total(), counts.total - counts.texts.present
    if without_label and (counts.classes or not contents.transcripts):
        found.append(Notice("unlabelled_recordings", {"count": without_label, "total": counts.total}))
    if without_text and contents.transcripts:
        found.append(Notice("untold_recordings", {"count": without_text, "total": counts.total}))
    if len(counts.classes) == 1:
        found.append(Notice("one_class_of_recordings", {"label": clean(next(iter(counts.classes)))}))
    pair = differing_by_case(counts.classes)
    if pair:
        words = {"column": "label", "first": clean(pair[0]), "second": clean(pair[1])}
        found.append(Notice("labels_differ_by_case", words))
    for code, count in (("duplicate_recordings", counts.repeats.count), ("ignored_files", contents.ignored)):
        if count:
            found.append(Notice(code, {"count": count}))
    if archive.name_encoding != "utf-8":
        found.append(Notice("names_guessed", {"encoding": archive.name_encoding}))
    return found


# --- labels and transcripts -------------------------------------------------------------------------------------------


def _labels(archive: Zip, contents: Contents, limits: Limits) -> tuple[dict[str, str], str]:
    """Label by member name, and where the labels come from: table, folders or none.

    Beside transcripts folders are only where recordings lie, when they are deeper than one.
    """
    if contents.labels is not None:
        return _table(archive, contents, contents.labels, "label", LABEL_CHARS, limits), "table"
    found: dict[str, str] = {}
    for member, _ in contents.sounds:
        folder = member.name.removeprefix(contents.top).rpartition("/")[0]
        if "/" in folder and contents.transcripts is not None:
            return {}, "none"
        if "/" in folder:
            raise RefusedError("images_layout", where=member.where)
        if len(folder) > LABEL_CHARS:
            raise RefusedError("label_too_long", name=clean(folder), limit=LABEL_CHARS, where=member.where)
        if folder:
            found[member.name] = folder
    return found, "folders" if found else "none"


def _table(
    archive: Zip,
    contents: Contents,
    table: Member | None,
    column: str,
    most_chars: int,
    limits: Limits,
    *,
    needed: bool = True,
) -> dict[str, str]:
    """What a table with the columns file and `column` tells of members; others are left alone.

    Faults carry its name and the row. `needed`: that the column is there, and tells something in each row.
    """
    if table is None:
        return {}
    if table.size_bytes > 64 * MIB:
        raise RefusedError("recording_too_big", limit_bytes=64 * MIB, where=table.where)
    data = b"".join(archive.read(table, table.size_bytes))
    names = {member.name for member, _ in contents.sounds}
    try:
        encoding = wide_encoding(data[: 4 * KIB])
        if encoding:
            raise RefusedError("utf16", encoding=encoding)
        return dict(_rows(data, contents.top, names, column, most_chars, limits, needed))
    except RefusedError as fault:
        raise fault.at(**table.where) from None


def _rows(
    data: bytes, top: str, names: set[str], column: str, most_chars: int, limits: Limits, needed: bool
) -> Iterator[tuple[str, str]]:
    delimiter = find_delimiter(data[: 64 * KIB].decode("utf-8-sig", "replace"))[0]
    rows = CsvRows(LineReader(io.BytesIO(data), limits), delimiter, limits)
    header = [name.strip().lower() for name in rows.header()]
    if column not in header and not needed:
        return
    if not {"file", column} <= set(header):
        raise RefusedError("told_columns", name=column, where={"row": rows.row})
    file_at, told_at = header.index("file"), header.index(column)
    seen: set[str] = set()
    for row in rows:
        file, told = row[file_at].strip(), row[told_at].strip()
        if top + file not in names:
            raise RefusedError("told_unknown_file", name=clean(file), where=rows.where)
        if file in seen:
            raise RefusedError("told_twice", name=clean(file), where=rows.where)
        if not told and not needed:
            continue
        if not told:
            raise RefusedError("told_nothing", name=clean(file), where=rows.where)
        if len(told) > most_chars or (column != "text" and clean(told) != told):
            raise RefusedError("told_too_long", name=clean(file), limit=most_chars, where=rows.where)
        seen.add(file)
        yield top + file, told


# --- one recording ----------------------------------------------------------------------------------------------------


def inspect_recording(archive: Zip, member: Member, what: str, limits: Limits) -> dict[str, Any]:
    """Check one recording. Raises RefusedError with the member."""
    if member.size_bytes > limits.max_recording_bytes:
        raise RefusedError("recording_too_big", limit_bytes=limits.max_recording_bytes, where=member.where)
    data = whole_member(archive, member)
    try:
        rate, channels, frames = _STRUCTURES[what](data)
        _check(rate, channels, frames, limits)
    except RefusedError as fault:
        raise fault.at(**member.where) from None
    return {
        "seconds": round(frames / rate, 3),
        "rate": rate,
        "channels": channels,
        "format": _FORMATS[what],
        "key": int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big"),
    }


def _check(rate: int, channels: int, frames: int, limits: Limits) -> None:
    low, high = limits.min_recording_rate, limits.max_recording_rate
    if not low <= rate <= high:
        raise RefusedError("recording_rate", found=rate, low=low, high=high)
    if not 1 <= channels <= limits.max_recording_channels:
        raise RefusedError("recording_channels", found=channels, limit=limits.max_recording_channels)
    if not frames:
        raise RefusedError("recording_silent")
    if frames > limits.max_recording_s * rate or frames * channels > limits.max_recording_values:
        raise RefusedError("recording_too_long", found=round(frames / rate), limit=limits.max_recording_s)


def _wav(data: bytes) -> tuple[int, int, int]:
    """(values a second, channels, frames) of a WAV: chunks that fit one behind the other, whole numbers, whole."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) + 1:
        raise RefusedError("recording_truncated")
    if data[end:].strip(b"\0"):
        raise RefusedError("recording_trailing_data")
    at, coding, sound = 12, None, None
    while at + 8 <= min(end, len(data)):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if at + length > len(data):
            raise RefusedError("recording_truncated")
        if name == b"fmt " and coding is None and length >= 16:
            coding = struct.unpack_from("<2H2L2H", data, at)
        elif name == b"data" and sound is None:
            sound = length
        at += length + length % 2
    if coding is None or sound is None:
        raise RefusedError("recording_corrupt")
    form, channels, rate, _, block, bits = coding
    if form != 1 or bits not in _WIDTHS:
        raise RefusedError("recording_coding")
    if not channels or block != channels * bits // 8 or sound % block:
        raise RefusedError("recording_corrupt")
    return rate, channels, sound // block


def _flac(data: bytes) -> tuple[int, int, int]:
    """(values a second, channels, frames) of a FLAC: blocks of facts, and behind them the first frame."""
    if len(data) < 8 + _STREAM_INFO:
        raise RefusedError("recording_truncated")
    if data[4] & 0x7F or int.from_bytes(data[5:8], "big") != _STREAM_INFO:
        raise RefusedError("recording_corrupt")
    packed = int.from_bytes(data[18:26], "big")  # 20 bits rate, 3 channels, 5 bits a value, 36 frames
    rate, channels, frames = packed >> 44, (packed >> 41 & 7) + 1, packed & (1 << 36) - 1
    at, last = 4, False
    while not last:
        if at + 4 > len(data):
            raise RefusedError("recording_truncated")
        last = bool(data[at] & 0x80)
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    if at + 2 > len(data):
        raise RefusedError("recording_truncated")
    if data[at] != 0xFF or data[at + 1] & 0xFE != 0xF8:
        raise RefusedError("recording_corrupt")
    return rate, channels, frames


_STRUCTURES: dict[str, Callable[[bytes], tuple[int, int, int]]] = {"wav": _wav, "flac": _flac}
