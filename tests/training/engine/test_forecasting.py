"""Forecasting learns a wave, learns nothing from the future, and its package tells the same in transformers."""

import json

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import MakeRun, csv_blob, tiny
from training.engine.contract import DONE, FAILED
from training.engine.errors import Stop
from training.engine.package import load_net
from training.engine.spec import Spec
from training.engine.tasks.forecasting import Task

LEARN = {"train__max_steps": 250, "train__lr": 4e-3, "train__batch": 16, "eval__every_steps": 50}


def test_a_wave_is_foretold(make_run: MakeRun) -> None:
    from transformers import PatchTSTForPrediction

    run = make_run("run", tiny("forecasting", model__width=32, **LEARN))
    assert run.go() == DONE, run.log
    last = run.of("done")[0]
    assert last["metrics"]["test/mase"] < 0.4 * last["baseline"]["metrics"]["test/mase"]
    low, high = last["interval"]
    assert low < last["metrics"]["test/mase"] < high
    out = run.folder / "out"
    series = torch.sin(torch.arange(24.0) / 2)[None] * 10 + 100
    theirs = PatchTSTForPrediction.from_pretrained(out, local_files_only=True).eval()
    with torch.no_grad():
        told = theirs(series[:, :, None]).prediction_outputs[:, :, 0]
        torch.testing.assert_close(told, load_net(out)(series), rtol=1e-4, atol=1e-3)
    assert told.shape == (1, 8)


def test_what_is_judged_was_never_learnt(make_run: MakeRun) -> None:
    run = make_run("run", tiny("forecasting"))
    assert run.go() == DONE, run.log
    (prepared,) = (run.folder / "prepared").iterdir()
    spec = Spec.from_text((run.folder / "spec.json").read_bytes())
    task = Task(spec, Stop())
    task.open(prepared, json.loads((prepared / "prepared.json").read_text())["facts"])
    task.series = np.arange(600.0)
    told = {}
    for part in ("train", "valid", "test"):
        batch = task._batch(part, np.arange(task.count(part)))
        assert torch.equal(batch["target"][:, 0], batch["series"][:, -1] + 1)
        told[part] = (int(batch["target"].min()), int(batch["target"].max()))
    seen = task._batch("train", np.arange(task.count("train")))["series"]
    assert seen.min() == 0
    assert told == {"train": (24, 419), "valid": (420, 509), "test": (510, 599)}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 2, ""] * 40, "Row 3 of the dataset cannot be used: its value is not a number."),
        ([1, 2, "n/a"] * 40, "Row 3 of the dataset cannot be used: its value is not a number."),
        ([5] * 120, "The dataset cannot be used: all its numbers are the same."),
        (list(range(40)), "The dataset cannot be used: it is too short for a context of 24 numbers."),
    ],
)
def test_a_series_that_cannot_be_used_is_told_why(values: list, said: str, make_run: MakeRun) -> None:
    run = make_run("run", tiny("forecasting"), blob=csv_blob(["month", "sold"], list(enumerate(values))))
    assert run.go() == FAILED
    assert run.of("error")[0]["text"] == said
