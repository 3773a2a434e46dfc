"""JSON as strict as the columns it goes into; tests/api/test_bad_input.py sends the same through the whole site."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from collab.web.parsers import MAX_DEPTH, MAX_INTEGER, loads

text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_good_json_comes_through_unchanged(value):
    assert loads(json.dumps(value).encode()) == value
    assert loads(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


@given(st.binary(max_size=60))
def test_anything_is_parsed_or_refused(raw):
    with contextlib.suppress(ParseError):
        loads(raw)


@pytest.mark.parametrize(
    "raw",
    [
        rb'"\u0000"',
        rb'["\ud800"]',
        rb'{"\udfff": 1}',
        b"NaN",
        b"[-Infinity]",
        b"1e999",
        str(MAX_INTEGER + 1).encode(),
        b"9" * 5000,
        b'{"a": 1, "a": 1}',
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"",
        b"{",
        b"{'a': 1}",
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * 1_000_000,
    ],
)
def test_refused(raw):
    with pytest.raises(ParseError):
        loads(raw)


def test_brackets_in_texts_are_no_depth():
    value = ["[{" * 100, '"[', "\\"]
    assert loads(json.dumps(value).encode()) == value
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert loads(deep) is not None


def test_the_refusal_says_where():
    with pytest.raises(ParseError, match="line 2, column 3"):
        loads(b'{"a":\n  b}')
    with pytest.raises(ParseError, match="Byte 2"):
        loads(b'{"\xff"')
