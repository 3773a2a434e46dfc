"""Captions: read strictly, learnt to be told apart, and answered from a package that transformers reads."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import Run, captions_blob, png, profile_for, scenes, tiny, zipped
from training.engine.captions import read_captions
from training.engine.contract import DONE
from training.engine.errors import DataError
from training.engine.predict import Predictor
from training.engine.tasks.image_text import _judge

LEARN = {"train__max_steps": 250, "train__lr": 2e-3, "train__batch": 32, "eval__every_steps": 125}
LEARN |= {"model__width": 64, "tokenizer": {"kind": "bpe", "vocab": 300}}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Run:
    profile = profile_for("image-text")
    run = Run(tmp_path_factory.mktemp("runs") / "run", tiny("image-text", **LEARN), captions_blob(), "images", profile)
    assert run.go() == DONE, run.log
    return run


def test_images_and_texts_find_each_other(learnt: Run) -> None:
    last = learnt.of("done")[0]
    told, trivial = last["metrics"], last["baseline"]["metrics"]
    assert (last["baseline"]["name"], trivial["test/image_recall_5"]) == ("chance", 5 / 18)
    for name in ("mean_recall", "image_recall_1", "text_recall_1"):
        assert told[f"test/{name}"] > 2 * trivial[f"test/{name}"], name
    assert told["test/loss"] < 0.8 * trivial["test/loss"]


def test_package_points_where_transformers_does(learnt: Run, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, CLIPModel

    out = learnt.folder / "out"
    theirs = CLIPModel.from_pretrained(out, local_files_only=True).eval()
    pixels = scenes(5)[3][0]
    (tmp_path / "x.png").write_bytes(png(pixels))
    texts = ["light left above", "dark right below and light left above"]
    predictor = Predictor(out)
    shares, image, text = predictor([{"image": tmp_path / "x.png", "texts": texts}, tmp_path / "x.png", texts[0]])
    assert list(shares["probabilities"]) == texts and sum(shares["probabilities"].values()) == pytest.approx(
        1, abs=1e-5
    )
    tokens = AutoTokenizer.from_pretrained(out, local_files_only=True)(texts, padding=True, return_tensors="pt")
    scaled = predictor.task.scaled(pixels.astype(np.uint8)[None, None])
    with torch.no_grad():
        told = theirs(tokens["input_ids"], pixel_values=scaled, attention_mask=tokens["attention_mask"])
    assert told.logits_per_image.softmax(-1)[0].tolist() == pytest.approx(
        list(shares["probabilities"].values()), abs=1e-4
    )
    assert told.image_embeds[0].tolist() == pytest.approx(image["embedding"], abs=1e-4)
    assert told.text_embeds[0].tolist() == pytest.approx(text["embedding"], abs=1e-4)
    with pytest.raises(ValueError, match="reads images and texts"):
        list(predictor([3]))


def test_ranks_by_hand() -> None:
    """Six pairs on a circle: texts 0 and 1 have changed places, and text 2 is nearest to the image of 5."""
    turns = np.deg2rad([0, 60, 120, 180, 240, 300])
    images = np.column_stack([np.cos(turns), np.sin(turns)])
    texts = images[[1, 0, 5, 3, 4, 2]]
    found, nats = _judge(np.column_stack([images, texts, np.full(6, 1.0)]))
    assert found[:, 0].tolist() == found[:, 2].tolist() == [0, 0, 0, 1, 1, 0]
    # Opposite pairs: all five others are nearer. At a right angle and less, four at most are.
    assert found[:, 1].tolist() == [1, 1, 0, 1, 1, 0]
    likeness = texts[3] @ images.T
    assert nats[3] == pytest.approx(np.log(np.exp(likeness).sum()) - 1)
    same = np.column_stack([images, np.tile(images[:1], (6, 1)), np.full(6, 1.0)])
    assert _judge(same)[0][:, 2].tolist() == [1] * 6  # texts that are alike are no rivals


GREY = png(np.full((8, 8), 90))
FAULTS = {
    "columns": (b"file,words\na.png,cat\n", "needs the columns"),
    "file": (b"file,text\na.png,cat\nb.png,dog\n", "row 2 names “b.png”"),
    "text": (b"file,text\na.png, \n", "row 1 has no text"),
    "short": (b"file,text\na.png\n", "row 1 is shorter"),
    "bytes": (b"file,text\na.png,\xff\n", "not UTF-8"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_named(fault: str, tmp_path: Path) -> None:
    table, problem = FAULTS[fault]
    path = tmp_path / "blob"
    path.write_bytes(zipped({"images/a.png": GREY, "captions.csv": b'file,text\na.png,"a cat"\nimages/a.png,one\n'}))
    assert read_captions(path, {}) == {"images/a.png": ["a cat", "one"]}
    path.write_bytes(zipped({"a.png": GREY, "captions.csv": table}))
    with pytest.raises(DataError) as caught:
        read_captions(path, {})
    assert caught.value.params["name"] == "captions.csv" and problem in caught.value.params["problem"]
    assert json.dumps(caught.value.params)
