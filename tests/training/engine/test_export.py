"""A package as ONNX answers as the net does: one as a whole, and the graph of every kind of net that has an export."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from tests.training.engine.conftest import MakeRun, tiny
from training.engine import export, package
from training.engine.__main__ import main
from training.engine.catalogue import EXPORTABLE, ONNX_NEVER, TASKS, Shape, Sizes, exportable
from training.engine.contract import DONE
from training.engine.package import load_net
from training.engine.predict import Predictor
from training.engine.registry import net_module


@pytest.mark.slow
def test_the_graph_answers_as_the_net_on_texts_of_any_length(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = make_run("run", tiny("text-classification", train__max_steps=40, train__lr=1e-2))
    assert run.go() == DONE, run.log
    out, target = run.folder / "out", tmp_path / "onnx"
    assert main(["export", str(out), str(target)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["inputs"], told["outputs"]) == (["input_ids", "attention_mask"], ["logits"])
    assert told["difference"] < 1e-5
    listed = json.loads((target / "MANIFEST.json").read_text())["files"]
    assert {"model.onnx", "config.json", "tokenizer.json", "README.md"} <= set(listed)
    assert "model.safetensors" not in listed

    session, predictor = onnxruntime.InferenceSession(str(target / "model.onnx")), Predictor(out)
    texts = ["ball goal team", "soup", "moon star sun cloud moon star"]
    rows = [[2, *predictor.task.tokenizer.encode(text).tolist(), 3] for text in texts]  # type: ignore[attr-defined]
    ids = np.zeros((3, max(map(len, rows))), np.int64)
    for n, row in enumerate(rows):
        ids[n, : len(row)] = row
    mask = (ids != 0).astype(np.int64)
    (logits,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
    with torch.no_grad():
        ours = load_net(out)(torch.from_numpy(ids), torch.from_numpy(mask).bool())
    np.testing.assert_allclose(logits, ours.numpy(), atol=1e-5)
    labels = json.loads((target / "config.json").read_text())["id2label"]
    assert [labels[str(n)] for n in logits.argmax(1)] == [answer["label"] for answer in predictor(texts)]

    assert main(["export", str(out), str(target)]) == 1
    assert "is there already" in capsys.readouterr().err
    # A graph of other weights is found out, and nothing is left half written.
    monkeypatch.setattr(export, "_write", lambda net, reading, path: shutil.copy(target / "model.onnx", path))
    monkeypatch.setattr(package, "load_net", changed(package.load_net))
    assert main(["export", str(out), str(tmp_path / "onnx2")]) == 1
    assert "answers otherwise than the net" in capsys.readouterr().err
    assert list(tmp_path.glob("onnx2*")) == []


def changed(load: Callable[[Path], torch.nn.Module]) -> Callable[[Path], torch.nn.Module]:
    def call(folder: Path) -> torch.nn.Module:
        net = load(folder)
        with torch.no_grad():
            next(net.parameters()).mul_(1.1)
        return net

    return call


def test_what_has_no_export_is_told(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("run", tiny("text-to-text", train__max_steps=1))
    assert run.go() == DONE, run.log
    with pytest.raises(ValueError, match="the task text-to-text has no export; these have one: "):
        export.to_onnx(run.folder / "out", tmp_path / "onnx")


TEXTS = Shape(layers=1, heads=2, width=16, context=12, dropout=0.1)
IMAGES = Shape(layers=1, heads=2, width=16, image=16, patch=4, context=12, dropout=0.1)
HEARD = Shape(layers=1, heads=2, width=16, seconds=1, patch=16)
SHAPES = (
    {
        "resnet": Shape(layers=1, width=8, image=32),
        "convnext": Shape(layers=1, width=8, image=16, patch=2),
        "segformer": Shape(layers=1, width=8, image=32),
        "patchtst": Shape(layers=1, heads=2, width=16, context=24, patch=4, horizon=5, dropout=0.1),
    }
    | dict.fromkeys(("vit", "yolos", "clip"), IMAGES)
    | dict.fromkeys(("ast", "wav2vec2"), HEARD)
)
SIZES = {
    "masked-lm": Sizes(vocab=23),
    "causal-lm": Sizes(vocab=23),
    "token-classification": Sizes(vocab=23, classes=3, each=True),
    "extractive-qa": Sizes(vocab=23, classes=2, each=True, head="span"),
    "sentence-embedding": Sizes(vocab=23, head="vector"),
    "image-text": Sizes(vocab=23, channels=3),
    "speech-to-text": Sizes(vocab=7),
    "masked-image": Sizes(channels=3),
    "text-classification": Sizes(vocab=23, classes=3),
}
TWINS = {"multi-label-classification", "text-regression"}  # the nets of text-classification
SLOW = {("image-segmentation", "segformer"), ("audio-classification", "wav2vec2"), ("speech-to-text", "wav2vec2")}
PAIRS = [(task, arch) for task in EXPORTABLE if task not in TWINS for arch in TASKS[task].archs]


def written(task: str, arch: str, path: Path) -> tuple[export.Reading, float]:
    torch.manual_seed(4)
    shape, sizes = SHAPES.get(arch, TEXTS), SIZES.get(task, Sizes(channels=3, classes=3))
    net = net_module(arch).build(shape, sizes).eval()
    return export.write_graph(net, task, arch, shape, sizes, path)


@pytest.mark.parametrize(
    ("task", "arch"),
    [
        pytest.param(*pair, marks=[pytest.mark.slow] if pair in SLOW else [])
        for pair in PAIRS
        if pair[1] not in ONNX_NEVER and pair != ("audio-classification", "wav2vec2")  # hears as it does for letters
    ],
)
def test_every_graph_answers_as_its_net(task: str, arch: str, tmp_path: Path) -> None:
    """Of other numbers of rows and tokens than the one that was traced."""
    traced, far = written(task, arch, tmp_path / "model.onnx")
    assert far < 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    assert [one.name for one in session.get_inputs()] == list(traced.tensors)
    assert [one.name for one in session.get_outputs()] == list(traced.outputs)


def test_what_writes_letter_by_letter_has_no_graph(make_run: MakeRun, tmp_path: Path) -> None:
    assert not exportable("speech-to-text", "whisper") and exportable("speech-to-text", "wav2vec2")
    model = {"arch": "whisper", "size": "nano", "layers": 1, "width": 16, "seconds": 1, "context": 16}
    run = make_run("run", tiny("speech-to-text", train__max_steps=1, model=model))
    assert run.go() == DONE, run.log
    with pytest.raises(ValueError, match="the architecture whisper has no export"):
        export.to_onnx(run.folder / "out", tmp_path / "onnx")
