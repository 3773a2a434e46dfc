"""A checkpoint is what the loop was when it was begun, however long its writing takes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from training.engine import checkpoint, listeners, package
from training.engine.checkpoint import Owner
from training.engine.events import EventLog
from training.engine.listeners import Checkpointer
from training.engine.optim import FlatOptimizer

OWNER = Owner(job="j", fence=1, spec_sha256="s", recipe_sha256="r", data_sha256="d", code="1", torch="2")
KEEP = SimpleNamespace(best=0, last=2, checkpoint_every_s=3600.0, checkpoint_every_steps=1)


def loop_of(step: int) -> Any:
    """A net of one matrix and its optimizer, as far as a checkpoint looks."""
    net = torch.nn.Linear(3, 2)
    optimizer = FlatOptimizer(net, 0.1)
    state = SimpleNamespace(step=step, best=None, best_step=None)
    loop = SimpleNamespace(net=net, optimizer=optimizer, state=state, leave=None, spec=SimpleNamespace(primary="loss"))
    loop.stats = torch.zeros(5, dtype=torch.float64)
    loop.collect = lambda: (net.state_dict(), optimizer.state())
    loop.snapshot = lambda told: {"optimizer": told, "state": {"step": state.step}, "stats": loop.stats}
    return loop


@pytest.fixture
def saver(tmp_path: Path) -> Checkpointer:
    return Checkpointer(EventLog(tmp_path), tmp_path / "ckpt", OWNER, SimpleNamespace(keep=KEEP), {})  # type: ignore[arg-type]


def test_steps_while_it_is_written_do_not_reach_it(saver: Checkpointer, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = loop_of(1)
    write, go_on = checkpoint.save, listeners.threading.Event()
    monkeypatch.setattr(checkpoint, "save", lambda *words: go_on.wait(20) and write(*words))
    before = loop.net.weight.detach().clone()
    saver(loop)
    for tensor in (loop.optimizer.weights, loop.optimizer.mean, loop.optimizer.steps, loop.stats):
        tensor.add_(1)
    go_on.set()
    saver.settle()
    (saved,) = checkpoint.found(saver.folder)
    assert torch.equal(package.read_tensors(saved / checkpoint.WEIGHTS)["weight"], before)
    state = listeners.read_state(saved)
    assert not state["optimizer"]["mean"].any()
    assert state["optimizer"]["steps"] == 0
    assert not state["stats"].any()


def test_it_is_told_once_it_is_whole(saver: Checkpointer) -> None:
    loop = loop_of(1)
    saver(loop)
    loop.state.step = 2
    saver.save(loop)
    lines = (saver.folder.parent / "events.jsonl").read_text().splitlines()
    assert ['"step":1,' in lines[0], '"step":2,' in lines[1], len(lines)] == [True, True, 2]
    assert [checkpoint.verify(path) is not None for path in checkpoint.found(saver.folder)] == [True, True]


def test_what_hinders_the_thread_ends_the_run(saver: Checkpointer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "no room")

    monkeypatch.setattr(checkpoint, "save", full)
    saver.begin(loop_of(1))
    with pytest.raises(OSError, match="no room"):
        saver.settle()
    saver.settle()  # and is told once
