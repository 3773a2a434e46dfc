"""The linear answers of the probe: drawn with a seed, and as strong as cross-validation by hand would have them."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold
from threadpoolctl import threadpool_limits
from torch import nn

from training.engine import adapting, probe
from training.engine.errors import Stop
from training.engine.probe import FOLDS, RIDGES, STRENGTHS, _Unfit
from training.engine.recomputing import layers_of, recompute
from training.engine.registry import net_module


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """As the probe fits: products this small lose more by waiting for each other than they gain."""
    with threadpool_limits(1):
        yield


TASK: Any = SimpleNamespace(answers=["a", "b", "c", "d"], stop=Stop())


def features(rows: int, classes: int, seed: int, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    targets = np.arange(rows) % classes
    return chance.normal(size=(rows, 6)) * spread + np.eye(6)[targets] * 2, targets


@pytest.mark.parametrize(("rows", "spread", "seed"), [(30, 3.0, 0), (30, 3.0, 1), (60, 1.0, 2)])
def test_the_strength_of_classes_is_that_of_cross_validation_by_hand(rows: int, spread: float, seed: int) -> None:
    known, targets = features(rows, 3, seed, spread)
    answer, told = probe._classes(known, targets, TASK)
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(known, targets))

    def loss(strength: float) -> float:
        found = []
        for train, test in folds:
            model = LogisticRegression(C=strength, max_iter=200).fit(known[train], targets[train])
            found.append(log_loss(targets[test], model.predict_proba(known[test]).clip(1e-6), labels=[0, 1, 2]))
        return float(np.mean(found))

    best = min(STRENGTHS, key=loss)
    assert told == {"kind": "logistic", "strength": best}
    whole = LogisticRegression(C=best, max_iter=200).fit(known, targets).predict_proba(known)
    shares = np.exp(answer(known))
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(shares[:, :3], whole, atol=1e-5)
    assert (shares[:, 3] < 2e-6).all()  # of a class that was never seen


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("noise", "shuffled"), [(0.1, True), (20.0, True), (5.0, False)])
def test_the_strength_of_numbers_is_that_of_cross_validation_by_hand(noise: float, shuffled: bool, seed: int) -> None:
    chance = np.random.default_rng(seed)
    known = chance.normal(size=(40, 6))
    targets = known @ [3.0, -1, 0, 0, 2, 0] + noise * chance.normal(size=40)
    folds = list((KFold(FOLDS, shuffle=True, random_state=0) if shuffled else KFold(FOLDS)).split(known))

    def loss(strength: float) -> float:
        errors = [
            np.mean((Ridge(alpha=strength).fit(known[train], targets[train]).predict(known[test]) - targets[test]) ** 2)
            for train, test in folds
        ]
        return float(np.mean(errors))

    best = min(RIDGES, key=loss)
    answer, told = (probe._number if shuffled else probe._series)(known, targets, TASK)
    assert told == {"kind": "ridge", "strength": best}
    # The closed form: (XᵀX + αI)⁻¹ Xᵀy about the means.
    x, y = known - known.mean(0), targets - targets.mean()
    weights = np.linalg.solve(x.T @ x + best * np.eye(6), x.T @ y)
    np.testing.assert_allclose(answer(known), x @ weights + targets.mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("targets", "fits"),
    [
        ([0, 1] * 5, True),
        ([0, 1] * 4, False),  # fewer than two in each fold
        ([0] * 20, False),  # nothing to tell apart
        ([0] * 19 + [1], True),  # the rare one is in some folds only
        ([0, 1, 2, 3, 4] * 4, False),  # no class has one for each fold
        ([0] * 5 + [1] * 4 + [2], True),
    ],
)
def test_classes_that_are_too_few_are_not_fitted(targets: list[int], fits: bool) -> None:
    known = np.random.default_rng(1).normal(size=(len(targets), 3)) + np.array(targets)[:, None]
    if fits:
        assert probe._logistic(known, np.array(targets)).best_params_["C"] in STRENGTHS
    else:
        with pytest.raises(_Unfit):
            probe._logistic(known, np.array(targets))


def test_numbers_that_are_too_few_are_not_fitted() -> None:
    known = np.random.default_rng(1).normal(size=(10, 3))
    probe._number(known, known[:, 0], TASK)
    with pytest.raises(_Unfit):
        probe._number(known[:9], known[:9, 0], TASK)


def test_each_label_is_told_by_itself_and_a_rare_one_by_its_share() -> None:
    known, kinds = features(40, 2, 4)
    targets = np.stack([kinds, np.zeros(40), np.ones(40), 1 - kinds], 1)
    targets[3, 1] = 0
    answer, told = probe._labels(known, targets, TASK)
    found = answer(known)
    assert told == {"kind": "logistic"} and found.shape == (40, 4)
    np.testing.assert_allclose(found[:, 1], 1 / 42)  # Laplace: none of forty
    np.testing.assert_allclose(found[:, 2], 41 / 42)
    np.testing.assert_allclose(found[:, 0], 1 - found[:, 3], atol=1e-4)
    assert ((found[:, 0] > 0.5) == kinds).mean() > 0.7


@pytest.mark.parametrize(("count", "limit", "size"), [(10, 4, 4), (10, 10, 10), (10, 99, 10), (1, 1, 1), (0, 5, 0)])
def test_what_is_drawn_is_in_order_and_hangs_on_the_seed(count: int, limit: int, size: int) -> None:
    found = probe._drawn(count, limit, 3)
    assert found.tolist() == sorted(set(found.tolist())) and len(found) == size
    assert set(found.tolist()) <= set(range(count))
    assert found.tolist() == probe._drawn(count, limit, 3).tolist()


def test_other_seeds_draw_others_and_all_are_drawn_alike() -> None:
    draws = [tuple(probe._drawn(20, 5, seed)) for seed in range(400)]
    assert len(set(draws)) > 300
    often = np.bincount(np.concatenate(draws), minlength=20)
    assert often.min() > 60 and often.max() < 140  # a hundred each, give or take four deviations


def test_of_what_is_true_some_stay() -> None:
    mask = np.arange(30) % 3 == 0
    found = probe._some(mask, 4, 1)
    assert found.sum() == 4 and not (found & ~mask).any() and mask.sum() == 10
    assert (probe._some(mask, 99, 1) == mask).all()


@pytest.mark.parametrize(
    ("states", "mask", "wanted"),
    [
        (torch.tensor([[[1.0, 2], [3, 4]]]), None, [[2, 3]]),
        (torch.tensor([[[1.0, 2], [9, 9]]]), torch.tensor([[True, False]]), [[1, 2]]),
        (torch.tensor([[[[1.0, 3], [5, 7]], [[0, 0], [0, 8]]]]), None, [[4, 2]]),  # over the places of a map
    ],
)
def test_an_item_is_the_mean_of_what_is_real(states: Any, mask: Any, wanted: list[list[float]]) -> None:
    assert probe._means(states, mask).tolist() == wanted


def test_stages_lie_side_by_side_at_the_places_of_the_first() -> None:
    first, last = torch.arange(8.0).view(1, 2, 2, 2), torch.full((1, 1, 1, 1), 5.0)
    found = probe._stages([first, last])
    assert found.tolist() == [[[0, 4, 5], [1, 5, 5], [2, 6, 5], [3, 7, 5]]]


@pytest.mark.parametrize(
    ("kind", "probed", "why"),
    [("class", {"metrics": {}}, None), (None, None, "task"), ("class", None, "rows")],
)
def test_why_there_is_no_probe(kind: str | None, probed: Any, why: str | None) -> None:
    task: Any = SimpleNamespace(probe=kind)
    assert probe.why_none(task, probed) == why
    assert kind is not None or probe.probe_of(task, nn.Identity()) is None


# -- low-rank changes, and layers that are computed again


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_a_change_is_the_product_by_hand_and_merges_into_it(rank: int, bias: bool) -> None:
    torch.manual_seed(1)
    linear = nn.Linear(5, 4, bias=bias)
    own = linear.weight.detach().double().numpy().copy()
    adapted = adapting.Adapted(linear, rank)
    x = torch.randn(3, 5)
    assert torch.equal(adapted(x), linear(x))  # it begins at nothing
    nn.init.normal_(adapted.up)
    changed = own + 2 * adapted.up.detach().double().numpy() @ adapted.down.detach().double().numpy()
    wanted = x.numpy() @ changed.T + (linear.bias.detach().numpy() if bias else 0)
    np.testing.assert_allclose(adapted(x).detach(), wanted, rtol=1e-4, atol=1e-5)
    merged = adapted.merged()
    np.testing.assert_allclose(merged.weight.detach(), changed, rtol=1e-5, atol=1e-6)
    assert merged.bias is linear.bias and np.array_equal(linear.weight.detach(), own.astype(np.float32))
    assert np.linalg.matrix_rank(changed - own, tol=1e-6) == rank


def test_a_rank_is_no_larger_than_the_matrix_and_tied_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.small, self.inner = nn.Embedding(7, 4), nn.Linear(4, 2), nn.Sequential(nn.Linear(2, 4))
            self.last, self.head = nn.Linear(4, 7, bias=False), nn.Linear(7, 3)
            self.last.weight = self.table.weight

    net = Tied()
    monkeypatch.setattr(adapting, "net_module", lambda arch: SimpleNamespace(HEAD="head."))
    adapting.adapt(net, "any", 3)
    kinds = {
        name: type(module).__name__
        for name, module in net.named_modules()
        if name.count(".") or name in ("small", "last", "head")
    }
    assert kinds == {"small": "Adapted", "inner.0": "Adapted", "last": "Linear", "head": "Linear"}
    assert net.small.down.shape == (2, 4) and net.inner[0].up.shape == (4, 2)
    learning = {name for name, p in net.named_parameters() if p.requires_grad}
    assert learning == {"small.down", "small.up", "inner.0.down", "inner.0.up", "head.weight", "head.bias"}
    names = set(nn.ModuleDict(dict(Tied().named_children())).state_dict())
    adapting.merge(net)
    assert set(net.state_dict()) == names
    adapting.merge(net)  # there is nothing left to merge


def test_layers_of_stacks_are_found_wherever_they_are() -> None:
    net = nn.ModuleDict(
        {
            "a": nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 2)]),
            "b": nn.Sequential(nn.ModuleList([nn.Linear(1, 3)])),
            "c": nn.Linear(1, 4),
        }
    )
    assert [layer.out_features for layer in layers_of(net)] == [1, 2, 3]


def test_a_layer_that_counts_stays_as_it_is() -> None:
    layers = [nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), nn.Linear(2, 2)]
    net = nn.ModuleDict({"layers": nn.ModuleList(layers)})
    assert recompute(net) == 1
    assert "forward" not in vars(layers[0]) and "forward" in vars(layers[1])
    with torch.no_grad():
        x = torch.ones(1, 2)
        assert torch.equal(layers[1](x), nn.functional.linear(x, layers[1].weight, layers[1].bias))


@pytest.mark.parametrize("arch", ["gpt", "bert", "lstm", "t5", "vit", "resnet", "patchtst"])
def test_a_module_of_a_net_says_its_head_and_layers(arch: str) -> None:
    module = net_module(arch)
    assert {"build", "export", "HEAD", "LAYERS"} <= set(vars(module))
