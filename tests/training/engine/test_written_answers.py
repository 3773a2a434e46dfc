"""Summaries and written answers: figures against reference values, nets that learn, and bad input by its row."""

from typing import Any

import pytest

from tests.training.engine.conftest import MakeRun, csv_blob, profile_for, tiny
from training.engine.contract import DONE, FAILED, Spec, default_spec, guess_columns, validate
from training.engine.errors import Stop
from training.engine.predict import Predictor
from training.engine.tasks import generative_qa, summarization
from training.engine.tasks.summarization import first_sentence, rouge

SIZE = {"size": "nano", "layers": 1, "width": 32, "dropout": 0.0}
LEARN = {"train__lr": 5e-3, "train__batch": 16, "eval__every_steps": 200, "eval__samples": 4}


NORTH = "The north expects rain; wind eases in the north."
FOX = "The quick brown fox jumps over the lazy dog"


@pytest.mark.parametrize(
    ("written", "wanted", "scores"),
    [  # as rouge-score 0.1.2 tells them, without stemming
        ("The quick brown dog jumps on the log.", FOX, (0.705882, 0.266667, 0.588235)),
        ("police kill the gunman", "police killed the gunman", (0.75, 0.333333, 0.75)),
        ("Rain is expected in the north, and the wind will ease.", NORTH, (0.6, 0.222222, 0.4)),
        ("Twenty-one ships left port", "twenty one ships left the Port.", (0.909091, 0.666667, 0.909091)),
        ("", "a cat", (0, 0, 0)),
        ("我喜欢喝茶。", "我喜欢茶", (2 * 4 / 9, 2 * 2 / 7, 2 * 4 / 9)),  # by hand: characters, pairs, and in order
    ],
)
def test_rouge_has_its_reference_values(written: str, wanted: str, scores: tuple[float, ...]) -> None:
    assert rouge(written, wanted) == pytest.approx(scores, abs=1e-6)


@pytest.mark.parametrize(
    ("document", "first"),
    [
        ("One is here. Two is not.", "One is here."),
        ("  It costs 3.50 today! Then more.", "It costs 3.50 today!"),
        ("标题在此。其余不读。", "标题在此。"),
        ("A headline\nand its text", "A headline"),
        ("no end", "no end"),
        (" ", ""),
    ],
)
def test_a_document_begins_with_a_sentence(document: str, first: str) -> None:
    assert first_sentence(document) == first


def test_a_summary_is_learnt_and_written_from_the_package(make_run: MakeRun) -> None:
    model = {"arch": "t5", "context": 48} | SIZE
    run = make_run("run", tiny("summarization", **LEARN, train__max_steps=200, model=model))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert (last["primary"], last["baseline"]["name"]) == ("rouge_l", "first sentence")
    assert last["metrics"]["test/rouge_l"] > 0.8 > 0.3 > last["baseline"]["metrics"]["test/rouge_l"]
    assert last["metrics"]["test/perplexity"] < 0.3 * last["baseline"]["metrics"]["test/perplexity"]
    samples = run.of("sample")[-4:]
    answers = Predictor(run.folder / "out")([sample["prompt"] for sample in samples])
    assert [answer["text"] for answer in answers] == [sample["text"] for sample in samples]


def test_an_answer_is_learnt_and_written_from_the_package(make_run: MakeRun) -> None:
    """The question is read as well as the context: another question has another answer."""
    model = {"arch": "t5", "context": 64} | SIZE | {"layers": 2}
    run = make_run("run", tiny("generative-qa", **LEARN | {"train__lr": 8e-3}, train__max_steps=220, model=model))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert (last["primary"], last["baseline"]["name"]) == ("f1", "commonest answer")
    assert last["metrics"]["test/f1"] > 0.9 > 0.3 > last["baseline"]["metrics"]["test/f1"]
    assert last["interval"][0] > last["baseline"]["metrics"]["test/f1"]
    asked = [{"question": f"{who} was it", "context": "ada and paris and may."} for who in ("who", "when")]
    assert [answer["text"] for answer in Predictor(run.folder / "out")(asked)] == ["ada", "may"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a text", '{"question": …, "context": …}'),
        ({"question": "who"}, "this model reads texts"),
        ({"question": " ", "context": "x"}, "that are not empty"),
    ],
)
def test_what_is_no_question_is_refused(given: Any, said: str) -> None:
    task = generative_qa.Task(Spec.from_json(tiny("generative-qa")), Stop())
    with pytest.raises(ValueError) as refused:
        task.source_of_input(given)
    assert said in str(refused.value)
    assert task.source_of_input({"question": "who ", "context": " ada"}) == "question: who context: ada"


def test_a_document_is_a_text() -> None:
    with pytest.raises(ValueError, match="reads texts"):
        summarization.Task(Spec.from_json(tiny("summarization")), Stop()).source_of_input(3)


def test_rows_without_a_summary_are_left_out_and_none_is_told(make_run: MakeRun) -> None:
    run = make_run("run", tiny("summarization"), blob=csv_blob(["report", "gist"], [("a report", " ")] * 12))
    assert run.go() == FAILED
    assert run.of("error")[0]["text"] == "The dataset cannot be used: no row has all of document, summary."


@pytest.mark.parametrize(
    ("task", "path", "columns"),
    [
        ("summarization", "data.columns.summary", {"document": "report"}),
        ("summarization", "data.columns.document", {"document": "gone", "summary": "gist"}),
        ("generative-qa", "data.columns.answer", {"question": "question", "context": "context"}),
    ],
)
def test_a_column_that_is_not_there_is_told_at_its_path(task: str, path: str, columns: dict[str, str]) -> None:
    found = validate(Spec.from_json(tiny(task, data__columns=columns)), profile_for(task))
    assert [issue.path for issue in found if issue.level == "error"] == [path]


def test_columns_are_guessed_by_their_names_and_lengths() -> None:
    texts = [{"name": name, "type": "text", "mean_chars": n} for name, n in (("gist", 20), ("body", 900), ("no", 5))]
    assert guess_columns("summarization", {"kind": "csv", "columns": texts}) == {"document": "body", "summary": "gist"}
    named = [*texts, {"name": "Summary", "type": "text", "mean_chars": 2}]
    assert guess_columns("summarization", {"kind": "csv", "columns": named})["summary"] == "Summary"
    spec = default_spec("generative-qa", profile_for("generative-qa"), "8a4f6f0e-3d2a-4a3e-9d53-2f3a1e0b6c11")
    assert spec.data.columns == {role: role for role in ("question", "context", "answer")}


@pytest.mark.parametrize("task", ["text-to-text", "summarization", "generative-qa"])
def test_writers_begin_from_each_other(task: str) -> None:
    """The nets are the same, so a net that was pretrained on one task goes on with another."""
    start = Spec.from_json(tiny("text-to-text"))
    spec = Spec.from_json(tiny(task, model__start=start.data.dataset_version))
    assert not [issue for issue in validate(spec, profile_for(task), start) if issue.path == "model.start"]
