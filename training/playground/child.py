"""`python -m training.engine predict` in a capped child, and what its end means."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
from pathlib import Path
from typing import Any

from training.runner.confined import Limits, run_engine

log = logging.getLogger("tandem.playground")
ANSWER_MAX_BYTES = 4 << 20  # half a minute of speech takes more than one


class NoAnswerError(Exception):
    """Why the model did not answer: a code of states.REASONS, or `unreadable` for what its kind says."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def predict(package: Path, given: Path, *, limits: Limits) -> dict[str, Any]:
    """The answer to the one input, or to several as `answers`. Raises NoAnswerError."""
    try:
        ended = run_engine("predict", str(package), str(given), folder=given.parent, limits=limits)
    except TimeoutError:
        raise NoAnswerError("too_slow") from None
    if ended.code == 0 and len(ended.out) <= ANSWER_MAX_BYTES:
        with contextlib.suppress(ValueError):
            answers = [json.loads(line) for line in ended.out.splitlines()]
            if answers and all(isinstance(answer, dict) for answer in answers):
                return answers[0] if len(answers) == 1 else {"answers": answers}
    raise NoAnswerError(_reason(ended.code, ended.errors))


def _reason(code: int, errors: str) -> str:
    if code == -signal.SIGXCPU:
        return "too_slow"
    if "MemoryError" in errors or "alloc" in errors or code == -signal.SIGKILL:
        return "too_much_memory"
    if code == 1 and "This cannot be answered: " in errors:
        return "not_as_registered" if "manifest" in errors else "unreadable"
    log.error("the model's process ended with %s: %s", code, errors[-4_000:])
    return "broke"
