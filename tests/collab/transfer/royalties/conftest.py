"""The books, guarded by the database as in an installation."""

import pytest
from django.db import connection

from collab.transfer.royalties import guard
from tests.licensing import office
from tests.royalties import books

__all__ = ["books", "office"]


@pytest.fixture(autouse=True)
def _guarded(request):
    """The triggers are there for each test; they go with its transaction."""
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        guard.install(connection)
    yield
