"""How the tables of this app hang on projects, organisations and people. Imported once, when Django is ready."""

from collab.access.policy import Scope, register_scope
from collab.accounts.models import ApiToken, Membership, Organisation
from collab.agreements.approvals import Approval, ApprovalStep
from collab.agreements.background import BackgroundItem
from collab.agreements.comments import VersionComment
from collab.agreements.duties import SurvivingDuty
from collab.agreements.ip import IPTerms
from collab.agreements.library import AgreementTemplate, TemplateVersion
from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage, Signature
from collab.audit.models import AuditEvent
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
register_scope(IPTerms, Scope(view="agreement.view", project="version__agreement__project"))
register_scope(SurvivingDuty, Scope(view="agreement.view", project="version__agreement__project"))
register_scope(VersionComment, Scope(view="agreement.view", project="version__agreement__project"))
register_scope(Approval, Scope(view="agreement.view", project="version__agreement__project"))
register_scope(ApprovalStep, Scope(view="organisation.manage", organisation="organisation"))
register_scope(BackgroundItem, Scope(view="agreement.view", project="project"))
register_scope(AgreementTemplate, Scope(view="organisation.view", everyone=True))
register_scope(TemplateVersion, Scope(view="organisation.view", everyone=True))
register_scope(TermsAcceptance, Scope(view="agreement.view", project="version__agreement__project"))
register_scope(AuditEvent, Scope(view="audit.view", project="project_id"))
