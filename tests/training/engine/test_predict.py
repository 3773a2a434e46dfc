"""Every task answers new inputs from its package alone, and says the same as while it was judged."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.training.engine.conftest import MakeRun, Run, blob_of, tiny
from training.engine.__main__ import main
from training.engine.contract import DONE, TASKS
from training.engine.predict import Predictor

LEARN = {"train__max_steps": 60, "train__lr": 5e-3, "eval__every_steps": 30, "eval__samples": 6}
SERIES = [float(100 + n % 12) for n in range(30)]
INPUTS: dict[str, list[Any]] = {
    "causal-lm": ["the cat sees", "my friend"],
    "masked-lm": ["the cat s[MASK]es milk", "a dog"],
    "text-classification": ["ball goal", "soup"],
    "multi-label-classification": ["ball star", "soup"],
    "text-regression": ["good good", "bad"],
    "token-classification": ["meet new york", "visit li wei and ada"],
    "text-to-text": ["look at a cat which is red", "we like a boat which is blue"],
    "summarization": ["we met in may. all was calm. red is the ball.", "we met. all was dull. blue is the cat."],
    "generative-qa": [
        {"question": "who was it", "context": "oslo and li wei and may."},
        {"question": "when was it", "context": "june and ada and new york."},
    ],
    "extractive-qa": [
        {"question": "who was it", "context": "oslo and li wei and may."},
        {"question": "when was it", "context": "june and ada and new york."},
    ],
    "sentence-embedding": ["cat runs here", "kitten races near"],
    "forecasting": [SERIES, SERIES[3:]],
    "text-to-speech": ["cab", "d"],
    "image-generation": ["left", {"label": "right", "steps": 10}],
}
FIELDS = {
    "causal-lm": {"text"},
    "masked-lm": {"text"},
    "text-classification": {"label", "probabilities"},
    "multi-label-classification": {"labels", "probabilities"},
    "text-regression": {"value"},
    "token-classification": {"words", "tags", "entities"},
    "text-to-text": {"text"},
    "summarization": {"text"},
    "generative-qa": {"text"},
    "image-classification": {"label", "probabilities"},
    "masked-image": {"explained"},
    "image-generation": {"label", "png"},
    "image-segmentation": {"shares", "mask", "overlay", "colours"},
    "object-detection": {"boxes"},
    "image-text": {"embedding"},
    "image-captioning": {"text"},
    "extractive-qa": {"text", "start", "end", "probability"},
    "sentence-embedding": {"vector"},
    "audio-classification": {"label", "probabilities"},
    "speech-to-text": {"text"},
    "masked-audio": {"accuracy"},
    "text-to-speech": {"seconds", "wav"},
    "forecasting": {"values"},
}


def leaves(answer: Any) -> Iterator[Any]:
    """The numbers and words of an answer."""
    if isinstance(answer, dict | list):
        for part in answer.values() if isinstance(answer, dict) else answer:
            yield from leaves(part)
    else:
        yield answer


def files(task: str, folder: Path) -> list[Path]:
    folder.mkdir()
    with zipfile.ZipFile(io.BytesIO(blob_of(task))) as archive:
        names = [name for name in archive.namelist() if name.endswith((".png", ".wav")) and "masks/" not in name]
        for name in names[:3]:
            (folder / name.replace("/", "-")).write_bytes(archive.read(name))
    return sorted(folder.iterdir())


def done(make_run: MakeRun, task: str, **changes: Any) -> Run:
    run = make_run("run", tiny(task, **changes))
    assert run.go() == DONE, run.log
    return run


@pytest.mark.parametrize("task", TASKS)
def test_every_task_answers_from_its_package(task: str, make_run: MakeRun, tmp_path: Path) -> None:
    run = done(make_run, task, train__max_steps=3)
    inputs = files(task, tmp_path / "files") if task not in INPUTS else INPUTS[task]
    predictor = Predictor(run.folder / "out")
    answers = list(predictor(inputs))
    assert [set(answer) for answer in answers] == [FIELDS[task]] * len(inputs)
    json.dumps(answers)
    (alone,) = predictor(inputs[:1])
    one, other = (list(leaves(answer)) for answer in (alone, answers[0]))
    assert [leaf for leaf in one if isinstance(leaf, str)] == [leaf for leaf in other if isinstance(leaf, str)]
    numbers = [[leaf for leaf in found if not isinstance(leaf, str)] for found in (one, other)]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    "task", ["text-classification", "multi-label-classification", "text-regression", "text-to-text"]
)
def test_the_answer_is_that_of_the_examples(task: str, make_run: MakeRun) -> None:
    run = done(make_run, task, **LEARN)
    samples = [sample for sample in run.of("sample") if sample["step"] == run.of("sample")[-1]["step"]]
    answers = list(Predictor(run.folder / "out")([sample["prompt"] for sample in samples]))
    said = {
        "text-classification": lambda a: a["label"],
        "multi-label-classification": lambda a: "; ".join(a["labels"]) or "–",
        "text-regression": lambda a: f"{a['value']:.4g}",
        "text-to-text": lambda a: a["text"],
    }[task]
    assert len(samples) >= 5
    assert [said(answer) for answer in answers] == [sample["text"] for sample in samples]


def test_entities_are_told_by_their_words(make_run: MakeRun) -> None:
    model = {"arch": "bert", "size": "nano", "layers": 1, "width": 32, "context": 32, "dropout": 0.0}
    run = done(make_run, "token-classification", train__max_steps=150, train__lr=5e-3, train__batch=16, model=model)
    (answer,) = Predictor(run.folder / "out")(["visit new york meet li wei"])
    assert answer["entities"] == [{"type": "place", "text": "new york"}, {"type": "person", "text": "li wei"}]


def test_the_command_prints_a_line_for_each(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = done(make_run, "text-classification", train__max_steps=2)
    package, texts = run.folder / "out", tmp_path / "texts.txt"
    texts.write_text("ball goal\nsoup\n")
    assert main(["predict", str(package), str(texts)]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(printed) == 2 and printed[0]["label"] in printed[0]["probabilities"]
    numbers = tmp_path / "numbers.jsonl"
    numbers.write_text("[1, 2]\n")
    assert main(["predict", str(package), str(numbers)]) == 1
    assert "this model reads texts" in capsys.readouterr().err
    data = bytearray((package / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (package / "model.safetensors").write_bytes(data)
    assert main(["predict", str(package), str(texts)]) == 1
    assert "model.safetensors is not what the manifest says" in capsys.readouterr().err


def test_a_picture_that_is_none_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    run = done(make_run, "image-classification", train__max_steps=2)
    Image.new("L", (8, 8)).save(tmp_path / "fine.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.png: it is not a readable PNG"):
        list(Predictor(run.folder / "out")([tmp_path / "fine.png", tmp_path / "broken.png"]))


def test_a_series_that_is_too_short_is_told(make_run: MakeRun) -> None:
    run = done(make_run, "forecasting", train__max_steps=2)
    with pytest.raises(ValueError, match="series of at least 24 numbers"):
        list(Predictor(run.folder / "out")([[1.0, 2.0]]))
