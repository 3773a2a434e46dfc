"""What a search tries and who of it goes on, with trials that learn nothing and say what they are told to."""

import itertools
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.engine.conftest import JOB, tiny
from training.engine import search as search_module
from training.engine.contract import DONE, FAILED, STOPPED, Inputs, Spec, SpecError, estimate
from training.engine.errors import EngineError, Stop, StopRequestedError
from training.engine.events import EventLog
from training.engine.package import MANIFEST
from training.engine.protocol import Reason
from training.engine.search import Search
from training.engine.searching import MAX_TRIALS, SEARCHABLE, rungs, share_learnt, trial_specs, until_step, values_of

DATA = {"path": "/x", "kind": "text", "sha256": "0" * 64}
PROFILE = {"kind": "text", "rows": 1, "chars": 100_000, "bytes": 100_000}
# How trials of a rate end instead of learning to the end.
DIVERGES, FULL, KILLED, SILENT = 0.91, 0.92, 0.93, 0.94


def searching(kind: str, space: dict[str, str], trials: int = 3, seed: int = 5, **changes: Any) -> Spec:
    search = {"kind": kind, "space": space, "trials": trials, "seed": seed}
    return Spec.from_json(tiny("causal-lm", search=search, **{"train__max_steps": 9, "eval__every_steps": 3} | changes))


def trial(folder: Path) -> int:
    """A run as a search sees it: the score of a rate is how far it is from 0.01, and a ninth less with each step."""
    spec, inputs = (
        kind.from_text((folder / name).read_bytes()) for kind, name in ((Spec, "spec.json"), (Inputs, "inputs.json"))
    )
    log, rate, steps, every = EventLog(folder), spec.train.lr, spec.train.max_steps, spec.eval.every_steps
    at = folder / "ckpt" / "at"
    begun = int(at.read_text()) if at.exists() else 0
    until = until_step(steps, every, inputs.until) if inputs.until < 1 else steps
    if rate == KILLED:
        os.kill(os.getpid(), 9)
    if rate == SILENT:
        return FAILED
    log.emit("start", pid=1, versions={}, device="cpu", threads=1, parameters=round(1 / rate))
    for step in range(begun + 1, until + 1):
        if rate in (DIVERGES, FULL):
            code, message = ("diverged", "diverged") if rate == DIVERGES else ("disk_full", "disk_full")
            log.emit("error", code=code, message=message, params={"step": step}, text="", hint="", step=step, issues=[])
            return FAILED
        if step % every == 0 or step == steps:
            score = abs(math.log10(rate / 0.01)) + 1 - step / 9
            log.emit("metric", step=step, values={"valid/perplexity": score, "valid/loss": 0.5, "train/loss": 9.0})
            log.emit("progress", step=step, steps=steps, loss=1.0)
    at.parent.mkdir(exist_ok=True)
    at.write_text(str(until))
    if until < steps:
        log.emit("stopped", step=until, reached=True)
        return STOPPED
    (folder / "out").mkdir()
    (folder / "out" / "README.md").write_text(f"# rate {rate}\n\n## Intended use\n\nDraft.\n")
    log.emit("done", step=until, seconds=1.0, metrics={"test/perplexity": rate}, primary="perplexity", package="out")
    return DONE


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "POLL_S", 0.002)
    monkeypatch.setenv("SEARCH_TEST_CACHE", "somewhere")


def search_of(folder: Path, spec: Spec, *, resume: bool = False, stop: Stop | None = None) -> Search:
    inputs = Inputs.from_json({"v": 1, "job": JOB, "fence": 1, "resume": resume, "data": DATA})
    words: dict[str, Any] = {"run": trial, "cache_variable": "SEARCH_TEST_CACHE"}
    return Search(folder, spec, inputs, events=EventLog(folder), stop=stop or Stop(), **words)


def table(folder: Path) -> list[tuple[Any, ...]]:
    """(rate, state, steps, rungs) of each trial."""
    trials = json.loads((folder / "search.json").read_text())["trials"]
    return [(t["values"]["train.lr"], t["state"], t["step"], len(t["scores"])) for t in trials]


def events_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [event for event in found if event["e"] == kind]


@pytest.mark.parametrize(
    ("rates", "best"), [("0.1, 0.02, 0.5", 2), ("0.01, 0.02", 1), ("0.5, 0.9, 0.011", 3), ("0.1, 0.001", 1)]
)
def test_the_best_trial_becomes_the_result(rates: str, best: int, tmp_path: Path) -> None:
    """Of equals the first."""
    spec = searching("grid", {"train.lr": rates})
    done = search_of(tmp_path, spec).go()
    rate = float(rates.split(",")[best - 1])
    wanted = {"trial": best, "trials": len(rates.split(",")), "values": {"train.lr": rate}}
    assert (done["search"], done["metrics"]) == (wanted, {"test/perplexity": rate})
    assert done["parameters"] == round(1 / rate)
    assert table(tmp_path) == [(float(one), "done", 9, 1) for one in rates.split(",")]
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith(f"# rate {rate}\n")
    assert card.index("## Search") < card.index(f"train.lr = {rate}") < card.index("## Intended use")
    assert set(json.loads((tmp_path / "out" / MANIFEST).read_text())["files"]) == {"README.md", "search.json"}
    found = json.loads((tmp_path / "out" / "search.json").read_text())
    assert (found["best"], found["lower_is_better"], found["primary"]) == (best, True, "perplexity")
    # What a trial no longer needs takes no room.
    assert [path.name for path in tmp_path.glob("trials/*/ckpt")] == []


def test_curves_of_all_trials_are_told_under_their_numbers(tmp_path: Path) -> None:
    search_of(tmp_path, searching("grid", {"train.lr": "0.1, 0.01"})).go()
    told = [(event["step"], *event["values"].items()) for event in events_of(tmp_path, "metric")]
    scores = [(1, 1.0), (2, 0.0)]
    assert told == [
        (step, (f"trial {number}/valid/perplexity", pytest.approx(far + 1 - step / 9)))
        for number, far in scores
        for step in (3, 6, 9)
    ]
    assert [(e["number"], e["state"], e["step"]) for e in events_of(tmp_path, "trial")] == [
        (1, "done", 9),
        (2, "done", 9),
    ]
    far = [(event["step"], event["steps"]) for event in events_of(tmp_path, "progress")]
    assert far[-1] == (18, 18) and far == sorted(far)
    assert len(events_of(tmp_path, "start")) == 1


NINE = "0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.011"


def test_of_each_rung_a_third_goes_on(tmp_path: Path) -> None:
    """27 steps: all nine to the third, three to the ninth, the best to the end."""
    spec = searching("halving", {"train.lr": NINE}, trials=9, train__max_steps=27)
    done = search_of(tmp_path, spec).go()
    assert done["search"]["values"] == {"train.lr": 0.011}
    found = {rate: (state, steps, ladder) for rate, state, steps, ladder in table(tmp_path)}
    assert found[0.011] == ("done", 27, 3)
    assert found[0.02] == found[0.03] == ("left", 9, 2)
    others = {rate for rate in found if rate > 0.03}
    assert len(others) == 6 and {found[rate] for rate in others} == {("left", 3, 1)}
    learnt = sum(steps for _, steps, _ in found.values())
    assert learnt == round(share_learnt("halving", 9) * 27) == 6 * 3 + 2 * 9 + 27


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("trials", [3, 9])
def test_a_run_of_one_evaluation_has_its_best_trial_too(steps: int, trials: int, tmp_path: Path) -> None:
    """The first rung is the whole run already: nothing is left to go on with."""
    spec = searching("halving", {"train.lr": NINE}, trials=trials, train__max_steps=steps, eval__every_steps=steps)
    rates = [values["train.lr"] for values in values_of(spec)]
    done = search_of(tmp_path, spec).go()
    assert done["search"]["values"]["train.lr"] == min(rates)
    assert {(state, step) for _, state, step, _ in table(tmp_path)} == {("done", steps)}


@pytest.mark.parametrize(
    ("rates", "states", "best"),
    [
        (f"{DIVERGES}, 0.1, {KILLED}", ["failed", "done", "failed"], 2),
        (f"0.1, {DIVERGES}", ["done", "failed"], 1),
    ],
)
def test_a_trial_that_fails_by_itself_leaves_the_others(
    rates: str, states: list[str], best: int, tmp_path: Path
) -> None:
    done = search_of(tmp_path, searching("grid", {"train.lr": rates})).go()
    assert done["search"]["trial"] == best
    assert [state for _, state, _, _ in table(tmp_path)] == states


@pytest.mark.parametrize(
    ("rates", "reason", "message"),
    [
        (f"{DIVERGES}", Reason.DIVERGED, "search_failed"),
        (f"{KILLED}, {DIVERGES}", Reason.OOM, "search_failed"),
        (f"{FULL}, 0.1", Reason.DISK_FULL, "disk_full"),
        (f"{SILENT}, 0.1", Reason.INTERNAL, "internal"),
    ],
)
def test_a_search_ends_with_the_reason_of_its_trials(rates: str, reason: Reason, message: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        search_of(tmp_path, searching("grid", {"train.lr": rates})).go()
    assert (caught.value.reason, caught.value.message) == (reason, message)
    assert not (tmp_path / "out").exists() and (tmp_path / "search.json").exists()


@pytest.mark.parametrize("kind", ["grid", "halving"])
@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_search_that_was_stopped_finds_the_same(
    kind: str, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = searching(kind, {"train.lr": "0.1, 0.02, 0.5, 0.3"}, trials=4)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    wanted = search_of(whole, spec).go()
    stop, told = Stop(), itertools.count(1)
    show = Search._show

    def shown(self: Search, trial: dict[str, Any]) -> None:
        show(self, trial)
        stop.requested = stop.requested or next(told) == after

    monkeypatch.setattr(Search, "_show", shown)
    try:
        found = search_of(broken, spec, stop=stop).go()
    except StopRequestedError:
        stop.requested = False
        found = search_of(broken, spec, resume=True).go()
    assert found | {"seconds": 0} == wanted | {"seconds": 0}
    assert table(broken) == table(whole)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"trials": []}', b'{"spec_sha256": 3, "trials": 4}'])
def test_a_table_that_cannot_be_read_is_begun_anew(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "search.json").write_bytes(text)
    assert search_of(tmp_path, searching("grid", {"train.lr": "0.1"}), resume=True).go()["search"]["trial"] == 1


def test_a_search_that_begins_anew_forgets_what_there_was(tmp_path: Path) -> None:
    (tmp_path / "trials" / "01").mkdir(parents=True)
    (tmp_path / "trials" / "01" / "events.jsonl").write_text(
        '{"e":"metric","step":3,"values":{"valid/perplexity":0}}\n'
    )
    (tmp_path / "search.json").write_text("{}")
    search_of(tmp_path, searching("grid", {"train.lr": "0.1"})).go()
    assert [event["step"] for event in events_of(tmp_path, "metric")] == [3, 6, 9]
    assert min(v for e in events_of(tmp_path, "metric") for v in e["values"].values()) > 0


@pytest.mark.parametrize(
    ("asked", "seconds", "told"),
    [(True, 0.0, "stop"), (True, 99.0, "stop"), (False, 60.0, "limit"), (False, 59.0, "stop")],
)
def test_a_trial_that_stopped_was_asked_to_or_had_no_time(
    asked: bool, seconds: float, told: str, tmp_path: Path
) -> None:
    stop = Stop()
    found = search_of(tmp_path, searching("grid", {"train.lr": "0.1"}, limits={"minutes": 1}), stop=stop)
    stop.requested, found.seconds = asked, seconds
    with pytest.raises(StopRequestedError if told == "stop" else EngineError) as caught:
        found._judge(found.trials[0], 0, STOPPED)
    assert getattr(caught.value, "reason", None) == (None if told == "stop" else "limit_minutes")


# -- what is tried


@pytest.mark.parametrize(
    ("space", "wanted"),
    [
        ({"train.lr": "0.1,0.2"}, [{"train.lr": 0.1}, {"train.lr": 0.2}]),
        ({"train.lr": " 0.1 ,1e-1, .10"}, [{"train.lr": 0.1}]),
        (
            {"train.lr": "0.2, 0.1", "train.batch": "4, 8"},  # the paths in order, the values as they are told
            [{"train.batch": batch, "train.lr": rate} for batch in (4, 8) for rate in (0.2, 0.1)],
        ),
        ({"train.schedule": "cosine, linear,cosine"}, [{"train.schedule": "cosine"}, {"train.schedule": "linear"}]),
        ({"train.clip": "1"}, [{"train.clip": 1.0}]),
    ],
)
def test_a_grid_is_every_combination_once(space: dict[str, str], wanted: list[dict[str, Any]]) -> None:
    spec = searching("grid", space)
    assert values_of(spec) == wanted
    for values, made in zip(wanted, trial_specs(spec), strict=True):
        assert made.search is None
        for path, value in values.items():
            section, name = path.split(".")
            assert getattr(getattr(made, section), name) == value
        assert made.data == spec.data


@pytest.mark.parametrize(
    ("path", "text", "low", "high"),
    [
        ("train.lr", "0.12345..0.12346", 0.12345, 0.12346),
        ("train.lr", "0.00001..9.9999", 0.00001, 9.9999),
        ("model.dropout", "0.5..0.99999", 0.5, 0.99999),
        ("model.dropout", "0..0.3", 0.0, 0.3),
        ("train.ema_decay", "0.99991..0.99999", 0.99991, 0.99999),
        ("train.batch", "1..3", 1, 3),
        ("train.seed", "0..9", 0, 9),
    ],
)
def test_draws_are_within_their_range_however_narrow(path: str, text: str, low: float, high: float) -> None:
    for seed in range(5):
        spec = searching("random", {path: text}, trials=MAX_TRIALS, seed=seed)
        found = [values[path] for values in values_of(spec)]
        assert found and all(low <= value <= high for value in found)
        assert len(found) == len(set(found)) <= MAX_TRIALS
        assert len(trial_specs(spec)) == len(found)
        if isinstance(low, int):
            assert set(found) == set(range(low, int(high) + 1))


def test_whole_numbers_are_drawn_by_their_logarithm() -> None:
    found = [v["train.batch"] for v in values_of(searching("random", {"train.batch": "1..10000"}, trials=64))]
    assert all(type(value) is int for value in found)
    assert 10 < sum(value < 100 for value in found) < 54  # half of the logarithms, and one of a hundred numbers


@pytest.mark.parametrize("path", SEARCHABLE)
def test_whatever_may_be_tried_is_a_setting_of_the_spec(path: str) -> None:
    """Read as the type it has there, or told at its place."""
    values = {"train.schedule": "cosine", "train.optimizer": "adamw", "model.size": "nano", "train.momentum": "0"}
    values |= {"model.width": "16"} | dict.fromkeys(("train.warmup", "train.ema_decay", "model.dropout"), "0.5")
    try:
        (found,) = trial_specs(searching("grid", {path: values.get(path, "2")}))
    except SpecError as error:  # what needs a start has none here
        assert {issue.path for issue in error.issues} == {f"search.space.{path}"} and path.startswith("model.l")
        return
    section, name = path.split(".")
    wanted = values.get(path, "2")
    assert str(getattr(getattr(found, section), name)) in (wanted, f"{wanted}.0")


@pytest.mark.parametrize("trials", range(2, MAX_TRIALS + 1))
def test_every_rung_is_smaller_and_longer_and_the_last_is_the_whole_run(trials: int) -> None:
    ladder = rungs("halving", trials)
    assert ladder[0][0] == trials and ladder[-1][1] == 1.0
    for (many, short), (few, long) in itertools.pairwise(ladder):
        assert few == max(1, many // 3) and long == pytest.approx(3 * short)
    assert len(ladder) == (1 if trials < 3 else 2 if trials < 9 else 3)
    whole = sum(
        count * (share - before) for (count, share), before in zip(ladder, [0.0, *(s for _, s in ladder)], strict=False)
    )
    assert share_learnt("halving", trials) == pytest.approx(whole) and whole <= trials
    assert share_learnt("grid", trials) == share_learnt("random", trials) == trials


@pytest.mark.parametrize(
    ("steps", "every", "share", "wanted"),
    [
        (90, 10, 1 / 9, 10),
        (90, 10, 1 / 3, 30),
        (90, 10, 1.0, 90),
        (100, 30, 1 / 9, 30),  # at least the first
        (100, 30, 1 / 3, 30),
        (100, 7, 1 / 3, 35),  # the nearest to a third
        (10, 30, 1 / 3, 10),  # at most all
        (1, 1, 1 / 9, 1),
        (95, 10, 1.0, 95),
    ],
)
def test_a_rung_ends_at_the_evaluation_nearest_to_its_share(steps: int, every: int, share: float, wanted: int) -> None:
    assert until_step(steps, every, share) == wanted


@pytest.mark.parametrize("kind", ["grid", "random", "halving"])
@pytest.mark.parametrize("rates", ["0.1", "0.1, 0.2, 0.3", NINE])
def test_the_estimate_is_that_of_the_trials_together(kind: str, rates: str) -> None:
    spec = searching(kind, {"train.lr": rates}, trials=9, train__max_steps=90)
    one, all_of_them = estimate(trial_specs(spec)[0], PROFILE), estimate(spec, PROFILE)
    runs = share_learnt(kind, len(trial_specs(spec)))
    assert all_of_them.steps == round(runs * one.steps)
    assert all_of_them.flops == pytest.approx(runs * one.flops)
    assert all_of_them.memory_bytes == one.memory_bytes  # one after the other
    assert all_of_them.seconds_cpu == pytest.approx(runs * one.seconds_cpu, rel=0.01)


ENDINGS: list[tuple[Callable[[], int], int]] = [
    (lambda: 0, 0),
    (lambda: 75, 75),
    (lambda: 1 // 0, 1),
    (lambda: os._exit(9), 9),
]


@pytest.mark.parametrize(("work", "code"), ENDINGS, ids=["done", "stopped", "error", "exit"])
def test_a_forked_trial_ends_with_its_code(work: Callable[[], int], code: int) -> None:
    assert os.waitstatus_to_exitcode(os.waitpid(search_module._fork(work), 0)[1]) == code


def test_a_point_that_is_measured_again_is_told_once(tmp_path: Path) -> None:
    """A trial that was killed measures anew what came after its last checkpoint."""
    found = search_of(tmp_path, searching("grid", {"train.lr": "0.1, 0.2"}))
    for number, step, value in ((0, 3, 1.0), (0, 6, 0.9), (0, 3, 1.0), (0, 6, 0.9), (1, 3, 2.0), (0, 9, 0.8)):
        found._curve(found.trials[number], {"step": step, "values": {"valid/perplexity": value}})
    told = [(event["step"], *event["values"]) for event in events_of(tmp_path, "metric")]
    first = "trial 1/valid/perplexity"
    assert told == [(3, first), (6, first), (3, "trial 2/valid/perplexity"), (9, first)]
