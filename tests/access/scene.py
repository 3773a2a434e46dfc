"""Two joint projects with one object of every kind, and a secret planted in every text of each.

What belongs to Aurora must never reach the people of Borealis, and the other way round.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.management import call_command
from django.db.models import Model
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.invitations import digest_of as digest_of_link
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
from collab.agreements.approving import add_step
from collab.agreements.background import BackgroundItem, declare_background
from collab.agreements.comments import VersionComment
from collab.agreements.duties import DutyTerm, SurvivingDuty
from collab.agreements.ip import IPTerms
from collab.agreements.library import AgreementTemplate, TemplateVersion
from collab.agreements.models import (
    Agreement,
    AgreementParty,
    AgreementVersion,
    Coverage,
    Purpose,
    Signature,
)
from collab.agreements.negotiating import comment_on_version
from collab.agreements.own_templates import publish_own
from collab.agreements.sealed import SealedDocument
from collab.agreements.sealing import ensure_sealed
from collab.agreements.services import (
    CoverageTerm,
    draft_agreement,
    draft_version,
    negotiate_version,
    send_for_signature,
    sign_version,
    suspend_version,
)
from collab.agreements.states import VersionState
from collab.audit.models import AuditEvent
from collab.courses import editing
from collab.courses.certificates.models import Certificate, CertificateBatch, IssuerKey
from collab.courses.certificates.services import Achievement, issue_certificate, suspend_certificate
from collab.courses.library.models import Resource, ResourceLink
from collab.courses.library.services import add_resource, archive_resource, attach_resource
from collab.courses.models import (
    Course,
    CourseCondition,
    CourseModule,
    CourseVersion,
    Enrolment,
    ModuleDone,
    QuizAttempt,
    QuizQuestion,
    TrainingRecord,
)
from collab.courses.taking import answer_quiz, begin_quiz, enrol, finish_module
from collab.courses.trainings import submit_training
from collab.ethics.correcting import correct_decision, refuse_claim
from collab.ethics.deciding import ConditionTerm, ask_applicants, decide_case
from collab.ethics.files import add_file
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
from collab.ethics.services import (
    add_form_version,
    begin_assessment,
    begin_case,
    claim_condition,
    finish_assessment,
    found_committee,
    report,
    save_answers,
    submit_case,
    write_form,
)
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
from collab.inbox.obligations import add_date
from collab.inbox.services import add_reviewer, ask_question, comment_on, decide_request, notify
from collab.internships.models import (
    Application,
    ApplicationDocument,
    ApplicationEvent,
    BoardReview,
    CheckPoint,
    Cohort,
    Evaluation,
    Interview,
    LogEntry,
    MatchRound,
    MovedCheckPoint,
    PairRule,
    Placement,
    PlacementNote,
    Posting,
    Programme,
    StudentSignature,
)
from collab.internships.placements.approving import ask_host
from collab.kernel.attachments import DOCUMENTS, keep_file
from collab.kernel.blobs import blob_path
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
from collab.projects.services import (
    add_contribution,
    add_line,
    add_member,
    book_cost,
    plan_work,
    record_output,
    set_training_rate,
)
from collab.publications.models import Manuscript, PublicationNotice, PublicationObjection
from collab.publications.services import give_notice, object_to
from collab.terms.models import TermsAcceptance
from collab.transfer.licences.services import draft_licence, give_breach, open_obstacles, see_obstacles
from collab.transfer.models import (
    Assessment,
    AssessmentScore,
    Breach,
    CaseNote,
    CaseStage,
    Counsel,
    Criterion,
    Deadline,
    DeadlineRule,
    DeadlineRuleSet,
    Diligence,
    DisclosedResult,
    Disclosure,
    DisclosureSignature,
    EquityHolding,
    Family,
    FieldOfUse,
    FunderRules,
    Funding,
    Grant,
    Interest,
    Inventor,
    Licence,
    LicensedAsset,
    LicensedThing,
    LicensorShare,
    MilestonePayment,
    NoveltyRule,
    Offer,
    PriorArt,
    Protection,
    ProtectionCost,
    RoyaltyTier,
    StartUp,
    Sublicence,
    Territory,
    TransferCase,
)
from collab.transfer.protection.ruling import load_shipped
from registry.catalog.models import ModelMetric, ModelVersion, RegisteredModel
from registry.catalog.services import TrainedModel, register_version
from registry.datasets.models import Dataset, DatasetVersion
from registry.uses.models import UseCode, UseTerms
from registry.uses.services import CodeTerm, set_uses
from tests.access.books import keep_books, row_for
from tests.cast import Joint, employ, joint, organisation, person, token_for, upload
from training.engine.contract import EVENTS_FILE, LOG_FILE
from training.exports.models import OnnxExport
from training.jobs.models import Attempt, Job
from training.jobs.services import submit_job, suggest
from training.jobs.states import JobState
from training.playground.models import Trial

AURORA, BOREALIS = "quokka7391", "narwhal4826"  # words that nothing else contains


# What is done to a version -> the version of the scene on which that is possible.
_ON_VERSION = {
    **dict.fromkeys(("send", "edit", "ip", "negotiate", "submit", "comment", "partial_update"), "draft"),
    **dict.fromkeys(("sign", "decline", "withdraw"), "out"),
    **dict.fromkeys(("renewal", "stop_renewal"), "renewing"),
    "counter": "talk",
    "resume": "suspended",
    "accept": "unaccepted",
}
# … and the case.
_ON_CASE = dict.fromkeys(("assessor", "assessors", "propose", "return", "return-"), "assessed")
# … and the notice of a publication.
_ON_ETHICS = {
    **dict.fromkeys(("partial_update", "submit", "carry_over", "carry", "answers"), "draft"),
    **dict.fromkeys(("files", "file", "remove_file", "new", "replace", "remove"), "draft"),
    **dict.fromkeys(("withdraw", "assign", "decide"), "submitted"),
    **dict.fromkeys(("report", "follow", "hold", "confirm", "claim", "close"), "approved"),
    **dict.fromkeys(("refuse", "refuse_claim", "correct"), "approved"),
    "appeal": "rejected",
    "retrieve": "draft",
}
_ON_NOTICE = {**dict.fromkeys(("wait", "lift", "revise"), "objected"), "publish": "free"}
# … an application for an internship, and a placement.
_ON_APPLICATION = {
    **dict.fromkeys(
        ("edit", "document", "file", "remove", "partial_update", "submit", "documents", "content"), "draft"
    ),
    "answer": "offered",
}
_ON_PLACEMENT = dict.fromkeys(("answer", "agreement", "approve"), "proposed")


# … and a licence.
_ON_LICENCE = {
    **dict.fromkeys(("terms", "partial_update", "obstacles", "weigh"), "draft"),
    "cure": "broken",
    "exercise": "option",
}


@dataclass
class Side:
    """One joint project and everything in it."""

    joint: Joint
    canary: str
    spare_organisation: Organisation
    organisation_admin: User
    transfer_officer: User
    colleague: User  # reviews for the ethics committee, and is asked about no case yet
    newcomer: User  # employed by the university, without a role in the project
    versions: dict[str, AgreementVersion] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    ethics_cases: dict[str, EthicsCase] = field(default_factory=dict)
    settled: dict[str, Model] = field(default_factory=dict)  # rows on which another act is possible
    notices: dict[str, PublicationNotice] = field(default_factory=dict)
    steps: dict[str, ReviewStep] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    objects: dict[type[Model], Model] = field(default_factory=dict)
    cases: dict[str, TransferCase] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    placements: dict[str, Placement] = field(default_factory=dict)
    open_posting: Posting | None = None  # on the public page
    elsewhere: Cohort | None = None  # of another university, in which this one's labs offer places
    licences: dict[str, Licence] = field(default_factory=dict)
    books: dict[str, Model] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    spare_resource: Any = None  # of the library, attached to nothing
    open_course: Any = None  # everybody may take it, so that a project may ask for it
    learning: dict[str, Any] = field(default_factory=dict)  # what of courses an action is possible on
    finishable: MembershipReview | None = None  # of the organisation, with nothing left to decide

    @property
    def assessed(self) -> list[TransferCase]:
        """The cases that the lead was asked to assess."""
        return [case for name, case in self.cases.items() if name == "assessed"]

    @property
    def feed_secret(self) -> str:
        return f"secret-{_digest(self.canary)[:20]}"

    def object(self, model: type[Model], action: str = "") -> Model:
        """An object of this side on which `action` is possible."""
        if self.books and (kept := row_for(self.books, model, action)) is not None:
            return kept
        if model is AgreementVersion:
            return self.versions[_ON_VERSION.get(action, "executed")]
        if model is Agreement and action == "partial_update":
            return self.versions["draft"].agreement
        if model is Request:
            return self.requests["conditions" if action == "meet" else "open"]
        if model is EthicsCase:
            return self.ethics_cases[_ON_ETHICS.get(action, "in_review")]
        if model is EthicsReview and action == "reopen":
            return self.settled["reopen_review"]
        if model in {EthicsReview, EthicsAssessment, Protection} and isinstance(self.settled.get(action), model):
            return self.settled[action]
        if model is PublicationNotice:
            return self.notices[_ON_NOTICE.get(action, "notified")]
        if model is Application:
            return self.applications[_ON_APPLICATION.get(action, "applied")]
        if model is Placement:
            return self.placements[_ON_PLACEMENT.get(action, "onboarded")]
        if model is TrainingRecord and action == "revoke":
            return self.learning["revoke_training"]
        if model.__module__.startswith("collab.courses.") and action in self.learning:
            return self.learning[action]
        if model is TransferCase:
            return self.cases[_ON_CASE.get(action, "draft")]
        if model is Licence:
            return self.licences[_ON_LICENCE.get(action, "active")]
        if model is Job:
            return self.jobs[{"stop": "queued", "kill": "queued", "resume": "stopped"}.get(action, "done")]
        if model is ReviewStep and action in self.steps:
            return self.steps[action]
        if model is MembershipReview and action == "finish":
            assert self.finishable is not None
            return self.finishable
        return self.objects[model]


@dataclass
class Scene:
    a: Side
    b: Side
    folder: Path
    staff: User
    staff_member: User  # staff with a role in Aurora
    superuser: User
    deactivated: User
    secrets: dict[str, str] = field(default_factory=dict)  # persona -> token


def build(folder: Path) -> Scene:
    """Both projects through the verbs; call inside a transaction that is rolled back."""
    call_command("load_templates", verbosity=0)
    load_shipped()
    settings.BLOB_DIR, settings.RUN_DIR = folder / "blobs", folder / "runs"
    a = side("Aurora", AURORA, "Riverside University", "Northwind")
    b = side("Borealis", BOREALIS, "Hillside University", "Southwind")
    ground = a.joint
    ground.former.name, ground.former.email = "Former Member", "former@example.org"  # pages tell them who they are
    ground.former.save()
    scene = Scene(
        a=a,
        b=b,
        folder=folder,
        staff=person("Platform Staff", is_staff=True),
        staff_member=employ(person("Staff Member", is_staff=True), ground.university),
        superuser=person("Platform Admin", is_staff=True, is_superuser=True),
        deactivated=employ(person("Gone Home"), ground.university),
    )
    for user in (scene.staff_member, scene.deactivated):
        add_member(
            project=ground.project, user=user, organisation=ground.university, role=Role.OBSERVER, by=ground.lead
        )
    scene.secrets = {
        "read_token": token_for(ground.researcher, scope="read"),
        "write_token": token_for(ground.researcher),
        "signatory_token": token_for(ground.company_signatory),
        "other_project_token": token_for(a.newcomer, project=b.joint.project),
        "expired_token": token_for(ground.researcher, days=-1),
    }
    return scene


def leave(scene: Scene) -> None:
    """The deactivated person's account ends, after they have signed in."""
    User.objects.filter(pk=scene.deactivated.pk).update(is_active=False)


def side(title: str, canary: str, university: str, company: str) -> Side:
    made = joint(f"{title} {canary}", university, company)
    Project.objects.filter(pk=made.project.pk).update(
        slug=title.lower(), summary=f"Summary {canary}", title_zh=f"项目 {canary}"
    )
    made.project.refresh_from_db()
    here = Side(
        joint=made,
        canary=canary,
        spare_organisation=organisation(f"{title} Neighbour"),
        organisation_admin=employ(person(f"{canary} Registrar"), made.university, Role.ORGANISATION_ADMIN),
        transfer_officer=employ(person(f"{canary} Officer"), made.university, Role.TRANSFER_OFFICER),
        colleague=employ(person("Reviewer"), made.university, Role.ETHICS_REVIEWER),
        newcomer=employ(person(f"{canary} Newcomer"), made.university),
    )
    Organisation.objects.filter(pk=made.university.pk).update(email_domains=["example.org"])
    made.university.refresh_from_db()
    _organisation(here)
    _agreements(here)
    _data(here)
    _jobs(here)
    _rooms(here)
    _inbox(here)
    _publications(here)
    _courses(here)
    _transfer(here)
    _internships(here)
    _licences(here)
    _protection(here)
    keep_books(here)
    _ethics(here)
    tokens = ApiToken.objects.filter(digest__in=[_digest(token_for(made.researcher))])
    tokens.update(name=f"Token {canary}")
    here.objects |= {
        ApiToken: tokens.get(),
        AuditEvent: AuditEvent.objects.filter(project_id=made.project.pk).latest("id"),
        Membership: Membership.objects.get(project=made.project, user=made.engineer),
        Organisation: made.university,
        Project: made.project,
        ProjectParty: ProjectParty.objects.get(project=made.project, organisation=made.company),
        User: made.researcher,
    }
    return here


def link_of(side: Side) -> str:
    """The secret of the invitation's link."""
    return _digest(side.canary)[:40]  # without the canary: the page of the link shows itself


def _organisation(here: Side) -> None:
    """A unit, an invitation that waits for an answer, and reviews of the organisation and the project."""
    made = here.joint
    host = employ(person("Host"), made.university, Role.ORGANISATION_ADMIN)
    reviews = [
        MembershipReview.objects.create(due_on=timezone.localdate(), opened_by=host, **scope)
        for scope in ({"project": made.project}, {"organisation": made.university})
    ]
    held = Membership.objects.get(project=made.project, user=made.researcher)
    here.finishable = reviews[1]
    here.objects |= {
        OrganisationUnit: OrganisationUnit.objects.create(organisation=made.university, name="Institute"),
        Invitation: Invitation.objects.create(
            organisation=made.university,
            role=Role.EMPLOYEE,
            email="guest@example.org",
            invited_by=host,
            expires_at=timezone.now() + timedelta(days=9),
            digest=digest_of_link(link_of(here)),
        ),
        MembershipReview: reviews[0],
        ReviewItem: ReviewItem.objects.create(review=reviews[0], membership=held),
    }


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _rooms(here: Side) -> None:
    """Review, work, money, reports and outputs: one row of each, with the canary in its texts.

    But for the questionnaire: all people of its organisation read it.
    """
    made, canary = here.joint, here.canary
    project, today = made.project, timezone.localdate()
    lead_party = ProjectParty.objects.get(project=project, organisation=made.university)
    party = ProjectParty.objects.get(project=project, organisation=made.company)
    asking = {"key": "how", "type": "text", "label": "How?", "label_zh": "", "options": []}
    questionnaire = Questionnaire.objects.create(
        organisation=made.university, name="Questions", created_by=here.organisation_admin
    )
    version = QuestionnaireVersion.objects.create(
        questionnaire=questionnaire, number=1, questions=[asking | {"required": False}], created_by=made.lead
    )
    facts = {"project": project, "name": f"Step {canary}", "chair": made.lead, "questionnaire": version}
    step = ReviewStep.objects.create(state="open", due_on=today, **facts)
    step.reviewers.set([made.researcher])
    here.steps = {"decide": step, "conflicts": step}
    waiting = ReviewStep.objects.create(position=2, **facts)
    waiting.reviewers.set([made.researcher])
    review = Review.objects.create(
        step=step, reviewer=made.researcher, round=project.round, questionnaire=version, comment=f"Draft {canary}"
    )
    other = Review.objects.create(step=step, reviewer=here.newcomer, round=project.round)
    item = plan_work(
        project=project, party=party, title=f"Corpus {canary}", due_on=today + timedelta(days=30), by=made.lead
    )
    line = add_line(
        project=project, party=party, category="travel", starts_on=today, ends_on=today, note=f"Trip {canary}",
        planned=Decimal(100), by=made.lead,
    )  # fmt: skip
    rate = set_training_rate(project=project, per_cpu_hour=Decimal(1), valid_from=today, by=made.lead)
    output = record_output(
        project=project, kind="software", title=f"Tool {canary}", shares={lead_party: Decimal(100)}, by=made.researcher
    )
    report = ProgressReport.objects.create(
        project=project, kind="final", starts_on=today, ends_on=today, due_on=today, state="draft", party=lead_party,
        summary=f"Summary {canary}",
    )  # fmt: skip
    here.objects |= {
        Attestation: Attestation.objects.create(
            party=party, kind="data", ending="none", note=f"Note {canary}", attested_by=made.company_signatory
        ),
        Budget: Budget.objects.get(project=project),
        BudgetAlert: BudgetAlert.objects.create(budget=line.budget, threshold=80, cleared_at=timezone.now()),
        BudgetLine: BudgetLine.objects.select_related("budget").get(pk=line.pk),
        ConflictOfInterest: ConflictOfInterest.objects.create(review=other, kind="other", text=f"Conflict {canary}"),
        Contribution: add_contribution(
            party=party, kind="in_kind", amount=Decimal(5), description=f"Robots {canary}", by=made.lead
        ),
        CostEntry: book_cost(line=line, amount=Decimal(1), on=today, note=f"Train {canary}", by=made.lead),
        Output: output,
        OutputShare: output.shares.get(),
        PartyApproval: PartyApproval.objects.create(
            project=project, party=party, round=project.round, reason=f"Reason {canary}"
        ),
        ProgressReport: report,
        Questionnaire: questionnaire,
        QuestionnaireVersion: version,
        Review: review,
        ReviewStep: waiting,
        TrainingRate: rate,
        WorkItem: item,
    }
    here.objects[Budget].refresh_from_db()
    here.objects[BudgetLine] = BudgetLine.objects.select_related("budget").get(pk=line.pk)


def _agreements(here: Side) -> None:
    made, canary = here.joint, here.canary
    for name in ("executed", "draft", "out", "unaccepted", "talk", "suspended", "renewing"):
        agreement = draft_agreement(
            project=made.project,
            reference=f"{name}-{canary}",
            kind="data_use",
            title=f"Title {canary}",
            title_zh=f"协议 {canary}",
            by=made.lead,
        )
        version = draft_version(
            agreement=agreement,
            text=f"Terms {canary}",
            text_zh=f"条款 {canary}",
            effective_on=timezone.localdate() - timedelta(days=30),
            expires_on=timezone.localdate() + timedelta(days=300),
            auto_renews=name == "renewing",
            renewal_months=12,
            ip={"results_owner": "joint", "field_of_use": f"Field {canary}"},
            duties=[DutyTerm(f"Duty {canary}", months=12)],
            by=made.lead,
            coverage=[
                CoverageTerm(party, purpose) for party in (made.university, made.company) for purpose in Purpose.values
            ],
        )
        if name == "talk":
            version = negotiate_version(version=version, by=made.lead)
            comment = comment_on_version(version=version, text=f"Comment {canary}", by=made.lead)
        elif name != "draft":
            version = send_for_signature(version=version, by=made.lead)
        if name in {"executed", "unaccepted", "suspended", "renewing"}:
            version = _sign(made, version)
        if name == "suspended":
            version = suspend_version(version=version, reason=f"Reason {canary}", by=made.lead)
        here.versions[name] = AgreementVersion.objects.get(pk=version.pk)
    executed = here.versions["executed"]
    sealed = ensure_sealed(executed)
    made.accept(executed)
    assert executed.state == VersionState.EXECUTED
    step = add_step(organisation=made.university, name=f"Legal {canary}", kind="licence", by=here.organisation_admin)
    approval = Approval.objects.create(
        version=here.versions["talk"], step=step, organisation=made.university, round=1, position=1, state="voided"
    )
    background = declare_background(
        project=made.project, owner=made.university, title=f"Background {canary}", by=made.lead
    )
    own = {
        "code": "own",
        "kind": "nda",
        "name": f"Own {canary}",
        "name_zh": "",
        "text": "T",
        "text_zh": "文",
        "fields": [],
    }
    template = publish_own(organisation=made.university, by=here.organisation_admin, **own).template
    here.objects |= {
        IPTerms: executed.ip_terms,
        SurvivingDuty: executed.duties.first(),
        VersionComment: comment,
        ApprovalStep: step,
        Approval: approval,
        BackgroundItem: background,
        AgreementTemplate: template,
        TemplateVersion: template.versions.first(),
        Agreement: executed.agreement,
        AgreementParty: executed.parties.first(),
        Signature: executed.signatures.first(),
        Coverage: executed.coverage.first(),
        SealedDocument: sealed,
        TermsAcceptance: TermsAcceptance.objects.get(version=executed, user=made.engineer),
    }


def _sign(made: Joint, version: AgreementVersion) -> AgreementVersion:
    for signer, party in (
        (made.university_signatory, made.university),
        (made.company_signatory, made.company),
    ):
        version = sign_version(
            version=version,
            party=party,
            typed_name=signer.name,
            capacity="Director",
            document_sha256=version.document_sha256,
            by=signer,
        )
    return version


def _data(here: Side) -> None:
    text = "".join(f"{here.canary} line {number} of the letters.\n" for number in range(400))
    dataset = here.joint.dataset(name=f"Letters {here.canary}", content=text.encode(), file=f"{here.canary}.txt")
    Dataset.objects.filter(pk=dataset.pk).update(description=f"About {here.canary}")
    version = dataset.latest()
    assert version is not None and here.canary in json.dumps(version.profile)
    here.objects |= {Dataset: dataset, DatasetVersion: version}
    terms = set_uses(
        dataset=dataset, codes=[CodeTerm("general_research", text=here.canary)], version=0, by=here.joint.lead
    )
    here.objects |= {UseTerms: terms, UseCode: terms.codes.get()}
    here.spec = suggest("causal-lm", version)["spec"]


def _jobs(here: Side) -> None:
    made, canary = here.joint, here.canary
    now = timezone.now()
    for name in ("queued", "stopped", "done"):
        job = submit_job(project=made.project, name=f"Job {name} {canary}", spec=here.spec, by=made.researcher,
                         purpose={"about": f"About {canary}"})  # fmt: skip
        here.jobs[name] = job
    Job.objects.filter(pk=here.jobs["stopped"].pk).update(
        state=JobState.STOPPED, finished_at=now, reason="stopped_by_person", reason_detail=f"Detail {canary}"
    )
    job = here.jobs["done"]
    version = register_version(
        project=made.project,
        name=f"Model {canary}",
        trained=trained(here, job),
        job_id=job.pk,
        by=made.researcher,
    )
    weights = blob_path("0" * 64)  # kept, so that the model can be tried and taken
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"...")
    written = {"version": version, "asked_by": made.researcher, "asked_at": now, "state": "done", "sha256": "0" * 64}
    OnnxExport.objects.get_or_create(manifest_sha256=version.manifest_sha256, defaults=written)
    Job.objects.filter(pk=job.pk).update(
        state=JobState.DONE,
        finished_at=now,
        model_version=version,
        mlflow_run_id=f"run{canary}",
        metrics={f"test/{canary}": 1.5},
        progress={"phase": canary, "step": 3, "steps": 3},
        baseline={"name": canary, "metrics": {"test/loss": 2.5}},
    )
    for kept in here.jobs.values():
        kept.refresh_from_db()
    here.objects |= {
        Job: here.jobs["done"],
        Attempt: Attempt.objects.create(
            job=job, number=1, fence=1, host=f"host-{canary}", started_at=now, ended_at=now
        ),
        RegisteredModel: version.model,
        ModelVersion: version,
        ModelMetric: version.metrics.first(),
        Trial: Trial.objects.create(
            version=version,
            asked_by=made.researcher,
            kind="text",
            text=f"Question {canary}",
            state="answered",
            answer={"text": f"Answer {canary}"},
            started_at=now,
            ended_at=now,
        ),
    }
    for kept in here.jobs.values():
        folder = Path(settings.RUN_DIR) / str(kept.pk)
        folder.mkdir(parents=True)
        event = {"t": 1.0, "n": 1, "e": "sample", "step": 1, "kind": "text", "prompt": canary, "text": canary}
        (folder / EVENTS_FILE).write_text(json.dumps(event) + "\n", encoding="utf-8")
        (folder / LOG_FILE).write_text(f"log {canary}\n", encoding="utf-8")


def _inbox(here: Side) -> None:
    made, canary = here.joint, here.canary
    notify(people=[made.researcher], kind="news", title=f"News {canary}", url="/", project=made.project)
    for name in ("open", "conditions"):
        here.requests[name] = ask_question(
            project=made.project, title=f"Question {canary}", text=f"Text {canary}", by=made.researcher
        )
    asked = here.requests["open"]
    comment = comment_on(request=asked, by=made.lead, text=f"Comment {canary}")
    reviewer = add_reviewer(request=asked, user=made.observer, by=made.lead)
    decided = decide_request(
        request=here.requests["conditions"],
        decision="approved_with_conditions",
        conditions=[f"Condition {canary}"],
        by=made.lead,
    )
    here.requests["conditions"] = decided
    now = timezone.now()
    here.objects |= {
        Request: asked,
        Comment: comment,
        Reviewer: reviewer,
        Condition: decided.conditions.get(),
        HandOver: HandOver.objects.create(request=decided, by=made.lead, to=made.lead, reason=f"Note {canary}"),
        Notification: Notification.objects.get(person=made.researcher, kind="news"),
        NotificationSettings: NotificationSettings.objects.create(person=made.researcher),
        Obligation: add_date(by=made.lead, title=f"Date {canary}", due_on=now.date(), project=made.project),
        CalendarLink: CalendarLink.objects.create(person=here.newcomer, digest=_digest(here.feed_secret)),
        Delegation: Delegation.objects.create(
            delegator=made.lead,
            delegate=made.researcher,
            reason=f"Away {canary}",
            starts_at=now + timedelta(days=1),
            ends_at=now + timedelta(days=2),
        ),
    }


def _publications(here: Side) -> None:
    """A notice that waits for answers, one with an objection, and one whose days have passed."""
    made, canary = here.joint, here.canary
    file = upload(f"%PDF-1.7 {canary} %%EOF".encode(), f"{canary}.pdf")
    for name in ("notified", "objected", "free"):
        here.notices[name] = give_notice(
            project=made.project,
            organisation=made.university,
            title=f"Paper {name} {canary}",
            title_zh=f"论文 {canary}",
            authors=f"Author {canary}",
            kind="article",
            abstract=f"Abstract {canary}",
            submit_on=timezone.localdate() + timedelta(days=99),
            file=file,
            background=[here.objects[BackgroundItem]],  # type: ignore[list-item]
            by=made.researcher,
        )
    objection = object_to(
        notice=here.notices["objected"],
        party=made.company,
        ground="ip_protection",
        text=f"Objection {canary}",
        delay_until=here.notices["objected"].notice_ends_on + timedelta(days=9),
        by=made.company_signatory,
    )
    days = [timezone.localdate() - timedelta(days=number) for number in (90, 60)]
    PublicationNotice.objects.filter(pk=here.notices["free"].pk).update(
        given_on=days[0], notice_ends_on=days[1], earliest_on=days[1]
    )
    for notice in here.notices.values():
        notice.refresh_from_db()
    here.objects |= {
        Manuscript: here.notices["notified"].manuscripts.get(),
        PublicationNotice: here.notices["notified"],
        PublicationObjection: objection,
    }


def _case_note(here: Side) -> CaseNote:
    """With a file, which its office opens."""
    content = here.canary.encode()
    sha256 = hashlib.sha256(content).hexdigest()
    path = blob_path(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return CaseNote.objects.create(
        case=here.cases["assessed"], text=f"They called {here.canary}", file_name=f"{here.canary}.pdf", sha256=sha256,
        media_type="application/pdf", size_bytes=len(content), by=here.transfer_officer,
    )  # fmt: skip


def _transfer(here: Side) -> None:
    """A draft, a case under assessment, and one of everything that hangs on them."""
    made, canary, now = here.joint, here.canary, timezone.now()
    for number, (name, state) in enumerate({"draft": "draft", "assessed": "under_assessment"}.items()):
        case = TransferCase.objects.create(
            organisation=made.university,
            project=made.project,
            docket=f"{canary}-{number}" if number else "",
            disclosed_on=now.date() if number else None,
            state=state,
            created_by=made.researcher,
        )
        disclosure = Disclosure.objects.create(
            case=case,
            kind="trained_model",
            **{what: f"{what} {canary}" for what in ("title", "title_zh", "summary", "description")},
        )
        inventor = Inventor.objects.create(
            disclosure=disclosure, person=made.researcher, name=made.researcher.name, employer=made.university,
            share_percent=100,
        )  # fmt: skip
        CaseStage.objects.create(case=case, state=state, entered_at=now, by=made.researcher)
        here.cases[name] = case
    case = here.cases["draft"]
    criterion = Criterion.objects.create(organisation=made.university, name=f"Market {canary}", weight=3)
    assessment = Assessment.objects.create(
        case=here.cases["assessed"], assessor=made.lead, asked_by=here.transfer_officer, comment=f"Comment {canary}"
    )
    here.objects |= {
        TransferCase: case,
        Disclosure: case.disclosure,
        Inventor: case.disclosure.inventors.get(),
        CaseStage: case.stages.get(),
        DisclosureSignature: DisclosureSignature.objects.create(
            inventor=inventor, document=f"Text {canary}", document_sha256="0" * 64, typed_name="Me", by=made.researcher
        ),
        CaseNote: _case_note(here),
        Funding: Funding.objects.create(disclosure=case.disclosure, sponsor_name=f"Sponsor {canary}"),
        PriorArt: PriorArt.objects.create(disclosure=case.disclosure, kind="patent", reference=f"Patent {canary}"),
        DisclosedResult: DisclosedResult.objects.create(
            case=case, kind="model_version", subject_type="registry.modelversion", label=f"Model {canary}",
            subject_id=here.objects[ModelVersion].pk,
        ),
        Criterion: criterion,
        Assessment: assessment,
        AssessmentScore: AssessmentScore.objects.create(
            assessment=assessment, criterion=criterion, weight=3, comment=f"Comment {canary}"
        ),
        NoveltyRule: NoveltyRule.objects.get_or_create(
            jurisdiction="XX", valid_from="2000-01-01", defaults={"name": "Nowhere"}
        )[0],
    }  # fmt: skip


def _internships(here: Side) -> None:
    """A season of the university, which is the host as well: the observer applies as a student, the others guide.

    Programme, cohort and postings are read by all people of the university, so nothing secret is in them.
    """
    made, canary, now = here.joint, here.canary, timezone.now()
    today = now.date()
    by = {"created_by": here.organisation_admin}
    employ(made.observer, made.university, Role.STUDENT)
    programme = Programme.objects.create(organisation=made.university, name="Season", **by)
    cohort = Cohort.objects.create(
        programme=programme, name="Cohort", state="published", publishes_at=now - timedelta(days=9),
        opens_at=now - timedelta(days=8), closes_at=now + timedelta(days=8), ranking_ends_at=now + timedelta(days=9),
        starts_on=today - timedelta(days=5), ends_on=today + timedelta(days=60), **by,
    )  # fmt: skip
    foreign = Programme.objects.create(organisation=here.spare_organisation, name="Elsewhere", **by)
    here.elsewhere = Cohort.objects.create(
        programme=foreign, name="Guests", state="published", publishes_at=now, opens_at=now,
        closes_at=now + timedelta(days=8), ranking_ends_at=now + timedelta(days=9), starts_on=today,
        ends_on=today + timedelta(days=60), **by,
    )  # fmt: skip
    here.open_posting = Posting.objects.create(
        cohort=here.elsewhere, organisation=made.university, title="For everybody", duties="Much", state="published",
        starts_on=today, ends_on=today + timedelta(days=60), place="Here", **by,
    )  # fmt: skip
    rows = {"candidate": made.observer, "university": made.university, "cohort": cohort}
    for number, name in enumerate(("draft", "applied", "offered", "onboarded", "proposed"), 1):
        posting = Posting.objects.create(
            cohort=cohort, organisation=made.university, title=f"Posting {number}", duties="Much", audience="chosen",
            starts_on=cohort.starts_on, ends_on=cohort.ends_on, place="Here", state="published", **by,
        )  # fmt: skip
        posting.universities.set([made.university])
        state = {"onboarded": "placed", "proposed": "accepted", "applied": "interviewing"}.get(name, name)
        seat = None if name in {"draft", "applied"} else 1
        owner = {"candidate": made.observer if name != "proposed" else made.former}
        if name == "offered":  # in another cohort: one accepts one place in each
            owner["cohort"] = here.elsewhere
        here.applications[name] = Application.objects.create(
            posting=posting if name != "offered" else here.open_posting, state=state, seat=seat,
            statement=f"Statement {canary}",
            submitted_at=None if name == "draft" else now,
            offer_ends_at=now + timedelta(days=3) if name == "offered" else None, **(rows | owner),
        )  # fmt: skip
    document = upload(f"%PDF-1.7 {canary} %%EOF".encode(), f"{canary}.pdf")
    kept = keep_file(document, DOCUMENTS, settings.APPLICATION_FILE_MAX_BYTES)
    facts = {
        "cohort": cohort, "university": made.university, "host": made.university, "starts_on": cohort.starts_on,
        "ends_on": cohort.ends_on, "mentor": made.researcher, "supervisor": made.lead, "tasks": f"Tasks {canary}",
    }  # fmt: skip
    for name, state in (("onboarded", "onboarded"), ("proposed", "proposed")):
        application = here.applications[name]
        approved = {"approved_by_host": made.lead, "approved_by_university": here.organisation_admin}
        here.placements[name] = Placement.objects.create(
            application=application, posting=application.posting, student=application.candidate, state=state,
            **(facts | (approved if name == "onboarded" else {})),
        )  # fmt: skip
    ask_host(here.placements["proposed"], made.observer)
    applied, placement = here.applications["applied"], here.placements["onboarded"]
    here.objects |= {
        Programme: programme,
        Cohort: cohort,
        CheckPoint: CheckPoint.objects.create(cohort=cohort, kind="check_in", name="First talk", due_on=today),
        MovedCheckPoint: MovedCheckPoint.objects.create(
            placement=placement, due_on=today + timedelta(days=5), reason=f"Exams {canary}", moved_by=made.lead,
            check_point=CheckPoint.objects.create(cohort=cohort, kind="feedback", name="Halfway", due_on=today),
        ),
        Posting: here.applications["applied"].posting,
        Application: applied,
        ApplicationDocument: ApplicationDocument.objects.create(
            application=here.applications["draft"], kind="cv", file_name=kept.file_name, content_type=kept.media_type,
            sha256=kept.sha256, size_bytes=kept.size_bytes,
        ),
        ApplicationEvent: ApplicationEvent.objects.create(application=applied, state="applied", reason=f"Why {canary}"),
        BoardReview: BoardReview.objects.create(application=applied, reviewer=made.lead),
        Interview: Interview.objects.create(
            application=applied, where=f"Room {canary}", proposed_by=made.lead,
            times=[(now + timedelta(days=2)).isoformat()],
        ),
        PairRule: PairRule.objects.create(
            cohort=cohort, posting=applied.posting, candidate=made.observer, forced=False, reason=f"Why {canary}", **by
        ),
        MatchRound: MatchRound.objects.create(cohort=cohort, number=1, made_by=here.organisation_admin),
        Placement: placement,
        StudentSignature: StudentSignature.objects.create(
            placement=placement, version_signed=here.versions["executed"], typed_name=f"Me {canary}",
            document_sha256="0" * 64,
        ),
        LogEntry: LogEntry.objects.create(placement=placement, day=today, hours=7, text=f"Read {canary}"),
        PlacementNote: PlacementNote.objects.create(
            placement=placement, kind="incident", author=made.observer, text=f"Fell {canary}"
        ),
        Evaluation: Evaluation.objects.create(
            placement=placement, side="mentor", author=made.researcher, total=4, comment=f"Good {canary}"
        ),
    }  # fmt: skip


def _licences(here: Side) -> None:
    """A term sheet, a licence in force that missed a milestone, a broken one and an option, for the company."""
    made, canary, officer = here.joint, here.canary, here.transfer_officer
    ApprovalStep.objects.filter(organisation=made.university).update(is_active=False)
    today = timezone.localdate()
    model: Any = here.objects[ModelVersion]
    terms = {
        "exclusivity": "exclusive",
        "fields": ["health"],
        "territories": ["EU"],
        "sublicensing": "free",
        "field_note": f"Field {canary}",
        "assets": [{"kind": "model_version", "subject_type": "registry.modelversion", "subject_id": str(model.pk)}],
        "currency": "EUR",
        "royalty_basis": "net_sales",
        "tiers": [{"from": "0", "rate": "3"}],
        "report_frequency": "yearly",
        "milestones": [{"title": f"First sale {canary}", "amount": "100"}],
        "diligence": [{"title": f"On the market {canary}", "due_on": (today - timedelta(days=5)).isoformat()}],
        "convertible": True,
    }
    for name in ("draft", "active", "broken", "option"):
        licence = draft_licence(
            project=made.project, kind="option" if name == "option" else "licence", reference=f"L-{name}-{canary}",
            title=f"Licence {canary}", licensor=made.university, licensee=made.company, terms=terms, by=officer,
            effective_on=today - timedelta(days=30), expires_on=today + timedelta(days=300),
        )  # fmt: skip
        if name != "draft":
            see_obstacles(licence=licence, keys=[one.key for one in open_obstacles(licence)], by=officer)
            _sign(made, send_for_signature(version=licence.agreement.versions.get(), by=officer))
        here.licences[name] = licence
    breach = give_breach(licence=here.licences["broken"], reason=f"Late {canary}", cure_by=today, by=officer)
    ApprovalStep.objects.filter(organisation=made.university).update(is_active=True)
    for licence in here.licences.values():
        licence.refresh_from_db()
    licence = here.licences["active"]
    sublicence = Sublicence.objects.create(
        licence=licence, name=f"Under {canary}", starts_on=licence.starts_on, ends_on=licence.ends_on, state="granted",
        registered_by=made.company_signatory,
    )  # fmt: skip
    here.objects |= {
        Breach: breach,
        Diligence: licence.diligence.get(),
        FieldOfUse: FieldOfUse.objects.get(code="health"),
        Grant: licence.grants.get(),
        LicensedAsset: licence.assets.get(),
        LicensedThing: licence.assets.get().thing,
        MilestonePayment: licence.milestones.get(),
        LicensorShare: LicensorShare.objects.create(licence=licence, organisation=made.university, percent=100),
        RoyaltyTier: licence.tiers.get(),
        Sublicence: sublicence,
        Territory: Territory.objects.get(code="EU"),
    }


def _courses(here: Side) -> None:
    """Courses that the researcher takes, at every point of the way; a training, certificates, and the library.

    The canary stands only in what is not for everybody of the university: a certificate is for all who know its number.
    """
    made, canary, admin = here.joint, here.canary, here.organisation_admin
    user = made.researcher
    courses, enrolments = {}, {}
    for name in ("answer", "study", "begin_quiz", "grant"):
        course = editing.create_course(organisation=made.university, title=f"Course {name}", summary="Learn.", by=admin)
        edition = course.versions.get()
        image = upload(b"\x89PNG\r\n\x1a\n....IEND", "picture.png")
        editing.save_module(edition=edition, kind="image", title="One", file=image, by=admin)
        editing.save_question(
            edition=edition, text="Why?", options=[{"text": "A", "right": True}, {"text": "B"}], by=admin
        )
        edition.refresh_from_db()
        editing.set_terms(
            edition=edition, version=edition.version, attempts_max=1 if name == "grant" else None, by=admin
        )
        editing.publish_version(edition=edition, by=admin)
        taken = enrol(course=course, by=user)
        if name != "study":
            finish_module(enrolment=taken, module=edition.modules.get(), by=user)
        if name in {"answer", "grant"}:
            attempt = begin_quiz(enrolment=taken, by=user)
        if name == "grant":
            answer_quiz(attempt=attempt, answers={}, by=user)
        courses[name], enrolments[name] = course, taken
    aged = editing.create_course(organisation=made.university, title="Course move", summary="Learn.", by=admin)
    editing.save_module(edition=aged.versions.get(), kind="text", title="One", body="Read.", by=admin)
    editing.publish_version(edition=aged.versions.get(), by=admin)
    enrolments["move"] = enrol(course=aged, by=user)
    editing.publish_version(edition=editing.draft_version(course=aged, by=admin), by=admin)
    here.open_course = editing.create_course(
        organisation=made.university, title="Course for all", summary="Learn.", audience="everyone", by=admin
    )
    edition = here.open_course.versions.get()
    editing.save_module(edition=edition, kind="text", title="One", body="Read.", by=admin)
    editing.publish_version(edition=edition, by=admin)
    draft = editing.draft_version(course=courses["answer"], by=admin)
    taken = enrolments["answer"]
    trainings = [
        submit_training(
            organisation=made.university, title=f"Training {canary}", provider="Academy",
            completed_on=timezone.localdate(), by=user,
            file=upload(f"%PDF-1.7 {canary} %%EOF".encode(), f"{canary}.pdf"),
        )
        for _number in range(3)
    ]  # fmt: skip
    TrainingRecord.objects.filter(pk=trainings[1].pk).update(state="returned")
    TrainingRecord.objects.filter(pk=trainings[2].pk).update(state="accepted", reviewed_at=timezone.now())
    for row in trainings[1:]:
        row.refresh_from_db()
    what = Achievement(title="Summer school", description="Two weeks.", criteria="Took part.")
    certificates = [
        issue_certificate(person=user, achievement=what, organisation=made.university, by=None, name="Ada Lovelace")
        for _number in range(2)
    ]
    suspend_certificate(certificate=certificates[1], reason=f"Inquiry {canary}", by=admin)
    certificates[1].refresh_from_db()
    resource = add_resource(
        organisation=made.university, kind="book", title="Deep learning", link="https://example.org", by=admin
    )
    away = add_resource(
        organisation=made.university, kind="book", title="Put away", link="https://example.org", by=admin
    )
    here.spare_resource = add_resource(
        organisation=made.university, kind="tool", title="Pytorch", link="https://example.org", by=admin
    )
    here.learning = {
        **enrolments,
        "leave": enrolments["study"],
        "begin_draft": courses["study"],
        "again": trainings[1],
        "revoke_training": trainings[2],
        "reinstate": certificates[1],
        "restore": archive_resource(resource=away, by=admin),
    }
    here.objects |= {
        Course: Course.objects.get(pk=courses["answer"].pk),
        CourseVersion: taken.edition,
        CourseModule: draft.modules.get(),
        QuizQuestion: draft.questions.get(),
        Enrolment: taken,
        ModuleDone: taken.done.get(),
        QuizAttempt: taken.attempts.get(),
        TrainingRecord: trainings[0],
        CourseCondition: CourseCondition.objects.create(  # of data that is gone, so that it keeps nobody out
            project=made.project, course=courses["study"], needed_for="data", asset=uuid4(), set_by=made.lead
        ),
        Certificate: certificates[0],
        CertificateBatch: CertificateBatch.objects.create(
            organisation=made.university, title="Summer", proposed_by=admin
        ),
        IssuerKey: certificates[0].key,
        Resource: resource,
        ResourceLink: attach_resource(resource=resource, subject=made.project, note=f"Why {canary}", by=made.lead),
    }


def _protection(here: Side) -> None:
    """A decided case and all that protects, offers and builds on it; the offer is public, so it holds no secret."""
    made, canary, today = here.joint, here.canary, timezone.localdate()
    officer = here.transfer_officer
    case = TransferCase.objects.create(
        organisation=made.university, docket=f"{canary}-P", disclosed_on=today, state="decided", decision="protect",
        decided_by=officer, decided_at=timezone.now(), created_by=made.researcher,
    )  # fmt: skip
    here.cases["decided"] = case
    Disclosure.objects.create(case=case, kind="patentable", title=f"Gripper {canary}", description=f"How {canary}")
    counsel = Counsel.objects.create(organisation=made.university, name=f"Counsel {canary}")
    family = Family.objects.create(case=case, number=1, title=f"Family {canary}", created_by=officer)
    protection = Protection.objects.create(
        family=family, kind="national", jurisdiction="US", title=f"Claim {canary}", counsel=counsel, created_by=officer
    )
    here.settled["correct"] = Protection.objects.create(
        family=family, kind="national", jurisdiction="CA", title=f"Filed {canary}", created_by=officer,
        status="filed", filed_on=today,
    )  # fmt: skip
    offer = Offer.objects.create(
        case=case, slug=f"public-{made.project.slug}", title="A gripper", text="It grips.", more=f"Secret {canary}",
        contact=officer, created_by=officer, state="published", published_on=today,
    )  # fmt: skip
    rule_set = DeadlineRuleSet.objects.get(code="us-office")
    startup = StartUp.objects.create(
        organisation=made.university, name=f"Start-up {canary}", country="DE", founded_on=today, created_by=officer
    )
    startup.cases.add(case)
    here.objects |= {
        Counsel: counsel,
        StartUp: startup,
        EquityHolding: EquityHolding.objects.create(
            startup=startup, holder=made.university, percent=5, from_on=today, note=f"Why {canary}", entered_by=officer
        ),
        Family: family,
        Protection: protection,
        ProtectionCost: ProtectionCost.objects.create(
            protection=protection, kind="counsel", amount=5, currency="EUR", incurred_on=today, note=f"Note {canary}",
            entered_by=officer,
        ),
        DeadlineRuleSet: rule_set,
        DeadlineRule: rule_set.rules.first(),
        FunderRules: FunderRules.objects.create(case=case, code="us-federal", award=f"A {canary}", added_by=officer),
        Deadline: Deadline.objects.create(
            case=case, protection=protection, title=f"Answer {canary}", due_on=today, obligation="notice"
        ),
        Offer: offer,
        Interest: Interest.objects.create(
            offer=offer, company=f"Company {canary}", name="Ann", email=f"ann@{canary}.example"
        ),
    }  # fmt: skip


def _ethics(here: Side) -> None:
    """Cases in every state that an act needs. The registrar is the chair; the observer was asked for a review."""
    made, canary, chair = here.joint, here.canary, here.organisation_admin
    employ(chair, made.university, Role.ETHICS_CHAIR)
    employ(made.observer, made.university, Role.ETHICS_REVIEWER)
    committee = found_committee(organisation=made.university, name="Board", minimum_reviews=0, by=chair)
    asked = [{"key": "aim", "type": "text", "label": "Aim?"}]
    names = ("Application", "review"), ("Assessment", "assessment")
    forms = [
        write_form(
            code=f"{name.lower()}-{made.university.slug}", purpose=purpose, name=name, questions=asked,
            organisation=made.university, by=chair,
        )
        for name, purpose in names
    ]  # fmt: skip

    def begun(title: str, *, submit: bool = True) -> EthicsCase:
        case = begin_case(
            project=made.project, committee=committee, form=forms[0], title=f"{title} {canary}", by=made.lead
        )
        case = save_answers(
            row=case, answers={"aim": f"Aim {canary}"}, number=1, version=case.version, by=made.lead
        )  # fmt: skip
        return submit_case(case=case, number=1, by=made.lead) if submit else case

    cases = {name: begun(name, submit=name != "draft") for name in ("draft", "submitted", "in_review", "rejected")}
    document = upload(f"%PDF-1.7 {canary} protocol %%EOF".encode(), f"{canary}.pdf")
    attached = add_file(case=cases["draft"], kind="protocol", file=document, by=made.lead)
    approved = decide_case(
        case=begun("approved"),
        decision="approved_with_conditions",
        valid_until=timezone.localdate() + timedelta(days=99),
        conditions=[ConditionTerm(f"Mask {canary}", due_on=timezone.localdate() + timedelta(days=9))],
        by=chair,
    )
    decide_case(case=cases["rejected"], decision="rejected", reason=f"No {canary}", by=chair)
    [condition] = approved.conditions.all()
    for n in (1, 2):
        claim_condition(condition=condition, evidence=f"Seen {n} {canary}", by=made.lead)
        if n == 1:
            refuse_claim(condition=condition, reason=f"Blurred {canary}", by=chair)
    approved = correct_decision(
        case=approved, monitor_months=12, reason=f"Slip {canary}", version=approved.version, by=chair
    )
    told = report(case=approved, kind="monitoring", text=f"Report {canary}", by=made.lead)
    question = ask_applicants(case=cases["in_review"], text=f"Why {canary}?", by=chair)
    facts = {"case": cases["in_review"], "round": 1, "due_on": timezone.localdate()}
    review = EthicsReview.objects.create(reviewer=made.observer, **facts)
    conflict = {"conflict_kind": "other", "conflict_text": f"Cousin {canary}", "conflict_state": "declared"}
    here.settled["settle"] = EthicsReview.objects.create(reviewer=here.newcomer, **facts, **conflict)
    given = facts | {"case": begun("reviewed"), "state": "submitted", "submitted_at": timezone.now()}
    here.settled["reopen_review"] = EthicsReview.objects.create(
        reviewer=made.observer, opinion="favour", text=f"Fine {canary}", **given
    )
    waiting = [cases["in_review"].pk, given["case"].pk]
    EthicsCase.objects.filter(pk__in=waiting).update(state="in_review")
    given["case"].refresh_from_db()
    for name in ("draft", "done"):
        row = begin_assessment(project=made.project, form=forms[1], by=made.lead)
        row = save_answers(row=row, answers={"aim": f"Aim {canary}"}, number=1, version=row.version, by=made.lead)
        here.objects[EthicsAssessment] = row if name == "draft" else here.objects[EthicsAssessment]
        if name == "done":
            here.settled["reopen"] = finish_assessment(row=row, by=made.lead)
    for form in forms:
        add_form_version(form=form, questions=[*asked, asked[0] | {"key": "more", "required": False}], by=chair)
    here.ethics_cases = {
        name: EthicsCase.objects.get(pk=case.pk) for name, case in {**cases, "approved": approved}.items()
    }
    here.objects |= {
        EthicsCase: here.ethics_cases["in_review"],
        EthicsCommittee: committee,
        EthicsCondition: approved.conditions.get(),
        EthicsCorrection: approved.corrections.get(),
        EthicsFile: attached,
        EthicsRefusal: condition.refusals.get(),
        EthicsForm: forms[0],
        EthicsFormVersion: forms[0].versions.get(number=1),
        EthicsQuestion: question,
        EthicsReport: told,
        EthicsReview: review,
        EthicsSubmission: cases["in_review"].submissions.get(),
    }


def trained(here: Side, job: Job) -> TrainedModel:
    canary = here.canary
    return TrainedModel(
        task=job.task,
        architecture="gpt",
        parameters=10,
        metrics={f"test/{canary}": 1.5, "test/loss": 1.5},
        primary_metric="test/loss",
        baseline={"name": canary, "metrics": {"test/loss": 2.5}},
        card=f"# Card {canary}",
        manifest={"files": {f"{canary}.safetensors": {"sha256": "0" * 64, "size_bytes": 3}}},
        manifest_sha256="1" * 64,
        size_bytes=3,
        mlflow_run_id=f"run{canary}",
        mlflow_model_id=f"model{canary}",
        dataset_versions=[here.objects[DatasetVersion]],  # type: ignore[list-item]
        terms=[here.versions["executed"]],
    )


def absent(value: Any) -> Any:
    """A value of the same shape that names nothing."""
    if isinstance(value, UUID) or (isinstance(value, str) and _is_uuid(value)):
        return str(uuid4())
    if isinstance(value, int):
        return value + 10_000
    return "nowhere-at-all"


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True
