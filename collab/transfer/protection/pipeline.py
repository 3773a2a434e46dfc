"""A filing or an offer brings its case to a stage of the pipeline: never back, and only once it was decided."""

from __future__ import annotations

from django.utils import timezone

from collab.accounts.models import User
from collab.transfer.disclosures.models import CaseStage, TransferCase
from collab.transfer.disclosures.states import PIPELINE, CaseState


def bring_to(case: TransferCase, stage: CaseState, by: User) -> None:
    """Move the locked case on to the stage, unless it is there or beyond."""
    if case.state not in PIPELINE or PIPELINE.index(CaseState(case.state)) >= PIPELINE.index(stage):
        return
    now = timezone.now()
    case.stages.filter(left_at=None).update(left_at=now)
    CaseStage.objects.create(case=case, state=stage, entered_at=now, by=by)
    TransferCase.objects.filter(pk=case.pk).update(state=stage, stage_since=now)
