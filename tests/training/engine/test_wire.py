"""Processes that torchrun started: the same losses as one process, and going on with another number of them."""

import importlib
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import MakeRun, Run, kill_at, tiny
from training.engine.contract import DONE, FAILED, STOPPED, Spec, SpecError
from training.engine.wire import Wire

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


@pytest.mark.parametrize("arch", ["gpt", "llama"])
def test_a_net_divided_between_processes_learns_the_same(arch: str, make_run: MakeRun) -> None:
    """FSDP2: equal losses to one process, checkpoints that one process goes on from, and a whole package."""
    for name in ("torch._dynamo", "training.engine.sharding"):  # once, rather than in every run
        importlib.import_module(name)
    model = {"arch": arch, "size": "nano", "layers": 2, "width": 16, "context": 16}
    calm = {"model": model, "train__micro": 3, "train__gradient_checkpointing": arch == "gpt"}
    one = make_run("one", tiny("causal-lm", **calm | {"train__micro": None}))
    two, moved = (make_run(name, tiny("causal-lm", **calm, train__shard=True)) for name in ("two", "moved"))
    assert one.go() == DONE, one.log
    assert two.go(together(is_divided)) == DONE, two.log
    same(one, two)
    assert two.result["metrics"] == pytest.approx(one.result["metrics"], rel=1e-3)
    if arch == "gpt":
        assert moved.go(together(kill_at(5, signal.SIGTERM))) == STOPPED, moved.log
        moved.write_inputs(fence=2, resume=True)
        assert moved.go(kill_at(8, signal.SIGTERM)) == STOPPED, moved.log  # one process goes on,
        assert moved.resume(fence=3) == DONE, moved.log
        same(one, moved)


def is_divided() -> None:
    """Hold that a process has half of each weight and moment while it learns."""
    from training.engine import sharding

    step = sharding.ShardedOptimizer.step

    def call(self: Any, *words: Any) -> Any:
        whole = sum(p.numel() for p in self.net.parameters())
        assert sum(p.to_local().numel() for p in self.net.parameters()) <= 0.55 * whole
        assert sum(mean.numel() for mean in self.mean) <= 0.55 * whole
        return step(self, *words)

    sharding.ShardedOptimizer.step = call  # type: ignore[method-assign]


def test_what_cannot_be_divided_is_told_at_its_place() -> None:
    with pytest.raises(SpecError) as caught:
        Spec.from_json(tiny("causal-lm", train__shard=True, train__ema_decay=0.9))
    assert [(issue.path, issue.code) for issue in caught.value.issues] == [("train.shard", "shard_unfit")]


def test_processes_of_torchrun_meet_by_hand() -> None:
    """What the first has goes to the other, sums are of both, and rows of any number come to where they are asked."""
    hook = together()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            hook()
            wire = Wire(torch.device("cpu"))
            own = wire.rank + 1
            told, total = torch.tensor([own * 5.0]), torch.tensor([own * 1.0, 10.0])
            wire.share(told)
            wire.sum(total)
            assert (wire.ranks, told.tolist(), total.tolist()) == (2, [5.0], [3.0, 20.0])
            found = [part.tolist() for part in wire.gather(np.full((own, 2), float(own)))]
            assert found == ([] if wire.rank else [[[1, 1]], [[2, 2], [2, 2]]])
            rows = wire.spread(torch.full((own, 1), float(own), dtype=torch.float64), [1, 2])
            assert [part.tolist() for part in rows] == [[[1]], [[2], [2]]]
            wire.meet()
            code = 0 if wire.rank or os.waitstatus_to_exitcode(os.wait()[1]) == 0 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
