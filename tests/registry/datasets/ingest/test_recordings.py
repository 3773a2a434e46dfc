"""Zips of recordings: what they hold, and every way in which one can be other than it says."""

from __future__ import annotations

import io
import wave
import zipfile

import pytest

from registry.datasets.ingest.contract import Refusal


def wav(frames: int = 1_600, rate: int = 8_000, channels: int = 1, width: int = 2, value: int = 1) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes([value, *range(1, 251)]) * (frames * channels * width // 251 + 1))
    data = out.getvalue()
    cut = 44 + frames * channels * width
    return data[:4] + (cut - 8).to_bytes(4, "little") + data[8:40] + (cut - 44).to_bytes(4, "little") + data[44:cut]


def flac(frames: int = 16_000, rate: int = 16_000, channels: int = 2, first: bytes = b"\xff\xf8") -> bytes:
    """The beginning of a FLAC: what is said in front of the frames, and the first of these."""
    packed = rate << 44 | channels - 1 << 41 | 15 << 36 | frames
    facts = bytes(10) + packed.to_bytes(8, "big") + bytes(16)
    comment = b"\x84\0\0\x04note"
    return b"fLaC" + b"\0\0\0\x22" + facts + comment + first + bytes(40)


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_profile(look):
    members = {"up/1.wav": wav(), "up/2.WAV": wav(800, 16_000, value=2), "down/3.flac": flac(), "README.md": b"Free.\n"}
    report = look(zipped(members), "sounds.zip")
    profile = report.profile
    assert (report.kind, profile["rows"], profile["label_candidates"]) == ("audio", 3, ["label"])
    assert profile["classes"] == {"label": {"up": 2, "down": 1}}
    assert profile["audio"] == {
        "seconds": [0.05, 1.0],
        "total_seconds": 1.2,
        "rates": {"8000": 1, "16000": 2},
        "channels": {"1": 2, "2": 1},
        "formats": {"WAV": 2, "FLAC": 1},
        "labels_from": "folders",
        "top": "",
        "labels_file": None,
        "transcripts_file": None,
        "transcribed": 0,
        "characters": 0,
    }
    assert profile["examples"][0] == {"file": "up/1.wav", "label": "up"}
    assert [one.code for one in report.warnings] == ["ignored_files"]


def test_transcripts(look):
    table = 'file,text,who\nclips/deep/1.wav,"Hello, you",x\n2.wav,你好,y\n'.encode()
    members = {
        "s/clips/deep/1.wav": wav(),
        "s/2.wav": wav(value=2),
        "s/3.wav": wav(value=3),
        "s/transcripts.csv": table,
    }
    report = look(zipped(members), "speech.zip")
    facts = report.profile["audio"]
    assert (facts["top"], facts["transcripts_file"], facts["transcribed"]) == ("s/", "s/transcripts.csv", 2)
    assert facts["characters"] == len(set("Hello,you你好"))
    assert report.profile["columns"][0]["name"] == "text"
    assert report.profile["examples"][0] == {"file": "s/clips/deep/1.wav", "text": "Hello, you"}
    assert [(one.code, one.params) for one in report.warnings] == [("untold_recordings", {"count": 1, "total": 3})]


def test_it_is_told_how_many_texts_differ_and_who_speaks(look):
    table = b"file,text,speaker\n1.wav,one,Ada\n2.wav,two,Ada\n3.wav,one,Bo\n4.wav,one,\n"
    members = {f"{n}.wav": wav(value=n) for n in range(1, 5)} | {"transcripts.csv": table}
    profile = look(zipped(members), "speech.zip").profile
    texts, speakers = profile["columns"]
    assert (texts["name"], texts["distinct"], texts["distinct_more"], texts["missing"]) == ("text", 2, False, 0)
    assert (speakers["name"], speakers["distinct"], speakers["missing"]) == ("speaker", 2, 1)
    assert profile["examples"][0] == {"file": "1.wav", "text": "one", "speaker": "Ada"}
    assert profile["classes"] == {} and profile["label_candidates"] == []


def test_the_real_child_reads_them(upload):
    report = upload(zipped({"up/1.wav": wav(), "down/2.flac": flac()}), "sounds.zip")
    assert (report.kind, report.profile["rows"]) == ("audio", 2)
    assert upload(zipped({"up/1.wav": wav()}), "a.zip", kind="audio").ok
    assert upload(zipped({"up/1.wav": wav()}), "a.zip", kind="text").refusal.code == "wrong_kind"


LYING = wav()[:40] + (5_000).to_bytes(4, "little") + wav()[44:]
FLOATS = wav()[:20] + b"\x03\0" + wav()[22:]
BROKEN = {
    "cut off": (wav()[:900], "recording_truncated"),
    "a chunk longer than the file": (LYING, "recording_truncated"),
    "data behind": (wav() + b"#!/bin/sh", "recording_trailing_data"),
    "no chunk of sound": (b"RIFF\x04\0\0\0WAVE", "recording_corrupt"),
    "floats": (FLOATS, "recording_coding"),
    "a block that is none": (wav()[:32] + b"\x07\0" + wav()[34:], "recording_corrupt"),
    "no sound": (wav(0), "recording_silent"),
    "slow": (wav(rate=900), "recording_rate"),
    "many channels": (wav(channels=9), "recording_channels"),
}
BROKEN_FLAC = {
    "cut off": (flac()[:30], "recording_truncated"),
    "no frame": (flac(first=b"no"), "recording_corrupt"),
    "no length": (flac(frames=0), "recording_silent"),
    "an hour": (flac(frames=3_600 * 16_000), "recording_too_long"),
    "ten minutes of eight channels": (flac(frames=600 * 16_000, channels=8), "recording_too_long"),
    "fast": (flac(rate=400_000), "recording_rate"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_wav_that_is_not_what_it_says(refusal, case):
    data, code = BROKEN[case]
    assert refusal(zipped({"up/1.wav": wav(), "up/2.wav": data}), "a.zip") == (code, {"member": "up/2.wav"})


@pytest.mark.parametrize("case", BROKEN_FLAC)
def test_a_flac_that_is_not_what_it_says(refusal, case):
    data, code = BROKEN_FLAC[case]
    assert refusal(zipped({"up/2.flac": data}), "a.zip") == (code, {"member": "up/2.flac"})


@pytest.mark.parametrize(
    ("members", "code", "member"),
    [
        ({"a.wav": flac()}, "image_wrong_extension", "a.wav"),
        ({"a.mp3": b"ID3\x04" + bytes(100), "b.wav": wav()}, "recording_format", "a.mp3"),
        ({"a.wav": wav(), "a.exe": b"MZ" + bytes(200)}, "not_a_recording", "a.exe"),
        ({"a.wav": wav(), "notes.csv": b"a,b\n1,2\n"}, "not_a_recording", "notes.csv"),
        ({"a.wav": wav(), "z.txt": b"x", "a.pkl": b"\x80\x04K\x01."}, "pickle", "a.pkl"),
        ({"a.wav": wav(), "b.zip": zipped({"a": b"b"})}, "zip_nested", "b.zip"),
        ({"a.wav": wav(), "b.wav": b""}, "image_empty", "b.wav"),
        ({"train/up/a.wav": wav(), "b.wav": wav()}, "images_layout", "train/up/a.wav"),
        (
            {"s/a.wav": wav(), "t/labels.csv": b"file,label\na.wav,x\n", "b.wav": wav()},
            "not_a_recording",
            "t/labels.csv",
        ),
    ],
)
def test_strangers_are_named(refusal, members, code, member):
    found, where = refusal(zipped(members), "a.zip")
    assert (found, where) == (code, {"member": member})


@pytest.mark.parametrize(
    ("table", "code", "row"),
    [
        (b"name,text\na.wav,x\n", "told_columns", 1),
        (b"file,text\nb.wav,x\n", "told_unknown_file", 2),
        (b"file,text\na.wav,x\na.wav,y\n", "told_twice", 3),
        (b"file,text\na.wav, \n", "told_nothing", 2),
        (b"file,text\na.wav," + b"x" * 10_001 + b"\n", "told_too_long", 2),
    ],
)
def test_a_table_that_does_not_fit_is_named_with_its_row(refusal, table, code, row):
    found, where = refusal(zipped({"a.wav": wav(), "transcripts.csv": table}), "a.zip")
    assert (found, where["member"], where["row"]) == (code, "transcripts.csv", row)


def test_the_sentence_names_the_table():
    said = Refusal("told_columns", {"name": "text"}, {"member": "transcripts.csv", "row": 1}).message()
    assert said == "transcripts.csv needs the columns “file” and “text”."
