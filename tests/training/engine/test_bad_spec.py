"""A spec that cannot be used ends a run before any work, with what is wrong at which place, and what to write there."""

import json
from typing import Any

import pytest

from tests.training.engine.conftest import MakeRun, kill_at, tiny
from tests.training.engine.test_cli import call
from training.engine.contract import DONE, FAILED, STOPPED


@pytest.mark.parametrize(
    ("task", "changes", "path", "told"),
    [
        ("text-classification", {"data__columns": {"text": "body", "label": "subject"}}, "data.columns.label", "topic"),
        ("text-classification", {"train__batch": 4_000}, "train.batch", "at most"),
        ("causal-lm", {"model__context": 32_000}, "model.context", "shorter context"),
        ("text-classification", {"eval__slices": ["region"]}, "eval.slices.0", "body, topic"),
        (
            "text-classification",
            {"search": {"kind": "grid", "space": {"train.batch": "8, 4000"}, "trials": 2}},
            "train.batch",
            "at most",
        ),
    ],
)
def test_what_does_not_fit_the_data_is_told_first(
    task: str, changes: dict[str, Any], path: str, told: str, make_run: MakeRun
) -> None:
    run = make_run("run", tiny(task, **changes))
    run.blob.unlink()  # it is not even looked for
    assert run.go() == FAILED, run.log
    (error,) = run.events
    assert (error["e"], error["code"], error["message"]) == ("error", "bad_spec", "spec_unfit")
    (issue,) = error["issues"]
    assert issue["path"] == path and told in f"{issue['text']} {issue['hint']}"
    assert run.result["issues"] == error["issues"] and not (run.folder / "prepared").exists()


def test_the_command_prints_every_issue_with_its_remedy(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm"))
    spec = json.loads((run.folder / "spec.json").read_text())
    spec["train"] |= {"batch": 0, "lr": "fast"}
    (run.folder / "spec.json").write_text(json.dumps(spec | {"taks": "causal-lm"}))
    done = call("run", run.folder)
    assert done.returncode == FAILED
    (error,) = run.of("error")
    assert [issue["path"] for issue in error["issues"]] == ["taks", "train.batch", "train.lr"]
    for issue in error["issues"]:
        assert f"{issue['path']}: {issue['text']} {issue['hint']}".rstrip() in done.stderr
    assert "task" in error["issues"][0]["hint"]


def test_a_run_that_has_begun_goes_on(make_run: MakeRun) -> None:
    """What is held against a profile may become stricter; and a laptop's profile may say nothing of the data."""
    run = make_run("run", tiny("causal-lm"))
    assert run.go(kill_at(5, 15)) == STOPPED
    run.profile |= {"chars": 40, "bytes": 40}
    assert run.resume() == DONE, run.log
    bare = make_run("bare", tiny("causal-lm"))
    bare.profile = {}
    bare.write_inputs()
    assert bare.go() == DONE, bare.log
