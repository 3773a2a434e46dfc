"""How the tables of this app hang on projects, organisations and people. Imported once, when Django is ready."""

from collab.access.policy import Scope, register_requirement, register_scope
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
from collab.accounts.reading import people_seen
from collab.accounts.second_factor import NEEDS_SECOND_FACTOR
from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage, Signature
from collab.audit.models import AuditEvent
from collab.projects.models import Project, ProjectParty
from collab.terms.models import TermsAcceptance

register_scope(Organisation, Scope(view="organisation.view", organisation="pk", everyone=True))
register_scope(OrganisationUnit, Scope(view="organisation.view", organisation="organisation", everyone=True))
register_scope(User, Scope(view="person.view", person="pk", also=people_seen))
register_scope(Invitation, Scope(view="organisation.manage", organisation="organisation"))
register_scope(MembershipReview, Scope(view="member.view", project="project", organisation="organisation"))
register_scope(ReviewItem, Scope(view="member.view", project="review__project", organisation="review__organisation"))
register_requirement(NEEDS_SECOND_FACTOR)
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
