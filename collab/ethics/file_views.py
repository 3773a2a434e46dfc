"""Pages of the files of an application."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404
from collab.ethics.files import add_file, file_of, remove_file
from collab.ethics.forms import FileForm
from collab.ethics.models import EthicsCase, EthicsFile
from collab.kernel.blobs import blob_path
from collab.web.downloads import resumable
from collab.web.forms import act, sent, show, submit


def ethics_case_file_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _add(request, _case(request, "ethics.apply", pk), _("Add a file"))


def ethics_case_file_replace(request: HttpRequest, pk: UUID, file: UUID) -> HttpResponse:
    case = _case(request, "ethics.apply", pk)
    return _add(request, case, _("Replace a file"), replaces=file_of(case, file, applies=True))


def ethics_case_file(request: HttpRequest, pk: UUID, file: UUID) -> HttpResponseBase:
    """The file, to keep; never shown inside the site."""
    case = _case(request, "ethics.view", pk)
    found = file_of(case, file, applies="ethics.apply" in allowed(request.user, case, "ethics.apply"))
    return resumable(request, blob_path(found.sha256), found.file_name, found.sha256, found.content_type)


def ethics_case_file_remove(request: HttpRequest, pk: UUID, file: UUID) -> HttpResponse:
    case = _case(request, "ethics.apply", pk)
    found = file_of(case, file, applies=True)
    return act(
        request,
        lambda: remove_file(file=found, by=request.user),
        to=f"{case.get_absolute_url()}#files",
        said=_("The file is taken off."),
    )


def _add(request: HttpRequest, case: EthicsCase, title: str, *, replaces: EthicsFile | None = None) -> HttpResponse:
    initial = {"kind": replaces.kind} if replaces else {}
    form = FileForm(sent(request), request.FILES or None, initial=initial)

    def add() -> str:
        add_file(case=case, by=request.user, replaces=replaces, **form.cleaned_data)
        messages.success(request, _("The file goes with the application."))
        return f"{case.get_absolute_url()}#files"

    context: dict[str, Any] = {
        "form": form, "case": case, "title": title, "tone": "primary", "back": case.get_absolute_url(),
        "back_label": case, "replaces": replaces,
    }  # fmt: skip
    return submit(request, form, add) or show(request, "collab/ethics/form.html", context, form)


def _case(request: HttpRequest, word: str, pk: UUID) -> EthicsCase:
    return get_or_404(request.user, word, EthicsCase.objects.with_names(), pk=pk)
