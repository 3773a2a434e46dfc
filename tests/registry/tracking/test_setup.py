"""MLflow's database: made in WAL, known to be finished without importing MLflow."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version

import pytest

from registry.tracking import server_env, setup
from tests.registry.tracking import servers


def test_the_known_head_is_mlflows_own():
    from mlflow.store.db.utils import _get_latest_schema_revision

    assert setup.KNOWN_HEADS[version("mlflow")] == _get_latest_schema_revision()


def test_a_finished_store_is_left_alone_and_in_wal(mlflow_template, tmp_path, monkeypatch):
    copy = setup.copy_template(mlflow_template.parent, tmp_path / "deep" / "mlflow.sqlite3")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("no child is needed"))
    assert setup.upgrade_store(store=f"sqlite:///{copy}") is False
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.slow
def test_a_new_store_is_made_once(tmp_path):
    store = f"sqlite:///{tmp_path}/new folder/mlflow.sqlite3"
    assert setup.upgrade_store(store=store) is True
    assert setup.revision(store) == setup.KNOWN_HEADS[version("mlflow")]
    assert setup.upgrade_store(store=store) is False


def test_a_file_that_is_no_database_is_told_without_its_address(tmp_path, capsys):
    broken = tmp_path / "mlflow.sqlite3"
    broken.write_bytes(b"no database at all" * 1000)
    with pytest.raises(setup.StoreSetupError) as caught:
        setup.upgrade_store(store=f"sqlite:///{broken}")
    assert str(tmp_path) not in str(caught.value)


def test_with_a_separate_server_its_operator_does_it(settings):
    settings.MLFLOW_UPSTREAM = "http://127.0.0.1:1"
    settings.MLFLOW_STORE_URI = "sqlite:////nowhere/x.sqlite3"
    assert setup.upgrade_store() is False


def test_an_unreachable_database_has_no_revision(tmp_path):
    assert setup.revision("postgresql+psycopg://nobody@/none?host=" + str(tmp_path)) is None
    assert setup.revision(f"sqlite:///{tmp_path}/none.sqlite3") is None


def test_checking_does_not_import_mlflow(mlflow_template):
    code = (
        "import sys; from registry.tracking import setup;"
        f"assert setup.upgrade_store(store='sqlite:///{mlflow_template}') is False;"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('mlflow', 'sqlalchemy', 'torch')]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=servers.ROOT, env=os.environ, check=True, timeout=60)


def test_postgresql_goes_through_the_driver_that_is_installed():
    assert server_env.store_uri("postgresql://a@b/c") == "postgresql+psycopg://a@b/c"
    assert server_env.store_uri("postgres://a@b/c") == "postgresql+psycopg://a@b/c"
    assert server_env.store_uri("sqlite:////a/b") == "sqlite:////a/b"
