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
from collab.transfer.protection.models import Counsel, Family, Protection, ProtectionCost
from collab.transfer.protection.offers import Interest, Offer
from collab.transfer.protection.rules import Deadline, DeadlineRule, DeadlineRuleSet, FunderRules

__all__ = [
    "Assessment",
    "AssessmentScore",
    "Breach",
    "CaseStage",
    "Counsel",
    "Criterion",
    "Deadline",
    "DeadlineRule",
    "DeadlineRuleSet",
    "Diligence",
    "DisclosedResult",
    "Disclosure",
    "DisclosureSignature",
    "Family",
    "FieldOfUse",
    "FunderRules",
    "Funding",
    "Grant",
    "Interest",
    "Inventor",
    "Licence",
    "LicensedAsset",
    "LicensedThing",
    "MilestonePayment",
    "NoveltyRule",
    "Offer",
    "PriorArt",
    "Protection",
    "ProtectionCost",
    "RoyaltyTier",
    "Territory",
    "TransferCase",
]
