"""The nouns of technology transfer in the REST API."""

from typing import Any

from rest_framework.routers import SimpleRouter

from collab.transfer.disclosures.api import AssessmentViewSet, CaseViewSet, CriterionViewSet, NoveltyRuleViewSet
from collab.transfer.disclosures.note_api import CaseNoteViewSet
from collab.transfer.portfolio.api import FigureViewSet, StartUpViewSet

NOUNS: tuple[tuple[str, Any, str], ...] = (
    ("transfer-cases", CaseViewSet, "transfer-case"),
    ("transfer-case-notes", CaseNoteViewSet, "transfer-case-note"),
    ("transfer-assessments", AssessmentViewSet, "transfer-assessment"),
    ("transfer-criteria", CriterionViewSet, "transfer-criterion"),
    ("novelty-rules", NoveltyRuleViewSet, "novelty-rule"),
    ("transfer-figures", FigureViewSet, "transfer-figure"),
    ("startups", StartUpViewSet, "startup"),
)


def register(router: SimpleRouter) -> None:
    for prefix, viewset, name in NOUNS:
        router.register(prefix, viewset, basename=name)
