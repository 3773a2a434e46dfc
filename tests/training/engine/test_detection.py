"""Boxes: read strictly, matched and learnt, judged as COCO judges them, and answered from a package."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.engine.conftest import MakeRun, Run, png, profile_for, scenes, tiny, zipped
from training.engine import precision
from training.engine.boxes import read_boxed, read_boxes, to_corners
from training.engine.contract import DONE, FAILED
from training.engine.errors import DataError, Stop
from training.engine.package import load_net
from training.engine.predict import Predictor

LEARN = {"train__max_steps": 480, "train__lr": 1.5e-3, "train__batch": 16, "eval__every_steps": 480}
LEARN |= {"model__width": 64, "model__patch": 8}


def coco(count: int) -> bytes:
    """Scenes with their boxes in the form of COCO, numbered as it comes."""
    members, images, notes = {}, [], []
    for n, (pixels, boxes) in enumerate(scenes(count)):
        members[f"images/{n:03}.png"] = png(pixels)
        images.append({"id": 1000 - n, "file_name": f"{n:03}.png", "width": 32, "height": 32})
        for label, *box in boxes:
            notes.append({"id": len(notes), "image_id": 1000 - n, "category_id": len(label) + 7, "bbox": box})
    categories = [{"id": 12, "name": "light"}, {"id": 11, "name": "dark"}]
    listed = {"images": images, "annotations": notes, "categories": categories}
    return zipped(members | {"annotations.json": json.dumps(listed).encode()})


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Run:
    profile = profile_for("object-detection") | {"rows": 200}
    run = Run(tmp_path_factory.mktemp("runs") / "run", tiny("object-detection", **LEARN), coco(200), "images", profile)
    assert run.go() == DONE, run.log
    return run


def test_boxes_are_learnt(learnt: Run) -> None:
    last = learnt.of("done")[0]
    told, trivial = last["metrics"], last["baseline"]["metrics"]
    assert last["baseline"]["name"] == "mean box of each class"
    assert told["test/map"] > 0.04 > 20 * trivial["test/map"]
    assert told["test/ap50"] > 0.2 > 20 * trivial["test/ap50"]
    assert told["test/loss"] < 0.75 * trivial["test/loss"]
    classes = json.loads((learnt.folder / "out" / "report.json").read_text())["detail"]["classes"]
    assert list(classes) == ["dark", "light"]
    assert told["test/map"] == pytest.approx(np.mean([each["ap"] for each in classes.values()]), abs=1e-5)


def test_package_loads_in_transformers(learnt: Run, tmp_path: Path) -> None:
    from transformers import AutoImageProcessor, AutoModelForObjectDetection

    out = learnt.folder / "out"
    theirs = AutoModelForObjectDetection.from_pretrained(out, local_files_only=True).eval()
    assert theirs.config.id2label == {0: "dark", 1: "light"}
    pixels = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        told, ours = theirs(pixels), load_net(out)(pixels)
    torch.testing.assert_close(told.logits, ours.logits)
    torch.testing.assert_close(told.pred_boxes, ours.pred_boxes)
    processor = AutoImageProcessor.from_pretrained(out, local_files_only=True)
    assert (type(processor).__name__[:5], processor.size["height"]) == ("Yolos", 32)


def test_an_answer_is_in_pixels_of_its_image(learnt: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.engine.tasks import object_detection

    monkeypatch.setattr(object_detection, "SURE", 0.0)
    Image.new("L", (32, 32), 110).save(tmp_path / "a.png")
    Image.new("L", (64, 96), 110).save(tmp_path / "b.png")
    small, large = Predictor(learnt.folder / "out")([tmp_path / "a.png", tmp_path / "b.png"])
    assert len(small["boxes"]) == 16 and {box["label"] for box in small["boxes"]} <= {"dark", "light"}
    shares = [box["probability"] for box in small["boxes"]]
    assert shares == sorted(shares, reverse=True)
    for one, other in zip(small["boxes"], large["boxes"], strict=True):
        np.testing.assert_allclose(np.array(one["box"]) * [2, 3, 2, 3], other["box"], atol=0.05)


# --- average precision -----


def drawn(seed: int, images: int, classes: int) -> tuple[list[Any], list[Any]]:
    """Told and true boxes, many of them near each other, some of one surety."""
    chance = np.random.default_rng(seed)
    told, true = [], []
    for _ in range(images):
        n = int(chance.integers(0, 5))
        low, size = chance.integers(0, 60, (n, 2)), chance.integers(5, 40, (n, 2))
        kinds = chance.integers(classes, size=n)
        true.append((kinds.astype(float), np.concatenate([low, low + size], 1).astype(float)))
        near = chance.integers(0, 60, (4, 2))
        guess = np.concatenate([low + chance.integers(-4, 5, (n, 2)), near])
        extent = np.concatenate([np.maximum(2, size + chance.integers(-4, 5, (n, 2))), np.full((4, 2), 20)])
        named = np.concatenate([kinds, chance.integers(classes, size=4)])
        corners = np.concatenate([guess, guess + extent], 1).astype(float)
        told.append((named.astype(float), np.round(chance.random(n + 4), 1), corners))
    return told, true


# What pycocotools 2.0 says of the same boxes: mAP, AP50, and AP of each class.
COCO_SAYS = {
    0: (0.078819608, 0.29867635, [0.078819608]),
    1: (0.038142567, 0.126927779, [0.037788779, 0.038496356]),
    2: (0.103458847, 0.299942936, [0.140537976, 0.070579045, 0.099259521]),
}


@pytest.mark.parametrize("seed", COCO_SAYS)
def test_precision_is_that_of_coco(seed: int) -> None:
    told, true = drawn(seed, 12 + 5 * seed, 1 + seed)
    ranked = precision.rank(told, true, 1 + seed)
    whole, half, classes = COCO_SAYS[seed]
    assert precision.scores(ranked) == pytest.approx({"map": whole, "ap50": half}, abs=1e-7)
    table = precision.class_table(ranked, [str(n) for n in range(1 + seed)])
    assert [each["ap"] for each in table.values()] == pytest.approx(classes, abs=1e-6)


def test_precision_by_hand() -> None:
    square = np.array([[0.0, 0, 10, 10]])
    apart = np.array([[50.0, 50, 60, 60]])
    true = [(np.zeros(1), square), (np.zeros(1), square)]
    # The surest is right, the next is wrong, the third is right: precision 1 up to half the recall, then 2/3.
    told = [
        (np.zeros(1), np.array([0.9]), square),
        (np.zeros(2), np.array([0.8, 0.7]), np.concatenate([apart, square])),
    ]
    assert precision.scores(precision.rank(told, true, 1))["map"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    # A second box on the same thing is wrong, a class that is nowhere does not count, and of nothing there is nothing.
    twice = [(np.zeros(2), np.array([0.9, 0.8]), np.repeat(square, 2, 0)), (np.zeros(0), np.zeros(0), np.zeros((0, 4)))]
    assert precision.scores(precision.rank(twice, true, 2))["ap50"] == pytest.approx(51 / 101)
    assert precision.scores(precision.rank(told, [(np.zeros(0), np.zeros((0, 4)))] * 2, 1)) == {"map": 0, "ap50": 0}
    # Two thirds of overlap satisfy four demands of ten: 0.50, 0.55, 0.60 and 0.65.
    wide = [(np.zeros(1), np.array([0.9]), np.array([[0.0, 0, 10, 15]]))]
    assert precision.scores(precision.rank(wide, true[:1], 1))["map"] == pytest.approx(0.4)


def test_an_image_drawn_twice_counts_twice() -> None:
    told, true = drawn(3, 6, 2)
    weight = np.array([2, 0, 1, 1, 0, 2])
    again = [n for n, times in enumerate(weight) for _ in range(times)]
    repeated = precision.rank([told[n] for n in again], [true[n] for n in again], 2)
    # Ties are broken by the order of images, which is the same here.
    assert precision.scores(precision.rank(told, true, 2), weight)["ap50"] == pytest.approx(
        precision.scores(repeated)["ap50"], abs=0.02
    )


# --- matching and loss -----


def test_overlap_that_knows_how_far_apart() -> None:
    from training.engine.tasks.object_detection import generous

    a = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]])
    b = torch.tensor([[0.0, 0, 1, 1], [0, 0, 2, 1], [3, 0, 4, 1]])
    # The same; half of it; nothing, with half of what is around both belonging to neither.
    assert generous(a, b).tolist() == pytest.approx([1.0, 0.5, -0.5])


def test_the_right_answer_costs_nothing_whatever_its_order() -> None:
    from training.engine.spec import Spec
    from training.engine.tasks.object_detection import Task

    task = Task(Spec.from_json(tiny("object-detection")), Stop())
    true = torch.tensor([[[0.3, 0.3, 0.2, 0.2], [0.7, 0.6, 0.3, 0.4], [-1, -1, -1, -1]]])
    batch = {"kinds": torch.tensor([[1, 0, -1]]), "boxes": true}
    logits = torch.full((1, 4, 3), -20.0)
    for token, kind in enumerate((0, 2, 1, 2)):  # 2: nothing
        logits[0, token, kind] = 20.0
    boxes = torch.tensor([[[0.7, 0.6, 0.3, 0.4], [0.5] * 4, [0.3, 0.3, 0.2, 0.2], [0.1] * 4]])
    assert task._losses(logits, boxes, batch).item() == pytest.approx(0, abs=1e-5)
    off = boxes + torch.tensor([0.1, 0, 0, 0])
    assert task._losses(logits, off, batch).item() > 0.5
    assert task._losses(logits.roll(1, -1), boxes, batch).item() > 10


# --- reading -----


GREY = np.full((8, 16), 90)
TABLE = b"file,label,x,y,width,height\na.png,cat,4,2,8,4\n"


def read(tmp_path: Path, members: dict[str, bytes], **image: Any) -> list[tuple[str, list[Any]]]:
    path, profile = tmp_path / "blob", {"image": image}
    path.write_bytes(zipped(members))
    found = read_boxed(path, 16, 1, profile, Stop(), read_boxes(path, profile))
    return [(name, [(label, box.tolist()) for label, box in boxes]) for name, _, boxes in found]


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    pictures = {"top/images/a.png": png(GREY), "top/images/b.png": png(GREY)}
    listed = {
        "images": [{"id": 7, "file_name": "a.png"}, {"id": "x", "file_name": "images/b.png"}],
        "annotations": [
            {"image_id": 7, "category_id": 3, "bbox": [4, 2, 8, 4]},
            {"image_id": 7, "category_id": 3, "bbox": [0, 0, 1, 1], "iscrowd": 1},
        ],
        "categories": [{"id": 3, "name": "cat"}],
    }
    expected = [("top/images/a.png", [("cat", [0.5, 0.5, 0.5, 0.5])]), ("top/images/b.png", [])]
    assert read(tmp_path, pictures | {"top/boxes.csv": TABLE.replace(b",", b";")}, top="top/") == expected
    assert read(tmp_path, pictures | {"top/annotations.json": json.dumps(listed).encode()}, top="top/") == expected
    del listed["images"][1]
    assert read(tmp_path, pictures | {"top/annotations.json": json.dumps(listed).encode()}, top="top/") == expected[:1]


def test_a_box_is_cut_at_the_edge_of_its_image(tmp_path: Path) -> None:
    row = b"file,label,x,y,width,height\na.png,cat,-4,4,8,40\n"
    ((_, ((_, box),)),) = read(tmp_path, {"a.png": png(GREY), "boxes.csv": row})
    assert to_corners(np.array(box)).tolist() == [0, 0.5, 0.25, 1]


def table(row: str) -> dict[str, bytes]:
    return {"boxes.csv": TABLE + row.encode()}


def listing(**lists: Any) -> dict[str, bytes]:
    fine = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [4, 2, 8, 4]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    return {"annotations.json": json.dumps(fine | lists).encode()}


FAULTS: dict[str, tuple[dict[str, bytes], str]] = {
    "unknown file": (table("b.png,cat,1,1,2,2\n"), "row 2 names “b.png”"),
    "no label": (table("a.png,,1,1,2,2\n"), "row 2 has no label"),
    "no number": (table("a.png,cat,1,one,2,2\n"), "row 2 is not four numbers"),
    "not finite": (table("a.png,cat,nan,1,2,2\n"), "row 2 has no area"),
    "no area": (table("a.png,cat,1,1,0,2\n"), "row 2 has no area"),
    "outside": (table("a.png,cat,16,1,4,4\n"), "row 2 lies outside its image of 16 × 8 pixels"),
    "short": (table("a.png,cat,1\n"), "row 2 is shorter"),
    "columns": ({"boxes.csv": b"file,x\na.png,1\n"}, "it needs the columns"),
    "no JSON": ({"annotations.json": b"{"}, "not valid JSON"),
    "no lists": (listing(images={}), "lists of objects"),
    "unlisted image": (listing(annotations=[{"image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1]}]), "an image that"),
    "unlisted kind": (
        listing(annotations=[{"image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1]}]),
        "a category that",
    ),
    "three numbers": (
        listing(annotations=[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1]}]),
        "annotation 1 is not",
    ),
    "absent image": (listing(images=[{"id": 1, "file_name": "z.png"}]), "image 1 of its list is “z.png”"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_named(fault: str, tmp_path: Path) -> None:
    members, problem = FAULTS[fault]
    assert len(read(tmp_path, {"a.png": png(GREY), "boxes.csv": TABLE})) == 1
    with pytest.raises(DataError) as caught:
        read(tmp_path, {"a.png": png(GREY)} | members)
    assert caught.value.params["name"] == next(iter(members)) and problem in caught.value.params["problem"]


def test_boxes_move_with_their_image(tmp_path: Path, make_run: MakeRun) -> None:
    """Whatever the chance, the middle of a box still shows what it is a box of."""
    from training.engine.spec import Spec
    from training.engine.tasks.object_detection import Task

    run = make_run("run", tiny("object-detection", train__max_steps=1))
    assert run.go() == DONE, run.log
    (prepared,) = (run.folder / "prepared").iterdir()
    task = Task(Spec.from_text((run.folder / "spec.json").read_bytes()), Stop())
    task.open(prepared, json.loads((prepared / "prepared.json").read_text())["facts"])
    rows = np.arange(task.count("train"))
    still, batch = task.boxes[task.parts["train"]], task.train_batch(rows, 0, 5)
    moved, shown = batch["boxes"].numpy(), 0
    assert not np.allclose(moved, still[..., 1:])
    for image in rows:
        there = batch["kinds"][image].numpy()
        for kind, (x, y, *_) in zip(there, moved[image], strict=True):
            if task.labels[kind] == "dark" and kind >= 0:  # it lies on top
                shown += 1
                assert batch["pixels"][image, 0, int(y * 32), int(x * 32)] < -1
    assert shown > 20


def test_a_zip_without_boxes_fails_by_name(make_run: MakeRun) -> None:
    run = make_run("run", tiny("object-detection"), blob=zipped({"a.png": png(GREY)}))
    assert run.go() == FAILED
    assert "neither annotations.json nor boxes.csv" in run.of("error")[0]["text"]
    blob = zipped({"a.png": png(GREY), "boxes.csv": TABLE.splitlines()[0]})
    run = make_run("none", tiny("object-detection"), blob=blob)
    assert run.go() == FAILED
    assert "0 different labels" in run.of("error")[0]["text"]
