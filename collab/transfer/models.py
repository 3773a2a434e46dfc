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

__all__ = [
    "Assessment",
    "AssessmentScore",
    "CaseStage",
    "Criterion",
    "DisclosedResult",
    "Disclosure",
    "DisclosureSignature",
    "Funding",
    "Inventor",
    "NoveltyRule",
    "PriorArt",
    "TransferCase",
]
