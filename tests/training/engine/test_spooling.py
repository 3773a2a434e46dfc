"""Texts larger than memory are cut and read as if they were one string."""

import codecs
from pathlib import Path

import pytest

from training.engine import spooling
from training.engine.errors import DataError, Stop
from training.engine.ordering import split_text
from training.engine.spooling import LongText, Spool
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
