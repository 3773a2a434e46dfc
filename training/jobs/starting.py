"""Going on from a registered model: which versions fit a task, and what a spec takes over from the chosen one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from collab.access.policy import get_or_404
from collab.accounts.models import User
from collab.kernel.errors import Fault, FaultyInputError, NotFoundError
from collab.projects.models import Project
from registry.catalog.models import ModelVersion, ModelVersionQuerySet
from registry.datasets.models import Dataset
from training.engine import contract
from training.engine.contract import TASKS, Spec, trial_spec

OFFERED = 50  # the newest ones a form offers
Taking = Callable[[Spec, ModelVersion], Spec]


def startable(project: Project, task: str, by: User) -> ModelVersionQuerySet:
    """Versions of the project that a job of this task can go on from, and whose files the person may have."""
    rows = ModelVersion.objects.visible_to(by, "model.download")
    fitting = rows.filter(model__project=project, model__task__in=TASKS[task].starts, job__isnull=False)
    return fitting.select_related("model", "job").order_by("-created_at")  # type: ignore[return-value]


def start_of(spec: Spec, *, project: Project, by: User) -> ModelVersion | None:
    """The version whose weights or tokenizer the spec takes over. Raises NotFoundError when the project has none such.

    Raises RefusedError when its files are not the person's to have, FaultyInputError when it was not trained here.
    """
    path, key = "spec.model.start", spec.model.start
    if key is None and spec.tokenizer is not None:
        path, key = "spec.tokenizer.start", spec.tokenizer.start
    if key is None:
        return None
    rows = ModelVersion.objects.filter(model__project=project).select_related("model", "job")
    found = get_or_404(by, "model.download", rows, pk=key)
    if not hasattr(found, "job"):
        text = _("%(version)s was not trained by a job here, so nothing can go on from it.") % {"version": found}
        raise FaultyInputError([Fault(path, text)], field="spec")
    return found


def behind(start: ModelVersion | None) -> QuerySet[Dataset]:
    """The data that a model was made of, that of its own starts included."""
    rows = Dataset.objects.filter(versions__model_versions=start) if start else Dataset.objects.none()
    return rows.select_related("organisation").distinct()


def spec_of(start: ModelVersion) -> Spec:
    """The spec by which the version was trained; after a search that of the best trial."""
    spec = Spec.from_json(start.job.spec)
    chosen = (start.job.progress or {}).get("search")
    return trial_spec(spec, chosen["values"]) if spec.search is not None and chosen else spec


def going_on(spec: Spec, start: ModelVersion) -> Spec:
    """The spec with the net and the tokenizer of the start, and a calmer learning rate."""
    return contract.going_on(spec, spec_of(start), str(start.pk))


def reading_as(spec: Spec, start: ModelVersion) -> Spec:
    """The spec with the tokenizer of the start, and a net of its own. Raises NotFoundError where there is none."""
    theirs = spec_of(start).tokenizer
    if theirs is None or not TASKS[spec.task].tokenizer:
        raise NotFoundError
    return replace(spec, tokenizer=replace(theirs, start=str(start.pk)))
