"""Reads Parquet a few rows at a time: the texts that a CSV of the same table would hold. Called in the child.

pyarrow is loaded for such files alone, and asked for no threads: the cage allows none.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, BinaryIO

from .contract import KIB, MIB, Limits, RefusedError, clean
from .lines import Progress
from .stats import Column
from .tables import Found, Table, add_rows, check_name, keep

MAGIC = b"PAR1"
_BATCH_BYTES = 8 * MIB  # of what the file says its rows take; what they really take is counted
_BATCH_ROWS = (64, 1_024)


class _NoSuchWordError(Exception):
    """A row of a few names a word that its dictionary has not: `place` counts from 0."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


def warm_up() -> None:
    """Load what will be needed, and use it once, before the cage is shut."""
    import io

    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # the others claim a gigabyte of addresses at once
    import pyarrow as pa
    from pyarrow import parquet

    kinds = [pa.string(), pa.float64(), pa.float32(), pa.timestamp("us", "UTC"), pa.date32(), pa.decimal128(9, 2)]
    kinds.append(pa.dictionary(pa.int32(), pa.string()))
    # Made of nothing: from lists, pyarrow would load pandas.
    table = pa.Table.from_arrays([pa.nulls(2, kind) for kind in kinds], names=[str(kind) for kind in kinds])
    file = io.BytesIO()
    parquet.write_table(table, file, compression="zstd")
    survey(file, Limits())


def survey(stream: BinaryIO, limits: Limits, progress: Progress | None = None) -> Found:
    """The profile of a Parquet file and its warnings. Rows in faults count from 1."""
    import pyarrow as pa

    size_bytes = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size_bytes - len(MAGIC)))
    if stream.read() != MAGIC:
        raise RefusedError("parquet_cut")
    try:
        return _survey(stream, size_bytes, limits, progress)
    except (pa.ArrowException, OSError, ValueError, OverflowError, EOFError) as fault:
        if isinstance(fault, MemoryError):
            raise
        raise RefusedError("parquet_damaged") from None


def _survey(stream: BinaryIO, size_bytes: int, limits: Limits, progress: Progress | None) -> Found:
    from pyarrow import parquet

    stream.seek(0)
    # A buffer: pages are read as they are needed, and never a whole column of a large group of rows.
    file = parquet.ParquetFile(stream, buffer_size=64 * KIB, pre_buffer=False, memory_map=False)
    _check_size(file.metadata, limits)
    names, readers = _columns(file.schema_arrow, limits)
    if not file.metadata.num_rows:
        raise RefusedError("no_rows")
    table = Table()
    table.columns = [Column(name, keep(len(names))) for name in names]
    room = limits.max_total_uncompressed_bytes
    for batch in file.iter_batches(batch_size=rows_at_once(file.metadata), use_threads=False):
        columns = [
            _cells(read, column, name, table.rows, limits)
            for read, column, name in zip(readers, batch.columns, names, strict=True)
        ]
        rows = [list(row) for row in zip(*columns, strict=True)]
        lengths = [sum(map(len, row)) for row in rows]
        room -= sum(lengths)
        if room < 0:
            raise RefusedError("parquet_unpacked", limit_bytes=limits.max_total_uncompressed_bytes)
        add_rows(table, rows, lengths)
        if table.rows > limits.max_rows:
            raise RefusedError("too_many_rows", limit=limits.max_rows)
        if progress:
            progress(size_bytes * table.rows // max(table.rows, file.metadata.num_rows))
    if table.rows != file.metadata.num_rows:
        raise RefusedError("parquet_damaged")
    return table.profile("parquet", None), table.all_warnings(None)


def _check_size(metadata: Any, limits: Limits) -> None:
    """What the file says of itself; what it holds is counted while it is read."""
    if metadata.num_columns > limits.max_columns:
        raise RefusedError("too_many_columns", limit=limits.max_columns, found=metadata.num_columns)
    if metadata.num_rows > limits.max_rows:
        raise RefusedError("too_many_rows", limit=limits.max_rows)
    said = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    if said > limits.max_total_uncompressed_bytes:
        raise RefusedError("parquet_unpacked", limit_bytes=limits.max_total_uncompressed_bytes)


def rows_at_once(metadata: Any) -> int:
    """Few rows of a wide table, more of a narrow one."""
    said = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    least, most = _BATCH_ROWS
    return max(least, min(most, _BATCH_BYTES * metadata.num_rows // max(1, said)))


def _columns(schema: Any, limits: Limits) -> tuple[list[str], list[Callable[[Any], list[str]]]]:
    """(names, how each is read). Raises RefusedError for a name that is missing or given twice, or a nested column."""
    first: dict[str, int] = {}
    readers = []
    for number, one in enumerate(schema, 1):
        where = {"column": number}
        if not one.name.strip():
            raise RefusedError("parquet_nameless", where=where)
        check_name(one.name, limits, where)
        if first.setdefault(one.name.strip(), number) != number:
            first_at = first[one.name.strip()]
            raise RefusedError("header_duplicate", name=clean(one.name), first=first_at, where=where)
        read = reader_of(one.type)
        if read is None:
            raise RefusedError("parquet_column", what_type=clean(str(one.type), 60), where={"column": clean(one.name)})
        readers.append(read)
    if not readers:
        raise RefusedError("no_rows")
    return [one.name for one in schema], readers


def reader_of(kind: Any) -> Callable[[Any], list[str]] | None:
    """How a column of this type becomes texts, blank where nothing is; None for lists, records and bytes.

    `training.engine.readers` reads the same, and a test holds both together.
    """
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(kind):
        inner = None if types.is_dictionary(kind.value_type) else reader_of(kind.value_type)
        return inner and (lambda column: _by_number(inner, column.dictionary, column.indices))
    if types.is_null(kind):
        return lambda column: [""] * len(column)
    if types.is_boolean(kind):
        return lambda column: ["" if one is None else "true" if one else "false" for one in column.to_pylist()]
    if types.is_integer(kind):
        return lambda column: ["" if one is None else str(one) for one in column.to_pylist()]
    if types.is_float64(kind):
        return lambda column: [_number(one) for one in column.to_pylist()]
    if types.is_floating(kind):  # by the shortest digits that tell it, as they would be written
        return lambda column: [_number(one and float(one)) for one in column.cast(pa.string()).to_pylist()]
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return lambda column: [one or "" for one in column.to_pylist()]
    if types.is_timestamp(kind) and kind.tz is not None:
        plain = pa.timestamp(kind.unit)
        return lambda column: [f"{one}Z" if one else "" for one in column.cast(plain).cast(pa.string()).to_pylist()]
    if types.is_decimal(kind) or types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind):
        return lambda column: [one or "" for one in column.cast(pa.string()).to_pylist()]
    return None


def _by_number(read: Callable[[Any], list[str]], dictionary: Any, numbers: Any) -> list[str]:
    """The words that rows name. A dictionary comes whole with every few rows, and only what they name is read of it."""
    told, named = numbers.to_pylist(), numbers.unique().drop_null()
    absent = {number for number in named.to_pylist() if not 0 <= number < len(dictionary)}
    if absent:
        raise _NoSuchWordError(next(place for place, number in enumerate(told) if number in absent))
    words = dict(zip(named.to_pylist(), read(dictionary.take(named)), strict=True))
    return ["" if number is None else words[number] for number in told]


def _number(value: float | None) -> str:
    """As Python writes it; what is not a number is missing, as pandas has it."""
    return "" if value is None or math.isnan(value) else str(value)


def _cells(read: Callable[[Any], list[str]], column: Any, name: str, before: int, limits: Limits) -> list[str]:
    """A column of the rows that follow the first `before`."""
    try:
        cells = read(column)
    except _NoSuchWordError as fault:
        where = {"row": before + fault.place + 1, "column": clean(name)}
        raise RefusedError("parquet_word", where=where) from None
    for number, cell in enumerate(cells, before + 1):
        if len(cell) * 4 > limits.max_field_bytes and len(cell.encode()) > limits.max_field_bytes:
            where = {"row": number, "column": clean(name)}
            raise RefusedError("field_too_big", limit_bytes=limits.max_field_bytes, where=where)
        if "\0" in cell:
            raise RefusedError("parquet_nul", where={"row": number, "column": clean(name)})
    return cells
