"""Checkpoints, whole or absent: written beside, fsynced, renamed; hashes checked at load; other runs' refused."""

import dataclasses
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.engine.errors import Check, EngineError, unasked
from training.engine.protocol import Reason

FORMAT = 1
WEIGHTS, STATE, META = "model.safetensors", "state.pt", "meta.json"
HASHED_BYTES = 1 << 20  # at once
NAME = re.compile(r"(\d+)-f(\d+)")


@dataclasses.dataclass(frozen=True)
class Owner:
    """Whose checkpoint it is. Another job, recipe, or dataset cannot go on from it."""

    job: str
    fence: int
    spec_sha256: str
    recipe_sha256: str
    data_sha256: str
    code: str
    torch: str


@dataclasses.dataclass(frozen=True)
class Saved:
    """A checkpoint on disk."""

    path: Path
    step: int
    fence: int
    sha256: str
    size_bytes: int


def save(root: Path, step: int, owner: Owner, write: Callable[[Path], None], facts: dict[str, Any]) -> Saved:
    """Write one checkpoint; `write` puts the weights and the state into the folder it is given.

    Raises EngineError(disk_full) beforehand when there is no room for twice the size of the last one.
    """
    final = root / f"{step}-f{owner.fence}"
    temporary = root / f"{final.name}.tmp"
    root.mkdir(exist_ok=True)
    _check_room(root)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    write(temporary)
    files = {}
    for name in (WEIGHTS, STATE):
        fsync(temporary / name)
        files[name] = {"sha256": file_sha256(temporary / name), "size": (temporary / name).stat().st_size}
    meta = {"v": FORMAT, "step": step, **dataclasses.asdict(owner), "files": files, **facts}
    meta["meta_sha256"] = _meta_sha256(meta)
    data = json.dumps(meta, sort_keys=True, indent=1).encode()
    (temporary / META).write_bytes(data)
    fsync(temporary / META)
    fsync(temporary)
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    fsync(root)
    size = sum((final / name).stat().st_size for name in files) + len(data)
    return Saved(final, step, owner.fence, hashlib.sha256(data).hexdigest(), size)


def _meta_sha256(meta: dict[str, Any]) -> str:
    """Hash of what a meta says beside this, so that a flipped bit in it is damage and not another owner."""
    told = {name: value for name, value in meta.items() if name != "meta_sha256"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _check_room(root: Path) -> None:
    known = found(root)
    last = sum(f.stat().st_size for f in known[0].iterdir()) if known else 0
    if shutil.disk_usage(root).free < 2 * last:
        raise EngineError(Reason.DISK_FULL, "disk_full")


def found(root: Path) -> list[Path]:
    """Finished checkpoint folders, newest first."""
    if not root.is_dir():
        return []
    named = [(NAME.fullmatch(path.name), path) for path in root.iterdir()]
    numbered = [(int(match[1]), int(match[2]), path) for match, path in named if match]
    return [path for _, _, path in sorted(numbered, reverse=True)]


def step_of(path: Path) -> int:
    """Step of a finished checkpoint folder, from its name."""
    return int(path.name.partition("-")[0])


def clear(root: Path, *, keep_finished: bool) -> bool:
    """Remove what killed attempts left half written, and on request everything; True when a checkpoint went."""
    cleared = False
    for path in root.iterdir() if root.is_dir() else ():
        if not keep_finished or path.name.endswith(".tmp"):
            cleared = cleared or not path.name.endswith(".tmp")
            shutil.rmtree(path, ignore_errors=True)
    return cleared


def verify(path: Path, check: Check = unasked) -> dict[str, Any] | None:
    """The meta of a checkpoint whose files are what it says, or None when it is damaged; `check` as of a hash."""
    try:
        meta = json.loads((path / META).read_bytes())
        for name in (WEIGHTS, STATE):
            entry = meta["files"][name]
            if (path / name).stat().st_size != entry["size"] or file_sha256(path / name, check) != entry["sha256"]:
                return None
        if meta.get("meta_sha256", own := _meta_sha256(meta)) != own:  # older ones have none
            return None
        match = NAME.fullmatch(path.name)
        if match is None or meta["step"] != int(match[1]) or meta["v"] != FORMAT:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return meta


def check_owner(meta: dict[str, Any], owner: Owner) -> None:
    """Raise EngineError(checkpoint_mismatch) for a checkpoint of another run, or of a later attempt than this."""
    words = {"job": "job", "recipe_sha256": "spec", "data_sha256": "dataset", "code": "code version"}
    for field, word in words.items():
        if meta.get(field) != getattr(owner, field):
            raise EngineError(Reason.CHECKPOINT_MISMATCH, "checkpoint_mismatch", what=word)
    if meta.get("fence", 0) > owner.fence:
        raise EngineError(Reason.CHECKPOINT_MISMATCH, "checkpoint_mismatch", what="attempt")


def prune(root: Path, *, keep_last: int, best_step: int | None) -> None:
    """Remove all but the newest `keep_last` checkpoints and the newest of the best step."""
    known = found(root)
    kept = set(known[:keep_last])
    best = next((path for path in known if path.name.startswith(f"{best_step}-f")), None)
    for path in known:
        if path not in kept and path != best:
            shutil.rmtree(path, ignore_errors=True)


def best_of(root: Path, step: int) -> Path | None:
    """The newest checkpoint of a step."""
    return next((path for path in found(root) if path.name.startswith(f"{step}-f")), None)


def file_sha256(path: Path, check: Check = unasked) -> str:
    """Hash of a file, read in pieces; `check` is called before each, and ends it by raising."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(HASHED_BYTES):
            check()
            digest.update(piece)
    return digest.hexdigest()


def fsync(path: Path) -> None:
    """Make a file, or the names in a folder, outlive a power cut."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
