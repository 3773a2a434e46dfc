"""Masks and boxes beside images: everything is there and belongs together, or the file and row are named."""

import json

import pytest

from tests.registry.datasets.ingest.looking import short
from tests.registry.datasets.ingest.zips import File, make, picture, pictures

HEADER = b"file,label,x,y,width,height\n"


def mask(name: str, mode: str = "P", kind: str = "PNG") -> File:
    return File(name, picture(kind, (8, 8), 3, mode=mode))


def photo(name: str, seed: int = 1) -> File:
    return File(name, picture("PNG", (8, 8), seed))


def coco(**lists) -> bytes:
    fine = {"images": [{"id": 1, "file_name": "1.png"}], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    return json.dumps(fine | lists).encode()


def test_masks_are_no_images_to_count(look):
    names = File("p/Classes.txt", b"ground\nsky\n\n")
    report = look(
        make(photo("p/images/1.png"), photo("p/images/2.png", 2), mask("p/masks/1.png"), mask("p/masks/2.png"), names),
        "a.zip",
    )
    image = report.profile["image"]
    assert (report.profile["rows"], image["labels_from"], image["top"], image["modes"]) == (2, "masks", "p/", ["RGB"])
    assert (image["classes"], image["labels_file"]) == (2, "p/Classes.txt")
    assert (report.profile["label_candidates"], report.profile["classes"], report.warnings) == ([], {}, ())


def test_a_list_decides_and_other_folders_are_no_labels(look):
    report = look(
        make(*pictures("a/b/1.png", "c/2.png"), File("boxes.csv", HEADER + b"a/b/1.png,cat,1,1,2,2\n")), "a.zip"
    )
    assert report.ok, report.refusal
    image = report.profile["image"]
    assert (image["labels_from"], image["classes"], report.profile["classes"]) == ("boxes", 1, {})


@pytest.mark.parametrize(
    ("files", "code", "where"),
    [
        ([photo("images/2.png")], "mask_missing", {"member": "images/2.png"}),
        ([mask("masks/2.png")], "mask_alone", {"member": "masks/2.png"}),
        ([photo("images/2.png"), mask("masks/2.png", "RGB")], "mask_colours", {"member": "masks/2.png"}),
        ([photo("images/2.png"), mask("masks/2.jpg", "L", "JPEG")], "mask_colours", {"member": "masks/2.jpg"}),
        ([File("classes.txt", b"caf\xe9")], "list_not_utf8", {"member": "classes.txt"}),
        ([File("masks/classes.txt", b"a\nb")], "not_an_image", {"member": "masks/classes.txt"}),
    ],
    ids=short,
)
def test_masks_that_do_not_fit(refusal, files, code, where):
    assert refusal(make(photo("images/1.png"), mask("masks/1.png"), *files), "a.zip") == (code, where)


@pytest.mark.parametrize(
    ("name", "data", "code", "row"),
    [
        ("boxes.csv", b"file,label\n1.png,cat\n", "boxes_columns", None),
        ("boxes.csv", HEADER + b"1.png,cat,1,1,2,2\n9.png,cat,1,1,2,2\n", "boxes_unknown_file", 3),
        ("boxes.csv", HEADER + b"1.png,,1,1,2,2\n", "boxes_row", 2),
        ("boxes.csv", HEADER + b"1.png,cat,1,1,two,2\n", "boxes_row", 2),
        ("boxes.csv", HEADER + b"1.png,cat,1,1,0,2\n", "boxes_row", 2),
        ("captions.csv", b"file,label\n1.png,cat\n", "captions_columns", None),
        ("captions.csv", b"file,text\n1.png,cat\n9.png,dog\n", "captions_unknown_file", 3),
        ("captions.csv", b"file,text\n1.png, \n", "captions_empty", 2),
        ("annotations.json", b"[1", "boxes_json", None),
        ("annotations.json", coco(images=3), "boxes_json", None),
        ("annotations.json", coco(images=[{"id": 1, "file_name": "9.png"}]), "boxes_image", None),
        ("annotations.json", coco(images=[{"id": 1, "file_name": n} for n in ("1.png", "2.png")]), "boxes_id", None),
        ("annotations.json", coco(categories=[{"id": 1, "name": n} for n in ("cat", "dog")]), "boxes_id", None),
    ],
    ids=short,
)
def test_boxes_that_do_not_fit(refusal, name, data, code, row):
    found, where = refusal(make(*pictures("1.png", "2.png"), File(name, data)), "a.zip")
    assert (found, where["member"], where.get("row")) == (code, name, row)


def test_an_image_or_a_category_that_is_listed_twice_is_one(look):
    images, categories = [{"id": 1, "file_name": "1.png"}] * 2, [{"id": 1, "name": "cat"}] * 2
    images.append({"id": 1, "file_name": "images/1.png"})
    report = look(
        make(photo("images/1.png"), File("annotations.json", coco(images=images, categories=categories))), "a.zip"
    )
    assert report.ok, report.refusal
    assert report.profile["image"]["classes"] == 1
