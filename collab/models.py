"""Gathers the tables of every slice for Django."""

from collab.accounts.models import (
    ApiToken,
    Invitation,
    Membership,
    MembershipReview,
    Organisation,
    OrganisationUnit,
    ReviewItem,
    User,
)
from collab.agreements.approvals import Approval, ApprovalStep
from collab.agreements.background import BackgroundItem
from collab.agreements.comments import VersionComment
from collab.agreements.duties import SurvivingDuty
from collab.agreements.ip import IPTerms
from collab.agreements.library import AgreementTemplate, TemplateVersion
from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage, Signature
from collab.audit.models import AuditEvent
from collab.projects.models import (
    Attestation,
    Budget,
    BudgetAlert,
    BudgetLine,
    ConflictOfInterest,
    Contribution,
    CostEntry,
    Output,
    OutputShare,
    PartyApproval,
    ProgressReport,
    Project,
    ProjectParty,
    Questionnaire,
    QuestionnaireVersion,
    Review,
    ReviewStep,
    TrainingRate,
    WorkItem,
)
from collab.terms.models import TermsAcceptance

__all__ = [
    "Agreement",
    "AgreementParty",
    "AgreementTemplate",
    "AgreementVersion",
    "ApiToken",
    "Approval",
    "ApprovalStep",
    "Attestation",
    "AuditEvent",
    "BackgroundItem",
    "Budget",
    "BudgetAlert",
    "BudgetLine",
    "ConflictOfInterest",
    "Contribution",
    "CostEntry",
    "Coverage",
    "IPTerms",
    "Invitation",
    "Membership",
    "MembershipReview",
    "Organisation",
    "OrganisationUnit",
    "Output",
    "OutputShare",
    "PartyApproval",
    "ProgressReport",
    "Project",
    "ProjectParty",
    "Questionnaire",
    "QuestionnaireVersion",
    "Review",
    "ReviewItem",
    "ReviewStep",
    "Signature",
    "SurvivingDuty",
    "TemplateVersion",
    "TermsAcceptance",
    "TrainingRate",
    "User",
    "VersionComment",
    "WorkItem",
]
