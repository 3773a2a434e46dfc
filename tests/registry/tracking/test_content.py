"""Kinds of files, told by their bytes: what may be stored, and every disguise of a pickle."""

import gzip
import io
import json
import pickle
import pickletools
import struct
import zipfile
import zlib

import pytest

from registry.tracking import content
from tests.registry.tracking.stock_session import safetensors_bytes


class Trip:
    """Would run a command if anybody unpickled it."""

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (print, ("opened",))


def accept(name: str, data: bytes) -> None:
    head = data[: content.head_length(name, data[:8], len(data))]
    rest = content.check(name, head, len(data))
    if rest is not None and len(head) < len(data):
        rest(data[len(head) :], True)


def archive(*members: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as bundle:
        for member in members:
            bundle.writestr(member, b"x")
    return target.getvalue()


TEXTS = {
    "card.md": "# Karte\n语言模型 — with “quotes”\n".encode(),
    "MLmodel": b"flavors:\n  python_function:\n    loader_module: mlflow.pyfunc\nutc_time_created: '2026'\n",
    "config.json": json.dumps({"model_type": "bert", "list": list(range(3000))}).encode(),
    "requirements.txt": b"mlflow==3.17.2\ncloudpickle==3\nimport os\n",
    "table.csv": b"a,b\r\n1,2\r\n",
    "empty.txt": b"",
    "short.txt": b"I",
    "stop.txt": b"N.",
    "word.txt": b"hello",  # opcodes by the letter: get e, list, list, object
    "words.txt": b"being proud?",
    "name.txt": b"Judge.",
    "names.txt": b"cat\ndog\n",
    "log.txt": b"\x1b[31mred\x1b[0m\n",
    "long.txt": "é".encode() * 200_000,
}
BINARIES = {
    "plot.png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 40,
    "photo.jpg": b"\xff\xd8\xff\xe0" + b"\x00" * 40,
    "sound.wav": b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\x00" * 40,
    "small.webp": b"RIFF\x24\x00\x00\x00WEBPVP8 " + b"\x00" * 40,
    "report.pdf": b"%PDF-1.7\n\x00\xff",
    "rows.parquet": b"PAR1\x00\x00PAR1",
    "model.safetensors": safetensors_bytes([1.0, 2.0]),
}


@pytest.mark.parametrize("name", [*TEXTS, *BINARIES])
def test_data_is_stored(name):
    accept(name, (TEXTS | BINARIES)[name])


PICKLES = {f"protocol {p}": pickle.dumps(Trip(), protocol=p) for p in range(6)} | {
    "plain dict, protocol 0": pickle.dumps({"weights": [1, 2]}, protocol=0),
    "cut before its end": pickle.dumps(Trip(), protocol=0)[:-1],
    "gzip": gzip.compress(pickle.dumps(Trip())),
    "zlib": zlib.compress(pickle.dumps(Trip())),
    "torch archive": archive("archive/data.pkl", "archive/version"),
    "any archive": archive("readme.txt"),
    "numpy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O'}",
    "hdf5": b"\x89HDF\r\n\x1a\n" + b"\x00" * 20,
    "elf": b"\x7fELF\x02\x01\x01" + b"\x00" * 20,
    "old torch": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
    "utf-16 text": "text".encode("utf-16"),
}


@pytest.mark.parametrize("kind", PICKLES)
@pytest.mark.parametrize("name", ["weights.txt", "README.md", "no-extension"])
def test_a_pickle_is_refused_under_any_name(kind, name):
    with pytest.raises(content.ContentError):
        accept(name, PICKLES[kind])


def test_a_long_protocol_0_pickle_is_refused_by_its_beginning():
    data = pickle.dumps([Trip(), "x" * (2 * content.HEAD_BYTES)], protocol=0)
    assert len(data) > content.HEAD_BYTES
    with pytest.raises(content.ContentError):
        accept("notes.txt", data)


def test_optimised_pickles_are_refused():
    with pytest.raises(content.ContentError):
        accept("notes.txt", pickletools.optimize(pickle.dumps(Trip(), protocol=0)))


NAMES = "a.pkl a.PT a.pth pytorch_model.bin a.joblib a.ckpt a.pkl.txt a.npz a.txt.pickle a.pt2"


@pytest.mark.parametrize("name", NAMES.split())
def test_names_of_pickles_are_refused_whatever_is_inside(name):
    with pytest.raises(content.ContentError, match=r"\*\.\w+ are not stored"):
        accept(name, b"harmless text")


def test_text_must_stay_text_to_its_end():
    data = b"a" * content.HEAD_BYTES + b"\x80\x04\x95"
    with pytest.raises(content.ContentError):
        accept("notes.txt", data)


def test_text_may_be_cut_inside_a_character():
    data = "语".encode() * content.HEAD_BYTES
    head = data[: content.head_length("a.txt", data[:8], len(data))]
    rest = content.check("a.txt", head, len(data))
    assert rest is not None
    for start in range(len(head), len(data), 1000):
        rest(data[start : start + 1000], start + 1000 >= len(data))


def header(entries: dict[str, object], data: bytes = b"") -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
BROKEN = {
    "empty": b"",
    "short": b"\x08\x00",
    "header length beyond the file": struct.pack("<Q", 100) + b"{}",
    "header of 2^63": struct.pack("<Q", 2**63) + b"{}",
    "no JSON": struct.pack("<Q", 4) + b"abcd",
    "a list": struct.pack("<Q", 2) + b"[]",
    "truncated data": header({"w": F32}, b"\x00" * 7),
    "trailing data": header({"w": F32}, b"\x00" * 8 + b"PK\x03\x04"),
    "a hole": header({"w": {**F32, "data_offsets": [4, 12]}}, b"\x00" * 12),
    "overlap": header({"w": F32, "v": {**F32, "data_offsets": [4, 12]}}, b"\x00" * 12),
    "wrong shape": header({"w": {**F32, "shape": [3]}}, b"\x00" * 8),
    "negative shape": header({"w": {**F32, "shape": [-2]}}, b"\x00" * 8),
    "unknown type": header({"w": {**F32, "dtype": "O"}}, b"\x00" * 8),
    "a pickle called safetensors": pickle.dumps(Trip()),
    "deep": struct.pack("<Q", 200_000) + b"[" * 200_000,
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_safetensors_are_refused(fault):
    with pytest.raises(content.ContentError):
        accept("model.safetensors", BROKEN[fault])


def test_a_long_safetensors_header_is_read_whole():
    many = {
        f"layer.{number}.weight": {"dtype": "F32", "shape": [1], "data_offsets": [4 * number, 4 * number + 4]}
        for number in range(3000)
    }
    data = header(many, b"\x00" * 12_000)
    assert content.head_length("model.safetensors", data[:8], len(data)) > content.HEAD_BYTES
    accept("model.safetensors", data)


def test_too_many_tensors_are_refused():
    many = {f"t{number}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for number in range(20_001)}
    with pytest.raises(content.ContentError, match="20,000"):
        accept("model.safetensors", header(many))
