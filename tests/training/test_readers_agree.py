"""What the registry accepts, the engine reads, and both count the same rows, classes and missing values."""

import io
import zipfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from registry.datasets.ingest.run import inspect
from tests.training.engine.conftest import boxes_blob, captions_blob, masks_blob, tone, wav_of
from tests.training.engine.test_detection import coco
from training.engine.boxes import read_boxes
from training.engine.captions import read_captions
from training.engine.errors import DataError, Stop
from training.engine.masks import class_names, read_masked
from training.engine.readers import SOUND_ENDINGS, read_images, read_members, read_rows, read_text
from training.engine.sounds import RATE, decode_sound

BOM = b"\xef\xbb\xbf"


def picture(kind: str = "PNG", mode: str = "RGB", grey: int = 90) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (9, 7), (grey,) * len(Image.new(mode, (1, 1)).getbands())).save(file, kind)
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def pets(*names: str) -> dict[str, bytes]:
    return {name: picture(grey=at + 1) for at, name in enumerate(names)}


def renamed(data: bytes, old: str, new: bytes) -> bytes:
    """The zip with a folder named in an encoding that it does not tell."""
    return data.replace(old.encode(), new)


JUNK = {
    "__MACOSX/pets/cat/._1.png": b"\0\5\x16\7",
    "pets/.DS_Store": b"\0\0\0\1Bud1",
    "pets/cat/._2.png": b"\0\5\x16\7",
    "pets/cat/Thumbs.db": b"\xd0\xcf\x11\xe0",
    "pets/README.md": b"Two pets.\n",
    "pets/LICENSE": b"Free.\n",
}
SHAPES = {
    "cat/1.png": picture(),
    "cat/2.jpg": picture("JPEG", "CMYK"),
    "cat/3.webp": picture("WEBP", "RGBA"),
    "dog/4.PNG": picture(mode="I;16", grey=40_000),
    "dog/5.jpeg": picture("JPEG", "L"),
    "dog/6.webp": picture("WEBP"),
    "dog/7.png": picture(mode="P"),
    "dog/8.png": picture(mode="LA"),
}
WAVE = tone(440, 0.2)
TABLE = b' Label;FILE ;note\r\n cat ;a/1.png;x\r\n\r\ndog; 2.png;"1;\n2"\r\n'


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, row_group_size=3)
    return file.getvalue()


ZONE = pa.timestamp("ms", "Asia/Shanghai")
PARQUET = parquet(
    text=["a b", None, " ", "猫", "a b"],
    label=pa.array(["x", "y", "x", None, "y"]).dictionary_encode(),
    yes=[True, None, False, True, True],
    number=pa.array([0.1, float("nan"), 1e20, None, 2], pa.float32()),
    wide=[0.1, float("nan"), 1e20, None, 2.0],
    count=pa.array([1, None, 2**64 - 1, 0, 1], pa.uint64()),
    price=pa.array([Decimal("1.50"), None, Decimal("2.00"), Decimal("0.01"), Decimal("1.50")]),
    day=pa.array([0, 1, None, 3, 4], pa.date32()),
    at=pa.array([0, 1, None, 3, 4], ZONE),
    moment=pa.array([0, 1, None, 3, 4], pa.timestamp("ns")),
    nothing=pa.nulls(5),
)

FILES: dict[str, tuple[str, bytes]] = {
    "comma": ("a.csv", b"text,label\na b,x\nc d,y\ne f,x\ng h,y\n"),
    "semicolon, mark, blank lines": ("a.csv", BOM + "text; label \r\n\r\nä,b;x\r\nc;y\r\n\r\nd;x\r\ne;y".encode()),
    "tab, old line ends": ("a.tsv", b"text\tlabel\ra\tx\rb\ty\rc\tx\rd\ty\r"),
    "tab, quotes are letters": ("a.tsv", b'label\ttext\nx\t"Go ," she said\ny\t"a\nx\tb"\ny\t"c"\n'),
    "bar, quoted lines": ("a.csv", b'text|label\n"a ""b""\n\n|c"|x\n"\r\n"|y\nd|x\n"e\r"|y\n'),
    "missing and blank cells": ("a.csv", "text,label\n a ,x\n ,y\n\u3000,\nb,\t\nc, x\nd,x\ne,y\nf, x\n".encode()),
    "one column": ("a.csv", b'word\nyes\n" "\n""\n\nno\nyes\nno\n'),
    "lines": (
        "a.jsonl",
        b'{"text":"a","label":1}\n\n \t\r\n{"label":2,"text":" "}\r\n{"text":null,"label":1}\n'
        b'{"text":"\\u732b","label":2,"more":true}\n{"more":false}\n{"text":"","label":1.0,"more":1e3}',
    ),
    "lines after a mark": ("a.ndjson", BOM + b'\n{"text":"a","label":"x"}\n{"text":"b","label":"x"}\n{"label":"y"}\n'),
    "columns of every type": ("a.parquet", PARQUET),
    "recordings": (
        "a.zip",
        zipped({"s/up/1.wav": wav_of(WAVE), "s/down/2.WAV": wav_of(WAVE, 44_100, 1), "s/up/3.wav": wav_of(WAVE[:99])}),
    ),
    "recordings, one without label": ("a.zip", zipped({"1.wav": wav_of(WAVE), "up/2.wav": wav_of(WAVE)})),
    "labels and transcripts": (
        "a.zip",
        zipped(
            {
                "a/1.wav": wav_of(WAVE),
                "2.wav": wav_of(WAVE[:500]),
                "labels.csv": b"file,label\r\na/1.wav,x\r\n2.wav,y\r\n",
                "transcripts.csv": 'file;text\na/1.wav;"two; words"\n2.wav; 猫 \n'.encode(),
            }
        ),
    ),
    "text": ("a.txt", b"One.\n\nTwo,\r\n \t\nthree.\rFour"),
    "text after a mark": ("a.md", BOM + "猫。\n\n狗。\n".encode()),
    "all formats": ("a.zip", zipped(SHAPES)),
    "top folder and junk": ("a.zip", zipped(pets("pets/cat/1.png", "pets/dog/2.png", "pets/dog/3.png") | JUNK)),
    "labels.csv": ("a.zip", zipped(pets("a/1.png", "2.png", "b/3.png") | {"labels.csv": TABLE})),
    "labels.csv in a folder": ("a.zip", zipped(pets("p/a/1.png", "p/2.png") | {"p/Labels.CSV": TABLE, **JUNK})),
    "some without label": ("a.zip", zipped(pets("1.png", "cat/2.png", "dog/3.png", "4.png"))),
    "none with label": ("a.zip", zipped(pets("1.png", "2.png"))),
    "chinese names": ("a.zip", renamed(zipped(pets("aaaa/1.png", "dog/2.png")), "aaaa", "猫狗".encode("gb2312"))),
    "western names": ("a.zip", renamed(zipped(pets("aaaa/1.png", "dog/2.png")), "aaaa", "chät".encode("cp437"))),
    "untold UTF-8 names": ("a.zip", renamed(zipped(pets("aaa/1.png", "dog/2.png")), "aaa", "猫".encode())),
}


@pytest.mark.parametrize("case", FILES)
def test_what_is_accepted_is_read_alike(tmp_path: Path, case: str) -> None:
    name, data = FILES[case]
    path = tmp_path / "blob"
    path.write_bytes(data)
    report = inspect(path, name=name)
    assert report.ok, report.refusal
    AGREE[report.kind](path, report.profile)


def of_words(words: pa.Array) -> bytes:
    """Twelve rows that name the words 0, 1, 2, 1 again and again, in two bits each: 0x64 for four of them."""
    rows = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 1] * 3, pa.int32()), words)
    file = io.BytesIO()
    pq.write_table(pa.table({"label": rows}), file, compression="none")
    return file.getvalue()


def test_a_number_of_no_word_is_refused_alike_by_row_and_column(tmp_path: Path) -> None:
    whole = of_words(pa.array(["a", "b", "c"]))
    assert whole.count(b"\x64\x64\x64") == 1
    path = tmp_path / "blob"
    path.write_bytes(whole.replace(b"\x64\x64\x64", b"\x64\x67\x64"))  # the fifth row names word 3
    refusal = inspect(path, name="a.parquet").refusal
    assert refusal is not None
    assert (refusal.code, refusal.where) == ("parquet_word", {"row": 5, "column": "label"})
    assert "5" in refusal.message() and "label" in refusal.message()
    with pytest.raises(DataError, match="label") as caught:
        list(read_rows(path, "parquet", ["label"], {}, Stop()))
    assert caught.value.params["row"] == 5


def test_a_word_that_no_row_names_is_not_read(tmp_path: Path) -> None:
    """A dictionary comes whole with every few rows: to read all of it each time would take for ever."""
    unread = pa.array([b"a", b"b", b"c", b"\xff"]).view(pa.string())
    path = tmp_path / "blob"
    path.write_bytes(of_words(unread))
    report = inspect(path, name="a.parquet")
    assert report.ok, report.refusal
    assert report.profile["classes"]["label"] == {"a": 3, "b": 6, "c": 3}
    rows = list(read_rows(path, "parquet", ["label"], report.profile, Stop()))
    assert rows == [["a"], ["b"], ["c"], ["b"]] * 3


def agree_text(path: Path, profile: dict[str, Any]) -> None:
    text = read_text(path)
    lines = io.StringIO(text, newline=None).readlines()
    assert (len(text), len(lines)) == (profile["chars"], profile["lines"])
    assert sum(not line.isspace() for line in lines) == profile["rows"]


def agree_rows(path: Path, profile: dict[str, Any]) -> None:
    names = [column["name"] for column in profile["columns"]]
    rows = list(read_rows(path, profile["kind"], names, profile, Stop()))
    assert len(rows) == profile["rows"]
    for column, values in zip(profile["columns"], zip(*rows, strict=True), strict=True):
        present = [value for value in values if value]
        assert len(values) - len(present) == column["missing"]
        assert len(set(present)) == column["distinct"]
        if column["name"] in profile["label_candidates"]:
            assert Counter(present) == profile["classes"][column["name"]]


def agree_images(path: Path, profile: dict[str, Any]) -> None:
    found = list(read_images(path, 8, 3, profile, Stop()))
    missing = profile["columns"][0]["missing"] if profile["columns"] else profile["rows"]
    assert len(found) == profile["rows"] - missing
    assert Counter(label for _, label, _ in found) == profile["classes"].get("label", {})
    labels = {name: label for name, label, _ in found}
    assert all(labels.get(example["file"]) == example["label"] for example in profile["examples"])


BESIDE = {
    "masks": ("masks", 60, lambda: masks_blob()),
    "boxes.csv": ("boxes", 60, lambda: boxes_blob()),
    "captions.csv": ("captions", 120, lambda: captions_blob()),
    "annotations.json": ("boxes", 20, lambda: coco(20)),
}


@pytest.mark.parametrize("case", BESIDE)
def test_what_lies_beside_images_is_read_alike(tmp_path: Path, case: str) -> None:
    source, rows, blob = BESIDE[case]
    path, top = tmp_path / "blob", "data/"
    with zipfile.ZipFile(io.BytesIO(blob())) as archive:
        path.write_bytes(zipped({top + name: archive.read(name) for name in archive.namelist()}))
    report = inspect(path, name="a.zip")
    assert report.ok, report.refusal
    profile, image = report.profile, report.profile["image"]
    assert (profile["rows"], image["labels_from"], image["top"], image["modes"]) == (rows, source, top, ["L"])
    assert (profile["classes"], profile["columns"], report.warnings) == ({}, [], ())
    if source == "masks":
        names = class_names(path, profile)
        assert names is not None and image["classes"] == len(names) == 3
        assert len(list(read_masked(path, 32, 1, profile, Stop(), 3))) == rows
        assert len(list(read_images(path, 8, 1, profile, Stop(), labelled=False))) == rows
    elif source == "captions":
        assert [len(texts) for texts in read_captions(path, profile).values()] == [2] * rows
    else:
        boxed = read_boxes(path, profile)
        assert (len(boxed.images), len(boxed.labels)) == (rows, image["classes"])


def agree_audio(path: Path, profile: dict[str, Any]) -> None:
    facts, table = profile["audio"], bool(profile["audio"]["transcripts_file"])
    every = list(read_members(path, profile, "audio", SOUND_ENDINGS, None, Stop()))
    seconds = [len(decode_sound(data)) / RATE for _, _, data in every]
    assert [min(seconds), max(seconds)] == pytest.approx(facts["seconds"], abs=1e-3)
    assert len(every) == profile["rows"]
    labels = [label for _, label, _ in read_members(path, profile, "audio", SOUND_ENDINGS, "label", Stop())]
    assert Counter(labels) == profile["classes"].get("label", {})
    if table:
        texts = [text for _, text, _ in read_members(path, profile, "audio", SOUND_ENDINGS, "text", Stop())]
        assert (len(texts), len(set("".join(texts)) - {" "})) == (facts["transcribed"], facts["characters"])


AGREE = {
    "audio": agree_audio,
    "text": agree_text,
    "csv": agree_rows,
    "jsonl": agree_rows,
    "parquet": agree_rows,
    "images": agree_images,
}
