"""Masks: read strictly, learnt from, judged by hand counts, and answered from a package that transformers reads."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.engine.conftest import MakeRun, Run, masks_blob, png, scenes, tiny, zipped
from tests.training.engine.test_tuning import opened_of
from training.engine import metrics, probe
from training.engine.contract import DONE, FAILED
from training.engine.errors import DataError, Stop
from training.engine.masks import class_names, read_masked
from training.engine.package import load_net
from training.engine.predict import Predictor
from training.engine.registry import net_module

LEARN = {"train__max_steps": 150, "train__lr": 1e-2, "train__batch": 16, "eval__every_steps": 50}
GREY, NUMBERS = np.full((8, 8), 90), np.arange(64).reshape(8, 8) % 2


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from tests.training.engine.conftest import profile_for

    profile = profile_for("image-segmentation")
    run = Run(
        tmp_path_factory.mktemp("runs") / "run", tiny("image-segmentation", **LEARN), masks_blob(), "images", profile
    )
    assert run.go() == DONE, run.log
    return run


def test_pixels_are_learnt(learnt: Run) -> None:
    last = learnt.of("done")[0]
    told, trivial = last["metrics"], last["baseline"]["metrics"]
    assert last["baseline"]["name"] == "commonest class"
    assert trivial["test/miou"] < 0.4 < 0.7 < told["test/miou"]
    assert trivial["test/pixel_accuracy"] < 0.9 < told["test/pixel_accuracy"]
    assert told["test/loss"] < 0.5 * trivial["test/loss"]
    classes = json.loads((learnt.folder / "out" / "report.json").read_text())["detail"]["classes"]
    assert list(classes) == ["ground", "light", "dark"]
    assert told["test/miou"] == pytest.approx(np.mean([each["iou"] for each in classes.values()]), abs=1e-5)


def test_the_mask_of_a_new_image_has_its_size(learnt: Run, tmp_path: Path) -> None:
    (pixels, boxes), *_ = [scene for scene in scenes(60) if len(scene[1]) == 2]
    Image.fromarray(pixels.astype(np.uint8)).resize((48, 64), Image.Resampling.NEAREST).save(tmp_path / "x.png")
    (answer,) = Predictor(learnt.folder / "out")([tmp_path / "x.png"])
    mask = Image.open(io.BytesIO(base64.b64decode(answer["mask"])))
    overlay = Image.open(io.BytesIO(base64.b64decode(answer["overlay"])))
    assert overlay.format == "JPEG" and overlay.size == (48, 64)
    assert len(set(answer["colours"].values())) == len(answer["shares"])
    assert mask.size == (48, 64) and sum(answer["shares"].values()) == pytest.approx(1, abs=1e-5)
    _, x, y, width, height = boxes[1]  # the dark one lies on top
    middle = (round((x + width / 2) * 48 / 32), round((y + height / 2) * 64 / 32))
    assert mask.getpixel(middle) == 2


def test_package_loads_in_transformers(learnt: Run) -> None:
    from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

    out = learnt.folder / "out"
    theirs = AutoModelForSemanticSegmentation.from_pretrained(out, local_files_only=True).eval()
    assert theirs.config.id2label == {0: "ground", 1: "light", 2: "dark"}
    pixels = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(theirs(pixels).logits, load_net(out)(pixels).logits)
    processor = AutoImageProcessor.from_pretrained(out, local_files_only=True)
    assert (type(processor).__name__[:9], processor.size["height"]) == ("Segformer", 32)


def test_a_probe_tells_places_of_a_net_that_has_learnt_nothing(learnt: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few places drawn with the seed, a group of test images at a time, by the figures of the task."""
    task, sizes, embed = opened_of(learnt), [], probe.embed
    torch.manual_seed(3)
    net = net_module("segformer").build(task.spec.shape, task.sizes).eval()
    whole = probe.probe_of(task, net)

    def seen(*words: Any) -> np.ndarray:
        sizes.append(len(found := embed(*words)))
        return found

    monkeypatch.setattr(probe, "MAX_ROWS", 30)
    monkeypatch.setattr(probe, "MAX_WORDS", 400)
    monkeypatch.setattr(probe, "AT_ONCE_TOKENS", 150)  # two images of 8 × 8 places
    monkeypatch.setattr(probe, "embed", seen)
    some, again = probe.probe_of(task, net), probe.probe_of(task, net)
    assert some == again and some and whole
    assert sizes.count(400) == 2 and max(set(sizes) - {400}) == 128
    assert (some["kind"], some["rows"], some["places"], some["places_of"]) == ("logistic", 30, 400, 30 * 64)
    assert whole["features"] == (1 + 2 + 5 + 8) * 8
    _, trivial = task.baseline()
    for found in (some, whole):
        assert set(found["metrics"]) == set(trivial)
        assert found["metrics"]["miou"] > trivial["miou"] + 0.15
        assert found["metrics"]["loss"] < 0.85 * trivial["loss"]


def test_a_probe_learns_from_labelled_places_alone(learnt: Run) -> None:
    task: Any = opened_of(learnt)
    train = np.arange(task.count("train"))
    before = task.probe_targets("train", train)
    masks = np.array(task.masks)
    masks[task.parts["train"][:-2]] = 255
    task.masks = masks
    targets = task.probe_targets("train", train)
    assert len(targets) == 64 * len(train) and (targets[:-128] == -1).all()
    assert np.array_equal(targets[-128:], before[-128:])
    net = net_module("segformer").build(task.spec.shape, task.sizes).eval()
    found = probe.probe_of(task, net)
    assert found and found["places"] == found["places_of"] == 128


def test_overlap_by_hand() -> None:
    # Class 0: 3 right of 4 true and 4 told, 3/5. Class 1: 1 right of 2 and 2, 1/3. Class 2 is nowhere.
    scores = metrics.pixel_scores(np.array([5.0, 3, 1, 0, 4, 2, 0, 4, 2, 0, 2]))
    assert scores == pytest.approx({"miou": (3 / 5 + 1 / 3) / 2, "pixel_accuracy": 4 / 6, "loss": 2.5})


def read(tmp_path: Path, members: dict[str, bytes], **image: Any) -> list[tuple[str, np.ndarray, np.ndarray]]:
    path, profile = tmp_path / "blob", {"image": image}
    path.write_bytes(zipped(members))
    names = class_names(path, profile)
    return list(read_masked(path, 16, 1, profile, Stop(), len(names) if names else None))


def test_a_mask_is_enlarged_without_new_numbers(tmp_path: Path) -> None:
    numbers = NUMBERS * 7
    members = {"top/images/a.jpg": jpeg(), "top/masks/a.png": png(numbers)}
    ((name, pixels, mask),) = read(tmp_path, members, top="top/")
    assert (name, pixels.shape) == ("top/images/a.jpg", (1, 16, 16))
    np.testing.assert_array_equal(mask, numbers.repeat(2, 0).repeat(2, 1))


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(GREY.astype(np.uint8)).save(file, "JPEG")
    return file.getvalue()


COLOURS = np.zeros((8, 8, 3))
FAULTS = {
    "no mask": ({"images/b.png": png(GREY)}, "images/b.png", "there is no mask"),
    "no image": ({"masks/b.png": png(NUMBERS)}, "masks/b.png", "there is no image"),
    "twice": ({"images/a.jpg": png(GREY)}, "images/a.jpg", "the same name but for its ending"),
    "colours": ({"masks/a.png": png(COLOURS)}, "masks/a.png", "numbers of classes, not colours"),
    "size": ({"masks/a.png": png(NUMBERS[:4])}, "masks/a.png", "it has 8 × 4 pixels, its image 8 × 8"),
    "number": ({"masks/a.png": png(NUMBERS * 2)}, "masks/a.png", "holds the number 2, but classes.txt names"),
    "damaged": ({"masks/a.png": b"no mask"}, "masks/a.png", "not a readable PNG"),
    "names": ({"classes.txt": b"one\none\n"}, "classes.txt", "different names"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_named(fault: str, tmp_path: Path) -> None:
    members, name, problem = FAULTS[fault]
    fine = {"images/a.png": png(GREY), "masks/a.png": png(NUMBERS), "classes.txt": b"no\nyes\n"}
    assert len(read(tmp_path, fine)) == 1
    with pytest.raises(DataError) as caught:
        read(tmp_path, fine | members)
    assert caught.value.params["name"] == name and problem in caught.value.params["problem"]


def masked(number: int, other: int) -> bytes:
    members = {}
    for n, (pixels, boxes) in enumerate(scenes(20)):
        mask = np.full(pixels.shape, number)
        _, x, y, width, height = boxes[0]
        mask[y : y + height, x : x + width] = other
        members |= {f"images/{n}.png": png(pixels), f"masks/{n}.png": png(mask)}
    return zipped(members)


def test_classes_that_nobody_named_are_their_numbers(make_run: MakeRun) -> None:
    spec = tiny("image-segmentation", train__max_steps=1, train__batch=4)
    for name, numbers, labels in (("two", (0, 255), ["0", "255"]), ("others", (3, 9), ["3", "9"])):
        run = make_run(name, spec, blob=masked(*numbers))
        assert run.go() == DONE, run.log
        assert list(json.loads((run.folder / "out" / "config.json").read_text())["id2label"].values()) == labels
    run = make_run("one", spec, blob=masked(4, 255))
    assert run.go() == FAILED
    assert "1 different numbers" in run.of("error")[0]["text"]
