"""What is too much for every run is asked in turns, another share for each state of the code; `make matrix` asks all.

What is committed is always asked the same, so that a run can be repeated. The report of a run tells its turn;
TANDEM_TURN asks that of another one, and TANDEM_MATRIX=full everything.
"""

from __future__ import annotations

import os
import subprocess
import zlib
from pathlib import Path

import pytest

FULL = os.environ.get("TANDEM_MATRIX") == "full"


def pytest_configure(config: pytest.Config) -> None:
    """The processes of one run have one turn: they inherit it."""
    if "TANDEM_TURN" not in os.environ:
        os.environ["TANDEM_TURN"] = str(_state_of_the_code())


def _state_of_the_code() -> int:
    """A number for the code and the tests that are committed; 0 where git is not there."""
    command = ["git", "rev-parse", *(f"HEAD:{room}" for room in ("collab", "registry", "training", "tests"))]
    try:
        found = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return zlib.crc32(found.stdout.encode()) % 1_000_000


def pytest_report_header(config: pytest.Config) -> str:
    return "asked: everything" if FULL else f"asked in turns: TANDEM_TURN={turn()} asks the same again"


def turn() -> int:
    return int(os.environ["TANDEM_TURN"])


def number_of(what: str) -> int:
    """A number for choosing at this place; it goes up by one from a turn to the next."""
    return zlib.crc32(what.encode()) + turn()


def in_turn(what: str, *, of: int) -> bool:
    """Whether it is asked in this run: in one of `of` that follow each other, or when everything is."""
    return FULL or number_of(what) % of == 0
