"""Lines: decoded, counted, bounded; the first fault is the one that is named."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.datasets.ingest import lines
from registry.datasets.ingest.contract import Limits, RefusedError
from registry.datasets.ingest.lines import LineReader, guess_encoding
from tests.registry.datasets.ingest.looking import short


def read(data: bytes, **limits) -> list[str]:
    return list(LineReader(io.BytesIO(data), Limits(**limits)))


def fault(data: bytes, **limits) -> tuple[str, dict]:
    with pytest.raises(RefusedError) as caught:
        read(data, **limits)
    return caught.value.refusal.code, caught.value.refusal.where


@settings(max_examples=80, deadline=None, database=None)
@given(st.text(alphabet="ab中\n\r\u2028\x0b ", max_size=200), st.integers(1, 40))
def test_the_same_lines_as_io_whatever_the_block_size(text, block):
    before = lines.BLOCK
    lines.BLOCK = block
    try:
        found = read(text.encode())
    finally:
        lines.BLOCK = before
    assert found == list(io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline=""))


def test_a_mark_at_the_beginning_is_noted_and_left_out():
    reader = LineReader(io.BytesIO(b"\xef\xbb\xbfa\nb"), Limits())
    assert (list(reader), reader.encoding, reader.line) == (["a\n", "b"], "utf-8-sig", 2)


def test_lone_carriage_returns_are_noticed():
    for data, lone in ((b"a\rb\r", True), (b"a\r\nb\r\n", False), (b"a\nb", False)):
        reader = LineReader(io.BytesIO(data), Limits())
        assert len(list(reader)) == 2
        assert reader.lone_cr is lone


@pytest.mark.parametrize(
    ("data", "code", "line", "offset"),
    [
        (b"ok\nbad \xff\xfe\xfd here\n", "not_utf8", 2, 7),
        (b"a\nb\0c\n", "nul_character", 2, 3),
        (b"a\r\nb\r\0", "nul_character", 3, 5),
        ("gut\nschön\n".encode("latin-1"), "legacy_encoding", 2, 7),
        ("ok\n这是一个很长的中文句子\n".encode("gb18030"), "legacy_encoding", 2, 3),
        ("中文\n".encode() + "中文\n".encode("gb18030"), "mixed_encoding", 2, 7),
        ("ä\n".encode() + b"\xe4\n", "mixed_encoding", 2, 3),
        ("中文\n中文".encode()[:-1], "cut_character", 2, 10),
        (b"\xef\xbb\xbfa\n\xff\x81", "not_utf8", 2, 5),
        (b"a\xff\x81\n\0\n", "not_utf8", 1, 1),
    ],
    ids=short,
)
def test_the_place_of_a_wrong_byte(data, code, line, offset):
    assert fault(data) == (code, {"line": line, "offset": offset})


def test_the_place_is_right_far_into_the_file():
    data = b"a line of text\n" * 100_000
    assert fault(data + b"x\xff\x81\n") == ("not_utf8", {"line": 100_001, "offset": len(data) + 1})


def test_the_likely_encoding_is_named():
    assert guess_encoding("这是一个很长的中文句子，".encode("gb18030")) == "GB18030 (Chinese)"
    assert guess_encoding("Größe".encode("cp1252")) == "Windows-1252 (Western European)"
    assert guess_encoding(b"\x81\x8d\xff") is None


def test_a_line_over_the_limit():
    assert fault(b"ok\n" + b"x" * 101 + b"\nok", max_line_bytes=100) == ("line_too_long", {"line": 2})
    assert read(b"ok\n" + b"x" * 99 + b"\nok", max_line_bytes=100)
    assert fault("é".encode() * 60 + b"\n", max_line_bytes=100) == ("line_too_long", {"line": 1})


def test_an_endless_line_is_given_up_early():
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            Endless.given += size
            return b"x" * size

    with pytest.raises(RefusedError) as caught:
        list(LineReader(Endless(), Limits(max_line_bytes=1 << 20)))
    assert caught.value.refusal.code == "line_too_long"
    assert Endless.given < 4 << 20


def test_an_endless_line_of_something_else_is_named_as_that():
    assert fault(b"a" * 10 + b"\0" + b"x" * 3_000_000)[0] == "nul_character"
    assert fault("中".encode() * 1_000_000)[0] == "line_too_long"


def test_progress_tells_how_far():
    told = []
    data = b"a line of text\n" * 100_000
    list(LineReader(io.BytesIO(data), Limits(), told.append))
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] > len(data) // 2
