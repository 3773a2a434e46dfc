"""Verbs on registered models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.audit.services import record
from collab.kernel.errors import InvalidError, StaleError
from collab.projects.models import Project
from registry.catalog.models import ModelMetric, ModelVersion, RegisteredModel
from registry.datasets.models import DatasetVersion


@dataclass(frozen=True)
class TrainedModel:
    """What a finished job hands over for registration."""

    task: str
    architecture: str
    parameters: int
    metrics: dict[str, float]
    primary_metric: str
    baseline: dict[str, Any]
    card: str
    manifest: dict[str, Any]
    manifest_sha256: str
    size_bytes: int
    mlflow_run_id: str = ""
    mlflow_model_id: str = ""
    mlflow_version: str = ""
    dataset_versions: Sequence[DatasetVersion] = field(default_factory=tuple)
    terms: Sequence[AgreementVersion] = field(default_factory=tuple)
    started_from: ModelVersion | None = None


@transaction.atomic
def register_version(*, project: Project, name: str, trained: TrainedModel, job_id: UUID, by: User) -> ModelVersion:
    """Add the next version of the model `name`; the same job registers once, however often it is asked.

    `by` is the person who submitted the job; whether they may register was decided when they submitted it.
    """
    Project.objects.select_for_update().get(pk=project.pk)  # versions are numbered one after the other
    existing = ModelVersion.objects.filter(job_id=job_id).first()
    if existing is not None:
        return existing
    model, _created = RegisteredModel.objects.get_or_create(
        project=project, name=name, defaults={"task": trained.task, "created_by": by}
    )
    number = (model.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    metrics = {key: value for key, value in trained.metrics.items() if math.isfinite(value)}
    version = ModelVersion.objects.create(
        model=model,
        number=number,
        architecture=trained.architecture,
        parameters=trained.parameters,
        primary_metric=trained.primary_metric,
        primary_value=metrics.get(trained.primary_metric),
        baseline=trained.baseline,
        card=trained.card,
        manifest=trained.manifest,
        manifest_sha256=trained.manifest_sha256,
        size_bytes=trained.size_bytes,
        job_id=job_id,
        mlflow_run_id=trained.mlflow_run_id,
        mlflow_model_id=trained.mlflow_model_id,
        mlflow_version=trained.mlflow_version,
        started_from=trained.started_from,
        created_by=by,
    )
    # What the start was made of is in this one too: its data and terms go along, however long the chain.
    before = [trained.started_from] if trained.started_from else []
    version.dataset_versions.set([*trained.dataset_versions, *(d for v in before for d in v.dataset_versions.all())])
    version.terms.set([*trained.terms, *(terms for v in before for terms in v.terms.all())])
    ModelMetric.objects.bulk_create(
        ModelMetric(version=version, name=key[:60], value=value) for key, value in metrics.items()
    )
    record(
        verb="model.register",
        subject=version,
        by=by,
        project_id=project.pk,
        data={"model": name, "number": number, "job": str(job_id), "manifest_sha256": trained.manifest_sha256},
    )
    return version


@transaction.atomic
def edit_card(*, version: ModelVersion, card: str, seen_card: str, by: User) -> ModelVersion:
    """Rewrite the model card. Raises StaleError when it is no longer `seen_card`."""
    require(by, "model.register", version)
    locked = ModelVersion.objects.select_for_update().get(pk=version.pk)
    if locked.card != seen_card:
        raise StaleError(
            _("Somebody changed this card since you opened it. Open it again and repeat your change."),
            now={"card": locked.card},
        )
    if not card.strip():
        raise InvalidError(_("A card must say something."), field="card")
    locked.card = card
    locked.require_clean(exclude=["model", "created_by"])
    locked.save(update_fields=["card"])
    record(verb="model.edit_card", subject=locked, by=by, project_id=locked.model.project_id)
    return locked
