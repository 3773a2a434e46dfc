"""How the tables of this app hang on projects, organisations and people. Imported once, when Django is ready."""

from collab.access.policy import Scope, register_scope
from collab.accounts.models import ApiToken, Delegation, Membership, Organisation
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
from collab.inbox.standing import explain, grants, grants_through, stands_in
from collab.projects.models import Project, ProjectParty
from collab.terms.models import TermsAcceptance

register_scope(Organisation, Scope(view="organisation.view", organisation="pk", everyone=True))
register_scope(ApiToken, Scope(view="token.manage", person="user"))
register_scope(Project, Scope(view="project.view", project="pk"))
register_scope(ProjectParty, Scope(view="project.view", project="project"))
register_scope(Membership, Scope(view="project.view", project="project", organisation="organisation"))
register_scope(Agreement, Scope(view="agreement.view", project="project"))
register_scope(AgreementVersion, Scope(view="agreement.view", project="agreement__project"))
register_scope(AgreementParty, Scope(view="agreement.view", project="version__agreement__project"))
register_scope(Signature, Scope(view="agreement.view", project="version__agreement__project"))
register_scope(Coverage, Scope(view="agreement.view", project="version__agreement__project"))
register_scope(TermsAcceptance, Scope(view="agreement.view", project="version__agreement__project"))
register_scope(AuditEvent, Scope(view="audit.view", project="project_id"))
register_scope(Request, Scope(view="request.view", project="project", grants=grants, explain=explain))
for part in (Reviewer, Comment, Condition, HandOver):
    register_scope(part, Scope(view="request.view", project="request__project", grants=grants_through("request")))
register_scope(Notification, Scope(view="notification.view", person="person"))
register_scope(NotificationSettings, Scope(view="notification.view", person="person"))
register_scope(CalendarLink, Scope(view="calendar.manage", person="person"))
register_scope(Delegation, Scope(view="delegation.view", person="delegator", grants=stands_in))
register_scope(
    Obligation,
    Scope(view="obligation.view", project="project", organisation="organisation", person="person"),
)
