"""The technology of a case as something to license: software, know-how and whatever has no row of its own elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.licensable import Finding, Licensable, Wish


class CaseTechnology:
    """What was disclosed, owned by the organisation whose case it is."""

    def of_project(self, project_id: UUID) -> list[Licensable]:
        return [_asset(row) for row in TransferCase.objects.filter(project=project_id).select_related("disclosure")]

    def named(self, keys: Sequence[str]) -> list[Licensable]:
        return [_asset(row) for row in TransferCase.objects.filter(pk__in=_ids(keys)).select_related("disclosure")]

    def findings(self, key: str, wish: Wish) -> list[Finding]:
        return []


def _asset(case: TransferCase) -> Licensable:
    kind = "software" if case.disclosure.kind == "software" else "technology"
    return Licensable(
        kind=kind,
        subject_type=TransferCase._meta.label_lower,
        subject_id=str(case.pk),
        label=" · ".join(filter(None, (case.docket, case.disclosure.title))),
        owners=frozenset({case.organisation_id}),
        because=_("It is a case of that organisation."),
        url=case.get_absolute_url(),
        project_id=case.project_id,
    )


def _ids(keys: Sequence[str]) -> list[UUID]:
    found = []
    for key in keys:
        try:
            found.append(UUID(key))
        except ValueError:
            continue
    return found
