"""Pages of what is entered by hand in the books, all of it by pages: rates, late interest, third parties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404
from collab.accounts.models import Organisation
from collab.transfer.royalties.forms import EndRateForm, ReasonForm
from collab.transfer.royalties.models import ExchangeRate, InterestRule, PolicyVersion, ThirdPartyShare
from collab.transfer.royalties.rates import reckoned_interest
from collab.transfer.royalties.services import end_rate, withdraw_interest, withdraw_policy, withdraw_rate
from collab.web.forms import sent, show, submit
from collab.web.pagination import page_of

SHOWN = 100


def exchange_rates(request: HttpRequest, slug: str) -> HttpResponse:
    """Every rate that was entered, and every rate of late interest."""
    organisation = get_or_404(request.user, "royalty.view", Organisation.objects.all(), slug=slug)
    rates = ExchangeRate.objects.filter(organisation=organisation).select_related("entered_by")
    context = {
        "organisation": organisation,
        "page": page_of(request, rates.order_by("-from_on", "source", "pk")),
        "interest": InterestRule.objects.filter(organisation=organisation).select_related("entered_by")[:SHOWN],
        "reckoned": reckoned_interest(organisation),
        "may_manage": bool(allowed(request.user, organisation, "royalty.manage")),
    }
    return show(request, "collab/transfer/royalties/rates.html", context)


def third_parties(request: HttpRequest, slug: str) -> HttpResponse:
    """Everybody outside who is or was owed a part."""
    organisation = get_or_404(request.user, "royalty.view", Organisation.objects.all(), slug=slug)
    rows = ThirdPartyShare.objects.filter(case__organisation=organisation).select_related("case__disclosure")
    context = {
        "organisation": organisation,
        "page": page_of(request, rows.order_by("-from_on", "-created_at", "pk")),
        "may_manage": bool(allowed(request.user, organisation, "royalty.manage")),
    }
    return show(request, "collab/transfer/royalties/third_parties.html", context)


def exchange_rate_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    rate = _rate(request, pk)
    form = EndRateForm(sent(request))
    return _done(request, form, lambda **data: end_rate(rate=rate, **data), _("End the rate"), rate)


def exchange_rate_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    rate = _rate(request, pk)
    form = ReasonForm(sent(request))
    return _done(request, form, lambda **data: withdraw_rate(rate=rate, **data), _("Withdraw the rate"), rate)


def interest_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    rule = get_or_404(request.user, "royalty.manage", InterestRule.objects.select_related("organisation"), pk=pk)
    form = ReasonForm(sent(request))
    return _done(request, form, lambda **data: withdraw_interest(rule=rule, **data), _("Withdraw the rate"), rule)


def policy_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = PolicyVersion.objects.select_related("policy__organisation")
    version = get_or_404(request.user, "royalty.manage", rows, pk=pk)
    organisation, form = version.policy.organisation, ReasonForm(sent(request))
    back = reverse("collab:royalty_policy", args=[organisation.slug])

    def withdraw() -> str:
        withdraw_policy(version=version, by=request.user, **form.values())
        messages.success(request, _("Saved."))
        return back

    lead = _("Version %(n)s, for receipts from %(day)s")
    context = {
        "form": form, "title": _("Withdraw the version"), "tone": "danger", "organisation": organisation, "back": back,
        "lead": lead % {"n": version.number, "day": date_format(version.effective_on)},
    }  # fmt: skip
    return submit(request, form, withdraw) or show(request, "collab/transfer/royalties/form.html", context, form)


def _rate(request: HttpRequest, pk: UUID) -> ExchangeRate:
    return get_or_404(request.user, "royalty.manage", ExchangeRate.objects.select_related("organisation"), pk=pk)


def _done(
    request: HttpRequest, form: Any, verb: Callable[..., Any], title: str, row: ExchangeRate | InterestRule
) -> HttpResponse:
    back = reverse("collab:exchange_rates", args=[row.organisation.slug])

    def save() -> str:
        verb(by=request.user, **form.values())
        messages.success(request, _("Saved."))
        return back

    context = {
        "form": form, "title": title, "lead": str(row), "tone": "danger", "organisation": row.organisation,
        "back": back,
    }  # fmt: skip
    return submit(request, form, save) or show(request, "collab/transfer/royalties/form.html", context, form)
