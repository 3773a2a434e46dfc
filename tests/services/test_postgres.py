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
    "tests/collab/accounts/test_organisations.py",
    "tests/collab/accounts/test_services.py",
    "tests/collab/agreements/test_coverage.py",
    "tests/collab/agreements/test_models.py",
    "tests/collab/agreements/test_services.py",
    "tests/collab/audit/test_anchors.py",
    "tests/collab/audit/test_services.py",
    "tests/collab/inbox/test_absences.py",
    "tests/collab/inbox/test_models.py",
    "tests/collab/inbox/test_reminding.py",
    "tests/collab/inbox/test_services.py",
    "tests/collab/projects/test_models.py",
    "tests/collab/projects/test_services.py",
    "tests/collab/publications/test_services.py",
    "tests/api/test_client_path.py",
]

READS_THE_PLAN_OF_SQLITE = "tests/collab/inbox/test_models.py::test_the_agenda_reads_dates_in_the_order_of_an_index"


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


def test_the_verbs_do_the_same_there_also_when_many_act_at_once(postgres, tmp_path):
    # one process, because making the tables takes longer than most of these tests
    arguments = ["-m", "pytest", "-q", *SAME_TESTS, "tests/services/races.py", "--deselect", READS_THE_PLAN_OF_SQLITE]
    said = run(arguments, database(postgres, "same"), tmp_path)
    assert " passed" in said and "skipped" not in said, said


SET_UP_AND_SEED = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
call_command("makemigrations", check_changes=True, dry_run=True)
call_command("seed_demo")
call_command("seed_demo")  # the second time it finds everything there
call_command("verify_audit")
"""

# The triggers of the migration hold, which the other tests take away in order to empty their tables.
REWRITE_HISTORY = """
import django; django.setup()
from django.core.management import call_command
from django.db import DatabaseError, connection
for statement in (
    "UPDATE collab_auditevent SET verb = 'x'",
    "DELETE FROM collab_auditevent",
    "TRUNCATE collab_auditevent",
    "TRUNCATE collab_auditanchor",
):
    try:
        connection.cursor().execute(statement)
    except DatabaseError as fault:
        print("refused:", fault)
    else:
        raise SystemExit(f"went through: {statement}")
from collab.transfer.disclosures import note_guard
assert not note_guard.missing(connection), note_guard.missing(connection)
call_command("verify_audit")
"""


def test_an_empty_database_is_set_up_and_the_demo_seeded(postgres, tmp_path):
    url = database(postgres, "fresh")
    assert "whole" in run(["-c", SET_UP_AND_SEED], url, tmp_path)
    said = run(["-c", REWRITE_HISTORY], url, tmp_path)
    assert said.count("refused:") == said.count("append-only") == 4 and "whole" in said, said
