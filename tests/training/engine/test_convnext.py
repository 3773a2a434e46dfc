"""ConvNeXt V2 as it stands in transformers: it learns and answers, and its package is read there."""

from pathlib import Path

import torch
from PIL import Image

from tests.training.engine.conftest import MakeRun, tiny
from training.engine.contract import DONE
from training.engine.package import load_net
from training.engine.predict import Predictor

MODEL = {"arch": "convnext", "size": "nano", "width": 8, "image": 16, "patch": 2}


def test_it_learns_and_its_package_loads_in_transformers(make_run: MakeRun, tmp_path: Path) -> None:
    from transformers import AutoModelForImageClassification

    spec = tiny("image-classification", train__max_steps=80, train__lr=5e-3, eval__every_steps=40, model=MODEL)
    run = make_run("run", spec)
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/accuracy"] > 0.9 > last["baseline"]["metrics"]["test/accuracy"]
    out = run.folder / "out"
    theirs = AutoModelForImageClassification.from_pretrained(out, local_files_only=True).eval()
    assert type(theirs).__name__ == "ConvNextV2ForImageClassification"
    assert theirs.config.id2label == {0: "left", 1: "right"}
    pixels = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(theirs(pixels).logits, load_net(out)(pixels).logits)
    picture = Image.new("L", (8, 8), 30)
    picture.paste(190, (5, 0, 8, 8))
    picture.save(tmp_path / "x.png")
    (answer,) = Predictor(out)([tmp_path / "x.png"])
    assert answer["label"] == "right"
