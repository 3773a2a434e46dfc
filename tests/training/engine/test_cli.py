"""The commands, as a scientist types them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema

from tests.training.engine.conftest import MakeRun, kill_at, profile_of, text_blob, tiny
from training.engine.contract import DONE, STOPPED, Spec

ROOT = Path(__file__).parents[3]


def call(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "training.engine", *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )


def test_run_needs_neither_transformers_nor_dynamo(make_run: MakeRun) -> None:
    """Both cost seconds at every start, and a language model needs neither."""
    run = make_run("run", tiny("causal-lm", tokenizer={"kind": "bpe", "vocab": 300}))
    code = (
        "import sys; from training.engine.__main__ import main; code = main(['run', sys.argv[1]]); "
        "print(code, sorted({'transformers', 'torch._dynamo', 'sklearn', 'PIL', 'django'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, run.folder], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == f"{DONE} []\n", done.stderr
    assert run.of("done")
    assert (run.folder / "events.jsonl").stat().st_mode & 0o077 == 0


def test_validate_says_what_is_wrong(tmp_path: Path) -> None:
    spec, profile = tmp_path / "spec.json", tmp_path / "profile.json"
    spec.write_text(json.dumps(tiny("causal-lm")))
    profile.write_text(json.dumps(profile_of("text", text_blob())))
    good = call("validate", spec, profile)
    assert good.returncode == 0
    spec.write_text(json.dumps(tiny("causal-lm", train__epochs=0)))
    bad = call("validate", spec, profile)
    assert (bad.returncode, bad.stdout) == (1, "error: train.epochs: Must be at least 1.\n")


def test_default_prints_a_spec_and_schema_knows_it(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps(profile_of("text", text_blob())))
    spec = json.loads(call("default", "causal-lm", profile).stdout)
    Spec.from_json(spec)
    jsonschema.validate(spec, json.loads(call("schema").stdout))


def test_a_stopped_run_goes_on_by_one_word(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm"))
    assert run.go(kill_at(7, signal.SIGTERM)) == STOPPED
    again = call("run", run.folder, "--resume")
    assert again.returncode == DONE, again.stderr
    assert [event["step"] for event in run.of("resume")] == [7]
    whole = make_run("whole", tiny("causal-lm"))
    assert whole.go() == DONE
    assert run.weights == whole.weights


def test_missing_folder_is_one_sentence() -> None:
    done = call("run", os.devnull)
    assert done.returncode == 1
    assert done.stderr == f"There is no folder {os.devnull}.\n"
