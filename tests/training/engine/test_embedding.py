"""Vectors of texts: ranks by hand, and a net that brings together what belongs together."""

import hashlib
import json

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import VERSION, MakeRun, csv_blob, tiny
from training.engine.contract import DONE, FAILED, Spec, SpecError
from training.engine.predict import Predictor
from training.engine.tasks.sentence_embedding import _nats, _ranks, groups_of

CALM = {"arch": "bert", "size": "nano", "layers": 1, "width": 32, "context": 16, "dropout": 0.0}
LEARN = {"train__max_steps": 150, "train__lr": 5e-3, "train__batch": 32, "eval__every_steps": 75, "model": CALM}


def test_ranks_by_hand() -> None:
    texts = np.eye(3)
    pairs = np.array([[1.0, 0, 0], [2.0, 1, 1], [0, 0, 1]])
    same = np.array([[0, 3], [1, 4], [2, 5]])
    # The first sees 1, 2, 0: second of three. The second sees 0, 1, 0. The third 0, 1, 1: a tie for the first place.
    assert _ranks(texts, pairs, same).tolist() == [2.0, 1.0, 1.5]
    same[1, 1] = 3  # the second pair says the same as the first: it is no rival of it
    assert _ranks(texts, pairs, same).tolist() == [1.0, 1.0, 1.5]


def test_loss_by_hand() -> None:
    """All alike: each of two rows is one in two, both ways; a row beside its own double has no rival."""
    ones = torch.ones(2, 1)
    assert _nats(ones, ones, torch.tensor([[0, 2], [1, 3]])).tolist() == pytest.approx([np.log(2)] * 2)
    assert _nats(ones, ones, torch.tensor([[0, 2], [0, 3]])).tolist() == pytest.approx([0.0, 0.0])


def test_candidates_are_shared_out() -> None:
    assert [len(group) for group in groups_of(2_001)] == [667, 667, 667]
    assert groups_of(5)[0].tolist() == [0, 1, 2, 3, 4]


def test_texts_find_their_pairs(make_run: MakeRun) -> None:
    from transformers import AutoModel, AutoTokenizer

    run = make_run("run", tiny("sentence-embedding", **LEARN))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/recall_at_1"] > 0.8 > 0.2 > last["baseline"]["metrics"]["test/recall_at_1"]
    assert last["metrics"]["test/mrr"] > 0.9 > 0.3 > last["baseline"]["metrics"]["test/mrr"]
    out = run.folder / "out"
    texts = ["dog sleeps home", "puppy rests inside", "hen sings away"]
    ours = np.array([answer["vector"] for answer in Predictor(out)(texts)])
    assert np.linalg.norm(ours, axis=1) == pytest.approx(1, abs=1e-4)
    assert ours[0] @ ours[1] > ours[0] @ ours[2] + 0.2
    (pair,) = Predictor(out)([{"text": texts[0], "other": texts[1]}])
    assert pair["likeness"] == pytest.approx(ours[0] @ ours[1], abs=1e-4)
    with pytest.raises(ValueError, match="either all inputs"):
        list(Predictor(out)([{"text": "a", "other": "b"}, "c"]))
    theirs = AutoModel.from_pretrained(out, local_files_only=True).eval()
    batch = AutoTokenizer.from_pretrained(out, local_files_only=True)(texts[:1], return_tensors="pt")
    with torch.no_grad():
        mean = theirs(**batch).last_hidden_state.mean(1)[0]
    np.testing.assert_allclose(ours[0], (mean / mean.norm()).numpy(), atol=1e-4)


def test_it_begins_from_a_masked_language_model(make_run: MakeRun) -> None:
    model = {"arch": "bert", "size": "nano", "layers": 1, "width": 16, "context": 16}
    first = make_run("first", tiny("masked-lm", model=model, train__max_steps=2))
    assert first.go() == DONE, first.log
    chars = {"tokenizer": {"kind": "char"}, "train__max_steps": 2}
    spec = tiny("sentence-embedding", **chars, model=model | {"start": VERSION, "learn_layers": 1})
    second = make_run("second", spec)
    inputs = json.loads((second.folder / "inputs.json").read_text())
    digest = hashlib.sha256((first.folder / "out" / "MANIFEST.json").read_bytes()).hexdigest()
    inputs["start"] = {"path": str(first.folder / "out"), "manifest_sha256": digest}
    (second.folder / "inputs.json").write_text(json.dumps(inputs))
    assert second.go() == DONE, second.log
    with pytest.raises(SpecError) as caught:  # a net without a head has nothing left to learn
        Spec.from_json(tiny("sentence-embedding", **chars, model=model | {"start": VERSION, "learn_layers": 0}))
    assert [issue.code for issue in caught.value.issues] == ["learn_count"]


def test_broken_rows_are_named(make_run: MakeRun) -> None:
    run = make_run("run", tiny("sentence-embedding"), blob=csv_blob(["body", "same"], [("a", "b"), ("c", "d", "e")]))
    assert run.go() == FAILED
    assert run.of("error")[0]["text"].startswith("Row 2 of the dataset cannot be used: it has 3 values")
