"""What a list of licensed assets tells."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from collab.transfer.licences.models import LicensedAsset, state_case
from collab.transfer.licences.states import LicenceState


def with_licences(rows: QuerySet[LicensedAsset], at: datetime | None = None) -> QuerySet[LicensedAsset]:
    """Loads the licence behind each asset and adds `now`, its state."""
    rows = rows.annotate(now=state_case(at or timezone.now(), "licence__"))
    return rows.select_related("licence__agreement", "licence__licensor", "licence__licensee").order_by(
        "-licence__starts_on", "licence", "position"
    )


def is_open(asset: LicensedAsset) -> bool:
    return asset.now == LicenceState.ACTIVE  # type: ignore[attr-defined]
