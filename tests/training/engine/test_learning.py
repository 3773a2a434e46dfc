"""Architectures learn what no other test proves of them: each is far better than the trivial answer.

Thresholds leave room for processors that round otherwise: several seeds were all well beyond them.
"""

from typing import Any

import pytest

from tests.training.engine.conftest import MakeRun, tiny
from training.engine.contract import DONE

SIZE = {"size": "nano", "layers": 1, "width": 32, "dropout": 0.0}
LSTM = {"arch": "lstm", "context": 32} | SIZE
VIT = {"arch": "vit", "image": 16, "patch": 4} | SIZE
BERT = {"arch": "bert", "context": 32} | SIZE
BART = {"arch": "bart", "context": 48} | SIZE


@pytest.mark.parametrize(
    ("task", "model", "steps", "rate", "baseline", "share"),
    [
        ("causal-lm", LSTM, 200, 1e-2, "unigram", {"perplexity": 0.3}),
        ("image-classification", VIT, 80, 3e-3, "majority", {"loss": 0.4}),
        ("multi-label-classification", BERT, 160, 2e-3, "commonest set", {"loss": 0.8}),
        ("summarization", BART, 400, 5e-3, "first sentence", {"perplexity": 0.3}),
        ("generative-qa", BART | {"context": 64}, 250, 5e-3, "commonest answer", {"perplexity": 0.3}),
    ],
)
def test_it_is_far_better_than_the_trivial_answer(
    task: str, model: dict[str, Any], steps: int, rate: float, baseline: str, share: dict[str, float], make_run: MakeRun
) -> None:
    spec = tiny(task, model=model, train__max_steps=steps, train__lr=rate, train__batch=16, eval__every_steps=steps)
    run = make_run("run", spec)
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    told, trivial = last["metrics"], last["baseline"]["metrics"]
    assert last["baseline"]["name"] == baseline
    for metric, most in share.items():
        assert told[f"test/{metric}"] < most * trivial[f"test/{metric}"]
    higher = {"image-classification": "accuracy", "multi-label-classification": "macro_f1", "summarization": "rouge_l"}
    if task in higher:
        name = f"test/{higher[task]}"
        assert told[name] > 1.4 * trivial[name] and told[name] > 0.4
