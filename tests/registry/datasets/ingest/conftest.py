"""What the tests of the ingest share: look at bytes in this process, or at a file through the real child."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.datasets.ingest.contract import Limits, Report
from registry.datasets.ingest.run import inspect
from tests.registry.datasets.ingest.looking import check_words, look_at


@pytest.fixture
def look():
    """Examine bytes here: look(data, name=…, kind=…, max_rows=…)."""
    return look_at


@pytest.fixture
def refusal():
    """The code and the place of a refusal: refusal(data, …) == ("ragged_row", {"row": 3, "line": 3})."""

    def refusal(data: bytes, name: str = "", **options) -> tuple[str, dict]:
        report = look_at(data, name, **options)
        assert report.refusal, report
        return report.refusal.code, report.refusal.where

    return refusal


@pytest.fixture
def upload(tmp_path: Path):
    """Look at bytes (or at a file made before) through the real child process."""

    def upload(data: bytes | Path, name: str = "upload", limits: Limits | None = None, **options) -> Report:
        path = data if isinstance(data, Path) else tmp_path / "part"
        if isinstance(data, bytes):
            path.write_bytes(data)
        return check_words(inspect(path, name=name, limits=limits, **options))

    return upload
