"""The worker's side: lay out the files as they were registered, ask them in a child process, keep the answer."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import translation

from collab.kernel.blobs import blob_path
from registry.catalog.models import ModelVersion
from training.engine.contract import SPEC_FILE
from training.playground import services
from training.playground.access import missing_for
from training.playground.child import NoAnswerError, predict
from training.playground.doorbell import ring
from training.playground.inputs import FILES, suffix_of
from training.playground.models import Trial
from training.playground.states import InputKind
from training.runner.confined import Limits
from training.runner.publish import MANIFEST

log = logging.getLogger("tandem.playground")


def answer_next() -> bool:
    """Answer the oldest question, then ring for the next. False: nothing waits, or enough models are answering."""
    trial = services.claim()
    if trial is None:
        return False
    try:
        _answer(trial)
    except Exception:  # whatever broke here must not leave the person waiting until the sweep
        log.exception("the question %s broke", trial.pk)
        services.fail(trial, "broke")
    if Trial.objects.waiting().exists():
        ring()
    return True


def sweep() -> dict[str, int]:
    """What a lost ring or an ended worker left behind."""
    done = {"lost": services.give_up(), "forgotten": services.forget()}
    if Trial.objects.waiting().exists():
        ring()
    return done


def _answer(trial: Trial) -> None:
    with translation.override(trial.asked_by.language or settings.LANGUAGE_CODE):
        missing = missing_for(trial.asked_by, trial)  # while it waited the licence or the role may have ended
        detail = " ".join(str(item.sentence) for item in missing)
    if missing:
        services.fail(trial, "access_lost", detail)
        return
    limits = Limits(settings.PLAYGROUND_SECONDS, settings.PLAYGROUND_MEMORY_BYTES)
    with tempfile.TemporaryDirectory(prefix="tandem-trial-") as name:
        folder = Path(name)
        try:
            package = lay_out(trial.version, folder / "package")
            services.finish(trial, predict(package, write_input(trial, folder), limits=limits))
        except NoAnswerError as fault:
            reason = f"unreadable_{trial.kind}" if fault.reason == "unreadable" else fault.reason
            services.fail(trial, reason)


def lay_out(version: ModelVersion, folder: Path) -> Path:
    """The package as a folder of links into the store of bytes, with the manifest that was registered.

    The child hashes each file against it before it reads any. Raises NoAnswerError when bytes are not here.
    """
    files = (version.manifest or {}).get("files") or {}
    if SPEC_FILE not in files:
        raise NoAnswerError("not_as_registered")
    folder.mkdir()
    for file, facts in files.items():
        blob = blob_path(facts["sha256"])
        if not blob.is_file() or Path(file).name != file:
            raise NoAnswerError("not_kept")
        (folder / file).symlink_to(blob.resolve())
    (folder / MANIFEST).write_text(json.dumps({"v": 1, "files": files}), encoding="utf-8")
    return folder


def write_input(trial: Trial, folder: Path) -> Path:
    """The input as the engine reads it: a file by its ending, everything else as one line of JSON."""
    file = None
    if trial.kind in FILES:
        data = bytes(trial.file or b"")
        file = folder / f"file{suffix_of(data)}"
        file.write_bytes(data)
    if file is not None and trial.kind != InputKind.CAPTIONS:
        return file
    lines = [json.dumps(trial.text) if trial.kind == InputKind.TEXT else trial.text]
    if file is not None:
        lines = [json.dumps({"image": str(file), "texts": json.loads(trial.text)})]
    if trial.kind == InputKind.DRAWING:
        lines = [json.dumps(one) for one in _drawings(json.loads(trial.text))]
    if trial.kind == InputKind.SPEECH and "voice" not in (said := json.loads(trial.text)):
        lines = [json.dumps(said["text"])]
    path = folder / "input.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _drawings(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """One input for each image, each with a seed of its own."""
    label = {"label": asked["label"]} if asked["label"] else {}
    return [label | {"seed": asked["seed"] + number} for number in range(asked["count"])]
