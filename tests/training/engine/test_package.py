"""A package by itself: weights as the library of safetensors reads them, a manifest of all, a card that can be read."""

import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
import yaml
from torch import nn

from tests.training.engine.conftest import tiny
from tests.training.engine.test_nets import SHAPES, scrambled
from training.engine import package
from training.engine.__main__ import main
from training.engine.catalogue import ARCHS, TASKS, Sizes
from training.engine.errors import EngineError, StopRequestedError
from training.engine.package import MANIFEST, PIPELINES, card, load_net, manifest, read_tensors, seal, write_tensors
from training.engine.protocol import InputStart
from training.engine.registry import NETS, TASK_MODULES, net_module
from training.engine.spec import Spec
from training.engine.start import freeze, open_start, take_over
from training.engine.tasks.base import label_config

TENSORS: dict[str, torch.Tensor] = {
    "matrix": torch.arange(6.0).view(2, 3),
    "turned": torch.arange(6.0).view(2, 3).T,
    "every second": torch.arange(12.0).view(3, 4)[:, ::2],
    "number": torch.tensor(2.5),
    "nothing": torch.zeros(0, 3),
    "double": torch.tensor([1e300, -0.0], dtype=torch.float64),
    "count": torch.tensor(2**40),
    "special": torch.tensor([float("inf"), 1e-45]),
    "名": torch.ones(1),
    "learnt": nn.Parameter(torch.ones(2)),
}


@pytest.mark.parametrize("names", [[], *([name] for name in TENSORS), list(TENSORS), list(TENSORS)[::-1]], ids=str)
def test_weights_are_what_the_library_reads(names: list[str], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_tensors(path, {name: TENSORS[name] for name in names})
    found = safetensors.numpy.load_file(path)
    assert set(found) == set(names)
    for name in names:
        wanted = TENSORS[name].detach().numpy()
        assert (found[name].dtype, found[name].shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_array_equal(found[name], wanted)
        assert torch.equal(read_tensors(path)[name], TENSORS[name].detach())
    length = int.from_bytes(path.read_bytes()[:8], "little")
    assert length % 8 == 0  # so that what follows is in step
    assert json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"] == {"format": "pt"}


def test_equal_weights_are_equal_bytes_in_whatever_order(tmp_path: Path) -> None:
    for number, names in enumerate((sorted(TENSORS), sorted(TENSORS, reverse=True))):
        write_tensors(tmp_path / str(number), {name: TENSORS[name] for name in names})
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def test_a_manifest_names_every_file_and_not_itself(tmp_path: Path) -> None:
    files = {"b.json": b"{}", "a.bin": bytes(3_000_000), "empty": b""}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / MANIFEST).write_text("older")
    seal(tmp_path)
    told = json.loads((tmp_path / MANIFEST).read_text())
    wanted = {n: {"sha256": hashlib.sha256(d).hexdigest(), "size_bytes": len(d)} for n, d in files.items()}
    assert told == {"v": 1, "files": wanted} == manifest(tmp_path)
    assert list(told["files"]) == ["a.bin", "b.json", "empty"]


class Told:
    """What a package asks of a task."""

    def package(self, folder: Path) -> dict[str, Any]:
        (folder / "tokenizer.json").write_text("{}")
        return label_config(["no", "yes", "maybe"], "single_label_classification")


SPEC = Spec.from_json(tiny("text-classification", model__layers=2, model__context=12, model__heads=2))
RESOLVED: dict[str, Any] = {
    "versions": {"transformers": "5.0"},
    "sizes": {"vocab": 23, "classes": 3},
    "parameters": 12_345,
    "data_sha256": "d" * 64,
    "spec_sha256": "s" * 64,
    "device": "cpu",
    "threads": 2,
    "dtype": "fp32",
}
RESULTS: dict[str, Any] = {
    "primary": "macro_f1",
    "test": {"macro_f1": 0.8, "accuracy": 0.000_01, "loss": 1_234_567.0},
    "interval": [0.7, 0.9],
    "baseline": {"name": "majority", "metrics": {"macro_f1": 0.2, "accuracy": 0.4}},
    "probe": None,
    "step": 1_200,
    "weights_step": 1_100,
    "seconds": 61.4,
}


def packed(run_dir: Path, net: nn.Module | None = None, check: Callable[[], None] = lambda: None) -> Path:
    words: dict[str, Any] = {"resolved": RESOLVED, "results": RESULTS, "report": {"v": 1}, "check": check}
    told: Any = Told()
    return run_dir / package.write_package(run_dir, spec=SPEC, task=told, net=net or scrambled("bert"), **words)


def test_a_package_comes_back_as_the_net_that_it_was(tmp_path: Path) -> None:
    net = scrambled("bert")
    out = packed(tmp_path, net)
    again = load_net(out)
    assert not again.training
    for name, tensor in net.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    names = {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "spec.json", "README.md"}
    names |= {"resolved.json", "metrics.json", "report.json"}
    assert set(json.loads((out / MANIFEST).read_text())["files"]) == names
    assert {path.name for path in out.iterdir()} == names | {MANIFEST}
    config = json.loads((out / "config.json").read_text())
    assert (config["id2label"]["2"], config["dtype"], config["vocab_size"]) == ("maybe", "float32", 23)
    assert Spec.from_text((out / "spec.json").read_bytes()) == SPEC


LISTED = (
    "README.md",
    "config.json",
    "metrics.json",
    "model.safetensors",
    "resolved.json",
    "spec.json",
    "tokenizer.json",
)


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("how", ["flipped", "cut", "longer", "gone"])
def test_whatever_is_not_as_it_was_listed_is_named(
    name: str, how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = packed(tmp_path)
    data = (out / name).read_bytes()
    (out / name).unlink()
    if how != "gone":
        changed = {"flipped": data[:-1] + bytes([data[-1] ^ 1]), "cut": data[:-1], "longer": data + b" "}[how]
        (out / name).write_bytes(changed)
    (tmp_path / "texts").write_text("a\n")
    assert main(["predict", str(out), str(tmp_path / "texts")]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("This cannot be answered: ") and name in told.err
    assert len(told.err.splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "{}", "\x00", "[" * 100_000),
        *('{"files": []}', '{"files": {}}', '{"files": 3}'),
        *('{"files": {"spec.json": "x"}}', '{"files": {"spec.json": {}}}'),
    ],
    ids=lambda text: text[:20],
)
def test_a_manifest_that_is_none_is_named(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = packed(tmp_path)
    (out / MANIFEST).write_text(text)
    (tmp_path / "texts").write_text("a\n")
    assert main(["predict", str(out), str(tmp_path / "texts")]) == 1
    told = capsys.readouterr()
    assert told.out == "" and MANIFEST in told.err and len(told.err.splitlines()) == 1


@pytest.mark.parametrize("left_out", ["model.safetensors", "spec.json", "resolved.json"])
def test_a_manifest_vouches_for_all_that_makes_the_net(left_out: str, tmp_path: Path) -> None:
    out = packed(tmp_path)
    told = json.loads((out / MANIFEST).read_text())
    del told["files"][left_out]
    (out / MANIFEST).write_text(json.dumps(told))
    with pytest.raises(ValueError, match=f"MANIFEST.json says nothing of {left_out}"):
        load_net(out)


@pytest.mark.parametrize("call", range(1, 16))
def test_a_kill_while_a_package_is_made_leaves_the_one_before(call: int, tmp_path: Path) -> None:
    """Before each time that something is brought to disk, up to the swap."""
    before = packed(tmp_path)
    (before / "mark").touch()
    pid = os.fork()
    if pid == 0:
        calls, own, remove = itertools.count(1), package.fsync, shutil.rmtree

        def dying(work: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *words, **more: os._exit(7) if next(calls) == call else work(*words, **more)

        package.fsync, package.shutil.rmtree = dying(own), dying(remove)  # type: ignore[assignment]
        packed(tmp_path)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == (7 if call <= 14 else 0)
    # Two folders are removed, ten files and a folder are brought to disk, and at last the name.
    assert (before / "mark").exists() == (call <= 13)
    load_net(before)
    load_net(packed(tmp_path))  # once more, over whatever was left
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_a_stop_while_a_package_is_made_leaves_the_one_before(tmp_path: Path) -> None:
    before = packed(tmp_path)
    digest = (before / MANIFEST).read_bytes()
    asked = itertools.count(1)

    def stop(at: int) -> Callable[[], None]:
        def check() -> None:
            if next(asked) == at:
                raise StopRequestedError

        return check

    for at in (1, 5, 10):
        asked = itertools.count(1)
        with pytest.raises(StopRequestedError):
            packed(tmp_path, scrambled("bert").requires_grad_(False), stop(at))
        assert (before / MANIFEST).read_bytes() == digest
        load_net(before)


@pytest.mark.parametrize("arch", sorted(SHAPES.keys() - {"llama"}))  # which a library builds that takes seconds to load
@pytest.mark.parametrize("what", ["missing", "misshapen", "no number"])
def test_weights_that_do_not_make_the_net_are_refused(arch: str, what: str) -> None:
    module, net = net_module(arch.rpartition("-")[2]), scrambled(arch)
    tensors = dict(module.export(net)[0])
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    name = max((n for n, t in tensors.items() if t.any() and t.numel() > 1), key=lambda n: (tensors[n].numel(), n))
    if what == "missing":
        del tensors[name]
    elif what == "misshapen":
        tensors[name] = tensors[name].flatten()[1:]
    else:
        tensors[name] = torch.full_like(tensors[name], float("nan"))
    with pytest.raises(
        ValueError, match="not a number" if what == "no number" else f"{name} is missing or has another"
    ):
        package.import_tensors(net, module.export, tensors)
    assert all(torch.equal(before[n], tensor) for n, tensor in net.state_dict().items())  # and nothing was taken over


# -- the card


def front_of(text: str) -> dict[str, Any]:
    _, front, _ = text.split("---\n", 2)
    return yaml.safe_load(front)


def test_the_front_of_a_card_is_read_by_machines() -> None:
    front = front_of(card(SPEC, RESOLVED, RESULTS))
    assert (front["library_name"], front["pipeline_tag"]) == ("transformers", "text-classification")
    (result,) = front["model-index"][0]["results"]
    assert front["model-index"][0]["name"] == "bert-nano"
    assert result["dataset"]["revision"] == "d" * 64
    found = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert {name: type(value) for name, value in found.items()} == dict.fromkeys(RESULTS["test"], float)
    assert found == pytest.approx(RESULTS["test"], rel=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e-05, 2e-300, 1e6, 1e22, 0.1 + 0.2, float("nan"), float("inf")])
def test_every_figure_of_a_card_is_a_number(value: float) -> None:
    front = front_of(card(SPEC, RESOLVED, RESULTS | {"test": {"macro_f1": value}}))
    (metric,) = front["model-index"][0]["results"][0]["metrics"]
    assert type(metric["value"]) in (int, float) and metric["value"] == pytest.approx(value, rel=1e-5, nan_ok=True)


def test_a_card_tells_what_is_known() -> None:
    text = card(SPEC, RESOLVED, RESULTS)
    for line in (
        "12,345 learnt parameters. Trained from random weights.",
        "| macro_f1 | 0.8 | 0.2 |",
        "| loss | 1.235e+06 | nan |",
        "trivial baseline (majority)",
        "95 % interval of macro_f1, by bootstrap: 0.7 to 0.9.",
        "Held out: 15% for validation, 15% for test (seed 3)",
        "Steps: 1,200; weights of step 1,100; 61 seconds",
        "Device: cpu, 2 threads, fp32",
        "## Intended use",
        "## Limits",
    ):
        assert line in text
    assert " nan to nan" in card(SPEC, RESOLVED, RESULTS | {"interval": None})


VERSION = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "Trained from random weights.\n"),
        ({"model__start": VERSION}, f"Trained from model version {VERSION} (manifest {'m' * 64}).\n"),
        ({"model__start": VERSION, "model__learn_layers": 1}, "Only the last 1 layers and the head were trained.\n"),
        ({"model__start": VERSION, "model__lora": 4}, "Low-rank changes (LoRA, rank 4) and the head were trained"),
        (
            {"tokenizer": {"kind": "bpe", "vocab": 300, "start": VERSION}},
            f"random weights. It reads text with the tokenizer of model version {VERSION} (manifest {'t' * 64}).",
        ),
        (
            {"data__split": {"by": "author", "valid": 0.2}},
            "Held out: 20% of the groups of “author” for validation, 10% for",
        ),
        ({"data__split": {"given": "part"}}, "Held out: what the column “part” says is for validation and for test\n"),
    ],
)
def test_a_card_tells_where_it_came_from(changes: dict[str, Any], told: str) -> None:
    resolved = RESOLVED | {"start_manifest_sha256": "m" * 64, "tokenizer_manifest_sha256": "t" * 64}
    spec = Spec.from_json(tiny("text-classification", model__layers=2, **changes))
    assert told in card(spec, resolved, RESULTS)


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ({"no_probe": None}, "0.7 to 0.9.\n"),
        ({"no_probe": "task"}, "0.9. There is no linear answer to frozen features for this task to compare with.\n"),
        (
            {"no_probe": "rows"},
            "0.9. There were too few rows for a linear answer to frozen features to compare with.\n",
        ),
        (
            {"probe": {"kind": "ridge", "metrics": {"macro_f1": 0.62345}}},
            "features of the model it was trained from (ridge): 0.6234.\n",
        ),
    ],
)
def test_a_card_tells_of_the_probe(results: dict[str, Any], told: str) -> None:
    assert told in card(SPEC, RESOLVED, RESULTS | results)


def test_every_task_and_architecture_has_its_place_everywhere() -> None:
    assert set(PIPELINES) == set(TASK_MODULES) == set(TASKS)
    assert set(NETS) == set(ARCHS)
    root = Path(package.__file__).parents[2]
    for module in (*NETS.values(), *TASK_MODULES.values()):
        assert (root / f"{module.replace('.', '/')}.py").is_file(), module
    for task in TASKS.values():
        assert task.archs and set(task.archs) <= set(ARCHS)


@pytest.mark.parametrize(
    ("task", "names", "reads"),
    [
        ("causal-lm", {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}, 2),
        ("text-to-text", {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}, 2),
        ("image-captioning", {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}, 2),
        ("text-classification", {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}, 2),
        ("masked-lm", {"mask_token": "[MASK]", "cls_token": "[CLS]"}, 2),
        ("extractive-qa", {"sep_token": "[SEP]"}, 3),
    ],
)
def test_transformers_is_told_the_marks_of_a_tokenizer(task: str, names: dict[str, str], reads: int) -> None:
    spec = Spec.from_json(tiny(task))
    config = package.tokenizer_config(spec)
    assert names.items() <= config.items()
    assert ("mask_token" in config) == (task == "masked-lm")
    assert len(config["model_input_names"]) == reads and config["model_max_length"] == spec.shape.context


@pytest.mark.parametrize(
    "resolved", [{}, [], {"sizes": None}, {"sizes": []}, {"sizes": {"vocab": 23, "later": 1}}], ids=str
)
def test_sizes_that_another_version_wrote_are_refused_in_words(
    resolved: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = packed(tmp_path)
    (out / "resolved.json").write_text(json.dumps(resolved))
    seal(out)
    (tmp_path / "texts").write_text("a\n")
    assert main(["predict", str(out), str(tmp_path / "texts")]) == 1
    assert "resolved.json does not tell the sizes of the net" in capsys.readouterr().err
    digest = hashlib.sha256((out / MANIFEST).read_bytes()).hexdigest()
    spec = Spec.from_json(tiny("text-classification", model__start=VERSION, model__context=12, model__layers=2))
    with pytest.raises(EngineError) as caught:
        open_start(InputStart(str(out), digest), spec)
    assert (caught.value.reason, caught.value.message) == ("bad_spec", "start_gone")


START = {"model__layers": 2, "model__context": 12, "model__heads": 2, "model__start": VERSION}


@pytest.mark.parametrize(
    ("labels", "places", "fresh"),
    [
        (["no", "yes", "maybe"], 12, set()),
        (["no", "yes", "maybe"], 9, set()),
        (["no", "maybe", "yes"], 12, {"classifier.weight", "classifier.bias"}),  # the same in another order
        (["no", "yes"], 12, {"classifier.weight", "classifier.bias"}),
    ],
)
def test_what_a_start_gives_to_a_net(labels: list[str], places: int, fresh: set[str], tmp_path: Path) -> None:
    """All but the head of other answers; of the places the first."""
    out = packed(tmp_path)
    digest = hashlib.sha256((out / MANIFEST).read_bytes()).hexdigest()
    spec = Spec.from_json(tiny("text-classification", **START | {"model__context": places}))
    begun = open_start(InputStart(str(out), digest), spec)
    assert begun is not None and (begun.labels, begun.tokenizer) == (["no", "yes", "maybe"], out / "tokenizer.json")
    torch.manual_seed(1)
    net = net_module("bert").build(spec.shape, Sizes(vocab=23, classes=len(labels)))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    told = set(take_over(net, begun, labels))
    assert {name for name in told if name.startswith("classifier")} == fresh
    theirs = begun.net.state_dict()
    for name, tensor in net.state_dict().items():
        wanted = (
            before[name] if name in told else theirs[name][: len(tensor)] if name.startswith("places") else theirs[name]
        )
        assert torch.equal(tensor, wanted), name


def test_a_weight_of_another_shape_is_named(tmp_path: Path) -> None:
    out = packed(tmp_path)
    digest = hashlib.sha256((out / MANIFEST).read_bytes()).hexdigest()
    spec = Spec.from_json(tiny("text-classification", **START))
    begun = open_start(InputStart(str(out), digest), spec)
    assert begun is not None
    net = net_module("bert").build(spec.shape, Sizes(vocab=24, classes=3))
    with pytest.raises(EngineError) as caught:
        take_over(net, begun, begun.labels)
    assert "tokens.weight" in str(caught.value) and caught.value.message == "start_unfit"


@pytest.mark.parametrize(
    ("changes", "manifest_sha256", "message"),
    [
        ({}, None, "start_gone"),
        ({}, "0" * 64, "start_changed"),
        ({"model__width": 32}, "own", "start_unfit"),
        ({"model__context": 13}, "own", "start_unfit"),
    ],
)
def test_a_start_that_does_not_do_is_refused(
    changes: dict[str, Any], manifest_sha256: str | None, message: str, tmp_path: Path
) -> None:
    out = packed(tmp_path)
    own = hashlib.sha256((out / MANIFEST).read_bytes()).hexdigest()
    digest = own if manifest_sha256 == "own" else manifest_sha256
    spec = Spec.from_json(tiny("text-classification", **START | changes))
    with pytest.raises(EngineError) as caught:
        open_start(None if digest is None else InputStart(str(out), digest), spec)
    assert (caught.value.reason, caught.value.message) == ("bad_spec", message)
    assert open_start(None, Spec.from_json(tiny("text-classification"))) is None  # who starts from nothing


@pytest.mark.parametrize(
    ("learn", "learning"),
    [
        (None, {"tokens", "places", "kinds", "norm", "layers.0", "layers.1"}),
        (0, set()),
        (1, {"layers.1"}),
        (2, {"layers.0", "layers.1"}),
    ],
)
def test_only_the_last_layers_and_the_head_learn(learn: int | None, learning: set[str]) -> None:
    net = scrambled("bert")
    freeze(net, "bert", learn)
    found = {name for name, p in net.named_parameters() if p.requires_grad}
    heads = {name for name, _ in net.named_parameters() if name.startswith(net_module("bert").HEAD)}
    assert heads and heads <= found
    told = {name.split(".")[0] if not name.startswith("layers") else name[:8] for name in found - heads}
    assert told == learning
