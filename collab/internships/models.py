"""Gathers the tables of internships."""

from collab.internships.applications.models import (
    Application,
    ApplicationDocument,
    ApplicationEvent,
    BoardReview,
    Interview,
    MatchRound,
    PairRule,
)
from collab.internships.placements.models import (
    Evaluation,
    LogEntry,
    MovedCheckPoint,
    Placement,
    PlacementNote,
    StudentSignature,
)
from collab.internships.programmes.models import CheckPoint, Cohort, Posting, Programme

__all__ = [
    "Application",
    "ApplicationDocument",
    "ApplicationEvent",
    "BoardReview",
    "CheckPoint",
    "Cohort",
    "Evaluation",
    "Interview",
    "LogEntry",
    "MatchRound",
    "MovedCheckPoint",
    "PairRule",
    "Placement",
    "PlacementNote",
    "Posting",
    "Programme",
    "StudentSignature",
]
