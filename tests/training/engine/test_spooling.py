"""Texts larger than memory are cut and read as if they were one string."""

import codecs
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.training.engine.conftest import csv_blob, tiny
from training.engine import spooling
from training.engine.contract import InputData, Spec
from training.engine.errors import DataError, Stop, StopRequestedError
from training.engine.ordering import split_text
from training.engine.registry import task_module
from training.engine.spooling import LongText, Spool, hashes_of
from training.engine.tasks.sentence_embedding import numbered
from training.engine.tokenizing import pieces

TEXT = "".join(f"Zeile {n}: été 狗 🐕 {'x' * (n % 41)}{chr(10) if n % 7 else ' '}" for n in range(900))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "CHUNK_BYTES", 257)


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("change", [None, str.upper])
def test_a_long_text_is_cut_as_a_string_is(mark: bytes, change: object, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(mark + TEXT.encode())
    whole = TEXT if change is None else TEXT.upper()
    text = LongText(path, Stop(), change, tmp_path)  # type: ignore[arg-type]
    assert len(text) == len(whole)
    cuts = split_text(whole, 0.1, 0.1, 3)
    assert split_text(text, 0.1, 0.1, 3) == cuts
    for start, end in [*cuts["train"], *cuts["test"], (0, len(whole))]:
        for size in (100, 5_000):
            assert list(text.pieces(start, end, size)) == list(pieces(whole[start:end], size))
    assert text.part(5, 5) == "" and text.part(len(whole) - 3, len(whole) + 9) == whole[-3:]
    assert text.find("\n", 0, 3) == -1
    assert [one.name for one in tmp_path.iterdir()] == ["text.txt"]


def test_a_byte_that_is_no_text_is_told_by_its_place(tmp_path: Path) -> None:
    data = TEXT.encode()[:1_000] + b"\xff" + b"more"
    for mark in (b"", codecs.BOM_UTF8):
        (tmp_path / "text.txt").write_bytes(mark + data)
        with pytest.raises(DataError, match=f"byte {len(mark) + data.index(255)} is not UTF-8"):
            LongText(tmp_path / "text.txt", Stop())


def test_a_spool_is_a_sequence(tmp_path: Path) -> None:
    spool, texts = Spool(tmp_path), ["a", "", "狗\n", "\ud800", "b" * 1_000]
    for text in texts:
        spool.append(text)
        assert spool[0] == "a"
    assert list(spool) == texts and spool[-1] == texts[-1] and spool[1:3] == texts[1:3] and len(spool) == 5
    with pytest.raises(IndexError):
        spool[5]


@pytest.mark.parametrize("task", ["extractive-qa", "token-classification", "sentence-embedding"])
def test_rows_wait_in_files_while_a_task_prepares(task: str, tmp_path: Path) -> None:
    """Megabytes of texts, which are never all in memory; that takes a row with its windows, and numbers."""
    words = ["word"] * 4_000
    rows = [f"{number} {' '.join(words)}" for number in range(200)]
    tags = " ".join(["B-x", *["O"] * 4_000])
    columns, cells = {
        "extractive-qa": (
            {"question": "a", "context": "b", "answer": "c"},
            [(f"what {number}", row, str(number)) for number, row in enumerate(rows)],
        ),
        "token-classification": ({"text": "a", "label": "b"}, [(row, tags) for row in rows]),
        "sentence-embedding": ({"text": "a", "pair": "b"}, [(row, row[::-1]) for row in rows]),
    }[task]
    path = tmp_path / "blob"
    path.write_bytes(csv_blob(list("abc")[: len(cells[0])], cells))
    del rows, cells
    made = task_module(task).Task(Spec.from_json(tiny(task, data__columns=columns, model__context=128)), Stop())
    made.workplace = tmp_path
    (tmp_path / "prepared").mkdir()
    data = InputData(path=str(path), kind="csv", sha256="0" * 64, profile={"delimiter": ","})
    tracemalloc.start()
    try:
        made.prepare(data, tmp_path / "prepared")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.8 * path.stat().st_size


def test_equal_texts_have_equal_numbers_in_the_order_of_their_first() -> None:
    found = hashes_of(["b", "a", "b", "\ud800", "a", ""])
    assert numbered(found).tolist() == [0, 1, 0, 2, 1, 3]


texts_of = st.lists(st.text(st.sampled_from("ab\n é猫😀"), max_size=300), max_size=6).map("".join)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts_of, cut=st.tuples(st.integers(0, 400), st.integers(0, 400)), chunk=st.integers(1, 40))
@pytest.mark.parametrize(
    "change",
    [
        None,
        str.swapcase,
        lambda text: "",
        lambda text: text.replace("a", "").replace("é", "eee"),
        lambda text: text * 2,
    ],
    ids=["none", "case", "nothing", "other length", "twice"],
)
def test_any_part_of_any_text_is_that_of_a_string(
    change: Callable[[str], str] | None, text: str, cut: tuple[int, int], chunk: int, tmp_path: Path
) -> None:
    """However small the chunks are: smaller than a character too. What is changed is changed by whole lines."""
    spooling.CHUNK_BYTES = chunk  # put back by the fixture of this module
    (tmp_path / "text.txt").write_bytes(text.encode())
    found = LongText(tmp_path / "text.txt", Stop(), change, tmp_path)
    whole = text
    if change is not None:
        if (
            4 * chunk < max(map(len, text.split("\n"))) or change("ab") == "abab"
        ):  # of a longer line only parts are seen
            whole = found.part(0, len(found))
        else:
            whole = change(text)
    start, end = min(cut), max(cut)
    assert len(found) == len(whole) and found.part(0, len(whole) + 5) == whole
    assert found.part(start, end) == whole[start:end]
    for mark in "\na":
        assert found.find(mark, start, end) == whole.find(mark, start, end)
    assert "".join(found.pieces(start, min(end, len(whole)), 7)) == whole[start:end]
    for first, other in ((start, end), (end, start)):
        assert (
            found.part(first, first + 1) + found.part(other, other + 1)
            == whole[first : first + 1] + whole[other : other + 1]
        )


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xe7\x8c", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\xaf"])
@pytest.mark.parametrize("place", [0, 1, 255, 256, 257, 600])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_bad_byte_is_told_by_its_place_in_the_file_at_every_chunk(
    bad: bytes, place: int, mark: bytes, tmp_path: Path
) -> None:
    """Chunks have 257 bytes; the place is where Python finds it in the whole."""
    data = mark + b"a" * place + bad + b"b" * 9
    with pytest.raises(UnicodeDecodeError) as truth:
        data.decode()
    (tmp_path / "text.txt").write_bytes(data)
    with pytest.raises(DataError, match=f"byte {truth.value.start} is not UTF-8"):
        LongText(tmp_path / "text.txt", Stop())
    (tmp_path / "text.txt").write_bytes(data[:-9])  # cut off in the middle of a character
    with pytest.raises(DataError, match=f"byte {truth.value.start} is not UTF-8"):
        LongText(tmp_path / "text.txt", Stop())


def test_reading_a_long_text_stops_when_asked(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    for change in (None, str.upper):
        stop = Stop()
        stop.requested = True
        with pytest.raises(StopRequestedError):
            LongText(tmp_path / "text.txt", stop, change, tmp_path)


def test_what_a_spool_holds_is_told_by_any_number_or_slice() -> None:
    spool, texts = Spool(), [f"{n}猫" * n for n in range(7)]
    for text in texts:
        spool.append(text)
    for number in range(-7, 7):
        assert spool[number] == texts[number]
    for part in (slice(None), slice(2, None), slice(-3, -1), slice(None, None, -2), slice(5, 2), slice(0, 99)):
        assert spool[part] == texts[part]
    for number in (7, -8):
        with pytest.raises(IndexError):
            spool[number]
    assert texts[3] in spool and spool.index(texts[4]) == 4 and list(reversed(spool)) == texts[::-1]
