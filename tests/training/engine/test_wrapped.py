"""Architectures that come from transformers as they are: they learn, stop and go on, and give their weights back."""

import hashlib
import json
import signal
from typing import Any

import pytest
import torch
from transformers.models.bart import modeling_bart as bart
from transformers.models.esm import modeling_esm as esm
from transformers.models.llama import modeling_llama as llama
from transformers.models.modernbert import modeling_modernbert as modernbert

from tests.training.engine.conftest import VERSION, MakeRun, kill_at, tiny
from training.engine.contract import DONE, STOPPED
from training.engine.package import load_net
from training.engine.predict import Predictor

SIZE = {"size": "nano", "layers": 1, "width": 32}
LLAMA = {"arch": "llama", "context": 16} | SIZE
MODERN = {"arch": "modernbert", "context": 32} | SIZE
ESM = {"arch": "esm", "context": 32, "dropout": 0.0} | SIZE
BART = {"arch": "bart", "context": 32, "dropout": 0.0} | SIZE
LEARN = {"train__lr": 5e-3, "train__batch": 16, "eval__every_steps": 100}


@pytest.mark.parametrize(
    ("task", "model", "steps", "metric", "share"),
    [
        ("causal-lm", LLAMA, 100, "perplexity", 0.4),
        ("masked-lm", MODERN, 300, "perplexity", 0.6),
        ("text-classification", MODERN, 60, "loss", 0.5),
        ("token-classification", MODERN, 150, "loss", 0.5),
        ("masked-lm", ESM, 300, "perplexity", 0.6),
        ("text-classification", ESM, 60, "loss", 0.5),
        ("text-to-text", BART, 200, "perplexity", 0.4),
    ],
)
def test_it_learns(task: str, model: dict[str, Any], steps: int, metric: str, share: float, make_run: MakeRun) -> None:
    batch = {"train__batch": 64} if task == "masked-lm" else {}
    run = make_run("run", tiny(task, **LEARN | batch, train__max_steps=steps, model=model))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"][f"test/{metric}"] < share * last["baseline"]["metrics"][f"test/{metric}"]


@pytest.mark.parametrize(
    ("task", "model", "theirs"),
    [
        ("causal-lm", LLAMA, llama.LlamaForCausalLM),
        ("masked-lm", MODERN, modernbert.ModernBertForMaskedLM),
        ("text-classification", MODERN, modernbert.ModernBertForSequenceClassification),
        ("token-classification", MODERN, modernbert.ModernBertForTokenClassification),
        ("masked-lm", ESM, esm.EsmForMaskedLM),
        ("text-regression", ESM, esm.EsmForSequenceClassification),
        ("token-classification", ESM, esm.EsmForTokenClassification),
    ],
)
def test_package_loads_in_transformers(task: str, model: dict[str, Any], theirs: Any, make_run: MakeRun) -> None:
    run = make_run("run", tiny(task, train__max_steps=2, model=model))
    assert run.go() == DONE, run.log
    net, told = theirs.from_pretrained(run.folder / "out", local_files_only=True, output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    net.eval()
    ids = torch.arange(5, 17)[None]
    ours = load_net(run.folder / "out")
    with torch.no_grad():
        torch.testing.assert_close(net(ids).logits, ours(ids), rtol=1e-4, atol=1e-5)
        if task == "masked-lm":
            places = torch.tensor([1, 7])
            torch.testing.assert_close(ours(ids)[0, places], ours(ids, None, places), rtol=1e-4, atol=1e-5)


def test_bart_writes_the_same_in_transformers(make_run: MakeRun) -> None:
    from transformers import AutoTokenizer

    run = make_run("run", tiny("text-to-text", **LEARN, train__max_steps=60, model=BART))
    assert run.go() == DONE, run.log
    out = run.folder / "out"
    net = bart.BartForConditionalGeneration.from_pretrained(out, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(out, local_files_only=True)
    text = run.of("sample")[-1]["prompt"]
    written = net.generate(**tokenizer([text], return_tensors="pt"), max_length=32, num_beams=1, do_sample=False)
    (answer,) = Predictor(out)([text])
    assert tokenizer.decode(written[0], skip_special_tokens=True) == answer["text"] != ""


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("causal-lm", LLAMA),
        ("masked-lm", MODERN | {"dropout": 0.1}),
        ("masked-lm", ESM | {"dropout": 0.1}),
        ("text-to-text", BART | {"dropout": 0.1}),
    ],
)
def test_stop_and_kill_change_nothing(task: str, model: dict[str, Any], make_run: MakeRun) -> None:
    keep = {"checkpoint_every_s": 3600, "checkpoint_every_steps": 2}
    spec = tiny(task, model=model, train__max_steps=7, keep=keep, resources={"cpus": 2})
    whole, broken = make_run("whole", spec), make_run("broken", spec)
    assert whole.go() == DONE, whole.log
    assert broken.go(kill_at(3, signal.SIGTERM)) == STOPPED, broken.log
    broken.write_inputs(fence=2, resume=True)
    assert broken.go(kill_at(5)) == -signal.SIGKILL
    assert broken.resume(fence=3) == DONE, broken.log
    assert (broken.curve, broken.weights) == (whole.curve, whole.weights)


def test_a_classifier_begins_from_hidden_tokens(make_run: MakeRun) -> None:
    first = make_run("first", tiny("masked-lm", model=MODERN, train__max_steps=2))
    assert first.go() == DONE, first.log
    model = MODERN | {"start": VERSION, "learn_layers": 0}
    second = make_run(
        "second", tiny("text-classification", model=model, train__max_steps=2, tokenizer={"kind": "char"})
    )
    inputs = json.loads((second.folder / "inputs.json").read_text())
    digest = hashlib.sha256((first.folder / "out" / "MANIFEST.json").read_bytes()).hexdigest()
    inputs["start"] = {"path": str(first.folder / "out"), "manifest_sha256": digest}
    (second.folder / "inputs.json").write_text(json.dumps(inputs))
    assert second.go() == DONE, second.log
    before, after = (load_net(run.folder / "out").state_dict() for run in (first, second))
    body = [name for name in after if name.startswith("model.model.")]
    assert len(body) > 5 and all(torch.equal(before[name], after[name]) for name in body)
