"""One scene for all modules: built once and committed; every test and request after that is rolled back."""

from __future__ import annotations

import logging
import sqlite3

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import override_settings

from tests.access.personas import Visitor, personas
from tests.access.scene import Scene, build, leave


@pytest.fixture(scope="session")
def _built(django_db_setup, django_db_blocker, tmp_path_factory):
    """Both projects, and a copy of the database that holds them and nothing else."""
    folder = tmp_path_factory.mktemp("scene")
    with django_db_blocker.unblock(), override_settings(BLOB_DIR=folder / "blobs", RUN_DIR=folder / "runs"):
        assert str(connection.settings_dict["NAME"]).find("test") >= 0, "mark the tests with django_db"
        with transaction.atomic():
            made = build(folder)
            made.visitors = {persona.name: Visitor(persona) for persona in personas(made)}  # type: ignore[attr-defined]
            leave(made)
            connection.run_on_commit.clear()  # nobody listens
        copy = sqlite3.connect(folder / "scene.sqlite3")
        connection.connection.backup(copy)
    yield made, copy
    copy.close()


@pytest.fixture(scope="module")
def scene(_built, django_db_blocker):
    """Both projects. Tests that use it need the mark `django_db`."""
    made, copy = _built
    with django_db_blocker.unblock():
        connection.ensure_connection()
        copy.backup(connection.connection)
        ContentType.objects.clear_cache()
    yield made
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)
        connection.close()


@pytest.fixture(autouse=True)
def _quiet():
    """Thousands of refusals are what these tests are about; formatting a log line for each takes a while."""
    loggers = [logging.getLogger(name) for name in ("django.request", "tandem.access")]
    for logger in loggers:
        logger.disabled = True
    yield
    for logger in loggers:
        logger.disabled = False


@pytest.fixture(autouse=True)
def _no_contexts_kept(monkeypatch):
    """The test client copies the context of every template it sees rendered; nothing here looks at them."""
    monkeypatch.setattr("django.test.client.store_rendered_templates", lambda *args, **kwargs: None)


@pytest.fixture(autouse=True)
def _scene_folders(request, settings, _own_folders):
    """Tests with a scene read its files."""
    if "scene" in request.fixturenames:
        made: Scene = request.getfixturevalue("scene")
        settings.BLOB_DIR, settings.RUN_DIR = made.folder / "blobs", made.folder / "runs"


@pytest.fixture
def visitors(scene: Scene) -> dict[str, Visitor]:
    return scene.visitors  # type: ignore[attr-defined]
