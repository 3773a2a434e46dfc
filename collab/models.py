"""Gathers the tables of every slice for Django."""

from collab.accounts.models import (
    ApiToken,
    Delegation,
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
from collab.agreements.sealed import SealedDocument
from collab.audit.models import AuditAnchor, AuditEvent
from collab.inbox.models import (
    CalendarLink,
    Comment,
    Condition,
    HandOver,
    Notification,
    NotificationSettings,
    Obligation,
    Request,
    Reviewer,
)
from collab.internships import models as internships
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
from collab.publications.models import Manuscript, PublicationNotice, PublicationObjection
from collab.terms.models import TermsAcceptance
from collab.transfer import models as transfer

__all__ = [
    "Agreement",
    "AgreementParty",
    "AgreementTemplate",
    "AgreementVersion",
    "ApiToken",
    "Approval",
    "ApprovalStep",
    "Attestation",
    "AuditAnchor",
    "AuditEvent",
    "BackgroundItem",
    "Budget",
    "BudgetAlert",
    "BudgetLine",
    "CalendarLink",
    "Comment",
    "Condition",
    "ConflictOfInterest",
    "Contribution",
    "CostEntry",
    "Coverage",
    "Delegation",
    "HandOver",
    "IPTerms",
    "Invitation",
    "Manuscript",
    "Membership",
    "MembershipReview",
    "Notification",
    "NotificationSettings",
    "Obligation",
    "Organisation",
    "OrganisationUnit",
    "Output",
    "OutputShare",
    "PartyApproval",
    "ProgressReport",
    "Project",
    "ProjectParty",
    "PublicationNotice",
    "PublicationObjection",
    "Questionnaire",
    "QuestionnaireVersion",
    "Request",
    "Review",
    "ReviewItem",
    "ReviewStep",
    "Reviewer",
    "SealedDocument",
    "Signature",
    "SurvivingDuty",
    "TemplateVersion",
    "TermsAcceptance",
    "TrainingRate",
    "User",
    "VersionComment",
    "WorkItem",
    "internships",
    "transfer",
]
