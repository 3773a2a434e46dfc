"""What ends with a licence: its duties, and the stage of its case when it was the last one."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.agreements.states import STANDING, VersionState
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.services import advance_case
from collab.transfer.disclosures.states import CaseState
from collab.transfer.licences.calendar import settle_all
from collab.transfer.licences.models import Licence
from collab.transfer.licences.states import BINDING, LicenceState
from collab.transfer.licences.sublicensing import end_all
from collab.transfer.protection.models import Protection
from collab.transfer.protection.offers import Offer

LOOKED_BACK = timedelta(days=7)  # so long the daily work may have stood still
_LICENSED = frozenset({CaseState.OPTIONED, CaseState.LICENSED, CaseState.INCOME})


def terminated(version: AgreementVersion, by: User) -> None:
    """A version was terminated, wherever: with the last one that stands the licence ends."""
    if version.state != VersionState.TERMINATED:
        return  # it was declined or withdrawn, so it never had effect
    licence = _locked().filter(agreement=version.agreement_id).first()
    if licence is None or licence.agreement.versions.filter(state__in=STANDING).exists():
        return
    _end(licence, timezone.localdate(version.ended_at) + timedelta(days=1), by)


@transaction.atomic
def expire_licences(today: date) -> list[Licence]:
    """Let end what has come to its last day lately, or was not renewed; those licences."""
    lately = Q(ends_on__gt=today - LOOKED_BACK, ends_on__lte=today) | Q(ends_on=None)
    keys = Licence.objects.with_state().filter(lately, now=LicenceState.EXPIRED).values_list("pk", flat=True)
    rows = list(_locked().filter(pk__in=list(keys)))
    for licence in rows:
        last = licence.agreement.versions.standing().order_by("-number").first()
        _end(licence, (last.last_day(today) if last else None) or today, None)
    return rows


def _locked() -> QuerySet[Licence]:
    return Licence.objects.select_for_update(of=("self",)).select_related("agreement", "licensor", "licensee", "case")


def _end(licence: Licence, first_day_without: date, by: User | None) -> None:
    if licence.starts_on < first_day_without and (licence.ends_on is None or licence.ends_on > first_day_without):
        licence.ends_on = first_day_without
        licence.version += 1
        licence.save(update_fields=["ends_on", "version"])
    settle_all(licence)
    end_all(licence, first_day_without, by)
    if licence.case is not None:
        _step_back(licence.case, by)


def _step_back(case: TransferCase, by: User | None) -> None:
    """Where the case stands without licence: offered again or secured, or expired with the last of its rights."""
    left = Licence.objects.with_state().filter(case=case, now__in=BINDING)
    kinds = set(left.values_list("agreement__kind", flat=True))
    if case.state not in _LICENSED or "licence" in kinds:
        return
    rights = Protection.objects.filter(family__case=case)
    if kinds:
        stage = CaseState.OPTIONED
    elif Offer.objects.filter(case=case).published().exists():
        stage = CaseState.MARKETED
    elif rights.alive().exists():
        stage = CaseState.SECURED
    else:
        stage = CaseState.EXPIRED if rights.exists() else CaseState.MARKETED
    advance_case(case=case, stage=stage, by=by, back=True)
