"""Shipping events to MLflow, beside the training: an outage delays curves, never a step.

The events file is the spool. Every attempt has its own MLflow run and ships the history it builds on first, so the last
attempt's run holds the whole curve, each step once. Metrics keep the time of their event: sending twice stores once.
"""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from registry.tracking import job_token
from registry.tracking.writer import Metric, RunWriter, SupersededError, TrackingError, TrackingUnavailable
from training.engine.contract import EVENTS_FILE
from training.jobs.lifecycle import beat
from training.jobs.models import Job
from training.runner.events import all_events, read_events, without_superseded

log = logging.getLogger("tandem.ship")
EVERY_S = 2.0
TOKEN_S = 3600


def writer_for(job: Job) -> RunWriter:
    """A writer with the rights of this attempt of the job."""

    def token() -> str:
        return job_token.issue(job_id=str(job.pk), project=job.project.slug, fence=job.fence, ttl_s=TOKEN_S)

    return RunWriter(f"{settings.TRACKING_URL}/mlflow/{job.project.slug}", token)


class Shipper(threading.Thread):
    """One thread of the supervisor. `finish()` waits until everything in the file has arrived.

    `from_offset` is where this attempt's own events begin; what stands before is history of earlier attempts.
    """

    def __init__(self, job: Job, run_dir: Path, *, from_offset: int) -> None:
        super().__init__(name=f"ship-{job.pk}", daemon=True)
        self.job, self.path = job, run_dir / EVENTS_FILE
        self.history_end = self.offset = from_offset
        self.history_sent = from_offset == 0
        self.writer: RunWriter | None = None
        self.refusal = ""
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._arrived = threading.Condition()
        self._caught_up = False

    def run(self) -> None:
        wait_s = EVERY_S
        try:
            while not self._stopping.is_set():
                try:
                    self._ship()
                    wait_s = EVERY_S
                except TrackingUnavailable as fault:
                    wait_s = fault.retry_in_s
                    log.warning("%s", fault)
                except SupersededError:
                    return
                except TrackingError as fault:
                    self.refusal = str(fault)
                    log.error("tracking refused: %s", fault)
                    return
                self._wake.wait(wait_s)
                self._wake.clear()
        finally:
            connection.close()
            with self._arrived:
                self._arrived.notify_all()

    def finish(self, timeout_s: float) -> bool:
        """Ship what is left; False when tracking did not take it in time."""
        with self._arrived:
            self._caught_up = False
        self._wake.set()
        with self._arrived:
            self._arrived.wait_for(lambda: self._caught_up or not self.is_alive(), timeout_s)
            return self._caught_up

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        self.join(5)

    def _ship(self) -> None:
        writer = self.writer or self._open_run()
        while True:
            events, after = read_events(self.path, self.offset)
            if after == self.offset:
                break
            if not self.history_sent:
                self._ship_history(writer, resumed_at(events))
            writer.log_metrics(points_of(events))
            self.offset = after
        with self._arrived:
            self._caught_up = True
            self._arrived.notify_all()

    def _ship_history(self, writer: RunWriter, step: int | None) -> None:
        if step is not None:
            earlier = without_superseded([*all_events(self.path, end=self.history_end), {"e": "resume", "step": step}])
            writer.log_metrics(points_of(earlier))
        self.history_sent = True

    def _open_run(self) -> RunWriter:
        """This attempt's MLflow run, begun or found again."""
        job, version = self.job, self.job.dataset_version
        writer = writer_for(job)
        run_id = writer.start_run(
            experiment=job.task,
            run_name=job.name,
            job_id=str(job.pk),
            fence=job.fence,
            tags={
                "tandem.spec_sha256": job.spec_sha256,
                "tandem.submitted_by": str(job.submitted_by_id),
                "tandem.purpose": json.dumps(job.purpose, ensure_ascii=False, sort_keys=True),
            },
            params=flatten(job.spec),
        )
        writer.end_earlier_runs()
        writer.log_dataset(
            name=f"{version.dataset.name} v{version.number}",
            digest=version.sha256[:32],
            source=f"{settings.BASE_URL}{version.get_absolute_url()}",
            profile={"rows": version.rows, "bytes": version.size_bytes, "kind": version.kind},
        )
        if beat(job_id=job.pk, fence=job.fence, mlflow_run_id=run_id) is None:
            raise SupersededError
        self.writer = writer
        return writer


def resumed_at(events: list[dict[str, Any]]) -> int | None:
    """The step an attempt goes on from, or None: it began anew, and may have gone back to a checkpoint of its own."""
    first = next((event for event in events if event["e"] in {"resume", "start"}), None)
    return first["step"] if first is not None and first["e"] == "resume" else None


def points_of(events: list[dict[str, Any]]) -> list[Metric]:
    """What of the events belongs into MLflow's metric history."""
    points: list[Metric] = []
    for event in events:
        at_ms, step = int(event.get("t", 0) * 1000), int(event.get("step") or 0)
        if event["e"] == "metric":
            points += [Metric(key, float(value), step, at_ms) for key, value in event["values"].items()]
        elif event["e"] == "progress":
            for key, name in (("rate", "system/rate"), ("lr", "train/lr")):
                if event.get(key) is not None:
                    points.append(Metric(name, float(event[key]), step, at_ms))
        elif event["e"] == "done":
            points += [Metric(key, float(value), step, at_ms) for key, value in event["metrics"].items()]
            baseline = (event.get("baseline") or {}).get("metrics") or {}
            points += [Metric(f"baseline/{key}", float(value), step, at_ms) for key, value in baseline.items()]
    return points


def flatten(spec: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as params named like `train.lr`; what is not set is left out."""
    flat: dict[str, str] = {}
    for key, value in spec.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= flatten(value, f"{name}.")
        elif value is not None:
            flat[name] = str(value)
    return flat
