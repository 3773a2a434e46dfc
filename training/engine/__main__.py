"""Runs, looks and answers: `python -m training.engine COMMAND`.

run DIR | preview DIR | predict OUT INPUT | export OUT TARGET | wrap SOURCE DEST | validate SPEC PROFILE |
default TASK PROFILE | schema | pool SOCKET
"""

import argparse
import base64
import functools
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

FILED = {"png", "wav"}  # parts of an answer that are files, in base64
NO_VERSION = "00000000-0000-0000-0000-000000000000"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run", help="train what DIR/spec.json and DIR/inputs.json say")
    command.add_argument("dir", type=Path)
    command = commands.add_parser("preview", help="print what the net will see of DIR's data, without training")
    command.add_argument("dir", type=Path)
    command.add_argument("--images", type=Path, metavar="FOLDER", help="put images here as PNG instead of base64")
    command = commands.add_parser("predict", help="answer INPUT with a package, one JSON object a line")
    command.add_argument("package", type=Path)
    command.add_argument(
        "input", type=Path, help="texts by line, JSON lines, an image, a recording or a folder of them"
    )
    command.add_argument("--out", type=Path, metavar="FOLDER", help="put drawn images and spoken sounds there as files")
    _add_sampling(command.add_argument_group("how a model writes text"))
    command = commands.add_parser("export", help="write a package as ONNX, compared with the net, into a new folder")
    command.add_argument("package", type=Path)
    command.add_argument("target", type=Path)
    command = commands.add_parser("wrap", help="make a package to start from of a model that transformers saved")
    command.add_argument("source", type=Path, help="folder of config.json, model.safetensors and tokenizer.json")
    command.add_argument("dest", type=Path, help="new folder for the package")
    command.add_argument("--task", help="refuse a model of another task")
    command = commands.add_parser("validate", help="say what is wrong with a spec for a dataset of this profile")
    command.add_argument("spec", type=Path)
    command.add_argument("profile", type=Path)
    command = commands.add_parser("default", help="print a spec that suits a dataset of this profile")
    command.add_argument("task")
    command.add_argument("profile", type=Path)
    command.add_argument("--dataset-version", default=NO_VERSION)
    commands.add_parser("schema", help="print the JSON Schema of a spec")
    command = commands.add_parser("pool", help="load torch once and fork runs for whoever asks at SOCKET")
    command.add_argument("address", type=Path, metavar="SOCKET")
    command.add_argument("--transformers", action="store_true", help="load transformers too, for nets it builds")
    chosen = parser.parse_args(arguments)
    words = {
        "run": _run,
        "preview": _preview,
        "predict": _predict,
        "export": _export,
        "wrap": _wrap,
        "validate": _validate,
        "default": _default,
        "schema": _schema,
        "pool": _pool,
    }
    return words[chosen.command](chosen)


def _run(chosen: argparse.Namespace) -> int:
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if not chosen.dir.is_dir():
        print(f"There is no folder {chosen.dir}.", file=sys.stderr)
        return 1
    from training.engine.run import run  # loads torch, which the other commands do without

    return run(chosen.dir.resolve())


def _preview(chosen: argparse.Namespace) -> int:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from training.engine.contract import INPUTS_FILE, SPEC_FILE, Inputs, Spec, SpecError
    from training.engine.errors import DataError, EngineError
    from training.engine.preview import preview, write_images  # loads torch

    try:
        spec = Spec.from_text((chosen.dir / SPEC_FILE).read_bytes())
        told = preview(spec, Inputs.from_text((chosen.dir / INPUTS_FILE).read_bytes()))
        if chosen.images is not None:
            write_images(told, chosen.images)
    except SpecError as error:
        problem: Any = "; ".join(f"{issue.path}: {issue.text}" for issue in error.issues)
    except (DataError, EngineError, OSError) as error:
        problem = error
    else:
        print(json.dumps(told, ensure_ascii=False))
        return 0
    print(f"This cannot be shown: {problem}", file=sys.stderr)
    return 1


def _add_sampling(group: Any) -> None:
    group.add_argument("--tokens", type=int, help="tokens to write at most")
    group.add_argument("--temperature", type=float, help="0 takes the likeliest token")
    group.add_argument("--top-k", type=int, help="draw from so many likeliest tokens")
    group.add_argument("--top-p", type=float, help="draw from the likeliest tokens that have this share together")
    group.add_argument("--stop", action="append", metavar="WORD", help="end before this text; may be given again")
    group.add_argument("--seed", type=int, help="draws the tokens; the same seed writes the same")
    group.add_argument("--stream", action="store_true", help="print the text while it is written, instead of JSON")


def _predict(chosen: argparse.Namespace) -> int:
    from training.engine.generating import Sampling  # loads torch
    from training.engine.predict import Predictor, read_inputs

    names = ("tokens", "temperature", "top_k", "top_p", "stop", "seed")
    asked = {name: getattr(chosen, name) for name in names if getattr(chosen, name) is not None}
    try:
        inputs = read_inputs(chosen.input)
        if "stop" in asked:
            asked["stop"] = tuple(asked["stop"])
        predictor = Predictor(chosen.package, Sampling(**asked) if asked else None)
        if chosen.stream:
            _stream(predictor, inputs)
        else:
            for number, answer in enumerate(predictor(inputs)):
                print(json.dumps(_filed(answer, chosen.out, number), ensure_ascii=False))
    except (OSError, ValueError) as error:
        print(f"This cannot be answered: {error}", file=sys.stderr)
        return 1
    return 0


def _filed(answer: dict[str, Any], folder: Path | None, number: int) -> dict[str, Any]:
    """An answer with its image or sound as a file of `folder`, instead of in itself."""
    if folder is None:
        return answer
    folder.mkdir(parents=True, exist_ok=True)
    told = dict(answer)
    for kind in FILED & answer.keys():
        path = folder / f"{number + 1:04}.{kind}"
        path.write_bytes(base64.b64decode(told.pop(kind)))
        told["file"] = str(path)
    return told


def _stream(predictor: Any, inputs: list[Any]) -> None:
    """One input after the other, so that each text is whole; an empty line parts them."""
    for number, text in enumerate(inputs):
        print("\n\n" * bool(number) + str(text), end="", flush=True)
        for _, piece in predictor.stream([text]):
            print(piece, end="", flush=True)
    print()


def _export(chosen: argparse.Namespace) -> int:
    from training.engine.export import to_onnx  # loads torch

    try:
        print(json.dumps(to_onnx(chosen.package, chosen.target)))
    except (OSError, ValueError) as error:
        print(f"This cannot be exported: {error}", file=sys.stderr)
        return 1
    return 0


def _wrap(chosen: argparse.Namespace) -> int:
    from training.engine.errors import EngineError
    from training.engine.wrap import wrap  # loads torch

    try:
        print(json.dumps(wrap(chosen.source, chosen.dest, chosen.task)))
    except EngineError as error:
        print(f"This cannot be a start: {error} {error.hint}".rstrip(), file=sys.stderr)
        return 1
    except OSError as error:
        print(f"This cannot be a start: {error}", file=sys.stderr)
        return 1
    return 0


def _validate(chosen: argparse.Namespace) -> int:
    from training.engine.contract import Spec, SpecError, validate

    try:
        profile = _profile(chosen.profile)
        issues = validate(Spec.from_text(_bytes(chosen.spec)), profile)
    except SpecError as error:
        issues = error.issues
    except _UnreadError as error:
        print(error, file=sys.stderr)
        return 1
    for issue in issues:
        place = f"{issue.path}: " if issue.path else ""
        print(f"{issue.level}: {place}{issue.text} {issue.hint}".rstrip())
    return int(any(issue.level == "error" for issue in issues))


def _default(chosen: argparse.Namespace) -> int:
    from training.engine.contract import TASKS, Spec, SpecError, default_spec

    if chosen.task not in TASKS:
        print(f"Choose a task of: {', '.join(TASKS)}.", file=sys.stderr)
        return 1
    try:
        spec = default_spec(chosen.task, _profile(chosen.profile), chosen.dataset_version).to_json()
        Spec.from_json(spec)
    except SpecError as error:
        print("; ".join(f"{issue.path}: {issue.text}" for issue in error.issues), file=sys.stderr)
        return 1
    except _UnreadError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(spec, indent=2))
    return 0


class _UnreadError(Exception):
    """A file that a command cannot use, in a sentence."""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _UnreadError(f"{path} cannot be read: {error.strerror}.") from error


def _profile(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise _UnreadError(f"{path} is not JSON.") from error
    if not isinstance(found, dict):
        raise _UnreadError(f"{path} is not the profile of a dataset.")
    return found


def _schema(chosen: argparse.Namespace) -> int:
    from training.engine.contract import spec_schema

    print(json.dumps(spec_schema(), indent=2))
    return 0


def _pool(chosen: argparse.Namespace) -> int:
    from training.engine import pool

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s pool: %(message)s")
    try:
        load = functools.partial(pool.load_engine, chosen.transformers)
        return pool.serve(chosen.address, pool.engine_main, load, pool.engine_stamp)
    except OSError as error:
        print(f"No pool at {chosen.address}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
