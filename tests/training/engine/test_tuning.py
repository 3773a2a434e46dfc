"""Going on from a model with few labels: low-rank changes, and the linear answer that every fine-tune is held to."""

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model
import sklearn.model_selection
import torch

from tests.training.engine.conftest import (
    KINDS,
    VERSION,
    MakeRun,
    Run,
    blob_of,
    csv_blob,
    kill_at,
    profile_for,
    profile_of,
    tiny,
)
from tests.training.engine.test_nets import SHAPES, scrambled
from tests.training.engine.test_start import begin_with
from training.engine import adapting, probe
from training.engine.contract import DONE, FAILED, STOPPED, Spec
from training.engine.errors import Stop, StopRequestedError
from training.engine.package import load_net, read_tensors
from training.engine.predict import Predictor
from training.engine.registry import task_module
from training.engine.strict import SpecError
from training.engine.tasks.base import Judged, Task

SEEDS = 5
TOPICS = {
    "sport": "ball goal team win run kick race match swim jump throw score",
    "food": "soup bread milk salt rice cake meat plum fish corn tea egg",
    "sky": "star moon sun cloud rain wind snow storm dusk dawn fog hail",
}
MODEL = {"arch": "bert", "size": "nano", "layers": 1, "width": 32, "context": 16, "dropout": 0.0}
TOKENS = {"kind": "bpe", "vocab": 600}


def lines(count: int, seed: int, words: int = 3) -> Iterator[tuple[str, str]]:
    """(some words of a topic, the topic)."""
    chance = np.random.default_rng(seed)
    for n in range(count):
        topic = list(TOPICS)[n % 3]
        yield " ".join(chance.choice(TOPICS[topic].split(), size=words)), topic


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked language model that has read which words stand together, and no label."""
    text = "\n".join(text for text, _ in lines(300, 1, words=30)).encode()
    spec = tiny("masked-lm", model=MODEL, tokenizer=TOKENS, eval__every_steps=1000)
    spec["train"] |= {"max_steps": 1000, "batch": 16, "lr": 5e-3, "weight_decay": 0.0}
    run = Run(tmp_path_factory.mktemp("tuning") / "pretrained", spec, text, "text", profile_of("text", text))
    assert run.go() == DONE, run.log
    return run.folder / "out"


def tuned(folder: Path, package: Path | None, rows: int = 60, seed: int = 1, **model: Any) -> Run:
    """A classifier of rows of which a quarter is learnt from."""
    start = {} if package is None else {"start": VERSION}
    spec = tiny("text-classification", model=MODEL | start | model, tokenizer=TOKENS)
    spec["train"] |= {"max_steps": 40, "lr": 3e-3, "seed": seed}
    spec["data"]["split"] = {"valid": 0.15, "test": 0.6, "seed": seed}
    spec["eval"] = {"every_steps": 20, "samples": 0}
    blob = csv_blob(["body", "topic"], list(lines(rows, 50 + seed)))
    run = Run(folder, spec, blob, "csv", profile_of("csv", blob))
    if package is not None:
        begin_with(run, package)
    return run


def accuracy(run: Run) -> float:
    return run.of("done")[0]["metrics"]["test/accuracy"]


def test_a_pretrained_start_beats_a_random_one_with_few_labels(pretrained: Path, tmp_path: Path) -> None:
    """Fifteen labels and as many seeds as give a 95 % interval of the gain that is far above nothing."""
    gains, probes = [], []
    for seed in range(SEEDS):
        runs = [tuned(tmp_path / f"{seed}-{bool(p)}", p, seed=seed) for p in (pretrained, None)]
        assert [run.go() for run in runs] == [DONE, DONE], runs[0].log
        gains.append(accuracy(runs[0]) - accuracy(runs[1]))
        found = [json.loads((run.folder / "out" / "report.json").read_text()) for run in runs]
        assert found[0]["primary"]["probe"] == found[0]["probe"]["metrics"]["macro_f1"]
        assert found[1]["probe"] is None and found[1]["primary"]["probe"] is None
        probes.append(found[0]["probe"]["metrics"]["accuracy"] - found[0]["baseline"]["metrics"]["accuracy"])
    half = 2.776 * np.std(gains, ddof=1) / math.sqrt(SEEDS)  # Student's t with four degrees of freedom
    assert np.mean(gains) - half > 0.1, gains
    assert min(probes) > 0.2, probes
    card = (runs[0].folder / "out" / "README.md").read_text()
    assert "frozen features of the model it was trained from (logistic)" in card


def test_low_rank_changes_learn_and_the_package_holds_the_sum(pretrained: Path, tmp_path: Path) -> None:
    whole, broken = (tuned(tmp_path / name, pretrained, rows=90, lora=4) for name in ("whole", "broken"))
    assert whole.go() == DONE, whole.log
    before, after = load_net(pretrained).state_dict(), load_net(whole.folder / "out").state_dict()
    heads = {name.partition(".")[0] for name in set(after) - set(before)}
    assert heads == {"pooler", "classifier"}
    for name in set(after) & set(before):
        change = after[name] - before[name]
        if name.startswith("layers.") and name.endswith((".qkv.weight", ".out.weight", ".up.weight", ".down.weight")):
            assert torch.linalg.matrix_rank(change, rtol=1e-4) == 4, name
        else:
            assert not change.any(), name  # tables, norms and biases are held still
    learnt = 4 * sum(sum(t.shape) for n, t in before.items() if n.startswith("layers.") and t.dim() == 2)
    learnt += sum(t.numel() for n, t in after.items() if n.startswith(("pooler.", "classifier.")))
    assert whole.of("start")[0]["parameters"] == learnt
    assert accuracy(whole) > 0.6
    # What was judged before the sum was made is what the package answers.
    texts = [text for text, _ in lines(90, 51)]
    right = [a["label"] == t for a, (_, t) in zip(Predictor(whole.folder / "out")(texts), lines(90, 51), strict=True)]
    assert np.mean(right) > 0.6
    # … and a stop in the middle changes nothing
    assert broken.go(kill_at(23, 15)) == STOPPED
    inputs = json.loads((broken.folder / "inputs.json").read_text()) | {"resume": True, "fence": 2}
    (broken.folder / "inputs.json").write_text(json.dumps(inputs))
    assert broken.go() == DONE, broken.log
    assert broken.weights == whole.weights


@pytest.mark.parametrize("arch", ["gpt", "bert", "masked-bert", "t5", "vit", "patchtst"])
def test_an_adapted_net_begins_as_it_was_and_merges_into_what_it_became(arch: str) -> None:
    net, chance = scrambled(arch), torch.Generator().manual_seed(1)
    kind = arch.rpartition("-")[2]
    shape = SHAPES[arch][0]
    if kind == "vit":
        inputs: tuple[torch.Tensor, ...] = (torch.randn(2, 1, 16, 16, generator=chance),)
    elif kind == "patchtst":
        inputs = (torch.randn(2, shape.context or 1, generator=chance),)
    else:
        ids = torch.randint(1, 23, (2, 9), generator=chance)
        inputs = (ids, ids, torch.ones_like(ids).bool()) if kind == "t5" else (ids,)
    names = set(net.state_dict())
    with torch.no_grad():
        before = net(*inputs)
        adapting.adapt(net, kind, 3)
        assert torch.equal(net(*inputs), before)
        for module in net.modules():
            if isinstance(module, adapting.Adapted):
                module.up.normal_(std=0.1, generator=chance)
        changed = net(*inputs)
        assert not torch.allclose(changed, before, atol=1e-3)
        adapting.merge(net)
        torch.testing.assert_close(net(*inputs), changed, atol=2e-4, rtol=1e-3)
    assert set(net.state_dict()) == names


SMALL = {"size": "nano", "layers": 1, "width": 32}
OTHERS = {
    "lstm": {"arch": "lstm", "context": 32} | SMALL,
    "modernbert": {"arch": "modernbert", "context": 32} | SMALL,
    "vit": {"arch": "vit", "image": 16, "patch": 4} | SMALL,
    "convnext": {"arch": "convnext", "image": 16, "patch": 2} | SMALL | {"width": 8},
    "wav2vec2": {"arch": "wav2vec2", "seconds": 1} | SMALL,
}


@pytest.mark.parametrize(
    ("task", "arch"),
    [
        ("multi-label-classification", "bert"),
        ("multi-label-classification", "lstm"),
        ("text-regression", "modernbert"),
        ("token-classification", "bert"),
        ("token-classification", "modernbert"),
        ("image-classification", "resnet"),
        ("image-classification", "vit"),
        ("image-classification", "convnext"),
        ("audio-classification", "ast"),
        ("audio-classification", "wav2vec2"),
        ("forecasting", "patchtst"),
        ("image-segmentation", "segformer"),
        ("extractive-qa", "bert"),
    ],
)
def test_every_task_with_answers_has_its_probe(task: str, arch: str, tmp_path: Path) -> None:
    """From a model of its own kind that has hardly learnt: the probe makes more of its features than it does."""
    own = {"model": OTHERS[arch]} if arch in OTHERS else {}
    first = Run(tmp_path / "first", tiny(task, **own), blob_of(task), KINDS[task], profile_for(task))
    assert first.go() == DONE, first.log
    spec = tiny(task, **own, train__lr=1e-9, train__max_steps=1)
    spec["model"] = spec["model"] | {"start": VERSION}
    again = Run(tmp_path / "again", spec, blob_of(task), KINDS[task], profile_for(task))
    begin_with(again, first.folder / "out")
    assert again.go() == DONE, again.log
    found = json.loads((again.folder / "out" / "metrics.json").read_text())
    assert set(found["probe"]["metrics"]) == set(found["test"])
    assert found["probe"]["metrics"]["loss"] < min(found["test"]["loss"], found["baseline"]["metrics"]["loss"])


@pytest.mark.parametrize("task", ["token-classification", "forecasting", "text-regression"])
def test_a_probe_takes_no_more_memory_for_more_data(
    task: str, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It learns from so many words, windows or rows drawn with the seed, says so, and is tested group by group."""
    run = make_run("run", tiny(task, train__max_steps=1))
    assert run.go() == DONE, run.log
    opened, net = opened_of(run), load_net(run.folder / "out")
    whole = probe.probe_of(opened, net)
    monkeypatch.setattr(probe, "MAX_ROWS", 50)
    monkeypatch.setattr(probe, "MAX_WORDS", 60)
    monkeypatch.setattr(probe, "AT_ONCE", 4)
    sizes, embed = [], probe.embed

    def seen(*words: Any) -> np.ndarray:
        sizes.append(len(found := embed(*words)))
        return found

    monkeypatch.setattr(probe, "embed", seen)
    found = probe.probe_of(opened, net)
    assert found and whole and found["rows"] == 50 < found["rows_of"] == opened.count("train") == whole["rows"]
    words = 20 if task == "token-classification" else 1  # of an item
    assert sizes[0] == (60 if words > 1 else 50) and max(sizes[1:]) <= 4 * words
    assert (found.get("words"), found["seed"]) == (60 if words > 1 else None, 9)
    assert found == probe.probe_of(opened, net)
    monkeypatch.setattr(probe, "MAX_ROWS", 2_000)
    monkeypatch.setattr(probe, "MAX_WORDS", 4_000)
    assert probe.probe_of(opened, net)["metrics"] == pytest.approx(whole["metrics"], rel=1e-3)


def test_a_stop_is_heard_while_a_probe_is_fitted(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("run", tiny("text-regression", train__max_steps=1))
    assert run.go() == DONE, run.log
    opened, net = opened_of(run), load_net(run.folder / "out")
    held, begun = threading.Event(), []

    def fit(self: Any, *words: Any) -> Any:
        begun.append(self)
        opened.stop.requested = True
        held.wait(10)  # longer than anybody waits
        raise AssertionError("nobody heard it")

    monkeypatch.setattr(sklearn.linear_model.Ridge, "fit", fit)
    with pytest.raises(StopRequestedError):
        probe.probe_of(opened, net)
    assert len(begun) == 1
    held.set()


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (MODEL | {"lora": 4}, "lora_without_start"),
        (MODEL | {"lora": 4, "start": VERSION, "learn_layers": 0}, "lora_with_layers"),
        ({"arch": "lstm", "size": "nano", "lora": 4, "start": VERSION}, "lora_unfit"),
    ],
)
def test_low_rank_changes_that_cannot_be_are_told_at_their_place(model: dict[str, Any], code: str) -> None:
    with pytest.raises(SpecError) as caught:
        Spec.from_json(tiny("text-classification", model=model))
    assert [(issue.path, issue.code) for issue in caught.value.issues] == [("model.lora", code)]


def test_checkpoints_keep_the_changes_apart(pretrained: Path, tmp_path: Path) -> None:
    run = tuned(tmp_path / "run", pretrained, lora=2)
    assert run.go(kill_at(5, 15)) == STOPPED
    saved = read_tensors(run.folder / "ckpt" / "5-f1" / "model.safetensors")
    before = load_net(pretrained).state_dict()
    assert torch.equal(saved["layers.0.qkv.weight"], before["layers.0.qkv.weight"])
    assert saved["layers.0.qkv.up"].any()


def adapted_heads() -> None:
    """A hook with which the head gets changes as well: another layout than today's."""
    adapting.net_module = lambda arch: SimpleNamespace(HEAD="nothing")  # type: ignore[assignment, return-value]


def test_checkpoints_of_an_earlier_layout_are_refused_in_words(make_run: MakeRun) -> None:
    first = make_run("first", tiny("text-regression", train__max_steps=1))
    assert first.go() == DONE, first.log
    spec = tiny("text-regression", keep__checkpoint_every_steps=1, model__start=VERSION, model__lora=2)
    run = make_run("run", spec)
    begin_with(run, first.folder / "out")

    def earlier() -> None:
        adapted_heads()
        kill_at(3)()

    assert run.go(earlier) < 0
    inputs = json.loads((run.folder / "inputs.json").read_text()) | {"resume": True, "fence": 2}
    (run.folder / "inputs.json").write_text(json.dumps(inputs))
    assert run.go() == FAILED
    (error,) = run.of("error")
    assert error["code"] == "checkpoint_mismatch" and "earlier version of the engine" in error["text"]
    assert error["hint"] == "Start a new run instead of resuming this one."


def opened_of(run: Run) -> Task:
    """The task of a run, as it prepared it."""
    spec = Spec.from_text((run.folder / "spec.json").read_bytes())
    task = task_module(spec.task).Task(spec, Stop())
    (folder,) = (run.folder / "prepared").iterdir()
    task.open(folder, json.loads((folder / "prepared.json").read_bytes())["facts"])
    return task


def metrics_of(run: Run) -> dict[str, float]:
    """What the net of the package scores on the test part of the run."""
    task = opened_of(run)
    items = np.arange(task.count("test"))
    with torch.inference_mode():
        rows = task.measure(load_net(run.folder / "out"), "test", items)
    return {f"test/{name}": value for name, value in task.report(Judged("test", items, rows)).values.items()}


@pytest.mark.parametrize(
    ("task", "arch", "own"),
    [
        ("causal-lm", "llama", {"context": 16}),
        ("speech-to-text", "whisper", {"context": 16, "seconds": 1}),
        ("text-to-text", "bart", {"context": 32, "dropout": 0.0}),
        ("masked-lm", "modernbert", {"context": 32, "dropout": 0.0}),
    ],
)
def test_the_package_is_the_net_that_was_judged(task: str, arch: str, own: dict[str, Any], make_run: MakeRun) -> None:
    """The last matrix of these nets is their table of tokens too: it stays one."""
    model = {"arch": arch, "size": "nano", "layers": 1, "width": 32} | own
    first = make_run("first", tiny(task, model=model, train__max_steps=2))
    assert first.go() == DONE, first.log
    model |= {"start": VERSION, "lora": 2}
    second = make_run("second", tiny(task, model=model, train__max_steps=8, train__lr=0.05))
    begin_with(second, first.folder / "out")
    assert second.go() == DONE, second.log
    before, after = (load_net(run.folder / "out").state_dict() for run in (first, second))
    assert any(not torch.equal(before[name], after[name]) for name in after if "layers" in name)
    assert metrics_of(second) == pytest.approx(second.of("done")[0]["metrics"], rel=1e-4)
