"""One supervisor per running job: starts the engine, beats, follows what is desired, ships events, publishes.

`python -m training.runner.supervisor JOB FENCE`, started by the dispatcher in a session of its own. Knows no torch.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

log = logging.getLogger("tandem.supervisor")

TICK_S = 0.2
BEAT_S = 5.0
PROGRESS_S = 1.0
ACCESS_S = 10.0
GRACE_S = 30.0
PUBLISH_WAIT_S = 600.0
FETCH_WAIT_S = 60.0
START_DIR = "start"


@dataclass
class Watch:
    """What the supervisor has seen of the engine so far."""

    offset: int = 0
    progress: dict[str, Any] = field(default_factory=dict)
    parameters: int = 0
    last: dict[str, Any] | None = None
    checkpoint_step: int | None = None
    changed: bool = False

    def take(self, event: dict[str, Any]) -> None:
        kind = event["e"]
        if kind in {"done", "stopped", "error"}:
            self.last = event
            if event.get("search"):  # the net of the best trial, and the settings that made it
                self.parameters = event["parameters"]
                self.progress |= {"search": event["search"]}
        elif kind in {"resume", "start"}:
            self.last = None  # an ending of an earlier attempt ends nothing now
            self.parameters = event.get("parameters", self.parameters)
        elif kind == "checkpoint":
            self.checkpoint_step = event["step"]
        elif kind == "phase":
            self.progress |= {"phase": event["phase"]}
        elif kind == "progress":
            keys = ("step", "steps", "epoch", "loss", "lr", "rate", "unit", "eta_s")
            self.progress |= {key: event.get(key) for key in keys} | {"phase": "train"}
        else:
            return
        self.changed = True


class Supervisor:
    """Runs one attempt to its end. All times in seconds."""

    def __init__(self, job_id: UUID, fence: int) -> None:
        from training.jobs.models import Job
        from training.runner.dispatch import run_dir

        self.job = Job.objects.select_related(
            "project", "dataset_version__dataset__project", "submitted_by", "runs_as", "start_version__model"
        ).get(pk=job_id, fence=fence)
        self.fence = fence
        self.dir = run_dir(job_id)
        self.watch = Watch()
        self.shutting_down = False
        self.access_lost = ""
        self.asked_at: float | None = None
        self.killed = False
        self.last_beat = time.monotonic()

    def run(self) -> None:
        from registry.tracking.writer import SupersededError
        from training.jobs import lifecycle
        from training.runner.ship import Shipper

        signal.signal(signal.SIGTERM, self._on_shutdown)
        signal.signal(signal.SIGINT, self._on_shutdown)
        ending = self._already_finished()
        shipper = Shipper(self.job, self.dir, from_offset=0 if ending else self.watch.offset)
        if ending is None:
            try:
                hindrance = self._hindrance()
            except SupersededError:
                log.warning("superseded; nothing more is written")
                return
            if hindrance is not None:
                lifecycle.end_attempt(job_id=self.job.pk, fence=self.fence, ending=hindrance)
                return
            engine = self._launch()
            shipper.start()
            if not self._follow(engine):
                engine.kill()
                log.warning("superseded; nothing more is written")
                return
            ending = self._ending(engine)
        else:
            lifecycle.mark_running(job_id=self.job.pk, fence=self.fence)
            shipper.start()
        self._finish(ending, shipper)
        shipper.stop()

    # --- before
    def _launch(self) -> Any:
        from training.jobs import lifecycle
        from training.runner import identity
        from training.runner.launcher import launch

        self._write_inputs()
        engine = launch(self.dir)
        lifecycle.note_engine(
            job_id=self.job.pk,
            fence=self.fence,
            pid=engine.pid,
            started=engine.started,
            boot_id=identity.boot_id(),
        )
        lifecycle.mark_running(job_id=self.job.pk, fence=self.fence)
        return engine

    def _write_inputs(self) -> None:
        from collab.kernel.blobs import blob_path
        from training.engine.contract import INPUTS_FILE, SPEC_FILE, InputData, Inputs, InputStart

        version, start = self.job.dataset_version, self.job.start_version
        package = InputStart(str(self.dir / START_DIR), start.manifest_sha256) if start else None
        goes_on = self.job.spec["model"].get("start") is not None  # or else it reads as the other does
        inputs = Inputs(
            v=1,
            job=str(self.job.pk),
            fence=self.fence,
            data=InputData(
                path=str(blob_path(version.sha256)), kind=version.kind, sha256=version.sha256, profile=version.profile
            ),
            resume=True,
            start=package if goes_on else None,
            tokenizer=None if goes_on else package,
        )
        for name, value in ((SPEC_FILE, self.job.spec), (INPUTS_FILE, inputs.to_json())):
            part = self.dir / f".{name}.part"
            part.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
            part.replace(self.dir / name)

    def _hindrance(self):  # type: ignore[no-untyped-def]
        """Why the engine is not to be started: access that was lost, a model to start from that cannot be had.

        Raises SupersededError when another attempt has taken the job over meanwhile.
        """
        from collab.kernel.errors import DomainError
        from registry.tracking.writer import SupersededError, TrackingError
        from training.jobs.lifecycle import Ending

        self._check_access()
        if self.access_lost:
            return Ending("access_lost", self.access_lost)
        try:
            self._fetch_start()
        except SupersededError:
            raise
        except (TrackingError, DomainError) as fault:
            log.warning("the model to start from: %s", fault)
            return Ending("start", str(fault) if isinstance(fault, DomainError) else "")
        return None

    def _fetch_start(self) -> None:
        """Bring the package of the model to go on from into the run folder, as it was registered; beat meanwhile.

        Raises TrackingError when MLflow does not give it, and InvalidError when it is not what was registered.
        """
        from concurrent.futures import ThreadPoolExecutor, wait

        from registry.tracking.writer import SupersededError
        from training.runner.publish import check_manifest

        version, folder = self.job.start_version, self.dir / START_DIR
        if version is None or folder.exists():
            return
        part = self.dir / f".{START_DIR}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        with ThreadPoolExecutor(1) as pool:
            fetching = pool.submit(self._copy, version.mlflow_model_id, part)
            while not wait([fetching], BEAT_S).done:
                if not self._beat():
                    raise SupersededError("another attempt holds the job")
            fetching.result()
        check_manifest(part, version.manifest)
        part.replace(folder)

    def _copy(self, model_id: str, into: Path) -> None:
        """Ask MLflow for the files, waiting a while when it does not answer; the last refusal is raised."""
        from registry.tracking.writer import TrackingUnavailable
        from training.runner.ship import writer_for

        deadline = time.monotonic() + FETCH_WAIT_S
        with writer_for(self.job) as writer:
            while True:
                try:
                    return writer.fetch_model(model_id, into)
                except TrackingUnavailable as fault:
                    if time.monotonic() + fault.retry_in_s > deadline:
                        raise
                    time.sleep(fault.retry_in_s)

    def _already_finished(self):  # type: ignore[no-untyped-def]
        """An earlier attempt trained to the end but could not publish: only that is left to do."""
        from training.engine.contract import EVENTS_FILE
        from training.jobs.lifecycle import Ending
        from training.runner.events import all_events

        for event in all_events(self.dir / EVENTS_FILE):
            self.watch.take(event)
        path = self.dir / EVENTS_FILE
        self.watch.offset = path.stat().st_size if path.exists() else 0
        if self.watch.last is not None and self.watch.last["e"] == "done":
            return Ending("", last_step=self.watch.last.get("step"))
        self.watch.last = None
        self.watch.checkpoint_step = None
        return None

    # --- while
    def _follow(self, engine: Any) -> bool:
        """Until the engine ends. False: another attempt holds the job, or we lost the database for too long."""
        next_beat = next_progress = 0.0
        next_access = time.monotonic() + ACCESS_S
        while True:
            code = engine.poll()
            self._read_events()
            now = time.monotonic()
            if code is not None or now >= next_beat or (self.watch.changed and now >= next_progress):
                if not self._beat():
                    return False
                next_beat, next_progress = now + BEAT_S, now + PROGRESS_S
            if code is not None:
                return True
            if now >= next_access:
                self._check_access()
                next_access = now + ACCESS_S
            self._press(engine, now)
            time.sleep(TICK_S)

    def _read_events(self) -> None:
        from training.engine.contract import EVENTS_FILE
        from training.runner.events import read_events

        events, self.watch.offset = read_events(self.dir / EVENTS_FILE, self.watch.offset)
        for event in events:
            self.watch.take(event)

    def _beat(self) -> bool:
        from django.conf import settings
        from django.db import Error

        from training.jobs import lifecycle

        try:
            step = self.watch.checkpoint_step
            if step is not None:
                lifecycle.note_checkpoint(job_id=self.job.pk, fence=self.fence, step=step)
                self.watch.checkpoint_step = None
            desired = lifecycle.beat(job_id=self.job.pk, fence=self.fence, progress=self.watch.progress)
        except Error:
            # The database is away: for others too. Past the lease somebody else may run, so we must not.
            log.exception("no heartbeat")
            return time.monotonic() - self.last_beat < settings.LEASE_S * 2 / 3
        if desired is None:
            return False
        self.last_beat = time.monotonic()
        self.watch.changed = False
        self.job.desired = desired
        return True

    def _check_access(self) -> None:
        """Terms, roles and data-use codes are asked again while it runs: what no longer holds stops it here."""
        from training.jobs.purposes import lost_by

        person = self.job.runs_as
        person.refresh_from_db()
        self.access_lost = " ".join(str(item.sentence) for item in lost_by(self.job, person))

    def _press(self, engine: Any, now: float) -> None:
        """Bring what is into line with what is desired: ask, then insist."""
        from training.jobs.states import Desired

        if self.job.desired == Desired.KILL and not self.killed:
            self.killed = True
            engine.kill()
            return
        if self.job.desired == Desired.RUN and not self.shutting_down and not self.access_lost:
            return
        if self.asked_at is None:
            self.asked_at = now
            engine.ask_to_stop()
        elif now - self.asked_at > GRACE_S and not self.killed:
            self.killed = True
            engine.kill()

    def _on_shutdown(self, signum: int, frame: Any) -> None:
        self.shutting_down = True

    # --- after
    def _ending(self, engine: Any):  # type: ignore[no-untyped-def]
        from training.jobs.lifecycle import Ending

        self._read_events()
        last = self.watch.last or {}
        reason, detail = "internal", ""
        if last.get("e") == "done":
            reason = ""
        elif last.get("e") == "error":
            reason, detail = last.get("code", "internal"), last.get("text", "")
        elif self.access_lost:
            reason, detail = "access_lost", self.access_lost
        elif self.shutting_down:
            reason = "shutdown"
        elif last.get("e") == "stopped" or self.killed:
            reason = "stopped_by_person"
        elif engine.lost:
            reason = "lost"
        elif engine.process.returncode == -signal.SIGKILL:
            reason = "oom" if _killed_for_memory(engine) else "internal"
        return Ending(
            reason,
            detail,
            exit_code=engine.process.returncode,
            peak_rss_bytes=engine.peak_rss_bytes or None,
            last_step=last.get("step") or self.watch.progress.get("step"),
        )

    def _finish(self, ending: Any, shipper: Any) -> None:
        from training.jobs import lifecycle

        version = None
        if ending.reason == "":
            version, ending = self._publish(ending, shipper)
            if ending is None:
                return
        if version is None:
            shipper.finish(20)
            kept = {"stopped_by_person", "killed_by_person", "shutdown", "access_lost", "limit_minutes"}
            _end_run(shipper, "KILLED" if ending.reason in kept else "FAILED")
        lifecycle.end_attempt(job_id=self.job.pk, fence=self.fence, ending=ending, done_with=version)

    def _publish(self, ending: Any, shipper: Any):  # type: ignore[no-untyped-def]
        """Register the version, waiting for MLflow while we hold the lease. (None, None): superseded."""
        from dataclasses import replace

        from collab.kernel.errors import DomainError
        from registry.tracking.writer import SupersededError, TrackingError, TrackingUnavailable
        from training.jobs import lifecycle
        from training.runner.publish import publish

        done = self.watch.last
        assert done is not None
        facts = {"metrics": done["metrics"], "baseline": done.get("baseline") or {}}
        deadline = time.monotonic() + PUBLISH_WAIT_S
        while True:
            progress = self.watch.progress | {"phase": "publish", "eta_s": None}
            if lifecycle.beat(job_id=self.job.pk, fence=self.fence, progress=progress, **facts) is None:
                return None, None
            try:
                if shipper.finish(BEAT_S) and shipper.writer is not None:
                    parameters = self.watch.parameters
                    version = publish(
                        job=self.job, run_dir=self.dir, done=done, writer=shipper.writer, parameters=parameters
                    )
                    _end_run(shipper, "FINISHED")
                    return version, ending
                if shipper.refusal:
                    return None, replace(ending, reason="publish", detail=shipper.refusal)
            except TrackingUnavailable as fault:
                log.warning("publishing waits: %s", fault)
            except SupersededError:
                return None, None
            except (TrackingError, DomainError, OSError, KeyError, ValueError) as fault:
                log.exception("publishing failed")
                return None, replace(
                    ending, reason="publish", detail=str(fault) if isinstance(fault, DomainError) else ""
                )
            if time.monotonic() > deadline or self.shutting_down:
                return None, replace(ending, reason="shutdown" if self.shutting_down else "publish")
            time.sleep(1)


def _end_run(shipper: Any, status: str) -> None:
    from registry.tracking.writer import TrackingError

    if shipper.writer is None:
        return
    try:
        shipper.writer.end_run(status)
    except TrackingError as fault:
        log.warning("the MLflow run stays open: %s", fault)


def _killed_for_memory(engine: Any) -> bool:
    """SIGKILL from outside while the machine had little memory left is the kernel's doing."""
    import psutil

    return psutil.virtual_memory().available < max(256 * 1024**2, engine.peak_rss_bytes // 10)


def main(argv: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    import django

    django.setup()
    logging.getLogger().setLevel(logging.INFO)
    from training.jobs.lifecycle import Ending, end_attempt

    job_id, fence = UUID(argv[0]), int(argv[1])
    try:
        Supervisor(job_id, fence).run()
    except Exception:  # whatever broke here must not leave the job waiting for its lease to run out
        log.exception("the supervisor broke")
        end_attempt(job_id=job_id, fence=fence, ending=Ending("internal"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
