"""A run folder for data of one's own, without the platform: `python -m training.laptop TASK DATA DIR`.

Looks at the data as an upload is looked at, writes a spec that suits it, and what the supervisor would tell the engine.
"""

import argparse
import hashlib
import json
import sys
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from registry.datasets.ingest.contract import GIB, Limits, Report
from registry.datasets.ingest.run import inspect
from training.engine.contract import (
    INPUTS_FILE,
    INPUTS_VERSION,
    SPEC_FILE,
    TASKS,
    InputData,
    Inputs,
    InputStart,
    Issue,
    Spec,
    SpecError,
    canonical_json,
    default_spec,
    going_on,
    validate,
)

NO_VERSION = "00000000-0000-0000-0000-000000000000"
MANIFEST = "MANIFEST.json"
PACKED = "data.zip"
# One's own data, on one's own machine: what bounds an upload need not bound them.
LIMITS = Limits(
    max_bytes=200 * GIB,
    max_total_uncompressed_bytes=200 * GIB,
    max_rows=1_000_000_000,
    max_members=5_000_000,
    max_directory_bytes=2 * GIB,
    wall_s=86_400.0,
    cpu_s=86_400,
    memory_bytes=8 * GIB,
)


class RefusedError(Exception):
    """Why no run folder is written, in sentences."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.laptop", description=__doc__)
    parser.add_argument("task", choices=tuple(TASKS), metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("data", type=Path, help="a text, CSV, JSONL, Parquet or zip, or a folder of images or sounds")
    parser.add_argument("dir", type=Path, help="the folder to write; it must not hold a run yet")
    parser.add_argument("--column", action="append", default=[], metavar="ROLE=NAME", help="such as label=topic")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="such as train.max_steps=100")
    parser.add_argument("--start", type=Path, metavar="PACKAGE", help="package of a model to go on from")
    chosen = parser.parse_args(arguments)
    try:
        facts = write(
            chosen.task,
            chosen.data,
            chosen.dir,
            columns=_pairs(chosen.column, "--column"),
            settings=_pairs(chosen.set, "--set"),
            start=chosen.start,
        )
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename} cannot be used: {error.strerror}.", file=sys.stderr)
        return 1
    for fact in facts:
        print(fact)
    print(f"python -m training.engine run {chosen.dir}")
    return 0


def write(
    task: str,
    data: Path,
    folder: Path,
    *,
    columns: dict[str, str] | None = None,
    settings: dict[str, str] | None = None,
    start: Path | None = None,
) -> list[str]:
    """Write spec.json and inputs.json of a new run to `folder`; returns what to know of them.

    Raises RefusedError, after which nothing is written but the zip of a folder, and OSError.
    """
    if (folder / SPEC_FILE).exists():
        raise RefusedError(f"{folder} holds a run already. Choose another folder, or remove it.")
    folder.mkdir(parents=True, exist_ok=True)
    blob = _packed(data, folder / PACKED) if data.is_dir() else data.resolve(strict=True)
    report = inspect(blob, name=data.name if blob != folder / PACKED else PACKED, limits=LIMITS)
    if report.refusal is not None or report.profile is None:
        raise RefusedError(f"{data}: {_refused(report)}")
    profile = report.profile
    begun, theirs = _opened(start)
    kinds = TASKS[task].kinds
    if report.kind not in kinds:
        raise RefusedError(f"{data}: the task “{task}” needs data of kind {' or '.join(kinds)}, not {report.kind}.")
    if theirs is not None and theirs.task not in (starts := TASKS[task].starts):
        raise RefusedError(f"{start} is of the task “{theirs.task}”; “{task}” can go on from {' or '.join(starts)}.")
    try:
        spec = default_spec(task, profile, NO_VERSION)
        spec = going_on(spec, theirs, NO_VERSION) if theirs is not None else spec
        spec = _changed(spec, columns or {}, settings or {})
        issues = validate(spec, profile, theirs)
    except SpecError as error:
        issues = error.issues
    wrong = [issue for issue in issues if issue.level == "error"]
    if wrong:
        raise RefusedError("\n".join(map(_told, wrong)))
    source = InputData(path=str(blob), kind=str(report.kind), sha256=profile["sha256"], profile=profile)
    inputs = Inputs(v=INPUTS_VERSION, job=str(uuid.uuid4()), fence=1, data=source, start=begun)
    (folder / INPUTS_FILE).write_bytes(canonical_json(inputs.to_json()))
    (folder / SPEC_FILE).write_text(json.dumps(spec.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    doubts = [f"warning: {text}" for text in (*(one.message() for one in report.warnings), *map(_told, issues))]
    reads = ", ".join(f"{role}={name}" for role, name in sorted(spec.data.columns.items()))
    return [*doubts, *([f"columns: {reads}"] if reads else [])]


def _pairs(words: list[str], option: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    odd = next((name for name, sign, _ in pairs if not sign or not name), None)
    if odd is not None:
        raise RefusedError(f"{option} {odd}: write a name, an equals sign and a value.")
    return {name: value for name, _, value in pairs}


def _packed(folder: Path, target: Path) -> Path:
    """A folder of files as the zip that the engine reads; what is hidden is left out."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in paths:
            name = path.relative_to(folder)
            if not any(part.startswith(".") for part in name.parts):
                archive.write(path, name.as_posix())
    return target.resolve()


def _refused(report: Report) -> str:
    if report.refusal is None:
        return "It cannot be read."
    return f"{report.refusal.message()} {report.refusal.remedy()}"


def _opened(start: Path | None) -> tuple[InputStart | None, Spec | None]:
    """What the engine is told of a package to go on from, and the spec that it was trained by."""
    if start is None:
        return None, None
    try:
        digest = hashlib.sha256((start / MANIFEST).read_bytes()).hexdigest()
        theirs = Spec.from_text((start / SPEC_FILE).read_bytes())
    except (OSError, SpecError):
        raise RefusedError(
            f"{start} is not the package of a model: name the folder “out” of a run, or make a package of a model of "
            "elsewhere by “python -m training.engine wrap”."
        ) from None
    return InputStart(path=str(start.resolve()), manifest_sha256=digest), theirs


def _changed(spec: Spec, columns: dict[str, str], settings: dict[str, str]) -> Spec:
    """The spec with columns and settings that were given in words. Raises SpecError."""
    told: dict[str, Any] = spec.to_json()
    told["data"]["columns"] |= columns
    for path, text in settings.items():
        *above, name = path.split(".")
        place = told
        for part in above:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        try:
            place[name] = json.loads(text)
        except ValueError:
            place[name] = text
    return Spec.from_json(told, fresh=True)


def _told(issue: Issue) -> str:
    place = f"{issue.path}: " if issue.path else ""
    return f"{place}{issue.text} {issue.hint}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
