"""How soon a submitted job learns: `python -m benchmarks.starting [--json] [--rounds 5]`.

A worker and a tracking process run on a data folder of their own with the demo's project. Jobs of a small language
model are submitted one after the other through the product, with engine and supervisor kept warm and without; measured
is the time until the loss of the first step stands in the events of the run. Beside them, in the same run: the usual
script, which imports torch and transformers and makes one step.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.engine_loop import USUAL
from benchmarks.tracking import free_port, tracking_process

ROOT = Path(__file__).resolve().parent.parent

WITHIN_S = 120


def main() -> int:
    """Measure and print a table, or JSON."""
    words = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    words.add_argument("--json", action="store_true")
    words.add_argument("--rounds", type=int, default=5)
    order = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="starting-") as folder:
        found = measure(Path(folder), order.rounds)
    if order.json:
        print(json.dumps(found))
        return 0
    for name, value in found.items():
        print(f"{name:<52} {value:>8}")
    return 0


def measure(folder: Path, rounds: int) -> dict[str, float]:
    """Medians in seconds; the folder holds the databases and files."""
    port = free_port()
    os.environ.update(
        TANDEM_DATA_DIR=str(folder),
        TANDEM_TRACKING_PORT=str(port),
        TANDEM_TRACKING_URL=f"http://127.0.0.1:{port}",
        DATABASE_URL="",
        CELERY_BROKER_URL="filesystem://",
        MLFLOW_UPSTREAM="",
        MLFLOW_STORE_URI="",
        MLFLOW_ARTIFACTS="",
        DJANGO_SETTINGS_MODULE="config.settings.development",
    )
    import django

    django.setup()
    from django.core.management import call_command

    with (folder / "setup.log").open("w") as said:
        call_command("setup", stdout=said)
    times: dict[str, list[float]] = {"usual script": [], "submitted, cold": [], "submitted, warm": []}
    with tracking_process(folder, port):
        for _ in range(rounds):
            began = time.monotonic()
            subprocess.run([sys.executable, "-c", USUAL], check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
            times["usual script"].append(time.monotonic() - began)
        for name, setting in (("submitted, cold", "off"), ("submitted, warm", "torch")):
            with worker(folder, setting):
                for number in range(rounds):
                    times[name].append(first_step(f"{name} {number}"))
    found = {f"{name}: s to the first step": round(statistics.median(each), 2) for name, each in times.items()}
    usual, cold, warm = (statistics.median(each) for each in times.values())
    return found | {
        "warm: times sooner than the usual script": round(usual / warm, 1),
        "warm: times sooner than cold": round(cold / warm, 1),
    }


@contextmanager
def worker(folder: Path, warm: str) -> Iterator[None]:
    """A worker as `make run` starts it, once it takes tasks and has loaded what it is to keep."""
    from training.engine.contract import answers
    from training.runner import pool

    ready = folder / "worker.ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-B", "-P", "threads", "-c", "4"]
    command += ["-s", str(folder / "celerybeat-schedule"), "--without-mingle", "--without-gossip"]
    with (folder / f"worker-{warm}.log").open("wb") as log:
        env = os.environ | {"TANDEM_WARM_ENGINE": warm}
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        until(ready.exists)
        for kept in (pool.ENGINE, pool.SUPERVISOR) if warm != "off" else ():
            until(lambda kept=kept: answers(kept.address(), kept.code()))
        yield
    finally:
        process.terminate()
        process.wait(WITHIN_S)
        for kept in (pool.ENGINE, pool.SUPERVISOR):
            until(lambda kept=kept: not answers(kept.address(), kept.code()))


def first_step(name: str) -> float:
    """Seconds from the submission of a small job until it has learnt once; then the job is ended."""
    from training.engine.contract import EVENTS_FILE
    from training.jobs.services import stop_job, submit_job
    from training.runner.dispatch import run_dir

    project, version, lead = scene()
    spec = small_spec(version)
    began = time.monotonic()
    job = submit_job(project=project, name=name, spec=spec, by=lead)
    events = run_dir(job.pk) / EVENTS_FILE
    until(lambda: events.exists() and '"e":"metric"' in events.read_text())
    took = time.monotonic() - began
    job.refresh_from_db()
    stop_job(job=job, by=lead, kill=True)
    until(lambda: _ended(job))
    return took


def _ended(job: Any) -> bool:
    job.refresh_from_db()
    return job.state in {"stopped", "done", "failed"}


_scene: list[Any] = []


def scene() -> tuple[Any, Any, Any]:
    """The demo's project with a text of its own, and who leads it."""
    if not _scene:
        from pydoc_data.topics import topics

        from django.core.files.uploadedfile import TemporaryUploadedFile

        from collab.accounts.models import User
        from collab.projects.models import Project
        from registry.datasets.services import add_version, create_dataset
        from training.demo import LEAD_EMAIL, PROJECT_SLUG

        project, lead = Project.objects.get(slug=PROJECT_SLUG), User.objects.get(email=LEAD_EMAIL)
        text = "\n\n".join(topics[key] for key in sorted(topics))[:100_000]
        dataset = create_dataset(project=project, name="Text for the start", by=lead)
        file = TemporaryUploadedFile("text.txt", "text/plain", len(text.encode()), "utf-8")
        file.write(text.encode())
        file.seek(0)
        version = add_version(dataset=dataset, file=file, by=lead)
        _scene.extend((project, version, lead))
    project, version, lead = _scene
    return project, version, lead


def small_spec(version: Any) -> dict[str, Any]:
    """The language model of 0.8 M parameters that the other benchmarks train."""
    from training.engine.contract import Spec, default_spec

    spec = default_spec("causal-lm", version.profile, str(version.pk)).to_json()
    spec["tokenizer"] = {"kind": "char"}
    spec["model"] |= {"layers": 4, "heads": 4, "width": 128, "context": 64}
    spec["train"] |= {"max_steps": 4000, "epochs": None, "batch": 12}
    return Spec.from_json(spec).to_json()


def until(reached: Any) -> None:
    end = time.monotonic() + WITHIN_S
    while not reached():
        if time.monotonic() > end:
            raise SystemExit("it did not begin")
        time.sleep(0.005)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
