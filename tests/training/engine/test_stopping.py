"""SIGTERM is heard in every phase before much more is done, and a resume goes on as if nothing had happened."""

import importlib
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.engine.conftest import VERSION, MakeRun, kill_at, tiny
from tests.training.engine.test_start import begin_with
from training.engine import metrics, precision
from training.engine.checkpoint import file_sha256
from training.engine.contract import DONE, STOPPED
from training.engine.errors import Stop, StopRequestedError


def named(path: str) -> tuple[Any, str]:
    """(what holds a function, its name) of `module.function` or `module.Class.function`."""
    module, *holders, name = path.split(":")
    holder: Any = importlib.import_module(f"training.engine.{module}")
    for one in holders:
        holder = getattr(holder, one)
    return holder, name


def signalled(at: str, before_that: str) -> Callable[[], None]:
    """A hook after which a signal comes as `at` begins; `before_that` is to be over before that is ever called."""

    def hook() -> None:
        (holder, name), (late, late_name) = named(at), named(before_that)
        own, own_late, sent = getattr(holder, name), getattr(late, late_name), []

        def call(*words: Any, **more: Any) -> Any:
            if not sent:
                sent.append(True)
                os.kill(os.getpid(), signal.SIGTERM)
            return own(*words, **more)

        def too_late(*words: Any, **more: Any) -> Any:
            if sent:
                os._exit(98)
            return own_late(*words, **more)

        setattr(holder, name, call)
        setattr(late, late_name, too_late)

    return hook


@pytest.mark.parametrize(
    ("at", "before_that", "step"),
    [
        ("prepare:_check_blob", "tasks.causal_lm:Task:prepare", 0),
        ("tasks.base:train_tokenizer", "tokenizing:Tokenizer:save", 0),
        ("tasks.causal_lm:Task:prepare", "prepare:_seal", 0),
        ("prepare:_seal", "prepare:canonical_json", 0),
        ("loop:Loop:step", "loop:Loop:judge", 1),
        ("tasks.causal_lm:Task:measure", "listeners:Evaluator:_judge", 4),
        ("listeners:Checkpointer:save", "metrics:text_interval", 12),
        ("metrics:text_interval", "metrics:_middle", 12),
        ("tasks.causal_lm:Task:baseline", "package:write_package", 12),
        ("package:write_package", "package:fsync", 12),
        ("package:card", "package:fsync", 12),
    ],
)
def test_a_stop_in_any_phase_changes_nothing(at: str, before_that: str, step: int, make_run: MakeRun) -> None:
    whole, broken = make_run("whole", tiny("causal-lm")), make_run("broken", tiny("causal-lm"))
    assert whole.go() == DONE, whole.log
    assert broken.go(signalled(at, before_that)) == STOPPED, broken.log
    assert broken.of("stopped")[0]["step"] == step
    assert not (broken.folder / "out").exists()
    prepared = broken.folder / "prepared"
    assert not prepared.exists() or all((folder / "prepared.json").exists() for folder in prepared.iterdir())
    assert broken.resume() == DONE, broken.log
    assert (broken.curve, broken.weights) == (whole.curve, whole.weights)
    reports = [json.loads((run.folder / "out" / "report.json").read_text()) for run in (whole, broken)]
    assert reports[0] == reports[1]


def test_a_stop_is_heard_while_checkpoints_and_starts_are_hashed(make_run: MakeRun) -> None:
    worse = tiny("causal-lm", train__lr=3.0, train__clip=None, train__warmup=0.0)  # so that the best is not the last
    run = make_run("run", worse)
    assert run.go(kill_at(6, signal.SIGTERM)) == STOPPED, run.log
    run.write_inputs(fence=2, resume=True)
    assert run.go(signalled("run:_Attempt:_restore", "prepare:prepared_sha256")) == STOPPED, run.log
    assert run.go(signalled("run:_Attempt:_take_best", "package:read_tensors")) == STOPPED, run.log
    assert run.resume(3) == DONE, run.log
    assert run.of("done")[0]["step"] == 12
    again = make_run("again", worse | {"model": worse["model"] | {"start": VERSION}})
    begin_with(again, run.folder / "out")
    assert again.go(signalled("package:load_net", "package:import_tensors")) == STOPPED, again.log


def test_files_and_draws_ask_on_the_way(tmp_path: Path) -> None:
    asked: list[int] = []

    def twice() -> None:
        asked.append(1)
        if len(asked) % 2 == 0:
            raise StopRequestedError

    (tmp_path / "file").write_bytes(bytes(3 << 20))
    rows, ones = np.ones((20, 2)), np.ones(20)
    ranked = [precision.Ranked(np.arange(4), np.ones((4, 10), bool), np.ones(4))]
    for work in (
        lambda: file_sha256(tmp_path / "file", twice),
        lambda: metrics.text_interval(ones, ones, ones, "loss", None, check=twice),
        lambda: metrics.sums_interval(rows, lambda sums: sums[:, 0], check=twice),
        lambda: metrics.rows_interval(rows, lambda drawn: float(drawn.sum()), check=twice),
        lambda: metrics.mean_interval(ones, check=twice),
        lambda: precision.interval(ranked, "map", 4, check=twice),
    ):
        with pytest.raises(StopRequestedError):
            work()
    assert len(asked) == 12


def test_what_does_not_look_itself_is_attended() -> None:
    stop, held = Stop(), threading.Event()
    assert stop.attend(lambda: 7) == 7
    with pytest.raises(KeyError):
        stop.attend(lambda: {}["nothing"])
    stop.requested = True
    with pytest.raises(StopRequestedError):
        stop.attend(held.wait)  # which would not come back
    held.set()


def test_a_stop_is_heard_though_the_work_was_over_before_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Stop()
    stop.requested = True
    monkeypatch.setattr(threading.Thread, "is_alive", lambda self: False)
    with pytest.raises(StopRequestedError):
        stop.attend(lambda: 7)
