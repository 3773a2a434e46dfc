"""Tasks on rows of text: each learns, says what is wrong with a row, and its package answers in transformers."""

import json
from typing import Any

import pytest
import torch

from tests.training.engine.conftest import MakeRun, csv_blob, tiny
from training.engine.contract import DONE, FAILED
from training.engine.labelling import label_sets, spans
from training.engine.package import load_net
from training.engine.spec import TokenizerSpec
from training.engine.tasks.token_classification import place_words
from training.engine.tokenizing import CLASSIFIER_SPECIALS, train_tokenizer

CALM = {"arch": "bert", "size": "nano", "layers": 1, "width": 32, "context": 32, "dropout": 0.0}
LSTM = {"arch": "lstm", "size": "nano", "width": 32, "context": 32}
LEARN = {"train__max_steps": 200, "train__lr": 4e-3, "train__batch": 16, "eval__every_steps": 50, "model": CALM}


def test_labels_are_parted_by_one_mark_in_all_rows() -> None:
    assert label_sets(["a; b", "c", "b;b; "]) == [["a", "b"], ["c"], ["b"]]
    assert label_sets(["New York, NY | a", "b"]) == [["New York, NY", "a"], ["b"]]
    assert label_sets(["b,a"]) == [["a", "b"]]
    assert label_sets(["one word"]) == [["one word"]]


def test_several_labels_are_learnt(make_run: MakeRun) -> None:
    run = make_run("run", tiny("multi-label-classification", **LEARN | {"model": LSTM}))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/macro_f1"] > 0.9 > 2 * last["baseline"]["metrics"]["test/macro_f1"]
    assert last["metrics"]["test/loss"] < 0.5 * last["baseline"]["metrics"]["test/loss"]


def test_package_of_several_labels_loads_in_transformers(make_run: MakeRun) -> None:
    from transformers import AutoTokenizer, BertForSequenceClassification

    run = make_run("run", tiny("multi-label-classification"))
    assert run.go() == DONE, run.log
    out = run.folder / "out"
    theirs = BertForSequenceClassification.from_pretrained(out, local_files_only=True).eval()
    assert theirs.config.problem_type == "multi_label_classification"
    assert theirs.config.id2label == {0: "food", 1: "sky", 2: "sport"}
    batch = AutoTokenizer.from_pretrained(out, local_files_only=True)(
        ["ball star", "win"], padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        ours = load_net(out)(batch["input_ids"], batch["attention_mask"].bool())
        torch.testing.assert_close(theirs(**batch).logits, ours, rtol=1e-4, atol=1e-5)


def test_a_number_is_learnt(make_run: MakeRun) -> None:
    from transformers import AutoTokenizer, BertForSequenceClassification

    run = make_run("run", tiny("text-regression", **LEARN))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/rmse"] < 0.4 * last["baseline"]["metrics"]["test/rmse"]
    assert last["metrics"]["test/spearman"] > 0.9
    assert last["baseline"]["metrics"]["test/spearman"] == 0
    out = run.folder / "out"
    net = BertForSequenceClassification.from_pretrained(out, local_files_only=True).eval()
    batch = AutoTokenizer.from_pretrained(out, local_files_only=True)(["good good", "bad bad"], return_tensors="pt")
    with torch.no_grad():
        high, low = (net(**batch).logits[:, 0] * net.config.target_deviation + net.config.target_mean).tolist()
    assert high > 60 and low < 35  # truly 70 and 20, which no row is: words are mixed


@pytest.mark.parametrize("value", ["many", "nan", "1e999"])
def test_a_row_whose_value_is_no_number_is_named(value: str, make_run: MakeRun) -> None:
    blob = csv_blob(["body", "score"], [("good", 1.5), ("bad", value)])
    run = make_run("run", tiny("text-regression"), blob=blob)
    assert run.go() == FAILED
    assert run.of("error")[0]["text"] == "Row 2 of the dataset cannot be used: its value is not a number."


def test_numbers_that_are_all_the_same_teach_nothing(make_run: MakeRun) -> None:
    run = make_run(
        "run", tiny("text-regression"), blob=csv_blob(["body", "score"], [(f"word {n}", 3) for n in range(20)])
    )
    assert run.go() == FAILED
    assert "all its numbers are the same" in run.of("error")[0]["text"]


def test_one_label_is_no_choice(make_run: MakeRun) -> None:
    blob = csv_blob(["body", "topics"], [(f"word {n}", "a") for n in range(20)])
    run = make_run("run", tiny("multi-label-classification"), blob=blob)
    assert run.go() == FAILED
    assert "it has 1 labels" in run.of("error")[0]["text"]


def test_every_label_is_in_every_part(make_run: MakeRun) -> None:
    """Rows are shared out by their rarest label: three rows of a label are enough."""
    import numpy as np

    rows = [(f"word {n}", "common; rare" if n < 3 else "common; other") for n in range(60)]
    run = make_run("run", tiny("multi-label-classification"), blob=csv_blob(["body", "topics"], rows))
    assert run.go() == DONE, run.log
    (prepared,) = (run.folder / "prepared").iterdir()
    assert json.loads((prepared / "prepared.json").read_text())["facts"]["labels"] == ["common", "other", "rare"]
    for part in ("train", "valid", "test"):
        assert np.load(prepared / "targets.npy")[np.load(prepared / f"{part}.npy")].any(0).all()


def test_entities_are_read_as_people_tag_them() -> None:
    assert spans(["B-a", "I-a", "O", "B-a", "B-a", "I-b"]) == [("a", 0, 2), ("a", 3, 4), ("a", 4, 5), ("b", 5, 6)]
    assert spans(["NOUN", "NOUN", "O"]) == [("NOUN", 0, 1), ("NOUN", 1, 2)]  # parts of speech: a word each


@pytest.mark.parametrize(
    "kind",
    [
        {"kind": "char"},
        {"kind": "byte"},
        *({"kind": kind, "vocab": 300} for kind in ("bpe", "wordpiece", "unigram")),
    ],
)
def test_words_lie_where_the_tokens_of_their_text_are(kind: dict[str, Any]) -> None:
    words = ["new", "york's", "(old)", "猫", "1e5"]
    tokenizer = train_tokenizer(TokenizerSpec(**kind), [" ".join(words)] * 3, CLASSIFIER_SPECIALS)
    ids, places = place_words(words, tokenizer, 99)
    assert ids[1:-1].tolist() == tokenizer.encode(" ".join(words)).tolist()
    ends = [*places[1:], len(ids) - 1]
    # WordPiece knows no spaces around marks.
    assert ["".join(tokenizer.decode(ids[a:b]).split()) for a, b in zip(places, ends, strict=True)] == words
    assert len(place_words(words, tokenizer, 5)[1]) < len(words)


def test_tags_are_learnt_from_what_stands_before(make_run: MakeRun) -> None:
    """The same name is a person or a place: no table of words can tell."""
    run = make_run("run", tiny("token-classification", **LEARN))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/entity_f1"] > 0.9 > 0.7 > last["baseline"]["metrics"]["test/entity_f1"]
    assert set(json.loads((run.folder / "out" / "metrics.json").read_text())["detail"]["classes"]) == {
        "person",
        "place",
    }


def test_package_of_tags_loads_in_transformers(make_run: MakeRun) -> None:
    from transformers import AutoTokenizer, BertForTokenClassification

    run = make_run("run", tiny("token-classification"))
    assert run.go() == DONE, run.log
    out = run.folder / "out"
    theirs = BertForTokenClassification.from_pretrained(out, local_files_only=True).eval()
    assert theirs.config.id2label[0] == "B-person"
    batch = AutoTokenizer.from_pretrained(out, local_files_only=True)(["meet new york"], return_tensors="pt")
    with torch.no_grad():
        torch.testing.assert_close(theirs(**batch).logits, load_net(out)(batch["input_ids"]), rtol=1e-4, atol=1e-5)


def test_words_without_tags_are_named(make_run: MakeRun) -> None:
    blob = csv_blob(["body", "tags"], [("a b", "O O"), ("a b c", "O B-x")])
    run = make_run("run", tiny("token-classification"), blob=blob)
    assert run.go() == FAILED
    assert run.of("error")[0]["text"] == "Row 2 of the dataset cannot be used: it has 3 words and 2 tags."


def test_a_tag_that_cannot_be_learnt_is_named(make_run: MakeRun) -> None:
    rows = [("a b", "O B-x") if n else ("a c", "O B-y") for n in range(20)]
    blob, found = csv_blob(["body", "tags"], rows), []
    for seed in range(8):
        run = make_run(f"run{seed}", tiny("token-classification", data__split={"seed": seed}), blob)
        if run.go() == FAILED:
            found.append(run.of("error")[0]["text"])
            break
    assert found == ["The dataset cannot be used: no row to learn from has the tag B-y."]


def test_text_is_written_from_text(make_run: MakeRun) -> None:
    run = make_run("run", tiny("text-to-text", **LEARN | {"model": CALM | {"arch": "t5"}}))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/exact_match"] > 0.9 > 0.3 > last["baseline"]["metrics"]["test/exact_match"]
    assert last["metrics"]["test/perplexity"] < 0.2 * last["baseline"]["metrics"]["test/perplexity"]
    judged = [event["values"] for event in run.of("metric") if "valid/loss" in event["values"]]
    assert "valid/perplexity" in judged[0] and "valid/chrf" not in judged[0]  # written only where it is asked for


def test_what_is_written_can_decide(make_run: MakeRun) -> None:
    run = make_run("run", tiny("text-to-text", eval__primary="chrf"))
    assert run.go() == DONE, run.log
    assert "valid/chrf" in run.of("metric")[-1]["values"]


def test_package_writes_the_same_in_transformers(make_run: MakeRun) -> None:
    from transformers import AutoTokenizer, T5ForConditionalGeneration

    run = make_run("run", tiny("text-to-text", **LEARN | {"train__max_steps": 150, "model": CALM | {"arch": "t5"}}))
    assert run.go() == DONE, run.log
    out = run.folder / "out"
    theirs = T5ForConditionalGeneration.from_pretrained(out, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(out, local_files_only=True)
    sample = run.of("sample")[-1]
    batch = tokenizer([sample["prompt"]], return_tensors="pt")
    assert batch["input_ids"][0, -1] == tokenizer.eos_token_id
    written = theirs.generate(**batch, max_length=32, do_sample=False)
    assert tokenizer.decode(written[0], skip_special_tokens=True) == sample["text"] != ""
