"""Coverage as a condition: which assets may this person use for this purpose, and the sentence when not.

`registry.datasets` registers it for its words; nothing here knows what an asset is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import Missing, Reason, party_of
from collab.access.why import reader_of
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.confidence import may_be_named
from collab.agreements.models import AgreementVersion, Coverage, Purpose
from collab.agreements.states import STANDING, VersionState


def coverage_of(
    user: User, at: datetime, *, purpose: Purpose, project_path: str = "project", asset_path: str = "pk"
) -> QuerySet[Coverage]:
    """What is in force and covers the person's party for the purpose, on the row of the query around it.

    `project_path` leads from the row to its project's key, `asset_path` to the asset's.
    """
    acting_for = Membership.objects.filter(user=user, project=OuterRef(OuterRef(project_path))).active(at)
    return Coverage.objects.in_force(at).filter(
        Q(asset_id=None) | Q(asset_id=OuterRef(asset_path)),
        purpose=purpose,
        version__agreement__project=OuterRef(project_path),
        party__in=acting_for.values("organisation"),
    )


def covered(
    user: User, at: datetime, *, purpose: Purpose, project_path: str = "project", asset_path: str = "pk"
) -> Exists:
    """True for the assets whose project has an agreement in force that covers the person's party for the purpose."""
    return Exists(coverage_of(user, at, purpose=purpose, project_path=project_path, asset_path=asset_path))


def explain(*, purpose: Purpose) -> Callable[[User, Any, datetime], Missing]:
    """The sentence for an uncovered asset: which agreement is unsigned, expired, ended, or that none exists."""

    def sentence(user: User, asset: Any, at: datetime) -> Missing:
        return missing_coverage(user, asset, at, purpose=purpose)

    return sentence


def missing_coverage(user: User, asset: Any, at: datetime, *, purpose: Purpose) -> Missing:
    """What is missing before the person's party may use `asset` (with `.project`) for the purpose."""
    parties = list(party_of(user, asset.project_id, at))
    wish = Purpose(purpose).label
    if not parties:
        return Missing("no_party", _("You act for no party of this project, so no agreement can cover you."))
    candidates = (
        AgreementVersion.objects.filter(
            Q(coverage__asset_id=None) | Q(coverage__asset_id=asset.pk),
            coverage__purpose=purpose,
            coverage__party__in=parties,
            agreement__project_id=asset.project_id,
        )
        .exclude(state=VersionState.WITHDRAWN)
        .select_related("agreement")
        .distinct()
        .order_by("-created_at")
    )
    version = _nearest(list(candidates), at)
    if version is None:
        return Missing(
            "no_agreement",
            _("No agreement of this project lets %(party)s %(wish)s.") % {"party": parties[0], "wish": wish},
            asset.project.get_absolute_url() + "#agreements",
        )
    reader = reader_of(user)
    told = may_be_named(version.agreement, reader)
    if not told and reader != user:
        return Missing("agreement_confidential", _("A confidential agreement of this project stands in the way."))
    reference, url = version.agreement.reference, version.agreement.get_absolute_url()
    today = timezone.localdate(at)
    if version.state == VersionState.SUPERSEDED or (version.replaced_on is not None and version.replaced_on <= today):
        text = _("The newer version of the agreement %(ref)s no longer lets %(party)s %(wish)s.") % {
            "ref": reference,
            "party": parties[0],
            "wish": wish,
        }
        return Missing("agreement_amended", text, url)
    if version.state in STANDING and version.has_expired(today):
        text = _("The agreement %(ref)s expired on %(day)s, as that day began (%(zone)s).") % {
            "ref": reference,
            "day": date_format(version.last_day(today)),
            "zone": timezone.get_current_timezone_name(),
        }
        return Missing("agreement_expired", text, url)
    if version.state == VersionState.SUSPENDED:
        text = _("The agreement %(ref)s is suspended since %(day)s: %(reason)s") % {
            "ref": reference,
            "day": date_format(timezone.localtime(version.suspended_at)) if version.suspended_at else "",
            "reason": version.reason if told else _("its reason is confidential."),
        }
        return Missing("agreement_suspended", text, url)
    if version.state == VersionState.EXECUTED:
        text = _("The agreement %(ref)s is in force only from %(day)s.") % {
            "ref": reference,
            "day": date_format(version.effective_on),
        }
        return Missing("agreement_not_begun", text, url)
    if version.state == VersionState.OUT_FOR_SIGNATURE:
        unsigned = Organisation.objects.filter(pk__in=version.parties.values("organisation")).exclude(
            pk__in=version.signatures.values("party")
        )
        text = _("The agreement %(ref)s is not signed by %(parties)s.") % {
            "ref": reference,
            "parties": ", ".join(o.name for o in unsigned),
        }
        return Missing("agreement_unsigned", text, url)
    if version.state == VersionState.TERMINATED:
        text = _("The agreement %(ref)s was terminated on %(day)s.") % {
            "ref": reference,
            "day": date_format(timezone.localtime(version.ended_at)) if version.ended_at else "",
        }
        return Missing("agreement_terminated", text, url)
    if version.state != VersionState.DRAFT:
        text = _("The agreement %(ref)s is still under way; it has not been sent for signature.") % {"ref": reference}
        return Missing("agreement_under_way", text, url)
    text = _("The agreement %(ref)s is still a draft; it has not been sent for signature.") % {"ref": reference}
    return Missing("agreement_draft", text, url)


def because(*, purpose: Purpose) -> Callable[[User, Any, datetime], list[Reason]]:
    """The agreements in force that cover the person's party for the asset."""

    def reasons(user: User, asset: Any, at: datetime) -> list[Reason]:
        rows = (
            Coverage.objects.in_force(at)
            .for_asset(asset.project_id, asset.pk)
            .filter(party__in=party_of(user, asset.project_id, at), purpose=purpose)
            .select_related("version__agreement", "party")
            .order_by("version__agreement__reference")
        )
        reader = reader_of(user)
        return [
            _covers(row, purpose)
            if reader == user or may_be_named(row.version.agreement, reader)
            else Reason("agreement", _("A confidential agreement of this project allows it."))
            for row in rows
        ]

    return reasons


def _covers(row: Coverage, purpose: Purpose) -> Reason:
    version, last = row.version, row.version.last_day(timezone.localdate())
    facts = {
        "ref": version.agreement.reference,
        "n": version.number,
        "party": row.party,
        "wish": Purpose(purpose).label,
        "day": date_format(version.effective_on),
        "last": date_format(last) if last else "",
        "zone": timezone.get_current_timezone_name(),
    }
    if last:
        text = _("%(ref)s version %(n)d lets %(party)s %(wish)s from %(day)s; it ends when %(last)s begins (%(zone)s).")
    else:
        text = _("%(ref)s version %(n)d lets %(party)s %(wish)s from %(day)s on.")
    return Reason("agreement", text % facts, version.get_absolute_url())


_NEARNESS = [
    VersionState.EXECUTED,
    VersionState.SUSPENDED,
    VersionState.OUT_FOR_SIGNATURE,
    VersionState.AGREED,
    VersionState.INTERNAL_REVIEW,
    VersionState.NEGOTIATION,
    VersionState.DRAFT,
    VersionState.TERMINATED,
    VersionState.SUPERSEDED,
]


def _nearest(versions: list[AgreementVersion], at: datetime) -> AgreementVersion | None:
    """The version that a person would mend: the one that came closest to being in force."""
    return min(versions, key=lambda v: _NEARNESS.index(VersionState(v.state)), default=None)
