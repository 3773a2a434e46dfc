"""torch.compile of what is learnt with: tried aside, kept where it pays back, and never in the way."""

import importlib
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from torch import Tensor

from tests.training.engine.conftest import MakeRun, Run, kill_at, tiny
from training.engine import compiling
from training.engine.contract import DONE, STOPPED, Spec
from training.engine.errors import Stop, StopRequestedError
from training.engine.spec import COMPILE_GAIN, COMPILE_S
from training.engine.strict import SpecError

needs_compiler = pytest.mark.skipif(not compiling.possible(), reason="no C++ compiler")


def learn(batch: Tensor) -> Tensor:
    return (batch * batch).sum()


def rehearse(learn: compiling.Learn) -> None:
    learn(torch.ones(4, requires_grad=True)).backward()


def asked(tmp_path: Path, **words: Any) -> bool:
    given: dict[str, Any] = {"wanted": "auto", "steps": 10, "folder": tmp_path, "stop": Stop(), **words}
    return compiling.pays(given.pop("learn", learn), given.pop("step", rehearse), **given)


@pytest.fixture
def compiler() -> None:
    """torch's compiler, imported once: the runs are forked from this process."""
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    importlib.import_module("torch._inductor.compile_fx")


@needs_compiler
@pytest.mark.usefixtures("compiler")
def test_compiled_run_learns_the_same_and_goes_on_bit_by_bit(make_run: MakeRun) -> None:
    words: dict[str, Any] = {"model__dropout": 0.0, "resources": {"cpus": 1}}
    plain = make_run("plain", tiny("causal-lm", train__compile="off", **words))
    whole = make_run("whole", tiny("causal-lm", train__compile="on", **words))
    broken = make_run("broken", tiny("causal-lm", train__compile="on", **words))
    assert plain.go() == whole.go() == DONE, whole.log
    assert [is_compiled(plain), is_compiled(whole)] == [False, True]
    assert not whole.of("warning")
    np.testing.assert_allclose(list(whole.curve.values()), list(plain.curve.values()), rtol=2e-4)
    shutil.copytree(whole.folder / compiling.FOLDER, broken.folder / compiling.FOLDER)
    assert broken.go(kill_at(5, signal.SIGTERM)) == STOPPED, broken.log
    assert broken.resume() == DONE, broken.log
    assert (broken.curve, broken.weights) == (whole.curve, whole.weights)


def is_compiled(run: Run) -> bool:
    return json.loads((run.folder / "out" / "resolved.json").read_text())["compiled"]


def test_run_without_a_compiler_goes_on_and_says_so(make_run: MakeRun) -> None:
    def before() -> None:
        os.environ["PATH"] = os.environ["CXX"] = "/nowhere"

    run = make_run("run", tiny("causal-lm", train__compile="on"))
    assert run.go(before) == DONE, run.log
    assert not is_compiled(run)
    assert [event["code"] for event in run.of("warning")] == ["not_compiled"]


@needs_compiler
def test_short_run_is_not_compiled_and_a_long_one_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`compiled` writes down that it was asked, and answers with what takes no time, or as long as before."""

    def slow(batch: Tensor) -> Tensor:
        time.sleep(0.01)
        return learn(batch)

    def compiled(quicker: bool) -> Any:
        def answer(given: compiling.Learn, folder: Path) -> compiling.Learn:
            (folder / "asked").touch()
            return learn if quicker else given

        return answer

    monkeypatch.setattr(compiling, "compiled", compiled(quicker=True))
    enough = round(COMPILE_S / (COMPILE_GAIN * 0.01))
    assert not asked(tmp_path, learn=slow, steps=enough // 50)  # sleeping may take longer on a busy machine
    assert not (tmp_path / "asked").exists()
    assert asked(tmp_path, learn=slow, steps=enough * 2)
    assert (tmp_path / "asked").exists()
    assert not asked(tmp_path, learn=slow, steps=enough * 2, wanted="off")
    monkeypatch.setattr(compiling, "compiled", compiled(quicker=False))
    assert not asked(tmp_path, learn=slow, steps=enough * 2)
    assert asked(tmp_path, learn=slow, steps=1, wanted="on")


@needs_compiler
def test_a_run_that_is_short_by_its_first_step_forks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aside, rehearsed = [], []

    def watched(learn: compiling.Learn) -> None:
        rehearsed.append(os.getpid())
        rehearse(learn)

    monkeypatch.setattr(compiling, "aside", lambda *_: aside.append(1))
    assert not asked(tmp_path, step=watched)
    assert (rehearsed, aside) == ([os.getpid()], [])
    assert not asked(tmp_path, step=watched, steps=10**9)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)  # which the forked process would miss
    assert not asked(tmp_path, step=watched)
    assert (rehearsed, aside) == ([os.getpid()] * 2, [1, 1])


@needs_compiler
@pytest.mark.usefixtures("compiler")
def test_what_does_not_compile_stays_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def picky(batch: Tensor) -> Tensor:
        return learn(batch) if float(batch.sum()) > 0 else -learn(batch)

    assert not asked(tmp_path, learn=picky, wanted="on")
    assert "could not be compiled" in caplog.text


def test_stop_is_heard_while_compiling(tmp_path: Path) -> None:
    stop, began, before = Stop(), time.monotonic(), children()
    threading.Timer(0.2, lambda: setattr(stop, "requested", True)).start()
    with pytest.raises(StopRequestedError):
        compiling.aside(lambda: time.sleep(60) or {}, stop)
    assert time.monotonic() - began < 30
    assert children() <= before


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_only_language_models_in_one_piece_are_compiled() -> None:
    def said(spec: dict[str, Any]) -> list[str]:
        try:
            Spec.from_json(spec)
        except SpecError as error:
            return [issue.code for issue in error.issues if issue.path == "train.compile"]
        return []

    assert said(tiny("text-classification", train__compile="on")) == ["compile_unfit"]
    assert said(tiny("causal-lm", train__compile="on", train__shard=True)) == ["compile_unfit"]
    assert said(tiny("text-classification", train__compile="auto")) == []
    assert said(tiny("masked-lm", train__compile="on")) == []
