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
from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage, Signature
from collab.audit.models import AuditEvent
from collab.projects.models import Project, ProjectParty
from collab.terms.models import TermsAcceptance

__all__ = [
    "Agreement",
    "AgreementParty",
    "AgreementVersion",
    "ApiToken",
    "AuditEvent",
    "Coverage",
    "Invitation",
    "Membership",
    "MembershipReview",
    "Organisation",
    "OrganisationUnit",
    "Project",
    "ProjectParty",
    "ReviewItem",
    "Signature",
    "TermsAcceptance",
    "User",
]
