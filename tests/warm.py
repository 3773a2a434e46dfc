"""An engine that is kept warm for the tests of one process, which would load torch anew for each run otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from training.runner import pool
from training.runner.pool import Warm


def wait_until_warm(kept: Warm, timeout_s: float = 60) -> None:
    """Until it answers."""
    import time

    from training.engine.contract import answers

    end = time.monotonic() + timeout_s
    while not answers(kept.address(), kept.code()):
        assert time.monotonic() < end, f"no warm {kept.name}"
        time.sleep(0.02)


def let_go(kept: Warm) -> None:
    """What the end of the process that keeps it does."""
    for process in kept._started:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)
    kept._started.clear()
    kept._last_try = -pool.AGAIN_S


@pytest.fixture(scope="session")
def _kept_warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    kept = Warm("engine", pool.ENGINE.code, pool.ENGINE.program, pool.ENGINE.environment)
    with override_settings(DATA_DIR=tmp_path_factory.mktemp("warm"), WARM_ENGINE="torch"):
        kept.keep()
        wait_until_warm(kept)
        address = kept.address()
    yield address
    let_go(kept)


@pytest.fixture
def warm_engine(_kept_warm: Path, settings) -> Path:
    """In the data folder of the test, or of all tests: a run forks from it. To be asked for after the folder is set."""
    address = pool.ENGINE.address()
    if not address.exists():
        address.symlink_to(_kept_warm)
    return address
