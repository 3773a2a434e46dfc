"""Texts larger than memory are cut and read as if they were one string."""

import codecs
import tracemalloc
from pathlib import Path

import pytest

from tests.training.engine.conftest import csv_blob, tiny
from training.engine import spooling
from training.engine.contract import InputData, Spec
from training.engine.errors import DataError, Stop
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
