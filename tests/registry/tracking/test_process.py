"""The tracking process as it is started, and what the other processes must not load."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import psutil
import pytest
from django.db import connection

from registry.tracking import setup
from tests.registry.tracking import servers


@pytest.mark.services
@pytest.mark.slow
def test_the_tracking_process_starts_answers_and_ends(mlflow_template, django_db_setup, tmp_path):
    setup.copy_template(mlflow_template.parent, tmp_path / "mlflow.sqlite3")
    env = {"TANDEM_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings.development"}
    tables = sqlite3.connect(connection.settings_dict["NAME"])  # made already, and empty
    with closing(tables), closing(sqlite3.connect(tmp_path / "app.sqlite3")) as copied:
        tables.backup(copied)
    with servers.gunicorn_tracking(tmp_path, **env) as (url, child):
        import requests

        refused = requests.get(f"{url}/mlflow/none/api/2.0/mlflow/experiments/search", timeout=30)
        assert (refused.status_code, refused.json()["error_code"]) == (401, "UNAUTHENTICATED")
        assert requests.get(f"{url}/", timeout=30).status_code == 404
        family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
        memory_mib = sum(process.memory_full_info().pss for process in family) / 2**20
        assert memory_mib < 450
        log = (tmp_path / "tracking.log").read_text()
    assert psutil.wait_procs(family, timeout=15)[1] == []
    assert "Traceback" not in log


def test_nobody_else_loads_mlflow():
    """Everything here that a web or worker process may import."""
    code = (
        "import django, sys; django.setup();"
        "from registry.tracking import fence_checks, gateway, job_token, setup, upstream, workspaces, writer;"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('mlflow', 'torch', 'sqlalchemy')]"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    subprocess.run([sys.executable, "-c", code], cwd=servers.ROOT, env=env, check=True, timeout=60)
