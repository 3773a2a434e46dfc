"""Processes that torchrun started: the same losses as one process, and going on with another number of them."""

import os
import signal
import socket
from collections.abc import Callable

import numpy as np

from tests.training.engine.conftest import MakeRun, Run, kill_at, tiny
from training.engine.contract import DONE, FAILED, STOPPED

CALM = {"model__dropout": 0.0, "eval__samples": 1}


def together(then: Callable[[], None] = lambda: None) -> Callable[[], None]:
    """A hook after which two processes go on, as torchrun starts them; `then` happens in the first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def before() -> None:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        os.environ |= {"RANK": "0", "LOCAL_RANK": "0"}
        if os.fork() == 0:
            os.environ |= {"RANK": "1", "LOCAL_RANK": "1"}
        else:
            then()

    return before


def same(one: Run, other: Run) -> None:
    """The same losses and figures up to rounding: sums are taken in another order."""
    first, second = one.curve, other.curve
    assert first.keys() == second.keys()
    np.testing.assert_allclose(list(first.values()), list(second.values()), rtol=3e-4)


def test_two_processes_of_torchrun_learn_the_same_as_one_and_may_become_one(make_run: MakeRun) -> None:
    one, two, moved = (make_run(name, tiny("causal-lm", **CALM)) for name in ("one", "two", "moved"))
    assert one.go() == DONE, one.log
    assert two.go(together()) == DONE, two.log
    same(one, two)
    numbers = [event["n"] for event in two.events]
    assert numbers == list(range(len(numbers)))  # the first alone writes
    assert moved.go(together(kill_at(5, signal.SIGTERM))) == STOPPED, moved.log
    assert moved.resume() == DONE, moved.log  # one process goes on …
    same(one, moved)
    back = make_run("back", tiny("causal-lm", **CALM))
    assert back.go(kill_at(7, signal.SIGTERM)) == STOPPED
    back.write_inputs(fence=2, resume=True)
    assert back.go(together()) == DONE, back.log  # … and two where there was one
    same(one, back)


def test_what_the_first_process_cannot_do_ends_both(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm", search={"kind": "grid", "space": {"train.lr": "0.1"}}))
    assert run.go(together()) == FAILED
    assert run.of("error")[0]["message"] == "search_alone"
