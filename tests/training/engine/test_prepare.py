"""Prepared data are found again undamaged, or made anew; nothing half done stays."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.engine.conftest import profile_for, text_blob, tiny
from training.engine.contract import InputData, Spec
from training.engine.errors import DataError, Stop, StopRequestedError
from training.engine.prepare import META, prepared_folder, prepared_sha256
from training.engine.registry import task_module


def asked(folder: Path, blob: bytes | None = None, spec: dict[str, Any] | None = None, **profile: Any) -> Any:
    """(spec, data, a task that has not begun): `blob` is written, or what lies there stays."""
    path, made = folder / "blob", Spec.from_json(spec or tiny("causal-lm"))
    if blob is not None:
        path.write_bytes(blob)
    digest = hashlib.sha256(text_blob() if blob is None else blob).hexdigest()
    data = InputData(path=str(path), kind="text", sha256=digest, profile=profile_for("causal-lm") | profile)
    return made, data, task_module("causal-lm").Task(made, Stop())


def prepared(folder: Path, *args: Any, **profile: Any) -> tuple[Path, dict[str, Any]]:
    return prepared_folder(*asked(folder, *args, **profile), folder / "cache")


def test_what_was_prepared_is_found_again_without_its_source(tmp_path: Path) -> None:
    folder, meta = prepared(tmp_path, text_blob())
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (tmp_path / "blob").unlink()
    assert prepared(tmp_path) == (folder, meta)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert set(before) == {*meta["files"], META} and [path.name for path in (tmp_path / "cache").iterdir()] == [
        folder.name
    ]
    for name, digest in meta["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert prepared_sha256(meta) == hashlib.sha256((folder / META).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "train.bin").write_bytes(b"other"),
        lambda folder: (folder / "train.bin").unlink(),
        lambda folder: (folder / META).unlink(),
        lambda folder: (folder / META).write_bytes(b'{"files":'),
        *(lambda folder, text=text: (folder / META).write_bytes(text) for text in (b"[]", b"null", b"1", b"{}")),
        *(lambda folder, text=text: (folder / META).write_bytes(text) for text in (b'{"files":[]}', b'{"files":1}')),
    ],
)
def test_what_is_damaged_is_made_anew_and_the_same(damage: Any, tmp_path: Path) -> None:
    folder, meta = prepared(tmp_path, text_blob())
    damage(folder)
    assert prepared(tmp_path) == (folder, meta)
    assert json.loads((folder / META).read_bytes()) == meta


@pytest.mark.parametrize(
    ("changes", "profile", "same"),
    [
        ({}, {"rows": 9, "chars": 1}, True),
        ({"train__lr": 0.5, "model__width": 32, "limits": {"minutes": 3}}, {}, True),
        ({"data__split": {"valid": 0.15, "test": 0.15, "seed": 4}}, {}, False),
        ({"data__clean": {"unicode": True}}, {}, False),
        ({"data__clean": {"unicode": False}}, {}, True),
        ({"tokenizer": {"kind": "byte"}}, {}, False),
        ({}, {"delimiter": ";"}, False),
        ({}, {"quotes": False}, False),
        ({}, {"quotes": True}, True),
    ],
)
def test_what_shapes_the_data_names_them(
    changes: dict[str, Any], profile: dict[str, Any], same: bool, tmp_path: Path
) -> None:
    folder, _ = prepared(tmp_path, text_blob())
    other, _ = prepared(tmp_path, text_blob(), tiny("causal-lm", **changes), **profile)
    assert (other == folder) is same


def test_another_file_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(text_blob() + b"more")
    for said in ("not the one this run was started for", "cannot be read"):
        with pytest.raises(DataError, match=said):
            prepared(tmp_path)
        (tmp_path / "blob").unlink(missing_ok=True)
    assert not (tmp_path / "cache").exists()


def test_a_stop_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, data, task = asked(tmp_path, text_blob())
    whole = task.prepare

    def stopped(*args: Any) -> Any:
        found = whole(*args)
        task.stop.requested = True
        return found

    task.prepare = stopped
    with pytest.raises(StopRequestedError):
        prepared_folder(spec, data, task, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert prepared(tmp_path)[0].is_dir()
