"""What rows let people do beside the licensor's officers: the licensee reports and reads what it is asked to pay,
every inventor reads the own statement, and a further licensor what it was paid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from collab.access.policy import NEVER, Missing, Requirement
from collab.access.roles import ORGANISATION_ROLES, roles_with
from collab.accounts.models import Membership, User
from collab.transfer.royalties.audit_models import RoyaltyAudit
from collab.transfer.royalties.models import RoyaltyReport


def _acts_for(user: User, at: datetime, path: str, word: str) -> Exists:
    """The person belongs to the organisation that `path` leads to, in a role that holds the word."""
    roles = [role for role in roles_with(word) if role in ORGANISATION_ROLES]
    mine = Membership.objects.filter(user=user, project=None, organisation=OuterRef(path), role__in=roles)
    return Exists(mine.active(at))


def as_licensee(path: str) -> Callable[[User, str, datetime], Q]:
    """Whoever may report for the licensee sees its reports, payments and invoices."""

    def grants(user: User, word: str, at: datetime) -> Q:
        if word not in {"royalty.view", "royalty.report"}:
            return NEVER
        return Q(_acts_for(user, at, f"{path}licensee", "royalty.report"))

    return grants


def as_partner(user: User, word: str, at: datetime) -> Q:
    """Those who see the books of whom a payment was made to see the payment."""
    if word != "royalty.view":
        return NEVER
    return Q(_acts_for(user, at, "partner", word))


def as_officer(user: User, word: str, at: datetime) -> Q:
    """Those who see the books see the statements that follow from them."""
    if word != "statement.view":
        return NEVER
    return Q(_acts_for(user, at, "distribution__organisation", "royalty.view"))


def _explain(user: User, report: Any, at: datetime) -> Missing:
    text = _("Only people of %(licensee)s, which holds the licence, report its sales.")
    return Missing("not_licensee", text % {"licensee": report.licence.licensee})


ONLY_THE_LICENSEE_REPORTS = Requirement(
    code="licensee_reports",
    words=frozenset({"royalty.report"}),
    model=RoyaltyReport,
    condition=lambda user, at: Q(_acts_for(user, at, "licence__licensee", "royalty.report")),
    explain=_explain,
)


def _explain_answer(user: User, audit: Any, at: datetime) -> Missing:
    text = _("Only people of %(licensee)s, whose books were examined, answer the findings.")
    return Missing("not_licensee", text % {"licensee": audit.licence.licensee})


ONLY_THE_LICENSEE_ANSWERS = Requirement(
    code="licensee_answers",
    words=frozenset({"royalty.report"}),
    model=RoyaltyAudit,
    condition=lambda user, at: Q(_acts_for(user, at, "licence__licensee", "royalty.report")),
    explain=_explain_answer,
)
