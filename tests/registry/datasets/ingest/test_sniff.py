"""Kind by content, never by name."""

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.datasets.ingest.sniff import find_delimiter, identify, wide_encoding
from tests.registry.datasets.ingest.looking import look_at, short
from tests.registry.datasets.ingest.zips import File, make, picture, pictures

CSV = b"text,label\ngood,1\nbad,0\n"
JSONL = b'{"text": "good"}\n{"text": "bad"}\n'
PROSE = "A first line.\nAnd a second, with a comma.\n中文也行。\n".encode()


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (CSV, "", "csv"),
        (CSV, "data.csv", "csv"),
        (CSV.replace(b",", b"\t"), "data.tsv", "csv"),
        (CSV.replace(b",", b";"), "unknown", "csv"),
        (CSV, "words.txt", "text"),
        (b"\xef\xbb\xbf" + CSV, "", "csv"),
        (JSONL, "", "jsonl"),
        (JSONL, "data.jsonl", "jsonl"),
        (JSONL, "data.json", "jsonl"),
        (JSONL, "lines.txt", "text"),
        (PROSE, "", "text"),
        (PROSE, "story.md", "text"),
        (b"word\nother\n", "list.csv", "csv"),
        (b"#!/bin/sh\necho hello\n", "corpus.txt", "text"),
        (b"<div align=center>\n# A readme\n</div>\n", "readme.md", "text"),
        (b"BM 1 is a road.\nMZ is a name.\n", "", "text"),
        (b"{ curly prose }\nmore of it\n", "", "text"),
    ],
    ids=short,
)
def test_kind_of_words(look, data, name, kind):
    assert look(data, name).kind == kind


def test_zip_of_images_under_any_harmless_name(look):
    data = make(*pictures("a/1.png", "b/2.png"))
    assert {look(data, name).kind for name in ("pets.zip", "pets", "upload.bin", "")} == {"images"}


FOREIGN = {
    "image_alone": [picture("PNG"), picture("JPEG"), picture("WEBP"), picture("GIF"), b"II*\0" + bytes(40)],
    "html": [b"<!DOCTYPE html><p>hi", b"\n <HTML>\n", b"<!-- a --><script>1</script>", b"<?xml version='1'?><html >"],
    "not_accepted": [b"<svg xmlns='x'>", b"SQLite format 3\0" + bytes(99), b"fLaC\0\0\0\x22" + bytes(50)],
    "document": [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", b"%PDF-1.4 all ascii", b"{\\rtf1 hello}", b"%!PS-Adobe-3.0"],
    "executable": [
        b"\x7fELF\x02\x01\x01" + bytes(50),
        b"MZ\x90\0\x03\0\0\0" + bytes(50),
        b"\xca\xfe\xba\xbe\0\0\0\x34",
    ],
    "arrow": [b"ARROW1\0\0" + bytes(20)],
    "compressed": [gzip.compress(CSV, mtime=0), b"BZh91AY&SY\0\x01\x02", b"\xfd7zXZ\0\0\x04", b"\x28\xb5\x2f\xfd\0\0"],
    "archive": [b"7z\xbc\xaf\x27\x1c\0\x04", b"Rar!\x1a\x07\x01\0"],
    "numpy_array": [b"\x93NUMPY\x01\0v\0{'descr': '|O'}"],
    "weights": [struct.pack("<Q", 40) + b'{"w":{"dtype":"F32"}}' + bytes(60)],
    "binary": [bytes(100), bytes(range(256)) * 4, b"\x00\x01\x02\x03"],
    "office": [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)],
}


@pytest.mark.parametrize(("code", "data"), [(code, one) for code, all_ in FOREIGN.items() for one in all_], ids=short)
def test_what_is_not_data_is_refused_by_what_it_is(look, code, data):
    report = look(data)
    assert (report.refusal.code, report.refusal.category) == (code, "kind")


@pytest.mark.parametrize(
    ("data", "name", "what"),
    [
        (picture("PNG"), "data.csv", "png"),
        (picture("JPEG"), "notes.txt", "jpeg"),
        (picture("PNG"), "photo.jpg", "png"),
        (b"<!doctype html><title>Sign in</title>", "data.txt", "html"),
        (b"%PDF-1.7\n", "data.csv", "pdf"),
        (gzip.compress(CSV, mtime=0), "data.csv", "gzip"),
        (CSV, "data.zip", "csv"),
        (PROSE, "photo.png", "text"),
        (JSONL, "data.csv", "jsonl"),
        (b"PAR1\x15\x04\x15" + bytes(9), "data.csv", "parquet"),
        (make(*pictures("a/1.png")), "data.csv", "zip"),
        (make(*pictures("a/1.png")), "photo.png", "zip"),
    ],
    ids=short,
)
def test_a_name_that_contradicts_the_content(look, data, name, what):
    refusal = look(data, name).refusal
    assert (refusal.code, refusal.params["what"], refusal.category) == ("wrong_extension", what, "kind")
    assert refusal.params["extension"] == f".{name.rpartition('.')[2]}"


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (make(*pictures("a/1.png")), "csv", "wrong_kind"),
        (CSV, "images", "wrong_kind"),
        (picture("PNG"), "text", "wrong_kind"),
        (JSONL, "csv", "wrong_kind"),
        (b"[1, 2]", "jsonl", "json_document"),
        (pickle.dumps([1]), "csv", "pickle"),
    ],
    ids=short,
)
def test_what_the_person_says_weighs_less_than_the_content(refusal, data, kind, code):
    assert refusal(data, "", kind=kind)[0] == code


def test_what_the_person_says_chooses_between_readings(look):
    assert look(CSV, "data.csv", kind="text").kind == "text"
    assert look(CSV, "data.txt", kind="csv").kind == "csv"
    assert look(JSONL, "data.txt", kind="jsonl").kind == "jsonl"


@pytest.mark.parametrize(
    "data", [json.dumps([{"a": 1}] * 2).encode(), b'{\n  "a": 1\n}\n', b'[\n {"a": 1}\n]'], ids=short
)
@pytest.mark.parametrize("name", ["data.json", "data.jsonl", ""], ids=short)
def test_one_json_document_is_not_json_lines(refusal, data, name):
    assert refusal(data, name)[0] == "json_document"


def test_empty(refusal):
    assert refusal(b"", "data.csv")[0] == "empty"


def test_too_big(look):
    refusal = look(CSV, "data.csv", max_bytes=10).refusal
    assert (refusal.code, refusal.category, refusal.params) == (
        "too_big",
        "size",
        {"size_bytes": 24, "limit_bytes": 10},
    )


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings(look, codec):
    refusal = look("text,label\nsome words,1\n".encode(codec), "data.csv").refusal
    assert refusal.code == "utf16"
    assert refusal.params["encoding"] == ("UTF-32" if codec == "utf-32" else "UTF-16")


def test_narrow_bytes_are_not_wide():
    assert wide_encoding(b"plain text, no zeros") is None
    assert wide_encoding(b"") is None
    assert wide_encoding(b"\0") is None


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"%PDF-1.7\n", "polyglot"),
        (picture("PNG"), "polyglot"),
        (b"GIF89a\x01\0\x01\0", "polyglot"),
        (CSV, "zip_data_before"),
    ],
    ids=short,
)
def test_two_things_at_once(refusal, head, code):
    assert refusal(make(*pictures("a/1.png"), before=head))[0] == code


@pytest.mark.parametrize("tail", [b"<?php evil(); ?>", b"%PDF-1.7", pickle.dumps([1]), b"\0"], ids=short)
def test_zip_with_something_behind(refusal, tail):
    assert refusal(make(*pictures("a/1.png"), after=tail))[0] == "zip_data_after"


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def hidden(data: bytes) -> dict[str, bytes]:
    """A pickle in every disguise."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, content in (("readme", b"hello"), ("storages", data)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("model/data.pkl", data)
        archive.writestr("model/version", "3\n")
        archive.writestr("model/data/0", bytes(64))
    return {
        "plain": data,
        "with a tail": data + b"\nmore text",
        "gzip": gzip.compress(data),
        "zlib, as joblib does": zlib.compress(data),
        "tar": tar.getvalue(),
        "tar.gz": gzip.compress(tar.getvalue()),
        "zip": make(File("a.png", data)),
        "zip among images": make(*pictures("a/1.png"), File("a/2.png", data)),
        "zip, deflated": make(*pictures("a/1.png"), File("notes.txt", data, method=8)),
        "zip, as system junk": make(*pictures("a/1.png"), File("__MACOSX/._1.png", data)),
        "torch": package.getvalue(),
        "before a zip": data + make(*pictures("a/1.png")),
    }


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_under_any_disguise_is_refused_and_never_opened(look, tmp_path, protocol):
    canary = tmp_path / "canary"
    names = ("data.csv", "data.txt", "data.jsonl", "images.zip", "weights.pt", "model.joblib", "photo.png", "")
    for disguise, data in hidden(pickle.dumps(Bomb(canary), protocol)).items():
        for name in names:
            refusal = look(data, name).refusal
            wanted = "torch_model" if disguise == "torch" else "pickle"
            assert refusal.code == wanted, (disguise, name)
            for kind in ("text", "csv", "jsonl", "images"):
                assert look(data, name, kind=kind).refusal.code == wanted, (disguise, name, kind)
    assert not canary.exists()
    pickle.loads(pickle.dumps(Bomb(canary), protocol))
    assert canary.exists(), "the tripwire itself does not work"


def test_npz_is_a_numpy_file(refusal):
    array = b"\x93NUMPY\x01\0v\0" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }" + bytes(60)
    assert refusal(make(File("arr_0.npy", array)), "data.npz") == ("numpy_array", {"member": "arr_0.npy"})


@pytest.mark.parametrize(("folder", "what"), [("xl", "xlsx"), ("word", "docx"), ("ppt", "pptx")])
def test_office_documents(look, folder, what):
    data = make(File("[Content_Types].xml", b"<?xml version='1.0'?><Types/>"), File(f"{folder}/a.xml", b"<?xml?><x/>"))
    refusal = look(data, f"table.{what}").refusal
    assert (refusal.code, refusal.params["what"]) == ("office", what)


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a\tb\n1,5\tx;y\n", "\t"),
        ("a|b|c\n1|2|3\n", "|"),
        ("name\nAnn, Bob\n", ","),
        ('a,b\n"x;y;z",2\n"p;q;r",3\n', ","),
        ("", ","),
    ],
)
def test_delimiter(sample, delimiter):
    assert find_delimiter(sample)[0] == delimiter


@settings(max_examples=60, deadline=None, database=None)
@given(st.binary(max_size=3000), st.sampled_from(["", "a.csv", "a.txt", "a.jsonl", "a.zip", "a.json"]))
def test_random_bytes_never_crash(data, name):
    look_at(data, name)


@settings(max_examples=60, deadline=None, database=None)
@given(
    st.sampled_from(
        [picture("PNG"), picture("JPEG"), b"PK\x03\x04", b"%PDF", b"\x80\x04", b'{"a":', b"a,b\n", b"\x1f\x8b"]
    ),
    st.binary(max_size=400),
)
def test_random_bytes_behind_a_signature_never_crash(start, rest):
    look_at(start + rest)


def test_comments_in_markup_take_linear_time():
    assert identify(b"<!---->" * 580 + b"x", whole=True) == "text"
