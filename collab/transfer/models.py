"""Gathers the tables of technology transfer."""

from collab.transfer.disclosures.models import (
    Assessment,
    AssessmentScore,
    CaseStage,
    Criterion,
    DisclosedResult,
    Disclosure,
    DisclosureSignature,
    Funding,
    Inventor,
    NoveltyRule,
    PriorArt,
    TransferCase,
)
from collab.transfer.licences.models import (
    Breach,
    Diligence,
    Grant,
    Licence,
    LicensedAsset,
    LicensedThing,
    MilestonePayment,
    RoyaltyTier,
)
from collab.transfer.licences.places import FieldOfUse, Territory

__all__ = [
    "Assessment",
    "AssessmentScore",
    "Breach",
    "CaseStage",
    "Criterion",
    "Diligence",
    "DisclosedResult",
    "Disclosure",
    "DisclosureSignature",
    "FieldOfUse",
    "Funding",
    "Grant",
    "Inventor",
    "Licence",
    "LicensedAsset",
    "LicensedThing",
    "MilestonePayment",
    "NoveltyRule",
    "PriorArt",
    "RoyaltyTier",
    "Territory",
    "TransferCase",
]
