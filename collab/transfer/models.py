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
from collab.transfer.protection.models import Counsel, Family, Protection, ProtectionCost
from collab.transfer.protection.offers import Interest, Offer
from collab.transfer.protection.rules import Deadline, DeadlineRule, DeadlineRuleSet, FunderRules

__all__ = [
    "Assessment",
    "AssessmentScore",
    "CaseStage",
    "Counsel",
    "Criterion",
    "Deadline",
    "DeadlineRule",
    "DeadlineRuleSet",
    "DisclosedResult",
    "Disclosure",
    "DisclosureSignature",
    "Family",
    "FunderRules",
    "Funding",
    "Interest",
    "Inventor",
    "NoveltyRule",
    "Offer",
    "PriorArt",
    "Protection",
    "ProtectionCost",
    "TransferCase",
]
