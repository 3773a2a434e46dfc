"""Reads tables: CSV and JSON lines, row by row, with the place of the first fault. Called in the child."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from .contract import Limits, Notice, RefusedError, clean, excerpt
from .lines import BOM, LineReader, Progress
from .sniff import find_delimiter
from .stats import DISTINCT_KEPT, DISTINCT_KEPT_IN_ALL, Column, Lengths, Repeats, Sample, differing_by_case

_BATCH_ROWS = 1_000
_BATCH_CHARS = 1_000_000
_EXAMPLE_CHARS = 16_000  # of one example row in all
_LABEL_COLUMNS = 50  # whose classes are counted in the profile
_WARNINGS = 50
_EXACT = 2**63
_MAY_HOLD_NUMBERS = frozenset({int, dict, list})
_OF_QUOTES = frozenset({"stray_quote", "unclosed_quote", "ragged_row", "field_too_big"})
_NUMBER_LIKE = re.compile(r"\s*[+-]?\d+(?:[.,]\d+)*\s*", re.ASCII)

Found = tuple[dict[str, Any], list[Notice]]


class Table:
    """What all kinds of table count: columns, lengths of rows, repeats, examples."""

    def __init__(self) -> None:
        self.columns: list[Column] = []
        self.rows = 0
        self.lengths = Lengths()
        self.repeats = Repeats()
        self.examples = Sample()
        self.warnings: list[Notice] = []

    def profile(self, kind: str, reader: LineReader | None) -> dict[str, Any]:
        """The profile that all kinds share; those without lines have no reader of them."""
        labels = [one for one in self.columns if one.is_label_candidate()][:_LABEL_COLUMNS]
        return {
            "kind": kind,
            "rows": self.rows,
            "columns": [one.profile(self.rows) for one in self.columns],
            "label_candidates": [one.name for one in labels],
            "classes": {one.name: one.classes() for one in labels},
            "lengths": {"unit": "characters per row", **self.lengths.histogram()},
            "examples": self.examples.things(),
        } | ({"encoding": reader.encoding} if reader else {})

    def all_warnings(self, reader: LineReader | None) -> list[Notice]:
        """Warnings about the whole and about columns, at most 50."""
        found = list(self.warnings)
        if self.repeats.count:
            found.append(Notice("duplicate_rows", {"count": self.repeats.count}))
        if reader and reader.lone_cr:
            found.append(Notice("lone_cr"))
        for one in self.columns:
            found += _column_warnings(one, self.rows)
        return found[:_WARNINGS]


def _column_warnings(one: Column, rows: int) -> Iterator[Notice]:
    name = clean(one.name)
    if one.present > 1 and one.distinct.count == 1:
        yield Notice("one_value", {"column": name})
    if (rows - one.present) * 2 > rows:
        yield Notice("mostly_missing", {"column": name, "percent": 100 * (rows - one.present) // rows})
    if one.is_mixed:
        yield Notice("mixed_types", {"column": name, "types": ", ".join(sorted(one.types))})
    if one.has_decimal_commas:
        yield Notice("decimal_comma", {"column": name})
    if one.is_label_candidate() and one.type() in ("category", "text", "boolean"):
        pair = differing_by_case(one.classes())
        if pair:
            yield Notice("labels_differ_by_case", {"column": name, "first": clean(pair[0]), "second": clean(pair[1])})


def check_name(name: str, limits: Limits, where: dict[str, Any]) -> None:
    """Refuse the name of a column that is too long, or has characters one cannot see."""
    if len(name) > limits.max_name_chars:
        raise RefusedError("name_too_long", limit=limits.max_name_chars, where=where)
    if clean(name) != name:
        raise RefusedError("name_characters", where=where)


def keep(columns: int) -> int:
    """Different values to keep of each of so many columns."""
    return min(DISTINCT_KEPT, DISTINCT_KEPT_IN_ALL // max(1, columns))


def _example(cells: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    """One row to show: cells cut, and the row cut where it grows too wide."""
    shown: dict[str, Any] = {}
    room = _EXAMPLE_CHARS
    for name, value in cells:
        shown[name] = excerpt(value) if isinstance(value, str) else value
        room -= len(name) + len(shown[name] if isinstance(value, str) else str(value))
        if room < 0:
            break
    return shown


# --- CSV --------------------------------------------------------------------------------------------------------------


def survey_csv(stream: BinaryIO, limits: Limits, progress: Progress | None = None) -> Found:
    """The profile of a CSV and its warnings. Rows in faults count as in a spreadsheet: the header is row 1.

    Cells between tabs are read without quotes where quotes make no sense of them: many programs write them so.
    """
    delimiter = _delimiter(stream)
    try:
        return _survey_csv(stream, limits, progress, delimiter, quotes=True)
    except RefusedError as fault:
        if delimiter != "\t" or fault.refusal.code not in _OF_QUOTES:
            raise
        try:
            return _survey_csv(stream, limits, progress, delimiter, quotes=False)
        except RefusedError as other:
            further = other.refusal.where.get("row", 0) > fault.refusal.where.get("row", 0)
            raise (other if further else fault) from None  # the reading that got further knows what the file is


def _survey_csv(stream: BinaryIO, limits: Limits, progress: Progress | None, delimiter: str, *, quotes: bool) -> Found:
    stream.seek(0)
    lines = LineReader(stream, limits, progress)
    rows = CsvRows(lines, delimiter, limits, quotes=quotes)
    table = Table()
    header = rows.header()
    table.columns = [Column(name, keep(len(header)), watch_commas=delimiter != ",") for name in header]
    batch: list[list[str]] = []
    lengths: list[int] = []
    room = _BATCH_CHARS
    for row in rows:
        length = sum(map(len, row))
        if length * 4 > limits.max_field_bytes:
            rows.check_cells(row)
        batch.append(row)
        lengths.append(length)
        room -= length
        if len(batch) >= _BATCH_ROWS or room < 0:
            add_rows(table, batch, lengths)
            batch, lengths, room = [], [], _BATCH_CHARS
            if table.rows > limits.max_rows:
                break
    add_rows(table, batch, lengths)
    if table.rows > limits.max_rows:
        raise RefusedError("too_many_rows", limit=limits.max_rows)
    if not table.rows:
        raise RefusedError("no_rows")
    table.warnings = _csv_warnings(table.columns, rows)
    return {**table.profile("csv", lines), "delimiter": delimiter, "quotes": quotes}, table.all_warnings(lines)


def _delimiter(stream: BinaryIO) -> str:
    stream.seek(0)
    head = stream.read(64 * 1024).removeprefix(BOM)
    end = max(head.rfind(b"\n"), head.rfind(b"\r"))
    return find_delimiter(head[: end + 1 if end > 0 else None].decode("utf-8", "replace"))[0]


def add_rows(table: Table, batch: list[list[str]], lengths: list[int]) -> None:
    """Count rows of texts, given with the characters of each."""
    if not batch:
        return
    table.lengths.add(lengths)
    for row in batch:
        table.repeats.add(hash(tuple(row)))
        if table.examples.wants():
            table.examples.put(_example(zip((one.name for one in table.columns), row, strict=True)))
    table.rows += len(batch)
    for column, cells in zip(table.columns, zip(*batch, strict=True), strict=True):
        if not all(cells) or any(map(str.isspace, cells)):
            cells = tuple(cell for cell in cells if cell and not cell.isspace())
        column.add_text(cells)


def _csv_warnings(columns: list[Column], rows: CsvRows) -> list[Notice]:
    header = [one.name for one in columns]
    found = [Notice("header_spaces", {"column": clean(name)}) for name in header if name != name.strip()][:5]
    if any(map(_NUMBER_LIKE.fullmatch, header)) or any(one.name in (one.distinct.values or ()) for one in columns):
        found.append(Notice("header_looks_like_data"))
    if not rows.quotes:
        found.append(Notice("quotes_are_letters"))
    if rows.blank:
        found.append(Notice("blank_rows", {"count": rows.blank}))
    return found


class CsvRows:
    """Rows of a CSV, each as long as the header. Knows where it is, and raises RefusedError with the place."""

    def __init__(self, lines: LineReader, delimiter: str, limits: Limits, *, quotes: bool = True) -> None:
        csv.field_size_limit(limits.max_field_bytes)
        self.quotes = quotes
        self.lines = lines
        self.limits = limits
        self.row = 0  # of the last row given or tried, from 1; blank rows count
        self.line = 0  # in which it begins
        self.blank = 0
        self.width = 0
        quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
        self._reader = csv.reader(iter(lines), delimiter=delimiter, quoting=quoting, strict=True)

    @property
    def where(self) -> dict[str, int]:
        """The place of the row being read."""
        return {"row": self.row, "line": self.line}

    def header(self) -> list[str]:
        """The names of the columns. Raises RefusedError when there is none, or a name is missing or given twice."""
        names = next(self._all(), [])
        where = self.where
        if not names and not any(self._all()):
            raise RefusedError("only_blank")
        if not names:
            raise RefusedError("header_empty", where={**where, "column": 1})
        self.width = len(names)
        if len(names) > self.limits.max_columns:
            raise RefusedError("too_many_columns", limit=self.limits.max_columns, found=len(names), where=self.where)
        first: dict[str, int] = {}
        for number, name in enumerate(names, 1):
            where = {**self.where, "column": number}
            if not name.strip():
                raise RefusedError("header_empty", where=where)
            check_name(name, self.limits, where)
            if first.setdefault(name.strip(), number) != number:
                raise RefusedError("header_duplicate", name=clean(name), first=first[name.strip()], where=where)
        return names

    def __iter__(self) -> Iterator[list[str]]:
        for cells in self._all():
            if len(cells) == self.width:
                yield cells
            elif not cells:
                self.blank += 1
            else:
                raise RefusedError("ragged_row", found=len(cells), expected=self.width, where=self.where)

    def _all(self) -> Iterator[list[str]]:
        while True:
            self.row += 1
            self.line = self.lines.line + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except RefusedError as fault:
                # A quote opened by mistake swallows lines until something else goes wrong.
                raise fault.at(row=self.row) from None
            except csv.Error as fault:
                raise self._fault(str(fault)) from None
            yield cells

    def check_cells(self, cells: list[str]) -> None:
        """Refuse the row just given when a cell is over the limit in bytes (the csv module counts characters)."""
        limit = self.limits.max_field_bytes
        if any(len(cell) * 4 > limit and len(cell.encode()) > limit for cell in cells):
            raise RefusedError("field_too_big", limit_bytes=limit, where=self.where)

    def _fault(self, said: str) -> RefusedError:
        """The csv module tells its faults apart by sentences only; what is left is a cell over the limit."""
        if "unexpected end" in said:
            return RefusedError("unclosed_quote", where=self.where)
        if "expected after" in said:
            return RefusedError("stray_quote", where=self.where)
        if self.lines.line > self.line:
            return RefusedError("unclosed_quote", where=self.where)
        return RefusedError("field_too_big", limit_bytes=self.limits.max_field_bytes, where=self.where)


# --- JSON lines -------------------------------------------------------------------------------------------------------


def survey_jsonl(stream: BinaryIO, limits: Limits, progress: Progress | None = None) -> Found:
    """The profile of JSON lines and its warnings. Columns are the keys, in the order in which they first appear."""
    stream.seek(0)
    lines = LineReader(stream, limits, progress)
    table = _JsonTable(limits)
    parse = _parser()
    for line in lines:
        if not line.strip(" \t\r\n"):
            continue
        try:
            table.add(_object(line, parse, limits), line)
        except RefusedError as fault:
            raise fault.at(line=lines.line) from None
        if table.rows > limits.max_rows:
            raise RefusedError("too_many_rows", limit=limits.max_rows, where={"line": lines.line})
    table.flush()
    if not table.rows:
        raise RefusedError("only_blank")
    if lines.lone_cr:  # most readers of JSON lines, the training's too, end a line at LF only
        raise RefusedError("json_line_ends")
    if not table.columns:
        raise RefusedError("no_keys")
    differing = sum(count for keys, count in table.shapes.items() if keys != table.width)
    if differing:
        table.warnings.append(Notice("keys_differ", {"count": differing}))
    return table.profile("jsonl", lines), table.all_warnings(lines)


class _JsonTable(Table):
    """A table whose columns appear as they come. Values wait per column until a batch is full."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.limits = limits
        self.shapes: Counter[int] = Counter()  # rows by number of keys
        self._waiting: dict[str, tuple[list[Any], list[str]]] = {}
        self._by_name: dict[str, Column] = {}
        self._row_chars: list[int] = []
        self._chars = 0

    @property
    def width(self) -> int:
        """Number of columns met so far."""
        return len(self.columns)

    def add(self, row: dict[str, Any], line: str) -> None:
        """Count one row, given too as the line it was. Raises RefusedError for too many or unnamed keys."""
        self.rows += 1
        self.shapes[len(row)] += 1
        chars, limit = 0, self.limits.max_field_bytes
        for name, value in row.items():
            waiting = self._waiting.get(name) or self._new_column(name)
            if value is None:
                continue
            text = value if type(value) is str else as_text(value)
            if not text or text.isspace():
                continue
            if len(text) * 4 > limit and len(text.encode()) > limit:
                where = {"row": self.rows, "column": clean(name)}
                raise RefusedError("field_too_big", limit_bytes=limit, where=where)
            chars += len(text)
            waiting[0].append(value)
            waiting[1].append(text)
        self.repeats.add(hash(line.rstrip("\r\n")))
        if self.examples.wants():
            shown = ((name, value if _is_plain(value) else as_text(value)) for name, value in row.items())
            self.examples.put(_example(shown))
        self._row_chars.append(chars)
        self._chars += chars
        if len(self._row_chars) >= _BATCH_ROWS or self._chars >= _BATCH_CHARS:
            self.flush()

    def flush(self) -> None:
        """Count the values that wait."""
        for name, (values, texts) in self._waiting.items():
            if values:
                self._by_name[name].add_typed(values, texts)
                self._waiting[name] = ([], [])
        self.lengths.add(self._row_chars)
        self._row_chars, self._chars = [], 0

    def _new_column(self, name: str) -> tuple[list[Any], list[str]]:
        if not name.strip():
            raise RefusedError("json_empty_key")
        check_name(name, self.limits, {"column": clean(name, 60)})
        if self.width >= self.limits.max_columns:
            raise RefusedError("too_many_columns", limit=self.limits.max_columns)
        column = Column(name, keep=keep(min(self.limits.max_columns, 40)))
        self.columns.append(column)
        self._by_name[name] = column
        self._waiting[name] = ([], [])
        return self._waiting[name]


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool, int, float))


def as_text(value: Any) -> str:
    """The text that stands for a JSON value, as a label and for its length: strings as they are, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, (int, float)) else json.dumps(value, ensure_ascii=False)


def _parser() -> Callable[[str], Any]:
    """json.loads that refuses what JSON does not have, or has only once."""
    return json.JSONDecoder(
        object_pairs_hook=_no_twins, parse_float=_finite, parse_constant=_not_finite, strict=True
    ).decode


def _object(line: str, parse: Callable[[str], Any], limits: Limits) -> dict[str, Any]:
    """One line as an object. Raises RefusedError with what is wrong with it (the caller knows the line)."""
    try:
        value = parse(line)
    except RecursionError:
        raise RefusedError("json_too_deep", limit=limits.max_depth) from None
    except json.JSONDecodeError as fault:
        raise RefusedError("json_invalid", character=fault.pos + 1) from None
    except ValueError:  # a number of more than 4,300 digits
        raise RefusedError("json_number_too_big") from None
    if not isinstance(value, dict):
        raise RefusedError("json_not_object")
    if line.count("{") + line.count("[") > limits.max_depth and _depth(value) > limits.max_depth:
        raise RefusedError("json_too_deep", limit=limits.max_depth)
    if "\\u" in line:
        _check_value(value)
    else:  # without escapes only numbers can be at fault
        for one in value.values():
            if type(one) in _MAY_HOLD_NUMBERS:
                _check_value(one)
    return value


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise RefusedError("json_duplicate_key", name=clean(twice))
    return found


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise RefusedError("json_not_finite", value=clean(digits, 40))
    return value


def _not_finite(word: str) -> float:
    raise RefusedError("json_not_finite", value=word)


def _depth(value: Any) -> int:
    """Levels of nesting, counted without recursion."""
    deepest, level = 0, [value]
    while level:
        inner = [one for one in level if isinstance(one, (dict, list))]
        deepest += bool(inner)
        level = [one for outer in inner for one in (outer.values() if isinstance(outer, dict) else outer)]
    return deepest


def _check_value(value: Any) -> None:
    """No number beyond 64 bits, no NUL and no half character anywhere inside."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            if "\0" in one:
                raise RefusedError("nul_character")
            try:
                one.encode()
            except UnicodeEncodeError:
                raise RefusedError("json_bad_character") from None
        elif isinstance(one, int) and not -_EXACT <= one < _EXACT:
            raise RefusedError("json_number_too_big")
        elif isinstance(one, dict):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            todo += one
