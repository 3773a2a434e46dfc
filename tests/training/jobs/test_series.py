"""Curves from events: by offset, after a resume anew, thinned without losing a spike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.jobs.series import POINTS_MAX, curves_after, thin


def write(path: Path, *events: dict) -> None:
    with path.open("a") as file:
        for event in events:
            file.write(json.dumps({"t": 0.0, "n": 0, **event}) + "\n")


def metric(step: int, **values: float) -> dict:
    return {"e": "metric", "step": step, "values": {key.replace("_", "/"): value for key, value in values.items()}}


def drawn(curves) -> dict:
    return {one["name"]: (one["x"], one["y"]) for one in curves.series}


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "events.jsonl"


def test_nothing_written_yet_is_no_fault(path):
    assert curves_after(path, 0).series == []
    assert curves_after(path, 0).cursor == 0


def test_points_come_once_by_cursor(path):
    write(path, metric(1, train_loss=3.0), metric(2, train_loss=2.0))
    first = curves_after(path, 0)
    write(path, metric(3, train_loss=1.0, valid_loss=1.5))
    second = curves_after(path, first.cursor)
    assert drawn(first) == {"train/loss": ([1, 2], [3.0, 2.0])}
    assert drawn(second) == {"train/loss": ([3], [1.0]), "valid/loss": ([3], [1.5])}
    assert curves_after(path, second.cursor).series == []


def test_speed_is_drawn_and_labels_are_words(path):
    write(path, {"e": "progress", "step": 5, "rate": 120.0, "loss": 1.0}, metric(5, valid_accuracy=0.5))
    series = {one["name"]: one for one in curves_after(path, 0).series}
    assert series["rate"]["label"] == "Units per second"
    assert (series["valid/accuracy"]["label"], series["valid/accuracy"]["group"]) == (
        "Validation: accuracy",
        "Accuracy",
    )


def test_loss_comes_before_speed_whichever_was_measured_first(path):
    write(
        path, {"e": "progress", "step": 1, "rate": 120.0}, metric(5, train_lr=0.1, valid_accuracy=0.5, train_loss=2.0)
    )
    series = sorted(curves_after(path, 0).series, key=lambda one: one["rank"])
    assert [one["name"] for one in series] == ["train/loss", "valid/accuracy", "train/lr", "rate"]


def test_a_resumed_attempt_replaces_what_it_does_again(path):
    write(path, {"e": "start"}, *[metric(step, train_loss=float(step)) for step in (1, 2, 3, 4)])
    before = curves_after(path, 0)
    write(path, {"e": "resume", "step": 2}, {"e": "start"}, metric(3, train_loss=30.0))
    after = curves_after(path, before.cursor)
    assert after.reset
    assert drawn(after) == {"train/loss": ([1, 2, 3], [1.0, 2.0, 30.0])}


def test_a_torn_line_waits_for_its_end(path):
    write(path, metric(1, train_loss=3.0))
    with path.open("a") as file:
        file.write('{"e": "metric", "st')
    assert drawn(curves_after(path, 0)) == {"train/loss": ([1], [3.0])}


def test_thinning_keeps_ends_and_extremes():
    xs = [float(n) for n in range(50_000)]
    ys = [0.5] * len(xs)
    ys[31_337], ys[123] = 9.0, -9.0
    kept_x, kept_y = thin(xs, ys)
    assert len(kept_x) <= POINTS_MAX
    assert (kept_x[0], kept_x[-1]) == (0.0, 49_999.0)
    assert (max(kept_y), min(kept_y)) == (9.0, -9.0)
    assert kept_x == sorted(set(kept_x))


def test_few_points_stay_as_they_are():
    assert thin([1, 2], [3, 4]) == ([1, 2], [3, 4])
