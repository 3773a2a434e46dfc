"""The notes of a case: a panel of its page, read and written by its office."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404
from collab.kernel.blobs import blob_path
from collab.kernel.errors import NotFoundError
from collab.transfer.disclosures.forms import CaseNoteForm, ReasonForm
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.note_models import CaseNote
from collab.transfer.disclosures.noting import add_note, open_file, require_file, withdraw_note
from collab.transfer.disclosures.views import case_of, form_page
from collab.web.downloads import resumable
from collab.web.forms import sent, show
from collab.web.pagination import page_of


def case_notes(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The newest first; more of them by pages."""
    case = get_or_404(request.user, "case.view", TransferCase.objects.all(), pk=pk)
    rows = CaseNote.objects.visible_to(request.user).filter(case=case).select_related("by", "withdrawn_by")
    context = {
        "case": case,
        "page": page_of(request, rows),
        "may_note": bool(allowed(request.user, case, "case.manage")),
    }
    return show(request, "collab/transfer/disclosures/_notes.html", context)


def case_note_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    form = CaseNoteForm(sent(request), request.FILES or None)

    def note() -> str:
        add_note(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("Saved. Only the office reads it."))
        return case.get_absolute_url()

    lead = _("Only the office of the case reads it, not its inventors.")
    return form_page(request, case, form, note, _("Add a note or file"), lead=lead)


def case_note_withdraw(request: HttpRequest, pk: UUID, note: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    found = _note(request, "case.manage", case, note)
    if found.withdrawn_at is not None:  # its text is shown no more, here either
        raise NotFoundError
    form = ReasonForm(sent(request))

    def back() -> str:
        withdraw_note(note=found, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("It is taken back; that it was there stays to be seen."))
        return case.get_absolute_url()

    return form_page(request, case, form, back, _("Take it back"), lead=found.text[:300], tone="danger")


def case_note_file(request: HttpRequest, pk: UUID, note: UUID) -> HttpResponseBase:
    """The file, to keep; never shown inside the site."""
    case = case_of(request, "case.view", pk)
    found = _note(request, "case.view", case, note)
    require_file(found)
    if request.method != "HEAD":
        open_file(note=found, by=request.user)  # type: ignore[arg-type]
    return resumable(request, blob_path(found.sha256), found.file_name, found.sha256, found.media_type)


def _note(request: HttpRequest, word: str, case: TransferCase, pk: UUID) -> CaseNote:
    return get_or_404(request.user, word, CaseNote.objects.filter(case=case).with_all(), pk=pk)
