"""The event file survives a kill in the middle of a line, and never holds what JSON cannot say."""

import json
import resource
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.engine.events import EventLog, NoEvents, finite
from training.engine.messages import MESSAGES


def test_numbers_go_on_after_a_torn_line(tmp_path: Path) -> None:
    first = EventLog(tmp_path)
    first.emit("stopped", step=1)
    first.close()
    path = tmp_path / "events.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"t":1,"n":1,"e":"sto')
    second = EventLog(tmp_path)
    second.emit("resume", step=1)
    second.close()
    lines = path.read_bytes().splitlines()
    assert lines[0] + b"\n" == whole
    assert [json.loads(line)["n"] for line in lines] == [0, 1]


def test_only_finite_numbers_are_written(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("metric", step=1, values={"train/loss": float("nan"), "train/lr": 0.1})
    log.emit("progress", step=1, loss=float("inf"))
    log.close()
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    assert events[0]["values"] == {"train/lr": 0.1}
    assert "loss" not in events[1]


def test_milestones_are_in_the_log_and_nothing_of_the_data(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    log = EventLog(tmp_path)
    log.emit("phase", phase="train", total=2)
    log.emit("metric", step=1, values={"train/loss": 2.0})
    log.emit("metric", step=2, values={"valid/loss": 1.5, "valid/accuracy": float("nan")})
    log.emit("sample", step=2, kind="text", prompt="a secret", text="of the data")
    log.emit("checkpoint", step=2, path="ckpt/2", sha256="0", size_bytes=1, best=True)
    log.emit("stopped", step=2)
    log.close()
    assert [record.getMessage() for record in caplog.records] == [
        "phase train",
        "step 2: valid/loss 1.5, valid/accuracy nan",
        "step 2: checkpoint saved, the best so far",
        "stopped at step 2",
    ]


def test_any_text_is_one_line_of_utf8(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("sample", step=1, kind="text", prompt="a\nb\u2028", text="\ud800 猫")
    log.close()
    (line,) = (tmp_path / "events.jsonl").read_bytes().split(b"\n")[:-1]
    assert json.loads(line)["prompt"] == "a\nb\u2028"


@pytest.mark.parametrize("room", [0, 1, 40, 99])
def test_a_line_for_which_there_is_no_room_is_not_begun(room: int, tmp_path: Path) -> None:
    """A limit of the file size stands in for a full disk, which takes a part of a line; what comes later is whole."""
    log = EventLog(tmp_path)
    log.emit("stopped", step=1)
    path = tmp_path / "events.jsonl"
    whole = path.read_bytes()
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + room, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            log.emit("warning", code="not_compiled", params={}, text="x" * 100)
        assert path.read_bytes() == whole
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    log.emit("resume", step=1)
    log.close()
    events = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [(event["n"], event["e"]) for event in events] == [(0, "stopped"), (1, "resume")]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1.5, 1.5),
        (NAN, None),
        (-INF, None),
        ({"a": NAN, "b": 2, "c": None}, {"b": 2, "c": None}),
        ([1.0, INF, {"x": NAN}], [1.0, None, {}]),
        ((1, NAN), [1, None]),
        ({1: "one"}, {"1": "one"}),
        ({"a": {"b": [NAN]}}, {"a": {"b": [None]}}),
        (np.float64("nan"), None),
        (True, True),
        ("nan", "nan"),
    ],
)
def test_what_is_left_of_a_value_without_what_is_no_number(value: Any, wanted: Any) -> None:
    assert finite(value) == wanted
    json.dumps(finite(value), allow_nan=False)


@pytest.mark.parametrize("place", [0, 1, 20, -3, -2])
def test_a_line_torn_anywhere_is_cut_and_its_number_given_again(place: int, tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    for step in range(3):
        log.emit("resume", step=step)
    log.close()
    path = tmp_path / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:place])
    again = EventLog(tmp_path)
    assert (again.number, path.read_bytes()) == (2, b"".join(lines[:2]))
    again.emit("resume", step=9)
    again.close()
    assert [json.loads(line)["n"] for line in path.read_bytes().splitlines()] == [0, 1, 2]


def test_a_kind_of_event_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    with pytest.raises(ValueError, match="unknown event 'stoped'"):
        log.emit("stoped", step=1)
    log.close()
    assert (tmp_path / "events.jsonl").read_bytes() == b""
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_warning_is_its_sentence(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.warn("checkpoint_corrupt", step=7)
    with pytest.raises(KeyError):
        log.warn("no such message")
    log.close()
    (line,) = (tmp_path / "events.jsonl").read_text().splitlines()
    event = json.loads(line)
    assert (event["code"], event["params"]) == ("checkpoint_corrupt", {"step": 7})
    assert event["text"] == MESSAGES["checkpoint_corrupt"] % {"step": 7}


def test_who_is_not_the_first_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = NoEvents()
    log.emit("stopped", step=1)
    log.warn("checkpoint_corrupt", step=7)
    log.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "fields", "line"),
    [
        ("resume", {"step": 4}, "resume at step 4"),
        ("start", {"parameters": 12345, "device": "cpu", "threads": 2}, "12,345 parameters on cpu, 2 threads"),
        ("checkpoint", {"step": 4, "best": False}, "step 4: checkpoint saved"),
        ("progress", {"step": 4}, None),
        (
            "trial",
            {"number": 2, "values": {"train.lr": 0.1}, "state": "done", "step": 3, "score": 1.5},
            "trial 2 done: train.lr = 0.1, score 1.5",
        ),
        (
            "done",
            {"step": 9, "seconds": 61.4, "metrics": {"test/loss": 0.25}},
            "done at step 9 after 61 s: test/loss 0.25",
        ),
    ],
)
def test_what_the_log_says_of_an_event(
    kind: str, fields: dict[str, Any], line: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    log = EventLog(tmp_path)
    log.emit(kind, **fields)
    log.close()
    assert [record.getMessage() for record in caplog.records] == ([line] if line else [])
