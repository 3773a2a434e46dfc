"""AdamW over flat buffers is AdamW; the schedule is a pure function of the step."""

import copy

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
