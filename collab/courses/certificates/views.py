"""Pages of certificates: mine and my organisation's, one of them, its paper, and batches."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.courses.certificates.forms import BatchForm, CertificateFilter, ChangeForm
from collab.courses.certificates.models import Certificate
from collab.courses.certificates.printing import print_certificate
from collab.courses.certificates.services import (
    propose_certificates,
    reinstate_certificate,
    revoke_certificate,
    suspend_certificate,
)
from collab.courses.certificates.states import CERTIFICATE_MOVES, SIGNED
from collab.courses.lists import lines_of_certificates
from collab.courses.tabs import tabs_of
from collab.kernel.errors import ConflictError, NotFoundError
from collab.web.api import as_uuid
from collab.web.csvs import csv_file
from collab.web.downloads import attachment
from collab.web.forms import sent, show, submit
from collab.web.pagination import page_of

VERBS = {
    "suspend": (suspend_certificate, gettext_lazy("Suspend it: it does not count until it is reinstated")),
    "reinstate": (reinstate_certificate, gettext_lazy("Reinstate it: it counts again")),
    "revoke": (revoke_certificate, gettext_lazy("Revoke it for good")),
}


def certificates(request: HttpRequest) -> HttpResponse:
    found = _chosen(request)
    context = {
        "tabs": tabs_of("certificates"),
        "filter": found,
        "page": page_of(request, found.qs),
        "may_propose": visible_to(request.user, "certificate.propose", Organisation.objects.all()).exists(),
    }
    return show(request, "collab/courses/certificates/list.html", context)


def certificates_file(request: HttpRequest) -> HttpResponse:
    """The certificates that are chosen, for a spreadsheet."""
    return csv_file("certificates.csv", lines_of_certificates(_chosen(request).qs))


def _chosen(request: HttpRequest) -> CertificateFilter:
    rows = Certificate.objects.visible_to(request.user).with_names()
    batch = as_uuid(request.GET.get("batch", ""))
    return CertificateFilter(request.GET, rows if batch is None else rows.filter(batch=batch))


def batch_new(request: HttpRequest) -> HttpResponse:
    form = BatchForm(sent(request), user=request.user)

    def propose() -> str:
        batch = propose_certificates(by=request.user, **form.values())
        messages.success(request, _("Proposed. They are issued when somebody else approves them."))
        return batch.get_absolute_url()

    return _form(request, form, propose, title=_("Propose certificates"), back=reverse("collab:certificates"))


def certificate(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _certificate(request, "certificate.view", pk)
    may = allowed(request.user, row, "certificate.revoke")
    context = {
        "certificate": row,
        "is_signed": row.state in SIGNED,
        "may_change": bool(may) and bool(_moves(row)),
        "mine": row.person_id == request.user.pk,
    }
    return show(request, "collab/courses/certificates/page.html", context)


def certificate_pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _certificate(request, "certificate.view", pk)
    if row.state not in SIGNED:
        raise NotFoundError
    content = print_certificate(row)
    return attachment(content, f"certificate-{row.pk}.pdf", hashlib.sha256(content).hexdigest())


def certificate_change(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Suspend, reinstate or revoke, with the reason."""
    row = _certificate(request, "certificate.revoke", pk)
    moves = _moves(row)
    if not moves:
        raise ConflictError(_("Nothing more can be done with this certificate."))
    form = ChangeForm(sent(request), moves=[(name, VERBS[name][1]) for name in moves])

    def change() -> str:
        given = form.values()
        VERBS[given["move"]][0](certificate=row, reason=given["reason"], by=request.user)
        messages.success(request, _("Recorded. The check page says so from now on."))
        return row.get_absolute_url()

    return _form(request, form, change, title=_("Suspend or revoke"), back=row.get_absolute_url(), lead=str(row))


def _moves(row: Certificate) -> list[str]:
    return [name for name in CERTIFICATE_MOVES.open_from(row.state) if name in VERBS]


def _certificate(request: HttpRequest, word: str, pk: UUID) -> Certificate:
    return get_or_404(request.user, word, Certificate.objects.with_names(), pk=pk)


def _form(request: HttpRequest, form: Any, done: Any, *, title: str, back: str, lead: str = "") -> HttpResponse:
    context = {"form": form, "title": title, "back": back, "lead": lead, "section": _("Certificates"),
               "section_url": reverse("collab:certificates")}  # fmt: skip
    return submit(request, form, done) or show(request, "collab/courses/form.html", context, form)
