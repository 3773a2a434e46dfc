"""Extractive question answering: figures by hand, windows, and a net that finds the words that were asked for."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import MakeRun, csv_blob, tiny
from tests.training.engine.test_tuning import opened_of
from training.engine import probe
from training.engine.answering import answer_scores, place_of
from training.engine.contract import DONE, FAILED
from training.engine.package import load_net
from training.engine.predict import Predictor
from training.engine.registry import net_module
from training.engine.spec import TokenizerSpec
from training.engine.tokenizing import CLASSIFIER_SPECIALS, train_tokenizer

CALM = {"arch": "bert", "size": "nano", "layers": 2, "width": 32, "dropout": 0.0}
LEARN = {"train__max_steps": 250, "train__lr": 4e-3, "train__batch": 16, "eval__every_steps": 125}


@pytest.mark.parametrize(
    ("found", "wanted", "f1", "same"),
    [
        ("The Eiffel Tower!", "eiffel tower", 1.0, 1.0),
        ("tower", "the Eiffel Tower", 2 / 3, 0.0),  # 1 of 1 word is right, 1 of 2 is found
        ("in may 1990", "May 1990", 0.8, 0.0),  # 2 of 3, 2 of 2
        ("new new york", "new york", 0.8, 0.0),  # a word counts as often as it is wanted
        ("twenty-one", "twenty one", 1.0, 1.0),
        ("北京市", "北京", 0.8, 0.0),  # characters: 2 of 3, 2 of 2
        ("５０％", "50", 1.0, 1.0),
        ("the", "a", 1.0, 1.0),
        ("", "x", 0.0, 0.0),
    ],
)
def test_figures_by_hand(found: str, wanted: str, f1: float, same: float) -> None:
    assert answer_scores(found, wanted) == (pytest.approx(f1), same)


def test_an_answer_lies_where_it_is_a_word() -> None:
    assert place_of("art", "start the art") == (10, 13)
    assert place_of("art", "starting") == (2, 5)
    assert place_of("x", "abc") is None
    assert place_of(" 北京", "在北京市") == (1, 3)


@pytest.mark.parametrize(
    "kind", [{"kind": "char"}, {"kind": "byte"}, {"kind": "bpe", "vocab": 300}, {"kind": "smiles"}]
)
def test_tokens_know_their_characters(kind: dict[str, Any]) -> None:
    text = "Ab 猫 é\n😀Cl"
    tokenizer = train_tokenizer(TokenizerSpec(**kind), [text] * 3, CLASSIFIER_SPECIALS)
    ids, places = tokenizer.encode_places(text)
    assert ids.tolist() == tokenizer.encode(text).tolist()
    assert places.shape == (len(ids), 2)
    covered = {n for a, b in places for n in range(a, b)}
    assert covered >= {n for n, c in enumerate(text) if not c.isspace()}
    assert (np.diff(places[:, 0]) >= 0).all() and places.max() == len(text)


def test_answers_are_found_and_the_package_finds_them_too(make_run: MakeRun) -> None:
    run = make_run("run", tiny("extractive-qa", **LEARN, model=CALM | {"context": 32}))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/f1"] > 0.9 > 0.5 > last["baseline"]["metrics"]["test/f1"]
    assert last["metrics"]["test/loss"] < 0.3 * last["baseline"]["metrics"]["test/loss"]
    context = "new york and li wei and march."
    (answer,) = Predictor(run.folder / "out")([{"question": "who was it", "context": context}])
    assert answer["text"] == "li wei" == context[answer["start"] : answer["end"]]
    assert answer["probability"] > 0.5


@pytest.mark.parametrize("context", [32, 16])
def test_a_probe_finds_answers_with_a_net_that_has_learnt_nothing(
    context: int, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they begin and end, of few words drawn with the seed; a text of several windows is searched in all."""
    run = make_run("run", tiny("extractive-qa", train__max_steps=1, model=CALM | {"context": context}))
    assert run.go() == DONE, run.log
    task: Any = opened_of(run)
    torch.manual_seed(3)
    net = net_module("bert").build(task.spec.shape, task.sizes).eval()
    train = np.arange(task.count("train"))
    targets, counts = task.probe_targets("train", train), task.probe_counts("train", train)
    assert targets.shape == (counts.sum(), 2)
    assert all((own.sum(0) == 1).all() for own in np.split(targets, np.cumsum(counts)[:-1]))
    assert (len(task.fronts) > 240) == (context == 16)
    sizes, embed, head = [], probe.embed, net.classifier

    def seen(*words: Any) -> np.ndarray:
        sizes.append(len(found := embed(*words)))
        return found

    monkeypatch.setattr(probe, "MAX_ROWS", 120)
    monkeypatch.setattr(probe, "MAX_WORDS", 400)
    monkeypatch.setattr(probe, "embed", seen)
    found = probe.probe_of(task, net)
    assert found and found == probe.probe_of(task, net) and net.classifier is head
    assert sizes == [found["words"]] * 2 and 200 < found["words"] <= 400 < found["words_of"]
    assert (found["kind"], found["rows"], found["features"]) == ("logistic", 120, 32)
    _, trivial = task.baseline()
    assert set(found["metrics"]) == set(trivial)
    assert found["metrics"]["f1"] > trivial["f1"] and found["metrics"]["exact_match"] > trivial["exact_match"]
    assert found["metrics"]["loss"] < 0.8 * trivial["loss"]


def test_long_texts_are_read_in_windows(make_run: MakeRun) -> None:
    """No window sees the whole text; those without the answer say that it is not there."""
    chance, rows = np.random.default_rng(3), []
    filler = ("one two three", "four five six", "seven eight nine")
    for n in range(240):
        kind = ("who", "where")[n % 2]
        said = {"who": ("ada", "ben", "eva")[chance.integers(3)], "where": ("rome", "oslo", "bonn")[chance.integers(3)]}
        words = [said["who"], said["where"], *(filler[i] for i in chance.integers(3, size=8))]
        rows.append((kind, " ".join(words[i] for i in chance.permutation(10)), said[kind]))
    blob = csv_blob(["question", "context", "answer"], rows)
    model = CALM | {"context": 20}
    run = make_run(
        "run", tiny("extractive-qa", **LEARN | {"train__max_steps": 900, "train__lr": 6e-3}, model=model), blob=blob
    )
    assert run.go() == DONE, run.log
    assert run.of("done")[0]["metrics"]["test/exact_match"] > 0.9
    context = " ".join(["seven eight nine", *["four five six"] * 60, "bonn", *["one two three"] * 20, "eva"])
    answers = list(Predictor(run.folder / "out")([{"question": q, "context": context} for q in ("who", "where")]))
    assert [answer["text"] for answer in answers] == ["eva", "bonn"]


def test_package_loads_in_transformers(make_run: MakeRun) -> None:
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    run = make_run("run", tiny("extractive-qa", train__max_steps=2))
    assert run.go() == DONE, run.log
    out = run.folder / "out"
    theirs = AutoModelForQuestionAnswering.from_pretrained(out, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(out, local_files_only=True)
    batch = tokenizer("who was it", "ada and oslo.", return_tensors="pt")
    with torch.no_grad():
        ours = load_net(out)(batch["input_ids"], None, None, batch["token_type_ids"])
        torch.testing.assert_close(theirs(**batch).end_logits, ours[..., 1], rtol=1e-4, atol=1e-5)
    assert batch["token_type_ids"].sum() > 3


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            ("who", "ada was here", "ben"),
            "Row 2 of the dataset cannot be used: its answer does not stand in its context.",
        ),
        (
            ("who", "x " * 90, "x " * 60),
            "Row 2 of the dataset cannot be used: its answer is too long for a context of 32 tokens.",
        ),
    ],
)
def test_a_row_without_its_answer_is_named(row: tuple[str, str, str], said: str, make_run: MakeRun) -> None:
    rows = [("who", "ada was here", "ada"), row, *[("who", "ben was here", "ben")] * 9]
    run = make_run("run", tiny("extractive-qa"), blob=csv_blob(["question", "context", "answer"], rows))
    assert run.go() == FAILED
    assert run.of("error")[0]["text"] == said
