"""What breaks the promise of a profile is named by row or file, and nothing is trusted to be small."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from training.engine import readers
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


def parquet(compression: str = "snappy", **columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, compression=compression)
    return file.getvalue()


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_parquet_says_the_same(tmp_path: Path, compression: str) -> None:
    data = parquet(compression, more=[[1], [2], [3]], label=["x", None, " "], text=["a", "c", "\t"])
    assert rows_of(tmp_path, "parquet", data) == [["a", "x"], ["c", ""], ["", ""]]
    numbers = parquet(text=[1.5, float("nan"), 2.0], label=[True, None, False])
    assert rows_of(tmp_path, "parquet", numbers) == [["1.5", "true"], ["", ""], ["2.0", "false"]]
    assert rows_of(tmp_path, "parquet", parquet(other=[1, 2])) == [["", ""]] * 2


def test_parquet_that_breaks_its_promise_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its column “text” holds lists, records or bytes"):
        rows_of(tmp_path, "parquet", parquet(text=[b"a", b"b"], label=["x", "y"]))
    whole = parquet("none", text=[f"words {n}" for n in range(3_000)], label=["x"] * 3_000)
    for torn in (
        whole[:-20],
        b"PAR2" + whole[4:-4] + b"PAR2",
        whole[: len(whole) // 2] + whole[-400:],
        b"text,label\n",
    ):
        with pytest.raises(DataError, match="Parquet file is cut off or damaged"):
            rows_of(tmp_path, "parquet", torn)


def test_parquet_that_unpacks_to_too_much_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int32()), pa.array(["x" * 1_000]))
    monkeypatch.setattr(readers, "MAX_UNPACKED_BYTES", 1_000_000)
    with pytest.raises(DataError, match="too many when unpacked"):
        rows_of(tmp_path, "parquet", parquet(text=long, label=["x"] * 5_000))


def test_csv_and_jsonl_say_the_same(tmp_path: Path) -> None:
    table = 'id;text;label\n1;"a;\n""b""";x\n\n2;c;3\n'.encode("utf-8-sig")
    lines = b'{"text":"a;\\n\\"b\\"","label":"x"}\n\n{"text":"c","label":3,"more":null}\n'
    expected = [['a;\n"b"', "x"], ["c", "3"]]
    assert rows_of(tmp_path, "csv", table, ";") == expected
    assert rows_of(tmp_path, "jsonl", lines) == expected


def test_absent_and_blank_values_are_empty(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "jsonl", b'{"text":null,"label":true}') == [["", "true"]]
    assert rows_of(tmp_path, "jsonl", b'{"text":" \\t","label":" a "}') == [["", " a "]]
    assert rows_of(tmp_path, "csv", 'text,label\n" \n",\u3000\n'.encode()) == [["", ""]]


def test_a_byte_order_mark_may_stand_alone_in_its_line(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "jsonl", b'\xef\xbb\xbf\n{"text":"a","label":"b"}\n') == [["a", "b"]]


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
        ("jsonl", b'{"text":"\\ud83d\\ude00"}\n{"text":"\\ud83d"}\n', 2),  # half of a pair
        ("jsonl", b'{"text":"a"}\n{"text":"\xff"}\n', 2),
        ("jsonl", b'{"text":"a"}\n{"text":' + b"9" * 5_000 + b"}\n", 2),
        ("csv", b"text,label\n\n\na,b\n\na\n", 2),
        ("csv", b'text,label\n"a"b,c\n', 1),
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


def images_of(path: Path, side: int = 8, channels: int = 1, **image: str) -> list[tuple[str, str, np.ndarray]]:
    return list(read_images(path, side, channels, {"image": image}, Stop()))


def test_images_come_sorted_with_their_folders_as_labels(tmp_path: Path) -> None:
    members = {"b/2.png": png(), "a/1.png": png("RGB", (20, 10)), "a/notes.txt": b"x"}
    found = images_of(zip_of(tmp_path, members))
    assert [(name, label) for name, label, _ in found] == [("a/1.png", "a"), ("b/2.png", "b")]
    assert {pixels.shape for _, _, pixels in found} == {(1, 8, 8)}
    assert (found[1][2] == 200).all()


def test_what_has_no_label_or_is_no_image_is_left_out(tmp_path: Path) -> None:
    junk = ["__MACOSX/pets/a/._1.png", "pets/__MACOSX/2.png", "pets/a/._1.png", "pets/a/.DS_Store", "pets/a/Thumbs.db"]
    notes = ["README", "pets/README.md", "pets/a/LICENSE.txt", "pets/labels.csv"]
    members = dict.fromkeys(junk + notes, b"x") | {"pets/loose.png": png(), "pets/a/1.png": png()}
    found = images_of(zip_of(tmp_path, members), labels_from="folders", top="pets/")
    assert [(name, label) for name, label, _ in found] == [("pets/a/1.png", "a")]
    assert images_of(zip_of(tmp_path, {"1.png": png()}), labels_from="none") == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_formats(tmp_path: Path, kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 100, 0)).save(file, kind)
    ((_, _, pixels),) = images_of(zip_of(tmp_path, {f"a/1.{kind}": file.getvalue()}), channels=3)
    assert np.abs(pixels[:, 4, 4].astype(int) - [200, 100, 0]).max() <= 3


def test_sixteen_bits_of_grey_are_scaled(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), 0x6400, dtype=np.uint16)).save(file, "PNG")
    ((_, _, pixels),) = images_of(zip_of(tmp_path, {"a/1.png": file.getvalue()}))
    assert (pixels == 0x64).all()


@pytest.mark.parametrize(
    "table",
    [
        b"file,label\nx.png,cat\nb/y.png,dog\n",
        b"\xef\xbb\xbfnote; Label ;FILE\r\n\r\n1,2; cat;x.png \r\n;dog;b/y.png\r\n",
        b'"label"\t"file"\n"cat"\t"x.png"\ndog\tb/y.png',
        b"label|file|note\ncat|x.png|" + b"n" * 200_000 + b"\ndog|b/y.png|",
    ],
    ids=["plain", "semicolon", "tab", "long"],
)
def test_labels_can_come_from_a_table(tmp_path: Path, table: bytes) -> None:
    members = {"top/Labels.CSV": table, "top/x.png": png(), "top/b/y.png": png(), "top/c/unlisted.png": png()}
    path = zip_of(tmp_path, members)
    found = images_of(path, 4, 3, labels_from="table", top="top/", labels_file="top/Labels.CSV")
    assert [(name, label, pixels.shape) for name, label, pixels in found] == [
        ("top/b/y.png", "dog", (3, 4, 4)),
        ("top/x.png", "cat", (3, 4, 4)),
    ]


def test_names_in_an_old_encoding(tmp_path: Path) -> None:
    path = zip_of(tmp_path, {"aa/1.png": png(), "labels.csv": "file,label\n猫/1.png,x\n".encode()})
    path.write_bytes(path.read_bytes().replace(b"aa/1.png", "猫".encode("gb2312") + b"/1.png"))
    for image in ({"labels_from": "folders"}, {"labels_from": "table", "labels_file": "labels.csv"}):
        ((name, _, _),) = read_images(path, 8, 1, {"encoding": "gb2312", "image": image}, Stop())
        assert name == "猫/1.png"


TABLE = {"labels_from": "table", "labels_file": "labels.csv"}


@pytest.mark.parametrize(
    ("members", "image"),
    [
        ({"a/1.png": b"not an image"}, {}),
        ({"a/big.png": png("1", (13_000, 13_000), 0)}, {}),
        ({"labels.csv": b"file,label\nmissing.png,a\n"}, TABLE),
        ({"labels.csv": b"name,class\n", "x.png": png()}, TABLE),
        ({"labels.csv": b"file,label\nx.png\n", "x.png": png()}, TABLE),
        ({"labels.csv": b'file,label\nx.png,"a\n', "x.png": png()}, TABLE),
        ({"labels.csv": b"file,label\nx.png,\xff\n", "x.png": png()}, TABLE),
    ],
)
def test_bad_file_is_named(tmp_path: Path, members: dict[str, bytes], image: dict[str, str]) -> None:
    with pytest.raises(DataError) as caught:
        images_of(zip_of(tmp_path, members), **image)
    assert caught.value.params["name"] in members


def test_a_table_of_labels_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.csv.*not in the zip"):
        images_of(zip_of(tmp_path, {"x.png": png()}), **TABLE)


def test_what_is_no_zip_is_said(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(DataError, match="not a zip file"):
        images_of(path)


def test_reading_stops_when_asked(tmp_path: Path) -> None:
    stop = Stop()
    stop.requested = True
    with pytest.raises(StopRequestedError):
        list(read_images(zip_of(tmp_path, {"a/1.png": png()}), 8, 1, {}, stop))
    path = tmp_path / "table"
    path.write_text("text,label\n" + "a,b\n" * 1_001)
    with pytest.raises(StopRequestedError):
        list(read_rows(path, "csv", ["text", "label"], {}, stop))


def test_shift_moves_whole_images() -> None:
    from training.engine.tasks.images import moved, moves

    pixels = np.arange(2 * 1 * 16 * 16, dtype=np.uint8).reshape(2, 1, 16, 16)
    found_at = moved(pixels, moves(2, 16, np.random.default_rng(1)))
    assert found_at.shape == pixels.shape
    found = False
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            rows, columns = (np.arange(16) + dy).clip(0, 15), (np.arange(16) + dx).clip(0, 15)
            found |= np.array_equal(found_at[0, 0], pixels[0, 0][np.ix_(rows, columns)])
    assert found
