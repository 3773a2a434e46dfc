"""Captions are written from what is seen, and transformers writes the same from the package."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import Run, captions_blob, png, profile_for, scenes, tiny
from training.engine.contract import DONE
from training.engine.package import load_net
from training.engine.predict import Predictor

LEARN = {"train__max_steps": 240, "train__lr": 3e-3, "train__batch": 16, "eval__every_steps": 240}
LEARN |= {"model__width": 64, "tokenizer": {"kind": "bpe", "vocab": 300}}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder, spec = tmp_path_factory.mktemp("runs") / "run", tiny("image-captioning", **LEARN)
    run = Run(folder, spec, captions_blob(), "images", profile_for("image-captioning"))
    assert run.go() == DONE, run.log
    return run


def test_what_is_seen_is_written(learnt: Run) -> None:
    last = learnt.of("done")[0]
    told, trivial = last["metrics"], last["baseline"]["metrics"]
    assert last["baseline"]["name"] == "commonest caption"
    assert told["test/perplexity"] < 0.5 * trivial["test/perplexity"]
    assert told["test/chrf"] > trivial["test/chrf"] + 0.2
    assert told["test/token_accuracy"] > 0.5 > trivial["test/token_accuracy"]


def test_no_token_is_told_from_itself(learnt: Run) -> None:
    predictor = Predictor(learnt.folder / "out")
    pixels, logits = torch.randn(1, 1, 32, 32), []
    for first in (7, 8):
        batch = {"pixels": pixels, "ids": torch.tensor([[first, 9, 3]])}
        with torch.no_grad():
            logits.append(predictor.task._logits(predictor.net, batch)[0])  # type: ignore[attr-defined]
    torch.testing.assert_close(logits[0][:, 0], logits[1][:, 0])
    assert not torch.allclose(logits[0][:, 1], logits[1][:, 1])


def test_transformers_writes_the_same(learnt: Run, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, VisionEncoderDecoderModel

    out = learnt.folder / "out"
    theirs = VisionEncoderDecoderModel.from_pretrained(out, local_files_only=True).eval()
    pixels = scenes(5)[3][0]
    (tmp_path / "x.png").write_bytes(png(pixels))
    predictor = Predictor(out)
    (answer,) = predictor([tmp_path / "x.png"])
    assert " " in answer["text"]
    scaled = predictor.task.scaled(pixels.astype(np.uint8)[None, None])
    with torch.no_grad():
        before = torch.tensor([[2, 5, 9]])
        torch.testing.assert_close(
            theirs(pixel_values=scaled, decoder_input_ids=before).logits,
            load_net(out)(pixel_values=scaled, decoder_input_ids=before).logits,
        )
        written = theirs.generate(pixel_values=scaled, do_sample=False)
    tokenizer = AutoTokenizer.from_pretrained(out, local_files_only=True)
    assert tokenizer.decode(written[0], skip_special_tokens=True) == answer["text"]
