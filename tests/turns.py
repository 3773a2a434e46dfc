"""What is too much for every run is asked in turns: another share in each hour, and all of it by `make matrix`.

The report of a run tells its turn; TANDEM_TURN asks the same again, and TANDEM_MATRIX=full everything.
"""

from __future__ import annotations

import os
import time
import zlib

import pytest

FULL = os.environ.get("TANDEM_MATRIX") == "full"


def pytest_configure(config: pytest.Config) -> None:
    """The processes of one run have one turn: they inherit it."""
    os.environ.setdefault("TANDEM_TURN", str(int(time.time() // 3600)))


def pytest_report_header(config: pytest.Config) -> str:
    return "asked: everything" if FULL else f"asked in turns: TANDEM_TURN={turn()} asks the same again"


def turn() -> int:
    return int(os.environ["TANDEM_TURN"])


def number_of(what: str) -> int:
    """A number for choosing at this place; it goes up by one with each turn."""
    return zlib.crc32(what.encode()) + turn()


def in_turn(what: str, *, of: int) -> bool:
    """Whether it is asked in this run: in one of `of` that follow each other, or when everything is."""
    return FULL or number_of(what) % of == 0
