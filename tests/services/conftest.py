"""A real PostgreSQL for a session, from the wheel of the development requirements: as root and as anybody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.registry.tracking.servers import postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a server of our own, listening on a socket in its folder and nowhere else."""
    with postgres_server() as url:
        yield url
