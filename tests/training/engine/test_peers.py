"""The benchmark beside other trainers: the part of it that is ours runs, and learns what a loop by hand learns."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import _peers, engine_peers

TINY = {"layers": 1, "heads": 2, "width": 16, "context": 8, "batch": 4}
TEXT = "the cat sees a dog, and a dog likes the sea. " * 60


class EnoughError(Exception):
    pass


class Ends(_peers.Gate):
    """A gate that is shut behind five steps."""

    def __init__(self) -> None:
        super().__init__({"warm": 5, "block": 0}, -1)

    def __call__(self) -> None:
        if self.step == self.marks:
            raise EnoughError
        self.step += 1


def losses_of(trainer: Any, order: dict[str, Any]) -> list[float]:
    gate, own = Ends(), Path(order["folder"]) / trainer.__name__
    own.mkdir()
    with pytest.raises(EnoughError):
        trainer({**order, "own": str(own)}, gate)
    return [float(loss) for loss in gate.losses]


@pytest.fixture
def order(tmp_path: Path) -> dict[str, Any]:
    return {**TINY, "folder": str(tmp_path), "threads": 1, "precision": "fp32", "warm": 0, "block": 0}


def test_engine_and_a_loop_by_hand_learn_the_same(
    order: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engine_peers.NETS, "a", TINY)
    order["vocab"] = engine_peers.write_material(tmp_path, "a", TEXT)
    ours, theirs = losses_of(_peers.engine, order), losses_of(_peers.plain, order)
    assert len(ours) == len(theirs) == 5
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert ours[-1] < ours[0]


def test_rows_of_different_length_are_learnt(order: dict[str, Any], tmp_path: Path) -> None:
    order |= {"context": 64, "vocab": 300}
    order |= engine_peers.write_rows(tmp_path, order, TEXT)
    losses = losses_of(_peers.bert_engine, order)
    assert len(losses) == 5
    assert all(0 < loss < 2 * np.log(2) for loss in losses)
