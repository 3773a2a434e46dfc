"""Acceptance as a condition: what an agreement covers opens to a person once they have accepted it themselves.

`registry.datasets` registers it for its words. It says nothing where no agreement covers: coverage says that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from collab.access.policy import Missing, Reason, party_of
from collab.access.roles import roles_with
from collab.access.why import reader_of
from collab.accounts.models import Membership, User
from collab.agreements.confidence import may_be_named, readable
from collab.agreements.coverage import coverage_of
from collab.agreements.models import AgreementVersion, Coverage, Purpose
from collab.terms.models import TermsAcceptance


def accepted(user: User, at: datetime, *, purpose: Purpose, project_path: str = "project", asset_path: str = "pk") -> Q:
    """True where nothing covers the person's party, or something that they have accepted or need not accept."""
    covering = coverage_of(user, at, purpose=purpose, project_path=project_path, asset_path=asset_path)
    own = TermsAcceptance.objects.filter(version=OuterRef("version"), organisation=OuterRef("party"), user=user)
    return ~Q(Exists(covering)) | Q(Exists(covering.filter(Q(version__requires_acceptance=False) | Exists(own))))


def told(user: User, at: datetime) -> Q:
    """True for one's own acceptances, and those of agreements that one may read."""
    return Q(user=user.pk) | Q(readable("version__agreement__")(user, at))


def asked_to_accept(user: User, at: datetime) -> Q:
    """True where one may read the agreement anyway, or is asked for one's acceptance, or has given it."""
    covered = Membership.objects.filter(
        user=user,
        project=OuterRef("agreement__project"),
        role__in=roles_with("terms.accept"),
        organisation__in=Coverage.objects.filter(version=OuterRef(OuterRef("pk"))).values("party"),
    ).active(at)
    own = TermsAcceptance.objects.filter(version=OuterRef("pk"), user=user)
    asked = Q(executed_at__isnull=False, requires_acceptance=True) & Q(Exists(covered))
    return Q(readable("agreement__")(user, at)) | asked | Q(Exists(own))


def not_asked(user: User, version: Any, at: datetime) -> Missing:
    """A confidential agreement that asks the person for nothing."""
    text = _("This agreement is confidential, and it does not ask for your acceptance.")
    return Missing("agreement_confidential", text)


def explain(*, purpose: Purpose) -> Callable[[User, Any, datetime], Missing]:
    """The sentence for terms not yet accepted, with the page that takes the acceptance."""

    def sentence(user: User, asset: Any, at: datetime) -> Missing:
        return missing_acceptance(user, asset, at, purpose=purpose)

    return sentence


def missing_acceptance(user: User, asset: Any, at: datetime, *, purpose: Purpose) -> Missing:
    """Which version the person has still to accept before they may use `asset` (with `.project`)."""
    row = (
        Coverage.objects.in_force(at)
        .for_asset(asset.project_id, asset.pk)
        .filter(party__in=party_of(user, asset.project_id, at), purpose=purpose, version__requires_acceptance=True)
        .select_related("version__agreement", "party")
        .order_by("-version__executed_at", "party__name")
        .first()
    )
    if row is None:  # it ended between two questions
        return Missing("acceptance", _("Your acceptance of the terms is missing."), asset.project.get_absolute_url())
    version, reader = row.version, reader_of(user)
    if reader != user and not may_be_named(version.agreement, reader):
        return Missing("acceptance", _("The acceptance of a confidential agreement of this project is missing."))
    names = {"ref": version.agreement.reference, "n": version.number}
    earlier = (
        TermsAcceptance.objects.filter(version__agreement=version.agreement_id, user=user, organisation=row.party)
        .select_related("version")
        .order_by("-version__number")
        .first()
    )
    if earlier is None:
        text = _("Your acceptance of %(ref)s version %(n)d is missing.") % names
    else:
        text = _("Your acceptance of %(ref)s version %(n)d is missing; you accepted version %(before)d on %(day)s.") % {
            **names,
            "before": earlier.version.number,
            "day": date_format(localtime(earlier.accepted_at)),
        }
    return Missing("acceptance", text, accept_url(version))


def because(*, purpose: Purpose) -> Callable[[User, Any, datetime], list[Reason]]:
    """What the person has accepted of that which covers them."""

    def reasons(user: User, asset: Any, at: datetime) -> list[Reason]:
        covering = Coverage.objects.in_force(at).for_asset(asset.project_id, asset.pk).filter(purpose=purpose)
        rows = TermsAcceptance.objects.filter(
            Exists(covering.filter(version=OuterRef("version"), party=OuterRef("organisation"))),
            user=user,
            organisation__in=party_of(user, asset.project_id, at),
        )
        reader = reader_of(user)
        return [
            Reason(
                "acceptance",
                _("%(ref)s version %(n)d was accepted on %(day)s for %(party)s.")
                % {
                    "ref": row.version.agreement.reference,
                    "n": row.version.number,
                    "day": date_format(localtime(row.accepted_at)),
                    "party": row.organisation,
                },
                accept_url(row.version),
            )
            for row in rows.with_names()
            if reader == user or may_be_named(row.version.agreement, reader)
        ]

    return reasons


def accept_url(version: AgreementVersion) -> str:
    """The page that shows the text and takes the acceptance."""
    return reverse("collab:terms_accept", args=[version.agreement_id, version.number])
