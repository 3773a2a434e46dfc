"""AdamW over flat buffers is AdamW; the schedule is a pure function of the step."""

import copy
import math

import numpy as np
import pytest
import torch

from training.engine.optim import BETA1, BETA2, EPS, FlatOptimizer, learning_rate
from training.engine.spec import TrainSpec


def net_of() -> torch.nn.Sequential:
    torch.manual_seed(2)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.LayerNorm(7), torch.nn.Linear(7, 3))


def test_a_step_of_sgd_is_the_rate_times_the_gradient() -> None:
    """θ ← θ − η∇L, of the original text; with a momentum μ the last step goes on: v ← μv + ∇L."""
    for momentum in (0.0, 0.9):
        net = net_of()
        flat = FlatOptimizer(net, 0.0, kind="sgd", momentum=momentum)
        expected, speed = (
            [p.detach().clone() for p in net.parameters()],
            [torch.zeros_like(p) for p in net.parameters()],
        )
        for step in range(3):
            loss = net(torch.randn(4, 5, generator=torch.Generator().manual_seed(step))).square().mean()
            loss.backward()
            speed = [momentum * v + p.grad for v, p in zip(speed, net.parameters(), strict=True)]
            expected = [p - 0.05 * v for p, v in zip(expected, speed, strict=True)]
            flat.step(0.05, None, loss)
        for own, wanted in zip(net.parameters(), expected, strict=True):
            torch.testing.assert_close(own.data, wanted)


@pytest.mark.parametrize(("kind", "momentum"), [("adamw", 0.0), ("adam", 0.0), ("sgd", 0.0), ("sgd", 0.9)])
def test_steps_equal_those_of_torch(kind: str, momentum: float) -> None:
    ours, theirs = net_of(), net_of()
    flat = FlatOptimizer(ours, 0.1, kind=kind, momentum=momentum)
    matrices = [p for p in theirs.parameters() if p.dim() >= 2]
    vectors = [p for p in theirs.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    plain: torch.optim.Optimizer = {
        "adamw": lambda: torch.optim.AdamW(groups, lr=1e-2, betas=(BETA1, BETA2), eps=EPS),
        "adam": lambda: torch.optim.Adam(groups, lr=1e-2, betas=(BETA1, BETA2), eps=EPS),
        "sgd": lambda: torch.optim.SGD(groups, lr=1e-2, momentum=momentum),
    }[kind]()
    for step in range(5):
        x = torch.randn(4, 5, generator=torch.Generator().manual_seed(step)) * 5
        loss = ours(x).square().mean()
        loss.backward()
        flat.step(1e-2, 0.3, loss)
        plain.zero_grad()
        theirs(x).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.3)
        plain.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd"])
def test_step_that_is_no_number_changes_nothing(kind: str) -> None:
    net = net_of()
    flat = FlatOptimizer(net, 0.1, kind=kind)
    before = copy.deepcopy(net.state_dict())
    loss = net(torch.full((1, 5), float("nan"))).sum()
    loss.backward()
    good, _ = flat.step(1e-2, 1.0, loss)
    assert not good
    assert flat.steps == 0
    assert not flat.all_grads.any() and not flat.mean.any()
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_state_of_another_net_is_refused() -> None:
    flat = FlatOptimizer(net_of(), 0.1)
    other = FlatOptimizer(torch.nn.Linear(5, 7), 0.1)
    assert flat.load(flat.state())
    assert not flat.load(other.state())


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        ("wsd", [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 0.5]),
        ("linear", [0.5, 1, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]),
    ],
)
def test_schedule_by_hand(schedule: str, expected: list[float]) -> None:
    train = TrainSpec(max_steps=10, lr=1.0, schedule=schedule, warmup=0.2)
    assert [learning_rate(step, 10, train) for step in range(10)] == pytest.approx(expected)


def test_cosine_falls_from_the_top_to_nothing() -> None:
    train = TrainSpec(max_steps=100, lr=2.0, schedule="cosine", warmup=0.0)
    rates = [learning_rate(step, 100, train) for step in range(100)]
    assert rates[0] == 2.0
    assert rates[50] == pytest.approx(1.0)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.001


def closed_form(schedule: str, step: int, steps: int, warm: int, top: float) -> float:
    """The rate as a paper would write it, with t from 0 and T steps of which w warm up."""
    if step < warm:
        return top * (step + 1) / warm
    if schedule == "constant":
        return top
    if schedule == "wsd":
        return top * min(1, (steps - step) / max(1, round(steps / 5)))
    share = (step - warm) / (steps - warm)
    return top * {"linear": 1 - share, "cosine": math.cos(math.pi * share / 2) ** 2}[schedule]


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "wsd"])
@pytest.mark.parametrize(
    ("steps", "warmup", "warm"), [(1, 0.0, 0), (7, 0.5, 4), (40, 0.1, 4), (40, 0.0, 0), (333, 0.05, 17)]
)
def test_every_step_has_the_rate_of_the_closed_form(schedule: str, steps: int, warmup: float, warm: int) -> None:
    train = TrainSpec(max_steps=steps, lr=0.02, schedule=schedule, warmup=warmup)
    found = [learning_rate(step, steps, train) for step in range(steps)]
    assert found == pytest.approx([closed_form(schedule, step, steps, warm, 0.02) for step in range(steps)])


@pytest.mark.parametrize("steps", [1, 5, 9])
def test_a_whole_run_may_warm_up(steps: int) -> None:
    for schedule in ("constant", "linear", "cosine", "wsd"):
        train = TrainSpec(max_steps=steps, lr=1.0, schedule=schedule, warmup=1.0)
        assert [learning_rate(s, steps, train) for s in range(steps)] == pytest.approx(
            [(s + 1) / steps for s in range(steps)]
        )


@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd", "momentum"])
@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("clip", [None, 0.05, 1e6])
def test_every_step_of_a_schedule_is_that_of_torch(kind: str, decay: float, clip: float | None) -> None:
    """Weights after each of twelve steps, of another rate each, in double precision by torch."""
    ours, theirs = net_of(), net_of().double()
    momentum = 0.8 if kind == "momentum" else 0.0
    flat = FlatOptimizer(ours, decay, kind="sgd" if momentum else kind, momentum=momentum)
    groups = [
        {"params": [p for p in theirs.parameters() if p.dim() >= 2], "weight_decay": decay},
        {"params": [p for p in theirs.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    made = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}.get(kind, torch.optim.SGD)
    words = {"momentum": momentum} if kind in ("sgd", "momentum") else {"betas": (BETA1, BETA2), "eps": EPS}
    plain = made(groups, lr=1.0, foreach=False, **words)
    train = TrainSpec(max_steps=12, lr=0.02, schedule="cosine", warmup=0.3)
    for step in range(12):
        x = torch.randn(6, 5, generator=torch.Generator().manual_seed(step))
        loss = ours(x).square().mean()
        loss.backward()
        rate = learning_rate(step, 12, train)
        good, told = flat.step(rate, clip, loss)
        assert bool(good) and torch.equal(told, loss.detach())
        plain.zero_grad()
        theirs(x.double()).square().mean().backward()
        grads = [p.grad for p in theirs.parameters()]
        norm = math.sqrt(sum(float(grad.square().sum()) for grad in grads))
        for grad in grads:
            grad.mul_(min(1.0, clip / norm) if clip is not None else 1.0)
        for group in plain.param_groups:
            group["lr"] = rate
        plain.step()
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(a.detach(), b.detach(), rtol=2e-4, atol=2e-6)
        assert not flat.all_grads.any()


def test_only_matrices_decay() -> None:
    """Without a gradient, a step is the decay alone: W ← W (1 − η λ)."""
    net = net_of()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    flat = FlatOptimizer(net, 0.5)
    flat.step(0.1, None, torch.tensor(0.0))
    for name, tensor in net.state_dict().items():
        shrunk = 1 - 0.1 * 0.5 if tensor.dim() == 2 else 1.0
        np.testing.assert_allclose(tensor, before[name] * shrunk, rtol=1e-6, err_msg=name)
    places = {name: decays for name, _, _, decays in flat.named_places()}
    assert places == {name: "weight" in name and not name.startswith("2") for name in before}


def test_what_does_not_learn_is_not_touched() -> None:
    net = net_of()
    for p in net[0].parameters():
        p.requires_grad_(False)
    before = [p.clone() for p in net[0].parameters()]
    flat = FlatOptimizer(net, 0.5)
    loss = net(torch.ones(2, 5)).square().mean()
    loss.backward()
    flat.step(0.1, None, loss)
    assert all(torch.equal(a, b) for a, b in zip(before, net[0].parameters(), strict=True))
    assert [name for name, *_ in flat.named_places()] == ["3.weight", "2.weight", "2.bias", "3.bias"]


def test_parameters_lie_apart_in_one_buffer_and_the_gaps_stay_empty() -> None:
    net = net_of()
    flat = FlatOptimizer(net, 0.1)
    for step in range(4):
        loss = net(torch.randn(4, 5, generator=torch.Generator().manual_seed(step))).square().mean()
        loss.backward()
        flat.step(0.1, 1.0, loss)
    taken = torch.zeros(flat.size, dtype=torch.bool)
    for name, shape, part, _ in flat.named_places():
        assert part.start % 16 == 0 and part.stop - part.start == shape.numel()
        assert not taken[part].any(), name
        taken[part] = True
        assert dict(net.named_parameters())[name].data_ptr() == flat.weights[part].data_ptr()
    assert int(taken.sum()) == sum(p.numel() for p in net.parameters())
    for buffer in (flat.weights, flat.mean, flat.square):
        assert not buffer[~taken].any() and buffer[taken].any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["loss", "gradient"])
@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_a_step_that_is_no_number_leaves_the_next_as_it_would_have_been(bad: float, where: str, kind: str) -> None:
    found = []
    for spoilt in (False, True):
        net = net_of()
        flat = FlatOptimizer(net, 0.1, kind=kind, momentum=0.9 if kind == "sgd" else 0.0, ema_decay=0.5)
        for step in range(4):
            loss = net(torch.randn(4, 5, generator=torch.Generator().manual_seed(step))).square().mean()
            loss.backward()
            flat.step(0.05, 1.0, loss)
            if spoilt and step == 1:
                net(torch.ones(2, 5)).sum().backward()
                if where == "gradient":
                    flat.all_grads[0, 3] = bad
                good, _ = flat.step(0.05, 1.0, torch.tensor(bad if where == "loss" else 1.0))
                assert not good
        found.append([tensor.clone() for tensor in flat.tensors()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_a_state_is_of_its_layout_and_of_its_average() -> None:
    own, other = FlatOptimizer(net_of(), 0.1, ema_decay=0.5), FlatOptimizer(net_of(), 0.1, ema_decay=0.5)
    for tensor in own.tensors()[1:]:
        tensor.fill_(3.0)
    assert other.load(own.state())
    assert all(torch.equal(a, b) for a, b in zip(own.tensors()[1:], other.tensors()[1:], strict=True))
    renamed = torch.nn.Sequential(torch.nn.Identity(), *net_of())
    assert not FlatOptimizer(renamed, 0.1).load(own.state())  # of the same sizes under other names
    wide = torch.nn.Linear(16, 1, bias=False)
    assert not FlatOptimizer(wide, 0.1).load(FlatOptimizer(torch.nn.Linear(1, 16, bias=False), 0.1).state())


@pytest.mark.parametrize("decay", [0.05, 0.5, 0.999])
def test_an_average_is_the_weighted_sum_of_all_weights_there_were(decay: float) -> None:
    """Not step by step as it is made: every weight with the product of what stayed after it."""
    net = torch.nn.Linear(3, 2, bias=False)
    flat = FlatOptimizer(net, 0.0, ema_decay=decay)
    history = [net.weight.detach().double().clone()]
    for step in range(25):
        loss = net(torch.randn(4, 3, generator=torch.Generator().manual_seed(step))).square().mean()
        loss.backward()
        flat.step(0.02, None, loss)
        history.append(net.weight.detach().double().clone())
    stays = [min(decay, (1 + n) / (10 + n)) for n in range(1, 26)]
    wanted = history[0] * math.prod(stays)
    for n, weight in enumerate(history[1:]):
        wanted = wanted + weight * (1 - stays[n]) * math.prod(stays[n + 1 :])
    with flat.reading(net) as shown:
        np.testing.assert_allclose(shown.weight.detach(), wanted, rtol=1e-4, atol=1e-6)
