"""Whole runs, tiny: what comes out, and that stopping, killing and breaking things loses nothing."""

import json
import resource
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import MakeRun, Run, kill_at, profile_of, tiny
from training.engine.contract import DONE, EVENTS, FAILED, STOPPED, Spec, estimate

VARIANTS = {
    "gpt": tiny("causal-lm"),
    "lstm": tiny("causal-lm", model={"arch": "lstm", "size": "nano", "width": 16, "context": 16, "dropout": 0.1}),
    "masked": tiny("masked-lm"),
    "bert": tiny("text-classification"),
    "lstm-classifier": tiny("text-classification", model={"arch": "lstm", "size": "nano", "width": 16, "context": 32}),
    "labels": tiny("multi-label-classification"),
    "regression": tiny("text-regression"),
    "tags": tiny("token-classification"),
    "hidden": tiny("masked-image"),
    "drawn": tiny("image-generation"),
    "answers": tiny("extractive-qa"),
    "vectors": tiny("sentence-embedding"),
    "sounds": tiny("audio-classification", train__max_steps=11, model__dropout=0.1),
    "speech": tiny("speech-to-text", train__max_steps=11, model__dropout=0.1),
    "series": tiny("forecasting"),
    "unheard": tiny("masked-audio"),
    "spoken": tiny("text-to-speech"),
    "t5": tiny("text-to-text"),
    "summary": tiny("summarization"),
    "resnet": tiny("image-classification"),
    "convnext": tiny(
        "image-classification", model={"arch": "convnext", "size": "nano", "width": 8, "image": 16, "patch": 2}
    ),
    "segformer": tiny("image-segmentation"),
    "captions": tiny("image-captioning"),
    "clip": tiny("image-text"),
    "yolos": tiny("object-detection"),
    "vit": tiny("image-classification", model={"arch": "vit", "size": "nano", "layers": 1, "width": 16, "image": 16}),
}
# One variant of each task, and the name of its trivial answer.
BASELINES = {
    "gpt": "unigram",
    "masked": "unigram",
    "bert": "majority",
    "labels": "commonest set",
    "regression": "mean",
    "tags": "commonest tag of a token",
    "hidden": "mean of what is shown",
    "drawn": "best multiple of the noisy image",
    "answers": "commonest answer",
    "vectors": "chance",
    "sounds": "majority",
    "speech": "commonest transcript",
    "series": "last number",
    "unheard": "chance",
    "spoken": "median spectrum",
    "t5": "commonest answer",
    "summary": "first sentence",
    "resnet": "majority",
    "segformer": "commonest class",
    "captions": "commonest caption",
    "clip": "chance",
    "yolos": "mean box of each class",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_stop_and_kill_change_nothing(variant: str, make_run: MakeRun) -> None:
    """All losses and the final weights equal those of a run that was left alone."""
    spec = VARIANTS[variant] | {"keep": {"checkpoint_every_s": 3600, "checkpoint_every_steps": 3}}
    whole, broken = make_run("whole", spec), make_run("broken", spec)
    assert whole.go() == DONE, whole.log
    assert broken.go(kill_at(5, signal.SIGTERM)) == STOPPED, broken.log
    assert broken.of("stopped")[-1]["step"] == 5
    broken.write_inputs(fence=2, resume=True)
    assert broken.go(kill_at(10)) == -signal.SIGKILL
    told = broken.of("checkpoint")[-1]["step"]
    assert broken.resume(fence=3) == DONE, broken.log
    # What is told is whole. That of step 9 may be: a thread was writing it when the kill came.
    first, second = (event["step"] for event in broken.of("resume"))
    assert first == 5 <= told <= second <= 9
    assert broken.curve == whole.curve
    assert broken.weights == whole.weights
    assert broken.of("done")[0]["metrics"] == whole.of("done")[0]["metrics"]


OLD_RECIPE = "4ee26fbc7eff93f62e6a8ad243b932cbda4b5a85d5100ea3efb6da946443389b"
OLD_SGD_RECIPE = "46af29138939d62eaa3c6ee80661a2258cf913d404741fee7ce11908b4cb4ba0"


@pytest.mark.parametrize(("optimizer", "momentum"), [("adamw", 0.0), ("adam", 0.0), ("sgd", 0.0), ("sgd", 0.9)])
def test_two_processes_stop_and_go_on_alike(optimizer: str, momentum: float, make_run: MakeRun) -> None:
    spec = tiny("causal-lm", resources={"cpus": 2}, train__optimizer=optimizer, train__momentum=momentum)
    whole, broken = make_run("whole", spec), make_run("broken", spec)
    assert whole.go() == DONE, whole.log
    assert broken.go(kill_at(5, signal.SIGTERM)) == STOPPED, broken.log
    assert broken.resume() == DONE, broken.log
    assert (broken.curve, broken.weights) == (whole.curve, whole.weights)


def test_a_run_from_before_there_was_a_momentum_goes_on_with_the_one_it_had(make_run: MakeRun) -> None:
    """Its spec file says nothing of it, and its checkpoint is of a recipe without it."""
    said = tiny("causal-lm", train__optimizer="sgd", train__momentum=0.9, train__lr=0.05)
    whole, old, plain = make_run("whole", said), make_run("old", said), make_run("plain", said)
    spec = json.loads((old.folder / "spec.json").read_text())
    del spec["train"]["momentum"]
    assert whole.go() == DONE, whole.log
    (old.folder / "spec.json").write_text(json.dumps(spec))
    assert old.go(kill_at(5, signal.SIGTERM)) == STOPPED, old.log
    assert old.resume() == DONE, old.log
    assert (old.curve, old.weights) == (whole.curve, whole.weights)
    assert json.loads((old.folder / "out" / "spec.json").read_text())["train"]["momentum"] == 0.9
    plain.write_spec(said | {"train": said["train"] | {"momentum": 0.0}})
    assert plain.go() == DONE and plain.weights != whole.weights


def test_what_is_written_now_has_none_and_older_recipes_keep_theirs() -> None:
    said = tiny("causal-lm", train__optimizer="sgd")
    said["train"].pop("momentum", None)
    old, new = Spec.from_json(said), Spec.from_json(said, fresh=True)
    assert (old.train.momentum, new.train.momentum) == (0.9, 0.0) and old.recipe_sha256 != new.recipe_sha256
    assert Spec.from_json(new.to_json()) == new and Spec.from_json(old.to_json()) == old
    # As it was told before there was the setting.
    assert old.recipe_sha256 == OLD_SGD_RECIPE
    adam = Spec.from_json(tiny("causal-lm"))
    assert adam.train.momentum == 0.0 and adam.recipe_sha256 == OLD_RECIPE


def test_pieces_of_a_batch_sum_up_to_it(make_run: MakeRun) -> None:
    """Never more than three rows of eight at once, and the same losses; a stop in the middle changes nothing."""

    def before(fail: int = 0) -> None:
        from training.engine.tasks import causal_lm

        inner = causal_lm.Task.train_batch

        def call(self, rows, epoch, seed):  # type: ignore[no-untyped-def]
            assert len(rows) <= 3
            return inner(self, rows, epoch, seed)

        causal_lm.Task.train_batch = call  # type: ignore[method-assign]
        if fail:
            kill_at(fail, signal.SIGTERM)()

    spec = tiny("causal-lm", model__dropout=0.0, train__micro=3)
    plain, whole, broken = make_run("plain", tiny("causal-lm", model__dropout=0.0)), *map(make_run, "wb", (spec, spec))
    assert plain.go() == whole.go(before) == DONE, whole.log
    losses = [{k: v for k, v in run.curve.items() if k.endswith("loss")} for run in (whole, plain)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert whole.weights != plain.weights  # summed in another order
    assert broken.go(lambda: before(5)) == STOPPED, broken.log
    assert broken.resume() == DONE, broken.log
    assert (broken.curve, broken.weights) == (whole.curve, whole.weights)


def test_two_processes_learn_the_same_as_one(make_run: MakeRun) -> None:
    """Up to rounding: sums are taken in another order. Without dropout, which every process draws for itself."""
    one = make_run("one", tiny("causal-lm", model__dropout=0.0))
    two = make_run("two", tiny("causal-lm", model__dropout=0.0, resources={"cpus": 2}))
    assert one.go() == two.go() == DONE
    first, second = one.curve, two.curve
    assert first.keys() == second.keys()
    np.testing.assert_allclose(list(first.values()), list(second.values()), rtol=2e-4)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """One finished run of each task."""
    from tests.training.engine.conftest import KINDS, blob_of, profile_for

    runs = {}
    for name in BASELINES:
        spec = json.loads(json.dumps(VARIANTS[name]))
        task, folder = spec["task"], tmp_path_factory.mktemp("runs") / name
        runs[name] = Run(folder, spec, blob_of(task), KINDS[task], profile_for(task))
        assert runs[name].go() == DONE, runs[name].log
    return runs


@pytest.mark.parametrize("name", BASELINES)
def test_events_keep_their_promise(done: dict[str, Run], name: str) -> None:
    events = done[name].events
    assert [event["n"] for event in events] == list(range(len(events)))
    for event in events:
        assert set(EVENTS[event["e"]]) <= set(event), event
    assert [e["phase"] for e in events if e["e"] == "phase"] == ["prepare", "train", "evaluate", "package"]
    assert events[-1]["e"] == "done"
    assert done[name].result == {"v": 1, "outcome": "done"} | {
        k: v for k, v in events[-1].items() if k not in ("t", "n", "e")
    }


def test_result_stands_beside_the_trivial_answer(done: dict[str, Run]) -> None:
    for name, trivial in BASELINES.items():
        last = done[name].of("done")[0]
        assert last["baseline"]["name"] == trivial
        assert last["baseline"]["metrics"].keys() == last["metrics"].keys()
        low, high = last["interval"]
        assert low <= last["metrics"][f"test/{last['primary']}"] <= high


def test_package_is_complete_and_hashed(done: dict[str, Run]) -> None:
    from training.engine.checkpoint import file_sha256

    for run in done.values():
        out = run.folder / "out"
        files = json.loads((out / "MANIFEST.json").read_text())["files"]
        assert set(files) == {path.name for path in out.iterdir()} - {"MANIFEST.json"}
        assert {"README.md", "config.json", "metrics.json", "resolved.json", "spec.json"} <= set(files)
        for name, entry in files.items():
            assert entry == {"sha256": file_sha256(out / name), "size_bytes": (out / name).stat().st_size}


def test_gpt_package_loads_in_transformers(done: dict[str, Run]) -> None:
    from transformers import AutoTokenizer, GPT2LMHeadModel

    from training.engine.package import load_net
    from training.engine.tokenizing import load_tokenizer

    out = done["gpt"].folder / "out"
    theirs, ours = GPT2LMHeadModel.from_pretrained(out, local_files_only=True).eval(), load_net(out)
    ids = torch.arange(16)[None] % 20
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, ours(ids), rtol=1e-4, atol=1e-5)
    text = "the cat sees milk.\nmy friend"
    tokenizer = AutoTokenizer.from_pretrained(out, local_files_only=True)
    assert tokenizer(text)["input_ids"] == load_tokenizer(out / "tokenizer.json").encode(text).tolist()
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_bert_package_loads_in_transformers(done: dict[str, Run]) -> None:
    from transformers import AutoTokenizer, BertForSequenceClassification

    from training.engine.package import load_net

    out = done["bert"].folder / "out"
    theirs, ours = BertForSequenceClassification.from_pretrained(out, local_files_only=True).eval(), load_net(out)
    tokenizer = AutoTokenizer.from_pretrained(out, local_files_only=True)
    batch = tokenizer(["ball goal", "soup and bread and milk"], padding=True, return_tensors="pt")
    with torch.no_grad():
        mine = ours(batch["input_ids"], batch["attention_mask"].bool())
        torch.testing.assert_close(theirs(**batch).logits, mine, rtol=1e-4, atol=1e-5)
    assert theirs.config.id2label == {0: "food", 1: "sky", 2: "sport"}
    assert batch["input_ids"][0, 0] == tokenizer.cls_token_id


def test_masked_package_loads_in_transformers(done: dict[str, Run]) -> None:
    """Into the class for hidden tokens, and into the bare encoder that others fine-tune."""
    from transformers import AutoModel, AutoTokenizer, BertForMaskedLM

    from training.engine.package import load_net

    out = done["masked"].folder / "out"
    theirs, ours = BertForMaskedLM.from_pretrained(out, local_files_only=True).eval(), load_net(out)
    tokenizer = AutoTokenizer.from_pretrained(out, local_files_only=True)
    batch = tokenizer(["the cat s[MASK]es"], return_tensors="pt")
    assert (batch["input_ids"] == tokenizer.mask_token_id).sum() == 1
    with torch.no_grad():
        logits = theirs(**batch).logits
        torch.testing.assert_close(logits, ours(batch["input_ids"]), rtol=1e-4, atol=1e-5)
        places = torch.tensor([2, 5])
        torch.testing.assert_close(logits[0, places], ours(batch["input_ids"], None, places), rtol=1e-4, atol=1e-5)
    assert AutoModel.from_pretrained(out, local_files_only=True).config.hidden_size == 16


@pytest.mark.parametrize("changes", [{"train__batch": 47}, {"train__batch": 9, "train__micro": 4}])
def test_a_resnet_learns_where_a_small_image_is_left_over(changes: dict[str, Any], make_run: MakeRun) -> None:
    """At the end of an epoch of 48 images, and of the pieces of a batch."""
    split = {"valid": 0.1, "test": 0.1, "seed": 3}
    run = make_run("run", tiny("image-classification", train__max_steps=4, data__split=split, **changes))
    assert run.go() == DONE, run.log


def test_resnet_package_loads_in_transformers(done: dict[str, Run]) -> None:
    from PIL import Image
    from transformers import ResNetForImageClassification
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    from training.engine.package import load_net

    out = done["resnet"].folder / "out"
    theirs, ours = ResNetForImageClassification.from_pretrained(out, local_files_only=True).eval(), load_net(out)
    pixels = np.random.default_rng(1).integers(0, 255, size=(16, 16)).astype(np.uint8)
    processor = ViTImageProcessorPil.from_pretrained(out, local_files_only=True)
    given = processor(Image.fromarray(pixels), return_tensors="pt")["pixel_values"]
    facts = json.loads((out / "preprocessor_config.json").read_text())
    scaled = (torch.from_numpy(pixels)[None, None] / 255 - facts["image_mean"][0]) / facts["image_std"][0]
    torch.testing.assert_close(given.float(), scaled.float(), rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(theirs(scaled).logits, ours(scaled), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", BASELINES)
def test_figures_are_those_of_the_package(variant: str, make_run: MakeRun) -> None:
    """Measured again in one process, from the packaged weights and the prepared files."""
    from training.engine.errors import Stop
    from training.engine.package import load_net
    from training.engine.registry import task_module
    from training.engine.spec import Spec
    from training.engine.tasks.base import Judged

    plain = VARIANTS[variant]["train"] | {"dtype": "fp32"}  # where bf16 is faster, figures are those of bf16
    run = make_run("run", VARIANTS[variant] | {"resources": {"cpus": 2}, "train": plain})
    assert run.go() == DONE, run.log
    spec = Spec.from_text((run.folder / "spec.json").read_bytes())
    task = task_module(spec.task).Task(spec, Stop())
    (prepared,) = (run.folder / "prepared").iterdir()
    task.open(prepared, json.loads((prepared / "prepared.json").read_text())["facts"])
    items = np.arange(task.count("test"))
    with torch.inference_mode():
        rows = task.measure(load_net(run.folder / "out"), "test", items)
    again = task.report(Judged("test", items, rows)).values
    said = {name.removeprefix("test/"): value for name, value in run.of("done")[0]["metrics"].items()}
    assert again == pytest.approx(said, rel=1e-4)


def test_card_says_what_is_known(done: dict[str, Run]) -> None:
    card = (done["gpt"].folder / "out" / "README.md").read_text()
    digest = json.loads((done["gpt"].folder / "inputs.json").read_text())["data"]["sha256"]
    assert card.startswith("---\n")
    for words in (digest, "unigram", "perplexity", "pipeline_tag: text-generation", "Intended use", "Limits"):
        assert words in card


def test_it_learns(make_run: MakeRun) -> None:
    """A few seconds beat the trivial answers by far."""
    pictures = make_run("pictures", tiny("image-classification", train__max_steps=60))
    words = make_run("words", tiny("text-classification", train__max_steps=120, train__lr=1e-2))
    text = make_run("text", tiny("causal-lm", train__max_steps=100, train__lr=1e-2, model__dropout=0.0))
    calm = {"train__lr": 5e-3, "train__batch": 64, "model__width": 32, "model__dropout": 0.0}
    gaps = make_run("gaps", tiny("masked-lm", train__max_steps=400, eval__every_steps=400, **calm))
    assert pictures.go() == words.go() == text.go() == gaps.go() == DONE
    assert pictures.of("done")[0]["metrics"]["test/accuracy"] > 0.9
    assert words.of("done")[0]["metrics"]["test/accuracy"] > 0.9
    last = text.of("done")[0]
    assert last["metrics"]["test/bits_per_byte"] < 0.6 * last["baseline"]["metrics"]["test/bits_per_byte"]
    last = gaps.of("done")[0]
    assert last["metrics"]["test/perplexity"] < 0.5 * last["baseline"]["metrics"]["test/perplexity"]


def test_diverging_run_fails_and_keeps_the_last_good_checkpoint(make_run: MakeRun) -> None:
    # Each call of the loss is a step: nothing is rehearsed.
    spec = tiny("causal-lm", train__max_steps=40, train__clip=None, keep__checkpoint_every_steps=1)
    spec["train"]["compile"] = "off"

    def poison() -> None:
        from training.engine.tasks import causal_lm

        loss = causal_lm.Task.loss
        calls = iter(range(1000))

        def bad(self, net, batch):  # type: ignore[no-untyped-def]
            return loss(self, net, batch) * (float("nan") if next(calls) >= 6 else 1.0)

        causal_lm.Task.loss = bad  # type: ignore[method-assign]

    run = make_run("run", spec)
    assert run.go(poison) == FAILED
    error = run.of("error")[0]
    assert (error["code"], error["step"]) == ("diverged", 9)
    assert run.of("checkpoint")[-1]["step"] == 6
    assert run.result["outcome"] == "failed"
    assert all(np.isfinite(list(event["values"].values())).all() for event in run.of("metric"))


def test_one_bad_step_is_skipped_and_said(make_run: MakeRun) -> None:
    def poison() -> None:
        from training.engine.tasks import causal_lm

        loss = causal_lm.Task.loss
        calls = iter(range(1000))

        def bad(self, net, batch):  # type: ignore[no-untyped-def]
            return loss(self, net, batch) * (float("inf") if next(calls) == 3 else 1.0)

        causal_lm.Task.loss = bad  # type: ignore[method-assign]

    run = make_run("run", tiny("causal-lm"))
    assert run.go(poison) == DONE
    assert [event["code"] for event in run.of("warning")] == ["loss_not_finite"]


def test_limit_of_minutes_keeps_the_work(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm", train__max_steps=100_000, limits={"minutes": 0.005}))
    assert run.go() == FAILED
    error = run.of("error")[0]
    assert error["code"] == "limit_minutes"
    assert run.of("checkpoint")[-1]["step"] == error["step"]
    run.write_spec(tiny("causal-lm", train__max_steps=100_000, limits={"minutes": 0.01}))
    assert run.resume() == FAILED
    assert run.of("resume")[0]["step"] == error["step"]


def test_patience_ends_early_and_packages_the_best(make_run: MakeRun) -> None:
    spec = tiny("image-classification", train__max_steps=200, train__patience=2, eval__every_steps=5)
    run = make_run("run", spec)
    assert run.go() == DONE
    metrics = json.loads((run.folder / "out" / "metrics.json").read_text())
    assert metrics["ended_early"] and metrics["weights_step"] < metrics["step"] < 200
    best = max(run.of("metric"), key=lambda event: event["values"].get("valid/accuracy", -1))
    assert metrics["weights_step"] == best["step"]


def test_data_error_names_the_row(make_run: MakeRun) -> None:
    run = make_run("run", tiny("text-classification"), blob=b"body,topic\nball,sport\nsoup,food,extra\n")
    assert run.go() == FAILED
    error = run.of("error")[0]
    assert error["code"] == "data_error"
    assert error["text"].startswith("Row 2 ")


def test_rows_without_label_are_left_out_and_said(make_run: MakeRun) -> None:
    from tests.training.engine.conftest import table_blob

    run = make_run("run", tiny("text-classification"), blob=table_blob() + b"no label here,\n")
    assert run.go() == DONE
    assert run.of("warning")[0]["params"] == {"count": 1}


def test_changed_blob_is_refused(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm"))
    run.blob.write_bytes(run.blob.read_bytes() + b"x")
    assert run.go() == FAILED
    assert run.of("error")[0]["message"] == "data_hash"


def test_bad_spec_is_an_event_too(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm"))
    (run.folder / "spec.json").write_text('{"v":1,"task":"causal-lm","output":"/etc"}')
    assert run.go() == FAILED
    assert run.of("error")[0]["code"] == "bad_spec"
    assert "output" in run.log


def test_disk_full_is_named(make_run: MakeRun) -> None:
    """A file size limit stands in for a full disk: the write of the checkpoint fails for real."""

    def before() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    run = make_run("run", tiny("causal-lm", model__width=64))
    assert run.go(before) == FAILED
    assert run.of("error")[0]["code"] == "disk_full"
    assert not list((run.folder / "ckpt").glob("*-f1"))


def test_out_of_memory_is_named(make_run: MakeRun) -> None:
    def before() -> None:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000, used + 300_000_000))

    run = make_run("run", tiny("causal-lm", train__batch=4096, model__width=512, model__layers=4), chars=1_000_000)
    assert run.go(before) == FAILED
    (error,) = run.of("error")
    assert error["code"] == "oom", run.log
    # Half of the rows were too many as well; what was thought to be needed stands beside it.
    assert [event["params"]["rows"] for event in run.of("warning") if event["code"] == "oom_halved"] == [2048]
    told = estimate(Spec.from_text((run.folder / "spec.json").read_bytes()), run.profile).memory_bytes / 1e9
    assert f"the estimate was {told:.1f} GB." in error["text"] and error["hint"].startswith("Choose a smaller batch")


def test_other_runs_checkpoint_is_refused(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm"))
    assert run.go(kill_at(5, signal.SIGTERM)) == STOPPED
    changed = tiny("causal-lm", train__lr=1e-3)
    run.write_spec(changed)
    assert run.resume() == FAILED
    error = run.of("error")[0]
    assert (error["code"], error["params"]) == ("checkpoint_mismatch", {"what": "spec"})


@pytest.mark.parametrize(("stop", "before"), [(7, 6), (4, 2)])  # what is saved at step 4 is the best as well
@pytest.mark.parametrize("harm", ["flipped", "truncated"])
def test_damaged_checkpoint_falls_back_to_the_one_before(stop: int, before: int, harm: str, make_run: MakeRun) -> None:
    """As checkpoints are kept where a spec says nothing about it."""
    spec = tiny("causal-lm", keep={"checkpoint_every_s": 3600, "checkpoint_every_steps": 2})
    whole, run = make_run("whole", spec), make_run("run", spec)
    assert whole.go() == DONE
    assert run.go(kill_at(stop, signal.SIGTERM)) == STOPPED
    weights = run.folder / "ckpt" / f"{stop}-f1" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data[:-100] if harm == "truncated" else data)
    assert run.resume() == DONE, run.log
    assert run.of("resume")[0]["step"] == before
    assert run.of("warning")[0]["params"] == {"step": stop}
    assert (run.curve, run.weights) == (whole.curve, whole.weights)


def test_prepared_data_is_made_once(make_run: MakeRun, tmp_path: Path) -> None:
    import os

    def before() -> None:
        os.environ["TANDEM_PREPARED_DIR"] = str(tmp_path / "cache")

    first, second = make_run("first", tiny("causal-lm")), make_run("second", tiny("causal-lm"))
    assert first.go(before) == DONE
    (prepared,) = (tmp_path / "cache").iterdir()
    made = (prepared / "train.bin").stat().st_mtime_ns
    assert second.go(before) == DONE
    assert (prepared / "train.bin").stat().st_mtime_ns == made
    (prepared / "train.bin").write_bytes(b"damaged")
    third = make_run("third", tiny("causal-lm"))
    assert third.go(before) == DONE
    assert third.weights == first.weights


def test_resume_does_not_judge_a_step_twice(make_run: MakeRun) -> None:
    """Patience would run out early, were the same step counted again."""
    run = make_run("run", tiny("causal-lm"))
    assert run.go(kill_at(8, signal.SIGTERM)) == STOPPED
    assert run.resume() == DONE
    judged = [event["step"] for event in run.of("metric") if "valid/loss" in event["values"]]
    assert judged == [4, 8, 12]


def test_stop_in_the_middle_of_an_evaluation_loses_nothing(make_run: MakeRun) -> None:
    def before() -> None:
        import os

        from training.engine.tasks import causal_lm

        measure = causal_lm.Task.measure

        def call(self, net, part, items):  # type: ignore[no-untyped-def]
            os.kill(os.getpid(), signal.SIGTERM)
            return measure(self, net, part, items)

        causal_lm.Task.measure = call  # type: ignore[method-assign]

    whole, broken = make_run("whole", tiny("causal-lm")), make_run("broken", tiny("causal-lm"))
    assert whole.go() == DONE
    assert broken.go(before) == STOPPED, broken.log
    assert broken.of("stopped")[0]["step"] == 4
    assert "4 valid/loss" not in broken.curve
    assert broken.resume() == DONE
    assert (broken.curve, broken.weights) == (whole.curve, whole.weights)


def test_nothing_survives_a_killed_leader(make_run: MakeRun) -> None:
    """Every process of the run holds the writing end of a pipe; its end comes when the last one is gone."""
    import os
    import select

    reading, writing = os.pipe()
    run = make_run("run", tiny("causal-lm", resources={"cpus": 2}, train__max_steps=10_000))
    assert run.go(kill_at(3)) == -signal.SIGKILL
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], 60)
    assert ready
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_lost_member_fails_the_run_and_a_resume_mends_it(make_run: MakeRun) -> None:
    def before() -> None:
        import os

        from training.engine.loop import Loop

        step = Loop.step

        def call(self):  # type: ignore[no-untyped-def]
            if self.team.rank and self.state.step == 5:
                os._exit(1)
            step(self)

        Loop.step = call  # type: ignore[method-assign]

    spec = tiny("causal-lm", resources={"cpus": 2}, keep={"checkpoint_every_s": 3600, "checkpoint_every_steps": 2})
    run = make_run("run", spec)
    assert run.go(before) == FAILED
    assert run.of("error")[0]["code"] == "internal"
    assert run.resume() == DONE
    assert run.of("resume")[0]["step"] == 4


def test_language_model_reads_documents(make_run: MakeRun) -> None:
    from tests.training.engine.conftest import text_blob

    lines = [json.dumps({"body": line}) for line in text_blob().decode().splitlines()]
    run = make_run("run", tiny("causal-lm", data__columns={"text": "body"}), blob="\n".join(lines).encode())
    run.kind, run.profile = "jsonl", profile_of("jsonl", b"")
    run.write_inputs()
    assert run.go() == DONE, run.log
    assert run.of("done")[0]["metrics"]["test/perplexity"] > 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_bf16_learns_about_the_same(variant: str, make_run: MakeRun) -> None:
    spec = json.loads(json.dumps(VARIANTS[variant]))
    spec["train"] |= {"max_steps": 4, "dtype": "bf16"}
    half = make_run("half", spec)
    spec["train"] |= {"dtype": "fp32"}
    full = make_run("full", spec)
    assert half.go() == full.go() == DONE, half.log
    np.testing.assert_allclose(list(half.curve.values()), list(full.curve.values()), rtol=0.2, atol=0.2)
