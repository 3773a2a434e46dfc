"""Boxes as files tell them: both forms, every fault by its place; geometry against pixels that are counted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.engine.conftest import png, zipped
from training.engine.boxes import Box, from_corners, read_boxed, read_boxes, to_corners
from training.engine.errors import DataError, Stop

quick = settings(max_examples=40, deadline=None, derandomize=True)
HEADER = "file,label,x,y,width,height\n"
PICTURES = {"a.png": png(np.zeros((10, 20))), "b.png": png(np.zeros((10, 20)))}


def zip_at(folder: Path, members: dict[str, bytes]) -> Path:
    (folder / "blob.zip").write_bytes(zipped(members))
    return folder / "blob.zip"


def coco(**changes: Any) -> dict[str, Any]:
    """Two images, of which the first has a cat at (1, 2) of 3 by 4 pixels."""
    return {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "categories": [{"id": 7, "name": "cat"}],
        "annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]}],
    } | changes


def of_json(folder: Path, obj: Any, **image: str) -> dict[str, list[Box]]:
    data = obj if isinstance(obj, bytes) else json.dumps(obj).encode()
    return read_boxes(zip_at(folder, PICTURES | {"annotations.json": data}), {"image": image}).images


def of_table(folder: Path, rows: str, header: str = HEADER) -> dict[str, list[Box]]:
    return read_boxes(zip_at(folder, PICTURES | {"boxes.csv": (header + rows).encode()}), {}).images


def fault(folder: Path, of: Any, said: Any, *more: Any) -> str:
    with pytest.raises(DataError) as caught:
        of(folder, said, *more)
    return str(caught.value.params["problem"])


def note(**changes: Any) -> dict[str, Any]:
    return coco(annotations=[{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]} | changes])


@pytest.mark.parametrize(
    ("obj", "problem"),
    [
        (b"\xff", "it is not UTF-8 text"),
        (b"{", "it is not valid JSON"),
        (b"[" * 100_000, "it is not valid JSON"),
        *((obj, "it needs lists of objects named images") for obj in ([], 1, {}, coco(images={}), coco(images=[1]))),
        *((coco(**{name: None}), "it needs lists of objects") for name in ("images", "annotations", "categories")),
        (
            coco(images=[{"id": 1, "file_name": "c.png"}]),
            "image 1 of its list is “c.png”, which is no image in the zip",
        ),
        (coco(images=[{"id": 1}]), "image 1 of its list is “None”"),
        (
            coco(images=[{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}]),
            "image 2 of its list is “b.png” and has the id 1, as “a.png” has",
        ),
        (
            coco(images=[{"file_name": "a.png"}, {"file_name": "b.png"}]),
            "image 2 of its list is “b.png” and has the id null, as “a.png” has",
        ),
        (
            coco(categories=[{"id": 7, "name": "cat"}, {"id": 7, "name": "dog"}]),
            "category 2 of its list is “dog” and has the id 7, as “cat” has",
        ),
        (note(image_id=3), "annotation 1 belongs to an image that is not listed"),
        (note(image_id="1"), "annotation 1 belongs to an image that is not listed"),
        (note(category_id=8), "annotation 1 belongs to a category that is not listed"),
        (note(category_id=None), "annotation 1 belongs to a category that is not listed"),
        (coco(categories=[{"id": 7, "name": ""}]), "annotation 1 belongs to a category that is not listed"),
        *(
            (note(bbox=bbox), "the box of annotation 1 is not four numbers")
            for bbox in (None, 5, [], [1, 2, 3], [1, 2, 3, 4, 5], ["a", 2, 3, 4], [[1], 2, 3, 4], [None] * 4)
        ),
        # A text of four digits and an object of four names are not four numbers, and no number is beyond all.
        *(
            (note(bbox=bbox), "the box of annotation 1 is not four numbers")
            for bbox in ("1234", dict.fromkeys("1234", 1))
        ),
        (note(bbox=[1, 2, 3, 10**400]), "the box of annotation 1 is not four numbers"),
        *(
            (note(bbox=[1, 2, *size]), "the box of annotation 1 has no area")
            for size in ([0, 4], [3, 0], [-3, 4], [3, -4], [float("inf"), 4], [3, float("nan")])
        ),
        (note(bbox=[float("-inf"), 2, 3, 4]), "the box of annotation 1 has no area"),
    ],
)
def test_what_is_wrong_with_annotations_is_named(obj: Any, problem: str, tmp_path: Path) -> None:
    assert fault(tmp_path, of_json, obj).startswith(problem)


def test_an_image_or_a_category_that_is_listed_twice_is_one(tmp_path: Path) -> None:
    """Also under two ids, as joined files of annotations have it."""
    plain = coco()
    twice = coco(images=plain["images"] * 2, categories=plain["categories"] * 2)
    assert of_json(tmp_path, twice) == of_json(tmp_path, plain)
    notes = [note(image_id=number)["annotations"][0] for number in (1, 3)]
    joined = coco(images=[*plain["images"], {"id": 3, "file_name": "a.png"}], annotations=notes)
    assert {name: len(boxes) for name, boxes in of_json(tmp_path, joined).items()} == {"a.png": 2, "b.png": 0}


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a.png,cat,1,2,3\n", "row 1 is shorter than the header"),
        ("a.png,cat,1,2,3,4\n\nc.png,cat,1,2,3,4\n", "row 2 names “c.png”, which is no image in the zip"),
        ("a.png, ,1,2,3,4\n", "row 1 has no label"),
        ("a.png,cat,1,2,3,x\n", "the box of row 1 is not four numbers"),
        ("a.png,cat,1,2,3,\n", "the box of row 1 is not four numbers"),
        ("a.png,cat,1,2,nan,4\n", "the box of row 1 has no area"),
        ("a.png,cat,1,2,0,4\n", "the box of row 1 has no area"),
        ("a.png,cat,1,2,3,1e999\n", "the box of row 1 has no area"),
        ('a.png,"cat,1,2,3,4\n', "its quotes do not match"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(rows: str, problem: str, tmp_path: Path) -> None:
    assert fault(tmp_path, of_table, rows) == problem


def test_a_table_needs_all_its_columns(tmp_path: Path) -> None:
    for name in HEADER.strip().split(","):
        header = HEADER.replace(name, "other", 1)
        assert fault(tmp_path, of_table, "", header).startswith("it needs the columns")


@pytest.mark.parametrize(
    "table",
    [
        "a.png,cat,1,2,3,4\n",
        " a.png , cat , 1 , 2.0 , +3 , 4e0 , \n".replace(" , \n", "\n"),
        "\r\na.png,cat,1,2,3,4\r\n\r\n",
    ],
)
def test_both_forms_tell_the_same_boxes(table: str, tmp_path: Path) -> None:
    wanted = ("cat", (1.0, 2.0, 3.0, 4.0))
    for told in (of_table(tmp_path, table), of_json(tmp_path, coco())):
        assert [(box.label, box.place) for box in told["a.png"]] == [wanted] and told["b.png"] == []
        assert told["a.png"][0].where in ("row 1", "annotation 1")


def test_columns_stand_in_any_order_with_others_between(tmp_path: Path) -> None:
    (box,) = of_table(tmp_path, "4;3;x;2;1;CAT;a.png\n", "Height;WIDTH;note;y;x; Label ;file\n")["a.png"]
    assert (box.label, box.place) == ("CAT", (1.0, 2.0, 3.0, 4.0))


def test_what_is_not_listed_does_not_count_and_crowds_are_left_out(tmp_path: Path) -> None:
    crowd = {"image_id": 1, "category_id": 7, "bbox": None, "iscrowd": 1}
    told = of_json(tmp_path, coco(images=[{"id": 1, "file_name": "a.png"}], annotations=[crowd]))
    assert told == {"a.png": []}
    plain = note(iscrowd=0)
    assert len(of_json(tmp_path, plain)["a.png"]) == 1


def test_pictures_lie_beside_the_list_or_in_a_folder(tmp_path: Path) -> None:
    members = {"d/images/a.png": PICTURES["a.png"], "d/b.png": PICTURES["b.png"], "__MACOSX/d/._a.png": b"x"}
    path = zip_at(tmp_path, members | {"d/boxes.csv": (HEADER + "a.png,cat,1,2,3,4\nb.png,dog,1,2,3,4\n").encode()})
    found = read_boxes(path, {"image": {"top": "d/"}})
    assert set(found.images) == {"d/images/a.png", "d/b.png"} and found.labels == ["cat", "dog"]
    assert found.source == "d/boxes.csv"
    both = members | {"d/annotations.json": json.dumps(coco()).encode(), "d/boxes.csv": b"x"}
    assert read_boxes(zip_at(tmp_path, both), {"image": {"top": "d/"}}).source == "d/annotations.json"
    with pytest.raises(DataError, match=r"neither annotations\.json nor boxes\.csv"):
        read_boxes(zip_at(tmp_path, members), {})


# -- geometry


@quick
@given(left=st.integers(-30, 30), top=st.integers(-30, 30), width=st.integers(1, 40), height=st.integers(1, 40))
def test_a_box_is_the_pixels_of_it_that_are_in_the_image(
    left: int, top: int, width: int, height: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An image of 20 by 10 pixels, in shares: against those that are counted, and none is an error."""
    folder = tmp_path_factory.mktemp("zip")
    pixels = [
        (x, y) for x in range(left, left + width) for y in range(top, top + height) if 0 <= x < 20 and 0 <= y < 10
    ]
    path = zip_at(folder, PICTURES | {"boxes.csv": f"{HEADER}a.png,cat,{left},{top},{width},{height}\n".encode()})
    found = read_boxed(path, 8, 1, {}, Stop(), read_boxes(path, {}))
    if not pixels:
        with pytest.raises(DataError, match=r"row 1 lies outside its image of 20 × 10 pixels"):
            next(found)
        return
    (label, box) = next(found)[2][0]
    across, down = [x for x, _ in pixels], [y for _, y in pixels]
    corners = [min(across) / 20, min(down) / 10, (max(across) + 1) / 20, (max(down) + 1) / 10]
    assert label == "cat" and to_corners(box).tolist() == pytest.approx(corners)
    assert box[2] * 20 * box[3] * 10 == pytest.approx(len(pixels))


def test_corners_and_middles_are_each_others_inverse() -> None:
    boxes = np.random.default_rng(8).random((200, 4))
    assert from_corners(to_corners(boxes)) == pytest.approx(boxes)
    corners = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], 1)
    assert to_corners(from_corners(corners)) == pytest.approx(corners)
    assert from_corners(np.array([0.1, 0.2, 0.5, 0.8])).tolist() == pytest.approx([0.3, 0.5, 0.4, 0.6])
    assert np.array_equal(to_corners(torch.from_numpy(boxes)).numpy(), to_corners(boxes))
    assert to_corners(boxes[0]).shape == (4,) and to_corners(boxes[None]).shape == (1, 200, 4)
