"""What engine and supervisor say to each other: inputs, events, exit codes, reasons. Torch-free.

The run folder is the whole protocol: spec.json and inputs.json in; events.jsonl, ckpt/, out/ and result.json out.
"""

# ruff: noqa: RUF009  option() builds a dataclasses.field

import dataclasses
import enum
import json
from typing import Any

from training.engine.spec import UUID
from training.engine.strict import option, parse_json, read

INPUTS_VERSION = 1
SPEC_FILE, INPUTS_FILE = "spec.json", "inputs.json"
EVENTS_FILE, LOG_FILE, RESULT_FILE = "events.jsonl", "log.txt", "result.json"
SEARCH_FILE, TRIALS_DIR = "search.json", "trials"
CHECKPOINT_DIR, PACKAGE_DIR = "ckpt", "out"

# Exit codes. The truth is the last event and result.json: a launcher may change the code on the way.
DONE = 0
FAILED = 1
STOPPED = 75


class Reason(enum.StrEnum):
    """Why a run failed; `code` of the error event and `reason` of result.json."""

    DIVERGED = "diverged"
    OOM = "oom"
    DATA_ERROR = "data_error"
    LIMIT_MINUTES = "limit_minutes"
    DISK_FULL = "disk_full"
    BAD_SPEC = "bad_spec"
    CHECKPOINT_MISMATCH = "checkpoint_mismatch"
    DEVICE_MISSING = "device_missing"
    INTERNAL = "internal"


# Reasons that another attempt from the last checkpoint can cure without a change to the spec or the data.
RETRYABLE = frozenset({Reason.INTERNAL, Reason.DISK_FULL})

PHASES = ("prepare", "train", "evaluate", "package")

# Every line of events.jsonl is {"t": seconds since 1970, "n": number of the event, "e": kind, …the fields below}.
# Keys of "values" and "metrics" are "<part>/<metric>" with part train, valid or test. Numbers are always finite.
EVENTS: dict[str, dict[str, str]] = {
    # The first event of a resumed attempt; and where memory ran out, before it begins again with smaller pieces.
    "resume": {"step": "step of the checkpoint that is loaded, 0 without one"},
    # After preparation, once the net is built.
    "start": {
        "pid": "process id",
        "versions": "versions of python, torch and whatever else shapes the numbers",
        "device": "cpu, or the name of the GPU",
        "threads": "processor threads",
        "parameters": "numbers the model learns",
    },
    "phase": {"phase": "one of PHASES", "total": "units of work in it, or null"},
    "progress": {
        "step": "steps done",
        "steps": "steps of the whole run",
        "epoch": "passes over the data, as a fraction",
        "loss": "mean training loss since the last progress, or null",
        "lr": "learning rate",
        "rate": "units per second",
        "unit": "tokens, rows, images, recordings or windows",
        "eta_s": "seconds to the end of training, or null",
    },
    "metric": {"step": "step", "values": "value by '<part>/<metric>'"},
    "checkpoint": {
        "step": "step",
        "path": "folder relative to the run folder",
        "sha256": "hash of its meta.json",
        "size_bytes": "size of the folder",
        "best": "whether it is the best so far",
    },
    "sample": {
        "step": "step",
        "kind": "text, row, image or picture",
        "prompt": "what was given",
        "text": "what came back",
    },
    "warning": {"code": "message code", "params": "its parameters", "text": "sentence"},
    "done": {
        "step": "steps done",
        "seconds": "run time over all attempts",
        "metrics": "value by 'test/<metric>'",
        "interval": "95 % interval of the primary metric: [low, high]",
        "primary": "name of the primary metric",
        "baseline": "{name, metrics}: what the trivial answer scores on the same test part",
        "package": "folder of the package relative to the run folder",
    },
    # Of a search: how one of its trials stands. Its curve is in metrics named "trial <number>/valid/<metric>".
    "trial": {
        "number": "number of the trial, from 1",
        "values": "value by setting",
        "state": "done, failed, or left behind",
        "step": "steps done",
        "steps": "steps of the whole trial",
        "score": "best value of the primary metric on the validation part, or null",
    },
    "stopped": {"step": "step of the checkpoint that a resume will start from"},
    "error": {
        "code": "one of Reason",
        "message": "message code",
        "params": "its parameters",
        "text": "sentence",
        "hint": "how to mend it",
        "step": "step, or null",
        "issues": "what is wrong with the spec, and where: [{path, code, params, text, hint}]",
    },
}
LAST_EVENTS = ("done", "stopped", "error")


@dataclasses.dataclass(frozen=True)
class InputData:
    """The dataset blob of a run."""

    path: str = option("Absolute path of the blob", max_chars=4_000)
    kind: str = option("Form of the blob", choices=("text", "csv", "jsonl", "parquet", "images", "audio"))
    sha256: str = option("Hash of the blob", pattern="[0-9a-f]{64}")
    profile: dict = option("Profile of the dataset version", factory=dict)


@dataclasses.dataclass(frozen=True)
class InputStart:
    """The package of the model version that the weights come from."""

    path: str = option("Absolute path of its folder", max_chars=4_000)
    manifest_sha256: str = option("Hash of its MANIFEST.json", pattern="[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Inputs:
    """inputs.json: what the supervisor tells the engine beside the spec."""

    v: int = option("Version of this format", ge=INPUTS_VERSION, le=INPUTS_VERSION)
    job: str = option("Id of the job", pattern=UUID)
    fence: int = option("Fence token of the attempt", ge=0)
    data: InputData = option("Dataset blob")
    resume: bool = option("Whether to go on from a checkpoint in the folder", False)
    start: InputStart | None = option("Package of the model that the spec starts from", None)
    tokenizer: InputStart | None = option("Package of the model whose tokenizer the spec reuses", None)
    until: float = option("Share of the run after which it pauses, as trials of a search do", 1.0, gt=0, le=1)

    @classmethod
    def from_json(cls, obj: Any) -> "Inputs":
        """Read parsed JSON strictly. Raises SpecError."""
        return read(cls, obj)

    @classmethod
    def from_text(cls, data: bytes | str) -> "Inputs":
        """Read JSON text strictly. Raises SpecError."""
        return cls.from_json(parse_json(data, max_bytes=50_000_000))

    def to_json(self) -> dict[str, Any]:
        """Every field as plain JSON types."""
        return dataclasses.asdict(self)


def parse_event(line: bytes | str) -> dict[str, Any] | None:
    """One line of events.jsonl, or None when it is not a whole event (a torn last line, say)."""
    try:
        event = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    kind = event.get("e") if isinstance(event, dict) else None
    return event if isinstance(kind, str) and kind in EVENTS else None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")
