"""Estimates and defaults: how they grow, what each setting costs by the formula, and which columns are meant."""

import dataclasses
import itertools
import math
from typing import Any

import pytest

from tests.training.engine.conftest import VERSION, profile_for, tiny
from training.engine import sizing
from training.engine.catalogue import ARCHS
from training.engine.contract import TASKS, Spec, default_spec, estimate, guess_columns, validate

TEXT = {"kind": "text", "rows": 1, "chars": 1_000_000, "bytes": 1_000_000}
BODY = {
    "name": "body",
    "type": "text",
    "missing": 0,
    "distinct": 990,
    "mean_chars": 60.0,
    "p95_chars": 90,
    "max_chars": 200,
}
ROWS = {"kind": "csv", "rows": 1_000, "columns": [BODY], "classes": {"topic": {"a": 500, "b": 500}}}


def told(task: str = "causal-lm", profile: dict[str, Any] | None = None, **changes: Any) -> sizing.Estimate:
    return estimate(Spec.from_json(tiny(task, **changes)), profile or (TEXT if task == "causal-lm" else ROWS))


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("model__layers", [1, 2, 4, 8]),
        ("model__width", [16, 32, 64, 128]),
        ("model__context", [16, 64, 256, 1_024]),
        ("train__batch", [1, 8, 64, 512]),
        ("train__max_steps", [1, 10, 100, 1_000]),
    ],
)
@pytest.mark.parametrize("task", ["causal-lm", "text-classification"])
def test_more_of_anything_takes_no_less(task: str, setting: str, values: list[int]) -> None:
    found = [told(task, **{"resources__cpus": 1, setting: value}) for value in values]
    for less, more in itertools.pairwise(found):
        assert more.flops >= less.flops and more.memory_bytes >= less.memory_bytes
        assert more.parameters >= less.parameters and more.seconds_cpu >= less.seconds_cpu
    assert found[-1].flops > found[0].flops
    assert (found[-1].memory_bytes > found[0].memory_bytes) is (setting != "train__max_steps")


@pytest.mark.parametrize(
    ("changes", "extra"),
    [
        # Each process holds all weights; what differs is counted in bytes of one number, or of one process.
        ({"train__ema_decay": 0.9}, lambda one: 4 * one.parameters),
        ({"train__dtype": "bf16"}, lambda one: sizing.BF16_BYTES),
        ({"train__compile": "on"}, lambda one: sizing.COMPILER_BYTES),
        ({"resources__cpus": 2}, lambda one: sizing.PROCESS_BYTES),
        ({"resources__cpus": 64}, lambda one: 7 * sizing.PROCESS_BYTES),  # eight processes at most
        ({"resources__cpus": 4, "train__threads": 2}, lambda one: sizing.PROCESS_BYTES),
        ({"resources__cpus": 2, "train__dtype": "bf16"}, lambda one: sizing.PROCESS_BYTES + 2 * sizing.BF16_BYTES),
        ({"resources": {"cpus": 8, "gpus": 1}, "train__dtype": "bf16"}, lambda one: 0),
    ],
)
def test_what_a_setting_costs_in_memory(changes: dict[str, Any], extra: Any) -> None:
    plain = {"resources__cpus": 1, "train__compile": "off", "train__batch": 9}
    one, other = told(**plain), told(**plain | changes)
    assert other.memory_bytes - one.memory_bytes == pytest.approx(extra(one), abs=2)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_process_without_a_row_is_not_counted(batch: int) -> None:
    one, many = (told(train__batch=batch, train__compile="off", resources__cpus=cpus) for cpus in (1, 64))
    assert many.memory_bytes - one.memory_bytes == pytest.approx((batch - 1) * sizing.PROCESS_BYTES, abs=2)


def test_what_lies_in_memory_is_that_of_the_pieces() -> None:
    base = {"resources__cpus": 1, "train__compile": "off", "model__context": 256}
    whole, half, lean = (
        told(**base, train__batch=64, **more)
        for more in ({}, {"train__micro": 32}, {"train__gradient_checkpointing": True})
    )
    fixed = 16 * whole.parameters + sizing.PROCESS_BYTES
    assert half.memory_bytes - fixed == pytest.approx((whole.memory_bytes - fixed) / 2, rel=1e-6)
    assert lean.memory_bytes - fixed == pytest.approx((whole.memory_bytes - fixed) * sizing.KEPT_SHARE, rel=1e-6)
    assert (half.flops, half.parameters) == (whole.flops, whole.parameters)
    assert lean.flops == pytest.approx(whole.flops * 4 / 3)  # the forward pass once more


@pytest.mark.parametrize(("arch", "size"), [("gpt", size) for size in ARCHS["gpt"].sizes])
def test_a_gpt_is_what_its_formula_says(arch: str, size: str) -> None:
    """12 L d² weights in blocks, those of the tables, and six FLOP for each of them and token (Kaplan et al. 2020)."""
    obj = tiny("causal-lm", model={"arch": arch, "size": size}, tokenizer={"kind": "bpe", "vocab": 1_000})
    obj["train"] = {"max_steps": 10, "batch": 8, "dtype": "fp32", "compile": "off"}
    found, shape = estimate(Spec.from_json(obj), TEXT), ARCHS[arch].sizes[size]
    d, layers, context = shape.width, shape.layers, shape.context or 0
    blocks = 12 * layers * d**2
    assert blocks < found.parameters < 1.1 * (blocks + (1_000 + context) * d) + 20 * layers * d
    tokens = 10 * 8 * context
    assert found.units == tokens
    matrices = blocks + 1_000 * d
    assert 6 * matrices * tokens < found.flops < 1.1 * 1.15 * tokens * (6 * matrices + 12 * layers * context * d)


@pytest.mark.parametrize(
    ("task", "changes", "profile", "steps", "units"),
    [
        # 0.7 of the rows are learnt from
        ("text-classification", {"train": {"epochs": 2, "batch": 100}}, {}, 14, 1_400),
        ("text-classification", {"train": {"epochs": 2, "batch": 300}}, {}, 6, 1_800),
        ("text-classification", {"train": {"epochs": 3, "max_steps": 5, "batch": 100}}, {}, 5, 500),
        ("text-classification", {"train": {"epochs": 1, "batch": 1_000}}, {}, 1, 700),  # no more than there are
        ("text-classification", {"train": {"epochs": 4, "batch": 8}}, {"rows": 0}, 4, 4),
        # of the characters blocks of the context
        ("causal-lm", {"train": {"epochs": 1, "batch": 8}}, {"chars": 2_000}, 11, 11 * 8 * 16),
        ("causal-lm", {"train": {"max_steps": 7, "batch": 8}}, {}, 7, 7 * 8 * 16),
        # windows of 24 numbers and what follows
        ("forecasting", {"train": {"epochs": 1, "batch": 1}}, {"rows": 600}, None, None),
    ],
)
def test_steps_and_units_by_hand(
    task: str, changes: dict[str, Any], profile: dict[str, Any], steps: int | None, units: int | None
) -> None:
    base = {"causal-lm": TEXT, "forecasting": profile_for("forecasting")}.get(task, ROWS)
    spec = Spec.from_json(tiny(task, **changes))
    found = estimate(spec, base | profile)
    if steps is None:
        windows = 420 - 24 - (spec.shape.horizon or 0) + 1
        steps = units = windows
    assert (found.steps, found.units) == (steps, units)
    assert found.to_json() == dataclasses.asdict(found)


@pytest.mark.parametrize(
    ("split", "classes", "share"),
    [
        ({"valid": 0.1, "test": 0.2}, {}, 0.7),
        ({"given": "part"}, {"part": {"train": 60, "valid": 20, "test": 20}}, 0.6),
        ({"given": "part"}, {"part": {" train ": 30, "train": 30, "valid": 20, "test": 20}}, 0.6),
        ({"given": "part"}, {"part": {"valid": 20}}, 1.0),  # what the profile cannot tell
        ({"given": "part"}, {}, 1.0),
        ({"by": "author", "valid": 0.25, "test": 0.25}, {}, 0.5),
    ],
)
def test_the_share_that_is_learnt_from(split: dict[str, Any], classes: dict[str, Any], share: float) -> None:
    spec = Spec.from_json(tiny("text-classification", data__split=split))
    assert sizing.train_share(spec, ROWS | {"classes": classes}) == pytest.approx(share)


@pytest.mark.parametrize(
    ("tokenizer", "chars", "vocab"),
    [
        ({"kind": "char"}, 1.0, 100),
        ({"kind": "char", "vocab": 64}, 1.0, 64),
        ({"kind": "byte"}, 1.0, 261),
        ({"kind": "smiles"}, 1.0, 100),
        ({"kind": "protein"}, 1.0, 30),
        ({"kind": "bpe", "vocab": 1_000}, 0.48 * math.log(1_000) - 0.7, 1_000),
        ({"kind": "bpe", "vocab": 8_000}, 0.48 * math.log(8_000) - 0.7, 8_000),
        ({"kind": "wordpiece", "vocab": 1_000}, 0.48 * math.log(1_000) - 0.7, 1_000),
        ({"kind": "unigram", "vocab": 300}, 0.48 * math.log(300) - 0.7, 300),
    ],
)
def test_tokens_are_as_long_as_their_kind(tokenizer: dict[str, Any], chars: float, vocab: int) -> None:
    spec = Spec.from_json(tiny("causal-lm", tokenizer=tokenizer))
    assert sizing.chars_per_token(spec) == pytest.approx(chars)
    assert sizing.vocab_of(spec, TEXT) == vocab


COLUMNS = {
    "body": BODY,
    "note": BODY | {"name": "note", "mean_chars": 20.0},
    "tag": {"name": "tag", "type": "category", "distinct": 3, "mean_chars": 4.0},
    "price": {"name": "price", "type": "number", "distinct": 400},
    "count": {"name": "count", "type": "integer", "distinct": 900},
    "Question": BODY | {"name": "Question", "mean_chars": 30.0},
    "answer": BODY | {"name": "answer", "mean_chars": 90.0},
}


@pytest.mark.parametrize(
    ("task", "names", "candidates", "wanted"),
    [
        ("text-classification", ["note", "tag", "body"], ["tag"], {"text": "body", "label": "tag"}),
        ("text-classification", ["tag", "note"], [], {"text": "note"}),
        ("text-classification", ["body", "tag"], ["body", "tag"], {"label": "body", "text": "tag"}),
        ("text-regression", ["count", "body", "price"], [], {"text": "body", "value": "price"}),
        ("text-regression", ["body", "count"], [], {"text": "body", "value": "count"}),
        ("text-to-text", ["note", "body"], [], {"text": "note", "target": "body"}),  # what stands first is read
        ("text-to-text", ["body", "tag", "note"], [], {"text": "body", "target": "note"}),
        ("text-to-text", ["body"], [], {"text": "body"}),
        ("token-classification", ["body", "note"], [], {"text": "body", "label": "note"}),
        ("summarization", ["note", "body"], [], {"document": "body", "summary": "note"}),
        (
            "extractive-qa",
            ["answer", "Question", "body"],
            [],
            {"context": "body", "question": "Question", "answer": "answer"},
        ),
        ("forecasting", ["count", "price", "body"], [], {"value": "price"}),
        ("forecasting", ["count"], [], {"value": "count"}),
        ("causal-lm", ["note", "body"], [], {"text": "body"}),
        ("text-classification", [], [], {}),
    ],
)
def test_the_columns_that_are_meant(task: str, names: list[str], candidates: list[str], wanted: dict[str, str]) -> None:
    profile = {"kind": "csv", "rows": 9, "columns": [COLUMNS[name] for name in names], "label_candidates": candidates}
    assert guess_columns(task, profile) == wanted


def test_a_column_that_is_new_in_each_row_is_no_class() -> None:
    counts = {"body": {f"text {n}": 1 for n in range(20)}, "topic": {"sea": 12, "sky": 8}}
    profile = {"kind": "csv", "rows": 20, "columns": [BODY, COLUMNS["tag"] | {"name": "topic"}], "classes": counts}
    wanted = {"text": "body", "label": "topic"}
    assert guess_columns("text-classification", profile | {"label_candidates": ["body", "topic"]}) == wanted
    assert guess_columns("text-classification", profile | {"label_candidates": []}) == wanted


@pytest.mark.parametrize("task", ["text-classification", "text-regression", "image-classification", "text-to-text"])
@pytest.mark.parametrize("rows", [12, 28, 40])
def test_little_data_is_learnt_in_small_batches(task: str, rows: int) -> None:
    profile = profile_for(task)
    counts = {name: dict.fromkeys(told, rows // len(told)) for name, told in (profile.get("classes") or {}).items()}
    little = profile | {"rows": rows, "classes": counts}
    spec = default_spec(task, little, VERSION)
    assert [issue.code for issue in validate(spec, little) if issue.level == "error"] == []
    assert spec.train.batch <= rows


@pytest.mark.parametrize("task", TASKS)
def test_images_recordings_and_plain_text_have_no_columns(task: str) -> None:
    for kind in ("text", "images", "audio"):
        assert guess_columns(task, {"kind": kind, "columns": [BODY]}) == {}
    assert guess_columns(task, {}) == {}


SIZE_ORDER = ["nano", "mini", "small", "base"]


@pytest.mark.parametrize("task", TASKS)
def test_more_data_is_passed_over_less_often_by_no_smaller_net(task: str) -> None:
    """From some rows to millions, each default can be read again and fits; nothing of it grows without bound."""
    profile, found = profile_for(task), []
    for scale in (1, 10, 100, 1_000, 10_000):
        larger = profile | {"rows": profile["rows"] * scale}
        larger |= {name: profile[name] * scale for name in ("chars", "bytes", "lines") if name in profile}
        larger["classes"] = {
            column: {label: count * scale for label, count in counts.items()}
            for column, counts in (profile.get("classes") or {}).items()
        }
        spec = default_spec(task, larger, VERSION)
        assert Spec.from_text(spec.canonical()) == spec
        assert [i.code for i in validate(spec, larger) if i.level == "error"] == []
        found.append(spec)
    for small, large in itertools.pairwise(found):
        assert SIZE_ORDER.index(large.model.size) >= SIZE_ORDER.index(small.model.size)
        if task not in ("causal-lm", "masked-lm"):  # whose batches grow in steps
            assert (large.train.epochs or 0) <= (small.train.epochs or 0)
    assert found[-1].train.epochs and found[0].train.epochs


@pytest.mark.parametrize(
    ("rows", "valid", "test"),
    [(10, 0.15, 0.15), (999, 0.15, 0.15), (1_000, 0.1, 0.15), (1_999, 0.1, 0.15), (2_000, 0.1, 0.1)],
)
def test_small_datasets_keep_more_for_the_test(rows: int, valid: float, test: float) -> None:
    split = default_spec("text-classification", ROWS | {"rows": rows}, VERSION).data.split
    assert (split.valid, split.test) == (valid, test)


@pytest.mark.parametrize(
    ("p95", "tokens"), [(10, 32), (75, 32), (76, 64), (155, 64), (300, 128), (600, 256), (9_000, 256)]
)
def test_as_much_is_read_as_most_rows_have(p95: int, tokens: int) -> None:
    """Two and a half characters a token, and two marks."""
    profile = ROWS | {"columns": [BODY | {"p95_chars": p95}]}
    assert default_spec("text-classification", profile, VERSION).model.context == tokens


@pytest.mark.parametrize(
    ("modes", "channels"),
    [(["L"], 1), (["1", "L"], 1), (["I;16"], 1), (["L", "RGB"], 3), (["P"], 3), ([], 3), (None, 3)],
)
def test_grey_images_have_one_channel(modes: list[str] | None, channels: int) -> None:
    profile = profile_for("image-classification")
    profile["image"] = profile["image"] | {"modes": modes}
    spec = Spec.from_json(tiny("image-classification"))
    assert sizing.sizes_of(spec, profile).channels == channels


@pytest.mark.parametrize(
    ("task", "classes", "wanted"),
    [
        ("text-classification", {"topic": {"a": 1, "b": 1, "c": 1}}, 3),
        ("text-classification", {}, 2),
        ("multi-label-classification", {"topics": {"a; b": 1, "b": 2, "c;a": 1}}, 3),
        ("multi-label-classification", {}, 8),
        ("token-classification", {"tags": {"O B-x": 1, "O O": 2, "I-x": 1}}, 3),
        ("token-classification", {}, 8),
        ("text-regression", {}, 1),
        ("extractive-qa", {}, 2),
    ],
)
def test_a_head_has_an_answer_for_each(task: str, classes: dict[str, Any], wanted: int) -> None:
    spec = Spec.from_json(tiny(task))
    assert sizing.sizes_of(spec, profile_for(task) | {"classes": classes}).classes == wanted
