"""Pages of royalty audits: announced and reported by the licensor, answered by the licensee."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404
from collab.transfer.royalties.audit_forms import AnnounceForm, DisputeForm, FindingsForm
from collab.transfer.royalties.audit_models import RoyaltyAudit
from collab.transfer.royalties.auditing import (
    agree_audit,
    announce_audit,
    begin_audit,
    cancel_audit,
    dispute_audit,
    examined_reports,
    report_audit,
)
from collab.transfer.royalties.forms import ROWS, ReasonForm
from collab.transfer.royalties.states import AUDIT_MOVES
from collab.transfer.royalties.views import _form, _licence
from collab.web.forms import act, sent, show, submit


def audit_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    licence = _licence(request, "royalty.manage", pk)
    form = AnnounceForm(sent(request))

    def announce() -> str:
        made = announce_audit(licence=licence, by=request.user, **form.values())
        messages.success(request, _("The licensee was told of the audit."))
        return made.get_absolute_url()

    return _form(request, form, announce, _("Announce an audit"), licence=licence)


def royalty_audit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where it stands, what was found, and what that makes due."""
    audit = _audit(request, "royalty.view", pk)
    may = allowed(request.user, audit, "royalty.manage", "royalty.report")
    moves = set(AUDIT_MOVES.open_from(audit.state))
    manages, answers = "royalty.manage" in may, "royalty.report" in may and audit.reported_by_id != request.user.pk
    context = {
        "audit": audit,
        "licence": audit.licence,
        "findings": audit.findings.select_related("report", "sublicence").order_by("position"),
        "corrections": audit.corrections.select_related("report").order_by("report__starts_on"),
        "may_begin": manages and "begin" in moves and audit.begins_on <= timezone.localdate(),
        "may_report": manages and "report" in moves,
        "may_cancel": manages and "cancel" in moves,
        "may_agree": answers and "agree" in moves,
        "may_dispute": "royalty.report" in may and "dispute" in moves,
    }
    return show(request, "collab/transfer/royalties/audit.html", context)


def royalty_audit_begin(request: HttpRequest, pk: UUID) -> HttpResponse:
    audit = _audit(request, "royalty.manage", pk)
    return act(
        request,
        lambda: begin_audit(audit=audit, by=request.user),
        to=audit.get_absolute_url(),
        said=_("The audit has begun."),
    )


def royalty_audit_report(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The officer's form for what was found."""
    audit = _audit(request, "royalty.manage", pk)
    raw = request.GET.get("rows", "")
    rows = int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 3 else ROWS
    form = FindingsForm(sent(request), audit=audit, reports=examined_reports(audit), rows=rows)

    def tell() -> str:
        report_audit(audit=audit, by=request.user, **form.values())
        messages.success(request, _("The licensee was told what was found."))
        return audit.get_absolute_url()

    context: dict[str, Any] = {"form": form, "audit": audit, "licence": audit.licence, "more": form.count + 10}
    return submit(request, form, tell) or show(request, "collab/transfer/royalties/findings.html", context, form)


def royalty_audit_agree(request: HttpRequest, pk: UUID) -> HttpResponse:
    audit = _audit(request, "royalty.report", pk)
    return act(
        request,
        lambda: agree_audit(audit=audit, by=request.user),
        to=audit.get_absolute_url(),
        said=_("Agreed. What is due stands in the schedule of the licence."),
    )


def royalty_audit_dispute(request: HttpRequest, pk: UUID) -> HttpResponse:
    audit = _audit(request, "royalty.report", pk)
    form = DisputeForm(sent(request), initial={"version": audit.version})

    def object_to() -> str:
        return dispute_audit(audit=audit, by=request.user, **form.cleaned_data).get_absolute_url()

    return _form(request, form, object_to, _("Object to the findings"), licence=audit.licence, lead=str(audit))


def royalty_audit_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    audit = _audit(request, "royalty.manage", pk)
    form = ReasonForm(sent(request))

    def cancel() -> str:
        return cancel_audit(audit=audit, by=request.user, **form.values()).get_absolute_url()

    return _form(request, form, cancel, _("Call the audit off"), licence=audit.licence, lead=str(audit), tone="danger")


def _audit(request: HttpRequest, word: str, pk: UUID) -> RoyaltyAudit:
    rows = RoyaltyAudit.objects.with_licence().select_related("announced_by", "reported_by", "answered_by")
    return get_or_404(request.user, word, rows, pk=pk)
