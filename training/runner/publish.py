"""From a finished run to a registered version: files to MLflow, then our row with lineage. Safe to repeat."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from collab.kernel.errors import InvalidError
from registry.catalog.models import ModelVersion
from registry.catalog.services import TrainedModel, register_version
from registry.tracking.writer import RunWriter
from training.engine.contract import PACKAGE_DIR
from training.jobs.models import Job

CARD, MANIFEST = "README.md", "MANIFEST.json"


def publish(*, job: Job, run_dir: Path, done: dict[str, Any], writer: RunWriter, parameters: int) -> ModelVersion:
    """Log the package as an MLflow LoggedModel with a registered version, and register ours.

    `done` is the engine's last event. Raises TrackingUnavailable when MLflow cannot be reached (try again later) and
    InvalidError when the package does not match its manifest.
    """
    package = run_dir / (done.get("package") or PACKAGE_DIR)
    manifest_bytes = (package / MANIFEST).read_bytes()
    files = check_manifest(package, json.loads(manifest_bytes))
    metrics = {key: float(value) for key, value in done["metrics"].items()}
    name = _mlflow_name(job)
    logged = writer.log_model(package, name=name, registered_name=name, metrics=metrics, step=int(done["step"]))
    trained = TrainedModel(
        task=job.task,
        architecture=job.spec["model"]["arch"],
        parameters=parameters,
        metrics=metrics,
        primary_metric=_primary(done),
        baseline=done.get("baseline") or {},
        card=(package / CARD).read_text(encoding="utf-8"),
        manifest={"files": files},
        manifest_sha256=hashlib.sha256(manifest_bytes).hexdigest(),
        size_bytes=sum(file["size_bytes"] for file in files.values()),
        mlflow_run_id=logged.run_id,
        mlflow_model_id=logged.model_id,
        mlflow_version=str(logged.version),
        dataset_versions=[job.dataset_version],
        terms=list(job.terms.all()),
        started_from=job.start_version,
    )
    return register_version(project=job.project, name=job.name, trained=trained, job_id=job.pk, by=job.submitted_by)


def check_manifest(package: Path, manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The files of the package by name, each re-hashed; raises InvalidError when one is not what the manifest says."""
    files = manifest["files"]
    for name, facts in files.items():
        path = package / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
            raise InvalidError(f"The file {name} of the package is not what its manifest says.")
    return files


def _primary(done: dict[str, Any]) -> str:
    primary = done.get("primary") or ""
    return primary if primary.startswith("test/") or not primary else f"test/{primary}"


def _mlflow_name(job: Job) -> str:
    """MLflow's name for the model: an id of ours, because MLflow takes names that we do not."""
    return f"m-{hashlib.sha256(f'{job.project_id}/{job.name}'.encode()).hexdigest()[:16]}"
