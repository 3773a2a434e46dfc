"""Tasks on images without a run: how images are moved, hidden, matched and counted, against plain loops and by hand."""

import base64
import io
import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from tests.training.engine.conftest import plain_task, png, prepared_task, scenes, zipped
from training.engine import ordering, precision
from training.engine.contract import Spec, SpecError
from training.engine.errors import DataError
from training.engine.tasks import image_segmentation as segmentation
from training.engine.tasks import images, object_detection
from training.engine.tasks.base import Judged

LEFT, RIGHT = "left", "right"


def picture(pixels: np.ndarray, mode: str, kind: str = "PNG", **words: Any) -> bytes:
    """A grey picture in any mode that Pillow knows, as a file."""
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(file, kind, **words)
    return file.getvalue()


class Told(nn.Module):
    """Tells what it was made to tell, whatever it is given, and remembers what it was given."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers, self.given = list(answers), []

    def forward(self, *given: Any, **words: Any) -> Any:
        self.given.append((given, words))
        return self.answers[min(len(self.given), len(self.answers)) - 1]


# -- all images


@pytest.mark.parametrize("steps", [(0, 0), (2, -1), (-3, 3), (1, 0), (7, -7)])
def test_an_image_is_moved_and_its_edge_repeated(steps: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, size=(2, 3, 8, 8)).astype(np.uint8)
    found = images.moved(pixels, np.array([[steps[0], 0], [steps[1], 0]]))
    assert np.array_equal(found[1], pixels[1])  # each by its own
    for row, column in itertools.product(range(8), range(8)):
        at = min(7, max(0, row + steps[0])), min(7, max(0, column + steps[1]))
        assert np.array_equal(found[0, :, row, column], pixels[0, :, *at]), (row, column)


@pytest.mark.parametrize(("side", "most"), [(7, 0), (8, 1), (32, 4), (39, 4), (40, 5)])
def test_images_move_an_eighth_of_their_side_at_most_in_both_directions(side: int, most: int) -> None:
    steps = images.moves(4_000, side, ordering.generator(3))
    assert steps.shape == (2, 4_000)
    for each in steps:
        assert (each.min(), each.max()) == (-most, most)
        assert abs(each.mean()) < 0.12 * max(1, most)
    assert np.array_equal(steps, images.moves(4_000, side, ordering.generator(3)))


@pytest.mark.parametrize(
    ("modes", "channels"),
    [
        (None, 3),
        ([], 3),
        (["L"], 1),
        (["1", "I;16", "LA"], 1),
        (["L", "RGB"], 3),
        (["P"], 3),
        (["RGBA"], 3),
        (["CMYK"], 3),
    ],
)
def test_a_channel_is_enough_where_all_images_are_grey(modes: list[str] | None, channels: int) -> None:
    profile = {} if modes is None else {"image": {"modes": modes}}
    task = plain_task("image-classification")
    assert task.channels_of(SimpleNamespace(profile=profile)) == channels
    task.read_as = {"mean": [0.5] * 3}
    assert task.channels_of(SimpleNamespace(profile=profile)) == 3, "as the start reads them"


def test_mean_and_deviation_are_those_of_the_training_part_alone(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, size=(6, 2, 4, 4)).astype(np.uint8)
    pixels[:, 1] = 51  # one channel says nothing
    pixels.tofile(tmp_path / "pixels.bin")
    np.save(tmp_path / "train.npy", np.array([1, 4, 5]))
    task = plain_task("image-classification")
    found = task.statistics(tmp_path, {"count": 6, "channels": 2, "side": 4})
    own = pixels[[1, 4, 5], 0] / 255
    assert found["mean"] == pytest.approx([own.mean(), 0.2], abs=1e-6)
    assert found["deviation"] == pytest.approx([own.std(), 1e-3], abs=1e-6)
    task.facts = found
    scaled = task.scaled(pixels[[1, 4, 5]])
    assert scaled.mean((0, 2, 3)).tolist() == pytest.approx([0, 0], abs=1e-3)
    assert scaled.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 0], abs=1e-3)


SPLIT = np.array([[40] * 6 + [200] * 6] * 12)  # dark on the left, light on the right


def sixteen(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint16) * 257).save(file, "PNG")
    return file.getvalue()


def with_palette() -> bytes:
    image = Image.fromarray((SPLIT > 100).astype(np.uint8)).convert("P")
    image.putpalette([40] * 3 + [200] * 3)
    file = io.BytesIO()
    image.save(file, "PNG", transparency=0)
    return file.getvalue()


ODD = {
    "grey": picture(SPLIT, "L"),
    "with alpha": picture(SPLIT, "LA"),
    "colours with alpha": picture(SPLIT, "RGBA"),
    "four inks": picture(SPLIT, "CMYK", "JPEG", quality=95),
    "progressive": picture(SPLIT, "RGB", "JPEG", quality=95, progressive=True),
    "webp": picture(SPLIT, "RGB", "WEBP", lossless=True),
    "interlaced rows": picture(np.repeat(SPLIT, 5, 0), "L"),
    "16 bits": sixteen(SPLIT),
    "palette": with_palette(),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_odd_image_is_read_as_what_it_shows(name: str, channels: int, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(ODD[name])
    task = plain_task("image-classification")
    task.facts = {"mean": [0.0] * channels, "deviation": [1 / 255] * channels, "side": 12, "channels": channels}
    (found,) = task.new_pixels([tmp_path / "x"])
    assert found.shape == (channels, 12, 12)
    assert found[:, :, :5].mean().item() == pytest.approx(40, abs=3)
    assert found[:, :, 7:].mean().item() == pytest.approx(200, abs=3)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3)])
@pytest.mark.parametrize("mode", ["1", "L", "RGBA"])
def test_an_image_of_any_size_is_brought_to_one(size: tuple[int, int], mode: str, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(picture(np.full(size, 255), mode))
    task = plain_task("image-classification")
    task.facts = {"mean": [0.5] * 3, "deviation": [0.5] * 3, "side": 8, "channels": 3}
    assert task.new_pixels([tmp_path / "x.png"]).eq(1).all()


@pytest.mark.parametrize(
    "data", [b"", b"no image", b"GIF89a" + bytes(40), ODD["grey"][:60], ODD["progressive"][:200], bytes(5_000)]
)
def test_what_is_no_image_is_named(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "holiday.png").write_bytes(data)
    task = plain_task("image-classification")
    task.facts = {"mean": [0.5], "deviation": [0.5], "side": 8, "channels": 1}
    with pytest.raises(ValueError, match=r"^holiday\.png: it is not a readable PNG, JPEG or WebP$"):
        task.new_pixels([tmp_path / "holiday.png"])


@pytest.mark.parametrize("given", [7, None, 1.5, {"image": "x.png"}, ["x.png"]])
def test_what_names_no_file_is_told(given: Any) -> None:
    task = plain_task("image-classification")
    task.facts = {"mean": [0.5], "deviation": [0.5], "side": 8, "channels": 1}
    with pytest.raises(ValueError, match="this model reads PNG, JPEG or WebP files"):
        task.new_pixels([given])


def test_what_is_written_beside_the_weights_reads_as_we_read(tmp_path: Path) -> None:
    task = plain_task("image-classification")
    task.facts = {"mean": [0.25], "deviation": [0.125], "side": 8, "channels": 1}
    task.labels = ["no", "yes"]
    assert task.package(tmp_path)["id2label"] == {"0": "no", "1": "yes"}
    written = json.loads((tmp_path / "preprocessor_config.json").read_text())
    grey = np.arange(64).reshape(8, 8)
    by_hand = (grey * written["rescale_factor"] - written["image_mean"][0]) / written["image_std"][0]
    np.testing.assert_allclose(task.scaled(grey.astype(np.uint8)[None, None])[0, 0], by_hand, rtol=1e-5)
    assert written["resample"] == Image.Resampling.BILINEAR and not written["do_convert_rgb"]
    again = plain_task("image-classification")
    again.open_package(tmp_path, {"num_channels": 1, "id2label": {"1": "yes", "0": "no"}})
    assert (again.facts, again.labels) == (task.facts, task.labels)


# -- classification


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return prepared_task("image-classification", tmp_path_factory.mktemp("sides"))


class Sides(nn.Module):
    """Tells by which half is lighter."""

    def forward(self, pixels: Tensor) -> Tensor:
        half = pixels.shape[-1] // 2
        return torch.stack([part.mean((1, 2, 3)) for part in (pixels[..., :half], pixels[..., half:])], 1)


def test_each_image_of_a_batch_is_moved_by_its_own_step_and_no_other(sides: Any) -> None:
    last = sides.count("train") - 1
    rows = np.array([0, 5, 9, 5, last - 1, last])
    batch, again = sides.train_batch(rows, 0, 11), sides.train_batch(rows, 3, 11)
    assert torch.equal(batch["pixels"], again["pixels"])  # the seed of a step is all that counts
    other = sides.train_batch(rows, 0, 12)
    assert not torch.equal(batch["pixels"], other["pixels"])
    found = []
    for row, pixels in zip(rows, batch["pixels"], strict=True):
        still = np.asarray(sides.pixels[[sides.parts["train"][row]]])
        steps = [
            step
            for step in itertools.product(range(-2, 3), repeat=2)
            if torch.equal(sides.scaled(images.moved(still, np.array(step)[:, None]))[0], pixels)
        ]
        assert len(steps) == 1
        found += steps
    assert len(set(found)) > 1
    files = [sides.names[item] for item in sides.parts["train"][rows]]
    assert [sides.labels[kind] for kind in batch["target"]] == [name.split("/")[0] for name in files]
    assert batch["target"].tolist() != batch["target"].tolist()[::-1]


def test_what_is_judged_is_not_moved_and_told_by_its_file(sides: Any, tmp_path: Path) -> None:
    items = np.arange(sides.count("test"))
    rows = sides.measure(Sides(), "test", items)
    truth = [sides.names[item].split("/")[0] for item in sides.parts["test"]]
    assert [sides.labels[int(kind)] for kind in rows[:, 0]] == truth
    assert (rows[:, 0] == rows[:, 1]).all() and {LEFT, RIGHT} == set(truth)
    batch = sides.batch_of(sides.parts["test"])
    assert torch.equal(batch["pixels"], sides.scaled(np.asarray(sides.pixels[sides.parts["test"]])))
    report = sides.report(Judged("test", items, rows))
    assert report.values["accuracy"] == 1 and report.values["loss"] == pytest.approx(rows[:, 2].mean())
    (tmp_path / "x.png").write_bytes(picture(SPLIT, "L"))
    (answer,) = sides.predict(Sides(), [tmp_path / "x.png"])
    assert answer["label"] == RIGHT and sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    shown = sides.show(Sides(), Judged("test", items, rows), 2)
    assert shown["kind"] == "image" and shown["prompt"].startswith(shown["label"]) and shown["text"] == shown["label"]


def test_the_surest_error_is_shown_first(sides: Any) -> None:
    """True class, guessed class, nats, log share of the guess: by hand."""
    rows = np.array([[0, 0, 0.1, np.log(0.9)], [0, 1, 2.0, np.log(0.6)], [1, 0, 3.0, np.log(0.95)], [1, 1, 0.5, -0.5]])
    assert np.argsort(-sides.badness(Judged("test", np.arange(4), rows))).tolist() == [2, 1, 3, 0]


def test_a_zip_without_labels_or_with_one_is_refused(tmp_path: Path) -> None:
    grey = png(np.full((8, 8), 90))
    for name, members, said in (
        ("none", {"a.png": grey, "b.png": grey}, "it holds no image with a label"),
        ("one", {"cat/a.png": grey, "cat/b.png": grey}, "fewer than two classes"),
    ):
        (tmp_path / name).mkdir()
        with pytest.raises(DataError, match=said):
            prepared_task("image-classification", tmp_path / name, zipped(members))


# -- masked images


@pytest.mark.parametrize(
    ("image", "patch", "shown"), [(8, 4, 1), (12, 4, 2), (16, 4, 4), (32, 4, 16), (224, 16, 49), (20, 4, 6)]
)
def test_a_quarter_of_the_patches_is_shown(image: int, patch: int, shown: int) -> None:
    """As many as transformers keeps of them: int(patches × (1 - 0.75))."""
    model = {"arch": "vit", "size": "nano", "layers": 1, "width": 16, "image": image, "patch": patch}
    task = plain_task("masked-image", model=model)
    task.facts = {"side": image}
    assert (task.patches, task.shown) == ((image // patch) ** 2, shown)


@pytest.mark.parametrize(("patch", "image", "fits"), [(16, 16, False), (8, 16, True), (32, 32, False)])
def test_of_one_patch_nothing_can_be_hidden(patch: int, image: int, fits: bool) -> None:
    model = {"model__image": image, "model__patch": patch}
    if fits:
        plain_task("masked-image", **model)
        return
    with pytest.raises(SpecError) as caught:
        plain_task("masked-image", **model)
    ((place, hint),) = [(issue.path, issue.hint) for issue in caught.value.issues]
    assert place == "model.image" and str(2 * patch) in hint
    # Of which a class can be told all the same.
    vit = {"arch": "vit", "size": "nano", "image": image, "patch": patch}
    plain_task("image-classification", model=vit)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return prepared_task("masked-image", tmp_path_factory.mktemp("masked"), profile={"classes": {}})


def patches_of(pixels: np.ndarray, patch: int) -> np.ndarray:
    """Patches row by row; of each its pixels row by row, and of each of those its channels."""
    channels, side, _ = pixels.shape
    found = []
    for top, left in itertools.product(range(0, side, patch), repeat=2):
        inside = itertools.product(range(top, top + patch), range(left, left + patch))
        found.append([pixels[channel, row, column] for row, column in inside for channel in range(channels)])
    return np.array(found)


def test_patches_are_cut_and_ordered_as_plain_loops_do_it() -> None:
    task = plain_task("masked-image")
    task.facts = {"side": 16}
    pixels = torch.arange(2 * 3 * 256.0).view(2, 3, 16, 16)
    order = torch.stack([torch.randperm(16, generator=torch.Generator().manual_seed(n)) for n in range(2)])
    shown, hidden = task._patches({"pixels": pixels, "order": order})
    assert (shown.shape, hidden.shape) == ((2, 4, 48), (2, 12, 48))
    for image in range(2):
        plain = patches_of(pixels[image].numpy(), 4)[order[image].numpy()]
        assert np.array_equal(torch.cat([shown[image], hidden[image]]).numpy(), plain)


def test_an_order_is_drawn_for_each_image_alone(masked: Any) -> None:
    """What is hidden of a judged image does not depend on who is judged beside it, and while learning on the seed."""
    together = masked._judged_batch("test", np.array([2, 0, 4]))
    for place, item in enumerate((2, 0, 4)):
        alone = masked._judged_batch("test", np.array([item]))
        for name in ("pixels", "order"):
            assert torch.equal(together[name][place], alone[name][0]), name
    assert len({tuple(row) for row in together["order"].tolist()}) == 3
    one, again, other = (masked.train_batch(np.array([1, 3]), 0, seed)["order"] for seed in (5, 5, 6))
    assert torch.equal(one, again) and not torch.equal(one, other)
    for row in one:
        assert sorted(row.tolist()) == list(range(16))


def right_patches(task: Any, batch: dict[str, Tensor], off: float = 0.0) -> Told:
    """A net that knows all patches in their places, but for `off` in the shown ones."""
    found = torch.tensor(np.stack([patches_of(image, task.shape.patch) for image in batch["pixels"].numpy()]))
    found = found.clone()
    for image, order in enumerate(batch["order"]):
        found[image, order[: task.shown]] += off
    return Told(found)


def test_only_hidden_patches_are_asked_for(masked: Any) -> None:
    batch = masked.train_batch(np.arange(4), 0, 2)
    assert float(masked.loss(right_patches(masked, batch), batch)) == 0
    net = right_patches(masked, batch, off=100.0)
    assert float(masked.loss(net, batch)) == 0  # what is shown may be told wrong
    net.answers[0] = net.answers[0] + 2.0
    assert float(masked.loss(net, batch)) == pytest.approx(4.0)
    ((pixels, order, shown), _) = net.given[0]
    assert torch.equal(order, batch["order"]) and shown == 4 and torch.equal(pixels, batch["pixels"])


def test_what_is_explained_is_held_against_the_mean_of_what_is_shown(masked: Any) -> None:
    items = np.arange(masked.count("test"))
    batch = masked._judged_batch("test", items)
    rows = masked.measure(Told(right_patches(masked, batch).answers[0] + 0.5), "test", items)
    assert rows[:, 0] == pytest.approx(0.25)
    for row, image, order in zip(rows, batch["pixels"].numpy(), batch["order"].numpy(), strict=True):
        cut = patches_of(image, 4)[order]
        assert row[1] == pytest.approx(np.mean((cut[4:] - cut[:4].mean()) ** 2), rel=1e-4)
    report = masked.report(Judged("test", items, rows), final=True)
    assert report.values["explained"] == pytest.approx(1 - 0.25 * len(items) / rows[:, 1].sum())
    assert report.values["loss"] == pytest.approx(0.25)
    assert report.interval is not None and report.interval[0] <= report.values["explained"] <= report.interval[1]
    name, trivial = masked.baseline()
    assert name == "mean of what is shown" and trivial["explained"] == 0
    assert trivial["loss"] == pytest.approx(rows[:, 1].mean())


def test_the_mean_of_what_is_shown_is_that_of_each_channel() -> None:
    task = plain_task("masked-image")
    task.facts = {"side": 16, "channels": 3}
    pixels = torch.ones(1, 3, 16, 16) * torch.tensor([1.0, 5.0, -3.0]).view(3, 1, 1)
    order = torch.arange(16)[None]
    assert task._trivial({"pixels": pixels, "order": order}) == pytest.approx(0)  # each is what it is everywhere


def test_an_answer_does_not_hang_on_its_place_among_the_inputs(masked: Any, tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    paths = []
    for n in range(3):
        paths.append(tmp_path / f"{n}.png")
        paths[-1].write_bytes(png(chance.integers(0, 256, size=(16, 16))))
    torch.manual_seed(5)
    from training.engine.nets.vit import build

    net = build(masked.shape, masked.sizes).eval()
    with torch.no_grad():
        forth, back = (masked.predict(net, given) for given in (paths, paths[::-1]))
    assert [one["explained"] for one in forth] == pytest.approx([one["explained"] for one in back[::-1]], rel=1e-4)
    assert len({round(one["explained"], 6) for one in forth}) == 3


# -- detection


def cells(box: list[int]) -> set[tuple[int, int]]:
    return set(itertools.product(range(box[0], box[2]), range(box[1], box[3])))


def drawn_boxes(chance: np.random.Generator, count: int) -> list[list[int]]:
    low = chance.integers(0, 9, size=(count, 2))
    return np.concatenate([low, low + chance.integers(1, 7, size=(count, 2))], 1).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_overlaps_are_those_of_counted_cells(seed: int) -> None:
    ours, theirs = (drawn_boxes(np.random.default_rng(seed + n), 12) for n in (0, 50))
    whole = precision.overlap(np.array(ours, float), np.array(theirs, float))
    near = object_detection.generous(torch.tensor(ours).float()[:, None], torch.tensor(theirs).float()[None])
    for (n, a), (m, b) in itertools.product(enumerate(ours), enumerate(theirs)):
        shared, joint = len(cells(a) & cells(b)), len(cells(a) | cells(b))
        around = len(cells([min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]))
        assert whole[n, m] == pytest.approx(shared / joint)
        assert near[n, m].item() == pytest.approx(shared / joint - (around - joint) / around, abs=1e-5)


def detection_batch(chance: np.random.Generator, counts: list[int], most: int = 4) -> dict[str, Tensor]:
    kinds, boxes = np.full((len(counts), most), -1), np.full((len(counts), most, 4), -1.0)
    for image, count in enumerate(counts):
        kinds[image, :count] = chance.integers(3, size=count)
        boxes[image, :count] = np.concatenate(
            [chance.uniform(0.3, 0.7, (count, 2)), chance.uniform(0.1, 0.5, (count, 2))], 1
        )
    # One that has left the picture may stand before one that has not.
    kinds, boxes = kinds[:, ::-1].copy(), boxes[:, ::-1].copy()
    return {"kinds": torch.tensor(kinds), "boxes": torch.tensor(boxes).float()}


def corners_of(box: list[float]) -> list[float]:
    x, y, width, height = box
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def apart(a: list[float], b: list[float]) -> float:
    """What a told box (centre and size) costs for not being a true one: sides five times, overlap twice."""
    p, q = corners_of(a), corners_of(b)
    wide, high = min(p[2], q[2]) - max(p[0], q[0]), min(p[3], q[3]) - max(p[1], q[1])
    shared = max(0.0, wide) * max(0.0, high)
    joint = a[2] * a[3] + b[2] * b[3] - shared
    around = (max(p[2], q[2]) - min(p[0], q[0])) * (max(p[3], q[3]) - min(p[1], q[1]))
    likeness = shared / joint - (around - joint) / around
    return 5 * sum(abs(x - y) for x, y in zip(a, b, strict=True)) + 2 * (1 - likeness)


@pytest.mark.parametrize("counts", [[0], [1], [3, 0, 4], [4, 2, 1, 3]])
def test_pairs_cost_the_least_of_all_ways_to_pair(counts: list[int]) -> None:
    chance = np.random.default_rng(len(counts))
    task, batch, told = plain_task("object-detection"), detection_batch(chance, counts), 5
    logits = torch.tensor(chance.normal(size=(len(counts), told, 4))).float()
    boxes = torch.tensor(
        np.concatenate(
            [chance.uniform(0.2, 0.8, (len(counts), told, 2)), chance.uniform(0.1, 0.6, (len(counts), told, 2))], -1
        )
    ).float()
    image, chosen, true = task._matched(logits, boxes, batch)
    shares = logits.softmax(-1)
    for n, count in enumerate(counts):
        own = [(int(c), int(t)) for i, c, t in zip(image, chosen, true, strict=True) if i == n]
        assert sorted(t for _, t in own) == list(range(4 - count, 4)) and len({c for c, _ in own}) == count

        def cost(pairs: list[tuple[int, int]], n: int = n) -> float:
            return sum(
                apart(boxes[n, c].tolist(), batch["boxes"][n, t].tolist()) - shares[n, c, batch["kinds"][n, t]].item()
                for c, t in pairs
            )

        ways = ([*zip(way, range(4 - count, 4), strict=True)] for way in itertools.permutations(range(told), count))
        assert cost(own) == pytest.approx(min(map(cost, ways)), abs=1e-5)


def test_the_loss_is_that_of_a_plain_loop() -> None:
    chance, task = np.random.default_rng(8), plain_task("object-detection")
    batch = detection_batch(chance, [1, 0, 3])
    logits = torch.tensor(chance.normal(size=(3, 5, 4))).float()
    boxes = torch.tensor(chance.uniform(0.2, 0.6, size=(3, 5, 4))).float()
    found = task._losses(logits, boxes, batch)
    image, told, true = task._matched(logits, boxes, batch)
    for n in range(3):
        wanted, placed = [3] * 5, 0.0
        for i, c, t in zip(image.tolist(), told.tolist(), true.tolist(), strict=True):
            if i == n:
                wanted[c] = int(batch["kinds"][n, t])
                placed += apart(boxes[n, c].tolist(), batch["boxes"][n, t].tolist())
        logs = logits[n].log_softmax(-1)
        weights = [0.1 if kind == 3 else 1.0 for kind in wanted]
        named = -sum(w * logs[c, kind].item() for c, (w, kind) in enumerate(zip(weights, wanted, strict=True)))
        things = max(1, int((batch["kinds"][n] >= 0).sum()))
        assert found[n].item() == pytest.approx(named / sum(weights) + placed / things, rel=1e-4)


def test_more_things_than_boxes_to_tell_them_with_are_partly_told() -> None:
    task, batch = plain_task("object-detection"), detection_batch(np.random.default_rng(1), [4])
    logits, boxes = torch.zeros(1, 2, 4), torch.rand(1, 2, 4, generator=torch.Generator().manual_seed(1))
    image, told, true = task._matched(logits, boxes, batch)
    assert sorted(told.tolist()) == [0, 1] and len(set(true.tolist())) == 2 and image.tolist() == [0, 0]
    assert task._losses(logits, boxes, batch).isfinite().all()
    broken = torch.full((1, 2, 4), torch.nan)
    assert len(task._matched(logits, broken, batch)[0]) == 2  # a net that diverged is told by its loss, not by a fault


def boxed(task: Any, boxes: list[list[tuple[int, float, float, float, float]]], side: int = 32) -> Any:
    """A task whose training part are pictures that are black but for their boxes (class, centre and size as shares)."""
    most = max(map(len, boxes))
    task.boxes = np.full((len(boxes), most, 5), -1, dtype=np.float32)
    task.pixels = np.zeros((len(boxes), 1, side, side), dtype=np.uint8)
    for image, own in enumerate(boxes):
        for n, (kind, x, y, width, height) in enumerate(own):
            task.boxes[image, n] = kind, x, y, width, height
            left, top, right, bottom = (round(each * side) for each in corners_of([x, y, width, height]))
            task.pixels[image, 0, top:bottom, left:right] = 200 + kind
    task.parts = dict.fromkeys(("train", "valid", "test"), np.arange(len(boxes)))
    task.facts = {"mean": [0.0], "deviation": [1 / 255], "side": side, "channels": 1}
    task.labels = ["cat", "dog"]
    task.names = [f"{n}.png" for n in range(len(boxes))]
    return task


def test_boxes_lie_on_what_they_are_of_after_every_move() -> None:
    """A thing of 8 × 4 pixels anywhere, at the edges too: its box is where the moved picture is light."""
    places = [(left, top) for left in (0, 11, 24) for top in (0, 14, 28)]
    boxes = [[(n % 2, (left + 4) / 32, (top + 2) / 32, 8 / 32, 4 / 32)] for n, (left, top) in enumerate(places)]
    task, edges = boxed(plain_task("object-detection"), boxes), 0
    for seed in range(30):
        batch = task.train_batch(np.arange(9), 0, seed)
        for image in range(9):
            pixels = batch["pixels"][image, 0].numpy()
            corners = np.array(corners_of(batch["boxes"][image, 0].tolist())) * 32
            if batch["kinds"][image, 0] < 0:
                assert corners[2] - corners[0] == 0 or corners[3] - corners[1] == 0  # it has left the picture
                edges += 1
                continue
            left, top, right, bottom = corners.round().astype(int)
            np.testing.assert_allclose(corners, [left, top, right, bottom], atol=1e-3)
            inside = pixels[top:bottom, left:right].round()
            assert inside.min() == inside.max() == 200 + int(batch["kinds"][image, 0]) == pixels.max().round()
            assert (pixels > 0).sum() == inside.size  # nothing beside it: a box goes on to where an edge is repeated
    assert 0 < edges < 60


@pytest.mark.parametrize(("width", "kept"), [(0.004, True), (0.3, True)])
def test_a_thing_is_learnt_however_small_it_is(width: float, kept: bool) -> None:
    """Only where the edge cuts half of it or more, and leaves next to nothing, is it given up."""
    task = boxed(plain_task("object-detection"), [[(1, 0.5, 0.5, width, 0.2)]] * 20)
    for seed in range(5):
        assert (task.train_batch(np.arange(20), 0, seed)["kinds"] == 1).all()


def test_a_thing_that_leaves_the_picture_is_given_up() -> None:
    """Four pixels may be moved away at most: of two at the left edge nothing is left, or one pixel, or both."""
    task = boxed(plain_task("object-detection"), [[(0, 1 / 32, 0.5, 2 / 32, 0.2)]] * 200)
    batch = task.train_batch(np.arange(200), 0, 3)
    steps = images.moves(200, 32, ordering.generator(3))[1]
    assert ((batch["kinds"][:, 0] < 0).numpy() == (steps >= 2)).all() and 0 < (steps >= 2).sum() < 200
    wide = batch["boxes"][:, 0, 2].numpy() * 32
    np.testing.assert_allclose(wide[steps < 2], 2 - steps[steps < 2], atol=1e-4)  # what is repeated is of it too


def test_the_baseline_tells_the_mean_box_as_surely_as_it_is_there() -> None:
    """A cat in the same place of every picture, a dog in half of them: by hand."""
    cat, dog = (0, 0.25, 0.25, 0.25, 0.25), (1, 0.75, 0.5, 0.25, 0.5)
    task = boxed(plain_task("object-detection"), [[cat, dog], [cat]] * 8)
    name, values = task.baseline()
    # Both are told in every picture. Each cat is right. Of dogs every other one is, the first too: of those that it
    # takes to find k of them 2k - 1 are told.
    least = [max(1, int(np.ceil(8 * level / 100))) for level in range(101)]
    dogs = np.mean([k / (2 * k - 1) for k in least])
    assert name == "mean box of each class"
    assert (values["ap50"], values["map"]) == pytest.approx(((1 + dogs) / 2,) * 2)
    task = boxed(plain_task("object-detection"), [[cat], [cat]])
    assert task.baseline()[1]["map"] == pytest.approx(1)  # a class that is nowhere does not count


def test_a_mean_box_is_of_all_boxes_and_its_surety_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three cats in two of four pictures."""
    cats = [(0, 0.2, 0.2, 0.1, 0.3), (0, 0.4, 0.6, 0.3, 0.1), (0, 0.3, 0.4, 0.2, 0.8)]
    task, told = boxed(plain_task("object-detection"), [cats[:2], cats[2:], [], []]), []
    measure = task.measure
    monkeypatch.setattr(task, "measure", lambda net, *words: told.append(net) or measure(net, *words))
    task.baseline()
    assert told[0].boxes[0].tolist() == pytest.approx([0.3, 0.4, 0.2, 0.4])
    assert told[0].logits[0].exp().tolist() == pytest.approx([0.5, 0.0003, 0.5], abs=1e-3)
    assert (told[0].logits[1:].argmax(-1) == 2).all()  # and nothing else


def found_boxes(*told: tuple[list[float], list[float]]) -> SimpleNamespace:
    """Shares of (cat, dog, nothing) and a box (centre and size), as a net tells them of one image."""
    shares, boxes = zip(*told, strict=True)
    return SimpleNamespace(logits=torch.tensor([shares]).log(), pred_boxes=torch.tensor([boxes]))


def test_an_answer_is_what_it_is_sure_of_inside_the_picture(tmp_path: Path) -> None:
    task = boxed(plain_task("object-detection"), [[]])
    (tmp_path / "x.png").write_bytes(png(np.zeros((50, 200))))
    net = Told(
        found_boxes(
            ([0.5, 0.1, 0.4], [0.5, 0.5, 0.5, 0.5]),
            ([0.1, 0.8, 0.1], [0.9, 0.1, 0.4, 0.4]),
            ([0.4, 0.1, 0.5], [0.5, 0.5, 1, 1]),
            ([0.0, 0.3, 0.7], [0.5, 0.5, 1, 1]),
        )
    )
    (answer,) = task.predict(net, [tmp_path / "x.png"])
    assert answer["boxes"] == [
        {"label": "dog", "probability": 0.8, "box": [140, 0, 60, 15]},  # cut at the right and at the top
        {"label": "cat", "probability": 0.5, "box": [50, 12.5, 100, 25]},
    ]


def test_measured_boxes_come_back_and_are_shown_in_words() -> None:
    cat, dog = (0, 0.25, 0.25, 0.25, 0.25), (1, 0.75, 0.5, 0.25, 0.5)
    task = boxed(plain_task("object-detection", model__width=32, model__patch=8), [[cat, dog]])
    told = [([0.9, 0.05, 0.05], list(cat[1:])), ([0.1, 0.3, 0.6], list(dog[1:]))]
    told += [([1e-3, 1e-3, 0.998], [0.5, 0.5, 1, 1])] * 14
    rows = task.measure(Told(found_boxes(*told)), "test", np.arange(1))
    true, found = task._read(rows)
    np.testing.assert_allclose(true[0], [[0, *corners_of(list(cat[1:]))], [1, *corners_of(list(dog[1:]))]], atol=1e-6)
    np.testing.assert_allclose(found[0, :2, :2], [[0, 0.9], [1, 0.3]], atol=1e-6)  # never “nothing”
    np.testing.assert_allclose(found[0, 1, 2:], corners_of(list(dog[1:])), atol=1e-6)
    judged = Judged("test", np.arange(1), rows)
    assert task.show(Told(), judged, 0) == {"kind": "image", "prompt": "0.png", "text": "cat", "label": "cat, dog"}
    report = task.report(judged, final=True)
    assert report.values["map"] == pytest.approx(1) and report.detail["classes"]["dog"]["boxes"] == 1
    assert task.badness(judged) == pytest.approx([report.values["loss"]])


def test_pictures_without_a_box_can_be_looked_at(tmp_path: Path) -> None:
    """The first images of a dataset may show nothing, and a preview reads no more than those."""
    members = {f"{n:02}.png": png(np.full((8, 8), 90)) for n in range(12)}
    members["boxes.csv"] = b"file,label,x,y,width,height\n11.png,cat,1,1,4,4\n"
    task = prepared_task("object-detection", tmp_path, zipped(members), profile={"only": 10})
    assert task.labels == ["cat"] and task.boxes.shape[2] == 5


# -- segmentation


def test_masks_move_with_their_images() -> None:
    """Pictures whose grey levels are the numbers of their masks still are, wherever they were moved."""
    task, chance = plain_task("image-segmentation"), np.random.default_rng(6)
    task.masks = chance.integers(0, 5, size=(8, 32, 32)).astype(np.uint8)
    task.pixels = np.stack([task.masks, 10 + task.masks], 1)
    task.parts = {"train": np.arange(8)[::-1]}
    task.facts = {"mean": [0.0] * 2, "deviation": [1 / 255] * 2, "side": 32, "channels": 2}
    batch = task.train_batch(np.array([2, 5, 0]), 0, 9)
    assert torch.equal(batch["pixels"][:, 0].round().long(), batch["mask"])
    assert torch.equal(batch["pixels"][:, 1].round().long(), batch["mask"] + 10)
    assert not np.array_equal(batch["mask"].numpy(), task.masks[[5, 2, 7]])
    assert torch.equal(batch["mask"], task.train_batch(np.array([2, 5, 0]), 4, 9)["mask"])


NO = segmentation.UNLABELLED


def test_pixels_are_counted_as_a_plain_loop_counts_them() -> None:
    task, chance = plain_task("image-segmentation"), np.random.default_rng(7)
    task.labels = ["a", "b", "c", "d"]
    told = chance.integers(0, 4, size=(3, 6, 6))
    truth = np.where(chance.random((3, 6, 6)) < 0.2, NO, chance.integers(0, 3, size=(3, 6, 6))).astype(np.uint8)
    found = task._pixels(told, truth)
    for image, kind in itertools.product(range(3), range(4)):
        pairs = [(t, w) for t, w in zip(told[image].ravel(), truth[image].ravel(), strict=True) if w != NO]
        right, true, said = (
            sum(t == w == kind for t, w in pairs),
            sum(w == kind for _, w in pairs),
            sum(t == kind for t, _ in pairs),
        )
        assert found[image, [kind, 4 + kind, 8 + kind]].tolist() == [right, true, said]
    judged = Judged("test", np.arange(3), np.column_stack([[0.5, 1.0, 1.5], found]))
    report = task.report(judged, final=True)
    sums = found.sum(0)
    unions = [(sums[k], sums[4 + k] + sums[8 + k] - sums[k]) for k in range(4)]
    assert report.values["miou"] == pytest.approx(np.mean([hits / union for hits, union in unions]))
    assert report.values["pixel_accuracy"] == pytest.approx(sums[:4].sum() / (truth != NO).sum())
    assert report.values["loss"] == 1
    assert report.detail["classes"]["d"] == {"iou": 0.0, "pixels": 0}  # told, and never true


def test_a_pixel_without_a_class_asks_for_nothing() -> None:
    task = plain_task("image-segmentation")
    logits = torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(1))
    mask = torch.randint(4, (3, 5, 5), generator=torch.Generator().manual_seed(2))
    mask[0, :4], mask[1] = NO, NO
    found, logs = task._losses(logits, mask), logits.log_softmax(1)
    last = -sum(logs[0, mask[0, 4, n], 4, n].item() for n in range(5)) / 5
    whole = -sum(logs[2, mask[2, a, b], a, b].item() for a, b in itertools.product(range(5), repeat=2)) / 25
    assert found.tolist() == pytest.approx([last, 0, whole], rel=1e-5)


@pytest.mark.parametrize(
    ("numbers", "labels", "become"),
    [
        ([0, 255], ["0", "255"], [0, 1]),
        ([3, 9, 255], ["3", "9"], [0, 1, NO]),
        ([0, 1, 2], ["0", "1", "2"], [0, 1, 2]),
        ([7, 200, 254], ["7", "200", "254"], [0, 1, 2]),
        ([5], None, None),
        ([5, 255], None, None),
        (list(range(65)), None, None),
        ([*range(64), 255], [str(n) for n in range(64)], [*range(64), NO]),
    ],
)
def test_masks_without_names_are_numbered_anew(
    numbers: list[int], labels: list[str] | None, become: list[int] | None, tmp_path: Path
) -> None:
    np.array(numbers * 3, dtype=np.uint8).tofile(tmp_path / "masks.bin")
    seen = np.zeros(256, dtype=bool)
    seen[numbers] = True
    if labels is None:
        with pytest.raises(DataError, match="different numbers; 2 to 64 can be classes"):
            segmentation._renumber(tmp_path / "masks.bin", seen)
        return
    assert segmentation._renumber(tmp_path / "masks.bin", seen) == labels
    assert np.fromfile(tmp_path / "masks.bin", dtype=np.uint8).tolist() == (become or []) * 3


def segmented(task: Any, masks: np.ndarray, test: int) -> Any:
    """The last `test` masks are the test part, the others to learn from."""
    task.masks, task.labels = masks.astype(np.uint8), ["ground", "light", "dark"]
    task.parts = {"train": np.arange(len(masks) - test), "test": np.arange(len(masks) - test, len(masks))}
    task.names = [f"{n}.png" for n in range(len(masks))]
    task.facts = {"mean": [0.5], "deviation": [0.5], "side": masks.shape[1], "channels": 1}
    return task


def test_the_commonest_class_everywhere_by_hand() -> None:
    """To learn from: 10 pixels of ground, 5 of light, 1 without a class. To be judged: 8 of ground, 6 light, 2 dark."""
    learnt, judged = np.array([0] * 10 + [1] * 5 + [NO]).reshape(1, 4, 4), np.array([0] * 8 + [1] * 6 + [2] * 2)
    task = segmented(plain_task("image-segmentation"), np.concatenate([learnt, judged.reshape(1, 4, 4)]), 1)
    name, values = task.baseline()
    assert name == "commonest class"
    assert values["pixel_accuracy"] == 0.5 and values["miou"] == pytest.approx(0.5 / 3)
    shares = np.log(np.array([11, 6, 1]) / 18)
    assert values["loss"] == pytest.approx(-(shares * [8, 6, 2]).sum() / 16)


def test_shares_in_words_leave_out_what_is_next_to_nothing() -> None:
    task = segmented(plain_task("image-segmentation"), np.zeros((1, 4, 4)), 1)
    assert task._words(np.array([9_000, 0, 1_000])) == "ground 90.0%, dark 10.0%"
    assert task._words(np.array([9_999, 1, 0])) == "ground 100.0%" and task._words(np.zeros(3)) == "–"
    rows = np.array([[0.3, *[0] * 3, *(10, 6, 0), *(0, 16, 0)]])
    shown = task.show(Told(), Judged("test", np.arange(1), rows), 0)
    assert (shown["prompt"], shown["label"]) == ("0.png", "ground 62.5%, light 37.5%")
    assert shown["text"] == "light 100.0%"


def test_a_probe_asks_for_the_middle_of_each_place() -> None:
    masks = np.arange(32 * 32).reshape(1, 32, 32) % 251
    masks[0, :4] = NO
    task = segmented(plain_task("image-segmentation"), masks, 1)
    found = task.probe_targets("test", np.array([0])).reshape(8, 8)
    assert (found[0] == -1).all()  # nobody gave these a class
    for row, column in itertools.product(range(1, 8), range(8)):
        assert found[row, column] == masks[0, 4 * row + 2, 4 * column + 2]
    assert task.probe_counts("test", np.array([0])).tolist() == [64] == [task.probe_size]


class Halves(nn.Module):
    """Light (class 1) on the left, dark (class 2) on the right, in an eighth of the side."""

    def forward(self, pixel_values: Tensor) -> SimpleNamespace:
        logits = torch.zeros(len(pixel_values), 3, 8, 8)
        logits[:, 1, :, :4], logits[:, 2, :, 4:] = 9, 9
        return SimpleNamespace(logits=logits)


@pytest.mark.parametrize("name", ["16 bits", "four inks", "colours with alpha", "palette", "grey"])
def test_a_mask_and_what_lies_under_its_colours_have_the_size_of_the_image(name: str, tmp_path: Path) -> None:
    task = segmented(plain_task("image-segmentation"), np.zeros((1, 32, 32)), 1)
    (tmp_path / "x").write_bytes(ODD[name])
    (answer,) = task.predict(Halves(), [tmp_path / "x"])
    assert answer["shares"] == {"ground": 0, "light": 0.5, "dark": 0.5}
    mask, over = (Image.open(io.BytesIO(base64.b64decode(answer[kind]))) for kind in ("mask", "overlay"))
    assert mask.size == over.size == (12, 12)
    assert np.asarray(mask).tolist() == [[1] * 6 + [2] * 6] * 12
    # 55 parts of the image, 45 of the colour of its class, however many bits its pixels have.
    for side, grey, kind in ((slice(0, 4), 40, "light"), (slice(8, 12), 200, "dark")):
        colour = np.array(list(bytes.fromhex(answer["colours"][kind][1:])))
        shown = np.asarray(over).astype(float)[:, side].mean((0, 1))
        assert shown == pytest.approx(0.55 * grey + 0.45 * colour, abs=20)


def test_colours_of_many_classes_are_told_apart() -> None:
    colours = [segmentation.colour_of(n) for n in range(64)]
    assert len(set(colours)) == 64 and all(len(c) == 7 and c[0] == "#" for c in colours)
    rgb = np.array([list(bytes.fromhex(c[1:])) for c in colours[:8]]).astype(int)
    assert min(np.abs(a - b).sum() for a, b in itertools.combinations(rgb, 2)) > 60


def test_scenes_are_prepared_with_their_masks(tmp_path: Path) -> None:
    task = prepared_task("image-segmentation", tmp_path)
    for item, (pixels, boxes) in enumerate(scenes(60)[:20]):
        assert np.abs(task.pixels[item, 0].astype(int) - pixels.astype(int)).max() <= 1
        assert set(np.unique(task.masks[item])) <= {0, *(1 if label == "light" else 2 for label, *_ in boxes)}
    assert task.labels == ["ground", "light", "dark"] and task.describe(3) == "images/003.png"
    spec = Spec.from_json(task.spec.to_json())
    assert spec.shape.image == 32
