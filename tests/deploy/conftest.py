"""Stand-ins for a checkout and its parts. The real thing, whole, is in test_main_job.py."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.tandem.place import ROOT, Place

NOBODY = 65534
OF_OTHERS = (
    "TANDEM_",
    "DJANGO_",
    "DATABASE_URL",
    "CELERY_",
    "CACHE_URL",
    "MLFLOW_",
    "PYTEST_",
    "ONCE",
    "JSON",
    "AGAIN",
)


def environment_of_one_s_own(folder: Path) -> dict[str, str]:
    """This environment with its own data folder and free ports, and without what the tests have set for themselves."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OF_OTHERS)}
    with socket.create_server(("127.0.0.1", 0)) as web, socket.create_server(("127.0.0.1", 0)) as tracking:
        kept["TANDEM_WEB_PORT"] = str(web.getsockname()[1])
        kept["TANDEM_TRACKING_PORT"] = str(tracking.getsockname()[1])
    return kept | {"TANDEM_DATA_DIR": str(folder)}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout to the set-up: two locks, nothing else."""
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "requirements.lock").write_text("torch==2.13.0\n")
    (root / "requirements-dev.lock").write_text("torch==2.13.0\npytest==9.2.0\n")
    return root


@pytest.fixture
def place(checkout: Path) -> Place:
    place = Place(root=checkout, values={})
    place.log.mkdir(parents=True)
    return place


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an ordinary user reaches and may write to: the folders above tmp_path are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-open-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a piece of Python in a process of its own, with this checkout importable; as an ordinary user if asked."""

    def run(
        code: str, *words: str, ordinary_user: bool = False, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        drop = f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        # everything is imported before the rights are dropped: this Python may lie where others cannot read
        head = "import deploy.run, deploy.tandem.cli, pwd, tempfile\n"
        program = head + (drop if ordinary_user and os.geteuid() == 0 else "") + textwrap.dedent(code)
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )

    return run
