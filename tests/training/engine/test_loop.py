"""The loop by itself, on a net of a few numbers in memory: steps by hand, in pieces, in a team, and after a stop."""

import copy
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.engine.conftest import tiny
from training.engine import loop as looping
from training.engine import ordering
from training.engine.catalogue import Sizes
from training.engine.errors import Stop, StopRequestedError
from training.engine.loop import BAD, COUNT, DIVERGED, DONE, LOSS, STOP, STREAK, Loop
from training.engine.spec import Spec
from training.engine.tasks.base import Batch, Judged, Report, Task, spaced
from training.engine.team import Team

CPU = torch.device("cpu")


class Lines(Task):
    """Four numbers of a row make one; 23 rows to learn from, 9 to choose by, 12 to be held to."""

    unit = "rows"
    counts = {"train": 23, "valid": 9, "test": 12}

    def __init__(self, spec: Spec, spoil: dict[int, float] | None = None) -> None:
        super().__init__(spec, Stop())
        chance = np.random.default_rng(3)
        self.x = {part: chance.normal(size=(count, 4)) for part, count in self.counts.items()}
        self.y = {part: x @ [1.0, -2.0, 0.5, 0.0] + 0.3 for part, x in self.x.items()}
        self.spoil = spoil or {}  # what the loss of a call is multiplied with
        self.calls = 0
        self.seen: list[int] = []

    def count(self, part: str) -> int:
        return self.counts[part]

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> Batch:
        self.seen.extend(rows.tolist())
        return {name: torch.from_numpy(of["train"][rows]).float() for name, of in (("x", self.x), ("y", self.y))}

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        self.calls += 1
        error = net(batch["x"]).squeeze(1) - batch["y"]
        return error.square().mean() * self.spoil.get(self.calls, 1.0)

    def units(self, batch: Batch) -> int:
        return len(batch["x"])

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        told = net(torch.from_numpy(self.x[part][items]).float()).double().numpy()
        return np.column_stack([items, told[:, 0], self.y[part][items]])

    def report(self, judged: Judged, *, final: bool = False) -> Report:
        loss = float(((judged.rows[:, 1] - judged.rows[:, 2]) ** 2).mean())
        return Report({"rmse": math.sqrt(loss), "r2": 1 - loss, "loss": loss})

    def badness(self, judged: Judged) -> np.ndarray:
        return abs(judged.rows[:, 1] - judged.rows[:, 2])

    def show(self, net: nn.Module, judged: Judged, place: int) -> dict[str, Any]:
        return {"kind": "row", "prompt": str(judged.items[place]), "text": f"{judged.rows[place, 1]:.3f}"}

    @property
    def sizes(self) -> Sizes:
        return Sizes()

    def prepare_key(self) -> dict[str, Any]:
        return {}

    def prepare(self, data: Any, folder: Path) -> dict[str, Any]:
        return {}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        pass

    def baseline(self) -> tuple[str, dict[str, float]]:
        return "nothing", {}

    def package(self, folder: Path) -> dict[str, Any]:
        return {}

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        pass

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        return []


def lines_spec(**changes: Any) -> Spec:
    """A spec for it: that of a task whose figures have the same names."""
    plain = {"train__batch": 8, "train__warmup": 0.0, "train__schedule": "constant", "train__lr": 0.05}
    return Spec.from_json(tiny("text-regression", **plain | changes))


def net_of(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(dropout), nn.Linear(6, 1))


def loop_of(
    spec: Spec, net: nn.Module | None = None, team: Team | None = None, spoil: dict[int, float] | None = None
) -> Loop:
    """A loop on rows in memory, before its first step."""
    task = Lines(spec, spoil)
    words: dict[str, Any] = {"stop": task.stop, "dtype": "fp32", "device": CPU, "team": team}
    return Loop(spec=spec, task=task, net=net or net_of(), **words)


def steps(loop: Loop, count: int) -> Loop:
    for _ in range(count):
        loop.step()
    return loop


def weights(loop: Loop) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in loop.net.state_dict().items()}


PLAIN = {"train__optimizer": "sgd", "train__momentum": 0.0, "train__weight_decay": 0.0, "train__clip": None}


def by_hand(spec: Spec, count: int) -> tuple[np.ndarray, float, list[float]]:
    """(weights, bias, losses) of gradient descent on the mean square error, in numpy."""
    task, w, b, losses = Lines(spec), np.full(4, 0.1), 0.0, []
    x, y, batch = task.x["train"], task.y["train"], spec.train.batch
    for step in range(count):
        epoch, place = divmod(step, -(-len(x) // batch))
        rows = ordering.permutation(len(x), spec.train.seed, epoch)[place * batch :][:batch]
        error = x[rows] @ w + b - y[rows]
        losses.append(float((error**2).mean()))
        w, b = w - 0.05 * 2 * (error @ x[rows]) / len(rows), b - 0.05 * 2 * error.mean()
    return w, b, losses


def line() -> nn.Linear:
    net = nn.Linear(4, 1)
    nn.init.constant_(net.weight, 0.1)
    nn.init.zeros_(net.bias)
    return net


@pytest.mark.parametrize("micro", [None, 1, 2, 3, 5, 7, 8, 50])
@pytest.mark.parametrize("count", [1, 3, 7])
def test_a_batch_in_pieces_of_any_size_is_gradient_descent_by_hand(micro: int | None, count: int) -> None:
    """Of 23 rows the last batch has seven; seven steps are two passes and a step."""
    spec = lines_spec(train__micro=micro, **PLAIN)
    loop = loop_of(spec, line())
    losses = []
    for _ in range(count):
        loop.step()
        losses.append(float(loop.stats[LOSS]))
        loop.stats[LOSS] = 0
    w, b, wanted = by_hand(spec, count)
    np.testing.assert_allclose(losses, wanted, rtol=1e-5)
    np.testing.assert_allclose(loop.net.weight.detach().numpy()[0], w, rtol=1e-5)  # type: ignore[operator]
    assert loop.net.bias.item() == pytest.approx(b, rel=1e-5)  # type: ignore[arg-type]
    assert loop.units == sum([8, 8, 7, 8, 8, 7, 8][:count])


@pytest.mark.parametrize("batch", [1, 4, 8, 23, 40])
def test_each_pass_sees_every_row_once_in_an_order_of_its_own(batch: int) -> None:
    loop = loop_of(lines_spec(train__batch=batch, **PLAIN), line())
    assert loop.task.steps_per_epoch == -(-23 // batch)
    passes = []
    for _ in range(3):
        loop.task.seen = []  # type: ignore[attr-defined]
        steps(loop, loop.task.steps_per_epoch)
        passes.append(loop.task.seen)  # type: ignore[attr-defined]
    assert [sorted(seen) for seen in passes] == [list(range(23))] * 3
    assert len({tuple(seen) for seen in passes}) == 3
    again = loop_of(lines_spec(train__batch=batch, **PLAIN), line())
    steps(again, 3 * again.task.steps_per_epoch)
    assert again.task.seen == [row for seen in passes for row in seen]  # type: ignore[attr-defined]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("bad", "count", "told"),
    [
        # (steps with a bad loss, steps taken) -> (good ones counted, streak, bad ones, step at which it is given up)
        ({}, 4, (4, 0, 0, 0)),
        ({2: NAN}, 4, (3, 0, 1, 0)),
        ({4: INF}, 4, (3, 1, 1, 0)),
        ({1: NAN, 2: -INF}, 4, (2, 0, 2, 0)),
        ({2: NAN, 3: NAN, 4: NAN}, 4, (1, 3, 3, 4)),
        ({2: NAN, 3: NAN, 4: NAN}, 6, (3, 0, 3, 4)),  # that it is good again afterwards comes too late
        ({1: NAN, 2: NAN, 4: NAN, 5: NAN}, 6, (2, 0, 4, 0)),
        ({1: NAN, 2: NAN, 3: NAN, 4: NAN, 5: NAN}, 5, (0, 5, 5, 3)),
    ],
)
def test_steps_that_are_no_numbers_are_counted_and_change_nothing(
    bad: dict[int, float], count: int, told: tuple[int, int, int, int]
) -> None:
    loop = loop_of(lines_spec(**PLAIN), line(), spoil=bad)
    before, losses = weights(loop), 0.0
    for n in range(1, count + 1):
        loop.step()
        after = weights(loop)
        assert all(torch.equal(before[name], after[name]) for name in after) == (n in bad), n
        before = after
    found = loop.stats.tolist()
    assert (found[COUNT], found[STREAK], found[BAD], found[DIVERGED]) == told
    assert math.isfinite(found[LOSS]) and found[LOSS] >= losses
    assert (found[LOSS] > 0) == (told[0] > 0)
    assert loop.optimizer.steps == count - len([n for n in bad if n <= count])


KINDS: list[dict[str, Any]] = [
    {"train__optimizer": "adamw"},
    {"train__optimizer": "adam", "train__micro": 5},
    {"train__optimizer": "sgd", "train__momentum": 0.9, "train__lr": 0.01},
    {"train__optimizer": "adamw", "train__ema_decay": 0.7},
    {"train__schedule": "cosine", "train__warmup": 0.3},
]


@pytest.mark.parametrize("changes", KINDS)
@pytest.mark.parametrize("stop", [0, 1, 3, 5])
def test_a_stop_at_any_step_changes_no_bit(changes: dict[str, Any], stop: int) -> None:
    """Through the bytes of a file, with dropout and a norm that counts, in the middle of a pass."""
    spec = lines_spec(**changes)
    whole = steps(loop_of(spec, net_of(0.4)), 8)
    first = steps(loop_of(spec, net_of(0.4)), stop)
    tensors, state = first.collect()
    file = io.BytesIO()
    torch.save({"net": tensors, "state": first.snapshot(state)}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    torch.manual_seed(99)
    second = loop_of(spec, nn.Sequential(*(copy.deepcopy(part) for part in net_of(0.4))))
    for p in second.net.parameters():
        p.data.normal_()
    second.net.load_state_dict(saved["net"])
    assert second.restore(saved["state"])
    assert second.state.step == stop
    steps(second, 8 - stop)
    for name, tensor in weights(whole).items():
        assert torch.equal(weights(second)[name], tensor), name
    assert all(torch.equal(a, b) for a, b in zip(second.optimizer.tensors(), whole.optimizer.tensors(), strict=True))
    assert second.stats.tolist() == whole.stats.tolist()
    assert second.lr == whole.lr


def test_a_snapshot_holds_what_changed_and_older_ones_say_less() -> None:
    loop = steps(loop_of(lines_spec(train__micro=4)), 2)
    loop.state.best, loop.state.best_step, loop.state.stale = 0.5, 1, 3
    loop.micro, loop.compiled, loop.dtype = 2, True, "bf16"
    told = loop.snapshot(loop.optimizer.state())
    other = loop_of(lines_spec(train__micro=4))
    assert other.restore(told)
    assert (other.state, other.micro, other.compiled, other.dtype) == (loop.state, 2, True, "bf16")
    older = loop_of(lines_spec(train__micro=4))
    assert older.restore({name: value for name, value in told.items() if name not in ("compiled", "micro")})
    assert (older.micro, older.compiled) == (4, False)
    stranger = loop_of(lines_spec(), line())
    assert not stranger.restore(told) and stranger.state.step == 0


def test_chance_comes_from_seed_and_step_alone() -> None:
    """Whatever draws random numbers between the steps."""
    spec = lines_spec()
    calm, busy = loop_of(spec, net_of(0.5)), loop_of(spec, net_of(0.5))
    for n in range(4):
        calm.step()
        torch.manual_seed(n)
        torch.rand(n + 3)
        busy.step()
    assert all(torch.equal(a, b) for a, b in zip(weights(calm).values(), weights(busy).values(), strict=True))


class Dropping(nn.Module):
    """Remembers what was dropped, which does not hang on the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.drop, self.scale, self.masks = nn.Dropout(0.5), nn.Parameter(torch.ones(1)), []

    def forward(self, x: Tensor) -> Tensor:
        mask = self.drop(torch.ones(64))
        self.masks.append(tuple(mask.tolist()))  # type: ignore[attr-defined]
        return (x.sum(1, keepdim=True) * self.scale) + 0 * mask.sum()


def test_dropout_differs_between_steps_pieces_and_seeds() -> None:
    found = []
    for seed in (9, 10, 9):
        net = Dropping()
        steps(loop_of(lines_spec(train__seed=seed, train__micro=4), net), 3)
        found.append(net.masks)
    assert found[0] == found[2]
    assert len({*found[0], *found[1]}) == 12


@pytest.mark.parametrize("limit", [None, 1, 4, 9, 100])
def test_what_is_judged_is_spread_over_the_part_and_in_order(limit: int | None) -> None:
    loop = steps(loop_of(lines_spec(), net_of(0.5)), 2)
    judged = loop.judge("valid", limit)
    wanted = {None: range(9), 1: [0], 4: [0, 2, 4, 6], 9: range(9), 100: range(9)}[limit]
    assert judged.items.tolist() == judged.rows[:, 0].tolist() == list(wanted)
    assert judged.part == "valid" and loop.net.training
    again = loop.judge("valid", limit)
    assert np.array_equal(judged.rows, again.rows)  # nothing is dropped, nothing is learnt
    assert all(p.grad is None or not p.grad.any() for p in loop.net.parameters())


@pytest.mark.parametrize(
    ("count", "limit", "wanted"),
    [(5, None, [0, 1, 2, 3, 4]), (5, 5, [0, 1, 2, 3, 4]), (10, 3, [0, 3, 6]), (7, 2, [0, 3]), (0, 4, []), (3, 1, [0])],
)
def test_spaced_by_hand(count: int, limit: int | None, wanted: list[int]) -> None:
    assert spaced(count, limit).tolist() == wanted


def test_averaged_weights_are_judged_and_learning_goes_on_from_its_own() -> None:
    loop = steps(loop_of(lines_spec(train__ema_decay=0.9), line()), 5)
    own, average = loop.net.weight.detach().clone(), loop.optimizer.average[:4].clone()  # type: ignore[operator]
    assert not torch.allclose(own.flatten(), average)
    with loop.judging() as net:
        assert torch.equal(net.weight.flatten(), average)
        assert not net.training and torch.is_inference_mode_enabled()
    assert torch.equal(loop.net.weight, own) and loop.net.training
    with pytest.raises(KeyError), loop.judging():
        raise KeyError
    assert torch.equal(loop.net.weight, own) and loop.net.training  # whatever happens meanwhile


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_products_are_in_the_numbers_that_were_chosen(dtype: str) -> None:
    loop = loop_of(lines_spec(), line())
    loop.dtype = dtype
    with loop.autocast():
        assert loop.net(torch.ones(2, 4)).dtype == {"fp32": torch.float32, "bf16": torch.bfloat16}[dtype]
    loop.step()
    assert loop.net.weight.dtype == torch.float32


# -- leaving


def test_listeners_look_before_the_first_step_and_after_every_one() -> None:
    seen: list[int] = []
    saved: list[int] = []

    def look(loop: Loop) -> None:
        seen.append(loop.state.step)
        loop.leave = DONE if loop.state.step == 3 else None

    assert loop_of(lines_spec()).run([look], lambda loop: saved.append(loop.state.step)) == DONE
    assert (seen, saved) == ([0, 1, 2, 3], [3])


@pytest.mark.parametrize("at", [0, 2])
def test_a_stop_inside_a_listener_saves_and_leaves(at: int) -> None:
    saved: list[int] = []
    late: list[int] = []

    def long(loop: Loop) -> None:
        if loop.state.step == at:
            raise StopRequestedError

    loop = loop_of(lines_spec())
    told = loop.run([long, lambda loop: late.append(loop.state.step)], lambda loop: saved.append(loop.state.step))
    assert (told, saved, late) == (STOP, [at], list(range(at)))


def test_other_errors_of_a_listener_end_the_loop_without_saving() -> None:
    def broken(loop: Loop) -> None:
        raise ValueError("broken")

    saved: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        loop_of(lines_spec()).run([broken], lambda loop: saved.append(loop.state.step))
    assert saved == []


def test_run_time_is_summed_over_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([100.0, 103.0, 103.5, 500.0, 501.0])
    monkeypatch.setattr(looping.time, "monotonic", lambda: next(now))
    loop = loop_of(lines_spec())
    assert [loop.tick(), loop.tick()] == [3.0, 3.5]
    told = loop.optimizer.state()
    again = loop_of(lines_spec())  # at 500
    again.restore({"optimizer": told, "state": {"elapsed_s": 3.5, "step": 2}, "stats": loop.stats, "dtype": "fp32"})
    assert again.tick() == 4.5


# -- a team


@pytest.fixture
def member() -> Iterator[Callable[[Loop], Loop]]:
    """Splits the team of a loop, and ends it with the test."""
    known: list[Loop] = []

    def split(loop: Loop) -> Loop:
        known.append(loop)
        loop.split()
        return loop

    yield split
    for loop in known:
        loop.team.dismiss()


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("changes", [PLAIN, {"train__ema_decay": 0.7}, {"train__micro": 4, "train__clip": 0.05}])
def test_a_team_learns_and_judges_as_one(ranks: int, changes: dict[str, Any], member: Callable[[Loop], Loop]) -> None:
    """Up to rounding; the last batch of a pass has one row too few for all to have the same."""
    alone = loop_of(lines_spec(**changes), line())
    team = member(loop_of(lines_spec(**changes), line(), Team(ranks)))
    for _ in range(7):
        alone.step()
        team.orders[0] = looping.STEP
        team.team.tell(team.orders)
        team.step()
    assert team.units == pytest.approx(alone.units, abs=3 * ranks)
    for ours, theirs in zip(
        (*weights(team).values(), team.stats), (*weights(alone).values(), alone.stats), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    for part, limit in (("valid", None), ("test", 7), ("valid", 1)):
        told, wanted = team.judge(part, limit), alone.judge(part, limit)
        assert told.items.tolist() == wanted.items.tolist() == told.rows[:, 0].tolist()
        np.testing.assert_allclose(told.rows, wanted.rows, rtol=1e-4, atol=1e-6)


def test_members_judge_with_the_running_means_of_the_leader(member: Callable[[Loop], Loop]) -> None:
    loop = member(loop_of(lines_spec(train__batch=4), net_of(), Team(2)))
    for _ in range(3):
        loop.orders[0] = looping.STEP
        loop.team.tell(loop.orders)
        loop.step()
    judged = loop.judge("test")
    with torch.inference_mode():
        wanted = loop.task.measure(loop.net.eval(), "test", np.arange(12))
    np.testing.assert_allclose(judged.rows, wanted, rtol=1e-5)
