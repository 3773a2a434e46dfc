"""Checkpoints are whole or absent, and known by their hashes and their owner."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from training.engine import checkpoint
from training.engine.errors import EngineError

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
