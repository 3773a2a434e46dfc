"""The prepare phase: once per dataset and recipe, cached by hash, whole or absent, shared by all who ask for it."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from training.engine.checkpoint import file_sha256, fsync
from training.engine.errors import Check, DataError
from training.engine.protocol import InputData
from training.engine.spec import CleanSpec, Spec, canonical_json
from training.engine.tasks.base import Task

PREPARE_VERSION = 1
META = "prepared.json"


def prepared_folder(spec: Spec, data: InputData, task: Task, cache: Path) -> tuple[Path, dict[str, Any]]:
    """(folder, meta) of the prepared data, made now unless the cache has it undamaged.

    Raises DataError, also when the blob is not the one the run was started for.
    """
    key = {
        "v": PREPARE_VERSION,
        "data": data.sha256,
        "kind": data.kind,
        "task": spec.task,
        "columns": spec.data.columns,
        "split": spec.split_key,
        "delimiter": data.profile.get("delimiter"),
        "quotes": data.profile.get("quotes", True),
        "modes": sorted((data.profile.get("image") or {}).get("modes") or []),
        "task_key": task.prepare_key(),
    }
    if spec.data.clean != CleanSpec():
        key["clean"] = spec.clean_key
    check = task.stop.check
    name = hashlib.sha256(canonical_json(key)).hexdigest()
    folder = cache / name
    meta = _checked(folder, check)
    if meta is not None:
        return folder, meta
    shutil.rmtree(folder, ignore_errors=True)
    _check_blob(data, check)
    cache.mkdir(parents=True, exist_ok=True)
    temporary = cache / f"{name}.{os.getpid()}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    task.workplace = temporary
    try:
        facts = task.prepare(data, temporary) | task.cleaner.facts() | task.divider.facts()
        meta = _seal(temporary, key, facts, check)
        try:
            temporary.rename(folder)
        except OSError:
            # Another run prepared the same meanwhile.
            if _checked(folder, check) is None:
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    fsync(cache)
    return folder, meta


def _check_blob(data: InputData, check: Check) -> None:
    try:
        same = file_sha256(Path(data.path), check) == data.sha256
    except OSError:
        raise DataError("data_gone") from None
    if not same:
        raise DataError("data_hash")


def _seal(folder: Path, key: dict[str, Any], facts: dict[str, Any], check: Check) -> dict[str, Any]:
    files = {path.name: file_sha256(path, check) for path in sorted(folder.iterdir())}
    for name in files:
        fsync(folder / name)
    meta = {"key": key, "facts": facts, "files": files}
    (folder / META).write_bytes(canonical_json(meta))
    fsync(folder / META)
    fsync(folder)
    return meta


def _checked(folder: Path, check: Check) -> dict[str, Any] | None:
    """The meta of a prepared folder when every file is as it was written."""
    try:
        meta = json.loads((folder / META).read_bytes())
        if all(file_sha256(folder / name, check) == digest for name, digest in meta["files"].items()):
            return meta
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # the last two of JSON that is no meta
        pass
    return None


def prepared_sha256(meta: dict[str, Any]) -> str:
    """Identity of what the run learns from, after preparation."""
    return hashlib.sha256(canonical_json(meta)).hexdigest()
