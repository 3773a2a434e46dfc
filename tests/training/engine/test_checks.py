"""Whether a spec fits a dataset and a start: each limit from both sides, by hand."""

from typing import Any

import pytest

from tests.training.engine.conftest import VERSION, profile_for, tiny
from training.engine.checks import start_issues, validate
from training.engine.contract import Spec, SpecError


def told(task: str, profile: dict[str, Any], **changes: Any) -> list[tuple[str, str, str]]:
    try:
        issues = validate(Spec.from_json(tiny(task, **changes)), profile_for(task) | profile)
    except SpecError as error:  # what a spec says against itself
        issues = error.issues
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


@pytest.mark.parametrize(
    ("image", "setting", "rows", "wanted"),
    [
        (16, "batch", 1, ["batch_single"]),
        (16, "batch", 2, []),
        (16, "micro", 1, ["batch_single"]),
        (16, "micro", 2, []),
        (17, "batch", 1, []),
        (17, "micro", 1, []),
    ],
)
def test_a_resnet_sees_two_small_images_at_once(image: int, setting: str, rows: int, wanted: list[str]) -> None:
    found = told("image-classification", {}, model__image=image, **{f"train__{setting}": rows})
    assert [(path, code, level) for path, code, level in found if level == "error"] == [
        (f"train.{setting}", code, "error") for code in wanted
    ]


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


@pytest.mark.parametrize(
    ("task", "good", "bad", "wanted"),
    [
        ("causal-lm", {"train__warmup": 0.5}, {"train__warmup": 0.51}, ("train.warmup", "warmup_whole", "warning")),
        (
            "causal-lm",
            {"train__optimizer": "sgd", "train__momentum": 0.9},
            {"train__optimizer": "adamw", "train__momentum": 0.9},
            ("train.momentum", "momentum_unfit", "error"),
        ),
        (
            "causal-lm",
            {"data__split": {"valid": 0.5, "test": 0.44}},
            {"data__split": {"valid": 0.5, "test": 0.45}},
            ("data.split", "split_whole", "error"),
        ),
        (
            "image-generation",
            {"model": {"arch": "unet", "size": "nano", "image": 32}},
            {"model": {"arch": "unet", "size": "nano", "image": 34}},
            ("model.image", "image_step", "error"),
        ),
        (
            "image-generation",
            {"model": {"arch": "unet", "size": "nano", "width": 32}},
            {"model": {"arch": "unet", "size": "nano", "width": 33}},
            ("model.width", "width_step", "error"),
        ),
        (
            "causal-lm",
            {"model": {"arch": "llama", "size": "nano", "width": 32, "heads": 2}},
            {"model": {"arch": "llama", "size": "nano", "width": 30, "heads": 2}},
            ("model.heads", "heads_step", "error"),
        ),
        (
            "text-classification",
            {"data__split": {"by": "body"}},
            {"data__split": {"by": "body", "given": "topic"}},
            ("data.split.given", "split_both", "error"),
        ),
        (
            "text-classification",
            {"data__clean": {"min_chars": 8, "max_chars": 8}},
            {"data__clean": {"min_chars": 9, "max_chars": 8}},
            ("data.clean.min_chars", "clean_range", "error"),
        ),
        (
            "image-captioning",
            {"data__clean": {"pii": "mask", "whitespace": "fold"}},
            {"data__clean": {"pii": "drop", "whitespace": "fold"}},
            ("data.clean.pii", "clean_captions", "error"),
        ),
        (
            "image-captioning",
            {"data__clean": {"unicode": True}},
            {"data__clean": {"max_chars": 99}},
            ("data.clean.max_chars", "clean_captions", "error"),
        ),
    ],
)
def test_settings_are_held_to_each_other(
    task: str, good: dict[str, Any], bad: dict[str, Any], wanted: tuple[str, str, str]
) -> None:
    assert wanted[:2] not in [issue[:2] for issue in told(task, {}, **good)]
    assert wanted in told(task, {}, **bad)


GIVEN = {"data__split": {"given": "part"}}
BY = {"data__split": {"by": "part"}}


@pytest.mark.parametrize(
    ("changes", "facts", "classes", "wanted"),
    [
        (GIVEN, {}, {"train": 120, "valid": 15, "test": 15}, None),
        (GIVEN, {}, {" train ": 120, "valid": 15, "test": 15}, None),
        (GIVEN, {}, {"train": 120, "valid": 15}, "split_lack"),
        (GIVEN, {}, {"train": 120, "valid": 15, "test": 14, "dev": 1}, "split_words"),
        (GIVEN, {"missing": 1}, {"train": 120, "valid": 15, "test": 14}, "split_missing"),
        (GIVEN, {}, None, None),  # more values than a profile lists: the run will say
        (BY, {"distinct": 3}, None, None),
        (BY, {"distinct": 2}, None, "split_groups"),
        (BY, {"distinct": 2, "distinct_more": True}, None, None),
        (BY, {"name": "other"}, None, "column_absent"),
    ],
)
def test_a_column_that_decides_the_parts(
    changes: dict[str, Any], facts: dict[str, Any], classes: dict[str, int] | None, wanted: str | None
) -> None:
    plain = profile_for("text-classification")
    part = {"name": "part", "type": "category", "distinct": 9, "missing": 0} | facts
    own = plain["classes"] | ({"part": classes} if classes else {})
    found = told("text-classification", {"columns": [*plain["columns"], part], "classes": own}, **changes)
    path = f"data.split.{next(iter(changes['data__split']))}"
    assert [code for where, code, level in found if (where, level) == (path, "error")] == ([wanted] if wanted else [])


@pytest.mark.parametrize("task", ["causal-lm", "image-classification", "forecasting"])
def test_where_no_table_tells_the_parts(task: str) -> None:
    code = "split_time" if task == "forecasting" else "split_untold"
    beside = {"image": {"labels_from": "folders"}} if task == "image-classification" else {}
    found = told(task, beside, data__split={"by": "part"})
    assert [issue for issue in found if issue[0] == "data.split.by"] == [("data.split.by", code, "error")]


@pytest.mark.parametrize(
    ("kind", "wanted"), [("text", None), ("category", None), ("number", "column_type"), ("boolean", "column_type")]
)
def test_a_column_to_read_holds_text(kind: str, wanted: str | None) -> None:
    columns = profile_for("text-classification")["columns"]
    found = told("text-classification", {"columns": [columns[0] | {"type": kind}, columns[1]]})
    assert [code for path, code, level in found if (path, level) == ("data.columns.text", "warning")] == (
        [wanted] if wanted else []
    )


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("data.split.valid", 0.84, 1),
        ("data.split.test", 1e-9, 0),
        ("model.dropout", 0, 1),
        ("train.warmup", 1, 1.01),
        ("train.momentum", 0.99, 1),
        ("train.ema_decay", 0.5, 1),
        ("train.batch", 65_536, 65_537),
    ],
)
def test_numbers_are_held_to_their_bounds(path: str, good: float, bad: float) -> None:
    """What is told says the bound itself."""
    where = path.replace(".", "__")
    if path.startswith("data.split"):  # of which the others stay as they are
        *_, name = path.split(".")
        changes = [{"data__split": {name: value, "seed": 1}} for value in (good, bad)]
    else:
        changes = [{where: value, "train__optimizer": "sgd"} for value in (good, bad)]
    Spec.from_json(tiny("text-classification", **changes[0]))
    with pytest.raises(SpecError) as caught:
        Spec.from_json(tiny("text-classification", **changes[1]))
    (issue,) = caught.value.issues
    assert issue.path == path
    assert issue.code in ("not_below", "too_large", "not_above") and str(issue.params["limit"]) in issue.text
