"""Plain text: what is counted, what is refused, what is warned of."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.registry.datasets.ingest.looking import look_at, short


def warnings(report) -> dict[str, dict]:
    return {one.code: one.params for one in report.warnings}


def test_profile(look):
    data = b"Hello big world\nThis is text\n\n  \nYes\n"
    report = look(data, "a.txt")
    profile = report.profile
    assert (profile["kind"], profile["rows"], profile["lines"], profile["words"]) == ("text", 3, 5, 7)
    assert (profile["chars"], profile["bytes"], profile["longest_line"]) == (37, 37, 15)
    assert profile["examples"] == ["Hello big world", "This is text", "Yes"]
    assert profile["columns"][0] == {
        "name": "text",
        "type": "text",
        "distinct": 3,
        "distinct_more": False,
        "missing": 0,
        "min_chars": 3,
        "mean_chars": 10.0,
        "p95_chars": 15,
        "max_chars": 15,
    }
    assert sum(profile["lengths"]["counts"]) == 3
    assert profile["sha256"] == hashlib.sha256(data).hexdigest()
    assert profile["encoding"] == "utf-8"
    assert profile["warnings"] == []


def test_numbers_are_text_here(look):
    column = look(b"1\n2\n3\n", "a.txt").profile["columns"][0]
    assert column["type"] == "text"
    assert "mean" not in column


def test_mark_and_old_line_ends(look):
    report = look(b"\xef\xbb\xbfone\rtwo\rthree", "a.txt")
    assert (report.profile["lines"], report.profile["encoding"]) == (3, "utf-8-sig")
    assert "lone_cr" in warnings(report)
    assert report.profile["warnings"] == [{"code": "lone_cr", "params": {}}]


@pytest.mark.parametrize("data", [b"\n\n \t\n", b"   ", b"\xef\xbb\xbf\n"], ids=short)
def test_only_blank(refusal, data):
    assert refusal(data, "a.txt")[0] == "only_blank"


def test_faults_have_their_place(refusal):
    assert refusal(b"fine\nnot \0 fine\n", "a.txt") == ("nul_character", {"line": 2, "offset": 9})
    assert refusal(b"fine\n" * 9 + b"not \xff\x81\n", "a.txt") == ("not_utf8", {"line": 10, "offset": 49})
    assert refusal(b"x" * 2000, "a.txt", max_line_bytes=1000) == ("line_too_long", {"line": 1})
    assert refusal(b"a\n" * 50, "a.txt", max_rows=49)[0] == "too_many_rows"


def test_control_characters_and_long_lines_are_only_warned_of(look):
    report = look(b"x" * 30_000 + b"\n" + b"a\x08b" * 3 + b"\n", "a.txt")
    assert warnings(report) == {"control_characters": {"count": 3}, "long_lines": {"count": 30_000}}


def test_examples_hide_what_changes_direction_and_are_cut(look):
    examples = look(("safe\u202egnp.exe\n" + "é" * 1000 + "\n").encode(), "a.txt").profile["examples"]
    assert examples[0] == "safe\ufffdgnp.exe"
    assert len(examples[1]) == 300


WORDS = st.text(alphabet=st.characters(categories=["L", "Nd", "Zs"]), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(WORDS, min_size=1, max_size=50), st.sampled_from(["\n", "\r\n", "\r"]))
def test_lines_words_and_characters_are_counted_right(lines, end):
    text = "first\n" + end.join(lines)
    profile = look_at(text.encode(), "a.txt").profile
    every = ["first", *lines]
    assert profile["rows"] == sum(bool(line.strip()) for line in every)
    assert profile["words"] == sum(len(line.split()) for line in every)
    assert profile["chars"] == len(text)
    assert profile["longest_line"] == max(map(len, every))
