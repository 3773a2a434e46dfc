"""Shipping events to MLflow, beside the training: an outage delays curves, never a step.

The events file is the spool and the offset in the job's row the bookmark. Metrics keep the time of their event, so a
batch that is sent twice is stored once.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from registry.tracking.writer import Metric, RunWriter, TrackingUnavailable

from registry.tracking import job_token
from training.engine.contract import EVENTS_FILE
from training.jobs.lifecycle import beat
from training.jobs.models import Job
from training.runner.events import read_events

log = logging.getLogger("tandem.ship")
EVERY_S = 3.0
BACK_OFF_MAX_S = 60.0
BATCH = 500


class Superseded(Exception):
    """Another attempt has taken the job over."""


class Shipper(threading.Thread):
    """One thread of the supervisor. `finish()` waits until everything in the file has arrived."""

    def __init__(self, job: Job, run_dir: Path) -> None:
        super().__init__(name=f"ship-{job.pk}", daemon=True)
        self.job, self.path = job, run_dir / EVENTS_FILE
        self.offset = job.shipped_bytes
        self.run_id = job.mlflow_run_id
        self.writer: RunWriter | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._idle = threading.Condition()
        self._caught_up = False

    def run(self) -> None:
        wait_s = EVERY_S
        try:
            while not self._stop.is_set():
                try:
                    self._ship()
                    wait_s = EVERY_S
                except TrackingUnavailable as fault:
                    wait_s = min(BACK_OFF_MAX_S, wait_s * 2)
                    log.warning("tracking is away, next try in %.0f s: %s", wait_s, fault)
                except Superseded:
                    return
                self._wake.wait(wait_s)
                self._wake.clear()
        finally:
            connection.close()

    def finish(self, timeout_s: float) -> bool:
        """Ship what is left; False when tracking did not come back in time."""
        with self._idle:
            self._caught_up = False
        self._wake.set()
        with self._idle:
            return self._idle.wait_for(lambda: self._caught_up or not self.is_alive(), timeout_s) and self._caught_up

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()

    def _ship(self) -> None:
        writer = self.open_run()
        while True:
            events, after = read_events(self.path, self.offset)
            batch = metrics_of(events)
            for start in range(0, len(batch), BATCH):
                writer.log_metrics(batch[start : start + BATCH])
            if after == self.offset:
                break
            self.offset = after
            if beat(job_id=self.job.pk, fence=self.job.fence, shipped_bytes=after) is None:
                raise Superseded
        with self._idle:
            self._caught_up = True
            self._idle.notify_all()

    def open_run(self) -> RunWriter:
        """The MLflow run of this job, begun or found again."""
        if self.writer is not None:
            return self.writer
        job = self.job
        token = job_token.issue(job_id=str(job.pk), project=job.project.slug, fence=job.fence, ttl_s=7 * 86_400)
        writer = RunWriter(f"{settings.TRACKING_URL}/mlflow/{job.project.slug}", token)
        version = job.dataset_version
        self.run_id = writer.start_run(
            experiment=job.task,
            run_name=job.name,
            job_id=str(job.pk),
            tags={
                "tandem.job": str(job.pk),
                "tandem.spec_sha256": job.spec_sha256,
                "tandem.submitted_by": str(job.submitted_by_id),
            },
            params=flatten(job.spec),
        )
        writer.log_dataset(
            name=f"{version.dataset.name} v{version.number}",
            digest=version.sha256[:32],
            source=f"{settings.BASE_URL}{version.get_absolute_url()}",
            profile={"rows": version.rows, "bytes": version.size_bytes, "kind": version.kind},
        )
        if beat(job_id=job.pk, fence=job.fence, mlflow_run_id=self.run_id) is None:
            raise Superseded
        self.writer = writer
        return writer


def metrics_of(events: list[dict[str, Any]]) -> list[Metric]:
    """What of the events belongs into MLflow's metric history."""
    rows: list[Metric] = []
    for event in events:
        at_ms, step = int(event["t"] * 1000), int(event.get("step") or 0)
        if event["e"] == "metric":
            rows += [Metric(key, float(value), step, at_ms) for key, value in event["values"].items()]
        elif event["e"] == "progress":
            for key, name in (("loss", "train/loss"), ("rate", "system/rate"), ("lr", "train/lr")):
                if event.get(key) is not None:
                    rows.append(Metric(name, float(event[key]), step, at_ms))
        elif event["e"] == "done":
            rows += [Metric(key, float(value), step, at_ms) for key, value in event["metrics"].items()]
            baseline = (event.get("baseline") or {}).get("metrics") or {}
            rows += [Metric(f"baseline/{key}", float(value), step, at_ms) for key, value in baseline.items()]
    return rows


def flatten(spec: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as `train.lr`-like params; what is not set is left out."""
    flat: dict[str, str] = {}
    for key, value in spec.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= flatten(value, f"{name}.")
        elif value is not None:
            flat[name] = str(value)
    return flat
