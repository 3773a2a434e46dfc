"""Pages of data-use codes."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404
from collab.web.forms import sent, show, submit
from registry.datasets.models import Dataset
from registry.uses.forms import UsesForm
from registry.uses.models import UseCode
from registry.uses.services import set_uses
from registry.uses.vocabulary import CODES


def dataset_uses(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the dataset may be used for, who said so, and what was said before."""
    dataset = _dataset(request, "dataset.view", pk)
    sets = list(dataset.use_terms.select_related("set_by").prefetch_related("codes__organisations", "codes__people"))
    context = {
        "dataset": dataset,
        "current": next((one for one in sets if one.current), None),
        "earlier": [one for one in sets if not one.current],
        "may_govern": "dataset.govern" in allowed(request.user, dataset, "dataset.govern"),
    }
    return show(request, "registry/uses/page.html", context)


def dataset_uses_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    dataset = _dataset(request, "dataset.govern", pk)
    current = dataset.use_terms.filter(current=True).first()
    form = UsesForm(sent(request), dataset=dataset, terms=current)

    def change() -> str:
        set_uses(dataset=dataset, by=request.user, **form.terms())
        messages.success(request, _("The data-use codes hold from now on."))
        return reverse("registry:dataset_uses", args=[pk])

    done = submit(request, form, change)
    if done is not None:
        return done
    codes = UseCode.objects.current().filter(terms__dataset=dataset).with_names()
    context = {"form": form, "dataset": dataset, "vocabulary": CODES.values(), "codes": codes}
    return show(request, "registry/uses/edit.html", context, form)


def _dataset(request: HttpRequest, word: str, pk: UUID) -> Dataset:
    return get_or_404(request.user, word, Dataset.objects.select_related("project", "organisation"), pk=pk)
