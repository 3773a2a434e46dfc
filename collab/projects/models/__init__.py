"""Tables of joint projects, one file for each noun."""

from collab.projects.models.budget import Budget, BudgetAlert, BudgetLine, CostCategory, CostEntry, TrainingRate
from collab.projects.models.closure import Attestation, AttestationKind, DataEnding
from collab.projects.models.outputs import Output, OutputKind, OutputShare
from collab.projects.models.project import Contribution, ContributionKind, PartyRole, Project, ProjectParty
from collab.projects.models.reports import ProgressReport, ReportKind
from collab.projects.models.review import (
    ConflictOfInterest,
    PartyApproval,
    Questionnaire,
    QuestionnaireVersion,
    Recommendation,
    Review,
    ReviewStep,
)
from collab.projects.models.work import WorkItem, WorkKind

__all__ = [
    "Attestation",
    "AttestationKind",
    "Budget",
    "BudgetAlert",
    "BudgetLine",
    "ConflictOfInterest",
    "Contribution",
    "ContributionKind",
    "CostCategory",
    "CostEntry",
    "DataEnding",
    "Output",
    "OutputKind",
    "OutputShare",
    "PartyApproval",
    "PartyRole",
    "ProgressReport",
    "Project",
    "ProjectParty",
    "Questionnaire",
    "QuestionnaireVersion",
    "Recommendation",
    "ReportKind",
    "Review",
    "ReviewStep",
    "TrainingRate",
    "WorkItem",
    "WorkKind",
]
