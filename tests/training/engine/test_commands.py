"""What each command says when it is called with what it cannot use: one sentence that names it, and code 1."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.engine.conftest import VERSION, MakeRun, profile_for, tiny
from tests.training.engine.test_package import packed
from training.engine import export
from training.engine import run as running
from training.engine.__main__ import _filed, main
from training.engine.contract import TASKS, Spec, validate
from training.engine.errors import EngineError, Stop
from training.engine.events import EventLog
from training.engine.predict import read_inputs
from training.engine.protocol import Reason


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands set what must not stay for other tests."""
    for name in ("HF_HUB_OFFLINE", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))


def told(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    """(code, what was printed, what was complained about) of a command."""
    code = main([str(word) for word in words])
    found = capsys.readouterr()
    return code, found.out, found.err


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder of files, good and bad."""
    files = {
        "spec.json": json.dumps(tiny("causal-lm")),
        "profile.json": json.dumps(profile_for("causal-lm")),
        "half.json": '{"kind": ',
        "list.json": "[1, 2]",
        "empty.json": "",
        "words.txt": "a\nb\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "latin.json").write_bytes(b'{"kind": "\xe9"}')
    (tmp_path / "folder").mkdir()
    return tmp_path


BAD_FILES = ["half.json", "list.json", "empty.json", "latin.json", "folder", "nowhere.json"]


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_profile_that_cannot_be_read_is_named(name: str, given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("validate", given / "spec.json", given / name), ("default", "causal-lm", given / name)):
        code, out, err = told(capsys, *words)
        assert (code, out) == (1, "") and name in err
        assert len(err.splitlines()) == 1 and err.rstrip().endswith(".")


@pytest.mark.parametrize("name", [*BAD_FILES, "words.txt"])
def test_a_spec_that_cannot_be_read_is_told(name: str, given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "validate", given / name, given / "profile.json")
    assert code == 1 and len((out + err).splitlines()) >= 1
    assert "Traceback" not in out + err
    assert out.startswith("error: ") or name in err


@pytest.mark.parametrize(
    ("changes", "code", "wanted"),
    [
        ({}, 0, []),
        ({"train__batch": 0}, 1, ["error: train.batch: Must be at least 1."]),
        ({"train__lr": 0, "train__batch": 0}, 1, ["train.batch", "train.lr"]),
        ({"train__max_steps": 10**7}, 0, ["warning: limits.minutes"]),
        ({"model__width": 512}, 0, ["warning: model.size"]),
    ],
)
def test_what_is_wrong_with_a_spec_stands_line_by_line(
    changes: dict[str, Any], code: int, wanted: list[str], given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Warnings show and do not refuse."""
    (given / "spec.json").write_text(json.dumps(tiny("causal-lm", **changes)))
    found, out, err = told(capsys, "validate", given / "spec.json", given / "profile.json")
    assert (found, err) == (code, "")
    lines = sorted(out.splitlines())
    assert len(lines) == len(wanted), out
    assert all(part in line for part, line in zip(wanted, lines, strict=True)), out


@pytest.mark.parametrize("task", TASKS)
def test_a_default_is_a_spec_that_may_be_run(task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "profile.json").write_text(json.dumps(profile_for(task)))
    code, out, _ = told(capsys, "default", task, tmp_path / "profile.json", "--dataset-version", VERSION)
    spec = Spec.from_text(out)
    assert (code, spec.task, spec.data.dataset_version) == (0, task, VERSION)
    assert not [issue for issue in validate(spec, profile_for(task)) if issue.level == "error"]


def test_a_default_of_what_nobody_learns_is_refused(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "default", "chess", given / "profile.json")
    assert (code, out) == (1, "") and err.startswith("Choose a task of: causal-lm, ")
    code, out, err = told(capsys, "default", "causal-lm", given / "profile.json", "--dataset-version", "seven")
    assert (code, out) == (1, "") and "data.dataset_version" in err


@pytest.mark.parametrize(
    "words", [[], ["train"], ["run"], ["validate", "a"], ["predict", "a", "b", "--tokens", "many"]]
)
def test_a_command_that_is_none_shows_how_to_call_it(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m training.engine")


@pytest.mark.parametrize("command", ["run", "preview", "predict", "export"])
def test_a_folder_that_is_not_there_is_one_sentence(
    command: str, given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"predict": [given / "words.txt"], "export": [given / "target"]}.get(command, [])
    for folder in ("nowhere", "folder") if command != "run" else ("nowhere", "words.txt"):
        code, out, err = told(capsys, command, given / folder, *words)
        assert (code, out, len(err.splitlines())) == (1, "", 1), err
        assert str(given / folder) in err
    assert not (given / "target").exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("rows.jsonl", '"a"\n{"b": \n', "line 2"),
        ("rows.jsonl", "a\n", "line 1"),
        ("rows.jsonl", '"a"\n"b"\n' + "[" * 100_000, "line 3"),
        ("latin.txt", b"caf\xe9\n", "UTF-8"),
        ("nowhere.txt", None, "nowhere.txt"),
    ],
)
def test_inputs_that_cannot_be_read_are_told_by_their_line(
    name: str, text: str | bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    code, out, err = told(capsys, "predict", packed(tmp_path), path)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert name in err and said in err


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.txt", "one\ntwo\n", ["one", "two"]),
        ("a.txt", "one\r\ntwo", ["one", "two"]),
        ("a.txt", "one\n\ntwo\n", ["one", "", "two"]),
        ("a.txt", "a\u2028b\x0cc\x1dd\x85e\n", ["a\u2028b\x0cc\x1dd\x85e"]),  # no ends of lines, but of sentences
        ("a.txt", "\ufeffone\n", ["one"]),
        ("a.txt", "", []),
        ("a.jsonl", '"a\u2028b"\n{"x": 1}\n[1, 2]\n', ["a\u2028b", {"x": 1}, [1, 2]]),
        ("a.jsonl", '"a"\n\n  \n"b"\n\n', ["a", "b"]),
        ("a.jsonl", "", []),
    ],
)
def test_each_line_is_an_input(name: str, text: str, wanted: list[Any], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert read_inputs(tmp_path / name) == wanted


def test_files_of_a_folder_are_read_in_order_and_others_are_left(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.wav", "notes.txt", "d.png.bak"):
        (tmp_path / name).touch()
    assert [path.name for path in read_inputs(tmp_path)] == ["a.JPG", "b.png", "c.wav"]
    assert read_inputs(tmp_path / "a.JPG") == [tmp_path / "a.JPG"]


def test_what_is_drawn_or_spoken_becomes_a_file(tmp_path: Path) -> None:
    answer = {"png": "aGk=", "label": "left"}
    assert _filed(answer, None, 0) is answer
    folder = tmp_path / "new" / "folder"
    found = _filed(answer, folder, 11)
    assert found == {"label": "left", "file": str(folder / "0012.png")}
    assert (folder / "0012.png").read_bytes() == b"hi" and "png" in answer


def test_a_mask_and_what_it_covers_become_files(tmp_path: Path) -> None:
    answer = {"shares": {"sky": 1.0}, "mask": "aGk=", "overlay": "eW8="}
    files = {"mask": tmp_path / "0001.mask.png", "overlay": tmp_path / "0001.overlay.jpg"}
    assert _filed(answer, tmp_path, 0) == answer | {name: str(path) for name, path in files.items()}
    assert [path.read_bytes() for path in files.values()] == [b"hi", b"yo"]


def test_what_an_attempt_before_has_learnt_is_not_removed(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run("run", tiny("causal-lm"))
    kept = run.folder / "ckpt" / "4-f1"
    kept.mkdir(parents=True)
    code, out, err = told(capsys, "run", run.folder)
    assert (code, out) == (1, "") and kept.is_dir()
    assert err.startswith(f"{run.folder} holds the work of an attempt before. Add --resume to go on from it")


@pytest.mark.parametrize("words", [["--temperature", "0.5"], ["--seed", "1"], ["--tokens", "4", "--stop", "."]])
def test_a_model_that_writes_nothing_is_not_told_how_to(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "texts").write_text("a\n")
    code, out, err = told(capsys, "predict", packed(tmp_path), tmp_path / "texts", *words)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "only a model that writes text can be told how to" in err


# -- an export is held against the net


class Session:
    """A runtime that answers what it is told to."""

    def __init__(self, *answers: Any) -> None:
        self.answers = [np.array(answer, np.float32) for answer in answers]

    def run(self, names: list[str], given: dict[str, Any]) -> list[np.ndarray]:
        return self.answers


READING = export.Reading({"x": torch.tensor([[1.0, -4.0]])}, {"x": {0: "rows"}})


@pytest.mark.parametrize(
    ("answer", "far"),
    [
        ([[1.0, -4.0]], 0.0),
        ([[1.0, -3.0]], 0.25),  # of the largest answer
        ([[1.5, -4.0]], 0.125),
        ([[float("nan"), -4.0]], float("inf")),
        ([[1.0, float("inf")]], float("inf")),
        ([[float("nan"), float("nan")]], float("inf")),
    ],
)
def test_how_far_a_graph_is_from_its_net(answer: Any, far: float) -> None:
    """What is no number is as far as can be."""
    assert export._difference(Session(answer), torch.nn.Identity(), READING) == pytest.approx(far)


def test_a_graph_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match=r"in the shape \(2,\) instead of \(1, 2\)"):
        export._difference(Session([1.0, 2.0]), torch.nn.Identity(), READING)


# -- how a run ends


@pytest.mark.parametrize(
    ("table", "steps"),
    [
        (None, 7),
        ('{"trials": [{"step": 3}, {"step": 9}]}', 12),
        ('{"trials": []}', 0),
        ("{", 7),
        ("[]", 7),
        ('{"trials": [{}]}', 7),
    ],
)
def test_the_last_step_is_that_of_the_newest_checkpoint_or_of_all_trials(
    table: str | None, steps: int, tmp_path: Path
) -> None:
    assert running._last_step(tmp_path) == 0
    for name in ("2-f1", "7-f1", "9-f1.tmp"):
        (tmp_path / "ckpt" / name).mkdir(parents=True)
    if table is not None:
        (tmp_path / "search.json").write_text(table)
    assert running._last_step(tmp_path) == steps


def test_a_failure_is_told_and_written_whatever_it_says(tmp_path: Path) -> None:
    """A name that no UTF-8 holds, a number that JSON has no word for."""
    log = EventLog(tmp_path)
    error = EngineError(Reason.DATA_ERROR, "data_file", name="\udcff猫", problem="it is torn", share=float("nan"))
    running._report(tmp_path, log, error)
    log.close()
    result = json.loads((tmp_path / "result.json").read_bytes())
    event = json.loads((tmp_path / "events.jsonl").read_bytes())
    assert (result["outcome"], result["code"], event["code"]) == ("failed", "data_error", "data_error")
    assert result["params"] == event["params"] == {"name": "?猫", "problem": "it is torn"}
    assert [path.name for path in tmp_path.glob("result*")] == ["result.json"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "no space"), "disk_full"),
        (OSError(122, "quota"), "disk_full"),
        (OSError(27, "too large"), "disk_full"),
        (OSError(5, "broken"), "internal"),
        (MemoryError(), "oom"),
        (RuntimeError("not enough memory: you tried to allocate"), "oom"),
        (RuntimeError("shapes"), "internal"),
        (KeyError("x"), "internal"),
        (EngineError(Reason.DIVERGED, "diverged", step=3), "diverged"),
    ],
)
def test_every_failure_has_a_reason(error: Exception, reason: str) -> None:
    with pytest.raises(EngineError) as caught, running._as_engine_errors():
        raise error
    assert caught.value.reason == reason
    assert reason in ("diverged",) or caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("spec", "inputs", "message"),
    [
        (None, "", "bad_spec"),
        ("{", "", "bad_spec"),
        ('{"v": 1}', "", "bad_spec"),
        ("good", None, "bad_inputs"),
        ("good", "{", "bad_inputs"),
        ("good", '{"v": 2}', "bad_inputs"),
    ],
)
def test_a_run_without_its_files_says_which(
    spec: str | None, inputs: str | None, message: str, make_run: MakeRun
) -> None:
    run = make_run("run", tiny("causal-lm"))
    for name, text in (("spec.json", spec), ("inputs.json", inputs)):
        if text is None:
            (run.folder / name).unlink()
        elif text != "good":
            (run.folder / name).write_text(text)
    with pytest.raises(EngineError) as caught:
        running._Attempt(run.folder, EventLog(run.folder), Stop())
    assert (caught.value.reason, caught.value.message) == ("bad_spec", message)
    assert bool(caught.value.issues) == (None not in (spec, inputs))


@pytest.mark.parametrize(
    ("batch", "micro", "ranks", "halved", "wanted"),
    [
        (8, None, 1, None, 4),
        (7, None, 1, None, 4),
        (8, 5, 1, None, 3),
        (1, None, 1, None, None),
        (8, 1, 1, None, None),
        (8, None, 4, None, 4),
        (8, 4, 4, None, None),  # a row in each process already
        (8, 2, 1, 2, None),  # it was halved before
    ],
)
def test_what_is_in_memory_is_halved_once_where_it_can_be(
    batch: int, micro: int | None, ranks: int, halved: int | None, wanted: int | None, make_run: MakeRun
) -> None:
    run = make_run("run", tiny("causal-lm", train__batch=batch, train__micro=micro))
    attempt = running._Attempt(run.folder, EventLog(run.folder), Stop())
    attempt.team, attempt.halved = running.device.Team(ranks), halved
    assert attempt._halve() is (wanted is not None)
    assert attempt.halved == (halved if wanted is None else wanted)


def test_a_spec_that_does_not_fit_its_data_ends_before_anything_is_read(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm"), chars=90)
    attempt = running._Attempt(run.folder, EventLog(run.folder), Stop())
    with pytest.raises(EngineError) as caught:
        attempt.go()
    assert caught.value.message == "spec_unfit" and [i.code for i in caught.value.issues] == ["text_short"]
    run.write_inputs(resume=True)
    running._Attempt(run.folder, EventLog(run.folder), Stop())._hold_against_profile()  # what runs already goes on
    assert run.events == []


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "schema")
    assert code == 0 and json.loads(out)["title"] == "Tandem spec"
