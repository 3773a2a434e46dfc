"""A filing or an offer brings its case to a stage of the pipeline, once it was decided to pursue it."""

from __future__ import annotations

from collab.accounts.models import User
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.services import advance_case
from collab.transfer.disclosures.states import PIPELINE, PURSUED, CaseState


def bring_to(case: TransferCase, stage: CaseState, by: User) -> None:
    """Move the case on to the stage, unless it is there or beyond, or is not decided yet: one may file before that."""
    if case.state in PIPELINE and case.decision in PURSUED:
        advance_case(case=case, stage=stage, by=by)
