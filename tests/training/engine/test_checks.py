"""Whether a spec fits a dataset and a start: each limit from both sides, by hand."""

from typing import Any

import pytest

from tests.training.engine.conftest import VERSION, profile_for, tiny
from training.engine.checks import start_issues, validate
from training.engine.contract import Spec


def told(task: str, profile: dict[str, Any], **changes: Any) -> list[tuple[str, str, str]]:
    issues = validate(Spec.from_json(tiny(task, **changes)), profile_for(task) | profile)
    return [(issue.path, issue.code, issue.level) for issue in issues]


@pytest.mark.parametrize(
    ("classes", "wanted"),
    [
        ({"a": 150}, [("classes_few", "error")]),
        ({"a": 76, "b": 74}, []),
        (
            {f"c{n:02}": 2 for n in range(30)} | {"d": 30},
            [("classes_sparse", "error"), *[("class_small", "warning")] * 5],
        ),
        ({"a": 143, "b": 7}, [("class_small", "warning")]),
        ({"a": 142, "b": 8}, []),
        ({"Cat": 75, "cat ": 75}, [("class_case", "warning")]),
    ],
)
def test_classes(classes: dict[str, int], wanted: list[tuple[str, str]]) -> None:
    found = told("text-classification", {"classes": {"topic": classes}})
    assert [(code, level) for path, code, level in found if path == "data.columns.label"] == wanted


@pytest.mark.parametrize(("batch", "wanted"), [(105, []), (106, [("train.batch", "batch_large", "error")])])
def test_a_batch_is_no_larger_than_what_is_learnt_from(batch: int, wanted: list[Any]) -> None:
    """Of 150 rows 70 % are left."""
    assert told("text-classification", {}, train__batch=batch) == wanted


@pytest.mark.parametrize(("rows", "wanted"), [(35, ["series_short"]), (36, [])])
def test_a_series_has_room_for_a_window(rows: int, wanted: list[str]) -> None:
    """A window of 12 + 8 numbers, beside 8 each to choose and to test by."""
    found = told("forecasting", {"rows": rows}, model__context=12, model__horizon=8)
    assert [code for _, code, level in found if level == "error"] == wanted


@pytest.mark.parametrize(
    ("task", "changes", "wanted"),
    [
        ("text-classification", {}, []),
        ("text-classification", {"model__context": 16}, []),  # the first places of a longer one
        ("text-classification", {"model__context": 64}, [("model.context", "start_shape")]),
        ("text-classification", {"model__width": 32}, [("model.width", "start_shape")]),
        ("text-classification", {"model__dropout": 0.5}, []),
        ("text-classification", {"tokenizer": {"kind": "char"}}, [("tokenizer", "start_tokenizer")]),
        ("text-to-text", {}, [("model.start", "start_task")]),
    ],
)
def test_what_a_start_leaves_open(task: str, changes: dict[str, Any], wanted: list[tuple[str, str]]) -> None:
    model = {"arch": "bert", "size": "nano", "layers": 1, "width": 16, "context": 32}
    theirs = Spec.from_json(tiny("masked-lm", model=model, tokenizer={"kind": "bpe", "vocab": 300}))
    own = Spec.from_json(tiny(task, model__start=VERSION, **changes))
    assert [(issue.path, issue.code) for issue in start_issues(own, theirs)] == wanted
