"""Brings MLflow's own database to the version of the installed MLflow: `manage.py setup` calls `upgrade_store`.

MLflow is never imported in the calling process. The usual case, nothing to do, is seen with one small query; only a
real change starts a child, `python -m registry.tracking.setup`, which imports MLflow and migrates.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from registry.tracking import server_env

# MLflow version -> the last revision of its migrations. A test compares it with MLflow's own; other versions are asked.
KNOWN_HEADS: Final = {"3.17.2": "dc11669786a5"}
_STORE_VARIABLE: Final = "TANDEM_MLFLOW_STORE_TO_UPGRADE"
_UPGRADE_TIMEOUT_S: Final = 600


class StoreSetupError(Exception):
    """MLflow's database could not be prepared. The text says what to look at, without addresses or passwords."""


def upgrade_store(*, store: str | None = None) -> bool:
    """Bring the database at `store` (default: the settings') to the installed MLflow; True when something was done.

    A new SQLite file is made, in WAL mode. Milliseconds when there is nothing to do; about 10 s for a new file.
    With a separate MLflow server (`MLFLOW_UPSTREAM`) its operator does this. Raises StoreSetupError.
    """
    if store is None:
        from django.conf import settings  # here, so that the child below does not need Django

        if settings.MLFLOW_UPSTREAM:
            return False
        store = settings.MLFLOW_STORE_URI
    uri = server_env.store_uri(store)
    path = sqlite_path(uri)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    if revision(uri) == KNOWN_HEADS.get(version("mlflow")):
        return False
    environment = {**os.environ, **server_env.client_env(), _STORE_VARIABLE: uri}
    command = [sys.executable, "-m", "registry.tracking.setup"]
    here = Path(__file__).resolve().parents[2]
    try:
        child = subprocess.run(
            command, cwd=here, env=environment, capture_output=True, text=True, timeout=_UPGRADE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise StoreSetupError("Preparing MLflow's database took longer than ten minutes and was stopped.") from None
    if child.returncode != 0:
        sys.stderr.write(child.stderr[-4000:])
        raise StoreSetupError("MLflow's database could not be prepared; the lines above say why.")
    return True


def sqlite_path(uri: str) -> Path | None:
    """The file of an SQLite address, or None for another database."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def revision(uri: str) -> str | None:
    """The migration that the database has reached, or None: new, unreachable, or not MLflow's."""
    path = sqlite_path(uri)
    try:
        if path is not None:
            if not path.exists():
                return None
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
                return row[0] if row else None
        import psycopg  # only where PostgreSQL is used

        with psycopg.connect(uri.replace("postgresql+psycopg://", "postgresql://", 1), connect_timeout=10) as server:
            found = server.execute("SELECT version_num FROM alembic_version").fetchone()
            return found[0] if found else None
    except sqlite3.Error:
        return None
    except Exception as fault:  # psycopg is imported only where it is used, so its error class has no name here
        if type(fault).__module__.startswith("psycopg"):
            return None  # the child meets the same fault and reports it
        raise


def template_store(folder: Path) -> Path:
    """A finished, empty SQLite database for tests to copy; made once per MLflow version and kept in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    template = folder / f"mlflow-{version('mlflow')}.sqlite3"
    with _locked(folder / "mlflow.lock"):
        if not template.exists():
            unfinished = folder / f"mlflow.{os.getpid()}.sqlite3"
            upgrade_store(store=f"sqlite:///{unfinished}")
            with closing(sqlite3.connect(unfinished)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            unfinished.replace(template)
    return template


def copy_template(folder: Path, target: Path) -> Path:
    """A fresh MLflow database at `target`, copied from the template in `folder`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(template_store(folder), target)
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _upgrade_here(uri: str) -> None:
    """In the child: WAL first (it sticks to the file), then MLflow's own migrations."""
    path = sqlite_path(uri)
    if path is not None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    # In the child only: these take seconds and 170 MB.
    import mlflow.store.db.utils as database
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri)
    database._safe_initialize_tables(engine)
    database._upgrade_db(engine)
    database._verify_schema(engine)
    engine.dispose()


if __name__ == "__main__":
    _upgrade_here(os.environ.pop(_STORE_VARIABLE))
