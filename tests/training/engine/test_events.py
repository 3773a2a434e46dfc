"""The event file survives a kill in the middle of a line, and never holds what JSON cannot say."""

import json
from pathlib import Path

import pytest

from training.engine.events import EventLog


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
