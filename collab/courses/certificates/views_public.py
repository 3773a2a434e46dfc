"""What anybody may ask of certificates: is this one valid, and the keys and lists by which programs check it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _

from collab.courses.certificates.badges import PURPOSES, did_document, key_set, status_list
from collab.courses.certificates.checking import TEXT_MAX, Checked, Finding, check, check_number
from collab.courses.certificates.models import Certificate, IssuerKey
from collab.kernel.errors import NotFoundError
from collab.web.errors import page_or_json
from collab.web.forms import PageForm, show
from collab.web.rates import too_often

CHECKS_PER_MINUTE = 30
LISTS_PER_MINUTE = 60
TELLS = {
    Finding.VALID: (
        "ok",
        "patch-check",
        _("This certificate is valid"),
        _("It was signed here, nothing of it was changed, and it counts today."),
    ),
    Finding.EXPIRED: (
        "warn",
        "clock-history",
        _("This certificate has expired"),
        _("It was signed here and nothing of it was changed, but its time is over."),
    ),
    Finding.SUSPENDED: (
        "hold",
        "pause-circle",
        _("This certificate is suspended"),
        _("It was signed here, but it does not count until the organisation reinstates it."),
    ),
    Finding.REVOKED: (
        "bad",
        "slash-circle",
        _("This certificate was revoked"),
        _("It was signed here, but the organisation has taken it back for good."),
    ),
    Finding.FORGED: (
        "bad",
        "exclamation-octagon",
        _("This certificate is forged"),
        _("The signature is not ours, or what it says was changed after it was signed. Do not trust it."),
    ),
    Finding.UNKNOWN: (
        "bad",
        "question-circle",
        _("No such certificate"),
        _("Nothing with this number was issued here. Check that the whole number or credential was copied."),
    ),
}


class CheckForm(PageForm):
    credential = forms.CharField(
        label=_("Credential, address or number"),
        max_length=TEXT_MAX,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "class": "mono"}),
        help_text=_("The signed credential begins with eyJ; the number stands on the paper."),
    )


def credential_check(request: HttpRequest) -> HttpResponse:
    """Paste a credential, or the number of a certificate: valid, expired, suspended, revoked or forged."""
    form = CheckForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form}
    if form.is_bound and form.is_valid():
        if too_often(request, "certificate", limit=CHECKS_PER_MINUTE):
            return _slow_down(request)
        context |= _said(check(form.cleaned_data["credential"]))
    return show(request, "collab/courses/certificates/check.html", context, form)


def credential(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The page behind the code on the paper; of a number that was never issued it says so, with a 404."""
    if too_often(request, "certificate", limit=CHECKS_PER_MINUTE):
        return _slow_down(request)
    checked = check_number(pk)
    page = show(request, "collab/courses/certificates/check.html", {"form": CheckForm(), **_said(checked)})
    if checked.finding == Finding.UNKNOWN:
        page.status_code = 404
    return page


def credential_json(request: HttpRequest) -> HttpResponse:
    """The same for programs: `?credential=`, a signed credential or a number."""
    text = request.GET.get("credential", "")
    if not text.strip() or len(text) > TEXT_MAX:
        return JsonResponse({"code": "invalid", "detail": str(_("Write the credential or its number."))}, status=400)
    if too_often(request, "certificate", limit=CHECKS_PER_MINUTE):
        return _slow_down(request)
    return JsonResponse(told(check(text)))


def credential_token(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The signed credential itself, as whoever knows its number may keep it."""
    checked = check_number(pk)
    if checked.certificate is None:
        raise NotFoundError
    response = HttpResponse(checked.certificate.credential, content_type="application/vc+jwt")
    response["Content-Disposition"] = f'attachment; filename="certificate-{pk}.jwt"'
    return response


def issuer_did(request: HttpRequest) -> HttpResponse:
    return _plain_json(did_document(), "application/did+json")


def issuer_keys(request: HttpRequest) -> HttpResponse:
    return _plain_json(key_set(), "application/jwk-set+json")


def issuer_key(request: HttpRequest, kid: str) -> HttpResponse:
    key = IssuerKey.objects.filter(kid=kid).first()
    if key is None:
        raise NotFoundError
    return _plain_json(key.public_jwk, "application/jwk+json")


def credential_status(request: HttpRequest, purpose: str, number: int) -> HttpResponse:
    """A bitstring status list, signed: for whoever checks certificates without asking us about each."""
    if purpose not in PURPOSES or not Certificate.objects.filter(list_number=number).exists():
        raise NotFoundError
    if too_often(request, "status-list", limit=LISTS_PER_MINUTE):
        return _slow_down(request)
    return HttpResponse(status_list(purpose, number), content_type="application/vc+jwt")


def told(checked: Checked) -> dict[str, Any]:
    """A finding as JSON."""
    found: dict[str, Any] = {"finding": checked.finding.value, "valid": checked.finding == Finding.VALID}
    certificate = checked.certificate
    if certificate is not None:
        found["certificate"] = {
            "id": str(certificate.pk),
            "recipient": certificate.recipient_name,
            "title": certificate.title,
            "title_zh": certificate.title_zh,
            "kind": certificate.kind,
            "organisation": checked.organisation,
            "issued_at": certificate.issued_at,
            "valid_until": certificate.valid_until,
            "changed_at": certificate.changed_at if checked.finding in {"revoked", "suspended"} else None,
        }
    return found


def _said(checked: Checked) -> dict[str, Any]:
    tone, icon, title, text = TELLS[checked.finding]
    return {"checked": checked, "certificate": checked.certificate, "answer": (tone, icon, title, text)}


def _plain_json(content: dict[str, Any], kind: str) -> HttpResponse:
    return HttpResponse(json.dumps(content), content_type=kind)


def _slow_down(request: HttpRequest) -> HttpResponse:
    response = page_or_json(request, status=429)
    response["Retry-After"] = "60"
    return response
