"""The panel and the file of an export, for versions of one's project and for what was licensed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from collab.access.policy import can, get_or_404
from collab.kernel.blobs import blob_path
from collab.transfer.licences.models import LicensedAsset
from collab.web.downloads import resumable
from collab.web.forms import show
from registry.catalog.models import ModelVersion
from registry.releases.reading import with_licences
from training.exports import services
from training.playground.services import licensed_version

ZIP = "application/zip"


def model_onnx(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Where the export of a version stands; sent, it is asked for."""
    version = _version(request, pk, number)
    if request.method == "POST":
        services.ask_export(version=version, by=request.user)
        return HttpResponseRedirect(f"{version.get_absolute_url()}#onnx")
    return _panel(request, version, "model_onnx", version.model_id, version.number)


def release_onnx(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where the export of what was licensed stands; sent, it is asked for."""
    asset = _asset(request, pk)
    if request.method == "POST":
        services.ask_licensed_export(asset=asset, by=request.user)
        return HttpResponseRedirect(f"{reverse('registry:release', args=[asset.pk])}#onnx")
    return _panel(request, licensed_version(asset), "release_onnx", asset.pk)


def _panel(request: HttpRequest, version: ModelVersion, name: str, *keys: Any) -> HttpResponse:
    export = services.export_of(version)
    context = {
        "export": export,
        "missing": services.why_not(version),
        "url": reverse(f"training:{name}", args=keys),
        "file_url": reverse(f"training:{name}_file", args=keys),
    }
    return show(request, "training/exports/_panel.html", context)


def model_onnx_file(request: HttpRequest, pk: UUID, number: int) -> HttpResponseBase:
    """The bytes, resumable, for whoever may have the package."""
    version = _version(request, pk, number)
    export = services.take_export(version=version, by=request.user, whole=_begins(request))
    return _file(request, export, version, lambda: can(request.user, "model.download", version))


def release_onnx_file(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The same for what was licensed; a lost licence stops the next piece."""
    asset = _asset(request, pk)
    export = services.take_licensed_export(asset=asset, by=request.user, whole=_begins(request))
    return _file(request, export, licensed_version(asset), lambda: can(request.user, "release.download", asset))


def _file(request: HttpRequest, export: Any, version: ModelVersion, still: Any) -> HttpResponseBase:
    return resumable(request, blob_path(export.sha256), services.save_as(version), export.sha256, ZIP, still=still)


def _begins(request: HttpRequest) -> bool:
    return request.headers.get("Range", "bytes=0-").startswith("bytes=0-") and request.method != "HEAD"


def _version(request: HttpRequest, pk: UUID, number: int) -> ModelVersion:
    rows = ModelVersion.objects.select_related("model__project")
    return get_or_404(request.user, "model.download", rows, model=pk, number=number)


def _asset(request: HttpRequest, pk: UUID) -> LicensedAsset:
    return get_or_404(request.user, "release.download", with_licences(LicensedAsset.objects.all()), pk=pk)
