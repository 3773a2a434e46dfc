"""A package as ONNX answers as the net does. Exports take seconds each, so one of them stands for all."""

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
from training.engine.contract import DONE
from training.engine.package import load_net
from training.engine.predict import Predictor


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
