"""The torch-free half: specs are read strictly, checked against a profile, and estimated by formulas that are true."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.training.engine.conftest import COLUMN_PROFILES, VERSION, profile_for, tiny
from training.engine import messages, sizing
from training.engine.contract import (
    TASKS,
    Inputs,
    Issue,
    ModelSpec,
    Spec,
    SpecError,
    default_spec,
    estimate,
    parse_event,
    spec_schema,
    validate,
)

PROFILES = {task: profile_for(task) for task in TASKS}


def issues_of(obj: Any) -> dict[str, str]:
    """Code by path of what reading the spec complains about."""
    with pytest.raises(SpecError) as caught:
        Spec.from_json(obj)
    return {issue.path: issue.code for issue in caught.value.issues}


def found(spec: dict[str, Any], **profile: Any) -> dict[str, str]:
    """Level by code of what checking against a profile says."""
    given = PROFILES[spec["task"]] | profile
    return {issue.code: issue.level for issue in validate(Spec.from_json(spec), given)}


def test_contract_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, training.engine.contract; print({'torch', 'numpy', 'django'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize("task", TASKS)
def test_spec_survives_json(task: str) -> None:
    spec = Spec.from_json(tiny(task))
    again = Spec.from_text(spec.canonical())
    assert again == spec
    assert again.sha256 == spec.sha256


def test_whole_and_broken_numbers_of_one_value_are_one_spec() -> None:
    whole = dataclasses.replace(Spec.from_json(tiny("causal-lm", train__lr=1)))
    assert whole.sha256 == Spec.from_json(tiny("causal-lm", train__lr=1.0)).sha256


def test_limits_and_resources_leave_the_recipe_alone() -> None:
    plain = Spec.from_json(tiny("causal-lm"))
    longer = Spec.from_json(tiny("causal-lm", limits={"minutes": 5}, resources={"cpus": 2}, train__threads=1))
    other = Spec.from_json(tiny("causal-lm", train__lr=1e-4))
    assert longer.sha256 != plain.sha256
    assert longer.recipe_sha256 == plain.recipe_sha256 != other.recipe_sha256


BAD_VALUES = [
    ("train__epochs", 0, "too_small"),
    ("train__epochs", -1, "too_small"),
    ("train__epochs", 10**9, "too_large"),
    ("train__epochs", 1.5, "wrong_type"),
    ("train__epochs", "3", "wrong_type"),
    ("train__epochs", True, "wrong_type"),
    ("train__batch", 0, "too_small"),
    ("train__batch", 10**9, "too_large"),
    ("train__batch", None, "wrong_type"),
    ("train__lr", 0, "not_above"),
    ("train__lr", -1, "not_above"),
    ("train__lr", float("nan"), "not_finite"),
    ("train__lr", float("inf"), "not_finite"),
    ("train__lr", 1e308, "too_large"),
    ("train__lr", 10**400, "not_finite"),
    ("train__lr", "1e-3; rm", "wrong_type"),
    ("train__seed", 2**64, "too_large"),
    ("train__schedule", "../x", "not_choice"),
    ("data__dataset_version", "/etc/passwd", "bad_text"),
    ("data__dataset_version", VERSION.upper(), "bad_text"),
    ("model__arch", "__import__('os')", "not_choice"),
    ("train__output", "/tmp/x", "unknown_key"),
    ("train__url", "http://x", "unknown_key"),
    ("train", [], "not_object"),
    ("task", None, "wrong_type"),
]


@pytest.mark.parametrize(("where", "value", "code"), BAD_VALUES)
def test_bad_value_is_named_at_its_field(where: str, value: Any, code: str) -> None:
    issues = issues_of(tiny("causal-lm", **{where: value}))
    assert issues[where.replace("__", ".")] == code


def test_every_fault_is_found_at_once() -> None:
    obj = {"v": 1, "task": "causal-lm", "data": {}, "model": {"arch": "gpt"}, "train": {"epoks": 3, "batch": 0}}
    assert issues_of(obj) == {
        "data.dataset_version": "missing",
        "train.epoks": "unknown_key",
        "train.batch": "too_small",
    }


def test_unknown_key_suggests_the_nearest() -> None:
    with pytest.raises(SpecError) as caught:
        Spec.from_json(tiny("causal-lm", train__epoch=3))
    assert caught.value.issues[0].hint == "Did you mean “epochs”?"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"v":1,"v":1}', "duplicate_key"),
        ('{"v":NaN}', "not_json"),
        ('{"v":' + "1" * 5_000 + "}", "not_json"),
        ("[" * 100_000, "too_deep"),
        (b"\xff\xfe", "not_json"),
        ("{", "not_json"),
        ("[1]", "not_object"),
        ('{"v":2}', "version_unknown"),
        ('{"v":1,"task":"\\ud800"}', "not_choice"),
    ],
)
def test_bad_json_is_refused_with_a_reason(text: str | bytes, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        Spec.from_text(text)
    assert code in [issue.code for issue in caught.value.issues]


@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "\ud800", "", "x" * 201])
def test_column_names_are_plain_text(name: str) -> None:
    spec = tiny("text-classification", data__columns={"text": name, "label": "topic"})
    assert set(issues_of(spec).values()) <= {"bad_text", "text_long"}


@pytest.mark.parametrize(
    ("task", "changes", "path", "code"),
    [
        ("causal-lm", {"train__max_steps": None}, "train.epochs", "length_missing"),
        ("causal-lm", {"model__heads": 3}, "model.heads", "heads_width"),
        ("causal-lm", {"model__patch": 4}, "model.patch", "setting_unused"),
        ("causal-lm", {"model__arch": "bert"}, "model.arch", "arch_unfit"),
        ("causal-lm", {"eval__primary": "accuracy"}, "eval.primary", "metric_unfit"),
        ("causal-lm", {"tokenizer": None}, "tokenizer", "tokenizer_missing"),
        ("causal-lm", {"tokenizer": {"kind": "bpe"}}, "tokenizer.vocab", "vocab_missing"),
        ("causal-lm", {"tokenizer": {"kind": "bpe", "vocab": 50}}, "tokenizer.vocab", "vocab_small"),
        ("causal-lm", {"tokenizer": {"kind": "wordpiece"}}, "tokenizer.vocab", "vocab_missing"),
        ("causal-lm", {"tokenizer": {"kind": "unigram", "vocab": 50}}, "tokenizer.vocab", "vocab_small"),
        ("causal-lm", {"data__split": {"valid": 0.5, "test": 0.5}}, "data.split", "split_whole"),
        ("causal-lm", {"data__columns": {"label": "x"}}, "data.columns.label", "column_unused"),
        ("image-classification", {"tokenizer": {"kind": "char"}}, "tokenizer", "tokenizer_unused"),
        ("image-classification", {"model__size": "huge"}, "model.size", "not_choice"),
        (
            "image-classification",
            {"model": {"arch": "vit", "image": 30, "patch": 4}},
            "model.patch",
            "patch_image",
        ),
        ("text-regression", {"data__columns": {"text": "a", "value": "a"}}, "data.columns.value", "column_same"),
        ("forecasting", {"data__clean": {"unicode": True}}, "data.clean", "clean_unused"),
        ("causal-lm", {"data__clean": {"min_chars": 9, "max_chars": 8}}, "data.clean.min_chars", "clean_range"),
        ("image-segmentation", {"model__image": 16}, "model.image", "image_small"),
        (
            "image-classification",
            {"model": {"arch": "convnext", "size": "nano", "image": 32, "patch": 8}},
            "model.image",
            "image_small",
        ),
        ("forecasting", {"model__patch": 5}, "model.patch", "patch_context"),
        ("forecasting", {"model__patch": 24}, "model.patch", "patch_whole"),
        ("audio-classification", {"model__patch": 5}, "model.patch", "patch_bands"),
        ("forecasting", {"tokenizer": {"kind": "char"}}, "tokenizer", "tokenizer_unused"),
        ("text-regression", {"data__columns": {"label": "a"}}, "data.columns.label", "column_unused"),
        (
            "text-classification",
            {"data__columns": {"text": "a", "label": "a"}},
            "data.columns.label",
            "column_same",
        ),
    ],
)
def test_contradictions_are_named(task: str, changes: dict[str, Any], path: str, code: str) -> None:
    assert issues_of(tiny(task, **changes))[path] == code


@pytest.mark.parametrize("task", TASKS)
def test_schema_agrees_with_the_reader(task: str) -> None:
    schema = spec_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(Spec.from_json(tiny(task)).to_json())
    for where, value, _ in BAD_VALUES:
        if value == value and value not in (float("inf"), 10**400):
            assert not validator.is_valid(tiny("causal-lm", **{where: value})), (where, value)


def test_every_message_fits_its_parameters() -> None:
    for code, hint in messages.HINTS.items():
        assert code in messages.MESSAGES, (code, hint)


def test_issue_text_is_template_and_parameters() -> None:
    with pytest.raises(SpecError) as caught:
        Spec.from_json(tiny("causal-lm", model__heads=3))
    issue = caught.value.issues[0]
    assert issue.text == messages.MESSAGES[issue.code] % issue.params
    assert json.loads(json.dumps(issue.to_json()))["text"] == issue.text
    assert isinstance(issue, Issue)


@pytest.mark.parametrize("task", TASKS)
def test_sound_spec_has_no_errors(task: str) -> None:
    assert "error" not in found(tiny(task)).values()


NUMBER = COLUMN_PROFILES["text-regression"]
COLUMNS = PROFILES["text-classification"]["columns"]


@pytest.mark.parametrize(
    ("spec", "profile", "code", "level"),
    [
        (tiny("causal-lm"), {"kind": "images"}, "kind_unfit", "error"),
        (tiny("causal-lm"), {"chars": 90}, "text_short", "error"),
        (tiny("causal-lm", train__batch=1, model__context=256), {"chars": 900}, "part_short", "error"),
        (tiny("causal-lm", model__width=512), {"chars": 10_000}, "model_large", "warning"),
        (tiny("causal-lm", train__max_steps=10**7), {}, "limit_short", "warning"),
        (tiny("text-classification", data__columns={"text": "body"}), {}, "column_required", "error"),
        (tiny("text-classification", data__columns={"text": "x", "label": "topic"}), {}, "column_absent", "error"),
        (tiny("text-classification"), {"classes": {}}, "label_unfit", "error"),
        (tiny("image-classification"), {"classes": {}}, "labels_absent", "error"),
        (tiny("audio-classification"), {"classes": {}}, "labels_absent", "error"),
        (tiny("text-classification"), {"classes": {"topic": {"a": 150}}}, "classes_few", "error"),
        (tiny("text-classification"), {"classes": {"topic": {"a": 100, "b": 4}}}, "class_small", "warning"),
        (tiny("text-classification"), {"classes": {"topic": {"Food": 70, "food ": 80}}}, "class_case", "warning"),
        (
            tiny("text-classification"),
            {"classes": {"topic": {str(n): 1 for n in range(1_500)}}},
            "classes_many",
            "error",
        ),
        (
            tiny("text-classification"),
            {"classes": {"topic": {str(n): 1 for n in range(100)}}},
            "classes_sparse",
            "error",
        ),
        (
            tiny("text-classification"),
            {"columns": [COLUMNS[0] | {"missing": 4}, COLUMNS[1]]},
            "column_missing_values",
            "warning",
        ),
        (
            tiny("text-classification"),
            {"columns": [COLUMNS[0] | {"p95_chars": 5_000}, COLUMNS[1]]},
            "text_truncated",
            "warning",
        ),
        (tiny("text-classification"), {"classes": {"topic": {"a": 5, "b": 4}}}, "rows_few", "error"),
        (tiny("text-classification", train__batch=140), {}, "batch_large", "error"),
        (
            tiny("text-classification", data__split={"valid": 0.001, "test": 0.2}),
            {},
            "split_empty",
            "error",
        ),
        (tiny("causal-lm", data__clean={"duplicates": True}), {}, "clean_rows", "error"),
        (tiny("image-segmentation"), {"image": {"labels_from": "folders"}}, "masks_absent", "error"),
        (tiny("object-detection"), {"image": {"labels_from": "masks"}}, "boxes_absent", "error"),
        (tiny("image-text"), {"image": {"labels_from": "boxes"}}, "captions_absent", "error"),
        (tiny("forecasting"), {"rows": 40}, "series_short", "error"),
        (tiny("audio-classification"), {"audio": {"seconds": [0.5, 2.5]}}, "sound_cut", "warning"),
        (tiny("speech-to-text"), {"audio": {"seconds": [0.5, 2.5], "transcripts_file": "t"}}, "sound_long", "error"),
        (tiny("speech-to-text"), {"audio": {"seconds": [0.5, 0.9]}}, "transcripts_missing", "error"),
        (tiny("text-regression"), {"columns": [COLUMNS[0], NUMBER | {"type": "text"}]}, "column_numbers", "error"),
        (tiny("multi-label-classification"), {"classes": {"topics": {"a": 99, "b": 9}}}, "labels_single", "warning"),
        (tiny("multi-label-classification"), {"classes": {"topics": {"a": 99}}}, "classes_few", "error"),
        (
            tiny("image-classification"),
            {"image": {"width": [8, 900], "height": [8, 8], "modes": ["RGB"]}},
            "image_shrunk",
            "warning",
        ),
    ],
)
def test_misfit_is_found(spec: dict[str, Any], profile: dict[str, Any], code: str, level: str) -> None:
    assert found(spec, **profile).get(code) == level


@pytest.mark.parametrize("task", TASKS)
def test_default_spec_fits_its_data(task: str) -> None:
    profile = PROFILES[task]
    spec = default_spec(task, profile, VERSION)
    assert Spec.from_text(spec.canonical()) == spec
    assert [issue for issue in validate(spec, profile) if issue.level == "error"] == []


ARCHS = [("causal-lm", "gpt"), ("causal-lm", "lstm"), ("masked-lm", "bert"), ("text-classification", "bert")]
ARCHS += [("text-classification", "lstm"), ("image-classification", "resnet"), ("image-classification", "vit")]
ARCHS += [
    ("token-classification", "bert"),
    ("text-to-text", "t5"),
    ("masked-image", "vit"),
    ("image-classification", "convnext"),
    ("image-generation", "unet"),
    ("image-generation", "dit"),
    ("image-segmentation", "segformer"),
    ("object-detection", "yolos"),
    ("image-text", "clip"),
    ("image-captioning", "vit-gpt2"),
    ("forecasting", "patchtst"),
    ("multi-label-classification", "bert"),
    ("text-regression", "bert"),
    ("text-regression", "lstm"),
    ("extractive-qa", "bert"),
    ("sentence-embedding", "bert"),
    ("audio-classification", "ast"),
    ("audio-classification", "wav2vec2"),
    ("causal-lm", "llama"),
    ("masked-lm", "modernbert"),
    ("text-classification", "modernbert"),
    ("token-classification", "modernbert"),
    ("masked-lm", "esm"),
    ("text-regression", "esm"),
    ("token-classification", "esm"),
    ("text-to-text", "bart"),
    ("summarization", "t5"),
    ("generative-qa", "bart"),
    ("speech-to-text", "wav2vec2"),
    ("speech-to-text", "whisper"),
    ("masked-audio", "wav2vec2"),
    ("text-to-speech", "speecht5"),
]
HEADS = {"text-classification": 3, "image-classification": 2, "multi-label-classification": 3, "text-regression": 1}
HEADS["token-classification"] = 8  # what is supposed where the profile does not list the tags
HEADS |= {"image-generation": 2, "image-segmentation": 8, "object-detection": 8}
HEADS["extractive-qa"] = 2
HEADS["audio-classification"] = 2
ANSWERS = {"masked-audio": "codes", "extractive-qa": "span", "sentence-embedding": "vector"}
EACH = {"token-classification", "extractive-qa"}


@pytest.mark.parametrize(("task", "arch"), ARCHS)
@pytest.mark.parametrize("size", ["nano", "mini"])
def test_estimated_parameters_are_exact(task: str, arch: str, size: str) -> None:
    from training.engine.catalogue import Sizes
    from training.engine.registry import net_module
    from training.engine.run import parameters_of

    obj = tiny(task, model={"arch": arch, "size": size})
    if TASKS[task].tokenizer:
        obj["tokenizer"] = {"kind": "bpe", "vocab": 500}
    spec = Spec.from_json(obj)
    sizes = Sizes(
        vocab={"wav2vec2": 0 if task == "audio-classification" else 7, "whisper": 8, "speecht5": 8}.get(arch, 500),
        channels=1,
        classes=HEADS.get(task, 0),
        each=task in EACH,
        head=ANSWERS.get(task, ""),
    )
    net = net_module(arch).build(spec.shape, sizes)
    assert estimate(spec, PROFILES[task]).parameters == parameters_of(net)


def test_estimate_counts_steps_and_tokens() -> None:
    spec = Spec.from_json(tiny("causal-lm", train={"epochs": 2, "batch": 8}))
    guess = estimate(spec, PROFILES["causal-lm"] | {"chars": 16_000})
    # 70 % of 16,000 characters are 700 blocks of 16: 88 batches of 8 in each of two passes.
    assert (guess.steps, guess.units, guess.unit) == (176, 176 * 8 * 16, "tokens")


def test_inputs_are_read_strictly() -> None:
    good = {"v": 1, "job": VERSION, "fence": 1, "data": {"path": "/x", "kind": "text", "sha256": "a" * 64}}
    assert Inputs.from_text(json.dumps(good)).to_json() == good | {
        "resume": False,
        "start": None,
        "tokenizer": None,
        "until": 1.0,
        "data": good["data"] | {"profile": {}},
    }
    with pytest.raises(SpecError):
        Inputs.from_json(good | {"fence": -1, "extra": 1})


def test_torn_line_is_no_event() -> None:
    assert parse_event(b'{"t":1.0,"n":0,"e":"stop') is None
    assert parse_event(b'{"t":1.0,"n":0,"e":"stopped","step":3}\n') == {"t": 1.0, "n": 0, "e": "stopped", "step": 3}
    assert parse_event(b'{"e":"unknown"}') is None


def test_memory_counts_every_process_and_the_library_that_builds_the_net() -> None:
    """Against what such runs took; `python -m benchmarks.memory` measures them anew."""
    text = {"kind": "text", "rows": 1, "chars": 330_000, "bytes": 330_000}
    took = {("gpt", "mini"): 830e6, ("gpt", "small"): 1_335e6, ("lstm", "mini"): 776e6, ("llama", "mini"): 1_344e6}
    for (arch, size), truth in took.items():
        spec = default_spec("causal-lm", text, VERSION)
        spec = dataclasses.replace(spec, model=ModelSpec(arch=arch, size=size))
        spec = dataclasses.replace(spec, train=dataclasses.replace(spec.train, compile="off"))
        assert 0.8 < estimate(spec, text).memory_bytes / truth < 1.6, arch
        alone = dataclasses.replace(spec, resources=dataclasses.replace(spec.resources, cpus=1))
        library = 2.7e8 if arch == "llama" else 0
        saved = estimate(spec, text).memory_bytes - estimate(alone, text).memory_bytes
        assert saved == pytest.approx(3.7e8 + library), arch
        compiled = dataclasses.replace(spec, train=dataclasses.replace(spec.train, compile="on"))
        more = estimate(compiled, text).memory_bytes - estimate(spec, text).memory_bytes
        assert more == (pytest.approx(2 * sizing.COMPILER_BYTES) if arch == "gpt" else 0), arch


def test_memory_is_that_of_the_batch_of_the_longest_rows() -> None:
    """A classifier of short texts of which some are long took 140 MB more than one of short texts alone."""

    def told(most: int, mean: float = 60.0, **train: Any) -> Any:
        text = {"name": "body", "type": "text", "missing": 0, "mean_chars": mean, "p95_chars": 90, "max_chars": most}
        profile = {"kind": "csv", "rows": 2_000, "columns": [text], "classes": {"topic": {"a": 1_000, "b": 1_000}}}
        spec = tiny("text-classification", model={"arch": "bert", "size": "mini", "context": 128})
        spec["train"] |= {"batch": 32} | train
        return estimate(Spec.from_json(spec), profile)

    short, long = told(90), told(1_200)
    assert 140e6 < long.memory_bytes - short.memory_bytes < 1.7 * 140e6
    assert (long.flops, long.seconds_cpu) == (short.flops, short.seconds_cpu)  # those of rows of middling length
    assert told(90, dtype="bf16").memory_bytes - short.memory_bytes == pytest.approx(30e6)
    assert told(20_000).memory_bytes == told(1_200).memory_bytes  # no more than the context is read


def test_nets_that_transformers_builds_are_known() -> None:
    """Told apart by what their files take weights from."""
    folder = Path(sizing.__file__).parent / "nets"
    found = {
        arch
        for arch in sizing.ARCHS
        if re.search(r"nets\.(hf|borrowed|diffusion) import", (folder / f"{arch.replace('-', '_')}.py").read_text())
    }
    assert found == sizing.BORROWED


@pytest.mark.parametrize("arch", sizing.ARCHS)
def test_every_architecture_comes_in_every_size_and_grows(arch: str) -> None:
    sizes = sizing.ARCHS[arch].sizes
    assert list(sizes) == ["nano", "mini", "small", "base"]
    weights = [shape.layers * shape.width**2 for shape in sizes.values()]
    assert weights == sorted(weights)


@pytest.mark.parametrize("arch", ["llama", "modernbert", "esm"])
def test_heads_that_turn_places_are_of_even_width(arch: str) -> None:
    task = "causal-lm" if arch == "llama" else "masked-lm"
    with pytest.raises(SpecError) as caught:
        Spec.from_json(tiny(task, model={"arch": arch, "size": "nano", "width": 33, "heads": 3, "context": 16}))
    assert [(issue.path, issue.code) for issue in caught.value.issues] == [("model.heads", "heads_step")]
    Spec.from_json(tiny(task, model={"arch": arch, "size": "nano", "width": 36, "heads": 3, "context": 16}))
