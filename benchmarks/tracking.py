"""What the gate to MLflow costs: `python -m benchmarks.tracking [--json] [--seconds 5]`.

Starts the tracking process as `make run` does, on a data folder and port of its own, and measures: time until it
answers, its memory before and after the load, batches of 10 metrics per second for one and four writers, the same
batches given to MLflow without the gate, searches, and megabytes per second of a model file up and down.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
METRICS = 10
FILE_MIB = 64
START_WITHIN_S = 180


def main() -> int:
    """Measure and print a table, or JSON."""
    words = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    words.add_argument("--json", action="store_true")
    words.add_argument("--seconds", type=float, default=5.0, help="how long each rate is measured")
    order = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="tracking-") as folder:
        found = measure(Path(folder), order.seconds)
    if order.json:
        print(json.dumps(found))
        return 0
    for name, value in found.items():
        print(f"{name:<44} {value:>12}")
    return 0


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """All figures; the folder holds the databases and files."""
    port = free_port()
    os.environ.update(
        TANDEM_DATA_DIR=str(folder),
        TANDEM_TRACKING_PORT=str(port),
        DATABASE_URL="",
        MLFLOW_UPSTREAM="",
        MLFLOW_STORE_URI="",
        MLFLOW_ARTIFACTS="",
        DJANGO_SETTINGS_MODULE="config.settings.development",
    )
    token, slug = prepare()
    found: dict[str, Any] = {}
    began = time.monotonic()
    with tracking_process(folder, port) as (process, base):
        found["ready_s"] = round(time.monotonic() - began, 1)
        found["memory_idle_mib"] = memory_mib(process)
        url = f"{base}/mlflow/{slug}"
        session = client(token)
        experiment = session.post(f"{url}/api/2.0/mlflow/experiments/create", json={"name": "e"}).json()[
            "experiment_id"
        ]
        runs = [new_run(session, url, experiment) for _ in range(4)]
        found["log_batch_per_s_1_writer"] = rate(1, seconds, lambda n: writer(client(token), url, runs[n]))
        found["log_batch_per_s_4_writers"] = rate(4, seconds, lambda n: writer(client(token), url, runs[n]))
        found["search_per_s_1_reader"] = rate(1, seconds, lambda n: searcher(client(token), url, experiment))
        up, down = transfer(session, url, f"{experiment}/{runs[0]}/artifacts/model.safetensors")
        found["upload_mib_per_s"], found["download_mib_per_s"] = up, down
        found["memory_after_load_mib"] = memory_mib(process)
    found["log_batch_per_s_1_writer_without_gate"] = without_gate(slug, runs[0], seconds)
    return found


def prepare() -> tuple[str, str]:
    """Databases, one project and a token that may write into it; returns the token and the project's slug."""
    import django

    django.setup()
    from datetime import timedelta

    from django.core.management import call_command
    from django.utils import timezone

    from collab.access.roles import Role
    from collab.accounts.models import ApiToken, Membership, Organisation, User
    from collab.accounts.tokens import digest_of, new_secret
    from collab.projects.models import Project, ProjectParty
    from registry.tracking.setup import upgrade_store

    call_command("migrate", verbosity=0, skip_checks=True)
    upgrade_store()
    organisation = Organisation.objects.create(slug="uni", name="University", kind="university")
    person = User.objects.create_user("bench@example.org", None, name="Bench")
    project = Project.objects.create(slug="bench", title="Bench", created_by=person)
    ProjectParty.objects.create(project=project, organisation=organisation, role="lead")
    Membership.objects.create(user=person, organisation=organisation, project=project, role=Role.LEAD)
    secret = new_secret()
    ApiToken.objects.create(
        user=person,
        name="bench",
        hint=secret[:8],
        digest=digest_of(secret),
        scope="write",
        expires_at=timezone.now() + timedelta(hours=1),
    )
    return secret, project.slug


@contextmanager
def tracking_process(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The process of `make run`, ready; ended afterwards."""
    base = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "config.wsgi_tracking:application",
        "-c",
        "deploy/gunicorn_tracking.py",
    ]
    with (folder / "tracking.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_WITHIN_S
            while not answers(f"{base}/health/live"):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit((folder / "tracking.log").read_text()[-2000:])
                time.sleep(0.1)
            yield process, base
        finally:
            process.terminate()
            process.wait(60)


def answers(url: str) -> bool:
    """Whether the address answers 200 now."""
    import requests

    try:
        return requests.get(url, timeout=60).status_code == 200
    except requests.RequestException:
        return False


def memory_mib(process: subprocess.Popen[bytes]) -> float:
    """Proportional memory of the process and its workers: pages that are shared count once."""
    import psutil

    parent = psutil.Process(process.pid)
    return round(sum(one.memory_full_info().pss for one in [parent, *parent.children(recursive=True)]) / 2**20, 1)


def client(token: str) -> Any:
    """A session with the token and one kept connection."""
    import requests

    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def new_run(session: Any, url: str, experiment: str) -> str:
    """A run to write into."""
    return session.post(f"{url}/api/2.0/mlflow/runs/create", json={"experiment_id": experiment}).json()["run"]["info"][
        "run_id"
    ]


def batch(run: str, number: int) -> dict[str, Any]:
    """A batch of metrics, different each time."""
    now = 1_700_000_000_000 + number
    points = [{"key": f"m{k}", "value": number / 7, "timestamp": now, "step": number} for k in range(METRICS)]
    return {"run_id": run, "metrics": points}


def writer(session: Any, url: str, run: str) -> Callable[[int], None]:
    """One log-batch per call; steps differ between measurements because time moves on."""
    start = int(time.time() * 1000) % 10**9

    def once(number: int) -> None:
        session.post(f"{url}/api/2.0/mlflow/runs/log-batch", json=batch(run, start + number)).raise_for_status()

    return once


def searcher(session: Any, url: str, experiment: str) -> Callable[[int], None]:
    """One search of runs per call."""

    def once(number: int) -> None:
        session.post(
            f"{url}/api/2.0/mlflow/runs/search", json={"experiment_ids": [experiment], "max_results": 20}
        ).raise_for_status()

    return once


def rate(workers: int, seconds: float, make: Callable[[int], Callable[[int], None]]) -> float:
    """Calls per second of so many threads together."""
    counts, calls = [0] * workers, [make(number) for number in range(workers)]
    for call in calls:
        call(-1)  # MLflow compiles each kind of statement once
    deadline = time.monotonic() + seconds

    def work(number: int) -> None:
        while time.monotonic() < deadline:
            calls[number](counts[number])
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(sum(counts) / seconds, 1)


def transfer(session: Any, url: str, path: str) -> tuple[float, float]:
    """MiB per second of a safetensors file up and down, checked and streamed."""
    size = FILE_MIB * 2**20
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    data = struct.pack("<Q", len(header)) + header + bytes(size)
    address = f"{url}/api/2.0/mlflow-artifacts/artifacts/{path}"
    began = time.monotonic()
    session.put(address, data=data).raise_for_status()
    middle = time.monotonic()
    assert len(session.get(address).content) == len(data)
    return round(FILE_MIB / (middle - began), 1), round(FILE_MIB / (time.monotonic() - middle), 1)


def without_gate(slug: str, run: str, seconds: float) -> float:
    """The same batches given straight to MLflow's application: what the gate and HTTP add is the difference."""
    from io import BytesIO

    from registry.tracking.upstream import Question, upstream

    behind = upstream()
    start = int(time.time() * 1000) % 10**9

    def once(number: int) -> None:
        body = json.dumps(batch(run, start + number)).encode()
        path, headers = "/api/2.0/mlflow/runs/log-batch", {"Content-Type": "application/json"}
        answer = behind.ask(Question("POST", path, slug, "", headers, BytesIO(body), len(body)))
        assert answer.status == 200, answer.read()
        answer.close()

    once(0)
    return rate(1, seconds, lambda number: lambda n: once(n + 1))


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
