"""What is cleaned, what is left out, and that both are counted and said."""

import json
import unicodedata

import pytest

from tests.training.engine.conftest import MakeRun, Run, csv_blob, table_rows, tiny
from training.engine.cleaning import Cleaner
from training.engine.contract import DONE, Spec
from training.engine.spec import CleanSpec

ALL = {"unicode": True, "duplicates": True, "min_chars": 3, "max_chars": 60}
SPLIT_E = unicodedata.normalize("NFD", "café time")


def kept(spec: CleanSpec, texts: list[str]) -> tuple[list[str], dict]:
    cleaner = Cleaner(spec)
    found = [formed for text in texts if cleaner.keeps(formed := cleaner.form(text), text)]
    return found, cleaner.facts()


def test_each_rule_counts_what_it_removes() -> None:
    texts = ["ab", "café time", SPLIT_E, "x" * 61, "abc", "abc", "  ab  "]
    found, facts = kept(CleanSpec(**ALL), texts)
    assert found == ["café time", "abc"]
    assert facts == {"cleaned": {"duplicates": 2, "short": 2, "long": 1, "formed": 0}}


def test_nothing_is_touched_unasked() -> None:
    texts = ["a", "a", SPLIT_E, "x" * 100]
    assert kept(CleanSpec(), texts) == (texts, {})
    found, facts = kept(CleanSpec(unicode=True), texts)
    assert found[2] == "café time" != SPLIT_E
    assert facts["cleaned"]["formed"] == 1


def facts_of(run: Run) -> dict:
    (prepared,) = (run.folder / "prepared").iterdir()
    return json.loads((prepared / "prepared.json").read_text())["facts"]


def test_a_run_says_what_it_left_out(make_run: MakeRun) -> None:
    rows = [
        *dict(table_rows()).items(),
        ("a", "sky"),
        ("ball " * 20, "sport"),
        (SPLIT_E, "food"),
        ("café time", "food"),
    ]
    run = make_run("run", tiny("text-classification", data__clean=ALL), blob=csv_blob(["body", "topic"], rows))
    assert run.go() == DONE, run.log
    warned = [event for event in run.of("warning") if event["code"] == "rows_removed"]
    assert warned[0]["params"] == {"duplicates": 1, "short": 1, "long": 1}
    assert facts_of(run)["cleaned"] == {"duplicates": 1, "short": 1, "long": 1, "formed": 1}
    items = json.loads((run.folder / "out" / "resolved.json").read_text())["items"]
    assert sum(items.values()) == len(rows) - 3


@pytest.mark.parametrize("task", ["causal-lm", "masked-lm"])
def test_documents_are_cleaned_too(task: str, make_run: MakeRun) -> None:
    lines = [f"line {n % 90} of many lines, {SPLIT_E}" for n in range(180)]
    spec = tiny(task, data__columns={"text": "body"}, data__clean={"duplicates": True, "unicode": True})
    run = make_run("run", spec, blob=csv_blob(["body"], [(line,) for line in lines]), delimiter=",")
    run.kind = "csv"
    run.write_inputs()
    assert run.go() == DONE, run.log
    assert facts_of(run)["cleaned"] == {"duplicates": 90, "short": 0, "long": 0, "formed": 90}
    vocab = json.loads((run.folder / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    assert "é" in vocab


def test_a_text_is_brought_into_form(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm", data__clean={"unicode": True}), blob=f"{SPLIT_E}\n".encode() * 200)
    assert run.go() == DONE, run.log
    vocab = json.loads((run.folder / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    assert "é" in vocab and "\u0301" not in vocab


def test_cleaning_makes_another_recipe_and_other_prepared_files() -> None:
    plain, cleaned = Spec.from_json(tiny("causal-lm")), Spec.from_json(tiny("causal-lm", data__clean={"unicode": True}))
    assert plain.recipe_sha256 != cleaned.recipe_sha256
    assert plain.recipe_sha256 == Spec.from_json(tiny("causal-lm", data__clean={})).recipe_sha256
