"""Telling people that an agreement which now covers them waits for their own acceptance."""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.inbox.kinds import Kind, register_kind
from collab.inbox.notices import notify
from collab.inbox.states import Mail
from collab.terms.acceptance import accept_url
from collab.terms.models import asked_by

TERMS = "terms"

register_kind(Kind(TERMS, _("Terms that I have still to accept"), "check2-all", Mail.NOW))


def tell_to_accept(version: AgreementVersion, by: User) -> None:
    """Tell everybody who acts for a party that the version covers; also who accepted an earlier version of it."""
    if not version.requires_acceptance:
        return
    people = User.objects.filter(pk__in=asked_by(version).values("user")).order_by("pk")
    if version.effective_on > timezone.localdate():
        title = format_lazy(
            _("{agreement}, version {number}, asks for your acceptance from {day} on"),
            agreement=version.agreement,
            number=version.number,
            day=date_format(version.effective_on, "Y-m-d"),
        )
    else:
        title = format_lazy(
            _("{agreement}, version {number}, waits for your acceptance"),
            agreement=version.agreement,
            number=version.number,
        )
    notify(people=list(people), kind=TERMS, title=title, url=accept_url(version), project=version.agreement.project)
