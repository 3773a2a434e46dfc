"""The cases behind the assets of a licence, and each one's part of what the licence brings. Reads only.

A right belongs to its case, a technology is one, a model or dataset to the case in which it was disclosed. What belongs
to no case of the licensor counts for the case of the licence. Where several licensors share the receipts, the part of
each is cut by those assets alone behind which a case of its own stands.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from collab.accounts.models import Organisation
from collab.transfer.disclosures.models import DisclosedResult, TransferCase
from collab.transfer.disclosures.states import PURSUED
from collab.transfer.licences.models import Licence, LicensedAsset, LicensorShare
from collab.transfer.protection.models import Protection

Weights = dict[UUID | None, Decimal]  # case -> per cent


def weights_of(organisation: Organisation, licences: dict[UUID, Licence]) -> dict[UUID, Weights]:
    """For each licence, what per cent of its money each case of the organisation has brought; in five queries."""
    found: dict[UUID, Weights] = {key: {} for key in licences}
    rows = list(_assets(organisation).order_by("licence", "position"))
    rows = [row for row in rows if row.licence_id in licences]
    cases = _cases(organisation) if rows else {}
    shared = set(LicensorShare.objects.filter(organisation=organisation).values_list("licence", flat=True).order_by())
    for row in rows:
        own = licences[row.licence_id].case_id
        behind = cases.get(f"{row.subject_type}:{row.subject_id}", [])
        if not behind and row.licence_id in shared:
            continue
        case = own if own in behind or not behind else behind[0]
        made = found[row.licence_id]
        made[case] = made.get(case, Decimal(0)) + row.allocation_percent
    for key, licence in licences.items():
        if not any(found[key].values()):
            own = licence.case_id if licence.licensor_id == organisation.pk else None
            found[key] = {own: Decimal(100)}
    return found


def _assets(organisation: Organisation) -> QuerySet[LicensedAsset]:
    """Of the licences whose receipts are the organisation's, or of which a part is."""
    shared = LicensorShare.objects.filter(organisation=organisation).values("licence")
    return LicensedAsset.objects.filter(Q(licence__licensor=organisation) | Q(licence__in=shared))


def _cases(organisation: Organisation) -> dict[str, list[UUID]]:
    """The cases of the organisation behind each thing that can be licensed, by its key."""
    found: dict[str, list[UUID]] = defaultdict(list)

    def add(table: Any, key: Any, case: UUID) -> None:
        found[f"{table}:{key}"].append(case)

    assets = _assets(organisation)
    tables = set(assets.values_list("subject_type", flat=True).order_by().distinct())
    cases = TransferCase.objects.filter(organisation=organisation)
    for key in cases.values_list("pk", flat=True):
        add(TransferCase._meta.label_lower, key, key)
    rights = Protection.objects.filter(family__case__organisation=organisation)
    for key, case in rights.values_list("pk", "family__case"):
        add(Protection._meta.label_lower, key, case)
    results = DisclosedResult.objects.filter(
        case__organisation=organisation, case__decision__in=PURSUED, subject_type__in=tables
    )
    for table, key, case in results.order_by("created_at", "pk").values_list("subject_type", "subject_id", "case"):
        add(table, key, case)
    return found
