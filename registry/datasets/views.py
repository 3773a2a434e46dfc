"""Pages of datasets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from collab.access.policy import allowed, decide, get_or_404, visible_to
from collab.agreements.models import Coverage
from collab.agreements.reading import both
from collab.kernel.errors import NotFoundError
from collab.projects.models import Project
from collab.transfer.disclosures.prefill import cases_of
from collab.web.forms import sent, show, submit
from collab.web.pagination import page_of
from registry.datasets.disclosing import DATASET_VERSION
from registry.datasets.forms import DatasetFilter, DatasetForm, UploadForm
from registry.datasets.models import Dataset, DatasetVersion
from registry.datasets.pictures import pictures_of
from registry.datasets.services import add_version, create_dataset, open_version

PANEL_ROWS = 8


def dataset_list(request: HttpRequest) -> HttpResponse:
    rows = Dataset.objects.visible_to(request.user).with_summary()
    found = DatasetFilter(request.GET, queryset=rows, request=request)
    context = {"page": page_of(request, found.qs), "filter": found}
    return show(request, "registry/datasets/list.html", context)


def project_datasets(request: HttpRequest, slug: str) -> HttpResponse:
    """The panel of a project's page."""
    project = get_or_404(request.user, "dataset.view", Project.objects.all(), slug=slug)
    rows = Dataset.objects.filter(project=project).visible_to(request.user).with_summary()
    context = {
        "project": project,
        "rows": rows[:PANEL_ROWS],
        "count": rows.count(),
        "may_upload": "dataset.upload" in allowed(request.user, project, "dataset.upload"),
    }
    return show(request, "registry/datasets/_panel.html", context)


def dataset_new(request: HttpRequest) -> HttpResponse:
    form = DatasetForm(sent(request), user=request.user, initial={"project": request.GET.get("project")})

    def announce() -> str:
        dataset = create_dataset(by=request.user, **form.values())
        messages.success(request, _("The dataset is announced. Now upload its first version."))
        return f"{dataset.get_absolute_url()}upload/"

    return submit(request, form, announce) or show(request, "registry/datasets/new.html", {"form": form}, form)


def dataset_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    dataset = _dataset(request, "dataset.view", pk)
    versions = list(dataset.versions.select_related("created_by"))
    version = _chosen(versions, request.GET.get("version"))
    may = allowed(request.user, dataset, "dataset.upload", "job.submit", "job.view", "model.view")
    context = {
        "dataset": dataset,
        "versions": versions,
        "version": version,
        "may": {word.replace(".", "_"): True for word in may},
        "terms": _terms(request, dataset),
    }
    if version is not None:
        version.dataset = dataset
        reading = decide(request.user, "dataset.read", version)
        context |= {
            "reading": reading,
            "training": decide(request.user, "dataset.train", version),
            "pictures": pictures_of(version, examples=reading.allowed),
            "models": version.model_versions.visible_to(request.user).select_related("model"),
            "may_disclose": "disclosure.create" in allowed(request.user, dataset.project, "disclosure.create"),
            "disclosed": cases_of(request.user, DATASET_VERSION, version.pk),
        }
    return show(request, "registry/datasets/page.html", context)


def dataset_upload(request: HttpRequest, pk: UUID) -> HttpResponse:
    dataset = _dataset(request, "dataset.upload", pk)
    form = UploadForm(sent(request), request.FILES if request.method == "POST" else None)

    def add() -> str:
        version = add_version(dataset=dataset, file=form.cleaned_data["file"], by=request.user)
        messages.success(request, _("Version %(n)d is checked and stored.") % {"n": version.number})
        return version.get_absolute_url()

    context = {"form": form, "dataset": dataset, "limit_bytes": settings.UPLOAD_MAX_BYTES}
    return submit(request, form, add) or show(request, "registry/datasets/upload.html", context, form)


def dataset_download(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    rows = DatasetVersion.objects.select_related("dataset__project")
    version = get_or_404(request.user, "dataset.read", rows, dataset=pk, number=number)
    pieces: Any = iter(()) if request.method == "HEAD" else open_version(version=version, by=request.user)
    response = StreamingHttpResponse(pieces, content_type="application/octet-stream")
    response["Content-Length"] = str(version.size_bytes)
    response["Content-Disposition"] = content_disposition_header(True, version.file_name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _dataset(request: HttpRequest, word: str, pk: UUID) -> Dataset:
    return get_or_404(request.user, word, Dataset.objects.select_related("project", "organisation"), pk=pk)


def _chosen(versions: list[DatasetVersion], number: str | None) -> DatasetVersion | None:
    """The version that the address asks for, or the newest; NotFoundError for one that does not exist."""
    if number is None:
        return versions[0] if versions else None
    for version in versions:
        if str(version.number) == number:
            return version
    raise NotFoundError


def _terms(request: HttpRequest, dataset: Dataset) -> list[dict[str, Any]]:
    """Coverage in force on this dataset: one line for each agreement and party, for those who may read agreements."""
    rows = visible_to(request.user, "agreement.view", Coverage.objects.in_force(timezone.now()))
    rows = rows.for_asset(dataset.project_id, dataset.pk).select_related("party", "version__agreement")
    lines: dict[Any, dict[str, Any]] = {}
    for row in rows.order_by("version__agreement__reference", "party__name", "purpose"):
        line = lines.setdefault((row.version_id, row.party_id), {"version": row.version, "party": row.party, "may": []})
        if (purpose := str(row.get_purpose_display())) not in line["may"]:
            line["may"].append(purpose)
    return [line | {"may_text": both(line["may"])} for line in lines.values()]
