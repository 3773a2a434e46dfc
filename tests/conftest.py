"""Shared by all tests: the named cast, and a database whose history may be emptied between tests."""

import gc

import pytest

pytest_plugins = ["tests.turns", "tests.kept", "tests.cast", "tests.licensing", "tests.warm"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with slow tests begin, so that none of them is still at work when the other process has nothing left."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What stays until the end, modules and collected tests, is not gone through for garbage again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Transactional tests empty their tables, which the history's triggers refuse; tests of them install them."""
    from django.db import connection
    from django.db.models.signals import post_migrate

    from collab.audit import guard
    from collab.transfer.disclosures import note_guard
    from collab.transfer.royalties import guard as books

    with django_db_blocker.unblock():
        guard.remove(connection)
        books.remove(connection)
        note_guard.remove(connection)
    # Emptying the tables announces new ones, for which Django makes its permissions anew; nothing here reads them.
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    return django_db_setup


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path_factory):
    """Blobs and runs of a test go to its own folder."""
    folder = tmp_path_factory.mktemp("data")
    settings.BLOB_DIR = folder / "blobs"
    settings.RUN_DIR = folder / "runs"


@pytest.fixture(autouse=True)
def _own_language():
    """Every test begins in English, whatever the last request of the one before was read in."""
    from django.utils import translation

    translation.activate("en")
