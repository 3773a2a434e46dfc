"""A search: what is tried, who goes on, and that a stop or a kill changes nothing of what is found."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.engine.conftest import JOB, MakeRun, Run, tiny
from training.engine.contract import DONE, STOPPED, Inputs, Spec, SpecError, estimate, validate
from training.engine.errors import EngineError, Stop
from training.engine.events import NoEvents
from training.engine.package import load_net
from training.engine.search import Search
from training.engine.searching import rungs, trial_specs, until_step, values_of
from training.engine.spec import MOMENTUM_BEFORE

RATES = {"train.lr": "0.00001, 0.01, 0.0001", "train.ema_decay": "0.5"}
PROFILE = {"kind": "text", "rows": 1, "chars": 100_000, "bytes": 100_000}


def searching(kind: str, space: dict[str, str] = RATES, **changes: Any) -> dict[str, Any]:
    search = {"kind": kind, "space": space, "trials": 3, "seed": 5}
    words = {"train__max_steps": 9, "eval__every_steps": 3, "model__dropout": 0.1} | changes
    return tiny("causal-lm", search=search, **words)


def table(run: Run) -> dict[str, Any]:
    found = json.loads((run.folder / "search.json").read_text())
    del found["seconds"]
    return found


def test_a_grid_tries_every_combination_and_packs_the_best(make_run: MakeRun) -> None:
    run = make_run("run", searching("grid"))
    assert run.go() == DONE, run.log
    found = table(run)
    assert [trial["state"] for trial in found["trials"]] == ["done"] * 3
    scores = [trial["score"] for trial in found["trials"]]
    assert found["best"] == 2 == scores.index(min(scores)) + 1
    # Each trial is a run that anybody could do alone, …
    alone = make_run("alone", tiny("causal-lm", train__max_steps=9, eval__every_steps=3, model__dropout=0.1))
    alone.write_spec(json.loads((run.folder / "trials" / "02" / "spec.json").read_text()))
    assert alone.go() == DONE, alone.log
    assert alone.weights == run.weights
    # … and what they did is told: their curves, the best package with the table, and one last event.
    curves = {f"{e['step']} {name}": v for e in run.of("metric") for name, v in e["values"].items()}
    own = {k: v for k, v in alone.curve.items() if k.endswith("valid/perplexity")}
    assert {k.replace("trial 2/", ""): v for k, v in curves.items() if "trial 2/" in k} == own
    done = run.of("done")[0]
    assert done["search"] == {"trial": 2, "trials": 3, "values": {"train.ema_decay": 0.5, "train.lr": 0.01}}
    assert done["metrics"] == alone.of("done")[0]["metrics"]
    assert [(e["number"], e["state"]) for e in run.of("trial")] == [(1, "done"), (2, "done"), (3, "done")]
    load_net(run.folder / "out")  # which holds every file to the manifest
    assert table(run)["trials"] == json.loads((run.folder / "out" / "search.json").read_text())["trials"]
    assert "Trial 2 of 3 (grid), the best by perplexity" in (run.folder / "out" / "README.md").read_text()


def at_trial(number: int, step: int, what: Callable[[], None]) -> Callable[[], None]:
    """A hook that does something when a trial arrives at a step."""

    def before() -> None:
        from training.engine import listeners

        judge = listeners.Ender.__call__

        def call(self: Any, loop: Any) -> None:
            if loop.state.step == step and loop.spec.train.lr == float(RATES["train.lr"].split(",")[number - 1]):
                what()
            judge(self, loop)

        listeners.Ender.__call__ = call  # type: ignore[method-assign]

    return before


def kill_search() -> None:
    os.kill(os.getppid(), signal.SIGKILL)


def stop_search() -> None:
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(0.4)  # the search hears it and asks this trial


def test_better_trials_go_on_whatever_happens_between(make_run: MakeRun) -> None:
    """Successive halving: all to a third, the best to the end; stopped, killed, gone on with, and the same result."""
    whole, broken = make_run("whole", searching("halving")), make_run("broken", searching("halving"))
    assert whole.go() == DONE, whole.log
    found = table(whole)
    assert [(t["state"], len(t["scores"])) for t in found["trials"]] == [("left", 1), ("done", 2), ("left", 1)], found
    assert [t["step"] for t in found["trials"]] == [3, 9, 3]
    plain = make_run("plain", searching("grid"))
    plain.write_spec(json.loads((whole.folder / "trials" / "02" / "spec.json").read_text()))
    assert plain.go() == DONE, plain.log
    assert plain.weights == whole.weights  # a rung is a stop and a resume, which change nothing
    assert not (whole.folder / "trials" / "01" / "ckpt").exists()

    broken.write_inputs(fence=1, resume=True)
    assert broken.go(at_trial(1, 2, stop_search)) == STOPPED, broken.log
    assert broken.of("stopped")[0]["step"] == 2
    broken.write_inputs(fence=2, resume=True)
    assert broken.go(at_trial(2, 6, kill_search)) == -signal.SIGKILL
    assert broken.resume(fence=3) == DONE, broken.log
    assert table(broken) == found
    assert broken.weights == whole.weights


def test_draws_are_those_of_the_seed_and_spread_by_logarithm() -> None:
    space = {"train.lr": "0.0001..0.1", "train.batch": "4..64", "train.schedule": "cosine, linear", "model.lora": "2"}
    spec = Spec.from_json(searching("random", {k: v for k, v in space.items() if k != "model.lora"}))
    drawn = values_of(spec)
    assert drawn == values_of(spec)
    more = Spec.from_json(spec.to_json() | {"search": spec.to_json()["search"] | {"trials": 64}})
    assert values_of(more)[:3] == drawn
    rates = [values["train.lr"] for values in values_of(more)]
    assert all(0.0001 <= rate <= 0.1 for rate in rates)
    assert 15 < sum(rate < 0.00316 for rate in rates) < 49  # the middle of the logarithms
    assert {values["train.schedule"] for values in values_of(more)} == {"cosine", "linear"}
    other = spec.to_json() | {"search": spec.to_json()["search"] | {"seed": 6}}
    assert values_of(Spec.from_json(other)) != drawn
    assert trial_specs(spec)[0].search is None
    few = Spec.from_json(searching("random", {"train.schedule": "cosine, linear"}))
    assert sorted(values["train.schedule"] for values in values_of(few)) == ["cosine", "linear"]  # none is tried twice


@pytest.mark.parametrize(
    ("kind", "space", "path", "code"),
    [
        ("grid", {}, "search.space", "search_empty"),
        ("grid", {"train.lr": "0.1..1"}, "search.space.train.lr", "search_range"),
        ("random", {"train.lr": "a few"}, "search.space.train.lr", "search_unread"),
        ("random", {"train.lr": "1..0.1"}, "search.space.train.lr", "search_unread"),
        ("random", {"train.lr": "nan"}, "search.space.train.lr", "search_unread"),
        ("random", {"train.batch": "1.5"}, "search.space.train.batch", "search_unread"),
        ("grid", {"train.lr": "-1"}, "search.space.train.lr", "search_value"),
        ("grid", {"model.heads": "3"}, "search.space.model.heads", "search_value"),
        ("grid", {"train.batch": ",".join(map(str, range(1, 66)))}, "search.space", "search_many"),
        ("grid", {"train.momentum": "0, 0.9"}, "search.space.train.momentum", "search_value"),  # of adamw
        ("grid", {"data.split": "1"}, "search.space.data.split", "unknown_key"),
    ],
)
def test_a_space_that_cannot_be_is_told_at_its_place(kind: str, space: dict[str, str], path: str, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        Spec.from_json(searching(kind, space))
    assert [(issue.path, issue.code) for issue in caught.value.issues] == [(path, code)]


OPTIMIZERS = {"train.optimizer": "adamw, sgd, adam"}


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_momentum_is_for_the_trials_that_have_a_use_for_it(optimizer: str) -> None:
    said = searching("grid", OPTIMIZERS, train__optimizer=optimizer, train__momentum=0.5)
    found = {trial.train.optimizer: trial.train.momentum for trial in trial_specs(Spec.from_json(said))}
    assert found == {"adamw": 0.0, "sgd": 0.5, "adam": 0.0}


def test_momenta_are_tried_with_sgd_and_once_without(make_run: MakeRun) -> None:
    space = {"train.optimizer": "adamw, sgd", "train.momentum": "0, 0.5, 0.9"}
    found = values_of(Spec.from_json(searching("grid", space)))
    beside = [{"train.momentum": momentum, "train.optimizer": "sgd"} for momentum in (0.0, 0.5, 0.9)]
    assert found == [{"train.optimizer": "adamw"}, *beside]
    space["train.momentum"] = "0..0.95"
    spec = Spec.from_json(searching("random", space))
    trials = trial_specs(spec)
    assert len(trials) == 3 and {trial.train.optimizer for trial in trials} == {"adamw", "sgd"}
    assert all((trial.train.momentum > 0) == (trial.train.optimizer == "sgd") for trial in trials)
    run = make_run("run", searching("grid", {"train.momentum": "0, 0.9"}, train__optimizer="sgd", train__max_steps=3))
    assert run.go() == DONE, run.log
    scores = [trial["score"] for trial in table(run)["trials"]]
    assert len(set(scores)) == 2


def test_a_search_from_before_there_was_a_momentum_tries_what_it_tried() -> None:
    """Each of its trials is read, and sgd has the momentum that went without saying."""
    old, fresh = (Spec.from_json(searching("grid", OPTIMIZERS), fresh=fresh) for fresh in (False, True))
    assert [trial.train.momentum for trial in trial_specs(old)] == [0.0, 0.9, 0.0]
    assert [trial.train.momentum for trial in trial_specs(fresh)] == [0.0, 0.0, 0.0]
    assert old.recipe_sha256 != fresh.recipe_sha256
    assert Spec.from_json(old.to_json()) == old and Spec.from_json(fresh.to_json()) == fresh


@pytest.mark.parametrize(("momentum", "found"), [(0.0, True), (0.5, False)])
def test_a_search_that_was_stored_without_its_momentum_goes_on(momentum: float, found: bool, tmp_path: Path) -> None:
    """For a while the recipe of a search that tries sgd beside adamw left out a momentum of 0."""
    spec, without = (
        Spec.from_json(searching("grid", OPTIMIZERS, train__momentum=value)) for value in (momentum, MOMENTUM_BEFORE)
    )
    assert spec.recipe_sha256 != without.recipe_sha256
    data = {"path": "/x", "kind": "text", "sha256": "0" * 64}
    inputs = Inputs.from_json({"v": 1, "job": JOB, "fence": 2, "resume": True, "data": data})
    words: Any = {"events": NoEvents(), "stop": Stop(), "run": lambda folder: 0, "cache_variable": "X"}
    search = Search(tmp_path, spec, inputs, **words)
    trials = [trial | {"state": "done", "score": 1.5, "scores": [1.5]} for trial in search.trials]
    stored = {"v": 1, "spec_sha256": without.recipe_sha256, "seconds": 7.5, "trials": trials}
    (tmp_path / "search.json").write_text(json.dumps(stored))
    search._open()
    assert ((search.trials, search.seconds) == (trials, 7.5)) is found


def test_a_search_takes_what_its_trials_take() -> None:
    one = estimate(Spec.from_json(tiny("causal-lm", train__max_steps=9)), PROFILE)
    three = estimate(Spec.from_json(searching("grid")), PROFILE)
    some = estimate(Spec.from_json(searching("halving")), PROFILE)
    assert three.steps == 3 * one.steps == 27
    assert some.steps == 15  # three times a third, and two thirds
    assert three.memory_bytes > one.memory_bytes  # that of the average
    assert validate(Spec.from_json(searching("grid")), PROFILE) == []
    long = Spec.from_json(searching("grid", {"train.batch": "8, 60000"}))
    assert [(i.path, i.level) for i in validate(long, PROFILE)] == [("model.context", "error")]
    assert Spec.from_json(tiny("causal-lm")).recipe_sha256 != Spec.from_json(searching("grid")).recipe_sha256


def test_rungs_end_at_evaluations() -> None:
    assert rungs("grid", 9) == [(9, 1.0)]
    assert [count for count, _ in rungs("halving", 27)] == [27, 9, 3]
    assert [until_step(100, 10, share) for _, share in rungs("halving", 27)] == [10, 30, 100]
    assert until_step(7, 4, 0.1) == 4


def test_the_best_of_a_rung_go_first_and_equals_by_number(tmp_path: Path) -> None:
    def ranked(primary: str, scores: list[list[float]], rung: int) -> list[int]:
        spec = Spec.from_json(searching("grid", eval__primary=primary))
        inputs = Inputs.from_json(
            {"v": 1, "job": JOB, "fence": 1, "data": {"path": "/x", "kind": "text", "sha256": "0" * 64}}
        )
        words: Any = {"events": NoEvents(), "stop": Stop(), "run": lambda folder: 0, "cache_variable": "X"}
        search = Search(tmp_path, spec, inputs, **words)
        for trial, own in zip(search.trials, scores, strict=True):
            trial["scores"] = own
        return [trial["number"] for trial in search._ranked(rung)]

    scores = [[3.0, 2.0], [1.0], [3.0, 4.0]]
    assert ranked("loss", scores, -1) == [1, 2, 3]  # before the first rung all of them, in their order
    assert ranked("loss", scores, 0) == [2, 1, 3]
    assert ranked("loss", scores, 1) == [1, 3]
    assert ranked("token_accuracy", scores, 0) == [1, 3, 2]


@pytest.mark.parametrize(
    ("code", "last", "told"),
    [
        (1, {"e": "error", "code": "diverged", "message": "diverged"}, "diverged"),
        (1, {"e": "error", "code": "oom", "message": "oom"}, "oom"),
        (-9, {"e": "progress"}, "oom"),  # killed: who takes too much memory is
        (1, {"e": "error", "code": "disk_full", "message": "disk_full"}, None),  # the next would end in the same way
        (1, {"e": "progress"}, None),
    ],
)
def test_only_what_is_a_trials_own_ends_it_alone(
    code: int, last: dict[str, Any], told: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = Spec.from_json(searching("grid"))
    inputs = Inputs.from_json(
        {"v": 1, "job": JOB, "fence": 1, "data": {"path": "/x", "kind": "text", "sha256": "0" * 64}}
    )
    words: Any = {"events": NoEvents(), "stop": Stop(), "run": lambda folder: 0, "cache_variable": "X"}
    search = Search(tmp_path, spec, inputs, **words)
    monkeypatch.setattr(search, "_events_of", lambda trial: [last])
    trial = search.trials[0]
    if told is None:
        with pytest.raises(EngineError):
            search._judge(trial, 0, code)
    else:
        search._judge(trial, 0, code)
        assert (trial["state"], trial["reason"]) == ("failed", told)
