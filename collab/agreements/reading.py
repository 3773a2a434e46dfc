"""An agreement version in words: who has signed, what it lets whom do, what the next signature does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from collab.accounts.models import Organisation
from collab.agreements.approvals import Approval, ApprovalState
from collab.agreements.assets import Asset
from collab.agreements.models import AgreementVersion, Signature
from collab.agreements.states import VersionState

STATE_WORDS = {
    VersionState.DRAFT: pgettext_lazy("state", "Draft"),
    VersionState.INTERNAL_REVIEW: pgettext_lazy("state", "Internal review"),
    VersionState.NEGOTIATION: pgettext_lazy("state", "Negotiation"),
    VersionState.AGREED: pgettext_lazy("state", "Agreed"),
    VersionState.OUT_FOR_SIGNATURE: pgettext_lazy("state", "Out for signature"),
    VersionState.EXECUTED: pgettext_lazy("state", "Executed"),
    VersionState.SUSPENDED: pgettext_lazy("state", "Suspended"),
    VersionState.WITHDRAWN: pgettext_lazy("state", "Withdrawn"),
    VersionState.SUPERSEDED: pgettext_lazy("state", "Superseded"),
    VersionState.TERMINATED: pgettext_lazy("state", "Terminated"),
}
_WAY = (
    VersionState.DRAFT,
    VersionState.NEGOTIATION,
    VersionState.INTERNAL_REVIEW,
    VersionState.AGREED,
    VersionState.OUT_FOR_SIGNATURE,
    VersionState.EXECUTED,
)


@dataclass(frozen=True)
class Step:
    """A state on the way of a version, as components/_steps.html shows it."""

    label: Any
    done: bool
    current: bool


@dataclass(frozen=True)
class Clause:
    """`party` may do `purposes` with `asset`; without an asset, with every dataset of the project."""

    party: Organisation
    purposes: list[str]
    asset: Asset | None
    every: bool

    @property
    def may(self) -> str:
        """What the party may do, in one row of words."""
        return both(self.purposes)

    @property
    def data(self) -> str:
        """With which data: a link for those who may open it."""
        if self.every:
            return _("every dataset of the project")
        if self.asset is None:
            return _("one dataset")
        return (
            format_html('<a href="{}">{}</a>', self.asset.url, self.asset.name) if self.asset.url else self.asset.name
        )


def signatures_of(version: AgreementVersion) -> list[tuple[Organisation, Signature | None]]:
    """Every party with its signature, if it has signed. From what `with_signatures` loaded."""
    given = {signature.party_id: signature for signature in version.signatures.all()}
    return [(party.organisation, given.get(party.organisation_id)) for party in version.parties.all()]


def clauses_of(version: AgreementVersion, assets: Mapping[UUID, Asset]) -> list[Clause]:
    """The coverage, one line for each party and asset. From what `with_terms` loaded."""
    lines: dict[tuple[UUID, UUID | None], Clause] = {}
    for row in sorted(version.coverage.all(), key=lambda row: (str(row.party), str(row.asset_id or ""), row.purpose)):
        asset = assets.get(row.asset_id) if row.asset_id else None
        line = lines.setdefault((row.party_id, row.asset_id), Clause(row.party, [], asset, row.asset_id is None))
        line.purposes.append(str(row.get_purpose_display()))
    return list(lines.values())


def way_of(version: AgreementVersion) -> list[Step]:
    """The states on the way to a signed agreement, and where the version stands; empty for one that left the way."""
    state = VersionState.EXECUTED if version.state == VersionState.SUSPENDED else version.state
    if state not in _WAY:
        return []
    now = _WAY.index(VersionState(state))
    return [Step(STATE_WORDS[step], index < now, index == now) for index, step in enumerate(_WAY)]


def what_next(version: AgreementVersion, approvals: Iterable[Approval]) -> tuple[str, str]:
    """(what happens next, who does it). From what the page has loaded."""
    state, today = version.shown_state, timezone.localdate()
    if state == VersionState.DRAFT:
        return _("It is finished, laid before the other parties, or sent for signature."), str(version.created_by)
    if state == VersionState.NEGOTIATION:
        return _("The parties comment, and answer with a counter-version or let it be approved."), names(
            party.organisation for party in version.parties.all()
        )
    if state == VersionState.INTERNAL_REVIEW:
        waiting = [f"{row.organisation} ({row.step})" for row in approvals if row.state == ApprovalState.OPEN]
        return _("These steps approve it or return it with a reason."), _(", ").join(waiting)
    if state == VersionState.AGREED:
        return _("It can be sent for signature. An edit would void the approvals."), str(version.created_by)
    if state == VersionState.OUT_FOR_SIGNATURE:
        return _("It is signed, or declined with a reason."), names(version.whose_turn())
    if state == VersionState.SUSPENDED:
        return _("It covers nothing until it has effect again: %(reason)s") % {"reason": version.reason}, ""
    if state == VersionState.EXECUTED and version.replaced_on is not None:
        return _("From %(day)s another version takes its place.") % {"day": date_format(version.replaced_on)}, ""
    if state == VersionState.EXECUTED and version.effective_on > today:
        return _("It has effect from %(day)s.") % {"day": date_format(version.effective_on)}, ""
    if state == VersionState.EXECUTED and version.last_day(today) is not None:
        day = date_format(version.last_day(today))
        if version.auto_renews and version.lapses_on is None:
            return _("It renews itself on %(day)s.") % {"day": day}, ""
        return _("It expires on %(day)s.") % {"day": day}, ""
    return "", ""


def effect_of_signing(version: AgreementVersion, signing: Collection[Organisation]) -> str:
    """What happens when these parties sign now."""
    left = [party for party in version.unsigned() if party not in signing]
    if left:
        return _("After your signature, %(parties)s still has to sign; nothing is in force before that.") % {
            "parties": names(left)
        }
    if version.effective_on > timezone.localdate():
        return _("Yours is the last signature: it seals the agreement, which is in force from %(day)s.") % {
            "day": date_format(version.effective_on)
        }
    if not version.coverage.all():
        return _("Yours is the last signature: it seals the agreement.")
    return _("Yours is the last signature: it seals the agreement, and what it covers is open at once.")


def both(purposes: Iterable[str]) -> str:
    """“read the data and train models on the data”."""
    return pgettext("between two purposes", " and ").join(purposes)


def names(organisations: Iterable[Organisation]) -> str:
    """Names in a row."""
    return _(", ").join(str(one) for one in organisations)
