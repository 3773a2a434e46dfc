"""Pages of registered models."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404
from collab.projects.models import Project
from collab.transfer.disclosures.prefill import cases_of
from collab.web.forms import sent, show, submit
from collab.web.pagination import page_of
from registry.catalog.cards import render_card
from registry.catalog.disclosing import MODEL_VERSION
from registry.catalog.forms import CardForm, ModelFilter
from registry.catalog.metrics import compared, metric_label
from registry.catalog.models import ModelVersion, RegisteredModel
from registry.catalog.reporting import Found, reported
from registry.catalog.services import edit_card

PANEL_ROWS = 8


def model_list(request: HttpRequest) -> HttpResponse:
    rows = RegisteredModel.objects.visible_to(request.user).with_latest()
    found = ModelFilter(request.GET, queryset=rows, request=request)
    page = page_of(request, found.qs)
    metric = found.chosen_metric
    for model in page:
        _say_metric(model, metric)
    context = {"page": page, "filter": found, "metric": metric_label(metric) if metric else ""}
    return show(request, "registry/catalog/list.html", context)


def _say_metric(model: Any, metric: str) -> None:
    """What the list shows: the chosen metric, or the one each model is judged by."""
    model.shown_value = model.metric_value if metric else model.primary_value
    model.shown_label = metric_label(metric or model.primary_metric or "")


def project_models(request: HttpRequest, slug: str) -> HttpResponse:
    """The panel of a project's page."""
    project = get_or_404(request.user, "model.view", Project.objects.all(), slug=slug)
    rows = RegisteredModel.objects.filter(project=project).visible_to(request.user)
    shown = list(rows.with_latest()[:PANEL_ROWS])
    for model in shown:
        _say_metric(model, "")
    context = {"project": project, "rows": shown, "count": rows.count()}
    return show(request, "registry/catalog/_panel.html", context)


def model_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    model = get_or_404(request.user, "model.view", RegisteredModel.objects.select_related("project"), pk=pk)
    versions = list(model.versions.with_figures())
    metrics = sorted({metric.name for version in versions for metric in version.metrics.all()})
    chosen = request.GET.get("metric")
    if chosen not in metrics:
        chosen = next(
            (v.primary_metric for v in versions if v.primary_metric in metrics), metrics[0] if metrics else ""
        )
    for version in versions:
        values = {metric.name: metric.value for metric in version.metrics.all()}
        version.shown_value = values.get(chosen)  # type: ignore[attr-defined]
    drawn = [version for version in reversed(versions) if version.shown_value is not None]  # type: ignore[attr-defined]
    context = {
        "model": model,
        "versions": versions,
        "metrics": [(name, metric_label(name)) for name in metrics],
        "chosen": chosen,
        "chosen_label": metric_label(chosen) if chosen else "",
        "chart": {"labels": [f"v{v.number}" for v in drawn], "values": [v.shown_value for v in drawn]},  # type: ignore[attr-defined]
    }
    return show(request, "registry/catalog/model.html", context)


def version_page(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "model.view", pk, number)
    model = version.model
    metrics = {metric.name: metric.value for metric in version.metrics.all()}
    may = allowed(request.user, version, "model.register", "model.download", "model.try", "job.view", "tracking.read")
    context = {
        "version": version,
        "model": model,
        "others": model.versions.only("number", "model_id").order_by("-number"),
        "card": render_card(version.card),
        "figures": compared(metrics, version.baseline, version.primary_metric),
        "findings": reported(version) if may & {"model.download", "job.view"} else Found(),
        "files": sorted((version.manifest.get("files") or {}).items()),
        "datasets": list(version.dataset_versions.all()),
        "lineage": _lineage(version),
        "terms": version.terms.all(),
        "may": {word.replace(".", "_"): True for word in may},
        "snippet": _snippet(version) if version.mlflow_run_id and "tracking.read" in may else "",
        "may_disclose": "disclosure.create" in allowed(request.user, model.project, "disclosure.create"),
        "disclosed": cases_of(request.user, MODEL_VERSION, version.pk),
    }
    return show(request, "registry/catalog/version.html", context)


def card_edit(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "model.register", pk, number)
    form = CardForm(sent(request), initial={"card": version.card, "seen_card": version.card})

    def rewrite() -> str:
        card, seen = (form.cleaned_data[name].replace("\r\n", "\n") for name in ("card", "seen_card"))
        same = seen == version.card.replace("\r\n", "\n")  # browsers send every line end as two characters
        edit_card(version=version, card=card, seen_card=version.card if same else seen, by=request.user)
        messages.success(request, _("The card was changed."))
        return f"{version.get_absolute_url()}#card"

    context = {"form": form, "version": version, "model": version.model}
    return submit(request, form, rewrite) or show(request, "registry/catalog/card.html", context, form)


def _version(request: HttpRequest, word: str, pk: UUID, number: int) -> ModelVersion:
    return get_or_404(request.user, word, ModelVersion.objects.with_lineage(), model=pk, number=number)


def _lineage(version: ModelVersion) -> list[dict[str, Any]]:
    """Data, job, model: where this version came from."""
    nodes: list[dict[str, Any]] = [
        {"kind": "dataset", "label": data, "url": data.get_absolute_url(), "detail": data.get_kind_display()}
        for data in version.dataset_versions.all()
    ]
    start = version.started_from
    if start is not None:
        nodes.append({"kind": "model", "label": start, "url": start.get_absolute_url(), "detail": start.architecture})
    if version.job_id:
        detail = _("by %(person)s") % {"person": version.created_by}
        url = reverse("training:job", args=[version.job_id])
        nodes.append({"kind": "job", "label": version.model.name, "url": url, "detail": detail})
    return [*nodes, {"kind": "model", "label": version, "current": True, "detail": version.architecture}]


def _snippet(version: ModelVersion) -> str:
    """How the stock client finds this version."""
    lines = [
        f"export MLFLOW_TRACKING_URI={settings.TRACKING_URL}/mlflow/{version.model.project.slug}",
        "export MLFLOW_TRACKING_TOKEN=tdm_…",
        "",
        'python - <<"END"',
        "import mlflow",
        f'print(mlflow.get_run("{version.mlflow_run_id}").data.metrics)',
    ]
    if version.mlflow_model_id:
        lines.append(f'print(mlflow.artifacts.download_artifacts("models:/{version.mlflow_model_id}"))')
    return "\n".join([*lines, "END"])
