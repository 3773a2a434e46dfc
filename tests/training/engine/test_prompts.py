"""Instruction data: what is answered is learnt, what is asked is read alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import JOB, MakeRun, Run, csv_blob, tiny
from training.engine import preview as looking
from training.engine.contract import DONE, InputData, Inputs, Spec, validate
from training.engine.errors import Stop
from training.engine.tasks.causal_lm import Task

COLOURS = {"sky": "blue", "grass": "green", "snow": "white", "coal": "black"}


def rows() -> list[tuple[str, str]]:
    chance = np.random.default_rng(3)
    words = [list(COLOURS)[n] for n in chance.integers(4, size=240)]
    return [(f"what colour has {word} ({n})? ", COLOURS[word]) for n, word in enumerate(words)]


def started(make_run: MakeRun, table: list[tuple[str, str]], prompt: bool = True, **changes: Any) -> Run:
    columns = {"text": "answer"} | ({"prompt": "question"} if prompt else {})
    run = make_run(
        "run", tiny("causal-lm", data__columns=columns, **changes), blob=csv_blob(["question", "answer"], table)
    )
    told = {"type": "text", "distinct": len(table), "missing": 0, "mean_chars": 20}
    shown = [{"name": name, **told} for name in ("question", "answer")]
    run.kind, run.profile = "csv", {"kind": "csv", "rows": len(table), "delimiter": ",", "columns": shown}
    run.write_inputs()
    return run


def opened(run: Run) -> tuple[Task, dict[str, Any]]:
    task = Task(Spec.from_text((run.folder / "spec.json").read_bytes()), Stop())
    (prepared,) = (run.folder / "prepared").iterdir()
    facts = json.loads((prepared / "prepared.json").read_text())["facts"]
    task.open(prepared, facts)
    return task, facts


def test_only_answers_are_asked_for_and_blocks_keep_the_mask(make_run: MakeRun) -> None:
    run = started(make_run, rows())
    assert run.go() == DONE, run.log
    task, facts = opened(run)
    for part in ("train", "valid", "test"):
        ids, asked = np.asarray(task.parts[part]), task.marks[part].astype(bool)
        assert len(ids) == len(asked) == facts["tokens"][part] and asked.sum() == facts["asked"][part]
        end = task.between
        answers = "".join(task.tokenizer.decode([token]) if token != end else "|" for token in ids[asked]).split("|")
        assert set(answers) == {*COLOURS.values(), ""}
        assert "?" in task.tokenizer.decode(ids[~asked].tolist())
        assert facts["bytes"][part] == sum(map(len, answers))
    batch = task.train_batch(np.arange(3), 0, 1)
    tokens, marks = np.asarray(task.parts["train"]).astype(np.int64), task.marks["train"].astype(bool)

    def blocks(values: np.ndarray, offset: int) -> torch.Tensor:
        return torch.from_numpy(values[offset : offset + 3 * task.context].reshape(3, -1))

    begins = [n for n in range(task.context) if torch.equal(blocks(tokens, n), batch["ids"])]
    wanted = [(blocks(tokens, n + 1), blocks(marks, n + 1)) for n in begins]
    assert any(torch.equal(ids, batch["next"]) and torch.equal(asked, batch["asked"]) for ids, asked in wanted)
    report = json.loads((run.folder / "out" / "report.json").read_text())
    assert report["detail"]["tokens"] <= facts["asked"]["test"] < facts["tokens"]["test"]


def test_what_is_masked_has_no_say_in_loss_and_figures(make_run: MakeRun) -> None:
    run = started(make_run, rows())
    assert run.go() == DONE, run.log
    task, _ = opened(run)
    batch = task.train_batch(np.arange(4), 0, 1)
    logits = torch.randn(*batch["ids"].shape, task.tokenizer.size, requires_grad=True)
    task.loss(lambda ids: logits, batch).backward()
    touched = logits.grad.abs().sum(-1) > 0
    assert torch.equal(touched, batch["asked"]) and 0 < int(batch["asked"].sum()) < batch["asked"].numel()
    # The answer to each question is certain: to learn it, the questions must be read all the same.
    test = json.loads((run.folder / "out" / "metrics.json").read_text())
    assert set(test["test"]) >= {"perplexity", "token_accuracy"}


def test_blocks_that_ask_for_nothing_are_not_judged(make_run: MakeRun) -> None:
    """Long prompts with short answers: of most blocks no figure can be made, nor of any draw of them alone."""
    table = [(f"{n} " + "what colour has it? " * 10, answer) for n, (_, answer) in enumerate(rows()[:40])]
    run = started(make_run, table, model__context=8, data__split={"valid": 0.1, "test": 0.05, "seed": 3})
    assert run.go() == DONE, run.log
    task, facts = opened(run)
    items = task.judged("test", None)
    asked = np.append(task.marks["test"][1:], np.zeros(8, np.uint8))
    assert 0 < len(items) < task.count("test") / 4
    assert all(asked[8 * item : 8 * item + 8].any() for item in items)
    assert sum(asked[8 * item : 8 * item + 8].sum() for item in items) == asked.sum() == facts["asked"]["test"]
    assert set(task.judged("test", 2)) <= set(items)
    report = json.loads((run.folder / "out" / "report.json").read_text())
    assert report["detail"]["tokens"] == facts["asked"]["test"] and report["primary"]["interval"]


def test_it_learns_to_answer(make_run: MakeRun) -> None:
    run = started(make_run, rows(), train__max_steps=120, train__epochs=None, train__lr=0.01)
    assert run.go() == DONE, run.log
    found = json.loads((run.folder / "out" / "metrics.json").read_text())
    assert found["test"]["perplexity"] < found["baseline"]["metrics"]["perplexity"] / 2


def test_rows_without_a_prompt_are_plain_documents(make_run: MakeRun) -> None:
    table = [("" if n % 2 else question, answer) for n, (question, answer) in enumerate(rows())]
    run = started(make_run, table)
    assert run.go() == DONE, run.log
    _, facts = opened(run)
    answers = sum(len(answer) for _, answer in table)
    assert sum(facts["bytes"].values()) == answers


def test_without_a_prompt_column_nothing_changes(make_run: MakeRun) -> None:
    run = started(make_run, rows(), prompt=False)
    assert run.go() == DONE, run.log
    task, facts = opened(run)
    assert not task.marks and "asked" not in facts and "asked" not in task.train_batch(np.arange(1), 0, 1)


def test_the_preview_shows_what_is_masked(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(csv_blob(["question", "answer"], rows()))
    profile = {"kind": "csv", "rows": 240, "delimiter": ",", "columns": []}
    data = InputData(path=str(path), kind="csv", sha256="0" * 64, profile=profile)
    spec = Spec.from_json(tiny("causal-lm", data__columns={"text": "answer", "prompt": "question"}))
    told = looking.preview(spec, Inputs(v=1, job=JOB, fence=1, data=data))
    words = [token for item in told["items"] for token in item["tokens"]]
    asked = "".join(word for word, is_asked in words if is_asked).replace("<|endoftext|>", "")
    assert "?" not in asked and set(asked) <= set("".join(COLOURS.values()))
    assert "?" in "".join(word for word, is_asked in words if not is_asked)


@pytest.mark.parametrize(
    ("prompt", "code"), [("question", None), ("other", "column_absent"), ("answer", "column_same")]
)
def test_the_column_is_looked_at(prompt: str, code: str | None) -> None:
    names = ("question", "answer")
    columns = [{"name": name, "type": "text", "missing": 3, "mean_chars": 400} for name in names]
    profile = {"kind": "csv", "rows": 4_000, "columns": columns}
    try:
        spec = Spec.from_json(tiny("causal-lm", data__columns={"text": "answer", "prompt": prompt}))
    except Exception as error:  # the spec contradicts itself
        assert code in {issue.code for issue in error.issues}
        return
    found = [(i.path, i.code) for i in validate(spec, profile) if i.path == "data.columns.prompt"]
    assert found == ([("data.columns.prompt", code)] if code else [])
