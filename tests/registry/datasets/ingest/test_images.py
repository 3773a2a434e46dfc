"""Zips of images: every image whole, every label clear."""

import io
import struct
import zlib

import pytest
from PIL import Image

from tests.registry.datasets.ingest.looking import short
from tests.registry.datasets.ingest.zips import File, deflate, make, picture, pictures


def warnings(report) -> dict[str, dict]:
    return {one.code: one.params for one in report.warnings}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png(width: int, height: int, *, rows: bytes | None = None, extra: bytes = b"") -> bytes:
    """A grey PNG of any claimed size, with the packed rows given."""
    packed = zlib.compress(bytes((width + 1) * height)) if rows is None else rows
    head = struct.pack(">2L5B", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_profile(look):
    files = [
        File("cat/1.png", picture("PNG", (8, 6), 1)),
        File("cat/2.jpg", picture("JPEG", (40, 30), 2), method=8),
        File("dog/3.webp", picture("WEBP", (16, 16), 3)),
        File("dog/4.JPEG", picture("JPEG", (10, 20), 4, mode="L")),
    ]
    report = look(make(File("cat/"), File("dog/"), *files), "pets.zip")
    profile = report.profile
    assert (report.kind, profile["rows"], profile["label_candidates"]) == ("images", 4, ["label"])
    assert profile["classes"] == {"label": {"cat": 2, "dog": 2}}
    assert profile["image"] == {
        "width": [8, 40],
        "height": [6, 30],
        "modes": ["L", "RGB"],
        "formats": {"PNG": 1, "JPEG": 2, "WEBP": 1},
        "labels_from": "folders",
        "top": "",
        "labels_file": None,
    }
    assert profile["columns"][0]["name"] == "label"
    assert (profile["columns"][0]["distinct"], profile["columns"][0]["missing"]) == (2, 0)
    assert profile["examples"][0] == {"file": "cat/1.png", "label": "cat"}
    assert sum(profile["lengths"]["counts"]) == 4
    assert warnings(report) == {}


def test_one_common_folder(look):
    report = look(make(*pictures("pets/cat/1.png", "pets/dog/2.png")), "a.zip")
    assert (report.profile["image"]["top"], report.profile["classes"]["label"]) == ("pets/", {"cat": 1, "dog": 1})


def test_one_folder_with_images_is_a_label(look):
    report = look(make(*pictures("cat/1.png", "cat/2.png")), "a.zip")
    assert report.profile["classes"] == {"label": {"cat": 2}}
    assert report.profile["label_candidates"] == []
    assert warnings(report) == {"one_class": {"label": "cat"}}


def test_without_labels(look):
    report = look(make(*pictures("1.png", "2.png")), "a.zip")
    assert (report.profile["columns"], report.profile["classes"]) == ([], {})
    assert report.profile["image"]["labels_from"] == "none"
    assert warnings(report) == {"unlabelled": {"count": 2, "total": 2}}
    report = look(make(*pictures("1.png", "cat/2.png")), "a.zip")
    assert warnings(report)["unlabelled"] == {"count": 1, "total": 2}


def test_folders_too_deep(refusal):
    data = make(*pictures("train/cat/1.png", "test/cat/2.png"))
    assert refusal(data, "a.zip") == ("images_layout", {"member": "train/cat/1.png"})


@pytest.mark.parametrize("top", ["", "pets/"])
def test_labels_from_a_table(look, top):
    table = "label;file;note\nCat;x/1.png;\nDog;2.png;?\n".encode("utf-8-sig")
    data = make(*pictures(f"{top}x/1.png", f"{top}2.png", f"{top}3.png"), File(f"{top}labels.csv", table, method=8))
    report = look(data, "a.zip")
    assert report.profile["classes"] == {"label": {"Cat": 1, "Dog": 1}}
    image = report.profile["image"]
    assert (image["labels_from"], image["top"], image["labels_file"]) == ("table", top, f"{top}labels.csv")
    assert warnings(report) == {"unlabelled": {"count": 1, "total": 3}}
    assert report.profile["columns"][0]["missing"] == 1


@pytest.mark.parametrize(
    ("table", "code", "row"),
    [
        (b"name,label\n1.png,a\n", "labels_columns", 1),
        (b"file,label\n1.png,a\n9.png,b\n", "labels_unknown_file", 3),
        (b"file,label\n../1.png,a\n", "labels_unknown_file", 2),
        (b"file,label\n1.png,a\n1.png,b\n", "labels_duplicate_file", 3),
        (b"file,label\n1.png,\n", "labels_empty", 2),
        (b"file,label\n1.png," + b"x" * 201 + b"\n", "label_too_long", 2),
        (b"file,label\n1.png,a,b\n", "ragged_row", 2),
        (b"file,label\n1.png,\xff\x81\n", "not_utf8", 2),
        ("file,label\n1.png,a\n".encode("utf-16"), "utf16", None),
    ],
    ids=short,
)
def test_faults_of_the_table(refusal, table, code, row):
    found, where = refusal(make(*pictures("1.png"), File("labels.csv", table)), "a.zip")
    assert (found, where["member"], where.get("row")) == (code, "labels.csv", row)


def test_a_table_in_the_wrong_place(refusal):
    data = make(*pictures("a/1.png", "b/2.png"), File("b/labels.csv", b"file,label\n2.png,x\n"))
    assert refusal(data, "a.zip") == ("not_an_image", {"member": "b/labels.csv"})


def test_what_systems_leave_behind_is_left_out(look):
    junk = [
        File("__MACOSX/cat/._1.png", b"\0\5\x16\7" + bytes(30)),
        File("cat/.DS_Store", b"\0\0\0\1Bud1" + bytes(30)),
        File("cat/Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50)),
        File("desktop.ini", "[.ShellClassInfo]".encode("utf-16")),
        File("README.md", b"# Pets\n"),
        File("LICENSE", b"CC0\n"),
    ]
    report = look(make(*junk, *pictures("cat/1.png", "dog/2.png")), "a.zip")
    assert report.profile["rows"] == 2
    assert warnings(report) == {"ignored_files": {"count": 6}}


@pytest.mark.parametrize(
    ("name", "data", "code", "what"),
    [
        ("a/data.csv", b"x,y\n1,2\n", "not_an_image", "text"),
        ("a/run.exe", b"MZ\x90\0" + bytes(60), "not_an_image", "executable"),
        ("a/.DS_Store", b"\x7fELF\2\1\1" + bytes(60), "not_an_image", "executable"),
        ("a/page.png", b"<html><script>1</script>", "not_an_image", "html"),
        ("README.md", b"<html><script>1</script>", "not_an_image", "html"),
        ("a/x.gif", picture("GIF"), "image_format", "gif"),
        ("a/x.png", picture("BMP"), "image_format", "bmp"),
        ("a/x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image_format", "svg"),
        ("a/x.png", b"", "image_empty", None),
        ("a/x.jpg", picture("PNG"), "image_wrong_extension", "png"),
        ("a/x", picture("PNG"), "image_wrong_extension", "png"),
        ("a/inner.zip", make(*pictures("1.png")), "zip_nested", "zip"),
        ("a/inner.png", make(*pictures("1.png")), "zip_nested", "zip"),
        ("a/inner.png", b"7z\xbc\xaf\x27\x1c\0\4", "zip_nested", "7z"),
        ("a/.DS_Store", make(*pictures("1.png")), "zip_nested", "zip"),
    ],
    ids=short,
)
def test_strangers_among_the_images(look, name, data, code, what):
    refusal = look(make(*pictures("a/1.png", "b/2.png"), File(name, data)), "a.zip").refusal
    assert (refusal.code, refusal.where, refusal.params.get("what")) == (code, {"member": name}, what)


def test_a_zip_of_something_else(refusal):
    assert refusal(make(File("data.csv", b"a,b\n1,2\n")), "a.zip") == ("no_images", {"member": "data.csv"})
    assert refusal(make(File("empty/")), "a.zip") == ("no_images", {})


# --- one image --------------------------------------------------------------------------------------------------------

BIG = picture("JPEG", (64, 64), 5)


def animated(kind: str) -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), (n * 60, 0, 0)) for n in range(3)]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=50)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("x.png", png(10, 10)[:-15], "image_truncated"),
        ("x.png", png(10, 10)[:20], "image_truncated"),
        ("x.png", png(10, 10, rows=zlib.compress(bytes(50))), "image_corrupt"),
        ("x.png", png(10, 10, rows=b"garbage"), "image_corrupt"),
        ("x.png", png(10, 10).replace(b"IDAT", b"IDAX"), "image_corrupt"),
        ("x.png", png(10, 10)[:8] + png(10, 10)[33:], "image_corrupt"),
        ("x.png", png(0, 10), "image_corrupt"),
        ("x.png", png(13_000, 13_000, rows=b""), "image_too_many_pixels"),
        ("x.png", png(2**31 - 1, 2**31 - 1, rows=b""), "image_too_many_pixels"),
        ("x.png", png(10, 10) + b"<?php system($_GET['c']); ?>", "image_trailing_data"),
        ("x.png", png(10, 10, extra=chunk(b"acTL", bytes(8))), "image_animated"),
        ("x.png", animated("PNG"), "image_animated"),
        ("x.jpg", BIG[:-2], "image_truncated"),
        ("x.jpg", BIG[:200], "image_truncated"),
        ("x.jpg", BIG + b"PK\x03\x04 and more", "image_trailing_data"),
        ("x.jpg", b"\xff\xd8\xff\xd9", "image_corrupt"),
        ("x.jpg", b"\xff\xd8\xff\xe0\0\2\xff\xc0\0\x08\x08\xff\xff\xff\xff\3\xff\xd9", "image_too_many_pixels"),
        ("x.webp", animated("WEBP"), "image_animated"),
        ("x.webp", picture("WEBP", (64, 64))[:-9], "image_truncated"),
        ("x.webp", picture("WEBP") + b"tail", "image_trailing_data"),
        ("x.webp", b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\0\0", "image_too_many_pixels"),
        ("x.webp", b"RIFF\x1e\0\0\0WEBPABCD\x0a\0\0\0" + bytes(18), "image_corrupt"),
    ],
    ids=short,
)
@pytest.mark.parametrize("method", [0, 8])
def test_faults_of_an_image(refusal, name, data, code, method):
    assert refusal(make(*pictures("1.png"), File(name, data, method=method)), "a.zip") == (code, {"member": name})


def test_pixels_are_looked_at_before_the_rest_is_unpacked(refusal):
    data = png(13_000, 13_000, rows=bytes(3_000_000))
    lying = File("x.png", data, method=8, packed=deflate(data)[:-50], crc=7)
    assert refusal(make(*pictures("1.png"), lying), "a.zip", max_ratio=10_000)[0] == "image_too_many_pixels"


def test_limits_of_an_image(look):
    data = make(*pictures("1.png"), File("2.png", png(100, 100)))
    assert look(data, "a.zip", max_pixels=10_000).ok
    refusal = look(data, "a.zip", max_pixels=9_999).refusal
    assert refusal.params == {"width": 100, "height": 100, "limit": 9_999}
    assert look(data, "a.zip", max_image_bytes=60).refusal.code == "image_too_big"


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")
def test_photos_with_camera_data(look):
    preview = BIG[:2] + b"\xff\xe2\0\x08MPF\0\0\0" + BIG[2:] + picture("JPEG")
    phone = BIG + b"camera block" + bytes(8) + b"SEFT"
    report = look(make(*pictures("1.png"), File("2.jpg", preview), File("3.jpg", phone)), "a.zip")
    assert warnings(report)["jpeg_extra_data"] == {"count": 2}


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "1", {}),
        ("PNG", "L", {}),
        ("PNG", "P", {}),
        ("PNG", "LA", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "I;16", {}),
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "RGB", {"quality": 100, "subsampling": 0, "optimize": True}),
        ("WEBP", "RGBA", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGB", {"exif": b"Exif\0\0" + bytes(20)}),
    ],
    ids=short,
)
def test_ordinary_images_of_every_mode(look, kind, mode, options):
    file = io.BytesIO()
    noise = Image.effect_noise((33, 21), 80)
    (noise.convert(mode) if mode != "I;16" else Image.new(mode, (33, 21), 7)).save(file, kind, **options)
    name = f"x.{kind.lower()}"
    for method in (0, 8):
        report = look(make(*pictures("1.png"), File(name, file.getvalue(), method=method)), "a.zip")
        assert report.ok, report.refusal
        assert report.profile["image"]["width"] == [8, 33]


def test_repeated_images(look):
    files = [File("a/1.png", picture()), File("a/2.png", picture()), File("b/3.png", picture())]
    report = look(make(*files, *pictures("b/4.png")), "a.zip")
    assert warnings(report) == {"duplicate_images": {"count": 2}, "conflicting_images": {"count": 1}}


def test_labels_that_differ_by_case(look):
    table = b"file,label\n1.png,Cat\n2.png,cat\n"
    report = look(make(*pictures("1.png", "2.png"), File("labels.csv", table)), "a.zip")
    assert warnings(report) == {"labels_differ_by_case": {"column": "label", "first": "Cat", "second": "cat"}}
