"""Gathers the tables of every slice for Django."""

from collab.accounts.models import ApiToken, Delegation, Membership, Organisation, User
from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage, Signature
from collab.audit.models import AuditEvent
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
from collab.projects.models import Project, ProjectParty
from collab.terms.models import TermsAcceptance

__all__ = [
    "Agreement",
    "AgreementParty",
    "AgreementVersion",
    "ApiToken",
    "AuditEvent",
    "CalendarLink",
    "Comment",
    "Condition",
    "Coverage",
    "Delegation",
    "HandOver",
    "Membership",
    "Notification",
    "NotificationSettings",
    "Obligation",
    "Organisation",
    "Project",
    "ProjectParty",
    "Request",
    "Reviewer",
    "Signature",
    "TermsAcceptance",
    "User",
]
