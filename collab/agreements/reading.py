"""An agreement version in words: who has signed, what it lets whom do, what the next signature does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from collab.accounts.models import Organisation
from collab.agreements.assets import Asset
from collab.agreements.models import AgreementVersion, Signature


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
