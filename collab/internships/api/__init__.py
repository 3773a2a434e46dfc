"""Internships as JSON, a module for each resource."""

from collab.internships.api.applications import ApplicationViewSet
from collab.internships.api.cohorts import CheckPointViewSet, CohortViewSet
from collab.internships.api.placements import PlacementViewSet
from collab.internships.api.postings import PostingViewSet
from collab.internships.api.programmes import ProgrammeViewSet
from collab.internships.api.rules import PairRuleViewSet

__all__ = [
    "ApplicationViewSet",
    "CheckPointViewSet",
    "CohortViewSet",
    "PairRuleViewSet",
    "PlacementViewSet",
    "PostingViewSet",
    "ProgrammeViewSet",
]
