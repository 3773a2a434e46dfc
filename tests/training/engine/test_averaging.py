"""The moving average of the weights, and layers that are computed again for their gradients."""

import copy
import importlib
import signal
from collections.abc import Callable

import pytest
import torch

from tests.training.engine.conftest import MakeRun, kill_at, tiny
from tests.training.engine.test_nets import SHAPES, scrambled
from tests.training.engine.test_optim import net_of
from training.engine.contract import DONE, STOPPED, Spec, SpecError, estimate
from training.engine.optim import FlatOptimizer
from training.engine.package import load_net, read_tensors
from training.engine.recomputing import recompute

SAVED = 1


def test_average_by_hand() -> None:
    """Each step keeps as much as is asked for, in the beginning less; what is judged is the average."""
    net = net_of()
    flat = FlatOptimizer(net, 0.1, ema_decay=0.3)
    expected = copy.deepcopy(net.state_dict())
    for step in range(6):
        x = torch.randn(4, 5, generator=torch.Generator().manual_seed(step))
        loss = net(x).square().mean() * (float("nan") if step == 3 else 1.0)
        loss.backward()
        flat.step(1e-2, 0.3, loss)
        done = step + 1 - (step >= 3)
        stays = min(0.3, (1 + done) / (10 + done))
        for name, tensor in net.state_dict().items():
            if step != 3:
                expected[name] = stays * expected[name] + (1 - stays) * tensor
    own = copy.deepcopy(net.state_dict())
    with flat.reading(net):
        for name, tensor in net.state_dict().items():
            torch.testing.assert_close(tensor, expected[name])
            assert not torch.equal(tensor, own[name])
    assert all(torch.equal(tensor, own[name]) for name, tensor in net.state_dict().items())
    flat.take_average()
    torch.testing.assert_close(dict(net.state_dict()), dict(expected))


def test_the_average_is_packaged_and_survives_a_stop(make_run: MakeRun) -> None:
    """In two processes, with layers that are computed again: the same as when left alone."""
    importlib.import_module("torch._dynamo")  # once, rather than in every run
    words = {"train__ema_decay": 0.9, "train__gradient_checkpointing": True, "resources": {"cpus": 2}}
    spec = tiny("causal-lm", keep__best=0, **words)
    whole, broken = make_run("whole", spec), make_run("broken", spec)
    plain = make_run("plain", tiny("causal-lm", train__ema_decay=0.9, resources={"cpus": 2}))
    assert whole.go() == plain.go() == DONE, whole.log
    assert broken.go(kill_at(5, signal.SIGTERM)) == STOPPED, broken.log
    assert broken.resume() == DONE, broken.log
    assert (broken.curve, broken.weights) == (whole.curve, whole.weights)
    assert (plain.curve, plain.weights) == (whole.curve, whole.weights)
    (saved,) = (whole.folder / "ckpt").iterdir()
    state = torch.load(saved / "state.pt", weights_only=True)["optimizer"]
    net = load_net(whole.folder / "out")
    flat = FlatOptimizer(net, 0.0)
    assert torch.equal(flat.weights, state["average"])
    net.load_state_dict(read_tensors(saved / "model.safetensors"))
    assert not torch.equal(flat.weights, state["average"])
    # … and so is the average of the best step, when the last is not the best.
    early = make_run("early", tiny("causal-lm", train__ema_decay=0.1))
    assert early.go(first_is_best) == DONE, early.log
    state = torch.load(early.folder / "ckpt" / "4-f1" / "state.pt", weights_only=True)["optimizer"]
    assert torch.equal(FlatOptimizer(load_net(early.folder / "out"), 0.0).weights, state["average"])


def first_is_best() -> None:
    """Let later evaluations count as worse."""
    from training.engine import listeners

    judge = listeners.Evaluator._judge
    listeners.Evaluator._judge = lambda self, loop, value: judge(self, loop, float(loop.state.step))  # type: ignore


def kept_bytes(work: Callable[[], torch.Tensor]) -> tuple[int, torch.Tensor]:
    """What is kept for the gradients of a forward pass."""
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = work()
    return sum(kept.values()), loss


@pytest.mark.parametrize("arch", ["gpt", "llama", "bert", "t5", "vit"])
def test_layers_computed_again_have_the_same_gradients_and_keep_less(arch: str) -> None:
    net = scrambled(arch).train()
    chance = torch.Generator().manual_seed(1)
    ids = torch.randint(1, 23, (32, 12), generator=chance)
    inputs: tuple[torch.Tensor, ...] = (ids, ids, torch.ones_like(ids).bool()) if arch == "t5" else (ids,)
    if arch == "vit":
        inputs = (torch.randn(32, 1, 16, 16, generator=chance),)
    gradients, sizes = [], []
    for _ in range(2):
        torch.manual_seed(7)  # of the dropout
        size, loss = kept_bytes(lambda: net(*inputs).float().square().mean())
        net.zero_grad()
        loss.backward()
        gradients.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
        sizes.append(size)
        layers = recompute(net)
    assert layers == SHAPES[arch][0].layers * (2 if arch == "t5" else 1)
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
    assert sizes[1] < 0.6 * sizes[0], sizes


def test_what_cannot_be_computed_again_is_told_at_its_place() -> None:
    with pytest.raises(SpecError) as caught:
        Spec.from_json(tiny("image-classification", train__gradient_checkpointing=True))
    assert [(i.path, i.code) for i in caught.value.issues] == [("train.gradient_checkpointing", "layers_missing")]


def test_the_estimate_knows_what_is_kept() -> None:
    profile = {"kind": "text", "rows": 1, "chars": 1_000_000, "bytes": 1_000_000}
    plain = Spec.from_json(tiny("causal-lm", model__context=512))
    lean = Spec.from_json(tiny("causal-lm", model__context=512, train__gradient_checkpointing=True))
    double = Spec.from_json(tiny("causal-lm", model__context=512, train__ema_decay=0.99))
    found = [estimate(spec, profile).memory_bytes for spec in (lean, plain, double)]
    assert found == sorted(set(found))
    assert plain.recipe_sha256 == lean.recipe_sha256 != double.recipe_sha256
