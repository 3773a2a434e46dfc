"""What a model would see of the data: asked of the engine in a capped child, for the page of a draft."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from collab.kernel.blobs import blob_path
from registry.catalog.models import ModelVersion
from registry.datasets.models import DatasetVersion
from training.engine.contract import INPUTS_FILE, SPEC_FILE, InputData, Inputs, canonical_json
from training.jobs.services import check_spec, parse_spec
from training.runner.confined import Limits, run_engine

log = logging.getLogger("tandem.jobs")
NO_JOB = "00000000-0000-0000-0000-000000000000"
ANSWER_MAX_BYTES = 8 << 20
FILE_MAX_BYTES = 256 << 20  # of what is prepared for it, and gone with it
REFUSED = "This cannot be shown: "
_turn = threading.Semaphore(1)  # in each process that serves pages


@dataclass(frozen=True)
class Preview:
    """Items of the first batch; or `problem`, why there are none."""

    items: list[dict[str, Any]] = field(default_factory=list)
    whole: bool = True
    vocabulary: int | None = None
    parts: dict[str, int] = field(default_factory=dict)  # items of each part of what was read
    groups: int | None = None  # which were kept whole
    problem: str = ""


def preview_of(spec: dict[str, Any], version: DatasetVersion, start: ModelVersion | None) -> Preview:
    """The first items that a run of this spec would learn from. Raises FaultyInputError where the spec does not fit."""
    parsed = parse_spec(spec)
    if parsed.data.dataset_version != str(version.pk):
        return Preview(problem=_("These settings are about other data."))
    check_spec(parsed, version, start)
    if start is not None:
        return Preview(problem=_("With a model to start from there is no preview; it reads as that model does."))
    blob = blob_path(version.sha256)
    data = InputData(path=str(blob), kind=version.kind, sha256=version.sha256, profile=version.profile)
    inputs = Inputs(v=1, job=NO_JOB, fence=1, data=data, resume=False)
    if not _turn.acquire(blocking=False):
        return Preview(problem=_("Somebody else is looking at a preview. Try again in a moment."))
    try:
        with tempfile.TemporaryDirectory(prefix="tandem-preview-") as name:
            folder = Path(name)
            (folder / SPEC_FILE).write_bytes(parsed.canonical())
            (folder / INPUTS_FILE).write_bytes(canonical_json(inputs.to_json()))
            limits = Limits(settings.PREVIEW_SECONDS, settings.PLAYGROUND_MEMORY_BYTES, FILE_MAX_BYTES)
            ended = run_engine("preview", str(folder), folder=folder, limits=limits)
    except TimeoutError:
        return Preview(problem=_("The preview took too long."))
    finally:
        _turn.release()
    if ended.code != 0 or len(ended.out) > ANSWER_MAX_BYTES:
        _before, refused, why = ended.errors.rpartition(REFUSED)
        if not refused:
            log.error("a preview ended with %s: %s", ended.code, ended.errors[-4_000:])
        return Preview(problem=why.strip() if refused else _("The preview broke."))
    told = json.loads(ended.out)
    return Preview(
        [_shown(item) for item in told["items"]],
        told["whole"],
        told.get("vocabulary"),
        told.get("parts") or {},
        told.get("groups"),
    )


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    """As the template reads it: tokens by name, images as addresses."""
    shown = dict(item)
    for name in ("tokens", "other"):
        if name in item:
            shown[name] = [
                {"text": one[0], "asked": one[1], "wanted": one[2] if len(one) > 2 else ""} for one in item[name]
            ]
    shown["images"] = [f"data:image/png;base64,{image}" for image in item.get("images") or []]
    return shown
