"""Pages of training jobs: prepare, follow, stop, resume."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import allowed, can, decide, get_or_404, visible_to
from collab.inbox.standing import who_can_answer
from collab.kernel.errors import FaultyInputError, NotFoundError
from collab.projects.models import Project
from collab.projects.states import ProjectState
from collab.web.forms import act, errors_on, put_error, sent, show, submit
from collab.web.pagination import page_of
from registry.catalog.metrics import compared, task_label
from registry.datasets.models import Dataset, DatasetVersion
from registry.uses.matching import questions_of, told
from training.engine.contract import EVENTS_FILE, LOG_FILE, TASKS
from training.jobs.drafting import WHOLE, Draft, advise, chosen_start, draft_of, tasks_for
from training.jobs.findings import findings_of
from training.jobs.following import progress_of
from training.jobs.forms import JobFilter, PurposeForm
from training.jobs.models import Job
from training.jobs.previewing import Preview, preview_of
from training.jobs.purposes import PurposeRefusedError, at_its_question, datasets_of, question_of
from training.jobs.series import curves_after
from training.jobs.services import resume_job, stop_job, submit_job, terms_for
from training.jobs.starting import OFFERED, startable
from training.jobs.states import JOB_MOVES, JobState
from training.runner.dispatch import run_dir
from training.runner.events import read_text

PANEL_ROWS = 8
ATTENTION_DAYS = 7
ATTENTION_ROWS = 6


def job_list(request: HttpRequest) -> HttpResponse:
    rows = Job.objects.visible_to(request.user).with_names()
    found = JobFilter(request.GET, queryset=rows, request=request)
    page = page_of(request, found.qs)
    context = {"page": page, "lines": [progress_of(job) for job in page], "filter": found}
    return show(request, "training/jobs/list.html", context)


# --- panels of other rooms' pages
def project_jobs(request: HttpRequest, slug: str) -> HttpResponse:
    """The panel of a project's page."""
    project = get_or_404(request.user, "job.view", Project.objects.all(), slug=slug)
    rows = Job.objects.filter(project=project).visible_to(request.user)
    context = {
        "lines": [progress_of(job) for job in rows.with_names()[:PANEL_ROWS]],
        "count": rows.count(),
        "project": project,
        "may_submit": "job.submit" in allowed(request.user, project, "job.submit"),
    }
    return show(request, "training/jobs/_project_panel.html", context)


def dataset_jobs(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The panel of a dataset's page."""
    dataset = get_or_404(request.user, "dataset.view", Dataset.objects.all(), pk=pk)
    rows = Job.objects.filter(dataset_version__dataset=dataset).visible_to(request.user)
    context = {"lines": [progress_of(job) for job in rows.with_names()[:PANEL_ROWS]], "count": rows.count()}
    return show(request, "training/jobs/_dataset_panel.html", context)


def running(request: HttpRequest) -> HttpResponse:
    """The panel of the dashboard: what is under way, again and again."""
    rows = Job.objects.visible_to(request.user).with_names().unfinished()
    rows = rows.exclude(state__in=(JobState.PAUSED, JobState.WAITING))
    lines = [progress_of(job) for job in rows.order_by("created_at")[:PANEL_ROWS]]
    return show(request, "training/jobs/_running.html", {"lines": lines, "pace_s": 2 if lines else 15})


def attention(request: HttpRequest) -> HttpResponse:
    """Lines of the dashboard: jobs that failed or paused lately, for those who can do something about it."""
    since = timezone.now() - timedelta(days=ATTENTION_DAYS)
    mine = Job.objects.visible_to(request.user, "job.control").with_names()
    rows = mine.halted(since).order_by("-finished_at", "-created_at")[:ATTENTION_ROWS]
    return show(request, "training/jobs/_attention.html", {"rows": rows}) if rows else HttpResponse(status=204)


# --- preparing
def job_new(request: HttpRequest) -> HttpResponse:
    draft = draft_of(request)
    if draft is None:
        return _choose(request)
    missing = draft.missing(request.user)
    if missing:
        return show(request, "training/jobs/refused.html", {"draft": draft, "missing": missing})
    whole = request.POST.get("mode", request.GET.get("mode")) == WHOLE
    form = draft.form(sent(request), whole=whole)
    to = request.POST.get("to", "submit")
    if to == "submit":

        def queue() -> str:
            draft.require_one()
            given = {"name": form.cleaned_data["name"], "idempotency_key": form.cleaned_data["once"]}
            given |= {"project": draft.version.dataset.project, "spec": form.spec(), "purpose": form.purpose()}
            try:
                return submit_job(by=request.user, **given).get_absolute_url()
            except PurposeRefusedError as error:
                raise at_its_question(error) from None

        done = submit(request, form, queue)
        if done is not None:
            return done
    return _draft_page(request, draft, form, whole, to)


def job_advice(request: HttpRequest) -> HttpResponse:
    """What the settings on the page would take, each time one changes."""
    draft = draft_of(request)
    if draft is None:
        raise NotFoundError
    form = draft.form(request.POST, whole=request.POST.get("mode") == WHOLE)
    return show(request, "training/jobs/_advice.html", {"advice": _advice(draft, form)})


def job_preview(request: HttpRequest) -> HttpResponse:
    """The first items that a model would see of the data: for who may read the data and train on it."""
    draft = draft_of(request)
    if draft is None:
        raise NotFoundError
    get_or_404(request.user, "dataset.read", DatasetVersion.objects.all(), pk=draft.version.pk)
    missing = draft.missing(request.user)
    if missing:
        return show(request, "training/jobs/_preview.html", {"preview": Preview(problem=str(missing[0].sentence))})
    form = draft.form(request.POST, whole=request.POST.get("mode") == WHOLE)
    try:
        preview = preview_of(form.spec(), draft.version, draft.start) if form.is_valid() else None
    except FaultyInputError as error:
        return show(request, "training/jobs/_preview.html", {"faults": error.faults})
    return show(request, "training/jobs/_preview.html", {"preview": preview})


def _advice(draft: Draft, form: Any) -> Any:
    """On the form as it is; faults of a form that cannot be read yet are shown at its fields."""
    if not form.is_bound:
        return advise(draft.spec, draft.version, draft.start)
    if not form.is_valid():
        return None
    try:
        return advise(form.spec(), draft.version, draft.start)
    except FaultyInputError as error:
        return {"faults": error.faults}


def _draft_page(request: HttpRequest, draft: Draft, form: Any, whole: bool, to: str) -> HttpResponse:
    failed = form.is_bound and (not form.is_valid() or form.faults)
    advice = None if failed and to == "submit" else _advice(draft, form)
    if form.is_bound and not failed and to in {WHOLE, "essential"}:
        with errors_on(form):  # the same settings in the other form
            form = draft.as_in(form).form(whole=to == WHOLE)
            whole = to == WHOLE
    context = {
        "draft": draft,
        "form": form,
        "whole": whole,
        "advice": advice,
        "may_read": can(request.user, "dataset.read", draft.version),
        "terms": terms_for(draft.version, request.user),
        "tasks": [(task, task_label(task)) for task in tasks_for(draft.version)],
        "task": task_label(draft.task),
        "starts": startable(draft.version.dataset.project, draft.task, request.user)[:OFFERED],  # type: ignore[arg-type]
        "reads": TASKS[draft.task].tokenizer,
    }
    return show(request, "training/jobs/new.html", context, form)


def _choose(request: HttpRequest) -> HttpResponse:
    """Which data to train on: the newest version of each dataset, and whether an agreement covers it."""
    rows = DatasetVersion.objects.visible_to(request.user).newest().select_related("dataset__project")
    start = chosen_start(request)
    if start is not None:
        kinds = {kind for task in TASKS.values() if start.model.task in task.starts for kind in task.kinds}
        rows = rows.filter(dataset__project=start.model.project_id, kind__in=kinds)
    page = page_of(request, rows.filter(dataset__project__state=ProjectState.ACTIVE).order_by("-created_at"))
    keys = [version.pk for version in page]
    open_ = visible_to(request.user, "dataset.train", DatasetVersion.objects.filter(pk__in=keys))
    context = {"page": page, "covered": set(open_.values_list("pk", flat=True)), "start": start}
    return show(request, "training/jobs/choose.html", context)


# --- following
def job_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    job = _job(request, "job.view", pk)
    reading = decide(request.user, "dataset.read", job.dataset_version)
    primary = job.model_version.primary_metric if job.model_version else ""
    context = _panel_context(request, job) | {
        "figures": compared(job.metrics, job.baseline, primary),
        "findings": findings_of(run_dir(job.pk), samples=reading.allowed),
        "reading": reading,
        "attempts": job.attempts.all(),
        "terms": job.terms.select_related("agreement"),
        "purpose": told(job.purpose),
        "advice": advise(job.spec, job.dataset_version, job.start_version),
        "peak_bytes": max((a.peak_rss_bytes or 0 for a in job.attempts.all()), default=0),
        "steps_done": max([job.progress.get("step") or 0, *(a.last_step or 0 for a in job.attempts.all())]),
        "has_log": not job.is_ended or _log_size(job) > 0,
        "has_log_file": (run_dir(job.pk) / LOG_FILE).is_file(),
        "spec_text": json.dumps(job.spec, indent=2, ensure_ascii=False),
        "lineage": _lineage(job),
    }
    return show(request, "training/jobs/page.html", context)


def job_panel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The live part of the page. When the job has ended the page is loaded once more, with its results."""
    job = _job(request, "job.view", pk)
    response = show(request, "training/jobs/_panel.html", _panel_context(request, job))
    if job.is_ended:
        response["HX-Refresh"] = "true"
    return response


def _panel_context(request: HttpRequest, job: Job) -> dict[str, Any]:
    may = allowed(request.user, job, "job.control")
    control = "job.control" in may
    waiting = JOB_MOVES.allows("stop_waiting", job.state)
    question = question_of(job)
    return {
        "question": question,
        "may_see_question": question is not None and can(request.user, "request.view", question),
        "answering": [one.user for one in who_can_answer(question)] if question else [],
        "job": job,
        "line": progress_of(job),
        "task": task_label(job.task),
        "may_stop": control and (job.is_live or waiting) and job.desired == "run",
        "may_end": control and job.is_live and job.desired != "kill",
        "may_resume": control and JOB_MOVES.allows("resume", job.state),
    }


def _lineage(job: Job) -> list[dict[str, Any]]:
    data = job.dataset_version
    nodes: list[dict[str, Any]] = [
        {"kind": "dataset", "label": data, "url": data.get_absolute_url(), "detail": data.get_kind_display()},
        {"kind": "job", "label": job.name, "current": True, "detail": task_label(job.task)},
    ]
    if job.start_version is not None:
        start = job.start_version
        nodes.insert(
            0, {"kind": "model", "label": start, "url": start.get_absolute_url(), "detail": start.architecture}
        )
    model = job.model_version
    if model is not None:
        nodes.append({"kind": "model", "label": model, "url": model.get_absolute_url(), "detail": model.architecture})
    return nodes


def job_series(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Measurements after a cursor, as static/js/curve.js reads them."""
    job = get_or_404(request.user, "job.view", Job.objects.all(), pk=pk)
    cursor = _offset(request, "after")
    curves = curves_after(run_dir(job.pk) / EVENTS_FILE, cursor)
    finished = job.is_ended and curves.cursor == cursor
    body = {"cursor": str(curves.cursor), "finished": finished, "reset": curves.reset, "series": curves.series}
    return JsonResponse(body)


def job_log(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The log after a byte, as static/js/log-tail.js reads it."""
    job = get_or_404(request.user, "job.view", Job.objects.all(), pk=pk)
    offset = _offset(request, "offset")
    text, after = read_text(run_dir(job.pk) / LOG_FILE, offset)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["X-Log-Offset"] = str(after)
    response["X-Log-Finished"] = "true" if job.is_ended and after == offset else "false"
    return response


def job_log_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The whole log as a file."""
    job = get_or_404(request.user, "job.view", Job.objects.all(), pk=pk)
    path = run_dir(job.pk) / LOG_FILE
    if not path.is_file():
        raise NotFoundError(_("This job has written no log yet."))
    return FileResponse(path.open("rb"), as_attachment=True, filename="log.txt", content_type="text/plain")


def _log_size(job: Job) -> int:
    try:
        return (run_dir(job.pk) / LOG_FILE).stat().st_size
    except OSError:
        return 0


def _offset(request: HttpRequest, name: str) -> int:
    """A byte offset of the address; anything else is the beginning."""
    raw = request.GET.get(name, "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 16 else 0


# --- steering
def job_stop(request: HttpRequest, pk: UUID) -> HttpResponse:
    job = _job(request, "job.control", pk)
    kill = request.POST.get("how") == "kill"
    said = _("The job ends at once.") if kill else _("The job is asked to save its work and stop.")
    return act(request, lambda: stop_job(job=job, by=request.user, kill=kill), to=job.get_absolute_url(), said=said)


def job_resume(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The button resumes; where the purpose does not fit the codes of today, or on request, it is stated anew."""
    job = _job(request, "job.control", pk)
    asked = questions_of(datasets_of(job), job.purpose)
    if request.method == "POST" and "restate" not in request.POST:
        try:
            return act(request, lambda: resume_job(job=job, by=request.user), to=job.get_absolute_url(), said=_resumed)
        except PurposeRefusedError as error:
            form = PurposeForm.saying(job.purpose, asked=asked)
            put_error(form, at_its_question(error))
            return _restate_page(request, job, form)
    form = PurposeForm(sent(request), asked=asked, purpose=job.purpose)

    def resume() -> str:
        try:
            resumed = resume_job(job=job, by=request.user, purpose=form.purpose())
        except PurposeRefusedError as error:
            raise at_its_question(error) from None
        messages.success(request, _resumed(resumed))
        return job.get_absolute_url()

    return submit(request, form, resume) or _restate_page(request, job, form)


def _restate_page(request: HttpRequest, job: Job, form: PurposeForm) -> HttpResponse:
    return show(request, "training/jobs/resume.html", {"job": job, "form": form, "version": job.dataset_version}, form)


def _resumed(job: Job) -> str:
    if job.state == JobState.WAITING:
        return _("The owner of the data is asked; the job waits for the answer.")
    return _("The job is queued again and goes on from its last checkpoint.")


def _job(request: HttpRequest, word: str, pk: UUID) -> Job:
    return get_or_404(request.user, word, Job.objects.with_names().prefetch_related("attempts"), pk=pk)
