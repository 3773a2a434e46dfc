"""What a column is written in, as its examples show; the default spec takes the tokenizer made for it."""

from typing import Any

import pytest

from tests.training.engine.conftest import VERSION, profile_for
from training.engine.contract import TASKS, Spec, default_spec, validate
from training.engine.notation import notation_of

MOLECULES = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "[Na+].[Cl-]", "C/C=C\\Br"]
PROTEINS = ["MKTAYIAKQRQISFVKSH", "GSHMLEDPVDAFWKRTN*", "ACDEFGHIKLMNPQRSTVWY"]


def of(*values: Any) -> str | None:
    return notation_of({"examples": [{"smiles": value} for value in values]}, "smiles")


@pytest.mark.parametrize(
    ("values", "notation"),
    [
        (MOLECULES, "smiles"),
        ([*MOLECULES, "CC(=O)N" * 40 + "[Na…"], "smiles"),  # a long one, cut where it is shown
        ([*MOLECULES, "", None], "smiles"),
        (PROTEINS, "protein"),
        ([" ".join(value.strip("*")) for value in PROTEINS], "protein"),  # each residue by itself
        ([*MOLECULES, "aspirin"], None),
        ([*MOLECULES, "CC(=O"], None),  # a branch that is never closed
        (["CON", "SON", "NO", "IF"], None),  # words of letters that are atoms
        (["ACGTACGTACGT", "GGGTTTAAACCC", "NNNACGTGACGT"], None),  # DNA
        (["A MAN", "A PLAN", "PANAMA CANAL"], None),
        (["STOP", "GO", "WAIT"], None),
        (MOLECULES[:2], None),
        ([1, 2, 3], None),
    ],
)
def test_a_column_is_told_by_its_examples(values: list[Any], notation: str | None) -> None:
    assert of(*values) == notation


def test_examples_that_are_no_rows_tell_nothing() -> None:
    assert notation_of({"examples": MOLECULES}, "smiles") is None
    assert notation_of({}, None) is None


@pytest.mark.parametrize("task", [name for name, task in TASKS.items() if task.tokenizer and "csv" in task.kinds])
@pytest.mark.parametrize(("kind", "values"), [("smiles", MOLECULES), ("protein", PROTEINS)])
def test_default_spec_takes_the_tokenizer_of_the_column(task: str, kind: str, values: list[str]) -> None:
    profile = profile_for(task)
    if profile["kind"] == "text":
        column = {"name": "body", "type": "text", "distinct": 140, "missing": 0, "mean_chars": 50, "p95_chars": 400}
        profile = {"kind": "csv", "rows": 150, "columns": [column]}
    names = [column["name"] for column in profile["columns"]]
    profile["examples"] = [dict.fromkeys(names, value) for value in values]
    spec = default_spec(task, profile, VERSION)
    assert spec.tokenizer is not None and spec.tokenizer.kind == kind
    assert Spec.from_text(spec.canonical()) == spec
    assert [issue for issue in validate(spec, profile) if issue.level == "error"] == []
    assert default_spec(task, profile | {"examples": []}, VERSION).tokenizer != spec.tokenizer
