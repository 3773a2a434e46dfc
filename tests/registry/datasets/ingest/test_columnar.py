"""Parquet: read as the CSV of the same table, in bounded memory, and refused by name."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.datasets.ingest.contract import Limits

ROWS = {"text": ["one two", "three", None, "four"], "label": ["a", "b", "a", "b"], "n": [1, 2, 3, None]}


def written(columns: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), file, **how)
    return file.getvalue()


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_a_table_is_profiled_as_its_csv_would_be(upload, compression):
    report = upload(written(ROWS, compression=compression), "rows.parquet")
    assert report.ok, report.refusal
    csv = upload(b"text,label,n\none two,a,1\nthree,b,2\n,a,3\nfour,b,\n", "rows.csv").profile
    same = ("rows", "columns", "label_candidates", "classes", "lengths", "examples")
    assert report.kind == "parquet" and {name: report.profile[name] for name in same} == {n: csv[n] for n in same}
    assert "no_network" in report.confinement or "memory" in report.confinement


def test_the_kind_may_be_said_and_the_name_may_be_any(upload):
    data = written(ROWS)
    assert upload(data, "rows.bin", kind="parquet").kind == "parquet"
    assert upload(data, "rows.parquet", kind="csv").refusal.code == "wrong_kind"
    assert upload(data, "rows.csv").refusal.code == "wrong_extension"
    assert upload(b"a,b\n1,2\n", "a.csv", kind="parquet").refusal.code == "wrong_kind"
    assert upload(b"a,b\n1,2\n", "rows.parquet").refusal.code == "wrong_extension"


def test_long_plain_texts_do_not_hide_what_it_is(upload):
    data = written(
        {"text": ["plain words " * 900 + str(n) for n in range(60)]}, compression="none", use_dictionary=False
    )
    assert upload(data, "rows.parquet").kind == "parquet"


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        ([[1], [2]], "list"),
        ([{"a": 1}, {"a": 2}], "struct"),
        ([b"\0", b"\1"], "binary"),
        (pa.array([b"ab", b"cd"], pa.binary(2)), "fixed_size_binary"),
        (pa.array([1, 2], pa.duration("s")), "duration"),
    ],
)
def test_columns_that_are_no_cells_are_refused_by_name(upload, column, shown):
    refusal = upload(written({"fine": [1, 2], "odd": column}), "a.parquet").refusal
    assert (refusal.code, refusal.where) == ("parquet_column", {"column": "odd"})
    assert shown in refusal.message() and "“odd”" in refusal.message()


def test_a_file_that_is_cut_or_damaged_is_refused(upload):
    data = written({"text": [f"words {n}" for n in range(5_000)]})
    assert upload(data[:-9], "a.parquet").refusal.code == "parquet_cut"
    assert upload(data[: len(data) // 2], "a.parquet").refusal.code == "parquet_cut"
    assert upload(data[: len(data) // 2] + data[-8:], "a.parquet").refusal.code == "parquet_damaged"
    assert upload(b"PAR2" + data[4:], "a.parquet").refusal.category in ("kind", "content")
    for at in range(100, len(data) - 8, len(data) // 9):
        torn = data[:at] + bytes(60) + data[at + 60 :]
        report = upload(torn, "a.parquet")
        assert report.ok or report.refusal.code in ("parquet_damaged", "parquet_cut", "too_much_memory")


def test_names_are_looked_at(upload):
    twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert upload(written(twice), "a.parquet").refusal.code == "header_duplicate"
    assert upload(written({" ": [1]}), "a.parquet").refusal.code == "parquet_nameless"
    assert upload(written({"a\nb": [1]}), "a.parquet").refusal.code == "name_characters"
    assert upload(written({"a": pa.array([], pa.string())}), "a.parquet").refusal.code == "no_rows"
    assert upload(written({"a": ["x\0y"]}), "a.parquet").refusal.where == {"row": 1, "column": "a"}


def test_cells_rows_and_columns_have_limits(upload):
    small = Limits(max_rows=100, max_field_bytes=1_000, max_columns=5)
    assert upload(written({"a": range(101)}), "a.parquet", limits=small).refusal.code == "too_many_rows"
    assert upload(written({"a": ["b", "x" * 1_001]}), "a.parquet", limits=small).refusal.where["row"] == 2
    wide = written({f"c{n}": [1] for n in range(6)})
    assert upload(wide, "a.parquet", limits=small).refusal.code == "too_many_columns"


def test_a_small_file_that_unpacks_to_much_is_refused_in_little_memory(upload):
    """A dictionary holds a long text once, and each row names it in a bit: declared sizes do not tell."""
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 100_000]))
    bomb = written({"a": long})
    assert len(bomb) < 200_000
    report = upload(bomb, "a.parquet", limits=Limits(max_total_uncompressed_bytes=200_000_000))
    assert report.refusal.code in ("parquet_unpacked", "too_much_memory")
    said = written({"a": ["x" * 1_000 + str(n) for n in range(20_000)]}, compression="zstd", use_dictionary=False)
    report = upload(said, "a.parquet", limits=Limits(max_total_uncompressed_bytes=10_000_000))
    assert report.refusal.code == "parquet_unpacked" and report.peak_rss_bytes < 400 * 2**20


def test_one_huge_group_of_rows_is_read_in_little_memory(upload):
    """300 MB of text in a single group of rows."""
    rows = 60_000
    texts = pa.array([f"{n:07} " + "word " * 1_000 for n in range(rows)])
    data = written({"text": texts}, row_group_size=rows, compression="zstd", use_dictionary=False)
    report = upload(data, "a.parquet")
    assert report.ok and report.profile["rows"] == rows, report.refusal
    assert report.peak_rss_bytes < 450 * 2**20
