"""Pages of what others licensed to one's organisation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from collab.access.policy import allowed, can, decide, get_or_404
from collab.transfer.licences.models import Licence, LicensedAsset
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.web.downloads import resumable
from collab.web.forms import show
from collab.web.pagination import page_of
from registry.catalog.cards import render_card
from registry.catalog.metrics import compared
from registry.catalog.models import ModelVersion
from registry.releases.files import files_of, subject_of
from registry.releases.reading import is_open, with_licences
from registry.releases.services import take_file

BYTES = "application/octet-stream"


def release_list(request: HttpRequest) -> HttpResponse:
    """Everything licensed to the person's organisations, what is open first told."""
    rows = with_licences(LicensedAsset.objects.visible_to(request.user))
    page = page_of(request, rows)
    for asset in page:
        asset.is_open = is_open(asset)  # type: ignore[attr-defined]
    return show(request, "registry/releases/list.html", {"page": page})


def release(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What it is, under which limits, and its files."""
    asset = get_or_404(request.user, "release.view", with_licences(LicensedAsset.objects.all()), pk=pk)
    subject = subject_of(asset)
    licence: Licence = asset.licence
    context: dict[str, Any] = {
        "asset": asset,
        "licence": licence,
        "subject": subject,
        "files": files_of(subject),
        "may_try": "release.try" in allowed(request.user, asset, "release.try"),
        "reading": decide(request.user, "release.download", asset),
        "fields": FieldOfUse.objects.filter(pk__in=licence.fields_of_use.values("pk")),
        "territories": Territory.objects.filter(pk__in=licence.territories.values("pk")),
        "may_see_licence": Licence.objects.filter(pk=licence.pk).visible_to(request.user).exists(),
    }
    if isinstance(subject, ModelVersion):
        metrics = {metric.name: metric.value for metric in subject.metrics.all()}
        context |= {
            "card": render_card(subject.card),
            "figures": compared(metrics, subject.baseline, subject.primary_metric),
        }
    return show(request, "registry/releases/page.html", context)


def release_file(request: HttpRequest, pk: UUID, sha256: str) -> HttpResponseBase:
    """The bytes, resumable; the policy is asked on every request, so a lost licence stops the next piece."""
    asset = get_or_404(request.user, "release.download", with_licences(LicensedAsset.objects.all()), pk=pk)
    begins = request.headers.get("Range", "bytes=0-").startswith("bytes=0-")
    file = take_file(asset=asset, sha256=sha256, by=request.user, whole=begins and request.method != "HEAD")

    def still() -> bool:
        return can(request.user, "release.download", asset)

    return resumable(request, file.path, file.save_as, file.sha256, BYTES, still=still)
