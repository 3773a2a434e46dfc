"""The same code on PostgreSQL: migrations, verbs, API, and what happens when many act at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = [pytest.mark.services, pytest.mark.slow]
ROOT = Path(settings.BASE_DIR)

# What is run again there. Pages and engine do not care which database it is.
SAME_TESTS = [
    "tests/collab/access/test_policy.py",
    "tests/collab/accounts/test_models.py",
    "tests/collab/accounts/test_services.py",
    "tests/collab/agreements/test_coverage.py",
    "tests/collab/agreements/test_models.py",
    "tests/collab/agreements/test_services.py",
    "tests/collab/audit/test_services.py",
    "tests/collab/inbox/test_absences.py",
    "tests/collab/inbox/test_models.py",
    "tests/collab/inbox/test_reminding.py",
    "tests/collab/inbox/test_services.py",
    "tests/collab/projects/test_models.py",
    "tests/collab/projects/test_services.py",
    "tests/api/test_client_path.py",
]


def run(arguments: list[str], url: str, data: Path) -> str:
    """Run Python on the other database; what it said, which is shown when it fails."""
    env = os.environ | {
        "DATABASE_URL": url,
        "TANDEM_DATA_DIR": str(data),
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    env.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=900, check=False
    )
    said = f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    assert done.returncode == 0, said
    return said


def database(url: str, name: str) -> str:
    """The address of another database of the same server, made if need be."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(f'CREATE DATABASE "{name}"')
    return url.replace("/postgres?", f"/{name}?")


def test_what_many_do_at_once(postgres, tmp_path):
    said = run(["-m", "pytest", "-q", "tests/services/races.py"], database(postgres, "races"), tmp_path)
    assert " passed" in said and "skipped" not in said, said


def test_the_verbs_do_the_same_there(postgres, tmp_path):
    said = run(["-m", "pytest", "-q", *SAME_TESTS], database(postgres, "verbs"), tmp_path)
    assert " passed" in said and "skipped" not in said, said


def test_an_empty_database_is_set_up_and_the_demo_seeded(postgres, tmp_path):
    url = database(postgres, "fresh")
    run(["manage.py", "migrate", "--no-input"], url, tmp_path)
    run(["manage.py", "makemigrations", "--check", "--dry-run"], url, tmp_path)
    for _ in range(2):  # the second time it finds everything there
        run(["manage.py", "seed_demo"], url, tmp_path)
    assert "whole" in run(["manage.py", "verify_audit"], url, tmp_path)
    # The triggers of the migration hold, which the other tests take away in order to empty their tables.
    for statement in (
        "UPDATE collab_auditevent SET verb = 'x'",
        "DELETE FROM collab_auditevent",
        "TRUNCATE collab_auditevent",
    ):
        code = (
            "import django; django.setup()\n"
            "from django.db import connection, DatabaseError\n"
            f"try:\n    connection.cursor().execute({statement!r})\n"
            "except DatabaseError as fault:\n    print('refused:', fault)\n"
        )
        assert "append-only" in run(["-c", code], url, tmp_path), statement
    assert "whole" in run(["manage.py", "verify_audit"], url, tmp_path)
