"""Pages about terms: what waits for one's own acceptance, and the page that takes it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from collab.access.policy import get_or_404
from collab.agreements.assets import assets_named
from collab.agreements.models import AgreementVersion
from collab.agreements.reading import clauses_of
from collab.terms.forms import AcceptForm
from collab.terms.models import TermsAcceptance, open_for
from collab.terms.services import accept_terms, parties_to_accept_for
from collab.web.forms import sent, show, submit
from collab.web.pagination import page_of


def terms_list(request: HttpRequest) -> HttpResponse:
    """What waits for one's own acceptance, and what one has accepted."""
    waiting = open_for(request.user).select_related("agreement__project").order_by("executed_at")
    accepted = TermsAcceptance.objects.filter(user=request.user).visible_to(request.user).with_names()
    context = {"waiting": waiting[:100], "page": page_of(request, accepted)}
    return show(request, "collab/terms/list.html", context)


def terms_accept(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Exactly what is accepted: both texts, the dates, what it covers, and its hash."""
    rows = AgreementVersion.objects.with_terms()
    version = get_or_404(request.user, "terms.accept", rows, agreement=pk, number=number)
    parties = parties_to_accept_for(request.user, version)
    form = AcceptForm(sent(request), parties=parties, version=version)

    def accept() -> str:
        accept_terms(version=version, by=request.user, **form.values())
        messages.success(request, _("Accepted. What this version covers is open to you."))
        return version.agreement.project.get_absolute_url()

    assets = assets_named(request.user, (row.asset_id for row in version.coverage.all()))
    earlier = TermsAcceptance.objects.filter(version__agreement=version.agreement, user=request.user).with_names()
    context = {
        "form": form,
        "version": version,
        "agreement": version.agreement,
        "read": {"version": version, "clauses": clauses_of(version, assets)},
        "open": parties and open_for(request.user).filter(pk=version.pk).exists(),
        "own": [row for row in earlier if row.version_id == version.pk],
        "before": next((row for row in earlier if row.version.number < version.number), None),
    }
    return submit(request, form, accept) or show(request, "collab/terms/accept.html", context, form)
