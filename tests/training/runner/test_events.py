"""Reading events by offset, and history without what a resume undid."""

from __future__ import annotations

import json

from training.runner.events import all_events, read_events, read_text, without_superseded
from training.runner.ship import points_of, resumed_at


def line(kind: str, **fields) -> bytes:
    return json.dumps({"t": 1.0, "n": 1, "e": kind, **fields}).encode() + b"\n"


def test_a_torn_last_line_waits_for_its_end(tmp_path):
    path = tmp_path / "events.jsonl"
    whole, torn = line("phase", phase="train"), line("progress", step=1)
    path.write_bytes(whole + torn[:10])

    events, offset = read_events(path, 0)
    assert ([e["e"] for e in events], offset) == (["phase"], len(whole))

    path.write_bytes(whole + torn)
    events, offset = read_events(path, offset)
    assert ([e["e"] for e in events], offset) == (["progress"], len(whole + torn))


def test_a_line_that_is_no_event_is_passed_over(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"not json\n" + line("phase", phase="train"))

    assert [e["e"] for e in read_events(path, 0)[0]] == ["phase"]


def test_a_line_longer_than_what_is_read_at_once_comes_alone(tmp_path):
    path = tmp_path / "events.jsonl"
    long, short = line("phase", phase="prepare", text="x" * 300), line("phase", phase="train")
    path.write_bytes(long + short + short)

    events, offset = read_events(path, 0, limit_bytes=100)
    assert ([e["e"] for e in events], offset) == (["phase"], len(long))
    assert [e["e"] for e in read_events(path, offset, limit_bytes=100)[0]] == ["phase"]
    path.write_bytes(long[:-1])
    assert read_events(path, 0, limit_bytes=100) == ([], 0)


def test_no_file_yet_is_no_events(tmp_path):
    assert read_events(tmp_path / "none", 0) == ([], 0)


def test_history_ends_at_the_byte_that_was_asked_for(tmp_path):
    path = tmp_path / "events.jsonl"
    first = line("phase", phase="train")
    path.write_bytes(first + line("phase", phase="package"))

    assert [e["phase"] for e in all_events(path, end=len(first))] == ["train"]


def test_a_resume_takes_back_what_came_after_its_checkpoint():
    events = [
        {"e": "start"},
        *({"e": "metric", "step": step, "values": {"train/loss": step}} for step in (1, 2, 3)),
        {"e": "stopped", "step": 3},
        {"e": "resume", "step": 2},
        {"e": "phase", "phase": "prepare"},
        {"e": "start"},
        {"e": "metric", "step": 3, "values": {"train/loss": 33}},
    ]

    values = [e["values"]["train/loss"] for e in without_superseded(events) if e["e"] == "metric"]

    assert values == [1, 2, 33]


def test_an_attempt_without_a_checkpoint_begins_anew():
    metric = {"e": "metric", "step": 1, "values": {"train/loss": 1}}

    assert without_superseded([{"e": "start"}, metric, {"e": "start"}]) == [{"e": "start"}]


def test_the_step_of_a_resume_is_found():
    assert resumed_at([{"e": "resume", "step": 7}, {"e": "start"}]) == 7
    assert resumed_at([{"e": "start"}]) is None
    assert resumed_at([{"e": "start"}, {"e": "resume", "step": 4}]) is None  # memory ran out within the attempt


def test_points_keep_the_time_of_their_event():
    (point,) = points_of([{"e": "metric", "t": 12.5, "step": 3, "values": {"valid/loss": 0.5}}])

    assert (point.key, point.value, point.step, point.timestamp_ms) == ("valid/loss", 0.5, 3, 12500)


def test_text_is_cut_at_a_whole_line(tmp_path):
    path = tmp_path / "log.txt"
    path.write_bytes("one\ntwo – 二\nthr".encode())

    text, offset = read_text(path, 0)

    assert text == "one\ntwo – 二\n"
    assert read_text(path, offset) == ("thr", offset + 3)
