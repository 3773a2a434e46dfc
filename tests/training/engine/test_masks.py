"""Masks and captions of a zip: what belongs together by name, and what does not is named."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.training.engine.conftest import png, zipped
from training.engine.captions import read_captions
from training.engine.errors import DataError, Stop, StopRequestedError
from training.engine.masks import UNLABELLED, class_names, read_masked

GREY = png(np.zeros((6, 9)))


def zip_at(folder: Path, members: dict[str, bytes]) -> Path:
    (folder / "blob.zip").write_bytes(zipped(members))
    return folder / "blob.zip"


def masked(folder: Path, members: dict[str, bytes], side: int = 4, classes: int | None = None, **profile: Any) -> Any:
    return list(read_masked(zip_at(folder, members), side, 1, profile, Stop(), classes))


def picture(mode: str, kind: str = "PNG", size: tuple[int, int] = (9, 6)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return file.getvalue()


PAIR = {"images/a.png": GREY, "masks/a.png": GREY}


@pytest.mark.parametrize(
    ("members", "name", "problem"),
    [
        ({"a.png": GREY}, None, "it holds no image in the folder images"),
        ({"images/a.txt": b"x", "masks/a.png": GREY}, None, "it holds no image in the folder images"),
        (PAIR | {"masks/b.png": GREY}, "masks/b.png", "there is no image of this name in the folder images"),
        (PAIR | {"images/b.png": GREY}, "images/b.png", "there is no mask of this name in the folder masks"),
        (PAIR | {"images/a.jpg": GREY}, "images/a.jpg", "“images/a.png” has the same name but for its ending"),
        (PAIR | {"masks/a.webp": GREY}, "masks/a.webp", "“masks/a.png” has the same name but for its ending"),
        (PAIR | {"masks/a.png": picture("RGB")}, "masks/a.png", "a mask is a PNG whose pixels are numbers of classes"),
        (PAIR | {"masks/a.png": picture("L", "JPEG")}, "masks/a.png", "a mask is a PNG whose pixels are numbers"),
        (PAIR | {"masks/a.png": picture("I;16")}, "masks/a.png", "a mask is a PNG whose pixels are numbers"),
        (PAIR | {"masks/a.png": picture("L", size=(6, 9))}, "masks/a.png", "it has 6 × 9 pixels, its image 9 × 6"),
        (PAIR | {"masks/a.png": picture("1", size=(7_000, 6_000))}, "masks/a.png", "it has too many pixels"),
        (PAIR | {"masks/a.png": GREY[:40]}, "masks/a.png", "it is not a readable PNG, JPEG or WebP"),
        (PAIR | {"masks/a.png": png(np.full((6, 9), 2))}, "masks/a.png", "it holds the number 2, but classes.txt"),
        (PAIR | {"images/a.png": b"no"}, "images/a.png", "it is not a readable PNG, JPEG or WebP"),
    ],
)
def test_what_does_not_belong_together_is_named(
    members: dict[str, bytes], name: str | None, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        masked(tmp_path, members, classes=2)
    assert caught.value.params.get("name") == name and caught.value.params["problem"].startswith(problem)


def test_names_match_in_their_folders_whatever_the_ending(tmp_path: Path) -> None:
    members = {"t/images/x/b.jpg": picture("L", "JPEG"), "t/masks/x/b.png": GREY, "t/images/a.png": GREY}
    members |= {"t/masks/a.PNG": GREY, "t/masks/._a.png": b"junk", "t/notes/a.png": b"junk", "images/z.png": b"no"}
    found = masked(tmp_path, members, image={"top": "t/"})
    assert [name for name, _, _ in found] == ["t/images/a.png", "t/images/x/b.jpg"]


@pytest.mark.parametrize("mode", ["1", "L", "P"])
@pytest.mark.parametrize(("high", "wide", "side"), [(6, 9, 4), (5, 3, 8), (8, 8, 8), (7, 7, 1), (1, 1, 5)])
def test_a_mask_holds_the_number_of_the_nearest_pixel(
    mode: str, high: int, wide: int, side: int, tmp_path: Path
) -> None:
    numbers = np.random.default_rng(high * wide).integers(2 if mode == "1" else 3, size=(high, wide)).astype(np.uint8)
    image = Image.fromarray(numbers * 255).convert("1") if mode == "1" else Image.fromarray(numbers)
    if mode == "P":
        image.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])
    file = io.BytesIO()
    image.save(file, "PNG")
    members = {"images/a.png": png(np.zeros((high, wide))), "masks/a.png": file.getvalue()}
    ((_, pixels, mask),) = masked(tmp_path, members, side)
    assert pixels.shape == (1, side, side) and mask.dtype == np.uint8
    for y in range(side):
        for x in range(side):  # where the middle of the pixel lies
            assert mask[y, x] == numbers[(2 * y + 1) * high // (2 * side), (2 * x + 1) * wide // (2 * side)]


def test_a_pixel_without_a_class_is_no_class(tmp_path: Path) -> None:
    numbers = np.array([[0, 1], [UNLABELLED, 1]])
    members = {"images/a.png": png(np.zeros((2, 2))), "masks/a.png": png(numbers)}
    ((_, _, mask),) = masked(tmp_path, members, side=2, classes=2)
    assert mask.tolist() == numbers.tolist()
    members["masks/a.png"] = png(np.full((2, 2), UNLABELLED))
    assert len(masked(tmp_path, members, classes=2)) == 1


def test_reading_stops_when_asked(tmp_path: Path) -> None:
    stop = Stop()
    stop.requested = True
    with pytest.raises(StopRequestedError):
        list(read_masked(zip_at(tmp_path, PAIR), 4, 1, {}, stop, None))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"sky\nsea\n", ["sky", "sea"]),
        ("\ufeffsky \r\n 海\r\n\r\n\r\n".encode(), ["sky", "海"]),
        (b"\n".join(b"%d" % n for n in range(255)), [str(n) for n in range(255)]),
        (b"one\n", None),
        (b"", None),
        (b"sky\n\nsea\n", None),
        (b"sky\nsea\nsky\n", None),
        (b"\n".join(b"%d" % n for n in range(256)), None),
        (b"sky\n\xff\n", None),
    ],
)
def test_classes_have_names_line_by_line(text: bytes, names: list[str] | None, tmp_path: Path) -> None:
    path = zip_at(tmp_path, PAIR | {"classes.txt": text})
    if names is not None:
        assert class_names(path, {}) == names
        return
    with pytest.raises(DataError) as caught:
        class_names(path, {})
    assert caught.value.params["name"] == "classes.txt"
    assert caught.value.params["problem"].startswith(("it needs 2 to 255 different names", "it is not UTF-8"))


def test_classes_lie_where_the_profile_says(tmp_path: Path) -> None:
    path = zip_at(tmp_path, {"t/classes.txt": b"a\nb", "t/Names.TXT": b"c\nd"})
    assert class_names(path, {}) is None
    assert class_names(path, {"image": {"top": "t/"}}) == ["a", "b"]
    assert class_names(path, {"image": {"top": "t/", "labels_file": "t/Names.TXT"}}) == ["c", "d"]


# -- captions

PICTURES = {"a.png": GREY, "images/b.png": GREY, "c.png": GREY}


def captions(folder: Path, table: bytes | None, **profile: Any) -> dict[str, list[str]]:
    return read_captions(zip_at(folder, PICTURES | ({} if table is None else {"captions.csv": table})), profile)


def test_captions_come_by_name_in_the_order_of_their_rows(tmp_path: Path) -> None:
    table = b'text;FILE;n\r\n"two; words";a.png;1\r\n\r\n b ;b.png;2\r\nthree; a.png ;3\r\n'
    assert captions(tmp_path, table) == {"a.png": ["two; words", "three"], "images/b.png": ["b"]}
    assert list(captions(tmp_path, b"file,text\nc.png,z\na.png,y\n")) == ["a.png", "c.png"]
    assert list(captions(tmp_path, b"file,text\nc.png,z\na.png,y\nb.png,x\n", preview_rows=2)) == ["a.png", "c.png"]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (None, "it holds no captions.csv"),
        (b"file,words\n", "it needs the columns file and text"),
        (b"", "it needs the columns file and text"),
        (b"file,text\na.png,\xff\n", "it is not UTF-8 text"),
        (b"file,text\na.png\n", "row 1 is shorter than the header"),
        (b"file,text\na.png,x\n\nd.png,y\n", "row 2 names “d.png”, which is no image in the zip"),
        (b"file,text\na.png,x\na.png, \n", "row 2 has no text"),
        (b'file,text\na.png,"x\n', "its quotes do not match"),
    ],
)
def test_what_is_wrong_with_captions_is_named(table: bytes | None, problem: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        captions(tmp_path, table)
    assert caught.value.params["problem"] == problem
