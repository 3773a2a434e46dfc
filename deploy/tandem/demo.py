"""The main job as a story on real data, told through the REST API: upload, validated version, job, registered model.

What an earlier run already did is found and not done again; a job that was interrupted is followed to its end.
"""

import hashlib
import math
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.tandem import demo_data, say
from deploy.tandem.client import ApiError, Client, rows
from deploy.tandem.say import Trouble

ENDED = {"done", "failed", "stopped"}
GOING = {"waiting", "queued", "starting", "running", "stopping", "paused", "lost"}
STALLED_AFTER_S = 300.0


@dataclass(frozen=True)
class Chapter:
    """One model of the story."""

    key: str
    job: str  # its name in the product
    task: str
    dataset: str
    description: str
    file: str
    content_type: str
    metrics: tuple[str, ...]  # which test metrics tell most, first one first


STORY = (
    Chapter(
        key="language",
        job="Small GPT on the Python language reference",
        task="causal-lm",
        dataset="Python language reference",
        description="The language reference that ships with CPython: about 0.5 MB of technical English.",
        file=demo_data.TEXT,
        content_type="text/plain",
        metrics=("perplexity", "bits_per_byte", "loss"),
    ),
    Chapter(
        key="digits",
        job="Handwritten digit classifier",
        task="image-classification",
        dataset="Handwritten digits",
        description="1,797 scans of handwritten digits, 8x8 grey pixels, ten classes.",
        file=demo_data.DIGITS,
        content_type="application/zip",
        metrics=("accuracy", "f1_macro", "macro_f1", "f1", "loss"),
    ),
)


@dataclass
class Outcome:
    """What a chapter has led to."""

    chapter: Chapter
    job: dict[str, Any]
    fresh: bool  # trained by this run, rather than found
    seconds: float = 0.0
    best_rate: float = 0.0
    unit: str = ""
    compared: list[tuple[str, float, float | None]] = field(default_factory=list)  # metric, test, baseline

    def as_dict(self) -> dict[str, Any]:
        version = self.job.get("model_version") or {}
        return {
            "key": self.chapter.key,
            "name": self.chapter.job,
            "task": self.chapter.task,
            "dataset": self.chapter.dataset,
            "job": self.job.get("id"),
            "state": self.job.get("state"),
            "trained_now": self.fresh,
            "seconds": round(self.seconds, 1),
            "rate": round(self.best_rate, 1),
            "unit": self.unit,
            "metrics": self.job.get("metrics") or {},
            "baseline": self.job.get("baseline") or {},
            "baseline_name": self.job.get("baseline_name") or "",
            "mlflow_run": self.job.get("mlflow_run_id"),
            "model_version": version or None,
        }


Watch = Callable[[], None]


def tell_story(
    client: Client, *, project: str, inputs: Path, again: bool, watch: Watch, story: tuple[Chapter, ...] = STORY
) -> list[Outcome]:
    """Each chapter in turn; `watch` is called while waiting and may raise. Raises Trouble when a chapter fails."""
    outcomes = []
    for chapter in story:
        file = inputs / chapter.file
        outcome = None if again else find_done(client, project, chapter, file)
        if outcome:
            say.note(f"  {chapter.key:<12} trained already by an earlier run")
        else:
            outcome = train(client, project, chapter, file, again=again, watch=watch)
        outcome.compared = compare(outcome.job, chapter.metrics)
        outcomes.append(outcome)
    return outcomes


def find_done(client: Client, project: str, chapter: Chapter, file: Path) -> Outcome | None:
    """The newest finished job of this chapter, if the same bytes are still the dataset's."""
    dataset = find_dataset(client, project, chapter)
    if dataset is None or find_version(client, dataset, sha256(file)) is None:
        return None
    jobs = find_jobs(client, project, chapter, {"done"})
    if not jobs:
        return None
    job = client.get(f"/api/v1/jobs/{jobs[0]['id']}/")
    return Outcome(chapter, job, fresh=False) if job.get("model_version") else None


def train(client: Client, project: str, chapter: Chapter, file: Path, *, again: bool, watch: Watch) -> Outcome:
    began = time.monotonic()
    unfinished = [] if again else find_jobs(client, project, chapter, GOING)
    if unfinished:
        job = unfinished[0]
        say.note(f"  {chapter.key:<12} an earlier run began this; following it")
    else:
        version = ready_version(client, project, chapter, file, watch)
        say.done(chapter.key, f"{chapter.dataset}: {describe(version)}", began)
        spec = client.get("/api/v1/specs/default/", dataset_version=version["id"], task=chapter.task)
        body = {"project": project, "name": chapter.job, "spec": spec.get("spec", spec)}
        job = client.post("/api/v1/jobs/", body, key=str(uuid.uuid4()))
    outcome = follow(client, chapter, job, watch)
    outcome.seconds = time.monotonic() - began
    return outcome


# finding what is there


def find_dataset(client: Client, project: str, chapter: Chapter) -> dict[str, Any] | None:
    found = rows(client.get("/api/v1/datasets/", project=project, page_size=100))
    return next((row for row in found if row.get("name") == chapter.dataset), None)


def find_version(client: Client, dataset: Mapping[str, Any], digest: str) -> dict[str, Any] | None:
    found = rows(client.get(f"/api/v1/datasets/{dataset['id']}/versions/"))
    return next((row for row in found if row.get("sha256") == digest and row.get("state") == "ready"), None)


def find_jobs(client: Client, project: str, chapter: Chapter, states: set[str]) -> list[dict[str, Any]]:
    """This chapter's jobs in one of the states, newest first."""
    found = rows(client.get("/api/v1/jobs/", project=project, name=chapter.job, page_size=100))
    found = [row for row in found if row.get("name") == chapter.job and row.get("state") in states]
    return sorted(found, key=lambda row: str(row.get("created_at", "")), reverse=True)


def ready_version(client: Client, project: str, chapter: Chapter, file: Path, watch: Watch) -> dict[str, Any]:
    """The dataset's version with these bytes: found, or uploaded and validated."""
    dataset = find_dataset(client, project, chapter)
    if dataset is None:
        body = {"project": project, "name": chapter.dataset, "description": chapter.description}
        dataset = client.post("/api/v1/datasets/", body, key=str(uuid.uuid4()))
    versions = f"/api/v1/datasets/{dataset['id']}/versions/"
    version = find_version(client, dataset, sha256(file))
    if version is None:
        version = client.upload(versions, file, content_type=chapter.content_type)
    deadline = time.monotonic() + STALLED_AFTER_S
    while version["state"] not in {"ready", "rejected"}:
        watch()
        if time.monotonic() > deadline:
            raise Trouble(f"The upload of {file.name} was not validated in time.", "see var/log/worker.log")
        say.line.show(f"  {chapter.key:<12} {version['state']} {file.name}")
        time.sleep(0.2)
        version = next(row for row in rows(client.get(versions)) if row["id"] == version["id"])
    if version["state"] == "rejected":
        raise Trouble(f"The demo's file {file.name} was refused: {version.get('reason', 'no reason given')}")
    return version


def describe(version: Mapping[str, Any]) -> str:
    size = version.get("size_bytes")
    return f"version {version.get('number', '?')} is ready" + (f", {size / 1e6:.2f} MB" if size else "")


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


# following a job


def follow(client: Client, chapter: Chapter, job: dict[str, Any], watch: Watch) -> Outcome:
    """Show a job's progress until it ends. Raises Trouble unless it is done."""
    outcome = Outcome(chapter, job, fresh=True)
    last, changed = None, time.monotonic()
    say.line.restart()
    while True:
        watch()
        job = client.get(f"/api/v1/jobs/{job['id']}/")
        progress = job.get("progress") or {}
        outcome.best_rate = max(outcome.best_rate, number(progress.get("rate")) or 0.0)
        outcome.unit = progress.get("unit") or outcome.unit
        say.line.show(picture(chapter.key, job))  # also how a job ended that was over between two looks
        if job["state"] in ENDED:
            break
        seen = (job["state"], progress.get("phase"), progress.get("step"))
        if seen != last:
            last, changed = seen, time.monotonic()
        elif time.monotonic() - changed > STALLED_AFTER_S:
            raise Trouble(
                f"'{chapter.job}' has been {job['state']} for {STALLED_AFTER_S / 60:.0f} minutes without a step.",
                f"look at its page ({client.base_url}) and at worker.log in the log folder",
            )
        time.sleep(0.5)
    outcome.job = job
    if job["state"] != "done":
        reason = job.get("reason_text") or job.get("reason") or "no reason given"
        raise Trouble(f"The job '{chapter.job}' ended as {job['state']}: {reason}.", f"see {client.base_url}")
    say.done(chapter.key, "trained, measured and registered")
    return outcome


def picture(name: str, job: Mapping[str, Any], cells: int = 24) -> str:
    """language     training  ██████░░░░  61 %  step 305/500  loss 3.214  18,204 tokens/s  0:12 left"""
    progress = job.get("progress") or {}
    words = [f"  {name:<12} {progress.get('phase') or job['state']:<10}"]
    step, steps = number(progress.get("step")), number(progress.get("steps"))
    if step is not None and steps:
        share = min(1.0, max(0.0, step / steps))
        full = int(share * cells)
        words.append(f"{'█' * full}{'░' * (cells - full)} {share:4.0%}  step {step:,.0f}/{steps:,.0f}")
    if (loss := number(progress.get("loss"))) is not None:
        words.append(f"loss {loss:.3f}")
    if rate := number(progress.get("rate")):
        words.append(f"{rate:,.0f} {progress.get('unit') or 'examples'}/s")
    if (left := number(progress.get("eta_s"))) is not None:
        words.append(f"{say.clock(left)} left")
    return "  ".join(words).rstrip()


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def compare(job: Mapping[str, Any], preferred: tuple[str, ...]) -> list[tuple[str, float, float | None]]:
    """The telling test metrics beside the trivial baseline's, most telling first; at most two."""
    test, baseline = flat(job.get("metrics") or {}), flat(job.get("baseline") or {})
    names = [name for name in preferred if name in test] or sorted(test)
    return [(name, test[name], baseline.get(name)) for name in names[:2]]


def flat(metrics: Mapping[str, Any]) -> dict[str, float]:
    """`test/accuracy`, `test_accuracy` and `accuracy` are the same test metric; others keep their names."""
    found = {}
    for name, value in metrics.items():
        plain = name.removeprefix("test/").removeprefix("test_").removeprefix("test.")
        if (figure := number(value)) is not None:
            found[plain] = figure
    return found


__all__ = ["STORY", "ApiError", "Chapter", "Outcome", "tell_story"]
