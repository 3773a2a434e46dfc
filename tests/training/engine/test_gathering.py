"""A loss that holds the rows of a batch against each other is that of one process, however many share the batch."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.training.engine.conftest import MakeRun, png, profile_for, scenes, tiny, zipped
from tests.training.engine.test_wire import together
from training.engine.contract import DONE, FAILED, Spec, validate
from training.engine.gathering import Gathered
from training.engine.package import load_net
from training.engine.team import Team

STILL: dict[str, Any] = {"model__dropout": 0.0, "train__max_steps": 8, "train__batch": 9}


def found_by(net: nn.Module, steep: Tensor, rows: Tensor, gathered: Gathered | None) -> Tensor:
    told = [net(rows), net(rows.flip(1))]
    one, other = told if gathered is None else gathered(*told)
    likeness = steep * one @ other.T
    return F.cross_entropy(likeness, torch.arange(len(one)))


@pytest.mark.parametrize("rows", [4, 2])  # of two rows a third process has none
def test_gradients_of_a_team_are_those_of_one_process(rows: int) -> None:
    chance = torch.Generator().manual_seed(1)
    batch, net = torch.randn(rows, 3, generator=chance), nn.Linear(3, 2)
    steep = torch.tensor(2.0, requires_grad=True)
    numbers = [*net.parameters(), steep]
    loss = found_by(net, steep, batch, None)
    wanted = torch.cat([grad.flatten() for grad in torch.autograd.grad(loss, numbers)])

    team = Team(3)
    gathered, told = Gathered(team, 4, 4), team.zeros(3, len(wanted) + 1)
    gathered.begin(rows)

    def work() -> None:
        mine = batch[team.rank :: team.ranks]
        share = found_by(net, steep, mine if len(mine) else batch[:1], gathered) * (len(mine) / rows)
        grads = torch.autograd.grad(share, numbers)
        told[team.rank] = torch.cat([share.detach().view(1), *(grad.flatten() for grad in grads)])
        team.meet()

    team.split(work)
    work()
    team.dismiss()
    torch.testing.assert_close(told.sum(0), torch.cat([loss.detach().view(1), wanted]))


def one_caption_each() -> bytes:
    """Of each scene where its light rectangle is, so that no chance picks a caption."""
    members, lines = {}, ["file,text"]
    for n, (pixels, boxes) in enumerate(scenes(60)):
        members[f"{n:03}.png"] = png(pixels)
        lines.append(f"{n:03}.png,{' '.join(f'{label} {x} {y}' for label, x, y, _, _ in boxes)}")
    return zipped(members | {"captions.csv": "\n".join(lines).encode()})


def unmoved() -> None:
    """A hook after which images stay where they are: how they are moved hangs on the process."""
    from training.engine.tasks import image_text

    image_text.moves = lambda count, side, chance: np.zeros((2, count), dtype=np.int64)  # type: ignore[assignment]


@pytest.mark.parametrize("task", ["sentence-embedding", "image-text"])
def test_processes_lose_what_one_does(task: str, make_run: MakeRun) -> None:
    blob = one_caption_each() if task == "image-text" else None
    hook = unmoved if task == "image-text" else lambda: None
    one, two, wired = (
        make_run(name, tiny(task, **STILL, resources__cpus=cpus), blob)
        for name, cpus in (("one", 1), ("two", 2), ("wired", 1))
    )

    def both() -> None:
        hook()
        together()()

    assert (one.go(hook), two.go(hook), wired.go(both)) == (DONE, DONE, DONE), one.log + two.log + wired.log
    for other in (two, wired):
        assert other.curve.keys() == one.curve.keys()
        np.testing.assert_allclose(list(other.curve.values()), list(one.curve.values()), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("task", ["sentence-embedding", "image-text"])
def test_their_batches_are_not_cut(task: str) -> None:
    (issue,) = validate(Spec.from_json(tiny(task, train__micro=4)), profile_for(task))
    assert (issue.path, issue.code) == ("train.micro", "micro_unfit") and "train.batch" in issue.hint


def ungathered() -> None:
    """A hook after which nothing can be handed around."""

    def refuse(self: Gathered, *own: Tensor) -> list[Tensor]:
        raise AssertionError("pieces of a batch do not come together")

    Gathered.__call__ = refuse  # type: ignore[method-assign]


def test_a_run_from_when_they_could_be_cut_goes_on(make_run: MakeRun) -> None:
    """Its spec can be read, and each process holds the rows of a piece against each other, as it did."""
    run = make_run("run", tiny("sentence-embedding", **STILL, train__micro=4, resources__cpus=2))
    assert run.go() == FAILED and run.of("error")[0]["issues"][0]["code"] == "micro_unfit"
    run.write_inputs(fence=2, resume=True)
    assert run.go(ungathered) == DONE, run.log
    assert load_net(run.folder / "out")
