"""Gathers the tables of every slice for Django."""

from collab.accounts.models import ApiToken, Membership, Organisation, User
from collab.agreements.models import (
    Agreement,
    AgreementParty,
    AgreementVersion,
    Coverage,
    SealedDocument,
    Signature,
)
from collab.audit.models import AuditAnchor, AuditEvent
from collab.projects.models import Project, ProjectParty

__all__ = [
    "Agreement",
    "AgreementParty",
    "AgreementVersion",
    "ApiToken",
    "AuditAnchor",
    "AuditEvent",
    "Coverage",
    "Membership",
    "Organisation",
    "Project",
    "ProjectParty",
    "SealedDocument",
    "Signature",
    "User",
]
