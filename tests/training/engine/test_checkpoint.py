"""Checkpoints are whole or absent, and known by their hashes and their owner."""

import dataclasses
import hashlib
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.training.engine.conftest import MakeRun, tiny
from training.engine import checkpoint
from training.engine.errors import EngineError, Stop
from training.engine.events import EventLog
from training.engine.run import _Attempt

OWNER = checkpoint.Owner(job="j", fence=2, spec_sha256="s", recipe_sha256="r", data_sha256="d", code="1", torch="2")


def save(root: Path, step: int, owner: checkpoint.Owner = OWNER) -> checkpoint.Saved:
    def write(folder: Path) -> None:
        (folder / checkpoint.WEIGHTS).write_bytes(b"weights %d" % step)
        (folder / checkpoint.STATE).write_bytes(b"state")

    return checkpoint.save(root, step, owner, write, {"best": False})


def test_saved_checkpoint_is_found_and_verified(tmp_path: Path) -> None:
    saved = save(tmp_path / "ckpt", 7)
    assert [path.name for path in (tmp_path / "ckpt").iterdir()] == ["7-f2"]
    assert checkpoint.file_sha256(saved.path / "meta.json") == saved.sha256
    meta = checkpoint.verify(saved.path)
    assert meta is not None
    assert (meta["step"], meta["fence"], meta["job"]) == (7, 2, "j")
    checkpoint.check_owner(meta, OWNER)


def test_failed_write_leaves_no_checkpoint(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / checkpoint.WEIGHTS).write_bytes(b"half")
        raise OSError(28, "full")

    with pytest.raises(OSError, match="full"):
        checkpoint.save(tmp_path, 3, OWNER, write, {})
    assert checkpoint.found(tmp_path) == []
    checkpoint.clear(tmp_path, keep_finished=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "meta", "moved"])
def test_damage_is_seen(tmp_path: Path, damage: str) -> None:
    path = save(tmp_path, 7).path
    weights = path / checkpoint.WEIGHTS
    if damage == "flip":
        weights.write_bytes(b"Weights 7")
    elif damage == "cut":
        os.truncate(weights, 3)
    elif damage == "gone":
        (path / checkpoint.STATE).unlink()
    elif damage == "meta":
        (path / checkpoint.META).write_text('{"v":1')
    else:
        path = path.rename(tmp_path / "9-f2")
    assert checkpoint.verify(path) is None


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("job", "other", "job"),
        ("recipe_sha256", "other", "spec"),
        ("data_sha256", "other", "dataset"),
        ("code", "0", "code version"),
        ("fence", 3, "attempt"),
    ],
)
def test_other_owners_are_refused(tmp_path: Path, field: str, value: object, what: str) -> None:
    path = save(tmp_path, 1).path
    meta = json.loads((path / checkpoint.META).read_text()) | {field: value}
    with pytest.raises(EngineError) as caught:
        checkpoint.check_owner(meta, OWNER)
    assert caught.value.params == {"what": what}


def test_pruning_keeps_the_newest_and_the_best(tmp_path: Path) -> None:
    for step in (2, 4, 10, 30):
        save(tmp_path, step)
    checkpoint.prune(tmp_path, keep_last=2, best_step=4)
    assert [path.name for path in checkpoint.found(tmp_path)] == ["30-f2", "10-f2", "4-f2"]


def test_no_room_is_said_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 1)
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(EngineError) as caught:
        save(tmp_path, 2)
    assert caught.value.reason == "disk_full"
    assert [path.name for path in tmp_path.iterdir()] == ["1-f2"]


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "first byte": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "middle byte": lambda data: (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 128]) + data[len(data) // 2 + 1 :]
    ),
    "last byte": lambda data: data[:-1] + bytes([data[-1] ^ 4]),
    "cut by one": lambda data: data[:-1],
    "cut by half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "longer": lambda data: data + b"\0",
    "zeros": lambda data: bytes(len(data)),
    "other text": lambda data: b"[" * len(data),
    "gone": lambda data: None,
}


def harm(path: Path, damage: str) -> None:
    changed = DAMAGES[damage](path.read_bytes())
    path.unlink()
    if changed is not None:
        path.write_bytes(changed)


@pytest.mark.parametrize("name", [checkpoint.WEIGHTS, checkpoint.STATE, checkpoint.META])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_falls_back_from_whatever_is_damaged(name: str, damage: str, make_run: MakeRun) -> None:
    """To the newest whole one; the damaged ones are named and go."""
    run = make_run("run", tiny("causal-lm"))
    run.write_inputs(fence=3, resume=True)
    attempt = _Attempt(run.folder, EventLog(run.folder), Stop())
    for step in (5, 7, 9):
        save(attempt.ckpt, step, attempt._owner())
    for step in (7, 9):
        harm(attempt.ckpt / f"{step}-f3" / name, damage)
    assert attempt._look_for_checkpoint() == attempt.ckpt / "5-f3"
    assert [event["step"] for event in run.of("resume")] == [5]
    assert [(event["code"], event["params"]) for event in run.of("warning")] == [
        ("checkpoint_corrupt", {"step": 9}),
        ("checkpoint_corrupt", {"step": 7}),
    ]
    assert [path.name for path in checkpoint.found(attempt.ckpt)] == ["5-f3"]


def test_without_a_whole_one_a_run_begins_anew(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm"))
    run.write_inputs(fence=3, resume=True)
    attempt = _Attempt(run.folder, EventLog(run.folder), Stop())
    assert attempt._look_for_checkpoint() is None
    harm(save(attempt.ckpt, 2, attempt._owner()).path / checkpoint.STATE, "gone")
    (attempt.ckpt / "4-f3.tmp").mkdir()
    assert attempt._look_for_checkpoint() is None
    assert [event["step"] for event in run.of("resume")] == [0, 0]
    assert list(attempt.ckpt.iterdir()) == []


@pytest.mark.parametrize(("resume", "left", "codes"), [(True, ["2-f1"], []), (False, [], ["checkpoints_cleared"])])
def test_a_run_that_begins_anew_clears_what_was_there_and_says_so(
    resume: bool, left: list[str], codes: list[str], make_run: MakeRun
) -> None:
    run = make_run("run", tiny("causal-lm"))
    run.write_inputs(resume=resume)
    attempt = _Attempt(run.folder, EventLog(run.folder), Stop())
    save(attempt.ckpt, 2, attempt._owner())
    (attempt.ckpt / "4-f1.tmp").mkdir()
    assert (attempt._look_for_checkpoint() is not None) is resume
    assert [path.name for path in attempt.ckpt.iterdir()] == left
    assert [event["code"] for event in run.of("warning")] == codes
    again = _Attempt(run.folder, EventLog(run.folder), Stop())
    (attempt.ckpt / "5-f1.tmp").mkdir()
    again._look_for_checkpoint()  # what was half written is nothing to speak of
    assert [event["code"] for event in run.of("warning")] == codes


def test_the_checkpoint_of_a_later_attempt_is_refused_and_not_passed_over(make_run: MakeRun) -> None:
    run = make_run("run", tiny("causal-lm"))
    run.write_inputs(fence=2, resume=True)
    attempt = _Attempt(run.folder, EventLog(run.folder), Stop())
    save(attempt.ckpt, 2, attempt._owner())
    save(attempt.ckpt, 5, dataclasses.replace(attempt._owner(), fence=3))
    with pytest.raises(EngineError, match="attempt"):
        attempt._look_for_checkpoint()


def test_no_changed_byte_of_its_description_is_believed(tmp_path: Path) -> None:
    """Whose it is, and of which step, stands in it: it is damaged, or it says the same."""
    path = save(tmp_path, 7).path
    file = path / checkpoint.META
    whole, wanted = file.read_bytes(), json.loads(file.read_bytes())
    del wanted["meta_sha256"]  # where its name is damaged, the rest is what it was
    believed = []
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        found = checkpoint.verify(path)
        if found is not None and any(found.get(key) != value for key, value in wanted.items()):
            believed.append((place, whole[place : place + 12]))
    assert believed == []


def test_a_description_from_before_it_vouched_for_itself_is_read(tmp_path: Path) -> None:
    path = save(tmp_path, 7).path
    meta = json.loads((path / checkpoint.META).read_bytes())
    del meta["meta_sha256"]
    (path / checkpoint.META).write_text(json.dumps(meta))
    assert checkpoint.verify(path) == meta


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["9-f1", "10-f1", "100-f1"], ["100-f1", "10-f1", "9-f1"]),
        (["5-f10", "5-f9", "6-f1"], ["6-f1", "5-f10", "5-f9"]),  # of one step that of the latest attempt
        (["5-f1", "6-f1.tmp", "notes", "7-f", "-f1", "8-f1-old", "x9-f1"], ["5-f1"]),
        ([], []),
    ],
)
def test_checkpoints_are_found_newest_first(names: list[str], order: list[str], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    assert [path.name for path in checkpoint.found(tmp_path)] == order
    assert checkpoint.found(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("keep_last", "best", "left"),
    [
        (1, None, ["9-f3"]),
        (2, None, ["9-f3", "9-f2"]),
        (1, 4, ["9-f3", "4-f2"]),  # of the best step the newest attempt
        (1, 9, ["9-f3"]),
        (9, 4, ["9-f3", "9-f2", "6-f1", "4-f2", "4-f1"]),
        (1, 5, ["9-f3"]),
        (1, 44, ["9-f3"]),
    ],
)
def test_what_pruning_leaves(keep_last: int, best: int | None, left: list[str], tmp_path: Path) -> None:
    for name in ("4-f1", "4-f2", "6-f1", "9-f2", "9-f3"):
        (tmp_path / name).mkdir()
    checkpoint.prune(tmp_path, keep_last=keep_last, best_step=best)
    assert [path.name for path in checkpoint.found(tmp_path)] == left


def test_the_newest_of_a_step_is_the_best(tmp_path: Path) -> None:
    for name in ("4-f1", "4-f12", "4-f2", "44-f1"):
        (tmp_path / name).mkdir()
    assert checkpoint.best_of(tmp_path, 4) == tmp_path / "4-f12"
    assert checkpoint.best_of(tmp_path, 5) is None


@pytest.mark.parametrize("call", range(1, 8))
def test_a_kill_at_any_moment_leaves_the_old_or_both_whole(call: int, tmp_path: Path) -> None:
    """Before each time that something is brought to disk: files, description, folder, the name of the new one."""
    save(tmp_path, 2)
    pid = os.fork()
    if pid == 0:
        calls, own, rename = itertools.count(1), checkpoint.fsync, Path.rename

        def dying(work: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *words: os._exit(7) if next(calls) == call else work(*words)

        checkpoint.fsync, Path.rename = dying(own), dying(rename)  # type: ignore[method-assign, assignment]
        save(tmp_path, 5)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == (7 if call <= 6 else 0)
    names = [path.name for path in checkpoint.found(tmp_path)]
    assert names == (["5-f2", "2-f2"] if call >= 6 else ["2-f2"])
    assert all(checkpoint.verify(path) for path in checkpoint.found(tmp_path))
    checkpoint.clear(tmp_path, keep_finished=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert checkpoint.verify(save(tmp_path, 5).path)  # once more, over whatever was left


def test_a_large_file_is_hashed_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(10_000)
    (tmp_path / "file").write_bytes(data)
    monkeypatch.setattr(checkpoint, "HASHED_BYTES", 999)
    asked: list[int] = []
    assert checkpoint.file_sha256(tmp_path / "file", lambda: asked.append(1)) == hashlib.sha256(data).hexdigest()
    assert len(asked) == 11
    (tmp_path / "empty").touch()
    assert checkpoint.file_sha256(tmp_path / "empty") == hashlib.sha256().hexdigest()
