"""What breaks the promise of a profile is named by row or file, and nothing is trusted to be small."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.engine.errors import DataError, Stop, StopRequestedError
from training.engine.readers import read_images, read_rows, read_text


def rows_of(tmp_path: Path, kind: str, data: bytes, delimiter: str = ",") -> list[list[str]]:
    path = tmp_path / "blob"
    path.write_bytes(data)
    return list(read_rows(path, kind, ["text", "label"], {"delimiter": delimiter}, Stop()))


def png(mode: str = "L", size: tuple[int, int] = (8, 8), colour: int = 200) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


def zip_of(tmp_path: Path, members: dict[str, bytes]) -> Path:
    path = tmp_path / "blob.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_csv_and_jsonl_say_the_same(tmp_path: Path) -> None:
    table = 'id;text;label\n1;"a;\n""b""";x\n\n2;c;3\n'.encode("utf-8-sig")
    lines = b'{"text":"a;\\n\\"b\\"","label":"x"}\n\n{"text":"c","label":3,"more":null}\n'
    expected = [['a;\n"b"', "x"], ["c", "3"]]
    assert rows_of(tmp_path, "csv", table, ";") == expected
    assert rows_of(tmp_path, "jsonl", lines) == expected


def test_absent_values_are_empty(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "jsonl", b'{"text":null,"label":true}') == [["", "true"]]


@pytest.mark.parametrize(
    ("kind", "data", "row"),
    [
        ("csv", b"text,label\na,b\na,b,c\n", 2),
        ("csv", b'text,label\na,b\nc,"d\n', 2),
        ("csv", b"text,label\na,b\n\xff\xfe,c\n", 2),
        ("jsonl", b'{"text":"a"}\n{"text":\n', 2),
        ("jsonl", b'{"text":"a"}\n[1]\n', 2),
        ("jsonl", b'{"text":"a"}\n{"text":{"x":1}}\n', 2),
        ("jsonl", b'{"text":"a"}\n' + b"[" * 100_000 + b"\n", 2),
    ],
)
def test_bad_row_is_named(tmp_path: Path, kind: str, data: bytes, row: int) -> None:
    with pytest.raises(DataError) as caught:
        rows_of(tmp_path, kind, data)
    assert caught.value.params["row"] == row


def test_text_must_be_utf8(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"good\n\xffbad")
    with pytest.raises(DataError, match="byte 5"):
        read_text(path)


def test_images_come_sorted_with_their_folders_as_labels(tmp_path: Path) -> None:
    members = {"b/2.png": png(), "a/1.png": png("RGB", (20, 10)), "__MACOSX/a/1.png": b"x", "a/notes.txt": b"x"}
    found = list(read_images(zip_of(tmp_path, members), 8, 1, Stop()))
    assert [(name, label) for name, label, _ in found] == [("a/1.png", "a"), ("b/2.png", "b")]
    assert {pixels.shape for _, _, pixels in found} == {(1, 8, 8)}
    assert (found[1][2] == 200).all()


def test_labels_can_come_from_a_table(tmp_path: Path) -> None:
    members = {"labels.csv": b"file,label\nx.png,cat\ny.png,dog\n", "x.png": png(), "y.png": png()}
    found = list(read_images(zip_of(tmp_path, members), 4, 3, Stop()))
    assert [(name, label, pixels.shape) for name, label, pixels in found] == [
        ("x.png", "cat", (3, 4, 4)),
        ("y.png", "dog", (3, 4, 4)),
    ]


@pytest.mark.parametrize(
    "members",
    [
        {"a/1.png": b"not an image"},
        {"top.png": png()},
        {"labels.csv": b"file,label\nmissing.png,a\n"},
        {"labels.csv": b"name,class\n", "x.png": png()},
        {"a/big.png": png("1", (13_000, 13_000), 0)},
    ],
)
def test_bad_file_is_named(tmp_path: Path, members: dict[str, bytes]) -> None:
    with pytest.raises(DataError) as caught:
        list(read_images(zip_of(tmp_path, members), 8, 1, Stop()))
    assert caught.value.params["name"] in members


def test_what_is_no_zip_is_said(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(DataError, match="not a zip file"):
        list(read_images(path, 8, 1, Stop()))


def test_reading_stops_when_asked(tmp_path: Path) -> None:
    stop = Stop()
    stop.requested = True
    with pytest.raises(StopRequestedError):
        list(read_images(zip_of(tmp_path, {"a/1.png": png()}), 8, 1, stop))
    path = tmp_path / "table"
    path.write_text("text,label\n" + "a,b\n" * 1_001)
    with pytest.raises(StopRequestedError):
        list(read_rows(path, "csv", ["text", "label"], {}, stop))


def test_shift_moves_whole_images() -> None:
    from training.engine.tasks.image_classification import _shift

    pixels = np.arange(2 * 1 * 16 * 16, dtype=np.uint8).reshape(2, 1, 16, 16)
    moved = _shift(pixels, np.random.default_rng(1))
    assert moved.shape == pixels.shape
    found = False
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            rows, columns = (np.arange(16) + dy).clip(0, 15), (np.arange(16) + dx).clip(0, 15)
            found |= np.array_equal(moved[0, 0], pixels[0, 0][np.ix_(rows, columns)])
    assert found
