"""Who sees a licence, and what a licence in force lets the licensee's people have. SQL, evaluated on every request.

Expiry, breach, suspension and termination close downloads on the next request, because each request asks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import NEVER, Missing
from collab.access.roles import ORGANISATION_ROLES, roles_with
from collab.accounts.models import Membership, User
from collab.agreements.models import AgreementKind, AgreementVersion
from collab.agreements.states import STANDING, VersionState
from collab.transfer.licences.models import Licence, LicensedAsset, in_force_q
from collab.transfer.licences.states import AssetKind, LicenceState

_LAID = (VersionState.INTERNAL_REVIEW.value, VersionState.AGREED.value)


def _acts_for(user: User, at: datetime, path: str, roles: list[Any] | None = None) -> Exists:
    """The person belongs to the organisation that `path` leads to, in one of the roles."""
    mine = Membership.objects.filter(user=user, project=None, organisation=OuterRef(path)).active(at)
    return Exists(mine if roles is None else mine.filter(role__in=roles))


def licence_grants(path: str) -> Callable[[User, str, datetime], Q]:
    """What a licence lets people of the licensee and of further licensors do; `path` leads to the licence."""

    def grants(user: User, word: str, at: datetime) -> Q:
        if word in {"licence.exercise", "sublicence.register"}:
            return Q(_acts_for(user, at, f"{path}licensee", roles_with("agreement.sign")))
        if word not in {"licence.view", "royalty.report", "agreement.draft"}:
            return NEVER
        roles = [role for role in roles_with(word) if role in ORGANISATION_ROLES]
        laid = AgreementVersion.objects.filter(
            Q(negotiated_at__isnull=False) | Q(sent_at__isnull=False) | Q(state__in=_LAID),
            agreement=OuterRef(f"{path}agreement"),
        )
        held = Q(_acts_for(user, at, f"{path}licensee", roles)) & Q(Exists(laid))
        if word == "licence.view":
            together = Licence.co_licensors.through.objects.filter(licence=OuterRef(f"{path}pk"))
            with_them = Membership.objects.filter(user=user, project=None, role__in=roles).active(at)
            held |= Q(Exists(together.filter(organisation__in=with_them.values("organisation"))))
        return held

    return grants


def release_grants(user: User, word: str, at: datetime) -> Q:
    """All people of the licensee see what was licensed to it, and have it while the licence is in force.

    An option reserves and opens nothing: whoever is to try a version is given a licence for that.
    """
    if word not in {"release.view", "release.download", "release.try"}:
        return NEVER
    people = Q(_acts_for(user, at, "licence__licensee"))
    if word != "release.view":
        opened = people & Q(licence__agreement__kind=AgreementKind.LICENCE) & in_force_q("licence__", at)
        return opened & Q(kind=AssetKind.MODEL_VERSION) if word == "release.try" else opened
    signed = AgreementVersion.objects.filter(agreement=OuterRef("licence__agreement"), executed_at__isnull=False)
    return people & Q(Exists(signed))


def why_closed(user: User, word: str, asset: LicensedAsset, at: datetime) -> Missing:
    """What keeps a person of the licensee from a licensed asset."""
    licence = Licence.objects.with_state(at).select_related("agreement").get(pk=asset.licence_id)
    if word == "release.try" and asset.kind != AssetKind.MODEL_VERSION:
        code, sentence = "nothing_to_try", _("Only models can be tried, and this is none.")
    else:
        code, sentence = _closed(licence, at)
    return Missing(code, sentence, reverse("registry:release", args=[asset.pk]))


def _closed(licence: Licence, at: datetime) -> tuple[str, str]:
    rows = licence.agreement.versions.order_by("-number")
    standing = rows.filter(state__in=STANDING).first()
    facts: dict[str, Any] = {"ref": licence.agreement.reference}
    if licence.is_option:
        return "licence_is_option", _(
            "%(ref)s is an option: it reserves the right to a licence and opens no files."
        ) % facts
    if licence.state == LicenceState.EXPIRED and standing is not None:
        last = standing.last_day(timezone.localdate(at))
        facts |= {"day": date_format(last) if last else "", "zone": timezone.get_current_timezone_name()}
        return "licence_expired", _("The licence %(ref)s expired on %(day)s, as that day began (%(zone)s).") % facts
    if licence.state == LicenceState.IN_BREACH:
        breach = licence.breaches.filter(cured_on=None).first()
        facts |= {"day": date_format(breach.noticed_on), "reason": breach.reason} if breach else {}
        return "licence_in_breach", _("The licence %(ref)s is in breach since %(day)s: %(reason)s") % facts
    if licence.state == LicenceState.SUSPENDED and standing is not None:
        facts |= {"reason": standing.reason}
        return "licence_suspended", _("The licence %(ref)s is suspended: %(reason)s") % facts
    if licence.state == LicenceState.SIGNED and standing is not None:
        facts |= {"day": date_format(standing.effective_on)}
        return "licence_not_begun", _("The licence %(ref)s is in force only from %(day)s.") % facts
    if licence.state == LicenceState.TERMINATED:
        ended = rows.filter(state=VersionState.TERMINATED).first()
        facts |= {"day": date_format(timezone.localtime(ended.ended_at)) if ended and ended.ended_at else ""}
        return "licence_terminated", _("The licence %(ref)s was terminated on %(day)s.") % facts
    return "licence_not_in_force", _("The licence %(ref)s is not in force.") % facts
