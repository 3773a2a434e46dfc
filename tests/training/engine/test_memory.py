"""Where memory runs out, a run goes on from its last good checkpoint with half as many rows at once: one time."""

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import MakeRun, Run, kill_at, tiny
from training.engine.contract import DONE, FAILED, STOPPED
from training.engine.team import out_of_memory

ALLOCATOR = "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried to allocate"
CALM: dict[str, Any] = {"model__dropout": 0.0, "keep__checkpoint_every_steps": 4}


def full(step: int, rows: int, rank: int = 0, error: Exception | None = None) -> Callable[[], None]:
    """A hook after which, from a step on, a process of the run has no room for more than so many rows."""

    def before() -> None:
        from training.engine.loop import Loop

        own = Loop.step

        def call(self: Loop) -> None:
            if self.state.step >= step and self.team.rank == rank and (self.micro or self.spec.train.batch) > rows:
                raise error or MemoryError
            own(self)

        Loop.step = call  # type: ignore[method-assign]

    return before


def halved(run: Run) -> list[tuple[int, int]]:
    """(rows, step) of each time that it went on with fewer rows."""
    found = [event["params"] for event in run.of("warning") if event["code"] == "oom_halved"]
    return [(params["rows"], params["step"]) for params in found]


@pytest.mark.parametrize(
    ("cpus", "rank", "error"),
    [
        (1, 0, MemoryError()),
        (2, 0, torch.OutOfMemoryError("CUDA out of memory.")),
        (2, 1, RuntimeError(ALLOCATOR)),
    ],
)
def test_half_as_many_rows_from_the_start(cpus: int, rank: int, error: Exception, make_run: MakeRun) -> None:
    """Memory runs out before the first checkpoint: all is as if the run had been asked for so few rows."""
    spec = {"model__dropout": 0.1, "resources__cpus": cpus}
    asked, run = (
        make_run("asked", tiny("causal-lm", **spec, train__micro=4)),
        make_run("run", tiny("causal-lm", **spec)),
    )
    assert asked.go() == DONE, asked.log
    assert run.go(full(3, 4, rank, error)) == DONE, run.log
    assert halved(run) == [(4, 0)]
    assert run.weights == asked.weights
    assert {k: v for k, v in run.curve.items() if "loss" in k} == {k: v for k, v in asked.curve.items() if "loss" in k}
    assert json.loads((run.folder / "out" / "resolved.json").read_text())["micro"] == 4


@pytest.mark.parametrize("cpus", [1, 2])
def test_it_goes_on_from_the_last_checkpoint(cpus: int, make_run: MakeRun) -> None:
    spec = tiny("causal-lm", **CALM, resources__cpus=cpus)
    whole, run = make_run("whole", spec), make_run("run", spec)
    assert whole.go() == DONE, whole.log
    assert run.go(full(6, 4)) == DONE, run.log
    assert halved(run) == [(4, 4)]
    assert [event["step"] for event in run.of("resume")] == [4]
    assert run.curve.keys() == whole.curve.keys()
    np.testing.assert_allclose(list(run.curve.values()), list(whole.curve.values()), rtol=3e-4)


def test_a_stop_afterwards_changes_nothing(make_run: MakeRun) -> None:
    """How many rows there is room for is part of a checkpoint."""
    spec = tiny("causal-lm", **CALM | {"model__dropout": 0.1})
    whole, broken = make_run("whole", spec), make_run("broken", spec)
    assert whole.go(full(6, 4)) == DONE, whole.log

    def both() -> None:
        full(6, 4)()
        kill_at(9, signal.SIGTERM)()

    assert broken.go(both) == STOPPED, broken.log
    broken.write_inputs(fence=2, resume=True)
    assert broken.go(full(0, 3)) == FAILED  # it was halved once, in an earlier attempt
    assert broken.of("error")[0]["message"] == "oom_estimate"
    broken.write_inputs(fence=3, resume=True)
    assert broken.go(full(0, 4)) == DONE, broken.log
    assert halved(broken) == [(4, 4)] and broken.weights == whole.weights


@pytest.mark.parametrize(
    ("task", "changes", "told"),
    [
        ("causal-lm", {}, [(4, 0)]),  # and then there is no room for four either
        ("causal-lm", {"train__micro": 2, "resources__cpus": 2}, []),  # a row in each process already
        ("sentence-embedding", {}, []),  # rows are told from each other
    ],
)
def test_it_ends_with_the_estimate(task: str, changes: dict[str, Any], told: list[Any], make_run: MakeRun) -> None:
    run = make_run("run", tiny(task, **changes))
    assert run.go(full(2, 0)) == FAILED, run.log
    (error,) = run.of("error")
    assert halved(run) == told and error["code"] == "oom"
    assert "the estimate was" in error["text"] and " GB." in error["text"]


def test_what_says_that_memory_ran_out() -> None:
    assert out_of_memory(MemoryError()) and out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert out_of_memory(RuntimeError(ALLOCATOR)) and out_of_memory(RuntimeError("not enough memory: you tried"))
    assert not out_of_memory(RuntimeError("shapes differ")) and not out_of_memory(OSError("can't allocate memory"))
    assert not out_of_memory(OSError(os.strerror(28)))
