"""The playground: ask a version, and see its answer arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from collab.access.policy import get_or_404
from collab.transfer.licences.models import LicensedAsset
from collab.web.api import as_uuid
from collab.web.figures import duration
from collab.web.forms import show, submit
from registry.catalog.models import ModelVersion
from registry.releases.reading import with_licences
from training.playground.forms import TryForm
from training.playground.inputs import Given
from training.playground.models import Trial
from training.playground.services import ask_licensed, ask_model, eta_s, licensed_version, own_trials
from training.playground.telling import shown_answer

EARLIER = 8


def model_try(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Try a version of one's own project."""
    rows = ModelVersion.objects.select_related("model__project")
    version = get_or_404(request.user, "model.try", rows, model=pk, number=number)
    return _page(request, version, lambda given: ask_model(version=version, given=given, by=request.user))


def release_try(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Try exactly what was licensed to one's organisation."""
    asset = get_or_404(request.user, "release.try", with_licences(LicensedAsset.objects.all()), pk=pk)
    version = licensed_version(asset)
    return _page(request, version, lambda given: ask_licensed(asset=asset, given=given, by=request.user), asset)


def _page(
    request: HttpRequest, version: ModelVersion, ask: Callable[[Given], Trial], asset: LicensedAsset | None = None
) -> HttpResponse:
    form = TryForm(version, *((request.POST, request.FILES) if request.method == "POST" else ()))
    done = submit(request, form, lambda: f"{ask(form.given()).get_absolute_url()}#answer")
    if done is not None:
        return done
    earlier = own_trials(request.user, version.pk, asset)
    chosen = earlier.filter(pk=as_uuid(request.GET.get("trial", ""))).first()
    context = {
        "form": form,
        "version": version,
        "model": version.model,
        "asset": asset,
        "earlier": list(earlier.exclude(pk=chosen.pk if chosen else None)[:EARLIER]),
        "keep_hours": max(1, settings.PLAYGROUND_KEEP_HOURS),
    }
    return show(request, "training/playground/page.html", context | (_told(chosen) if chosen else {}), form)


def trial_panel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where a question stands; asked again until it is answered."""
    trial = get_or_404(request.user, "trial.view", Trial.objects.with_names(), pk=pk)
    return show(request, "training/playground/_answer.html", _told(trial))


def _told(trial: Trial) -> dict[str, Any]:
    left = eta_s(trial)
    return {"trial": trial, "answer": shown_answer(trial), "eta": duration(left) if left is not None else ""}
