"""How long the first and the second `make run` take, and how much memory each process: `python -m benchmarks.startup`.

Clones this checkout's last commit into a temporary folder and runs `make run ONCE=1 JSON=1` there twice, on ports of
its own. The first run makes the environment (from the installer's cache, when it has one), the databases and the
models; the second must only start. Memory is the largest resident size of a process of that role.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WITHIN_S = 1800


def main() -> int:
    """Measure and print a table, or JSON."""
    words = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    words.add_argument("--json", action="store_true")
    order = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="startup-") as folder:
        clone = Path(folder) / "tandem"
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
        environment = clean_environment()
        installed_s = timed(["make", "setup"], clone, environment)
        first, second = run(clone, environment), run(clone, environment)
    found = {
        "install_s": installed_s,
        "first_ready_s": round(installed_s + first["ready_s"], 1),
        "first_main_job_s": first["main_job_s"],
        "first_total_s": round(installed_s + first["total_s"], 1),
        "second_ready_s": second["ready_s"],
        "second_total_s": second["total_s"],
        "peak_mib": {role: max(size, second["peak_mib"].get(role, 0)) for role, size in first["peak_mib"].items()},
        "models": [
            {key: model[key] for key in ("name", "seconds", "rate", "unit", "metrics")} for model in first["models"]
        ],
    }
    print(json.dumps(found, indent=1) if order.json else table(found))
    return 0


def clean_environment() -> dict[str, str]:
    """This environment without what would point the clone at this checkout's data, and with free ports."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "MAKE", "DJANGO_"))}
    for name in ("VIRTUAL_ENV", "DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "ONLY", "MFLAGS"):
        kept.pop(name, None)
    return kept | {"TANDEM_WEB_PORT": str(free_port()), "TANDEM_TRACKING_PORT": str(free_port())}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def timed(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    began = time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=WITHIN_S)
    return round(time.monotonic() - began, 1)


def run(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """The facts that `make run ONCE=1 JSON=1` prints as its last line."""
    answer = subprocess.run(
        ["make", "run", "ONCE=1", "JSON=1"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=WITHIN_S,
    )
    facts: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return facts


def table(found: dict[str, Any]) -> str:
    rows = [
        ("first make run: packages installed after", f"{found['install_s']:.1f} s"),
        ("first make run: ready to serve after", f"{found['first_ready_s']:.1f} s"),
        ("first make run: both models trained and registered in", f"{found['first_main_job_s']:.1f} s"),
        ("first make run: everything, and stopped, after", f"{found['first_total_s']:.1f} s"),
        ("second make run: ready to serve after", f"{found['second_ready_s']:.1f} s"),
        *((f"peak memory of {role}", f"{size:,.0f} MiB") for role, size in found["peak_mib"].items()),
        *(
            (f"{m['name']}: trained in", f"{m['seconds']:.1f} s, {m['rate']:,.0f} {m['unit']}/s")
            for m in found["models"]
        ),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


if __name__ == "__main__":
    sys.exit(main())
