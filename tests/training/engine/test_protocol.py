"""What engine and supervisor say to each other: every line is an event or nothing, and inputs are read strictly."""

import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.engine.conftest import JOB
from training.engine.errors import DataError, EngineError
from training.engine.messages import HINTS, MESSAGES
from training.engine.protocol import (
    DONE,
    EVENTS,
    FAILED,
    INPUTS_VERSION,
    LAST_EVENTS,
    RETRYABLE,
    STOPPED,
    Inputs,
    Reason,
    parse_event,
)
from training.engine.strict import SpecError

STOPPED_LINE = b'{"t":1.5,"n":3,"e":"stopped","step":7}'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null",
        b"7",
        b'"stopped"',
        b"[]",
        b'["e"]',
        b"{}",
        b'{"e":null}',
        b'{"e":[]}',
        b'{"e":{}}',
        b'{"e":{"e":"stopped"}}',
        b'{"e":7}',
        b'{"e":"Stopped"}',
        b'{"e":"stopped "}',
        b'{"e":"stopped","step":NaN}',
        b'{"e":"metric","step":1,"values":{"valid/loss":Infinity}}',
        b'{"e":"metric","step":1,"values":{"valid/loss":-Infinity}}',
        b'{"e":"stopped","step":' + b"9" * 5_000 + b"}",
        b'{"e":"stopped","step":"\xff"}',
        b"\xff\xfe" + STOPPED_LINE,
        b"\0" * 40,
        STOPPED_LINE + STOPPED_LINE,
        b"[" * 200_000,
        b'{"e":' * 200_000,
        "{\u201ce\u201d: 1}",
    ],
    ids=lambda line: str(line[:24]),
)
def test_what_is_no_event_is_nothing(line: bytes | str) -> None:
    assert parse_event(line) is None


def test_every_beginning_of_a_line_is_nothing_and_the_whole_is_the_event() -> None:
    for end in range(len(STOPPED_LINE)):
        assert parse_event(STOPPED_LINE[:end]) is None
    for whole in (STOPPED_LINE, STOPPED_LINE + b"\n", STOPPED_LINE.decode(), b"  " + STOPPED_LINE):
        assert parse_event(whole) == {"t": 1.5, "n": 3, "e": "stopped", "step": 7}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(line=st.binary(max_size=60) | st.text(string.printable + "\ud800猫", max_size=60))
def test_no_line_is_too_strange(line: bytes | str) -> None:
    found = parse_event(line)
    assert found is None or found["e"] in EVENTS


@settings(max_examples=60, deadline=None, derandomize=True)
@given(kind=st.sampled_from([*EVENTS]), place=st.integers(0, 200), bit=st.integers(0, 7))
def test_a_flipped_bit_is_an_event_or_nothing(kind: str, place: int, bit: int) -> None:
    line = bytearray(json.dumps({"t": 1.5, "n": 3, "e": kind, "step": 7, "values": {"a": [1.5, None]}}).encode())
    line[place % len(line)] ^= 1 << bit
    found = parse_event(bytes(line))
    assert found is None or found["e"] in EVENTS


GOOD: dict[str, Any] = {
    "v": 1,
    "job": JOB,
    "fence": 1,
    "data": {"path": "/x", "kind": "text", "sha256": "a" * 64, "profile": {"kind": "text"}},
}
START = {"path": "/model", "manifest_sha256": "b" * 64}


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"v": INPUTS_VERSION + 1}, "v", "too_large"),
        ({"v": 0}, "v", "too_small"),
        ({"v": "1"}, "v", "wrong_type"),
        ({"job": "1"}, "job", "bad_text"),
        ({"job": JOB + "\n"}, "job", "bad_text"),
        ({"fence": -1}, "fence", "too_small"),
        ({"fence": 1.0}, "fence", "wrong_type"),
        ({"fence": True}, "fence", "wrong_type"),
        ({"resume": 1}, "resume", "wrong_type"),
        ({"resume": None}, "resume", "wrong_type"),
        ({"until": 0}, "until", "not_above"),
        ({"until": 1.01}, "until", "too_large"),
        ({"until": float("nan")}, "until", "not_finite"),
        ({"start": {}}, "start.path", "missing"),
        ({"start": START | {"manifest_sha256": "B" * 64}}, "start.manifest_sha256", "bad_text"),
        ({"tokenizer": START | {"manifest_sha256": "b" * 63}}, "tokenizer.manifest_sha256", "bad_text"),
        ({"start": [START]}, "start", "not_object"),
        ({"data": None}, "data", "not_object"),
        ({"data": GOOD["data"] | {"kind": "zip"}}, "data.kind", "not_choice"),
        ({"data": GOOD["data"] | {"path": ""}}, "data.path", "bad_text"),
        ({"data": GOOD["data"] | {"path": "a\0b"}}, "data.path", "bad_text"),
        ({"data": GOOD["data"] | {"path": "x" * 4_001}}, "data.path", "text_long"),
        ({"data": GOOD["data"] | {"sha": "1"}}, "data.sha", "unknown_key"),
        ({"token": "secret"}, "token", "unknown_key"),
    ],
)
def test_inputs_that_cannot_be_are_told_at_their_place(changes: dict[str, Any], path: str, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        Inputs.from_json(GOOD | changes)
    assert (path, code) in [(issue.path, issue.code) for issue in caught.value.issues]


@pytest.mark.parametrize("left_out", ["v", "job", "fence", "data"])
def test_inputs_need_all_that_has_no_default(left_out: str) -> None:
    with pytest.raises(SpecError) as caught:
        Inputs.from_json({name: value for name, value in GOOD.items() if name != left_out})
    assert [(issue.path, issue.code) for issue in caught.value.issues] == [(left_out, "missing")]


@pytest.mark.parametrize(
    "changes", [{}, {"resume": True, "until": 0.25, "fence": 0}, {"start": START, "tokenizer": START}]
)
def test_inputs_come_back_from_their_json(changes: dict[str, Any]) -> None:
    inputs = Inputs.from_json(GOOD | changes)
    assert Inputs.from_text(json.dumps(inputs.to_json())) == inputs
    assert inputs.to_json() | changes == inputs.to_json()


def test_codes_are_told_apart_and_only_what_another_attempt_can_cure_is_tried_again() -> None:
    assert len({DONE, FAILED, STOPPED}) == 3 and DONE == 0
    assert set(LAST_EVENTS) < set(EVENTS)
    # The same spec on the same data would end in the same way.
    assert not RETRYABLE & {Reason.BAD_SPEC, Reason.DATA_ERROR, Reason.DIVERGED, Reason.OOM, Reason.LIMIT_MINUTES}


def test_an_error_is_a_sentence_with_its_hint_and_step() -> None:
    error = EngineError(Reason.DIVERGED, "diverged", step=9)
    assert str(error) == MESSAGES["diverged"] % {"step": 9} and "9" in str(error)
    assert (error.params, error.step, error.issues) == ({"step": 9}, 9, [])
    assert error.hint == HINTS["diverged"] % {"step": 9}
    row = DataError("data_row", row=3, problem="it is empty")
    assert (row.reason, row.params, row.step) == ("data_error", {"row": 3, "problem": "it is empty"}, None)
    assert "3" in str(row) and "it is empty" in str(row)
    with pytest.raises(KeyError):
        EngineError(Reason.OOM, "no such message")
