"""Pages of agreements."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.agreements.assets import assets_named
from collab.agreements.forms import AgreementForm, SignForm, VerifyForm, VersionForm
from collab.agreements.models import Agreement, AgreementVersion
from collab.agreements.reading import clauses_of, effect_of_signing, names, signatures_of
from collab.agreements.sealing import ensure_sealed, executed_on, open_sealed, verify_url
from collab.agreements.services import (
    draft_agreement,
    draft_version,
    parties_to_sign_for,
    send_for_signature,
    sign_version,
    terminate_version,
    withdraw_version,
)
from collab.agreements.states import VERSION_MOVES, VersionState
from collab.audit.models import AuditEvent
from collab.projects.models import Project
from collab.web.downloads import attachment
from collab.web.errors import page_or_json
from collab.web.forms import act, sent, show, submit
from collab.web.history import timeline
from collab.web.rates import too_often

HISTORY_SHOWN = 12
VERIFY_PER_MINUTE = 30
_IN_PROGRESS = {VersionState.DRAFT, VersionState.OUT_FOR_SIGNATURE}


def project_agreements(request: HttpRequest, slug: str) -> HttpResponse:
    """The panel of a project's page."""
    project = get_or_404(request.user, "agreement.view", Project.objects.all(), slug=slug)
    rows = Agreement.objects.filter(project=project).visible_to(request.user).with_versions()
    context = {
        "project": project,
        "rows": [_line(agreement) for agreement in rows],
        "may_draft": "agreement.draft" in allowed(request.user, project, "agreement.draft"),
    }
    return show(request, "collab/agreements/_panel.html", context)


def _line(agreement: Agreement) -> dict[str, Any]:
    """The version in force and the one under way, if there are."""
    standing: list[AgreementVersion] = agreement.standing  # type: ignore[attr-defined]
    newest = standing[0] if standing else None
    executed = next((v for v in standing if v.state == VersionState.EXECUTED), None)
    shown = executed or newest
    return {
        "agreement": agreement,
        "version": shown,
        "under_way": newest if newest is not shown else None,
        "unsigned": names(newest.unsigned()) if newest and newest.state == VersionState.OUT_FOR_SIGNATURE else "",
    }


def agreement_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "agreement.draft", Project.objects.all(), slug=slug)
    form = AgreementForm(sent(request))

    def begin() -> str:
        agreement = draft_agreement(project=project, by=request.user, **form.values())
        return reverse("collab:version_new", args=[agreement.pk])

    context = {"form": form, "project": project}
    return submit(request, form, begin) or show(request, "collab/agreements/new.html", context, form)


def agreement_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    agreement = get_or_404(request.user, "agreement.view", Agreement.objects.select_related("project"), pk=pk)
    versions = list(AgreementVersion.objects.filter(agreement=agreement).with_terms())
    assets = assets_named(request.user, (row.asset_id for version in versions for row in version.coverage.all()))
    may = allowed(request.user, agreement, "agreement.draft", "agreement.end", "audit.view")
    read = [_reading(version, clauses_of(version, assets), may) for version in versions]
    front = next((one for one in read if one["version"].state in {*_IN_PROGRESS, VersionState.EXECUTED}), None)
    context = {
        "agreement": agreement,
        "front": front or (read[0] if read else None),
        "in_force": next((one for one in read if one["version"].state == VersionState.EXECUTED), None),
        "others": [one for one in read if one is not (front or read[0])],
        "may_draft": "agreement.draft" in may,
        "in_progress": any(version.state in _IN_PROGRESS for version in versions),
        "sign_for": parties_to_sign_for(request.user, versions[0]) if versions else [],
    }
    if "audit.view" in may:
        context["history"] = timeline(_events(request, agreement, versions)[:HISTORY_SHOWN])
    return show(request, "collab/agreements/page.html", context)


def _reading(version: AgreementVersion, clauses: list[Any], may: set[str]) -> dict[str, Any]:
    open_moves = dict.fromkeys(VERSION_MOVES.open_from(version.state), True)
    return {
        "version": version,
        "signatures": signatures_of(version),
        "clauses": clauses,
        "unsigned": names(version.unsigned()),
        "may": {
            "send": "agreement.draft" in may and "send" in open_moves,
            "withdraw": "agreement.draft" in may and "withdraw" in open_moves,
            "terminate": "agreement.end" in may and "terminate" in open_moves,
        },
    }


def _events(request: HttpRequest, agreement: Agreement, versions: list[AgreementVersion]) -> Any:
    subjects = [str(agreement.pk), *(str(version.pk) for version in versions)]
    rows = AuditEvent.objects.filter(project_id=agreement.project_id, subject_id__in=subjects)
    return visible_to(request.user, "audit.view", rows)


def version_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    agreement = get_or_404(request.user, "agreement.draft", Agreement.objects.select_related("project"), pk=pk)
    before = AgreementVersion.objects.filter(agreement=agreement).with_terms().first()
    form = VersionForm(sent(request), agreement=agreement, user=request.user, initial=VersionForm.like(before))

    def draft() -> str:
        version = draft_version(agreement=agreement, by=request.user, **form.values())
        messages.success(
            request,
            _("Version %(n)d is drafted. Read it once more, then send it for signature.") % {"n": version.number},
        )
        return version.get_absolute_url()

    context = {"form": form, "agreement": agreement, "before": before}
    return submit(request, form, draft) or show(request, "collab/agreements/draft.html", context, form)


def version_send(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.draft", pk, number)
    return act(
        request,
        lambda: send_for_signature(version=version, by=request.user),
        to=version.get_absolute_url(),
        said=_("Sent for signature. The signatories of each party find it on their dashboard."),
    )


def version_sign(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.sign", pk, number)
    parties = parties_to_sign_for(request.user, version)
    if not parties:
        messages.info(request, _("There is nothing here for you to sign now."))
        return redirect(version.get_absolute_url())
    form = SignForm(sent(request), parties=parties, version=version)

    def sign() -> str:
        signed = sign_version(version=version, by=request.user, **form.values())
        executed = signed.state == VersionState.EXECUTED
        messages.success(request, _in_force(signed) if executed else _("Signed. Thank you."))
        return signed.get_absolute_url()

    assets = assets_named(request.user, (row.asset_id for row in version.coverage.all()))
    context = {
        "form": form,
        "read": _reading(version, clauses_of(version, assets), set()),
        "agreement": version.agreement,
        "effect": effect_of_signing(version, parties),
    }
    return submit(request, form, sign) or show(request, "collab/agreements/sign.html", context, form)


def _in_force(version: AgreementVersion) -> str:
    today: date = timezone.localdate()
    if version.effective_on > today:
        return _("Signed by all parties.")
    return _("Signed by all parties: the agreement is in force.")


def version_withdraw(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.draft", pk, number)
    return act(
        request,
        lambda: withdraw_version(version=version, by=request.user),
        to=version.agreement.get_absolute_url(),
        said=_("The version was withdrawn."),
    )


def version_terminate(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.end", pk, number)
    return act(
        request,
        lambda: terminate_version(version=version, by=request.user),
        to=version.agreement.get_absolute_url(),
        said=_("The agreement is terminated. What it covered is closed from now on."),
    )


def version_sealed(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """About the sealed document: its hash, how to check it, where to get it."""
    version = _version(request, "agreement.view", pk, number)
    context = {
        "agreement": version.agreement,
        "version": version,
        "sealed": ensure_sealed(version),
        "verify_url": verify_url(version.document_sha256),
    }
    return show(request, "collab/agreements/sealed.html", context)


def version_sealed_file(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.view", pk, number)
    sealed, content = open_sealed(version=version, by=request.user)
    return attachment(content, f"{version.agreement.reference}-v{version.number}.pdf", sealed.sha256)


def verify(request: HttpRequest) -> HttpResponse:
    """For anybody: was a document with this hash executed? Yes with the day, or no; nothing else is told."""
    asked = request.GET if "sha256" in request.GET and request.method != "POST" else None
    form = VerifyForm(asked if request.method != "POST" else request.POST, request.FILES or None)
    context: dict[str, Any] = {"form": form}
    if form.is_bound and form.is_valid():
        if too_often(request, "verify", limit=VERIFY_PER_MINUTE):
            return _slow_down(request)
        context |= {"asked": form.sha256, "day": executed_on(form.sha256)}
    return show(request, "collab/agreements/verify.html", context, form)


def verify_json(request: HttpRequest) -> HttpResponse:
    """The same for programs: `?sha256=`."""
    form = VerifyForm(request.GET)
    if not form.is_valid():
        return JsonResponse({"code": "invalid", "detail": _("Write the hash as 64 hexadecimal digits.")}, status=400)
    if too_often(request, "verify", limit=VERIFY_PER_MINUTE):
        return _slow_down(request)
    day = executed_on(form.sha256)
    return JsonResponse({"executed": day is not None, "executed_on": day.isoformat() if day else None})


def _slow_down(request: HttpRequest) -> HttpResponse:
    response = page_or_json(request, status=429)
    response["Retry-After"] = "60"
    return response


def _version(request: HttpRequest, word: str, pk: UUID, number: int) -> AgreementVersion:
    rows = AgreementVersion.objects.with_terms()
    return get_or_404(request.user, word, rows, agreement=pk, number=number)
