"""What a net will see is shown as a run reads it, from a little of the data, without training."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.training.engine.conftest import (
    JOB,
    KINDS,
    MakeRun,
    blob_of,
    csv_blob,
    profile_for,
    table_rows,
    tiny,
)
from training.engine import preview as looking
from training.engine.__main__ import main
from training.engine.contract import InputData, Inputs, Spec
from training.engine.errors import DataError


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("ROWS", 120), ("FILES", 24), ("TEXT_BYTES", 6_000)):
        monkeypatch.setattr(looking, name, most)


def shown(task: str, folder: Path, blob: bytes | None = None, **changes: Any) -> dict[str, Any]:
    path = folder / "blob"
    path.write_bytes(blob_of(task) if blob is None else blob)
    data = InputData(path=str(path), kind=KINDS[task], sha256="0" * 64, profile=profile_for(task))
    return looking.preview(Spec.from_json(tiny(task, **changes)), Inputs(v=1, job=JOB, fence=1, data=data))


def test_sizes_of_the_parts_and_groups_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        (text, topic, f"author {n // 4}", ("train", "valid", "test")[n // 50])
        for n, (text, topic) in enumerate(table_rows())
    ]
    blob = csv_blob(["body", "topic", "who", "part"], rows)
    told = shown("text-classification", tmp_path, blob)
    assert not told["whole"] and sum(told["parts"].values()) == looking.ROWS and "groups" not in told
    # The first rows are all to learn from, which the run does not mind: it reads the others too.
    told = shown("text-classification", tmp_path, blob, data__split={"given": "part"})
    assert not told["whole"] and sum(told["parts"].values()) == looking.ROWS
    monkeypatch.setattr(looking, "ROWS", 1_000)
    assert shown("text-classification", tmp_path, blob, data__split={"given": "part"})["parts"]["valid"] == 50
    told = shown("text-classification", tmp_path, blob, data__split={"by": "who", "valid": 0.3, "test": 0.3})
    assert told["groups"] == 38 and sum(told["parts"].values()) == len(rows)


def picture(image: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image))))


def test_tokens_are_shown_with_what_the_loss_asks_for(tmp_path: Path) -> None:
    told = shown("causal-lm", tmp_path, data__clean={"pii": "mask"})
    first = told["items"][0]["tokens"]
    assert [asked for _, asked in first] == [False] + [True] * (len(first) - 1) and len(told["items"]) == 4
    assert not told["whole"] and told["cleaned"]["pii_found"] == {}
    hidden = [token for token in shown("masked-lm", tmp_path)["items"][0]["tokens"] if token[1]]
    assert hidden and all(len(token) == 3 for token in hidden)
    labelled = shown("text-classification", tmp_path)["items"][0]
    assert labelled["answer"] in {"sport", "food", "sky"} and not any(asked for _, asked in labelled["tokens"])
    assert labelled["tokens"][0] == ["[CLS]", False]
    tags = shown("token-classification", tmp_path)["items"][0]["tokens"]
    assert {token[2] for token in tags if token[1]} <= {"O", "B-person", "I-person", "B-place", "I-place"}
    found = shown("extractive-qa", tmp_path)["items"][0]["tokens"]
    assert "".join(word for word, asked in found if asked).strip() in {
        "ada", "li wei", "ben", "paris", "new york", "oslo", "may", "june", "march"
    }  # fmt: skip
    written = shown("text-to-text", tmp_path)["items"][0]["other"]
    assert written[-1] == ["</s>", True]
    assert 0 < float(shown("text-regression", tmp_path)["items"][0]["answer"]) < 100


def test_images_recordings_and_series_are_shown(tmp_path: Path) -> None:
    first = shown("image-classification", tmp_path)["items"][0]
    assert picture(first["images"][0]).shape == (160, 160) and first["answer"] in {"left", "right"}
    hidden, whole = (picture(image) for image in shown("masked-image", tmp_path)["items"][0]["images"])
    assert (hidden == 128).mean() > 0.7 and (whole == 128).mean() < 0.2
    assert len(shown("image-segmentation", tmp_path)["items"][0]["images"]) == 2
    boxed = shown("object-detection", tmp_path)["items"]
    assert any((picture(item["images"][0]) == (230, 57, 57)).all(-1).any() for item in boxed if item.get("answer"))
    assert len(picture(shown("audio-classification", tmp_path)["items"][0]["images"][0])) >= 64
    assert shown("speech-to-text", tmp_path)["items"][0]["answer"]
    assert shown("image-captioning", tmp_path)["items"][0]["tokens"][0][1] is True
    series = shown("forecasting", tmp_path)["items"][0]
    assert len(series["following"]) == 8


def test_only_a_little_is_read_and_a_broken_row_is_named(tmp_path: Path) -> None:
    blob = blob_of("text-classification")
    broken = blob + b"x,y,z\r\n"
    assert shown("text-classification", tmp_path, broken)["items"]  # it stands behind what is read
    lines = blob.splitlines(keepends=True)
    with pytest.raises(DataError, match="Row 6 "):
        shown("text-classification", tmp_path, b"".join([*lines[:6], b"x,y,z\r\n", *lines[6:]]))


def test_the_command_prints_json_and_writes_images(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    run = make_run("run", tiny("image-classification"))
    assert main(["preview", str(run.folder), "--images", str(tmp_path / "png")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (tmp_path / "png" / told["items"][0]["images"][0]).read_bytes().startswith(b"\x89PNG")
    assert not (run.folder / "events.jsonl").exists()
    (run.folder / "spec.json").write_text("{}")
    assert main(["preview", str(run.folder)]) == 1
    assert capsys.readouterr().err.startswith("This cannot be shown: v: This field is required.")
