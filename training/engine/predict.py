"""Answers of a finished model, from its package alone: `python -m training.engine predict PACKAGE INPUT`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from training.engine.errors import Stop
from training.engine.generating import Sampling
from training.engine.package import load_net
from training.engine.registry import task_module
from training.engine.spec import Spec
from training.engine.tasks.base import Task

AT_ONCE = 64
FILES = (".png", ".jpg", ".jpeg", ".webp", ".wav", ".flac")


class Predictor:
    """A package, checked against its manifest and ready to answer. Raises ValueError when a file is not as listed."""

    def __init__(self, package: Path, sampling: Sampling | None = None) -> None:
        self.net = load_net(package)
        spec = Spec.from_text((package / "spec.json").read_bytes())
        self.task: Task = task_module(spec.task).Task(spec, Stop())
        self.streams = spec.task == "causal-lm"
        if sampling is not None:
            if not hasattr(self.task, "sampling"):
                raise ValueError("only a model that writes text can be told how to; leave out how it should write")
            self.task.sampling = sampling
        self.task.open_package(package, json.loads((package / "config.json").read_bytes()))

    def __call__(self, inputs: list[Any]) -> Iterator[dict[str, Any]]:
        """An answer for each input, in order: texts, paths of files, or series of numbers, whatever the task reads."""
        for start in range(0, len(inputs), AT_ONCE):
            self.task.first_input = start
            with torch.inference_mode():
                answers = self.task.predict(self.net, inputs[start : start + AT_ONCE])
            yield from answers

    def stream(self, inputs: list[str]) -> Iterator[tuple[int, str]]:
        """(number of the input, piece of text) while a language model writes on from all of them side by side.

        Raises ValueError.
        """
        if not self.streams:
            raise ValueError("only a language model writes on while it is watched")
        for start in range(0, len(inputs), AT_ONCE):
            self.task.first_input = start
            for row, piece in self.task.stream(self.net, inputs[start : start + AT_ONCE]):  # type: ignore[attr-defined]
                yield start + row, piece


def read_inputs(path: Path) -> list[Any]:
    """An image, a recording or a folder of them as paths; JSON lines as parsed; otherwise each line as a text.

    Raises ValueError with the line that cannot be read.
    """
    if path.is_dir():
        return sorted(found for found in path.iterdir() if found.suffix.lower() in FILES)
    if path.suffix.lower() in FILES:
        return [path]
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not UTF-8 text") from None
    lines = text.removesuffix("\n").split("\n") if text else []  # other ends of lines may stand in a text
    if path.suffix != ".jsonl":
        return lines
    return [_parsed(line, f"{path.name}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]


def _parsed(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"{place} is not JSON") from None
