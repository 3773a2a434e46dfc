"""Forecasting learns a wave, learns nothing from the future, and its package tells the same in transformers."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.engine.conftest import MakeRun, csv_blob, plain_task, prepared_task, series_blob, tiny
from training.engine.catalogue import Shape, Sizes
from training.engine.contract import DONE, FAILED
from training.engine.errors import DataError, Stop
from training.engine.nets import patchtst
from training.engine.package import load_net
from training.engine.spec import Spec
from training.engine.tasks import forecasting
from training.engine.tasks.base import Judged
from training.engine.tasks.forecasting import Task

LEARN = {"train__max_steps": 250, "train__lr": 4e-3, "train__batch": 16, "eval__every_steps": 50}


def raised(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """(numbers seen, numbers told) at the height that they have in the series."""
    return batch["series"] + batch["level"], batch["target"] + batch["level"]


def test_a_wave_is_foretold(make_run: MakeRun) -> None:
    from transformers import PatchTSTForPrediction

    run = make_run("run", tiny("forecasting", model__width=32, **LEARN))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/mase"] < 0.4 * last["baseline"]["metrics"]["test/mase"]
    low, high = last["interval"]
    assert low < last["metrics"]["test/mase"] < high
    out = run.folder / "out"
    series = torch.sin(torch.arange(24.0) / 2)[None] * 10 + 100
    theirs = PatchTSTForPrediction.from_pretrained(out, local_files_only=True).eval()
    with torch.no_grad():
        told = theirs(series[:, :, None]).prediction_outputs[:, :, 0]
        torch.testing.assert_close(told, load_net(out)(series), rtol=1e-4, atol=1e-3)
    assert told.shape == (1, 8)


def test_what_is_judged_was_never_learnt(make_run: MakeRun) -> None:
    run = make_run("run", tiny("forecasting"))
    assert run.go() == DONE, run.log
    (prepared,) = (run.folder / "prepared").iterdir()
    spec = Spec.from_text((run.folder / "spec.json").read_bytes())
    task = Task(spec, Stop())
    task.open(prepared, json.loads((prepared / "prepared.json").read_text())["facts"])
    task.series = np.arange(600.0)
    told = {}
    for part in ("train", "valid", "test"):
        seen, following = raised(task._batch(part, np.arange(task.count(part))))
        assert torch.equal(following[:, 0], seen[:, -1] + 1)
        told[part] = (int(following.min()), int(following.max()))
    seen, _ = raised(task._batch("train", np.arange(task.count("train"))))
    assert seen.min() == 0
    assert told == {"train": (24, 419), "valid": (420, 509), "test": (510, 599)}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 2, ""] * 40, "Row 3 of the dataset cannot be used: its value is not a number."),
        ([1, 2, "n/a"] * 40, "Row 3 of the dataset cannot be used: its value is not a number."),
        ([5] * 120, "The dataset cannot be used: all its numbers are the same."),
        (list(range(40)), "The dataset cannot be used: it is too short for a context of 24 numbers."),
    ],
)
def test_a_series_that_cannot_be_used_is_told_why(values: list, said: str, make_run: MakeRun) -> None:
    run = make_run("run", tiny("forecasting"), blob=csv_blob(["month", "sold"], list(enumerate(values))))
    assert run.go() == FAILED
    assert run.of("error")[0]["text"] == said


# -- without a run


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """600 numbers, of which 24 are seen and 8 told: 420 to learn from, 90 to validate and 90 to judge."""
    return prepared_task("forecasting", tmp_path_factory.mktemp("waves"))


SOLD = np.array([float(line.split(b",")[1]) for line in series_blob().splitlines()[1:]])


def test_no_window_reaches_over_the_border_of_its_part(waves: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the numbers of one part made unusable, those that may not know them still are."""
    for hidden, clean in ((slice(420, 600), ("train",)), (slice(510, 600), ("train", "valid"))):
        series = SOLD.copy()
        series[hidden] = np.nan
        monkeypatch.setattr(waves, "series", series)
        for part in ("train", "valid", "test"):
            batch = waves._batch(part, np.arange(waves.count(part)))
            assert bool(torch.isfinite(batch["target"]).all()) is (part in clean)
            seen = torch.isfinite(batch["series"])
            assert bool(seen.all()) is (part in clean)
            # What is told first in the part stands right behind all that may be known.
            assert part in clean or waves.begins[part][0] > hidden.start or seen[0].all()
    assert {part: waves.count(part) for part in ("train", "valid", "test")} == {"train": 389, "valid": 83, "test": 83}


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_window_is_a_stretch_of_the_series_and_told_by_its_row(part: str, waves: Any) -> None:
    for item in (0, 7, waves.count(part) - 1):
        batch = waves._batch(part, np.array([item]))
        row = waves.row_of(part, item)  # from 1, as people count
        seen, told = raised(batch)
        assert told[0].tolist() == pytest.approx(SOLD[row - 1 : row + 7].tolist())
        assert seen[0].tolist() == pytest.approx(SOLD[row - 25 : row - 1].tolist())


class Far(nn.Module):
    """Tells what truly follows, but for a distance."""

    def __init__(self, distance: list[float]) -> None:
        super().__init__()
        self.distance = torch.tensor(distance)

    def forward(self, series: Tensor) -> Tensor:
        windows = np.lib.stride_tricks.sliding_window_view(SOLD, 24)
        shapes = windows - windows.mean(1, keepdims=True)
        found = [int(np.flatnonzero(np.isclose(shapes, row.numpy(), atol=1e-4).all(1))[-1]) for row in series]
        told = [SOLD[n + 24 : n + 32] - windows[n].mean() for n in found]
        return torch.tensor(np.array(told)).float() + self.distance


def unique_ends(waves: Any) -> np.ndarray:
    """Windows of the test part whose last seen number is the last of its kind in the series."""
    ends = [SOLD[510 + item - 1] for item in range(waves.count("test"))]
    return np.array([n for n, end in enumerate(ends) if np.isclose(SOLD[510 + n :], end, atol=1e-3).sum() == 0])


def test_errors_by_hand(waves: Any) -> None:
    items = unique_ends(waves)
    rows = waves.measure(Far([3.0, -4.0, 0, 0, 0, 0, 0, 0]), "test", items)
    np.testing.assert_allclose(rows, np.tile([25.0, 7.0, 8.0], (len(items), 1)), rtol=1e-3)
    values = waves.report(Judged("test", items, rows)).values
    step = np.mean([abs(b - a) for a, b in itertools.pairwise(SOLD[:420])])
    assert values == pytest.approx(
        {
            "mae": 7 / 8,
            "mase": 7 / 8 / step,
            "rmse": math.sqrt(25 / 8),
            "loss": 25 / 8 / SOLD[:420].var(),
        },
        rel=1e-3,
    )
    batch = waves._batch("test", items)
    assert float(waves.loss(Far([3.0, -4.0] + [0.0] * 6), batch)) == pytest.approx(values["loss"], rel=1e-3)


def test_the_last_number_goes_on(waves: Any) -> None:
    """Naive forecasting by plain loops."""
    errors = [
        SOLD[510 + item - 1] - SOLD[510 + item + ahead] for item in range(waves.count("test")) for ahead in range(8)
    ]
    name, values = waves.baseline()
    assert name == "last number" and values["mae"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-5)
    assert values["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-5)


def test_of_numbers_that_rise_evenly_the_naive_error_is_known(tmp_path: Path) -> None:
    task = prepared_task("forecasting", tmp_path, csv_blob(["month", "sold"], [(n, 2 * n) for n in range(200)]))
    assert task.facts["step"] == 2
    assert task.baseline()[1]["mase"] == pytest.approx(np.mean(range(1, 9)))  # one step ahead, two and so on


def test_windows_that_overlap_are_drawn_together(waves: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(forecasting.metrics, "sums_interval", lambda sums, score, check: seen.append(sums) or [0, 1])
    rows = np.random.default_rng(1).random((83, 3))
    waves.report(Judged("test", np.arange(83), rows), final=True)
    assert seen[0].shape == (11, 3) and seen[0].sum(0) == pytest.approx(rows.sum(0))
    np.testing.assert_allclose(seen[0][1], rows[8:16].sum(0))


def test_a_probe_learns_what_the_net_reads(waves: Any) -> None:
    """As far from the mean of what is seen as that deviates, and back again."""
    items = np.array([0, 5, 40])
    targets = waves.probe_targets("test", items)
    for item, row in zip(items, targets, strict=True):
        seen = SOLD[510 + item - 24 : 510 + item]
        np.testing.assert_allclose(row, (SOLD[510 + item : 518 + item] - seen.mean()) / seen.std(), rtol=1e-4)
    np.testing.assert_allclose(waves.probe_rows("test", items, targets), [[0, 0, 8]] * 3, atol=1e-9)
    off = waves.probe_rows("test", items, targets + 1)
    spread = [SOLD[510 + item - 24 : 510 + item].std() for item in items]
    np.testing.assert_allclose(off[:, 1], 8 * np.array(spread), rtol=1e-4)


def test_the_worst_window_is_shown_by_its_last_numbers(waves: Any) -> None:
    shown = waves.show(Far([1.0] * 8), Judged("test", unique_ends(waves)[:1], np.zeros((1, 3))), 0)
    first = 510 + int(unique_ends(waves)[0])
    assert shown["prompt"] == "… " + " ".join(f"{value:.3g}" for value in SOLD[first - 6 : first])
    assert shown["label"] == " ".join(f"{value:.3g}" for value in SOLD[first : first + 6])
    rows = np.array([[4.0, 2, 8], [9.0, 1, 8], [1.0, 9, 8]])
    assert np.argsort(-waves.badness(Judged("test", np.arange(3), rows))).tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("test", "valid", "edges"),
    [(0.1, 0.1, [480, 540, 600]), (0.001, 0.3, [412, 592, 600]), (0.3, 0.001, [412, 420, 600])],
)
def test_a_part_has_room_for_one_window_at_least(test: float, valid: float, edges: list[int], tmp_path: Path) -> None:
    task = prepared_task("forecasting", tmp_path, data__split={"valid": valid, "test": test, "seed": 3})
    assert task.facts["edges"] == edges
    assert min(task.count(part) for part in ("valid", "test")) >= 1


@pytest.mark.parametrize(("count", "fits"), [(48, True), (47, False)])
def test_the_shortest_series_is_a_context_and_three_horizons(count: int, fits: bool, tmp_path: Path) -> None:
    blob = csv_blob(["month", "sold"], [(n, n % 5) for n in range(count)])
    if not fits:
        with pytest.raises(DataError, match="it is too short for a context of 24 numbers"):
            prepared_task("forecasting", tmp_path, blob)
        return
    task = prepared_task("forecasting", tmp_path, blob)
    assert [task.count(part) for part in ("train", "valid", "test")] == [1, 1, 1]


@pytest.mark.parametrize("cell", ["inf", "-inf", "nan", "1,5", "1 000", "12€", "0x10", "--3"])
def test_a_cell_that_is_no_number_is_told_by_its_row(cell: str, tmp_path: Path) -> None:
    rows = [(n, cell if n == 17 else n) for n in range(80)]
    with pytest.raises(DataError, match=r"^Row 18 of the dataset cannot be used: its value is not a number\.$"):
        prepared_task("forecasting", tmp_path, csv_blob(["month", "sold"], rows))


def net_of(**more: Any) -> patchtst.PatchTST:
    torch.manual_seed(3)
    net = patchtst.build(
        Shape(layers=1, width=16, heads=2, context=24, patch=4, horizon=8, dropout=0.0, **more), Sizes()
    )
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    return net.eval()


@pytest.mark.parametrize(("times", "plus"), [(1.0, 50.0), (7.0, 0.0), (-3.0, 20.0), (100.0, -900.0)])
@torch.no_grad()
def test_a_forecast_has_the_height_and_the_unit_of_its_series(times: float, plus: float) -> None:
    """A net reads shapes: of what is multiplied and raised the forecast is so too; upside down it is another shape."""
    net, series = net_of(), torch.randn(3, 24, generator=torch.Generator().manual_seed(2)) * 10 + 30
    plain, moved = net(series), net(series * times + plus)
    assert plain.std() > 1
    if times > 0:
        np.testing.assert_allclose(moved, plain * times + plus, rtol=1e-3, atol=0.05)
    else:
        assert not torch.allclose(moved, plain * times + plus, atol=1)


@torch.no_grad()
def test_every_number_that_is_seen_counts() -> None:
    net, series = net_of(), torch.randn(1, 24, generator=torch.Generator().manual_seed(5))
    plain = net(series)
    for place in range(24):
        other = series.clone()
        other[0, place] += 1
        assert (net(other) - plain).abs().max() > 1e-3, place
    assert net(torch.full((2, 24), 7.0)).isfinite().all()  # of what never changes too


@pytest.mark.parametrize("far", [1e8, -3e9])
@torch.no_grad()
def test_a_series_far_from_zero_is_foretold_as_well_as_near_it(far: float, tmp_path: Path) -> None:
    """Of such numbers 32 bits keep no more than every eighth, or less."""
    values = np.round(SOLD * 1024) / 1024 / 64  # so that 64 bits lose nothing of the sum
    assert np.array_equal(values + far - far, values)
    tasks = []
    for name, height in (("near", 0.0), ("far", far)):
        (tmp_path / name).mkdir()
        rows = list(enumerate((values + height).tolist()))
        tasks.append(prepared_task("forecasting", tmp_path / name, csv_blob(["month", "sold"], rows)))
    near, there = tasks
    net, items = net_of(), np.arange(near.count("test"))
    rows = [task.measure(net, "test", items) for task in tasks]
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-3)
    for part in ("train", "valid", "test"):
        losses = [float(task.loss(net, task._batch(part, np.arange(9)))) for task in tasks]
        assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert there.baseline()[1] == pytest.approx(near.baseline()[1], rel=1e-9)
    asked = [values[:24].tolist(), (values[:24] + far).tolist()]
    told = [answer["values"] for answer in there.predict(net, asked)]
    np.testing.assert_allclose(np.array(told[1]) - far, told[0], rtol=1e-3, atol=1e-5)
    shown = there.show(net, Judged("test", items[:1], rows[0][:1]), 0)
    np.testing.assert_allclose(
        [float(word) for word in shown["label"].split()], values[510:516] + far, rtol=0, atol=0.1
    )


SERIES = [float(n % 5) for n in range(30)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("1 2 3", "series of at least 24 numbers"),
        (SERIES[:23], "series of at least 24 numbers"),
        ({"values": SERIES}, "series of at least 24 numbers"),
        (None, "series of at least 24 numbers"),
        ([*SERIES, "7"], "“7” is no number"),
        ([*SERIES, None], "“None” is no number"),
        ([*SERIES, True], "“True” is no number"),
        ([*SERIES, [1.0]], "is no number"),
        ([*SERIES, float("nan")], "“nan” is no number"),
        ([*SERIES, float("inf")], "“inf” is no number"),
        ([*SERIES, 1e30], "is no number that this model reads"),
        ([*SERIES, 10**400], "is no number that this model reads"),
    ],
)
def test_what_is_no_series_is_told(given: Any, said: str) -> None:
    task: Any = plain_task("forecasting")
    with pytest.raises(ValueError, match=said):
        task.predict(net_of(), [SERIES, given])


@torch.no_grad()
def test_the_last_numbers_are_read_and_large_ones_are_answered() -> None:
    task: Any = plain_task("forecasting")
    long, short, old = task.predict(net_of(), [SERIES, SERIES[6:], ["n/a", *SERIES[6:]]])
    assert long == short == old  # nobody looks at what lies before
    (large,) = task.predict(net_of(), [[1e15 * (n % 3 - 1) for n in range(24)]])
    assert all(math.isfinite(value) for value in large["values"]) and len(large["values"]) == 8
