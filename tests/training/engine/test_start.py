"""Going on from a model that was trained before: what is taken over, what learns, and what is refused."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import (
    BLOBS,
    KINDS,
    VERSION,
    MakeRun,
    Run,
    blob_of,
    profile_for,
    profile_of,
    tiny,
)
from training.engine.contract import DONE, FAILED, Inputs, Spec, validate
from training.engine.package import load_net
from training.engine.spec import SpecError

WIDE = {"arch": "bert", "size": "nano", "layers": 2, "width": 32, "context": 32, "dropout": 0.0}
CHARS = {"kind": "char"}
EASY = {"train__max_steps": 30, "model": WIDE, "tokenizer": CHARS, "eval__every_steps": 30}


def run_of(folder: Path, spec: dict[str, Any], start: Run | None = None) -> Run:
    kind = KINDS[spec["task"]]
    run = Run(folder, spec, BLOBS[kind](), kind, profile_of(kind, BLOBS[kind]()))
    if start is not None:
        begin_with(run, start.folder / "out")
    return run


def begin_with(run: Run, package: Path) -> None:
    inputs = json.loads((run.folder / "inputs.json").read_text())
    digest = hashlib.sha256((package / "MANIFEST.json").read_bytes()).hexdigest()
    inputs["start"] = {"path": str(package), "manifest_sha256": digest}
    (run.folder / "inputs.json").write_text(json.dumps(inputs))


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A masked language model of the words that the table of the classifier is made of."""
    words = ["ball", "goal", "team", "win", "soup", "bread", "milk", "salt", "star", "moon", "sun", "cloud"]
    chance = np.random.default_rng(8)
    text = "".join(f"{' '.join(words[i] for i in chance.integers(12, size=6))}\n" for _ in range(300)).encode()
    folder = tmp_path_factory.mktemp("start") / "pretrained"
    run = Run(folder, tiny("masked-lm", **EASY), text, "text", profile_of("text", text))
    assert run.go() == DONE, run.log
    return run


def fine(**changes: Any) -> dict[str, Any]:
    return tiny("text-classification", **(EASY | {"model": WIDE | {"start": VERSION}} | changes))


def test_a_classifier_begins_with_the_body_of_a_masked_model(pretrained: Run, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", fine(model=WIDE | {"start": VERSION, "learn_layers": 0}), pretrained)
    assert run.go() == DONE, run.log
    before, after = load_net(pretrained.folder / "out").state_dict(), load_net(run.folder / "out").state_dict()
    body = [name for name in after if not name.startswith(("pooler.", "classifier."))]
    assert len(body) > 20
    assert all(torch.equal(before[name], after[name]) for name in body)  # held still
    learnt = sum(tensor.numel() for name, tensor in after.items() if name not in body)
    assert run.of("start")[0]["parameters"] == learnt
    tokens = [(r.folder / "out" / "tokenizer.json").read_bytes() for r in (pretrained, run)]
    assert tokens[0] == tokens[1]
    card = (run.folder / "out" / "README.md").read_text()
    assert f"Trained from model version {VERSION}" in card and "Only the last 0 layers and the head" in card


def reading(run: Run, package: Path) -> Run:
    """The run, with the package whose tokenizer it reuses."""
    inputs = json.loads((run.folder / "inputs.json").read_text())
    digest = hashlib.sha256((package / "MANIFEST.json").read_bytes()).hexdigest()
    inputs["tokenizer"] = {"path": str(package), "manifest_sha256": digest}
    (run.folder / "inputs.json").write_text(json.dumps(inputs))
    return run


OTHERS = CHARS | {"start": VERSION}


def test_a_tokenizer_is_reused_by_a_net_of_another_architecture(pretrained: Run, tmp_path: Path) -> None:
    """Of another width too: no weight is taken over."""
    net = {"arch": "modernbert", "size": "nano", "layers": 1, "width": 16, "context": 32}
    spec = fine(model=net, tokenizer=OTHERS, train__max_steps=2)
    run = reading(run_of(tmp_path / "run", spec), pretrained.folder / "out")
    assert run.go() == DONE, run.log
    tokens = [(r.folder / "out" / "tokenizer.json").read_bytes() for r in (pretrained, run)]
    assert tokens[0] == tokens[1]
    plain = run_of(tmp_path / "plain", fine(model=net, train__max_steps=2))
    assert plain.go() == DONE, plain.log
    assert (plain.folder / "out" / "tokenizer.json").read_bytes() != tokens[0]
    card = (run.folder / "out" / "README.md").read_text()
    assert f"Trained from random weights. It reads text with the tokenizer of model version {VERSION}" in card


@pytest.mark.parametrize(
    ("case", "message"), [("gone", "reads_gone"), ("changed", "reads_changed"), ("other", "reads_unfit")]
)
def test_a_tokenizer_that_is_not_what_was_named_is_refused(
    case: str, message: str, pretrained: Run, tmp_path: Path
) -> None:
    package = tmp_path / "package"
    shutil.copytree(pretrained.folder / "out", package)
    own = OTHERS if case != "other" else {"kind": "byte", "start": VERSION}
    run = run_of(tmp_path / "run", fine(model=WIDE, tokenizer=own))
    if case != "gone":
        reading(run, package)
    if case == "changed":
        (package / "tokenizer.json").write_bytes(b"{}")
    assert run.go() == FAILED
    assert run.of("error")[0]["message"] == message


def test_a_spec_that_reuses_a_tokenizer_is_held_against_it() -> None:
    theirs = Spec.from_json(tiny("masked-lm", **EASY))
    profile = profile_of("csv", b"")

    def found(spec: dict[str, Any], start: Spec = theirs) -> list[tuple[str, str]]:
        return [(i.path, i.code) for i in validate(Spec.from_json(spec), profile, start) if i.level == "error"]

    spec = tiny("text-classification", tokenizer=OTHERS)
    assert found(spec) == []
    assert found(spec | {"tokenizer": {"kind": "byte", "start": VERSION}}) == [("tokenizer", "reads_other")]
    assert found(spec, Spec.from_json(tiny("causal-lm"))) == [("tokenizer.start", "reads_task")]
    with pytest.raises(SpecError) as caught:
        Spec.from_json(fine(tokenizer=OTHERS))
    assert [(i.path, i.code) for i in caught.value.issues] == [("tokenizer.start", "tokenizer_twice")]
    # Specs without one are the recipes that they were.
    plain = Spec.from_json(tiny("text-classification", tokenizer=CHARS))
    assert plain.tokenizer is not None and plain.tokenizer.key == CHARS | {"vocab": None}
    assert plain.recipe_sha256 != Spec.from_json(spec).recipe_sha256


@pytest.mark.parametrize("task", ["multi-label-classification", "text-regression", "token-classification"])
def test_other_tasks_on_text_begin_there_too(task: str, pretrained: Run, tmp_path: Path) -> None:
    spec = tiny(task, **EASY | {"model": WIDE | {"start": VERSION, "learn_layers": 0}, "train__max_steps": 3})
    run = Run(tmp_path / "run", spec, blob_of(task), KINDS[task], profile_for(task))
    begin_with(run, pretrained.folder / "out")
    assert run.go() == DONE, run.log
    before, after = load_net(pretrained.folder / "out").state_dict(), load_net(run.folder / "out").state_dict()
    body = [name for name in after if not name.startswith(("pooler.", "classifier."))]
    assert len(body) > 20 and all(torch.equal(before[name], after[name]) for name in body)


@pytest.mark.parametrize(
    "task", ["text-to-text", "forecasting", "text-regression", "masked-image", "object-detection", "image-text"]
)
def test_a_model_goes_on_in_its_own_task(task: str, tmp_path: Path) -> None:
    """One step at hardly any rate: the head is that of the start too."""
    first = Run(tmp_path / "first", tiny(task), blob_of(task), KINDS[task], profile_for(task))
    assert first.go() == DONE, first.log
    spec = tiny(task, train__lr=1e-9, train__max_steps=1, model__start=VERSION)
    again = Run(tmp_path / "again", spec, blob_of(task), KINDS[task], profile_for(task))
    begin_with(again, first.folder / "out")
    assert again.go() == DONE, again.log
    assert again.of("done")[0]["metrics"] == pytest.approx(first.of("done")[0]["metrics"], rel=1e-2, abs=1e-3)
    # Where nothing linear stands beside it, report and card say so.
    report, card = (again.folder / "out" / name for name in ("report.json", "README.md"))
    absent = None if task in ("forecasting", "text-regression") else "task"
    assert json.loads(report.read_text())["no_probe"] == absent
    assert ("There is no linear answer to frozen features for this task" in card.read_text()) == (absent == "task")


def test_the_last_layers_learn_and_the_others_do_not(pretrained: Run, tmp_path: Path) -> None:
    spec = fine(model=WIDE | {"start": VERSION, "learn_layers": 1})
    whole, broken = run_of(tmp_path / "whole", spec, pretrained), run_of(tmp_path / "broken", spec, pretrained)
    assert whole.go() == DONE, whole.log
    before, after = load_net(pretrained.folder / "out").state_dict(), load_net(whole.folder / "out").state_dict()
    moved = {name.split(".")[1] for name in after if name.startswith("layers.") and not after[name].equal(before[name])}
    assert moved == {"1"}
    # … and a stop in the middle changes nothing
    from tests.training.engine.conftest import kill_at

    assert broken.go(kill_at(11, 15)) == 75
    inputs = json.loads((broken.folder / "inputs.json").read_text()) | {"resume": True, "fence": 2}
    (broken.folder / "inputs.json").write_text(json.dumps(inputs))
    assert broken.go() == DONE, broken.log
    assert broken.weights == whole.weights


def test_the_same_classes_keep_the_head(pretrained: Run, tmp_path: Path) -> None:
    first = run_of(tmp_path / "first", fine(), pretrained)
    assert first.go() == DONE, first.log
    still = run_of(tmp_path / "still", fine(train__lr=1e-9, train__max_steps=1), first)
    assert still.go() == DONE, still.log
    assert still.of("done")[0]["metrics"] == pytest.approx(first.of("done")[0]["metrics"], abs=1e-3)


def test_images_go_on_too_and_new_classes_get_a_new_head(tmp_path: Path) -> None:
    first = run_of(tmp_path / "first", tiny("image-classification"))
    assert first.go() == DONE, first.log
    spec = tiny("image-classification", train__lr=1e-9, train__max_steps=1, model__start=VERSION)
    again = run_of(tmp_path / "again", spec, first)
    assert again.go() == DONE, again.log
    before, after = load_net(first.folder / "out").state_dict(), load_net(again.folder / "out").state_dict()
    torch.testing.assert_close(after["classifier.weight"], before["classifier.weight"], atol=1e-6, rtol=0)

    from training.engine.start import open_start, take_over

    start = open_start(Inputs.from_text((again.folder / "inputs.json").read_bytes()).start, Spec.from_json(spec))
    assert start is not None
    assert start.labels == ["left", "right"]
    net = load_net(again.folder / "out")
    assert take_over(net, start, ["left", "right"]) == []
    assert take_over(net, start, ["up", "down"]) == ["classifier.weight", "classifier.bias"]


def test_a_shorter_context_takes_the_first_places(pretrained: Run, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", fine(model=WIDE | {"start": VERSION, "context": 24, "learn_layers": 0}), pretrained)
    assert run.go() == DONE, run.log
    before, after = load_net(pretrained.folder / "out").state_dict(), load_net(run.folder / "out").state_dict()
    assert torch.equal(after["places.weight"], before["places.weight"][:24])


@pytest.mark.parametrize("broken", ["weights", "manifest", "gone", "nothing"])
def test_a_start_that_is_not_what_it_was_is_refused(broken: str, pretrained: Run, make_run: MakeRun) -> None:
    import shutil

    run = make_run("run", fine())
    package = run.folder / "package"
    shutil.copytree(pretrained.folder / "out", package)
    if broken != "nothing":
        begin_with(run, package)
    if broken == "weights":
        data = bytearray((package / "model.safetensors").read_bytes())
        data[-1] ^= 1
        (package / "model.safetensors").write_bytes(data)
    elif broken == "manifest":
        (package / "MANIFEST.json").write_text((package / "MANIFEST.json").read_text() + " ")
    elif broken == "gone":
        shutil.rmtree(package)
    assert run.go() == FAILED
    error = run.of("error")[0]
    assert error["code"] == "bad_spec"
    assert error["message"] == ("start_changed" if broken == "manifest" else "start_gone")
    assert error["hint"] and f"{error['text']} {error['hint']}" in run.log
    assert ("model.safetensors is not what the manifest says" in run.log) is (broken == "weights")
    assert not (run.folder / "out").exists()


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"model": WIDE | {"start": VERSION, "width": 16}}, "model.width", "start_shape"),
        ({"model": WIDE | {"start": VERSION, "context": 64}}, "model.context", "start_shape"),
        ({"tokenizer": {"kind": "byte"}}, "tokenizer", "start_tokenizer"),
        ({"model": {"arch": "lstm", "size": "nano", "start": VERSION}}, "model.arch", "start_arch"),
    ],
)
def test_a_spec_that_does_not_fit_its_start_is_told_so(changes: dict[str, Any], path: str, code: str) -> None:
    start = Spec.from_json(tiny("masked-lm", **EASY))
    spec = Spec.from_json(fine(**changes))
    issues = validate(spec, profile_of("csv", BLOBS["csv"]()), start)
    assert (path, code) in {(issue.path, issue.code) for issue in issues if issue.level == "error"}


def test_only_related_tasks_go_on_from_each_other() -> None:
    language = Spec.from_json(tiny("causal-lm"))
    issues = validate(Spec.from_json(fine()), profile_of("csv", BLOBS["csv"]()), language)
    assert [issue.code for issue in issues if issue.path == "model.start"] == ["start_task"]


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (WIDE | {"learn_layers": 1}, "learn_without_start"),
        (WIDE | {"start": VERSION, "learn_layers": 3}, "learn_count"),
    ],
)
def test_layers_are_held_still_only_where_there_are_some(model: dict[str, Any], code: str) -> None:
    with pytest.raises(SpecError) as caught:
        Spec.from_json(fine(model=model))
    assert [issue.code for issue in caught.value.issues] == [code]


@pytest.mark.parametrize(
    ("task", "model", "counts"),
    [
        ("causal-lm", {"arch": "gpt", "size": "nano"}, range(1, 3)),  # its head is the table of tokens
        ("causal-lm", {"arch": "lstm", "size": "nano"}, range(1)),
        ("text-classification", WIDE, range(3)),
        ("text-to-text", {"arch": "t5", "size": "nano"}, range(1, 3)),
        ("image-classification", {"arch": "resnet", "size": "nano"}, range(4)),
        ("image-classification", {"arch": "vit", "size": "nano"}, range(3)),
        ("image-classification", {"arch": "convnext", "size": "nano"}, range(5)),
        ("image-segmentation", {"arch": "segformer", "size": "nano"}, range(5)),
        ("object-detection", {"arch": "yolos", "size": "nano"}, range(3)),
    ],
)
def test_whatever_may_be_chosen_leaves_something_to_learn(task: str, model: dict[str, Any], counts: range) -> None:
    """The catalogue promises what the nets can do: held to the nets themselves."""
    from training.engine.catalogue import ARCHS, Sizes
    from training.engine.registry import net_module
    from training.engine.start import freeze

    shape = Spec.from_json(tiny(task, model=model)).shape
    assert ARCHS[model["arch"]].learnable(shape) == counts
    classes = 0 if task == "causal-lm" else 2
    seen = []
    for count in counts:
        net = net_module(model["arch"]).build(shape, Sizes(vocab=20, channels=1, classes=classes))
        freeze(net, model["arch"], count)
        seen.append(sum(p.numel() for p in net.parameters() if p.requires_grad))
    assert seen[0] > 0 and seen == sorted(set(seen))
    for wrong in {counts.start - 1, counts.stop} - {-1}:
        with pytest.raises(SpecError) as caught:
            Spec.from_json(tiny(task, model=model | {"start": VERSION, "learn_layers": wrong}))
        assert [issue.code for issue in caught.value.issues] == ["learn_count"]


def test_specs_from_before_keep_their_identity() -> None:
    """Their runs are resumed: the hash is that of a version in which a spec could not name a start."""
    before = "0f01930ab631a5e21048f2ba640aedaf962718437d24e8799020865c490d54a4"
    assert Spec.from_json(tiny("causal-lm", train__dtype="auto")).recipe_sha256 == before
