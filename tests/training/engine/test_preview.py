"""What a net will see is shown as a run reads it, from a little of the data, without training."""

import base64
import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.training.engine.conftest import (
    JOB,
    KINDS,
    TONES,
    MakeRun,
    blob_of,
    csv_blob,
    profile_for,
    profile_of,
    table_rows,
    tiny,
)
from training.engine import preview as looking
from training.engine.__main__ import main
from training.engine.contract import TASKS, InputData, Inputs, Spec
from training.engine.errors import DataError, Stop
from training.engine.readers import PREVIEW_OF, PREVIEW_ROWS, read_rows


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("ROWS", 120), ("FILES", 24), ("TEXT_BYTES", 6_000)):
        monkeypatch.setattr(looking, name, most)


def shown(
    task: str, folder: Path, blob: bytes | None = None, kind: str | None = None, **changes: Any
) -> dict[str, Any]:
    path = folder / "blob"
    path.write_bytes(blob_of(task) if blob is None else blob)
    profile = profile_for(task) if kind is None else profile_of(kind, b"")
    data = InputData(path=str(path), kind=kind or KINDS[task], sha256="0" * 64, profile=profile)
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


def test_a_beginning_whose_parts_teach_too_little_is_shown_all_the_same(tmp_path: Path) -> None:
    """The run reads the rest too: there every label is learnt, and there is text enough."""
    rows = [
        (text, topic, "valid" if n == 1 else "test" if n < 120 and topic == "sky" else "train")
        for n, (text, topic) in enumerate(table_rows())
    ]
    blob = csv_blob(["body", "topic", "part"], rows)
    told = shown("text-classification", tmp_path, blob, data__split={"given": "part"})
    assert not told["whole"] and sum(told["parts"].values()) == looking.ROWS
    rows = [
        (text, topic, "train" if n in (0, *range(120, 150)) else ("valid", "test")[n % 2])
        for n, (text, topic) in enumerate(table_rows())
    ]
    blob = csv_blob(["body", "topic", "part"], rows)
    told = shown("causal-lm", tmp_path, blob, kind="csv", data__columns={"text": "body"}, data__split={"given": "part"})
    assert len(told["items"]) == 4
    # What is wrong with a row is told as ever.
    blob = csv_blob(["body", "topic", "part"], [(*row[:2], "dev") for row in rows])
    with pytest.raises(DataError, match="its part is “dev”"):
        shown("text-classification", tmp_path, blob, data__split={"given": "part"})


def test_a_table_sorted_by_its_label_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rows alone hold one label, which is refused; they are taken from all over the table."""
    monkeypatch.setattr(looking, "ROWS", 45)
    labels = ["alpine", "boreal", "coastal"]
    rows = [(f"Note {n} of the {label} ranger about moss", label) for label in labels for n in range(50)]
    for kind, blob in (
        ("csv", csv_blob(["body", "topic"], rows)),
        ("jsonl", "".join(f'{{"body": "{body}", "topic": "{topic}"}}\n' for body, topic in rows).encode()),
    ):
        folder = tmp_path / kind
        folder.mkdir()
        told = shown("text-classification", folder, blob, kind=kind)
        assert not told["whole"] and sum(told["parts"].values()) == looking.ROWS
        profile = {PREVIEW_ROWS: 6, PREVIEW_OF: 150}
        read = list(read_rows(folder / "blob", kind, ["body", "topic"], profile, Stop()))
        assert [topic for _body, topic in read] == [label for label in labels for _ in range(2)]
        assert [body.split()[1] for body, _topic in read] == ["0", "25"] * 3
        first = read_rows(folder / "blob", kind, ["topic"], {PREVIEW_ROWS: 6}, Stop())
        assert list(first) == [["alpine"]] * 6


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


WHISPER = {"arch": "whisper", "size": "nano", "layers": 1, "width": 32, "seconds": 1, "context": 16}
SPECIALS = {"[CLS]", "[SEP]", "</s>"}


def words(tokens: list[list[Any]], *, told: bool = False) -> str:
    """The text of tokens without spaces; `told`: what is to be told of them, where that is something else."""
    kept = [token for token in tokens if token[0] not in SPECIALS]
    return "".join(str(token[2] if told and len(token) == 3 else token[0]) for token in kept).replace(" ", "")


def rows_of(task: str) -> list[list[str]]:
    """The rows of a table, or of the table beside images or recordings."""
    blob = blob_of(task)
    if KINDS[task] != "csv":
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            blob = archive.read(next(name for name in archive.namelist() if name.endswith(".csv")))
    return list(csv.reader(io.StringIO(blob.decode(), newline="")))[1:]


def loudest(image: str, first: float, last: float) -> float:
    """Height, from 0 at the bottom to 1, of what is loudest between two shares of the time."""
    pixels = picture(image).astype(float)
    height, width = pixels.shape
    part = pixels[:, round(first * width) : max(round(first * width) + 1, round(last * width))].mean(1)
    return 1 - int(part.argmax()) / height


def check_text(task: str, items: list[dict[str, Any]]) -> None:
    text = blob_of(task).decode().replace(" ", "")
    assert all(words(item["tokens"], told=True) in text for item in items)


def check_table(task: str, items: list[dict[str, Any]]) -> None:
    """Text and answer stand in one row."""
    known = [[cell.replace(" ", "") for cell in row] for row in rows_of(task)]
    if task == "multi-label-classification":
        known = [[text, ",".join(sorted(labels.split(";")))] for text, labels in known]
    elif task == "text-regression":
        known = [[text, f"{float(value):.4g}"] for text, value in known]
    elif task == "extractive-qa":
        known = [[question + context, answer] for question, context, answer in known]
    elif task == "generative-qa":
        known = [[f"question:{question}context:{context}", answer] for question, context, answer in known]
    for item in items:
        asked = [token for token in item["tokens"] if token[1]]
        answer = words(item["other"]) if "other" in item else item.get("answer") or words(asked, told=True)
        answer = answer.replace(" ", "")
        if task == "multi-label-classification":
            answer = ",".join(sorted(answer.split(",")))
        assert [words(item["tokens"]), answer] in known


def check_sides(task: str, items: list[dict[str, Any]]) -> None:
    for item in items:
        pixels = picture(item["images"][0])
        left, right = pixels[:, :80].mean(), pixels[:, 80:].mean()
        assert item.get("answer", "left") == "left" if left > right else item.get("answer", "right") == "right"


def check_scenes(task: str, items: list[dict[str, Any]]) -> None:
    for item in items:
        pixels = [picture(image) for image in item["images"]]
        if task == "image-segmentation":
            colours = {tuple(colour) for colour in pixels[1].reshape(-1, 3)}
            assert len(colours) in (2, 3) and np.ptp(pixels[0].astype(int)) > 50
        elif task == "object-detection":
            assert (pixels[0] == (230, 57, 57)).all(-1).any() and set(item["answer"].split(", ")) <= {"light", "dark"}
        else:
            assert words(item["tokens"]) in {row[1].replace(" ", "") for row in rows_of(task)}
            assert all(token[1] == (task == "image-captioning") for token in item["tokens"])


def check_pitch(task: str, items: list[dict[str, Any]]) -> None:
    """Time goes from left to right and high notes are at the top: a rising tone rises."""
    for item in items:
        image = item["images"][0]
        end = 0.3 if picture(image).shape[1] == 100 else 1  # of a whole second, with silence behind
        rises = loudest(image, 0.6 * end, 0.9 * end) > loudest(image, 0.1 * end, 0.4 * end)
        assert item.get("answer", "up" if rises else "down") == ("up" if rises else "down")


def check_speech(task: str, items: list[dict[str, Any]]) -> None:
    """What is said is a transcript, and the higher the tone of its first letter, the higher it is drawn."""
    found = {}
    for item in items:
        said = item["answer"] if task == "speech-to-text" else words(item["tokens"])
        assert said.replace(" ", "") in {row[1].replace(" ", "") for row in rows_of(task)}
        width = picture(item["images"][0]).shape[1]
        whole = width == 100 or len(said) == 1  # a whisper hears a whole second, of which a letter takes 0.08
        first = 0.06 if width == 100 else 0.8 / len(said)
        found[TONES[said[0]]] = loudest(item["images"][0], 0.02 if whole else 0.1 / len(said), first)
    heights = [found[tone] for tone in sorted(found)]
    assert len(heights) > 1 and heights == sorted(set(heights))


def check_series(task: str, items: list[dict[str, Any]]) -> None:
    sold = [float(row[1]) for row in rows_of(task)]
    for item in items:
        begin = sold.index(item["series"][0])
        assert sold[begin : begin + 32] == item["series"] + item["following"] and len(item["following"]) == 8


CHECKS = {
    "causal-lm": check_text,
    "masked-lm": check_text,
    "image-classification": check_sides,
    "image-generation": check_sides,
    "masked-image": check_sides,
    "image-segmentation": check_scenes,
    "object-detection": check_scenes,
    "image-text": check_scenes,
    "image-captioning": check_scenes,
    "audio-classification": check_pitch,
    "masked-audio": check_pitch,
    "speech-to-text": check_speech,
    "text-to-speech": check_speech,
    "forecasting": check_series,
}


@pytest.mark.parametrize(("task", "model"), [*((task, {}) for task in TASKS), ("speech-to-text", WHISPER)])
def test_every_task_shows_what_is_read_and_what_is_asked(task: str, model: dict[str, Any], tmp_path: Path) -> None:
    told = shown(task, tmp_path, **({"model": model} if model else {}))
    assert len(told["items"]) == 4 and told["task"] == task
    CHECKS.get(task, check_table)(task, told["items"])


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
