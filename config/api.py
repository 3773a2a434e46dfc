"""The REST API: one router for the nouns of every slice."""

from rest_framework.routers import SimpleRouter

from collab.access.api import AccessViewSet, DecideViewSet
from collab.accounts.api import (
    InvitationViewSet,
    MembershipReviewViewSet,
    MembershipViewSet,
    OrganisationViewSet,
    PersonViewSet,
    TokenViewSet,
    UnitViewSet,
)
from collab.agreements.api import (
    AgreementTemplateViewSet,
    AgreementVersionViewSet,
    AgreementViewSet,
    ApprovalStepViewSet,
    BackgroundViewSet,
)
from collab.casefile.api import CaseViewSet
from collab.courses.api import CourseViewSet
from collab.courses.certificates.api import CertificateViewSet
from collab.courses.learning_api import CourseConditionViewSet, EnrolmentViewSet, TrainingViewSet
from collab.courses.library.api import ResourceLinkViewSet, ResourceViewSet
from collab.ethics.api import (
    EthicsAssessmentViewSet,
    EthicsCaseViewSet,
    EthicsCommitteeViewSet,
    EthicsFormViewSet,
    EthicsReviewViewSet,
)
from collab.graph.api import GraphViewSet
from collab.inbox.api import DelegationViewSet, NotificationViewSet, ObligationViewSet, RequestViewSet
from collab.internships.api import (
    ApplicationViewSet,
    CheckPointViewSet,
    CohortViewSet,
    PairRuleViewSet,
    PlacementViewSet,
    PostingViewSet,
    ProgrammeViewSet,
)
from collab.projects.api import ProjectViewSet
from collab.projects.review_api import ApprovalViewSet, QuestionnaireViewSet, ReviewStepViewSet, ReviewViewSet
from collab.projects.work_api import (
    BudgetLineViewSet,
    BudgetViewSet,
    OutputViewSet,
    PartyViewSet,
    ReportViewSet,
    WorkItemViewSet,
)
from collab.publications.api import PublicationViewSet
from collab.terms.api import AcceptanceViewSet
from collab.transfer.licences.api import FieldOfUseViewSet, LicenceViewSet, SublicenceViewSet, TerritoryViewSet
from collab.transfer.protection.api import (
    CostViewSet,
    CounselViewSet,
    DeadlineViewSet,
    FamilyViewSet,
    FunderRulesViewSet,
    OfferInterestViewSet,
    OfferViewSet,
    ProtectionViewSet,
    RuleSetViewSet,
)
from collab.transfer.routers import register as register_transfer
from collab.transfer.royalties.api import (
    InvoiceViewSet,
    LateStepViewSet,
    PartnerPaymentViewSet,
    ReceiptViewSet,
    RoyaltyReportViewSet,
    ScheduledPaymentViewSet,
)
from collab.transfer.royalties.audit_api import RoyaltyAuditViewSet
from collab.transfer.royalties.distributing_api import (
    DistributionViewSet,
    StatementViewSet,
)
from collab.transfer.royalties.rates_api import (
    ExchangeRateViewSet,
    InterestViewSet,
    RoyaltyPolicyViewSet,
    ThirdPartyViewSet,
)
from registry.catalog.api import ModelVersionViewSet, ModelViewSet
from registry.datasets.api import DatasetVersionViewSet, DatasetViewSet
from registry.releases.api import ReleaseViewSet
from registry.uses.api import UseCodeViewSet, UsesViewSet
from training.exports.api import LicensedOnnxExportViewSet, OnnxExportViewSet
from training.jobs.api import JobViewSet, SpecViewSet
from training.playground.api import TrialViewSet

router = SimpleRouter(use_regex_path=True)
router.register("organisations", OrganisationViewSet, basename="organisation")
router.register("units", UnitViewSet, basename="unit")
router.register("memberships", MembershipViewSet, basename="membership")
router.register("invitations", InvitationViewSet, basename="invitation")
router.register("membership-reviews", MembershipReviewViewSet, basename="membership-review")
router.register("people", PersonViewSet, basename="person")
router.register("projects", ProjectViewSet, basename="project")
router.register("projects", CaseViewSet, basename="case")
router.register("parties", PartyViewSet, basename="party")
router.register("approvals", ApprovalViewSet, basename="approval")
router.register("review-steps", ReviewStepViewSet, basename="review-step")
router.register("reviews", ReviewViewSet, basename="review")
router.register("questionnaires", QuestionnaireViewSet, basename="questionnaire")
router.register("work-items", WorkItemViewSet, basename="work-item")
router.register("budgets", BudgetViewSet, basename="budget")
router.register("budget-lines", BudgetLineViewSet, basename="budget-line")
router.register("reports", ReportViewSet, basename="report")
router.register("outputs", OutputViewSet, basename="output")
router.register("graph", GraphViewSet, basename="graph")
router.register("agreements", AgreementViewSet, basename="agreement")
router.register("agreement-versions", AgreementVersionViewSet, basename="agreement-version")
router.register("agreement-templates", AgreementTemplateViewSet, basename="agreement-template")
router.register("background", BackgroundViewSet, basename="background")
router.register("approval-steps", ApprovalStepViewSet, basename="approval-step")
router.register("ethics-forms", EthicsFormViewSet, basename="ethics-form")
router.register("ethics-committees", EthicsCommitteeViewSet, basename="ethics-committee")
router.register("ethics-cases", EthicsCaseViewSet, basename="ethics-case")
router.register("ethics-reviews", EthicsReviewViewSet, basename="ethics-review")
router.register("ethics-assessments", EthicsAssessmentViewSet, basename="ethics-assessment")
router.register("publications", PublicationViewSet, basename="publication")
router.register("programmes", ProgrammeViewSet, basename="programme")
router.register("cohorts", CohortViewSet, basename="cohort")
router.register("check-points", CheckPointViewSet, basename="check-point")
router.register("pair-rules", PairRuleViewSet, basename="pair-rule")
router.register("postings", PostingViewSet, basename="posting")
router.register("applications", ApplicationViewSet, basename="application")
router.register("placements", PlacementViewSet, basename="placement")
router.register("licences", LicenceViewSet, basename="licence")
router.register("sublicences", SublicenceViewSet, basename="sublicence")
router.register("fields-of-use", FieldOfUseViewSet, basename="field-of-use")
router.register("territories", TerritoryViewSet, basename="territory")
router.register("releases", ReleaseViewSet, basename="release")
router.register("courses", CourseViewSet, basename="course")
router.register("enrolments", EnrolmentViewSet, basename="enrolment")
router.register("trainings", TrainingViewSet, basename="training")
router.register("course-conditions", CourseConditionViewSet, basename="course-condition")
router.register("certificates", CertificateViewSet, basename="certificate")
router.register("resources", ResourceViewSet, basename="resource")
router.register("resource-links", ResourceLinkViewSet, basename="resource-link")
router.register("families", FamilyViewSet, basename="family")
router.register("protections", ProtectionViewSet, basename="protection")
router.register("deadlines", DeadlineViewSet, basename="deadline")
router.register("protection-costs", CostViewSet, basename="protection-cost")
router.register("counsel", CounselViewSet, basename="counsel")
router.register("funder-rules", FunderRulesViewSet, basename="funder-rules")
router.register("rule-sets", RuleSetViewSet, basename="rule-set")
router.register("offers", OfferViewSet, basename="offer")
router.register("interests", OfferInterestViewSet, basename="interest")
router.register("scheduled-payments", ScheduledPaymentViewSet, basename="scheduled-payment")
router.register("royalty-reports", RoyaltyReportViewSet, basename="royalty-report")
router.register("royalty-audits", RoyaltyAuditViewSet, basename="royalty-audit")
router.register("invoices", InvoiceViewSet, basename="invoice")
router.register("late-steps", LateStepViewSet, basename="late-step")
router.register("receipts", ReceiptViewSet, basename="receipt")
router.register("licensor-payments", PartnerPaymentViewSet, basename="licensor-payment")
router.register("exchange-rates", ExchangeRateViewSet, basename="exchange-rate")
router.register("interest-rates", InterestViewSet, basename="interest-rate")
router.register("royalty-policies", RoyaltyPolicyViewSet, basename="royalty-policy")
router.register("third-parties", ThirdPartyViewSet, basename="third-party")
router.register("distributions", DistributionViewSet, basename="distribution")
router.register("statements", StatementViewSet, basename="statement")
router.register("acceptances", AcceptanceViewSet, basename="acceptance")
router.register("requests", RequestViewSet, basename="request")
router.register("notifications", NotificationViewSet, basename="notification")
router.register("obligations", ObligationViewSet, basename="obligation")
router.register("delegations", DelegationViewSet, basename="delegation")
router.register("datasets", DatasetViewSet, basename="dataset")
router.register("dataset-versions", DatasetVersionViewSet, basename="dataset-version")
router.register("use-codes", UseCodeViewSet, basename="use-code")
router.register("dataset-uses", UsesViewSet, basename="dataset-uses")
router.register("specs", SpecViewSet, basename="spec")
router.register("jobs", JobViewSet, basename="job")
router.register("trials", TrialViewSet, basename="trial")
router.register("onnx-exports", OnnxExportViewSet, basename="onnx-export")
router.register("licensed-onnx-exports", LicensedOnnxExportViewSet, basename="licensed-onnx-export")
router.register("models", ModelViewSet, basename="model")
router.register("model-versions", ModelVersionViewSet, basename="model-version")
register_transfer(router)
router.register("tokens", TokenViewSet, basename="token")
router.register("access", AccessViewSet, basename="access")
router.register("decide", DecideViewSet, basename="decide")

app_name = "api"
urlpatterns = router.urls
