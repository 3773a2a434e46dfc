"""Verbs on training jobs: submit, stop, kill, resume."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import get_or_404, party_of, require
from collab.accounts.models import User
from collab.agreements.models import AgreementVersion, Purpose
from collab.audit.services import record
from collab.kernel.errors import ConflictError, Fault, FaultyInputError, InvalidError
from collab.projects.models import Project
from collab.projects.services import is_open
from registry.catalog.models import ModelVersion
from registry.datasets.models import DatasetVersion
from training.engine.contract import Issue, Spec, SpecError, default_spec, estimate, validate
from training.jobs.models import Job
from training.jobs.purposes import ask_owner, said, weigh, withdraw_questions
from training.jobs.sentences import hint, say
from training.jobs.starting import Taking, going_on, spec_of, start_of
from training.jobs.states import JOB_MOVES, LIVE, Desired, JobState
from training.runner.doorbell import ring_after_commit


def submit_job(
    *, project: Project, name: str, spec: Any, by: User, purpose: Any = None, idempotency_key: str = ""
) -> Job:
    """Queue a training job, or let it wait for the owner of the data where the codes leave its purpose to them.

    The same key from the same person gives the same job, however often it is sent.

    `spec` is parsed JSON, `purpose` what the job is for (answers by name, as registry/uses asks them). Raises
    FaultyInputError naming each field at fault, NotFoundError for a dataset that is not the project's, RefusedError
    naming the agreement or role that is missing, or the data-use codes that the purpose does not fit.
    """
    require(by, "job.submit", project)
    parsed = parse_spec(spec)
    version = dataset_of(parsed, project=project, by=by)
    require(by, "dataset.train", version)
    if not is_open(project):
        raise ConflictError(_("The project is not active, so it takes no new jobs."))
    start = start_of(parsed, project=project, by=by)
    check_spec(parsed, version, start)
    job = Job(
        project=project,
        name=name,
        dataset_version=version,
        start_version=start,
        spec=parsed.to_json(),
        spec_sha256=parsed.sha256,
        task=parsed.task,
        purpose=said(purpose),
        submitted_by=by,
        runs_as=by,
        idempotency_key=idempotency_key,
    )
    try:
        with transaction.atomic():
            return _queue(job, by)
    except IntegrityError:
        return _same(Job.objects.get(submitted_by=by, idempotency_key=idempotency_key), job)


def _queue(job: Job, by: User) -> Job:
    if job.idempotency_key:
        twin = Job.objects.filter(submitted_by=by, idempotency_key=job.idempotency_key).first()
        if twin is not None:
            return _same(twin, job)
    weighed = weigh(job, by).require()
    if weighed.asking:
        job.state, job.reason = JobState.WAITING, "owner_asked"
    job.require_clean(exclude=["spec", "progress", "metrics", "baseline"])
    job.save(force_insert=True)
    job.terms.set(terms_for(job.dataset_version, by))
    data = {"name": job.name, "dataset_version": str(job.dataset_version_id), "spec_sha256": job.spec_sha256}
    if job.start_version_id:
        data["start_version"] = str(job.start_version_id)
    record(verb="job.submit", subject=job, by=by, project_id=job.project_id, data=data | {"purpose": job.purpose})
    if weighed.asking:
        ask_owner(job, weighed, by)
    else:
        ring_after_commit()
    return job


def _same(twin: Job, job: Job) -> Job:
    asked = [(row.project_id, row.name, row.spec_sha256, row.purpose) for row in (twin, job)]
    if asked[0] != asked[1]:
        raise InvalidError(_("This Idempotency-Key was used for another job; send a new key."), field="Idempotency-Key")
    return twin


def parse_spec(obj: Any) -> Spec:
    """The spec, or FaultyInputError with every fault."""
    try:
        return Spec.from_json(obj, fresh=True)
    except SpecError as fault:
        raise FaultyInputError([fault_of(issue) for issue in fault.issues], field="spec") from None


def dataset_of(spec: Spec, *, project: Project, by: User) -> DatasetVersion:
    """The dataset version that the spec names, if it is one of the project's and visible; NotFoundError otherwise."""
    rows = DatasetVersion.objects.select_related("dataset__project").filter(dataset__project=project)
    return get_or_404(by, "dataset.view", rows, pk=spec.data.dataset_version)


def check_spec(spec: Spec, version: DatasetVersion, start: ModelVersion | None = None) -> list[Issue]:
    """Hold the spec against profile and start; raises FaultyInputError for errors, returns the warnings."""
    issues = validate(spec, version.profile, spec_of(start) if start else None)
    errors = [fault_of(issue) for issue in issues if issue.level == "error"]
    if spec.resources.gpus > settings.TRAINING_GPUS:
        text = _("It asks for a graphics processor, and no worker of this site has one.")
        hint_text = _("Choose 0 graphics processors, or ask the platform's admin.")
        errors.append(Fault("spec.resources.gpus", text, hint_text))
    if errors:
        raise FaultyInputError(errors, field="spec")
    return issues


def fault_of(issue: Issue) -> Fault:
    """The engine's finding in the reader's language."""
    path = f"spec.{issue.path}" if issue.path else "spec"
    return Fault(path=path, text=say(issue), hint=hint(issue), level=issue.level)


def terms_for(version: DatasetVersion, by: User) -> list[AgreementVersion]:
    """The agreement versions in force that let the person's party train on this data now."""
    now, project_id = timezone.now(), version.dataset.project_id
    return list(
        AgreementVersion.objects.in_force(now)
        .filter(
            Q(coverage__asset_id=None) | Q(coverage__asset_id=version.dataset_id),
            coverage__purpose=Purpose.TRAINING,
            coverage__party__in=party_of(by, project_id, now),
            agreement__project_id=project_id,
        )
        .distinct()
    )


def suggest(
    task: str, version: DatasetVersion, start: ModelVersion | None = None, *, taking: Taking = going_on
) -> dict[str, Any]:
    """A default spec for the data, what it will take, and what to look out for.

    `taking`: what the spec takes over from the start: `going_on`, or of its tokenizer alone `reading_as`.
    """
    spec, theirs = default_spec(task, version.profile, str(version.pk)), None
    if start is not None:
        spec, theirs = taking(spec, start), spec_of(start)
    return {
        "spec": spec.to_json(),
        "estimate": estimate(spec, version.profile).to_json(),
        "issues": [fault_of(issue).as_dict() for issue in validate(spec, version.profile, theirs)],
    }


@transaction.atomic
def stop_job(*, job: Job, by: User, kill: bool = False) -> Job:
    """Ask a job to stop: it saves its work and ends (`kill`: at once). Asking again changes nothing."""
    require(by, "job.control", job)
    withdraw_questions([job], by)
    locked = _locked(job.pk)
    if locked.is_ended:
        if locked.state == JobState.STOPPED:
            return locked
        raise ConflictError(_("The job has already ended."))
    desired = Desired.KILL if kill else Desired.STOP
    if locked.desired == desired or (locked.desired == Desired.KILL and not kill):
        return locked
    locked.desired = desired
    if locked.state in LIVE:
        if JOB_MOVES.allows("ask_stop", locked.state):
            locked.state = JOB_MOVES.target("ask_stop")
    else:
        locked.state = JOB_MOVES.require("stop_waiting", locked.state, what=str(locked))
        locked.reason = "killed_by_person" if kill else "stopped_by_person"
        locked.finished_at = timezone.now()
    locked.save(update_fields=["desired", "state", "reason", "finished_at"])
    record(verb="job.kill" if kill else "job.stop", subject=locked, by=by, project_id=locked.project_id, data={})
    return locked


@transaction.atomic
def resume_job(*, job: Job, by: User, purpose: Any = None) -> Job:
    """Queue a stopped, paused or failed job again; it goes on from its last checkpoint under today's terms.

    With `purpose` what it is for is stated anew. Where the codes leave it to the owner of the data, and they have not
    answered about this purpose and these codes, the job waits for them.
    """
    require(by, "job.control", job)
    require(by, "job.submit", job.project)  # whoever resumes runs it: what the runner would ask is said at once
    require(by, "dataset.train", job.dataset_version)
    if job.start_version is not None:
        require(by, "model.download", job.start_version)
    locked = _locked(job.pk)
    state = JOB_MOVES.require("resume", locked.state, what=str(locked))
    locked.dataset_version = job.dataset_version
    restated = {} if purpose is None else {"purpose": said(purpose)}
    locked.purpose = restated.get("purpose", locked.purpose)
    weighed = weigh(locked, by).require()
    locked.state = JOB_MOVES.require("ask_owner", locked.state, what=str(locked)) if weighed.asking else state
    locked.desired = Desired.RUN
    locked.reason, locked.reason_detail = "owner_asked" if weighed.asking else "", ""
    locked.no_progress = 0
    locked.not_before = None
    locked.finished_at = None
    locked.queued_at = timezone.now()
    locked.runs_as = by  # whoever resumes answers for the terms from here on
    locked.save()
    locked.terms.set(terms_for(locked.dataset_version, by))
    record(verb="job.resume", subject=locked, by=by, project_id=locked.project_id, data=restated)
    if weighed.asking:
        ask_owner(locked, weighed, by)
    else:
        ring_after_commit()
    return locked


def _locked(pk: UUID) -> Job:
    return Job.objects.select_for_update(of=("self",)).get(pk=pk)
