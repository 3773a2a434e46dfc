"""Where a job stands, in words and numbers, for lists and live panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.web.figures import compact, duration, figure
from training.jobs.models import Job
from training.jobs.states import Desired, JobState

PHASES = {
    "prepare": gettext_lazy("Preparing the data"),
    "train": gettext_lazy("Training"),
    "evaluate": gettext_lazy("Testing"),
    "package": gettext_lazy("Packing the model"),
    "publish": gettext_lazy("Registering the model"),
}
UNITS = {
    "tokens": gettext_lazy("tokens"),
    "rows": gettext_lazy("rows"),
    "images": gettext_lazy("images"),
    "recordings": gettext_lazy("recordings"),
    "windows": gettext_lazy("windows"),
}
_TONES = {JobState.FAILED: "bad", JobState.PAUSED: "hold", JobState.STOPPING: "warn", JobState.DONE: "ok"}


@dataclass(frozen=True)
class Line:
    """A job and how far it is. `percent` None: not known yet."""

    job: Job
    label: str
    percent: int | None
    eta: str
    detail: str
    tone: str


def progress_of(job: Job) -> Line:
    """From the row alone; no query and no file."""
    told = job.progress or {}
    begun = told.get("step") is not None
    percent = job.percent if begun or job.state == JobState.DONE else None
    eta = duration(told["eta_s"]) if job.is_live and told.get("eta_s") else ""
    return Line(job, _label(job, told), percent, eta, _detail(told), _TONES.get(JobState(job.state), ""))


def _label(job: Job, told: dict[str, Any]) -> str:
    if job.state == JobState.WAITING:
        return _("Waiting for an answer of %(owner)s") % {"owner": job.dataset_version.dataset.organisation}
    if job.state == JobState.QUEUED:
        return _("Waiting for a free place")
    if job.is_live and job.desired != Desired.RUN:
        return _("Saving the work") if job.desired == Desired.STOP else _("Ending")
    if job.state == JobState.STARTING:
        return _("Starting")
    return str(PHASES.get(told.get("phase", ""), _("Training")))


def _detail(told: dict[str, Any]) -> str:
    """Step 305 of 500 · pass 1.2 · loss 2.31 · 18.2 k tokens/s"""
    parts = []
    if told.get("step") is not None and told.get("steps"):
        parts.append(_("step %(step)s of %(steps)s") % {"step": figure(told["step"]), "steps": figure(told["steps"])})
    if told.get("epoch"):
        parts.append(_("pass %(n)s") % {"n": figure(told["epoch"])})
    if told.get("loss") is not None:
        parts.append(_("loss %(n)s") % {"n": figure(told["loss"])})
    if told.get("rate"):
        unit = UNITS.get(told.get("unit", ""), told.get("unit") or "")
        parts.append(_("%(n)s %(unit)s/s") % {"n": compact(told["rate"]), "unit": unit})
    return " · ".join(parts)
