"""What happens around a step: told at its time, once, and of the right steps; judged, ended and saved by the rules."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.training.engine.test_loop import PLAIN, line, lines_spec, loop_of, steps
from training.engine import checkpoint, listeners
from training.engine.checkpoint import Owner
from training.engine.errors import EngineError
from training.engine.events import EventLog
from training.engine.listeners import Checkpointer, Ender, Evaluator, Logger, read_state
from training.engine.loop import BAD, DONE, LIMIT, LOSS, REACHED, STOP, Loop
from training.engine.tasks.base import Judged, Report

NAN = float("nan")
OWNER = Owner(job="j", fence=1, spec_sha256="s", recipe_sha256="r", data_sha256="d", code="1", torch="2")


@pytest.fixture
def events(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path)


def told(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Events of a kind, without what every event has."""
    found = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [{k: v for k, v in event.items() if k not in ("t", "n", "e")} for event in found if event["e"] == kind]


def going(loop: Loop, count: int, *around: Any) -> Loop:
    """Listeners look before the first step and after every one."""
    for n in range(count + 1):
        if n:
            loop.step()
        for listener in around:
            listener(loop)
    return loop


# -- the log


@pytest.mark.parametrize(
    ("steps_of_run", "every"), [(1, 1), (12, 1), (500, 1), (501, 2), (1_000, 2), (1_001, 3), (10_000_000, 20_000)]
)
def test_a_run_has_at_most_500_points_behind_its_first(steps_of_run: int, every: int, events: EventLog) -> None:
    assert Logger(events, steps_of_run).every == every
    assert math.ceil(steps_of_run / every) <= 500


def test_the_loss_that_is_told_is_the_mean_since_the_last_time(events: EventLog, tmp_path: Path) -> None:
    loop, logger = loop_of(lines_spec(**PLAIN), line()), Logger(events, 12)
    logger.every = 3
    losses, before = [], 0.0
    logger(loop)
    for _ in range(12):
        loop.step()
        now = float(loop.stats[LOSS])
        losses.append(now - before)
        before = now if loop.state.step % 3 and loop.state.step > 1 else 0.0
        logger(loop)
    found = told(tmp_path, "metric")
    assert [event["step"] for event in found] == [1, 3, 6, 9, 12]
    wanted = [losses[0], sum(losses[1:3]) / 2, *(sum(losses[n : n + 3]) / 3 for n in range(3, 12, 3))]
    assert [event["values"]["train/loss"] for event in found] == pytest.approx(wanted)
    assert {event["values"]["train/lr"] for event in found} == {0.05}


def test_the_first_and_the_last_step_are_told_whatever_their_number(events: EventLog, tmp_path: Path) -> None:
    logger = Logger(events, 12)
    logger.every = 5
    going(loop_of(lines_spec(**PLAIN), line()), 12, logger)
    assert [event["step"] for event in told(tmp_path, "metric")] == [1, 5, 10, 12]


def test_bad_steps_are_told_once_and_left_out_of_the_mean(events: EventLog, tmp_path: Path) -> None:
    loop = loop_of(lines_spec(**PLAIN), line(), spoil={2: NAN, 3: NAN, 6: NAN})
    going(loop, 8, Logger(events, 12))
    warned = told(tmp_path, "warning")
    assert [(w["code"], w["params"]) for w in warned] == [
        ("loss_not_finite", {"count": 1, "step": 2}),
        ("loss_not_finite", {"count": 2, "step": 3}),
        ("loss_not_finite", {"count": 3, "step": 6}),
    ]
    # A step of which nothing good is known has no loss.
    assert [event["step"] for event in told(tmp_path, "metric")] == [1, 4, 5, 7, 8]


def test_a_bad_step_from_before_a_stop_is_not_told_again(events: EventLog, tmp_path: Path) -> None:
    first = going(loop_of(lines_spec(**PLAIN), line(), spoil={2: NAN}), 4, Logger(events, 12))
    assert len(told(tmp_path, "warning")) == 1
    second = loop_of(lines_spec(**PLAIN), line(), spoil={2: NAN})
    assert second.restore(first.snapshot(first.optimizer.state()))
    going(second, 3, Logger(events, 12))
    assert [w["params"] for w in told(tmp_path, "warning")] == [{"count": 1, "step": 2}, {"count": 2, "step": 6}]


def test_a_bad_step_that_was_not_told_before_a_stop_is_told_after_it(events: EventLog, tmp_path: Path) -> None:
    def logger() -> Logger:
        made = Logger(events, 12)
        made.every = 4
        return made

    first = going(loop_of(lines_spec(**PLAIN), line(), spoil={2: NAN}), 3, logger())
    assert told(tmp_path, "warning") == []
    second = loop_of(lines_spec(**PLAIN), line())
    assert second.restore(first.snapshot(first.optimizer.state()))
    going(second, 6, logger())
    assert [w["params"] for w in told(tmp_path, "warning")] == [{"count": 1, "step": 4}]


def test_three_bad_steps_on_end_end_the_run_at_the_third(events: EventLog) -> None:
    loop = loop_of(lines_spec(**PLAIN), line(), spoil={3: NAN, 4: NAN, 5: NAN})
    with pytest.raises(EngineError) as caught:
        going(loop, 6, Logger(events, 12))
    assert (caught.value.reason, caught.value.step, loop.state.step) == ("diverged", 5, 5)


def test_progress_tells_speed_and_how_long_it_still_takes(
    events: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a second a step; a resumed run counts from where it began."""
    clock = [1_000.0]
    monkeypatch.setattr(listeners.time, "monotonic", lambda: clock[0])
    loop = steps(loop_of(lines_spec(train__max_steps=9, **PLAIN), line()), 2)
    loop.units = 0
    logger = Logger(events, loop.steps)
    logger(loop)
    for _ in range(7):
        clock[0] += 0.5
        loop.step()
        logger(loop)
    found = told(tmp_path, "progress")
    assert [(event["step"], event["steps"], event["eta_s"]) for event in found] == [
        (4, 9, 2.5),
        (6, 9, 1.5),
        (8, 9, 0.5),
        (9, 9, 0.0),
    ]
    assert [event["rate"] for event in found] == [
        15.0,
        15.0,
        16.0,
        14.0,
    ]  # two batches in a second, the last alone in half of one
    assert [event["epoch"] for event in found] == [1.333, 2.0, 2.667, 3.0]
    assert {event["unit"] for event in found} == {"rows"}


# -- the judge


@pytest.mark.parametrize(
    ("primary", "values", "best", "at", "stale"),
    [
        ("rmse", [3.0, 2.0, 2.0, 1.0], 1.0, 4, 0),
        ("rmse", [1.0, 2.0, 1.0], 1.0, 1, 2),  # an equal one is not better
        ("rmse", [2.0, 3.0, 1.0, 4.0], 1.0, 3, 1),
        ("rmse", [0.0, -1.0], -1.0, 2, 0),
        ("r2", [0.1, 0.3, 0.2], 0.3, 2, 1),
        ("r2", [-5.0, -7.0, -6.0], -5.0, 1, 2),
        ("r2", [0.0, 0.0, 0.5], 0.5, 3, 0),
        ("r2", [0.5, 0.5], 0.5, 1, 1),
    ],
)
def test_the_best_is_the_lowest_or_highest_and_the_first_of_equals(
    primary: str, values: list[float], best: float, at: int, stale: int, events: EventLog
) -> None:
    loop, judge = loop_of(lines_spec(eval__primary=primary)), Evaluator(events, 1, 12)
    for step, value in enumerate(values, 1):
        loop.state.step = step
        judge._judge(loop, value)
    state = loop.state
    assert (state.best, state.best_step, state.stale, state.ended_early) == (best, at, stale, False)


@pytest.mark.parametrize(
    ("patience", "values", "ends"),
    [
        (None, [1.0] * 9, None),
        (1, [1.0, 2.0], 2),
        (2, [1.0, 2.0, 0.5, 1.0, 1.0], 5),  # a better one gives it new patience
        (3, [1.0, 2.0, 2.0], None),
        (3, [1.0, 2.0, 2.0, 1.5], 4),
    ],
)
def test_patience_counts_evaluations_without_a_better_one(
    patience: int | None, values: list[float], ends: int | None, events: EventLog
) -> None:
    loop, judge, found = loop_of(lines_spec(train__patience=patience)), Evaluator(events, 1, 12), None
    for step, value in enumerate(values, 1):
        judge._judge(loop, value)
        if loop.state.ended_early and found is None:
            found = step
    assert found == ends


@pytest.mark.parametrize(
    ("asked", "steps_of_run", "every"),
    [(None, 100, 10), (None, 7, 1), (None, 25, 2), (3, 100, 3), (500, 100, 500), (None, 1, 1)],
)
def test_ten_evaluations_in_a_run_where_nothing_else_is_asked(
    asked: int | None, steps_of_run: int, every: int, events: EventLog
) -> None:
    assert Evaluator(events, asked, steps_of_run).every == every


def test_it_is_judged_at_its_steps_and_at_the_last_and_never_twice(events: EventLog, tmp_path: Path) -> None:
    loop, judge = loop_of(lines_spec(eval__samples=1)), Evaluator(events, 5, 12)
    going(loop, 12, judge, judge)
    found = told(tmp_path, "metric")
    assert [event["step"] for event in found] == [5, 10, 12]
    assert all(set(event["values"]) == {"valid/rmse", "valid/r2", "valid/loss"} for event in found)
    assert [event["step"] for event in told(tmp_path, "sample")] == [5, 10, 12]
    scores = [event["values"]["valid/rmse"] for event in found]
    assert (loop.state.best, loop.state.evaluated_step) == (pytest.approx(min(scores)), 12)
    calm = loop_of(lines_spec(eval__samples=0))
    going(calm, 5, Evaluator(events, 5, 12))
    assert len(told(tmp_path, "sample")) == 3  # nothing more


@pytest.mark.parametrize(("unit", "tokens", "limit"), [("rows", 16, 512), ("tokens", 64, 1_024), ("tokens", 32_768, 8)])
def test_a_part_is_judged_as_far_as_there_is_time(
    unit: str, tokens: int, limit: int, events: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, asked = loop_of(lines_spec(model__context=tokens, eval__samples=0)), []
    loop.task.unit = unit
    judge = loop.judge
    monkeypatch.setattr(loop, "judge", lambda part, most: asked.append((part, most)) or judge(part, most))
    loop.state.step = 5
    Evaluator(events, 5, 12)(loop)
    assert asked == [("valid", limit)]


@pytest.mark.parametrize("loss", [NAN, float("inf")])
def test_a_validation_loss_that_is_no_number_ends_the_run_untold(
    loss: float, events: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = loop_of(lines_spec())
    monkeypatch.setattr(loop.task, "report", lambda judged: Report({"rmse": 1.0, "r2": 0.0, "loss": loss}))
    loop.state.step = 5
    with pytest.raises(EngineError) as caught:
        Evaluator(events, 5, 12)(loop)
    assert (caught.value.reason, caught.value.message, caught.value.step) == ("diverged", "diverged_valid", 5)
    assert not told(tmp_path, "metric") and loop.state.best is None


def test_the_example_is_the_worst_item(events: EventLog, tmp_path: Path) -> None:
    loop = loop_of(lines_spec(eval__samples=1))
    loop.state.step = 5
    Evaluator(events, 5, 12)(loop)
    judged: Judged = loop.judge("valid")
    worst = int(abs(judged.rows[:, 1] - judged.rows[:, 2]).argmax())
    assert [event["prompt"] for event in told(tmp_path, "sample")] == [str(worst)]


# -- the end


@pytest.mark.parametrize(
    ("step", "early", "asked", "elapsed", "until", "why"),
    [
        (0, False, False, 0.0, None, None),
        (11, False, False, 59.0, None, None),
        (12, False, False, 0.0, None, DONE),
        (13, False, False, 0.0, None, DONE),
        (3, True, False, 0.0, None, DONE),
        (3, False, True, 0.0, None, STOP),
        (12, False, True, 0.0, None, DONE),  # nothing is left that a stop could save
        (3, False, False, 60.0, None, LIMIT),
        (3, False, True, 60.0, None, STOP),
        (12, False, False, 99.0, None, DONE),
        (5, False, False, 0.0, 6, None),
        (6, False, False, 0.0, 6, REACHED),
        (7, False, False, 0.0, 6, REACHED),
        (6, False, False, 60.0, 6, LIMIT),
        (12, False, False, 0.0, 6, DONE),
    ],
)
def test_why_a_run_is_left(
    step: int,
    early: bool,
    asked: bool,
    elapsed: float,
    until: int | None,
    why: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A minute at most, twelve steps."""
    loop = loop_of(lines_spec())
    loop.state.step, loop.state.ended_early, loop.stop.requested = step, early, asked
    monkeypatch.setattr(loop, "tick", lambda: elapsed)
    Ender(1.0, until)(loop)
    assert loop.leave == why


# -- what is saved


def saver_of(folder: Path, events: EventLog, loop: Loop, **facts: Any) -> Checkpointer:
    return Checkpointer(events, folder / "ckpt", OWNER, loop.spec, facts)


@pytest.mark.parametrize(("every", "wanted"), [(None, []), (1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6]), (7, [7]), (9, [])])
def test_it_is_saved_every_so_many_steps(
    every: int | None, wanted: list[int], events: EventLog, tmp_path: Path
) -> None:
    loop = loop_of(lines_spec(keep={"checkpoint_every_s": 3600, "checkpoint_every_steps": every, "last": 9}))
    saver = saver_of(tmp_path, events, loop)
    going(loop, 7, saver)
    saver.settle()
    assert [event["step"] for event in told(tmp_path, "checkpoint")] == wanted
    assert sorted(checkpoint.step_of(path) for path in checkpoint.found(tmp_path / "ckpt")) == wanted


def test_it_is_saved_after_so_many_seconds(events: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(listeners.time, "monotonic", lambda: clock[0])
    loop = loop_of(lines_spec(keep={"checkpoint_every_s": 10}))
    saver = saver_of(tmp_path, events, loop)
    for step in range(1, 9):
        clock[0] = 4.0 * step
        going(loop, 0, saver) if step == 1 else None
        loop.step()
        saver(loop)
    saver.settle()
    assert [event["step"] for event in told(tmp_path, "checkpoint")] == [3, 6]  # at 12 s and, ten later, at 24 s


@pytest.mark.parametrize(("best", "wanted", "kept"), [(1, [2, 5], [5, 2]), (0, [], [])])
def test_every_new_best_is_saved_where_it_is_kept(
    best: int, wanted: list[int], kept: list[int], events: EventLog, tmp_path: Path
) -> None:
    loop = loop_of(lines_spec(keep={"checkpoint_every_s": 3600, "best": best}))
    saver = saver_of(tmp_path, events, loop)
    for _ in range(7):
        loop.step()
        if loop.state.step in (2, 5):
            loop.state.best, loop.state.best_step = -float(loop.state.step), loop.state.step
        saver(loop)
    saver.settle()
    found = told(tmp_path, "checkpoint")
    assert [(event["step"], event["best"]) for event in found] == [(step, True) for step in wanted]
    assert [checkpoint.step_of(path) for path in checkpoint.found(tmp_path / "ckpt")] == kept


@pytest.mark.parametrize(("best", "kept"), [(1, [7, 6, 2]), (0, [7, 6])])
def test_the_newest_stay_and_the_best_where_it_is_asked_for(
    best: int, kept: list[int], events: EventLog, tmp_path: Path
) -> None:
    loop = loop_of(lines_spec(keep__checkpoint_every_steps=1, keep__best=best, keep__last=2))
    saver = saver_of(tmp_path, events, loop)
    loop.state.best, loop.state.best_step = 0.0, 2
    going(loop, 7, saver)
    saver.settle()
    assert [checkpoint.step_of(path) for path in checkpoint.found(tmp_path / "ckpt")] == kept


def test_a_net_in_trouble_is_not_saved(events: EventLog, tmp_path: Path) -> None:
    """Neither in a streak of bad steps, nor ever again once it is given up; nor is a step saved twice."""
    loop = loop_of(lines_spec(keep__checkpoint_every_steps=1), line(), spoil={2: NAN, 5: NAN, 6: NAN, 7: NAN})
    saver = saver_of(tmp_path, events, loop)
    going(loop, 9, saver)
    saver.save(loop)
    assert [event["step"] for event in told(tmp_path, "checkpoint")] == [1, 3, 4]
    assert loop.stats[BAD] == 4


def test_a_step_is_saved_once_and_not_after_a_resume(events: EventLog, tmp_path: Path) -> None:
    loop = loop_of(lines_spec(keep__checkpoint_every_steps=2))
    saver = saver_of(tmp_path, events, loop)
    saver.resumed(2)
    steps(loop, 2)
    saver(loop)
    saver.save(loop)
    assert told(tmp_path, "checkpoint") == []
    loop.leave = STOP
    steps(loop, 2)
    saver(loop)  # as it leaves, `save` does it
    saver.settle()
    assert told(tmp_path, "checkpoint") == []
    saver.save(loop)
    saver.save(loop)
    assert [event["step"] for event in told(tmp_path, "checkpoint")] == [4]


def test_what_is_told_of_a_checkpoint_is_what_lies_there(events: EventLog, tmp_path: Path) -> None:
    loop = steps(loop_of(lines_spec(train__ema_decay=0.9)), 3)
    loop.state.best, loop.state.best_step = 0.25, 2
    saver_of(tmp_path, events, loop, prepared_sha256="p").save(loop)
    (event,) = told(tmp_path, "checkpoint")
    folder = tmp_path / event["path"]
    assert (event["path"], event["step"], event["best"]) == ("ckpt/3-f1", 3, False)
    assert event["sha256"] == checkpoint.file_sha256(folder / "meta.json")
    assert event["size_bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    meta = checkpoint.verify(folder)
    assert meta is not None
    assert (meta["prepared_sha256"], meta["values"], meta["job"]) == ("p", {"rmse": 0.25}, "j")
    state = read_state(folder)
    assert set(state["optimizer"]) == {"layout", "mean", "square", "steps", "average"}
    assert state["state"]["best_step"] == 2
    again = loop_of(lines_spec(train__ema_decay=0.9))
    assert again.restore(state) and again.optimizer.steps == 3
