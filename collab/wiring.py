"""How the tables of this app hang on projects, organisations and people. Imported once, when Django is ready."""

from django.db.models import Q
from django.utils.translation import gettext_lazy

from collab.access.policy import Requirement, Scope, register_requirement, register_scope
from collab.accounts.models import (
    AnsweredRequest,
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
from collab.accounts.reading import people_seen
from collab.accounts.second_factor import NEEDS_SECOND_FACTOR
from collab.agreements.approvals import Approval, ApprovalStep
from collab.agreements.approving import step_decided
from collab.agreements.asking import APPROVAL, SIGNATURE, only_by_signing
from collab.agreements.background import BackgroundItem
from collab.agreements.comments import VersionComment
from collab.agreements.confidence import confidential, requirements
from collab.agreements.drawing import KINDS as AGREEMENT_KINDS
from collab.agreements.drawing import draw_agreements
from collab.agreements.duties import SurvivingDuty
from collab.agreements.guards import is_signed
from collab.agreements.hooks import register_executed
from collab.agreements.ip import IPTerms
from collab.agreements.library import AgreementTemplate, TemplateVersion
from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage, Signature
from collab.agreements.outside import party_grants
from collab.agreements.sealed import SealedDocument
from collab.agreements.services import party_gone as agreement_party_gone
from collab.agreements.sides import of_parties
from collab.audit.models import AuditAnchor, AuditEvent
from collab.casefile.contents import register_case_table
from collab.courses import wiring as courses  # noqa: F401  registers courses, certificates and the library
from collab.ethics.asking import conditions_met, facts_of, not_swayed
from collab.ethics.asking import only_as_a_whole as only_as_an_application
from collab.ethics.asking import only_on_page as only_on_page_of_application
from collab.ethics.blocking import blocked_by_ethics, held_by_ethics
from collab.ethics.case_tables import ETHICS_TABLES
from collab.ethics.models import (
    EthicsAssessment,
    EthicsCase,
    EthicsCommittee,
    EthicsCondition,
    EthicsCorrection,
    EthicsFile,
    EthicsForm,
    EthicsFormVersion,
    EthicsQuestion,
    EthicsRefusal,
    EthicsReport,
    EthicsReview,
    EthicsSubmission,
)
from collab.ethics.standing import APPEAL, DECISION, file_grants, review_grants
from collab.ethics.standing import explain as explain_ethics
from collab.ethics.standing import grants as ethics_grants
from collab.ethics.standing import grants_through as ethics_grants_through
from collab.ethics.states import Area
from collab.graph.ground import KINDS as GROUND_KINDS
from collab.graph.ground import draw_ground
from collab.graph.sources import register_graph_source
from collab.inbox.kinds import Kind, register_kind
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
from collab.inbox.reviews import listen as listen_for_reviews
from collab.inbox.standing import explain, grants, grants_through, stands_in
from collab.inbox.states import Decision, Mail
from collab.inbox.telling import DATE_IS_TOLD, tell_dates_to
from collab.inbox.topics import Topic, register_topic
from collab.internships import wiring as internships  # noqa: F401  registers what internships bring along
from collab.projects.guards import register_gone, register_guard
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
from collab.projects.running import requires_project
from collab.projects.states import ProjectState
from collab.publications.asking import PUBLICATION, facts_of_notice, only_as_a_whole, only_on_page
from collab.publications.models import Manuscript, PublicationNotice, PublicationObjection
from collab.publications.services import party_gone
from collab.terms.acceptance import asked_to_accept, not_asked, told
from collab.terms.models import TermsAcceptance
from collab.terms.telling import TERMS, tell_to_accept
from collab.transfer import wiring as transfer  # noqa: F401  registers what technology transfer brings along
from collab.transfer.licences.hooks import register_hold
from collab.transfer.licences.models import LicensedAsset

register_scope(Organisation, Scope(view="organisation.view", organisation="pk", everyone=True))
register_scope(OrganisationUnit, Scope(view="organisation.view", organisation="organisation", everyone=True))
register_scope(User, Scope(view="person.view", person="pk", also=people_seen))
register_scope(Invitation, Scope(view="organisation.manage", organisation="organisation"))
register_scope(MembershipReview, Scope(view="member.view", project="project", organisation="organisation"))
register_scope(ReviewItem, Scope(view="member.view", project="review__project", organisation="review__organisation"))
register_requirement(NEEDS_SECOND_FACTOR)
register_scope(AnsweredRequest, Scope(view="token.manage", person="user"))
register_scope(ApiToken, Scope(view="token.manage", person="user"))
register_scope(Project, Scope(view="project.view", project="pk"))
register_scope(ProjectParty, Scope(view="project.view", project="project"))
register_scope(Contribution, Scope(view="project.view", project="party__project"))
register_scope(PartyApproval, Scope(view="project.view", project="project"))
register_scope(Questionnaire, Scope(view="organisation.view", organisation="organisation"))
register_scope(QuestionnaireVersion, Scope(view="organisation.view", organisation="questionnaire__organisation"))
register_scope(ReviewStep, Scope(view="review.view", project="project", organisation="organisation", person="chair"))
register_scope(Review, Scope(view="review.view", person="reviewer"))  # a step shows it to others, once it is decided
register_scope(ConflictOfInterest, Scope(view="review.view", person="review__reviewer"))
register_scope(WorkItem, Scope(view="project.view", project="project"))
register_scope(ProgressReport, Scope(view="project.view", project="project"))
register_scope(Output, Scope(view="project.view", project="project"))
register_scope(OutputShare, Scope(view="project.view", project="output__project"))
register_scope(Attestation, Scope(view="project.view", project="party__project"))
register_scope(Budget, Scope(view="budget.view", project="project"))
register_scope(BudgetLine, Scope(view="budget.view", project="budget__project"))
register_scope(BudgetAlert, Scope(view="budget.view", project="budget__project"))
register_scope(TrainingRate, Scope(view="budget.view", project="budget__project"))
register_scope(CostEntry, Scope(view="budget.view", project="line__budget__project"))
register_scope(Membership, Scope(view="project.view", project="project", organisation="organisation"))
for model, path in (
    (Agreement, ""),
    (AgreementVersion, "agreement__"),
    *((part, "version__agreement__") for part in (AgreementParty, Signature, Coverage, IPTerms, SurvivingDuty)),
    *((part, "version__agreement__") for part in (VersionComment, Approval, SealedDocument)),
):
    register_scope(model, Scope(view="agreement.view", project=f"{path}project", grants=party_grants(path)))
register_scope(ApprovalStep, Scope(view="organisation.manage", organisation="organisation"))
register_scope(BackgroundItem, Scope(view="agreement.view", project="project"))
register_scope(
    AgreementTemplate,
    Scope(view="organisation.view", organisation="organisation", also=lambda user, at: Q(organisation=None)),
)
register_scope(
    TemplateVersion,
    Scope(
        view="organisation.view",
        organisation="template__organisation",
        also=lambda user, at: Q(template__organisation=None),
    ),
)
register_scope(AuditEvent, Scope(view="audit.view", project="project_id", organisation="organisation_id"))
register_scope(AuditAnchor, Scope(view="organisation.view", everyone=True))  # published: everybody keeps a copy
register_scope(TermsAcceptance, Scope(view="agreement.view", project="version__agreement__project"))
register_scope(PublicationNotice, Scope(view="publication.view", project="project"))
register_scope(Manuscript, Scope(view="publication.view", project="notice__project"))
register_scope(PublicationObjection, Scope(view="publication.view", project="notice__project"))
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

register_requirement(DATE_IS_TOLD)
tell_dates_to(PublicationNotice, words=("publication.view",))
tell_dates_to(EthicsCase, EthicsCondition, words=("ethics.view",))

listen_for_reviews()
register_graph_source("projects", draw_ground, kinds=GROUND_KINDS)
register_graph_source("agreements", draw_agreements, kinds=AGREEMENT_KINDS)

requires_project(Project, "", "job.submit", "dataset.upload")
requires_project(
    Project, "", "tracking.write", "tracking.manage", states=frozenset({ProjectState.ACTIVE, ProjectState.CLOSING})
)
register_guard("begin", "signed", is_signed)
register_gone(PUBLICATION, party_gone)
register_gone("agreements", agreement_party_gone)
register_executed(TERMS, tell_to_accept)

register_topic(
    Topic(
        APPROVAL,
        gettext_lazy("Approval of an agreement"),
        decisions=(Decision.APPROVED, Decision.RETURNED),
        due_days=None,
        on_decided=step_decided,
        effect=lambda request: gettext_lazy(
            "Your party has approved this step; after the last step the agreement may be sent for signature."
        ),
    )
)
register_topic(
    Topic(
        SIGNATURE,
        gettext_lazy("Signature of an agreement"),
        decisions=(Decision.APPROVED, Decision.REJECTED),
        elsewhere=only_by_signing,
        effect=lambda request: gettext_lazy("Your signature binds your party; the last one seals the agreement."),
        asker_may_decide=True,
        delegable=False,
        next_answers=False,
        on_dashboard=False,
    )
)

register_topic(
    Topic(
        PUBLICATION,
        gettext_lazy("Publication notice"),
        due_days=None,
        elsewhere=only_on_page,
        on_withdrawn=only_as_a_whole,
        facts=facts_of_notice,
        effect=lambda request: gettext_lazy(
            "Your party does not object. When all parties have said so, it may be published at once."
        ),
        delegable=False,
        next_answers=False,
    )
)

# --- ethics
register_scope(EthicsForm, Scope(view="organisation.view", organisation="organisation", everyone=True))
register_scope(EthicsFormVersion, Scope(view="organisation.view", organisation="form__organisation", everyone=True))
register_scope(EthicsCommittee, Scope(view="organisation.view", organisation="organisation", everyone=True))
register_scope(EthicsCase, Scope(view="ethics.view", project="project", grants=ethics_grants, explain=explain_ethics))
for part in (EthicsSubmission, EthicsQuestion, EthicsCondition, EthicsCorrection, EthicsReport):
    register_scope(part, Scope(view="ethics.view", project="case__project", grants=ethics_grants_through("case")))
register_scope(
    EthicsRefusal,
    Scope(view="ethics.view", project="condition__case__project", grants=ethics_grants_through("condition__case")),
)
register_scope(EthicsFile, Scope(view="ethics.view", project="case__project", grants=file_grants))
register_scope(
    EthicsReview,
    Scope(view="ethics.deliberate", project="case__project", grants=review_grants, explain=explain_ethics),
)
for _table in ETHICS_TABLES:
    register_case_table(_table)
register_scope(EthicsAssessment, Scope(view="ethics.view", project="project"))
blocked_by_ethics(Project, "", Area.JOBS, "job.submit")
for _path in ("licence__agreement__project", "project"):  # the second where it came out of another project
    blocked_by_ethics(LicensedAsset, _path, Area.RELEASES, "release.download", "release.try")
register_hold("ethics", held_by_ethics(Area.RELEASES))
register_kind(Kind("ethics", gettext_lazy("Something happens with an ethics application"), "shield-check", Mail.NOW))
for _topic, _label, _decisions in (
    (DECISION, gettext_lazy("Ethics application"), tuple(Decision)),
    (APPEAL, gettext_lazy("Appeal against an ethics decision"), tuple(d for d in Decision if d != Decision.RETURNED)),
):
    register_topic(
        Topic(
            _topic,
            _label,
            decisions=_decisions,
            may_answer=not_swayed,
            elsewhere=only_on_page_of_application,
            on_decided=conditions_met,
            on_withdrawn=only_as_an_application,
            facts=facts_of,
            effect=lambda request: gettext_lazy(
                "The approval holds until the day that is named; what needs it stops without it."
            ),
            next_answers=False,
        )
    )

for requirement in requirements():
    register_requirement(requirement)
register_requirement(confidential(TermsAcceptance, told))
register_requirement(
    Requirement("terms_asked", frozenset({"terms.accept"}), AgreementVersion, asked_to_accept, not_asked)
)
for requirement in of_parties():
    register_requirement(requirement)
