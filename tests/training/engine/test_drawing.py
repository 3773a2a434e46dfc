"""Noise and drawings without a run: identities of the schedule, what is asked for, and what hangs on a label."""

import base64
import io
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from tests.training.engine.conftest import plain_task
from training.engine import diffusion
from training.engine.diffusion import TIMES, draw, kept, noised
from training.engine.tasks import image_generation
from training.engine.tasks.base import Judged

SHARES = kept()

# -- the schedule


def test_less_and_less_is_left_of_an_image() -> None:
    assert len(SHARES) == TIMES and 0.999 < SHARES[0] < 1
    assert (SHARES.diff() < 0).all() and 0 < SHARES[-1] < 1e-6
    added = 1 - SHARES[1:] / SHARES[:-1]
    assert added.max().item() == pytest.approx(0.999, abs=1e-4)  # more would divide by nothing
    # Equation 17 of Nichol and Dhariwal, as far as no step was held back.
    for time in (0, 1, 250, 499, 750, 990):
        bar = [math.cos((t / TIMES + 0.008) / 1.008 * math.pi / 2) ** 2 for t in (time + 1, 0)]
        assert SHARES[time].item() == pytest.approx(bar[0] / bar[1], rel=2e-3)


@pytest.mark.parametrize("time", [0, 200, 500, 800, 999])
def test_noise_takes_the_place_of_what_it_covers(time: int) -> None:
    """The variance of an image of deviation 1 stays, and what is left of it is what the schedule says."""
    chance = torch.Generator().manual_seed(time)
    images, noise = torch.randn(2, 1, 1, 200, 200, generator=chance)
    found = noised(images, noise, SHARES[[time]])
    assert found.var().item() == pytest.approx(1, abs=0.05)
    assert (found * images).mean().item() == pytest.approx(SHARES[time].sqrt().item(), abs=0.03)
    assert (found * noise).mean().item() == pytest.approx((1 - SHARES[time]).sqrt().item(), abs=0.03)


def test_each_image_has_its_own_time() -> None:
    images, noise = torch.ones(3, 2, 4, 4), torch.full((3, 2, 4, 4), 10.0)
    found = noised(images, noise, torch.tensor([1.0, 0.0, 0.64]))
    assert [each.unique().tolist() for each in found] == [[1.0], [10.0], [pytest.approx(0.8 + 0.6 * 10)]]


# -- drawing


def times_of(steps: int, eta: float = 0.0) -> list[int]:
    seen = []

    def tell(images: Tensor, time: int) -> Tensor:
        seen.append(time)
        return images

    draw(tell, torch.zeros(1, 1, 2, 2), steps, eta, torch.Generator().manual_seed(1))
    return seen


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20, 50, 333, 400, 501, 600, 999, 1_000])
def test_times_are_spread_over_all_noise(steps: int) -> None:
    """However many: were the first of them not nearly all noise, pure noise would be taken for half an image."""
    times = times_of(steps)
    assert len(times) == steps and times[-1] == 0
    assert times[0] == TIMES - math.ceil(TIMES / steps)
    gaps = {a - b for a, b in itertools.pairwise(times)}
    assert gaps <= {TIMES // steps, TIMES // steps + 1}
    if TIMES % steps == 0:  # as “leading” of diffusers has them
        assert times == list(range(0, TIMES, TIMES // steps))[::-1]


@pytest.mark.parametrize("steps", [1, 2, 50, 501, 1_000])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_who_knows_the_image_draws_it(steps: int, eta: float) -> None:
    """Out of any noise: what is told is exactly the noise that is in it."""
    image = torch.tensor([[[[0.5, -0.25], [-1.0, 1.0]]]])

    def tell(found: Tensor, time: int) -> Tensor:
        return (found - SHARES[time].sqrt() * image) / (1 - SHARES[time]).sqrt()

    start = torch.randn(1, 1, 2, 2, generator=torch.Generator().manual_seed(3))
    found = draw(tell, start, steps, eta, torch.Generator().manual_seed(4))
    np.testing.assert_allclose(found, image, atol=2e-3)


@pytest.mark.parametrize(("first", "eta"), [(0.5, 0.0), (-3.0, 0.0), (-3.0, 0.6), (0.5, 1.0)])
def test_two_steps_by_hand(first: float, eta: float) -> None:
    """From pure noise of 0.6 to time 500, and from there to the image. What is seen there is no lighter than white."""
    said = {500: first, 0: 0.2}
    chance, again = (torch.Generator().manual_seed(5) for _ in range(2))
    found = draw(
        lambda images, time: torch.full_like(images, said[time]), torch.full((1, 1, 1, 1), 0.6), 2, eta, chance
    )
    now, then = SHARES[500].item(), SHARES[0].item()
    seen = (0.6 - math.sqrt(1 - now) * first) / math.sqrt(now)
    image = min(1.0, max(-1.0, seen))
    noise = first if eta == 0 else (0.6 - math.sqrt(now) * image) / math.sqrt(1 - now)
    fresh = eta * math.sqrt((1 - then) / (1 - now) * (1 - now / then))
    noisy = math.sqrt(then) * image + math.sqrt(1 - then - fresh**2) * noise
    noisy += fresh * float(torch.randn(1, 1, 1, 1, generator=again))
    last = (noisy - math.sqrt(1 - then) * 0.2) / math.sqrt(then)
    assert found.item() == pytest.approx(min(1.0, last), abs=1e-5)


def test_chance_is_drawn_anew_only_where_it_is_asked_for() -> None:
    def drawn(eta: float, seed: int) -> tuple[Tensor, Tensor]:
        chance = torch.Generator().manual_seed(seed)
        found = draw(lambda images, time: (images * 0.7).sin(), torch.full((1, 1, 4, 4), 0.3), 10, eta, chance)
        return found, torch.rand(1, generator=chance)

    plain, rest = drawn(0.0, 1)
    assert torch.equal(plain, drawn(0.0, 2)[0]) and plain.unique().numel() == 1
    assert torch.equal(rest, torch.rand(1, generator=torch.Generator().manual_seed(1)))  # nothing was taken
    one, other = drawn(0.8, 1)[0], drawn(0.8, 2)[0]
    assert not torch.equal(one, other) and torch.equal(one, drawn(0.8, 1)[0])


def test_a_drawing_stays_between_black_and_white() -> None:
    for noise in (-1e4, 1e4):
        found = draw(lambda images, time, n=noise: torch.full_like(images, n), torch.zeros(1, 1, 2, 2), 5, 0.0, None)
        assert found.abs().max() <= 1


# -- the task


def task_of(labels: int = 2, images: int = 4, side: int = 8, arch: str = "dit", channels: int = 1) -> Any:
    """A task that has images of random grey levels, of which every other one has the same label."""
    model = {"arch": arch, "size": "nano", "layers": 1, "width": 16, "image": side}
    task: Any = plain_task("image-generation", model=model | ({"patch": 4} if arch == "dit" else {}))
    chance = np.random.default_rng(5)
    task.pixels = chance.integers(0, 256, size=(images, channels, side, side)).astype(np.uint8)
    task.labels = [f"label{n}" for n in range(labels)]
    task.targets = np.arange(images) % max(1, labels)
    task.parts = dict.fromkeys(("train", "valid", "test"), np.arange(images))
    task.facts = {"mean": [0.5] * channels, "deviation": [0.5] * channels, "side": side, "channels": channels}
    task.facts |= {"labels": task.labels, "seen": {"mean": [0.5] * channels, "deviation": [0.29] * channels}}
    return task


def test_one_label_in_ten_is_left_out_while_learning() -> None:
    task = task_of(labels=3, images=3_000)
    batch = task.train_batch(np.arange(3_000), 0, 1)
    out = (batch["target"] == 3).numpy()
    assert 0.08 < out.mean() < 0.12
    assert (batch["target"].numpy()[~out] == task.targets[~out]).all()
    assert batch["time"].min() < 10 and batch["time"].max() > TIMES - 10
    assert batch["time"].float().mean().item() == pytest.approx(TIMES / 2, abs=25)
    assert batch["noise"].std().item() == pytest.approx(1, abs=0.02)
    for name, again in task.train_batch(np.arange(3_000), 4, 1).items():
        assert torch.equal(batch[name], again), name
    assert not torch.equal(batch["time"], task.train_batch(np.arange(3_000), 0, 2)["time"])


@pytest.mark.parametrize("side", [8, 16, 32, 64])
def test_images_are_moved_as_often_to_one_side_as_to_the_other(side: int) -> None:
    """By half as much as those whose class is learnt; or drawings would all lean to one side."""
    task = task_of(images=1_500, side=side)
    task.pixels = np.broadcast_to(np.arange(side, dtype=np.uint8)[:, None] * 3, (1_500, 1, side, side))
    batch = task.train_batch(np.arange(1_500), 0, 1)
    rows = ((batch["pixels"][:, 0, side // 2, 0] + 1) * 127.5 / 3).round().numpy() - side // 2
    most = side // 8 // 2
    assert (rows.min(), rows.max()) == (-most, most)
    assert abs(rows.mean()) <= 0.1 * most


def test_times_of_what_is_judged_reach_from_clean_to_noise() -> None:
    task = task_of(images=40)
    for turn in range(4):
        batch = task._judged_batch("test", np.arange(40), turn)
        assert batch["time"].min() >= 250 * turn and batch["time"].max() < 250 * (turn + 1)
        assert batch["time"].unique().numel() > 20
        assert batch["target"].tolist() == [0, 1] * 20
        assert not torch.equal(batch["noise"], task._judged_batch("test", np.arange(40), (turn + 1) % 4)["noise"])
        alone = task._judged_batch("test", np.array([17]), turn)  # whoever is judged beside it
        for name in ("time", "noise", "pixels", "target"):
            assert torch.equal(alone[name][0], batch[name][17]), name


@pytest.mark.parametrize("time", [20, 300, 600, 950])
def test_the_trivial_answer_is_the_best_line_through_the_noisy_image(time: int) -> None:
    """By least squares over many images of a known mean and deviation."""
    task = task_of(labels=0)
    task.facts["seen"] = {"mean": [0.7], "deviation": [0.1]}
    chance = torch.Generator().manual_seed(time)
    images = 2 * (0.7 + 0.1 * torch.randn(1, 1, 300, 300, generator=chance)) - 1
    noise = torch.randn(1, 1, 300, 300, generator=chance)
    times = torch.tensor([time])
    noisy = noised(images, noise, task.shares[times])
    slope, intercept = np.polyfit(noisy.numpy().ravel(), noise.numpy().ravel(), 1)
    told = task._trivial(noisy, times)
    np.testing.assert_allclose(told.numpy(), slope * noisy.numpy() + intercept, atol=0.03)


class Knows(nn.Module):
    """Knows that every image is the same grey, and what it was asked."""

    def __init__(self, grey: float) -> None:
        super().__init__()
        self.grey, self.asked = grey, []

    def forward(self, images: Tensor, times: Tensor, targets: Tensor | None, return_dict: bool) -> tuple[Tensor]:
        self.asked.append(targets)
        left = SHARES[times].view(-1, 1, 1, 1)
        return ((images - left.sqrt() * self.grey) / (1 - left).sqrt(),)


def test_who_knows_the_images_is_never_wrong() -> None:
    task = task_of(images=6)
    task.pixels = np.full((6, 1, 8, 8), 153, dtype=np.uint8)  # 0.2 between -1 and 1
    items = np.arange(6)
    rows = task.measure(Knows(0.2), "test", items)
    assert rows[:, 0] == pytest.approx(0, abs=1e-3) and (rows[:, 1] > 0.02).all()
    nothing = task.measure(image_generation._Nothing(), "test", items)
    assert nothing[:, 0].mean() == pytest.approx(1, abs=0.15)  # the variance of noise
    report = task.report(Judged("test", items, rows), final=True)
    assert report.values["explained"] == pytest.approx(1, abs=1e-2) and report.values["loss"] < 1e-3
    name, trivial = task.baseline()
    assert name == "best multiple of the noisy image"
    assert trivial == pytest.approx({"loss": rows[:, 1].mean(), "explained": 0})
    batch = task.train_batch(items, 0, 3)
    assert float(task.loss(Knows(0.2), batch)) < 1e-3 < 0.1 < float(task.loss(Knows(0.9), batch))


@pytest.mark.parametrize(
    ("labels", "arch", "given"),
    [(2, "dit", [0, 1, 2]), (0, "dit", [0, 0, 0]), (0, "unet", None), (2, "unet", [0, 1, 2])],
)
def test_a_net_is_told_the_labels_there_are(labels: int, arch: str, given: list[int] | None) -> None:
    """A U-Net without labels is told of none; a DiT always wants one."""
    task, net = task_of(labels=labels, arch=arch), Knows(0.0)
    task._told(net, torch.zeros(3, 1, 8, 8), torch.tensor([1, 2, 3]), torch.tensor([0, 1, 2]))
    assert (net.asked[0] if net.asked[0] is None else net.asked[0].tolist()) == given


class ByLabel(nn.Module):
    """Sees in every noise the grey of the label that it is told; without one, black."""

    def __init__(self, greys: list[float]) -> None:
        super().__init__()
        self.greys = torch.tensor([*greys, -1.0])

    def forward(self, images: Tensor, times: Tensor, targets: Tensor, return_dict: bool) -> tuple[Tensor]:
        left = SHARES[times].view(-1, 1, 1, 1)
        return ((images - left.sqrt() * self.greys[targets].view(-1, 1, 1, 1)) / (1 - left).sqrt(),)


def pixels_of(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png)))).astype(float)


@pytest.mark.parametrize(
    ("guidance", "seen"), [(0.0, [-1, -1]), (0.5, [-0.7, -0.3]), (1.0, [-0.4, 0.4]), (1.5, [-0.1, 1])]
)
def test_a_drawing_is_pushed_away_from_what_has_no_label(guidance: float, seen: list[float]) -> None:
    """Without guidance no label counts, with 1 the label alone, with more it is overstated; all of it linear."""
    task, net = task_of(labels=2), ByLabel([-0.4, 0.4])
    asked = [{"label": f"label{n}", "guidance": guidance, "steps": 20} for n in range(2)]
    for answer, grey in zip(task.predict(net, asked), seen, strict=True):
        np.testing.assert_allclose(pixels_of(answer["png"]) / 127.5 - 1, grey, atol=0.02)


def test_a_drawing_is_the_same_whoever_is_drawn_beside_it() -> None:
    task, net = task_of(labels=2), nn.Module()
    net.forward = lambda images, times, targets, return_dict: ((images * (1 + targets.view(-1, 1, 1, 1))).sin() * 0.5,)
    four = [answer["png"] for answer in task.predict(net, ["label0", "label1", "label0", "label0"])]
    assert len(set(four)) == 4  # a seed for each
    task.first_input = 2
    assert [answer["png"] for answer in task.predict(net, ["label0", "label0"])] == four[2:]
    assert task.predict(net, [{"label": "label1", "seed": 1}])[0]["png"] == four[1]
    shown = list(task.samples(net, Judged("test", np.arange(0), np.zeros((0, 2))), 3, 10))
    assert [sample["prompt"] for sample in shown] == ["label0", "label1", "label0"]
    assert [sample["png"] for sample in shown] == [four[0], four[1], four[2]]


FINE: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "a word": ("label1", (1, 5, 50, 0.0, 2.0)),
    "an object": ({"label": "label0"}, (0, 5, 50, 0.0, 2.0)),
    "all": (
        {"label": "label1", "seed": 0, "steps": 1, "eta": 1, "guidance": 20},
        (1, 0, 1, 1.0, 20.0),
    ),
    "a large seed": ({"label": "label0", "seed": 2**63 - 1, "steps": 1_000}, (0, 2**63 - 1, 1_000, 0.0, 2.0)),
}


@pytest.mark.parametrize("name", FINE)
def test_how_to_draw_is_read(name: str) -> None:
    given, expected = FINE[name]
    assert task_of()._asked(given, 5) == expected


WRONG: dict[str, tuple[Any, str]] = {
    "nothing": (None, "this model draws label0, label1"),
    "an empty word": ("", "this model draws"),
    "a number": (3, "this model draws"),
    "another case": ("LABEL0", "this model draws"),
    "an unknown word": ({"label": "label0", "sede": 1, "size": 2}, "a drawing has no sede, size"),
    "no word": ({"label": "label0", 3: 1}, "a drawing has no 3"),
    "a negative seed": ({"label": "label0", "seed": -1}, "the seed is a whole number"),
    "a seed too large": ({"label": "label0", "seed": 2**63}, "the seed is a whole number"),
    "a broken seed": ({"label": "label0", "seed": 1.5}, "the seed is a whole number"),
    "no steps": ({"label": "label0", "steps": 0}, "steps are a whole number from 1 to 1,000"),
    "too many steps": ({"label": "label0", "steps": 1_001}, "steps are a whole number"),
    "half a step": ({"label": "label0", "steps": 2.0}, "steps are a whole number"),
    "eta below": ({"label": "label0", "eta": -0.1}, "eta is from 0 to 1"),
    "eta that is none": ({"label": "label0", "eta": float("nan")}, "eta is from 0 to 1"),
    "true as eta": ({"label": "label0", "eta": True}, "eta is from 0 to 1"),
    "guidance without end": ({"label": "label0", "guidance": float("inf")}, "guidance from 0 to 20"),
    "a list": (["label0"], "this model draws"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_drawn_is_told(name: str) -> None:
    given, said = WRONG[name]
    with pytest.raises(ValueError, match=said):
        task_of()._asked(given, 0)


def test_without_labels_a_word_means_nothing() -> None:
    task = task_of(labels=0)
    assert task._asked("whatever", 3)[:2] == (0, 3) == task._asked({"seed": 3}, 0)[:2]
    (answer,) = task.predict(Knows(0.2), [""])
    assert set(answer) == {"png"}
    np.testing.assert_allclose(pixels_of(answer["png"]), 153, atol=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_bytes_become_a_png(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, size=(channels, 5, 7)).astype(np.uint8)
    found = np.asarray(Image.open(io.BytesIO(image_generation.png_of(pixels))))
    assert np.array_equal(found.reshape(5, 7, channels).transpose(2, 0, 1), pixels)


def test_a_package_says_how_it_draws(tmp_path: Path) -> None:
    task = task_of(labels=3)
    config = task.package(tmp_path)
    assert json.loads((tmp_path / "scheduler_config.json").read_text()) == diffusion.SCHEDULER
    again: Any = plain_task("image-generation")
    again.open_package(tmp_path, config | {"in_channels": 1})
    assert again.labels == task.labels and again.facts["mean"] == [0.5] and again.facts["channels"] == 1
