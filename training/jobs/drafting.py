"""A job while it is prepared: on which data, for which task, from which settings, and what it would take."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, decide, get_or_404
from collab.accounts.models import User
from collab.kernel.errors import Fault, FaultyInputError, InvalidError, NotFoundError
from collab.projects.services import is_open
from registry.catalog.models import ModelVersion
from registry.datasets.models import DatasetVersion
from registry.uses.matching import questions_of
from training.engine.contract import TASKS, as_it_was_meant, estimate
from training.jobs.forms import EssentialForm, WholeForm
from training.jobs.models import Job
from training.jobs.services import check_spec, fault_of, parse_spec, suggest
from training.jobs.starting import behind, going_on, reading_as

MOMENT_CHARS = 32  # 2026-11-27T06:40:00.000000+00:00
WHOLE = "whole"
BESIDE_START = gettext_lazy("The tokenizer comes with the model it starts from.")


@dataclass(frozen=True)
class Advice:
    """What a spec would take and what to look out for, or what is wrong with it."""

    estimate: dict[str, Any] | None = None
    warnings: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Draft:
    """Where a job starts from: data, task and a spec that fits, or the spec of an earlier job."""

    version: DatasetVersion
    task: str
    spec: dict[str, Any]
    name: str = ""
    purpose: dict[str, Any] = field(default_factory=dict)
    earlier: Job | None = None
    start: ModelVersion | None = None
    beside: str = ""  # the version whose tokenizer was asked for beside a start, which brings its own

    def require_one(self) -> None:
        """Raise InvalidError where a tokenizer was asked for beside a start."""
        if self.beside:
            raise InvalidError(str(BESIDE_START), field="tokenizer")

    @property
    def reads_only(self) -> bool:
        """Whether of the start only its way of reading text is taken over."""
        return bool((self.spec.get("tokenizer") or {}).get("start"))

    def form(self, data: Any = None, *, whole: bool = False) -> Any:
        """The form with the essential settings, or with all of them as JSON."""
        asked = questions_of([self.version.dataset, *behind(self.start)], self.purpose)
        given: dict[str, Any] = {"asked": asked, "purpose": self.purpose, "initial": {"name": self.name}}
        if whole:
            given["initial"]["spec_text"] = json.dumps(self.spec, indent=2, ensure_ascii=False)
            return WholeForm(data, **given)
        return EssentialForm(data, task=self.task, version=self.version, base=self.spec, start=self.start, **given)

    def as_in(self, form: Any) -> Draft:
        """With what was filled in."""
        return replace(self, spec=form.spec(), name=form.cleaned_data["name"], purpose=form.purpose())

    def missing(self, user: User) -> list[Missing]:
        """What stands in the way of training on this data, whatever the settings."""
        project = self.version.dataset.project
        found = list(decide(user, "job.submit", project).missing)
        found += decide(user, "dataset.train", self.version).missing
        if not is_open(project):
            found.append(Missing("not_active", _("The project is not active."), project.get_absolute_url()))
        return found


def draft_of(request: HttpRequest) -> Draft | None:
    """What the address asks for: `from` an earlier job, or `version` and `task`; None when it does not say.

    Raises NotFoundError for data or a job that is not theirs to see.
    """
    if "from" in request.GET:
        path = "dataset_version__dataset"
        rows = Job.objects.select_related(f"{path}__project", f"{path}__organisation", "start_version__job")
        job = get_or_404(request.user, "job.view", rows, pk=_uuid(request.GET["from"]))
        version = job.dataset_version
        get_or_404(request.user, "dataset.view", DatasetVersion.objects.all(), pk=version.pk)
        start = job.start_version
        return Draft(
            version, job.task, as_it_was_meant(job.spec), name=job.name, purpose=job.purpose, earlier=job, start=start
        )
    if not request.GET.get("version"):
        return None
    versions = DatasetVersion.objects.select_related("dataset__project", "dataset__organisation")
    version = get_or_404(request.user, "dataset.view", versions, pk=_uuid(request.GET["version"]))
    fitting = tasks_for(version)
    start, taking = chosen_start(request), going_on
    beside = request.GET.get("tokenizer", "") if start is not None else ""
    if start is None:
        start, taking = chosen_start(request, "tokenizer"), reading_as
    if start is not None:
        fitting = [task for task in fitting if start.model.task in TASKS[task].starts]
    task = request.GET.get("task") or (fitting[0] if fitting else "")
    if task not in fitting or (start is not None and start.model.project_id != version.dataset.project_id):
        raise NotFoundError
    spec = suggest(task, version, start, taking=taking)["spec"]
    return Draft(version, task, spec, name=version.dataset.name, start=start, beside=beside)


def chosen_start(request: HttpRequest, what: str = "start") -> ModelVersion | None:
    """The version that the address names to go on from, or (`what` tokenizer) to read text as.

    Raises NotFoundError or RefusedError when it is not theirs.
    """
    if not request.GET.get(what):
        return None
    rows = ModelVersion.objects.filter(job__isnull=False).select_related("model", "job")
    return get_or_404(request.user, "model.download", rows, pk=_uuid(request.GET[what]))


def tasks_for(version: DatasetVersion) -> list[str]:
    """The tasks that read this kind of data. First those that need what is there: a label, a transcript, more beside
    images, a series of numbers, or columns that bear the names of the task's parts."""
    there = (version.profile.get("image") or {}).get("labels_from")
    others = {task.beside for task in TASKS.values()} - {None}
    fitting = [
        name
        for name, task in TASKS.items()
        if version.kind in task.kinds and task.beside in (None, there) and not (task.classes and there in others)
    ]
    labelled = bool(version.profile.get("label_candidates"))
    columns = version.profile.get("columns") or []
    names = {str(column.get("name")).lower() for column in columns}
    told = bool((version.profile.get("audio") or {}).get("transcripts_file"))
    return sorted(
        fitting,
        key=lambda name: (
            not TASKS[name].beside,
            not (TASKS[name].roles == ("value",) and not labelled and _is_series(columns)),
            not set(TASKS[name].roles) - {"text"} <= names or set(TASKS[name].roles) <= {"text"},
            ("label" in TASKS[name].roles) != labelled,
            TASKS[name].transcribed != told,
        ),
    )


def _is_series(columns: list[dict[str, Any]]) -> bool:
    """Numbers, and beside them nothing longer than a moment or a name."""
    kinds = {column.get("type") for column in columns}
    return "number" in kinds and all(
        column.get("max_chars", 0) <= MOMENT_CHARS for column in columns if column.get("type") == "text"
    )


def advise(spec: dict[str, Any], version: DatasetVersion, start: ModelVersion | None = None) -> Advice:
    """Hold a spec against its data and its start: an estimate and warnings, or every fault."""
    try:
        parsed = parse_spec(spec)
        if parsed.data.dataset_version != str(version.pk):
            text = _("This page is about the version %(version)s; begin from the other one instead.")
            raise FaultyInputError([Fault("spec.data.dataset_version", text % {"version": version})], field="spec")
        warnings = [fault_of(issue) for issue in check_spec(parsed, version, start)]
    except FaultyInputError as error:
        return Advice(faults=error.faults)
    return Advice(estimate(parsed, version.profile).to_json(), warnings)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError from None
