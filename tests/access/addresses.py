"""Every address of the site with its parameters filled from one side of the scene, and bodies that ought to work."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.utils import timezone

from collab.access.rules import Route, routes
from collab.accounts.models import (
    ApiToken,
    Delegation,
    Invitation,
    Membership,
    MembershipReview,
    OrganisationUnit,
    ReviewItem,
    User,
)
from collab.agreements.approvals import ApprovalStep
from collab.agreements.background import BackgroundItem
from collab.agreements.library import AgreementTemplate
from collab.agreements.models import Agreement, AgreementVersion
from collab.courses.certificates.models import Certificate, IssuerKey
from collab.courses.library.models import Resource, ResourceLink
from collab.courses.models import Course, CourseCondition, CourseModule, Enrolment, QuizQuestion, TrainingRecord
from collab.ethics.models import (
    EthicsAssessment,
    EthicsCase,
    EthicsFile,
    EthicsForm,
    EthicsQuestion,
    EthicsReport,
    EthicsReview,
)
from collab.inbox.models import CalendarLink, Notification, Obligation, Request
from collab.internships.models import (
    Application,
    CheckPoint,
    Cohort,
    Interview,
    LogEntry,
    PairRule,
    Placement,
    PlacementNote,
    Posting,
    Programme,
)
from collab.internships.models import ApplicationDocument as Document
from collab.projects.models import (
    BudgetLine,
    ConflictOfInterest,
    Output,
    PartyApproval,
    ProgressReport,
    Project,
    ProjectParty,
    Questionnaire,
    Review,
    ReviewStep,
    WorkItem,
)
from collab.publications.models import PublicationNotice, PublicationObjection
from collab.transfer.models import (
    Assessment,
    CaseNote,
    Counsel,
    Criterion,
    Deadline,
    DeadlineRuleSet,
    Diligence,
    Distribution,
    ExchangeRate,
    Family,
    FunderRules,
    Interest,
    InterestRule,
    Inventor,
    Invoice,
    Licence,
    LicensedAsset,
    MilestonePayment,
    Offer,
    PartnerPayment,
    PolicyVersion,
    Protection,
    ProtectionCost,
    Receipt,
    ReceiptMatch,
    Refund,
    RoyaltyAudit,
    RoyaltyReport,
    ScheduledPayment,
    StartUp,
    Statement,
    Sublicence,
    ThirdPartyShare,
    TransferCase,
    WriteOff,
)
from collab.web.api import etag_of
from registry.catalog.models import ModelVersion, RegisteredModel
from registry.datasets.models import Dataset, DatasetVersion
from tests.access.personas import NAMES
from tests.access.scene import Side, link_of
from training.jobs.models import Job
from training.playground.models import Trial

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Address:
    """A route with what fills it: `obj` is the row that its permission word is about, None for lists."""

    route: Route
    path: str
    obj: Model | None
    keys: tuple[Any, ...] = ()

    def filled_with(self, keys: tuple[Any, ...]) -> str:
        return fill(self.route.pattern, keys)


_PART = re.compile(r"<[^>]+>|\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")


def fill(pattern: str, keys: tuple[Any, ...]) -> str:
    """The path of a route pattern with its parameters replaced, in order."""
    left = iter(keys)
    path = _PART.sub(lambda _match: str(next(left)), pattern)
    return "/" + path.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\", "")


def parameters(pattern: str) -> list[str]:
    return [match.group(0) for match in _PART.finditer(pattern)]


# Pages: what their parameters name. The first pattern that matches counts; the object is what the word is about.
PAGES: list[tuple[str, Callable[[Side, str], tuple[Model | None, tuple[Any, ...]]]]] = [
    (r"organisations/<slug:slug>/people/<uuid:pk>/", lambda s, n: _of_organisation(s, _post(s))),
    (r"organisations/<slug:slug>/units/<uuid:pk>/", lambda s, n: _of_organisation(s, s.object(OrganisationUnit))),
    (r"organisations/<slug:slug>/invitations/<uuid:pk>/", lambda s, n: _of_organisation(s, s.object(Invitation))),
    (r"organisations/<slug:slug>/", lambda s, n: _of_organisation(s)),
    (r"invitations/<str:secret>/", lambda s, n: (None, (link_of(s),))),
    (
        r"membership-reviews/<uuid:pk>/items/<uuid:item>/",
        lambda s, n: (s.object(MembershipReview), (s.object(MembershipReview).pk, s.object(ReviewItem).pk)),
    ),
    (r"membership-reviews/<uuid:pk>/", lambda s, n: _membership_review(s, n)),
    (r"projects/<slug:slug>/members/<uuid:pk>/", lambda s, n: (s.joint.project, (s.joint.project.slug, _member(s).pk))),
    (
        r"projects/<slug:slug>/rights/<uuid:pk>/<str:word>/",
        lambda s, n: (s.joint.project, (s.joint.project.slug, s.joint.engineer.pk, "dataset.train")),
    ),
    (r"projects/<slug:slug>/approvals/<uuid:pk>/", lambda s, n: _in_project(s, PartyApproval)),
    (r"projects/<slug:slug>/work/<uuid:pk>/", lambda s, n: _in_project(s, WorkItem)),
    (r"projects/<slug:slug>/reports/<uuid:pk>/", lambda s, n: _in_project(s, ProgressReport)),
    (r"projects/<slug:slug>/outputs/<uuid:pk>/", lambda s, n: _in_project(s, Output)),
    (r"projects/<slug:slug>/parties/<uuid:pk>/", lambda s, n: _in_project(s, ProjectParty)),
    (r"projects/<slug:slug>/budget/lines/<uuid:pk>/", lambda s, n: _in_project(s, BudgetLine)),
    (r"projects/<slug:slug>/training/conditions/<uuid:pk>/", lambda s, n: _in_project(s, CourseCondition)),
    (r"projects/<slug:slug>/training/resources/<uuid:pk>/", lambda s, n: _in_project(s, ResourceLink)),
    (r"courses/<slug:slug>/modules/<uuid:pk>/", lambda s, n: _course(s, s.object(CourseModule).pk)),
    (r"courses/<slug:slug>/versions/<int:number>/", lambda s, n: _course(s, 1)),
    (r"courses/<slug:slug>/questions/<uuid:pk>/", lambda s, n: _course(s, s.object(QuizQuestion).pk)),
    (r"courses/<slug:slug>/", lambda s, n: _course(s)),
    (r"learning/<uuid:pk>/modules/<uuid:module>/", lambda s, n: _enrolment(s, _studied(s))),
    (r"learning/<uuid:pk>/attempts/<int:number>/", lambda s, n: _enrolment(s, 1)),
    (r"learning/<uuid:pk>/", lambda s, n: _enrolment(s)),
    (r"trainings/<uuid:pk>/", lambda s, n: _training_row(s, n)),
    (r"library/<uuid:pk>/", lambda s, n: (s.object(Resource), (s.object(Resource).pk,))),
    (r"certificates/<uuid:pk>/", lambda s, n: (s.object(Certificate), (s.object(Certificate).pk,))),
    (r"credentials/<uuid:pk>/", lambda s, n: (None, (s.object(Certificate).pk,))),
    (r"credentials/keys/<str:kid>/", lambda s, n: (None, (s.object(IssuerKey).kid,))),  # type: ignore[attr-defined]
    (r"credentials/status/<slug:purpose>/<int:number>/", lambda s, n: (None, ("revocation", 1))),
    (r"projects/<slug:slug>/", lambda s, n: (s.joint.project, (s.joint.project.slug,))),
    (
        r"agreements/templates/<slug:code>/",
        lambda s, n: (s.object(AgreementTemplate), (s.object(AgreementTemplate).code,)),
    ),
    (r"agreements/approval-steps/<uuid:pk>/", lambda s, n: (s.object(ApprovalStep), (s.object(ApprovalStep).pk,))),
    (r"background/<uuid:pk>/", lambda s, n: (s.object(BackgroundItem), (s.object(BackgroundItem).pk,))),
    (
        r"publications/<uuid:pk>/objections/<uuid:objection>/",
        lambda s, n: _notice(s, n, s.object(PublicationObjection).pk),
    ),
    (r"publications/<uuid:pk>/manuscripts/<int:number>/", lambda s, n: _notice(s, n, 1)),
    (r"publications/<uuid:pk>/", lambda s, n: _notice(s, n)),
    (r"internships/open/<uuid:pk>/", lambda s, n: (None, (s.open_posting.pk,))),
    (r"internships/programmes/<uuid:pk>/", lambda s, n: (s.object(Programme), (s.object(Programme).pk,))),
    (
        r"internships/cohorts/<uuid:pk>/rules/<uuid:rule>/",
        lambda s, n: (s.object(Cohort), (s.object(Cohort).pk, s.object(PairRule).pk)),
    ),
    (
        r"internships/cohorts/<uuid:pk>/check-points/<uuid:point>/",
        lambda s, n: (s.object(Cohort), (s.object(Cohort).pk, s.object(CheckPoint).pk)),
    ),
    (r"internships/cohorts/<uuid:pk>/", lambda s, n: (s.object(Cohort), (s.object(Cohort).pk,))),
    (r"internships/postings/<uuid:pk>/", lambda s, n: (s.object(Posting), (s.object(Posting).pk,))),
    (
        r"internships/applications/<uuid:pk>/documents/<uuid:document>/",
        lambda s, n: _application(s, n, s.object(Document).pk),
    ),
    (r"internships/applications/<uuid:pk>/", lambda s, n: _application(s, n)),
    (r"internships/placements/<uuid:pk>/log/<uuid:entry>/", lambda s, n: _placement(s, n, s.object(LogEntry).pk)),
    (
        r"internships/placements/<uuid:pk>/check-points/<uuid:point>/",
        lambda s, n: _placement(s, n, s.object(CheckPoint).pk),
    ),
    (r"internships/placements/<uuid:pk>/notes/<uuid:note>/", lambda s, n: _placement(s, n, s.object(PlacementNote).pk)),
    (r"internships/placements/<uuid:pk>/", lambda s, n: _placement(s, n)),
    (
        r"transfer/receipts/<uuid:pk>/matches/<uuid:match>/",
        lambda s, n: (s.books["receipt matched"], (s.books["receipt matched"].pk, s.object(ReceiptMatch).pk)),
    ),
    (
        r"transfer/receipts/<uuid:pk>/refunds/<uuid:refund>/",
        lambda s, n: (s.books["receipt refunded"], (s.books["receipt refunded"].pk, s.object(Refund).pk)),
    ),
    (
        r"transfer/invoices/<uuid:pk>/write-offs/<uuid:write_off>/",
        lambda s, n: (s.books["invoice other"], (s.books["invoice other"].pk, s.object(WriteOff).pk)),
    ),
    *(
        (pattern, lambda s, n, model=model: _in_books(s, n, model))
        for pattern, model in (
            (r"transfer/reports/<uuid:pk>/", RoyaltyReport),
            (r"transfer/audits/<uuid:pk>/", RoyaltyAudit),
            (r"transfer/invoices/<uuid:pk>/", Invoice),
            (r"transfer/receipts/<uuid:pk>/", Receipt),
            (r"transfer/licensor-payments/<uuid:pk>/", PartnerPayment),
            (r"transfer/distributions/<uuid:pk>/", Distribution),
            (r"transfer/payments/<uuid:pk>/", ScheduledPayment),
            (r"transfer/third-parties/<uuid:pk>/", ThirdPartyShare),
            (r"transfer/rates/<uuid:pk>/", ExchangeRate),
            (r"transfer/interest-rates/<uuid:pk>/", InterestRule),
            (r"transfer/policies/<uuid:pk>/", PolicyVersion),
            (r"transfer/statements/<uuid:pk>/", Statement),
        )
    ),
    (
        r"transfer/licences/<uuid:pk>/licensors/<uuid:partner>/",
        lambda s, n: (s.books["licence"], (s.books["licence"].pk, s.joint.company.pk)),
    ),
    *(
        (f"transfer/licences/<uuid:pk>/{what}/", lambda s, n: (s.books["licence"], (s.books["licence"].pk,)))
        for what in ("royalties", "payments", "invoices", "receipts", "audits")
    ),
    (r"transfer/books/<slug:slug>/", lambda s, n: _of_organisation(s)),
    (r"transfer/families/<uuid:pk>/", lambda s, n: _row(s, Family)),
    (
        r"transfer/protections/<uuid:pk>/move/<slug:move>/",
        lambda s, n: (s.object(Protection), (s.object(Protection).pk, "file")),
    ),
    (r"transfer/protections/<uuid:pk>/", lambda s, n: _row(s, Protection)),
    (r"transfer/costs/<uuid:pk>/", lambda s, n: _row(s, ProtectionCost)),
    (r"transfer/deadlines/<uuid:pk>/", lambda s, n: _row(s, Deadline)),
    (r"transfer/funder-rules/<uuid:pk>/", lambda s, n: _row(s, FunderRules)),
    (r"transfer/counsel/<uuid:pk>/", lambda s, n: _row(s, Counsel)),
    (r"transfer/rules/<uuid:pk>/", lambda s, n: _row(s, DeadlineRuleSet)),
    (
        r"transfer/startups/<uuid:pk>/move/<slug:move>/",
        lambda s, n: (s.object(StartUp), (s.object(StartUp).pk, "start")),
    ),
    (r"transfer/startups/<uuid:pk>/", lambda s, n: _row(s, StartUp)),
    (r"transfer/offers/<uuid:pk>/", lambda s, n: _row(s, Offer)),
    (r"transfer/interests/<uuid:pk>/", lambda s, n: _row(s, Interest)),
    (r"technologies/<slug:slug>/", lambda s, n: (s.object(Offer), (s.object(Offer).slug,))),
    (
        r"transfer/cases/<uuid:pk>/notes/<uuid:note>/",
        lambda s, n: (s.cases["assessed"], (s.cases["assessed"].pk, s.object(CaseNote).pk)),
    ),
    (r"transfer/cases/<uuid:pk>/", lambda s, n: (_case(s, n), (_case(s, n).pk,))),
    (r"transfer/assessments/<uuid:pk>/", lambda s, n: (s.object(Assessment), (s.object(Assessment).pk,))),
    (
        r"transfer/criteria/<slug:slug>/<uuid:pk>/",
        lambda s, n: (s.object(Criterion), (s.joint.university.slug, s.object(Criterion).pk)),
    ),
    (r"transfer/criteria/<slug:slug>/", lambda s, n: _of_organisation(s)),
    (r"ethics/forms/<uuid:pk>/", lambda s, n: (s.object(EthicsForm), (s.object(EthicsForm).pk,))),
    (r"ethics/committees/<slug:slug>/", lambda s, n: _of_organisation(s)),
    (r"ethics/cases/<uuid:pk>/questions/", lambda s, n: _ethics_case(s, "ask", s.object(EthicsQuestion).pk)),
    (r"ethics/cases/<uuid:pk>/conditions/", lambda s, n: _ethics_case(s, n, 1)),
    (r"ethics/cases/<uuid:pk>/hold/", lambda s, n: _ethics_case(s, n, "suspend")),
    (r"ethics/cases/<uuid:pk>/reports/", lambda s, n: _ethics_case(s, n, s.object(EthicsReport).pk)),
    (r"ethics/cases/<uuid:pk>/files/<uuid:file>/", lambda s, n: _ethics_case(s, n, s.object(EthicsFile).pk)),
    (r"ethics/cases/<uuid:pk>/", lambda s, n: _ethics_case(s, n)),
    (r"ethics/reviews/<uuid:pk>/", lambda s, n: _ethics_review(s, n)),
    (r"ethics/assessments/<uuid:pk>/", lambda s, n: (s.object(EthicsAssessment), (s.object(EthicsAssessment).pk,))),
    (r"agreements/<uuid:pk>/v<int:number>/", lambda s, n: _version(s, n)),
    (r"agreements/<uuid:pk>/", lambda s, n: (s.object(Agreement), (s.object(Agreement).pk,))),
    (
        r"transfer/licences/<uuid:pk>/diligence/<uuid:diligence>/",
        lambda s, n: (s.object(Licence), (s.object(Licence).pk, s.object(Diligence).pk)),
    ),
    (
        r"transfer/licences/<uuid:pk>/milestones/<uuid:milestone>/",
        lambda s, n: (s.object(Licence), (s.object(Licence).pk, s.object(MilestonePayment).pk)),
    ),
    (r"transfer/sublicences/<uuid:pk>/", lambda s, n: _row(s, Sublicence)),
    (r"transfer/licences/<uuid:pk>/", lambda s, n: (_licence(s, n), (_licence(s, n).pk,))),
    (
        r"licensed/<uuid:pk>/files/<str:sha256>/",
        lambda s, n: (s.object(LicensedAsset), (s.object(LicensedAsset).pk, _file(s))),
    ),
    (r"licensed/<uuid:pk>/", lambda s, n: (s.object(LicensedAsset), (s.object(LicensedAsset).pk,))),
    (r"datasets/<uuid:pk>/v<int:number>/", lambda s, n: (s.object(DatasetVersion), (s.object(Dataset).pk, 1))),
    (r"datasets/<uuid:pk>/", lambda s, n: (s.object(Dataset), (s.object(Dataset).pk,))),
    (r"models/<uuid:pk>/v<int:number>/", lambda s, n: (s.object(ModelVersion), (s.object(RegisteredModel).pk, 1))),
    (r"models/<uuid:pk>/", lambda s, n: (s.object(RegisteredModel), (s.object(RegisteredModel).pk,))),
    (r"people/<uuid:pk>/access/", lambda s, n: (s.object(Project), (s.joint.engineer.pk,))),
    (r"people/<uuid:pk>/", lambda s, n: (s.object(User), (s.object(User).pk,))),
    (r"trials/<uuid:pk>/", lambda s, n: _row(s, Trial)),
    (r"jobs/<uuid:pk>/", lambda s, n: (_job(s, n), (_job(s, n).pk,))),
    (
        r"review-steps/<uuid:pk>/conflicts/<uuid:conflict>/",
        lambda s, n: (s.steps["conflicts"], (s.steps["conflicts"].pk, s.object(ConflictOfInterest).pk)),
    ),
    (r"review-steps/<uuid:pk>/", lambda s, n: (s.object(ReviewStep), (s.object(ReviewStep).pk,))),
    (r"reviews/<uuid:pk>/", lambda s, n: (s.object(Review), (s.object(Review).pk,))),
    (r"questionnaires/<uuid:pk>/", lambda s, n: (s.object(Questionnaire), (s.object(Questionnaire).pk,))),
    (r"inbox/<uuid:pk>/conditions/", lambda s, n: (_request(s, n), (_request(s, n).pk, 1))),
    (r"inbox/<uuid:pk>/", lambda s, n: (_request(s, n), (_request(s, n).pk,))),
    (r"notifications/<uuid:pk>/", lambda s, n: (s.object(Notification), (s.object(Notification).pk,))),
    (r"calendar/dates/<uuid:pk>/", lambda s, n: (s.object(Obligation), (s.object(Obligation).pk,))),
    (r"calendar/feed/<str:secret>.ics", lambda s, n: (s.object(CalendarLink), (s.feed_secret,))),
    (r"account/absences/<uuid:pk>/", lambda s, n: (s.object(Delegation), (s.object(Delegation).pk,))),
    (r"account/tokens/<uuid:pk>/", lambda s, n: (s.object(ApiToken), (s.object(ApiToken).pk,))),
]


def _row(side: Side, model: type[Model]) -> tuple[Model, tuple[Any, ...]]:
    return side.object(model), (side.object(model).pk,)


def _in_books(side: Side, name: str, model: type[Model]) -> tuple[Model, tuple[Any, ...]]:
    row = side.object(model, name.rpartition("_")[2])
    return row, (row.pk,)


def _in_project(side: Side, model: type[Model]) -> tuple[Model, tuple[Any, ...]]:
    return side.joint.project, (side.joint.project.slug, side.object(model).pk)


def _course(side: Side, *more: Any) -> tuple[Model, tuple[Any, ...]]:
    course: Any = side.object(Course)
    return course, (course.slug, *more)


def _enrolment(side: Side, *more: Any) -> tuple[Model, tuple[Any, ...]]:
    return side.object(Enrolment), (side.object(Enrolment).pk, *more)


def _studied(side: Side) -> Any:
    enrolment: Any = side.object(Enrolment)
    return enrolment.edition.modules.get().pk


def _of_organisation(side: Side, *rows: Model) -> tuple[Model, tuple[Any, ...]]:
    return side.joint.university, (side.joint.university.slug, *(row.pk for row in rows))


def _post(side: Side) -> Model:
    """A role in the university itself."""
    return Membership.objects.get(user=side.newcomer, organisation=side.joint.university, project=None)


def _membership_review(side: Side, name: str) -> tuple[Model, tuple[Any, ...]]:
    review = side.object(MembershipReview, name.rpartition("_")[2])
    return review, (review.pk,)


def _member(side: Side) -> Model:
    return side.object(Membership)


def _version(side: Side, name: str) -> tuple[Model, tuple[Any, ...]]:
    action = name.rpartition("_")[2]
    version: Any = side.object(AgreementVersion, action)
    return version, (version.agreement_id, version.number)


def _notice(side: Side, name: str, *more: Any) -> tuple[Model, tuple[Any, ...]]:
    notice: Any = side.object(PublicationNotice, name.rpartition("_")[2])
    return notice, (notice.pk, *more)


def _application(side: Side, name: str, *more: Any) -> tuple[Model, tuple[Any, ...]]:
    row: Any = side.object(Application, name.rpartition("_")[2])
    return row, (row.pk, *more)


def _placement(side: Side, name: str, *more: Any) -> tuple[Model, tuple[Any, ...]]:
    row: Any = side.object(Placement, name.rpartition("_")[2] if not more else "")
    return row, (row.pk, *more)


def _case(side: Side, name: str) -> Model:
    return side.object(TransferCase, name.partition("_")[2].replace("_", "-"))


def _licence(side: Side, name: str) -> Model:
    return side.object(Licence, name.partition("_")[2])


def _file(side: Side) -> str:
    """The hash of the one file of the model."""
    model: Any = side.object(ModelVersion)
    return next(iter(model.manifest["files"].values()))["sha256"]


def _ethics_case(side: Side, name: str, *more: Any) -> tuple[Model, tuple[Any, ...]]:
    case = side.object(EthicsCase, name.rpartition("_")[2])
    return case, (case.pk, *more)


def _training_row(side: Side, name: str) -> tuple[Model, tuple[Any, ...]]:
    row = side.object(TrainingRecord, name.rpartition("_")[2])
    return row, (row.pk,)


def _ethics_review(side: Side, name: str) -> tuple[Model, tuple[Any, ...]]:
    review = side.object(EthicsReview, name.rpartition("_")[2])
    return review, (review.pk,)


def _request(side: Side, name: str) -> Model:
    return side.object(Request, name.rpartition("_")[2])


def _job(side: Side, name: str) -> Model:
    return side.object(Job, name.rpartition("_")[2])


@cache
def own_routes() -> list[Route]:
    """Addresses of pages and API: everything but what libraries bring. Asked for by every persona, for one answer."""
    return [route for route in routes() if not route.pattern.startswith(("accounts/", "admin/"))]


def address_of(route: Route, side: Side) -> Address:
    """The route on one side; raises AssertionError with the remedy when nobody has said how to fill it."""
    if not parameters(route.pattern):
        return Address(route, fill(route.pattern, ()), None)
    viewset = getattr(route.callback, "cls", None)
    if viewset is not None and hasattr(viewset, "rows"):
        action = next(iter(route.callback.actions.values()))  # type: ignore[attr-defined]
        obj: Any = side.object(viewset.rows.model, action)
        keys = [getattr(obj, viewset.lookup_field)]
        keys += [_member(side).pk for name in parameters(route.pattern)[1:] if "membership" in name]
        keys += [1 for name in parameters(route.pattern)[1:] if "number" in name]
        keys += [_file(side) for name in parameters(route.pattern)[1:] if "sha256" in name]
        keys += [side.object(EthicsFile).pk for name in parameters(route.pattern)[1:] if "file>" in name]
        return Address(route, fill(route.pattern, tuple(keys)), obj, tuple(keys))
    for pattern, find in PAGES:
        if route.pattern.startswith(pattern):
            obj, keys_of_page = find(side, route.name)
            return Address(route, fill(route.pattern, keys_of_page), obj, keys_of_page)
    raise AssertionError(f"say in tests/access/addresses.py, PAGES, what fills the parameters of {route.pattern}")


# --- bodies of the API, by "<route name> <method>": JSON unless it holds a file
Body = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """`about`: the row that decides when the address names none."""

    body: Body | None = None
    about: Model | None = None
    headers: tuple[tuple[str, str], ...] = ()
    form: bool = False


def sent(name: str, method: str, side: Side) -> Sent | None:
    """A body that ought to work for whoever may, or None when nobody has written one."""
    make = BODIES.get(f"{name} {method}")
    return make(side) if make is not None else None


def _day(days: int) -> str:
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def _sign(side: Side) -> Sent:
    return Sent(
        {
            "party": side.joint.company.slug,
            "typed_name": side.joint.company_signatory.name,
            "capacity": "Director",
            "document_sha256": side.versions["out"].document_sha256,
        }
    )


def _upload(side: Side) -> Sent:
    text = "".join(f"{side.canary} another line {number}.\n" for number in range(50))
    return Sent({"file": SimpleUploadedFile("more.txt", text.encode(), "text/plain")}, form=True)


class _SentAgain(SimpleUploadedFile):
    """A file that several people send one after the other."""

    def read(self, *args: Any) -> bytes:
        self.seek(0)
        return super().read(*args)


def _training(**more: str) -> Body:
    file = _SentAgain("proof.pdf", b"%PDF-1.7 more %%EOF", "application/pdf")
    return {"title": "GDPR", "provider": "Academy", "completed_on": _day(-9), "file": file, **more}


_FRESH = (("If-Match", "fresh"),)
_NOTHING = lambda side: Sent({})  # noqa: E731
BODIES: dict[str, Callable[[Side], Sent]] = {
    "api:organisation-list POST": lambda s: Sent({"name": "Founded", "kind": "company"}),
    "api:organisation-detail PATCH": lambda s: Sent({"country": "SE"}, headers=(("If-Match", "fresh"),)),
    "api:organisation-units POST": lambda s: Sent({"name": "New unit"}),
    "api:organisation-leave POST": _NOTHING,
    "api:unit-detail PATCH": lambda s: Sent({"name": "Renamed"}, headers=(("If-Match", "fresh"),)),
    "api:unit-detail DELETE": _NOTHING,
    "api:membership-detail PATCH": lambda s: Sent({"job_title": "Engineer"}, headers=(("If-Match", "fresh"),)),
    "api:membership-end POST": _NOTHING,
    "api:invitation-list POST": lambda s: Sent(
        {"organisation": s.joint.university.slug, "email": "new@example.org", "role": "employee"},
        about=s.joint.university,
    ),
    "api:invitation-resend POST": _NOTHING,
    "api:invitation-revoke POST": _NOTHING,
    "api:invitation-accept POST": lambda s: Sent({"secret": link_of(s)}),
    "api:invitation-decline POST": lambda s: Sent({"secret": link_of(s)}),
    "api:membership-review-list POST": lambda s: Sent(
        {"organisation": s.joint.university.slug, "due_on": _day(9)}, about=s.joint.university
    ),
    "api:membership-review-items POST": lambda s: Sent({"item": str(s.object(ReviewItem).pk), "decision": "confirm"}),
    "api:membership-review-finish POST": _NOTHING,
    "api:request-list POST": lambda s: Sent(
        {"project": s.joint.project.slug, "title": f"New {s.canary}"}, about=s.joint.project
    ),
    "api:request-decide POST": lambda s: Sent({"decision": "approved", "reason": f"Yes {s.canary}"}),
    "api:request-withdraw POST": _NOTHING,
    "api:request-comments POST": lambda s: Sent({"text": f"Well {s.canary}"}),
    "api:request-advise POST": lambda s: Sent({"opinion": "favour", "text": s.canary}),
    "api:request-reviewers POST": lambda s: Sent({"person": s.joint.engineer.email}),
    "api:request-hand-over POST": lambda s: Sent({"person": str(s.joint.observer.pk)}),
    "api:request-meet POST": lambda s: Sent({"evidence": f"Report {s.canary}"}),
    "api:notification-read POST": _NOTHING,
    "api:notification-read-all POST": _NOTHING,
    "api:notification-mail PATCH": lambda s: Sent(
        {"choices": {"news": "off"}}, headers=(("If-Match", etag_of("mail", 0)),)
    ),
    "api:obligation-list POST": lambda s: Sent(
        {"title": f"New {s.canary}", "due_on": _day(9), "project": s.joint.project.slug}, about=s.joint.project
    ),
    "api:obligation-detail PATCH": lambda s: Sent({"due_on": _day(8)}, headers=(("If-Match", "fresh"),)),
    "api:obligation-settle POST": _NOTHING,
    "api:delegation-list POST": lambda s: Sent({"ends_at": (timezone.now() + timedelta(days=9)).isoformat()}),
    "api:delegation-end POST": _NOTHING,
    "api:organisation-people POST": lambda s: Sent({"email": s.newcomer.email, "role": "signatory"}),
    "api:project-list POST": lambda s: Sent(
        {"title": "Another", "lead_organisation": s.joint.university.slug, "partners": [s.joint.company.slug]},
        about=s.joint.university,
    ),
    "api:project-detail PATCH": lambda s: Sent({"summary": f"New {s.canary}"}, headers=(("If-Match", "fresh"),)),
    "api:project-begin POST": _NOTHING,
    "api:project-suspend POST": _NOTHING,
    "api:project-resume POST": _NOTHING,
    "api:project-close POST": _NOTHING,
    "api:project-move POST": lambda s: Sent({"move": "suspend"}),
    "api:project-schedule POST": lambda s: Sent({"every_months": None}, headers=(("If-Match", "fresh"),)),
    "api:project-closure POST": lambda s: Sent({"party": s.joint.company.slug, "kind": "outputs"}),
    "api:party-detail PATCH": lambda s: Sent({"accession_note": f"New {s.canary}"}, headers=(("If-Match", "fresh"),)),
    "api:party-contributions POST": lambda s: Sent({"kind": "cash", "amount": "5.00"}),
    "api:party-remove POST": _NOTHING,
    "api:party-leave POST": _NOTHING,
    "api:approval-answer POST": lambda s: Sent({"decision": "approve"}),
    "api:review-step-list POST": lambda s: Sent(
        {
            "project": s.joint.project.slug,
            "name": f"New {s.canary}",
            "chair": s.joint.lead.email,
            "reviewers": [s.newcomer.email],
        },
        about=s.joint.project,
    ),
    "api:review-step-detail PATCH": lambda s: Sent({"due_days": 9}, headers=(("If-Match", "fresh"),)),
    "api:review-step-decide POST": lambda s: Sent({"move": "pass"}),
    "api:review-step-conflicts POST": lambda s: Sent(
        {"conflict": str(s.object(ConflictOfInterest).pk), "move": "dismiss"}
    ),
    "api:review-detail PATCH": lambda s: Sent({"comment": f"New {s.canary}"}, headers=(("If-Match", "fresh"),)),
    "api:review-submit POST": lambda s: Sent({"recommendation": "approve"}, headers=(("If-Match", "fresh"),)),
    "api:review-declare POST": lambda s: Sent({"kind": "other", "text": "A cousin."}),
    "api:questionnaire-list POST": lambda s: Sent(
        {
            "organisation": s.joint.university.slug,
            "name": f"New {s.canary}",
            "questions": [{"key": "a", "type": "text", "label": "Why?"}],
        },
        about=s.joint.university,
    ),
    "api:questionnaire-add-version POST": lambda s: Sent(
        {"questions": [{"key": "a", "type": "text", "label": "Why?"}]}
    ),
    "api:work-item-list POST": lambda s: Sent(
        {
            "project": s.joint.project.slug,
            "party": s.joint.company.slug,
            "title": f"New {s.canary}",
            "due_on": _day(20),
        },
        about=s.joint.project,
    ),
    "api:work-item-detail PATCH": lambda s: Sent({"criteria": f"New {s.canary}"}, headers=(("If-Match", "fresh"),)),
    "api:work-item-move POST": lambda s: Sent({"move": "start"}),
    "api:budget-detail PATCH": lambda s: Sent({"thresholds": [50]}, headers=(("If-Match", "fresh"),)),
    "api:budget-rates POST": lambda s: Sent({"per_cpu_hour": "0.5", "valid_from": _day(3)}),
    "api:budget-line-list POST": lambda s: Sent(
        {
            "project": s.joint.project.slug,
            "party": s.joint.company.slug,
            "category": "equipment",
            "starts_on": _day(0),
            "ends_on": _day(30),
            "planned": "10.00",
        },
        about=s.joint.project,
    ),
    "api:budget-line-detail PATCH": lambda s: Sent({"planned": "50.00"}, headers=(("If-Match", "fresh"),)),
    "api:budget-line-costs POST": lambda s: Sent({"amount": "2.00", "on": _day(0)}),
    "api:report-detail PATCH": lambda s: Sent({"summary": f"New {s.canary}"}, headers=(("If-Match", "fresh"),)),
    "api:report-move POST": lambda s: Sent({"move": "submit"}),
    "api:output-list POST": lambda s: Sent(
        {
            "project": s.joint.project.slug,
            "kind": "software",
            "title": f"New {s.canary}",
            "shares": [{"party": s.joint.company.slug, "percent": "100"}],
        },
        about=s.joint.project,
    ),
    "api:output-detail PATCH": lambda s: Sent({"description": f"New {s.canary}"}, headers=(("If-Match", "fresh"),)),
    "api:project-parties POST": lambda s: Sent({"organisation": s.spare_organisation.slug}),
    "api:project-people POST": lambda s: Sent(
        {"person": s.newcomer.email, "organisation": s.joint.university.slug, "role": "observer"}
    ),
    "api:project-leave POST": _NOTHING,
    "api:project-dismiss DELETE": _NOTHING,
    "api:agreement-list POST": lambda s: Sent(
        {"project": s.joint.project.slug, "reference": "NEW-1", "kind": "nda", "title": f"New {s.canary}"},
        about=s.joint.project,
    ),
    "api:agreement-versions POST": lambda s: Sent(
        {
            "text": f"Text {s.canary}",
            "effective_on": _day(0),
            "expires_on": _day(365),
            "parties": [s.joint.university.slug, s.joint.company.slug],
            "coverage": [{"party": s.joint.company.slug, "purpose": "training"}],
        }
    ),
    "api:agreement-detail PATCH": lambda s: Sent({"title": f"Other {s.canary}"}, headers=_FRESH),
    "api:agreement-from-template POST": lambda s: Sent(
        {
            "template": "data-use",
            "effective_on": _day(0),
            "values": {
                "provider": s.joint.university.slug,
                "recipient": s.joint.company.slug,
                "data_description": f"Letters {s.canary}",
                "purpose": "research",
                "commercial_use": "no",
                "model_use": "project",
                "breach_hours": "24",
                "personal_data": "none",
                "publication_days": "30",
                "return_days": "30",
                "governing_law": "Scotland",
                "language_rule": "both",
            },
        }
    ),
    "api:agreement-version-detail PATCH": lambda s: Sent({"text": f"Other {s.canary}"}, headers=_FRESH),
    "api:agreement-version-negotiate POST": _NOTHING,
    "api:agreement-version-counter POST": lambda s: Sent({"text": f"Counter {s.canary}"}),
    "api:agreement-version-comment POST": lambda s: Sent({"text": f"Comment {s.canary}"}),
    "api:agreement-version-submit POST": _NOTHING,
    "api:agreement-version-decline POST": lambda s: Sent(
        {"party": s.joint.company.slug, "reason": f"Reason {s.canary}"}
    ),
    "api:agreement-version-suspend POST": lambda s: Sent({"reason": f"Reason {s.canary}"}),
    "api:agreement-version-resume POST": _NOTHING,
    "api:agreement-version-stop-renewal POST": _NOTHING,
    "api:background-list POST": lambda s: Sent(
        {"project": s.joint.project.slug, "owner": s.joint.university.slug, "title": f"More {s.canary}"},
        about=s.joint.project,
    ),
    "api:background-detail PATCH": lambda s: Sent({"restrictions": f"None {s.canary}"}, headers=_FRESH),
    "api:background-withdraw POST": _NOTHING,
    "api:ethics-form-list POST": lambda s: Sent(
        {
            "organisation": s.joint.university.slug,
            "code": "fresh",
            "purpose": "review",
            "name": "Fresh",
            "questions": [{"key": "why", "type": "text", "label": "Why?"}],
        },
        about=s.joint.university,
    ),
    "api:ethics-form-detail PATCH": lambda s: Sent({"note": "Ours."}, headers=_FRESH),
    "api:ethics-form-versions POST": lambda s: Sent({"questions": [{"key": "why", "type": "text", "label": "Why?"}]}),
    "api:ethics-committee-list POST": lambda s: Sent(
        {"organisation": s.joint.university.slug, "name": "Second"}, about=s.joint.university
    ),
    "api:ethics-committee-detail PATCH": lambda s: Sent({"short_days": 9}, headers=_FRESH),
    "api:ethics-case-list POST": lambda s: Sent(
        {
            "project": s.joint.project.slug,
            "committee": str(s.joint.university.ethics_committee.pk),
            "form": s.object(EthicsForm).code,
            "title": f"New {s.canary}",
        },
        about=s.joint.project,
    ),
    "api:ethics-case-detail PATCH": lambda s: Sent(
        {"answers": {"aim": f"Other {s.canary}"}, "form_version": 1}, headers=_FRESH
    ),
    "api:ethics-case-files POST": lambda s: Sent(
        {"kind": "consent", "file": SimpleUploadedFile("consent.pdf", b"%PDF-1.7 new %%EOF", "application/pdf")},
        form=True,
    ),
    "api:ethics-case-file DELETE": _NOTHING,
    "api:ethics-case-submit POST": lambda s: Sent({"form_version": 1}),
    "api:ethics-case-withdraw POST": _NOTHING,
    "api:ethics-case-carry-over POST": _NOTHING,
    "api:ethics-case-follow POST": _NOTHING,
    "api:ethics-case-appeal POST": lambda s: Sent({"text": f"Ground {s.canary}"}),
    "api:ethics-case-report POST": lambda s: Sent({"kind": "monitoring", "text": f"Well {s.canary}"}),
    "api:ethics-case-reply POST": lambda s: Sent(
        {"question": str(s.object(EthicsQuestion).pk), "text": f"So {s.canary}"}
    ),
    "api:ethics-case-claim POST": lambda s: Sent({"number": 1, "evidence": f"Seen {s.canary}"}),
    "api:ethics-case-confirm POST": lambda s: Sent({"number": 1, "evidence": f"Seen {s.canary}"}),
    "api:ethics-case-refuse-claim POST": lambda s: Sent({"number": 1, "reason": f"Not yet {s.canary}"}),
    "api:ethics-case-correct POST": lambda s: Sent({"reason": f"Slip {s.canary}", "monitor_months": 6}, headers=_FRESH),
    "api:ethics-case-assign POST": lambda s: Sent({"reviewers": [str(s.colleague.pk)]}),
    "api:ethics-case-ask POST": lambda s: Sent({"text": f"What {s.canary}?"}),
    "api:ethics-case-decide POST": lambda s: Sent({"decision": "rejected", "reason": f"No {s.canary}"}),
    "api:ethics-case-hold POST": lambda s: Sent({"move": "suspend", "reason": f"Stop {s.canary}"}),
    "api:ethics-case-close POST": lambda s: Sent({"report": str(s.object(EthicsReport).pk), "outcome": "Noted."}),
    "api:ethics-review-submit POST": lambda s: Sent({"opinion": "favour", "text": f"Yes {s.canary}"}, headers=_FRESH),
    "api:ethics-review-reopen POST": _NOTHING,
    "api:ethics-review-conflict POST": lambda s: Sent({"kind": "other", "text": f"Cousin {s.canary}"}),
    "api:ethics-review-settle POST": lambda s: Sent({"move": "recuse"}),
    "api:ethics-assessment-list POST": lambda s: Sent(
        {"project": s.joint.project.slug, "form": f"assessment-{s.joint.university.slug}"}, about=s.joint.project
    ),
    "api:ethics-assessment-detail PATCH": lambda s: Sent(
        {"answers": {"aim": f"Other {s.canary}"}, "form_version": 1}, headers=_FRESH
    ),
    "api:ethics-assessment-carry-over POST": _NOTHING,
    "api:ethics-assessment-finish POST": _NOTHING,
    "api:ethics-assessment-reopen POST": _NOTHING,
    "api:publication-list POST": lambda s: Sent(
        {
            "project": s.joint.project.slug,
            "organisation": s.joint.university.slug,
            "title": f"New {s.canary}",
            "authors": "Ada",
            "kind": "preprint",
            "submit_on": _day(99),
            "link": "https://example.org/draft",
        },
        about=s.joint.project,
    ),
    "api:publication-detail PATCH": lambda s: Sent({"venue": f"Venue {s.canary}"}, headers=_FRESH),
    "api:publication-agree POST": lambda s: Sent({"party": s.joint.company.slug}),
    "api:publication-object POST": lambda s: Sent(
        {"party": s.joint.company.slug, "ground": "background", "text": f"Page 3 {s.canary}"}
    ),
    "api:publication-revise POST": lambda s: Sent({"link": "https://example.org/revised"}),
    "api:publication-wait POST": lambda s: Sent({"objection": str(s.object(PublicationObjection).pk)}),
    "api:publication-lift POST": lambda s: Sent(
        {"objection": str(s.object(PublicationObjection).pk), "outcome": "withdrawn"}
    ),
    "api:publication-withdraw POST": _NOTHING,
    "api:publication-publish POST": lambda s: Sent({"published_on": _day(0), "doi": "10.1000/xyz"}),
    "api:cohort-rank POST": lambda s: Sent({"order": [str(s.applications["applied"].pk)]}),
    "api:cohort-match POST": _NOTHING,
    "api:cohort-list POST": lambda s: Sent(
        {
            "programme": str(s.object(Programme).pk),
            "name": f"New {s.canary}",
            **{name: f"{_day(n)}T09:00:00Z" for n, name in enumerate(("publishes_at", "opens_at", "closes_at"), 1)},
            "ranking_ends_at": f"{_day(9)}T09:00:00Z",
            "starts_on": _day(20),
            "ends_on": _day(90),
        },
        about=s.object(Programme),
    ),
    "api:cohort-detail PATCH": lambda s: Sent({"offer_days": 8}, headers=_FRESH),
    "api:cohort-move POST": lambda s: Sent({"move": "close"}),
    "api:cohort-check-points POST": lambda s: Sent({"kind": "feedback", "name": "Halfway", "due_on": _day(30)}),
    "api:cohort-confirm POST": lambda s: Sent({"number": 1}),
    "api:check-point-detail PATCH": lambda s: Sent({"name": "Second talk"}, headers=_FRESH),
    "api:check-point-detail DELETE": _NOTHING,
    "api:programme-list POST": lambda s: Sent(
        {"university": s.joint.university.slug, "name": f"New {s.canary}"}, about=s.joint.university
    ),
    "api:programme-detail PATCH": lambda s: Sent({"about": "Much to learn."}, headers=_FRESH),
    "api:pair-rule-list POST": lambda s: Sent(
        {"application": str(s.applications["applied"].pk), "forced": True, "reason": f"Why {s.canary}"},
        about=s.applications["applied"],
    ),
    "api:pair-rule-detail DELETE": _NOTHING,
    "api:posting-list POST": lambda s: Sent(
        {
            "cohort": str(s.elsewhere.pk),
            "host": s.joint.university.slug,
            "title": f"New {s.canary}",
            "duties": "Much",
            "starts_on": _day(9),
            "ends_on": _day(99),
            "place": "Here",
        },
        about=s.joint.university,
    ),
    "api:posting-detail PATCH": lambda s: Sent({"skills": "Many"}, headers=_FRESH),
    "api:posting-move POST": lambda s: Sent({"move": "close"}),
    "api:posting-publish POST": lambda s: Sent({"move": "publish"}),
    "api:posting-apply POST": lambda s: Sent({"university": s.joint.university.slug}),
    "api:posting-rank POST": lambda s: Sent({"order": [str(s.applications["applied"].pk)]}),
    "api:application-detail PATCH": lambda s: Sent({"statement": f"New {s.canary}"}, headers=_FRESH),
    "api:application-documents POST": lambda s: Sent(
        {"kind": "cv", "file": SimpleUploadedFile("cv.pdf", b"%PDF-1.7 new %%EOF", "application/pdf")}, form=True
    ),
    "api:application-submit POST": _NOTHING,
    "api:application-withdraw POST": lambda s: Sent({"reason": f"Reason {s.canary}"}),
    "api:application-answer POST": lambda s: Sent({"accept": True}),
    "api:application-content DELETE": _NOTHING,
    "api:application-decide POST": lambda s: Sent({"move": "reject", "reason": f"Reason {s.canary}"}),
    "api:application-reviewers POST": lambda s: Sent({"people": [str(s.joint.researcher.pk)]}),
    "api:application-interviews POST": lambda s: Sent({"times": [f"{_day(3)}T09:00:00Z"], "where": f"Room {s.canary}"}),
    "api:application-choose POST": lambda s: Sent({"moment": s.object(Interview).times[0]}),  # type: ignore[attr-defined]
    "api:application-decline POST": lambda s: Sent({"reason": f"At sea {s.canary}"}),
    "api:application-review POST": lambda s: Sent({"score": 8, "comment": f"Good {s.canary}"}),
    "api:placement-detail PATCH": lambda s: Sent({}, headers=_FRESH),
    "api:placement-approve POST": lambda s: Sent({"organisation": s.joint.university.slug, "approve": True}),
    "api:placement-onboard POST": _NOTHING,
    "api:placement-certificate POST": _NOTHING,
    "api:placement-frame POST": _NOTHING,
    "api:placement-mentor POST": lambda s: Sent({"mentor": str(s.joint.lead.pk), "reason": f"Ill {s.canary}"}),
    "api:placement-supervisor POST": lambda s: Sent(
        {"supervisor": str(s.joint.researcher.pk), "reason": f"Ill {s.canary}"}
    ),
    "api:placement-points POST": lambda s: Sent(
        {"check_point": str(s.object(CheckPoint).pk), "due_on": _day(40), "reason": f"Exams {s.canary}"}
    ),
    "api:cohort-certificates POST": _NOTHING,
    "api:cohort-remind POST": _NOTHING,
    "api:placement-move POST": lambda s: Sent({"move": "suspend", "reason": f"Reason {s.canary}"}),
    "api:placement-log POST": lambda s: Sent({"day": _day(-1), "hours": "7", "text": f"Read {s.canary}"}),
    "api:placement-notes POST": lambda s: Sent({"kind": "check_in", "text": f"Well {s.canary}"}),
    "api:placement-answer-log POST": lambda s: Sent({"day": _day(0), "confirm": True}),
    "api:placement-confirm-log POST": lambda s: Sent({"days": [_day(0)]}),
    "api:placement-decline POST": lambda s: Sent({"reason": f"Reason {s.canary}"}),
    "api:placement-take-back POST": _NOTHING,
    "api:placement-settle POST": lambda s: Sent(
        {"note": str(s.object(PlacementNote).pk), "settlement": f"Talked {s.canary}"}
    ),
    "api:placement-remind POST": _NOTHING,
    "api:placement-agreement POST": lambda s: Sent({"governing_law": "Scotland"}),
    "api:placement-change POST": lambda s: Sent({"hours": 30, "reason": f"Exams {s.canary}"}),
    "api:placement-sign POST": lambda s: Sent({"typed_name": s.joint.observer.name, "document_sha256": "0" * 64}),
    "api:placement-evaluate POST": lambda s: Sent({"scores": {"guidance": 4, "tasks": 4, "conditions": 4}}),
    "api:licence-list POST": lambda s: Sent(
        {
            "project": s.joint.project.slug,
            "kind": "licence",
            "reference": "L-NEW",
            "title": f"New {s.canary}",
            "licensor": s.joint.university.slug,
            "licensee": s.joint.company.slug,
            "effective_on": _day(0),
            "terms": {
                "exclusivity": "non_exclusive",
                "fields": ["energy"],
                "territories": ["DE"],
                "assets": [
                    {
                        "kind": "model_version",
                        "subject_type": "registry.modelversion",
                        "subject_id": str(s.object(ModelVersion).pk),
                    }
                ],
            },
        },
        about=s.joint.project,
    ),
    "api:licence-detail PATCH": lambda s: Sent(
        {"terms": {"field_note": f"Other {s.canary}"}, "effective_on": _day(-30), "expires_on": _day(300)},
        headers=_FRESH,
    ),
    "api:licence-name-case POST": lambda s: Sent({"case": str(s.cases["decided"].pk)}),
    "api:licence-weigh POST": lambda s: Sent({"keys": []}),
    "api:licence-breach POST": lambda s: Sent({"reason": f"Late {s.canary}", "cure_by": _day(30)}),
    "api:licence-cure POST": _NOTHING,
    "api:licence-end POST": lambda s: Sent({"reason": f"Over {s.canary}"}),
    "api:licence-convert POST": lambda s: Sent({"reason": f"Idle {s.canary}"}),
    "api:licence-exercise POST": _NOTHING,
    "api:sublicence-list POST": lambda s: Sent(
        {
            "licence": str(s.licences["active"].pk),
            "name": f"New {s.canary}",
            "fields_of_use": ["health"],
            "territories": ["EU"],
            "starts_on": _day(0),
        },
        about=s.licences["active"],
    ),
    "api:sublicence-end POST": _NOTHING,
    "api:licence-meet POST": lambda s: Sent({"diligence": str(s.object(Diligence).pk), "version": 1}),
    "api:family-list POST": lambda s: Sent(
        {"case": str(s.cases["decided"].pk), "title": f"New {s.canary}"}, about=s.cases["decided"]
    ),
    "api:family-detail PATCH": lambda s: Sent({"note": f"New {s.canary}"}, headers=_FRESH),
    "api:protection-list POST": lambda s: Sent(
        {"family": str(s.object(Family).pk), "kind": "provisional", "jurisdiction": "US", "filed_on": _day(-9)},
        about=s.object(Family),
    ),
    "api:protection-detail PATCH": lambda s: Sent({"counsel_reference": f"New {s.canary}"}, headers=_FRESH),
    "api:protection-move POST": lambda s: Sent({"move": "file", "on": _day(0), "number": "US 1/2"}),
    "api:deadline-list POST": lambda s: Sent(
        {"case": str(s.cases["decided"].pk), "title": f"New {s.canary}", "due_on": _day(9)}, about=s.cases["decided"]
    ),
    "api:deadline-detail PATCH": lambda s: Sent({"due_on": _day(12)}, headers=_FRESH),
    "api:deadline-meet POST": _NOTHING,
    "api:deadline-reopen POST": _NOTHING,
    "api:deadline-waive POST": lambda s: Sent({"note": f"Why {s.canary}"}),
    "api:protection-cost-list POST": lambda s: Sent(
        {
            "protection": str(s.object(Protection).pk),
            "kind": "counsel",
            "amount": "12.50",
            "currency": "EUR",
            "incurred_on": _day(0),
        },
        about=s.object(Protection),
    ),
    "api:protection-cost-pay POST": lambda s: Sent({"paid_on": _day(0)}),
    "api:protection-cost-cancel POST": lambda s: Sent({"reason": f"Why {s.canary}"}),
    "api:counsel-list POST": lambda s: Sent(
        {"organisation": s.joint.university.slug, "name": f"New {s.canary}"}, about=s.joint.university
    ),
    "api:counsel-detail PATCH": lambda s: Sent({"firm": f"New {s.canary}"}, headers=_FRESH),
    "api:funder-rules-detail PATCH": lambda s: Sent({"reported_on": _day(0)}, headers=_FRESH),
    "api:funder-rules-drop POST": _NOTHING,
    "api:funder-rules-list POST": lambda s: Sent(
        {"case": str(s.object(Protection).family.case_id), "code": "us-federal"},
        about=s.object(Protection).family.case,
    ),
    "api:rule-set-list POST": lambda s: Sent(
        {
            "organisation": s.joint.university.slug,
            "code": "ours",
            "authority": "office",
            "jurisdiction": "US",
            "name": f"New {s.canary}",
            "effective_from": _day(0),
            "rules": [{"code": "a", "title": f"New {s.canary}", "base": "filed_on", "months": 3}],
        },
        about=s.joint.university,
    ),
    "api:startup-list POST": lambda s: Sent(
        {
            "organisation": s.joint.university.slug,
            "name": f"New {s.canary}",
            "country": "DE",
            "founded_on": _day(0),
        },
        about=s.joint.university,
    ),
    "api:startup-detail PATCH": lambda s: Sent({"note": f"New {s.canary}"}, headers=_FRESH),
    "api:startup-move POST": lambda s: Sent({"move": "start", "on": _day(0)}, headers=_FRESH),
    "api:startup-equity POST": lambda s: Sent(
        {"holder": s.joint.company.slug, "percent": "10", "from_on": _day(0)}, headers=_FRESH
    ),
    "api:offer-list POST": lambda s: Sent(
        {"case": str(s.cases["decided"].pk), "title": "New", "text": "It grips well."}, about=s.cases["decided"]
    ),
    "api:offer-detail PATCH": lambda s: Sent({"readiness": 4}, headers=_FRESH),
    "api:offer-withdraw POST": _NOTHING,
    "api:offer-publish POST": _NOTHING,
    "api:interest-detail PATCH": lambda s: Sent({"note": f"New {s.canary}"}, headers=_FRESH),
    "api:interest-list POST": lambda s: Sent(
        {"offer": str(s.object(Offer).pk), "company": f"Fair {s.canary}", "name": "Ada", "email": "ada@fair.example"},
        about=s.object(Offer),
    ),
    "api:protection-correct POST": lambda s: Sent({"reason": f"By mistake {s.canary}"}, headers=_FRESH),
    "api:interest-move POST": lambda s: Sent({"move": "contact"}),
    "api:transfer-case-list POST": lambda s: Sent(
        {
            "project": s.joint.project.slug,
            "organisation": s.joint.university.slug,
            "title": f"New {s.canary}",
            "kind": "software",
        },
        about=s.joint.project,
    ),
    "api:transfer-case-begin POST": lambda s: Sent(
        {"organisation": s.joint.university.slug, "title": f"New {s.canary}", "kind": "software"},
        about=s.joint.university,
    ),
    "api:transfer-case-detail PATCH": lambda s: Sent({"summary": f"New {s.canary}"}, headers=_FRESH),
    "api:transfer-case-inventors POST": lambda s: Sent(
        {"inventors": [{"person": str(s.joint.researcher.pk), "share_percent": "100", "contribution": s.canary}]},
        headers=_FRESH,
    ),
    "api:transfer-case-funding POST": lambda s: Sent(
        {"funding": [{"sponsor_name": f"Fund {s.canary}"}]}, headers=_FRESH
    ),
    "api:transfer-case-find-funding POST": lambda s: Sent({}, headers=_FRESH),
    "api:transfer-case-prior-art POST": lambda s: Sent(
        {"prior_art": [{"kind": "patent", "reference": f"Patent {s.canary}"}]}, headers=_FRESH
    ),
    "api:transfer-case-results POST": lambda s: Sent({"results": []}, headers=_FRESH),
    "api:transfer-case-sign POST": lambda s: Sent(
        {
            "typed_name": s.joint.researcher.name,
            "document_sha256": s.object(TransferCase).disclosure.document_sha256(),
        }
    ),
    "api:transfer-case-step-back POST": lambda s: Sent({"reason": s.canary}),
    "api:transfer-case-submit POST": _NOTHING,
    "api:transfer-case-withdraw POST": lambda s: Sent({"reason": s.canary}),
    "api:transfer-case-paper POST": lambda s: Sent(
        {"inventor": str(s.object(Inventor).pk), "paper": "Folder", "document_sha256": "0" * 64}
    ),
    "api:transfer-case-take-up POST": lambda s: Sent({}, headers=_FRESH),
    "api:transfer-case-assign POST": lambda s: Sent({"officer": str(s.transfer_officer.pk)}, headers=_FRESH),
    "api:transfer-case-return- POST": lambda s: Sent({"reason": f"More {s.canary}"}, headers=_FRESH),
    "api:transfer-case-complete POST": lambda s: Sent({}, headers=_FRESH),
    "api:transfer-case-assessors POST": lambda s: Sent({"assessor": str(s.newcomer.pk)}),
    "api:transfer-case-propose POST": lambda s: Sent({"decision": "protect", "reason": s.canary}, headers=_FRESH),
    "api:transfer-case-take-back POST": lambda s: Sent({}, headers=_FRESH),
    "api:transfer-case-decide POST": lambda s: Sent({"agrees": True}, headers=_FRESH),
    "api:transfer-case-resume POST": lambda s: Sent({}, headers=_FRESH),
    "api:transfer-case-reconsider POST": lambda s: Sent({"reason": f"New facts {s.canary}"}, headers=_FRESH),
    "api:transfer-case-reopen POST": lambda s: Sent({"reason": f"By mistake {s.canary}"}, headers=_FRESH),
    "api:transfer-case-move POST": lambda s: Sent({"stage": "marketed"}, headers=_FRESH),
    "api:transfer-case-note-list POST": lambda s: Sent(
        {"case": str(s.cases["assessed"].pk), "text": f"Note {s.canary}"}, about=s.cases["assessed"]
    ),
    "api:transfer-case-note-withdraw POST": lambda s: Sent({"reason": f"Wrong {s.canary}"}),
    "api:transfer-assessment-detail PATCH": lambda s: Sent({"comment": f"New {s.canary}"}, headers=_FRESH),
    "api:transfer-assessment-declare POST": lambda s: Sent({"conflict": f"A cousin {s.canary}"}),
    "api:transfer-assessment-step-back POST": _NOTHING,
    "api:transfer-assessment-waive POST": lambda s: Sent({"plan": f"Two read it {s.canary}"}),
    "api:transfer-assessment-dismiss POST": _NOTHING,
    "api:transfer-criterion-list POST": lambda s: Sent(
        {"organisation": s.joint.university.slug, "name": f"More {s.canary}", "weight": "2"}, about=s.joint.university
    ),
    "api:transfer-criterion-detail PATCH": lambda s: Sent({"weight": "4"}, headers=_FRESH),
    "api:transfer-criterion-retire POST": _NOTHING,
    "api:scheduled-payment-list POST": lambda s: Sent(
        {
            "licence": str(s.licences["active"].pk),
            "kind": "other",
            "title": f"Extra {s.canary}",
            "amount": "5.00",
            "currency": "EUR",
            "due_on": _day(9),
        },
        about=s.licences["active"],
    ),
    "api:scheduled-payment-reach POST": lambda s: Sent(
        {"milestone": str(s.object(MilestonePayment).pk), "version": 1}, about=s.object(MilestonePayment)
    ),
    "api:scheduled-payment-waive POST": lambda s: Sent({"reason": f"Kind {s.canary}"}, headers=_FRESH),
    "api:royalty-report-submit POST": lambda s: Sent(
        {"lines": [{"product": f"P {s.canary}", "gross": "10.00"}], "currency": "EUR"}, headers=_FRESH
    ),
    "api:royalty-report-receive POST": lambda s: Sent(
        {
            "lines": [{"product": f"P {s.canary}", "gross": "10.00"}],
            "currency": "EUR",
            "received_on": _day(0),
            "sent_by": f"Signed {s.canary}",
        },
        headers=_FRESH,
    ),
    "api:royalty-report-send-back POST": lambda s: Sent({"reason": f"Wrong {s.canary}"}, headers=_FRESH),
    "api:royalty-report-accept POST": lambda s: Sent({}, headers=_FRESH),
    "api:royalty-report-invoice POST": _NOTHING,
    "api:royalty-audit-list POST": lambda s: Sent(
        {
            "licence": str(s.books["licence"].pk),
            "starts_on": _day(-900),
            "ends_on": _day(0),
            "auditor": f"Auditor {s.canary}",
            "begins_on": _day(40),
        },
        about=s.books["licence"],
    ),
    "api:royalty-audit-begin POST": lambda s: Sent({}, headers=_FRESH),
    "api:royalty-audit-report POST": lambda s: Sent(
        {"findings": [], "summary": f"All right {s.canary}"}, headers=_FRESH
    ),
    "api:royalty-audit-agree POST": lambda s: Sent({}, headers=_FRESH),
    "api:royalty-audit-dispute POST": lambda s: Sent({"reason": f"No {s.canary}"}, headers=_FRESH),
    "api:royalty-audit-cancel POST": lambda s: Sent({"reason": f"Off {s.canary}"}, headers=_FRESH),
    "api:invoice-list POST": lambda s: Sent(
        {"payments": [str(s.object(ScheduledPayment).pk)]}, about=s.object(ScheduledPayment)
    ),
    "api:invoice-cancel POST": lambda s: Sent({"reason": f"Wrong {s.canary}"}, headers=_FRESH),
    "api:invoice-interest POST": _NOTHING,
    "api:invoice-write-off POST": lambda s: Sent(
        {"kind": "bank_charge", "amount": "1.00", "reason": f"Charge {s.canary}"}, headers=_FRESH
    ),
    "api:invoice-undo-write-off POST": lambda s: Sent({"write_off": str(s.object(WriteOff).pk)}),
    "api:receipt-list POST": lambda s: Sent(
        {"licence": str(s.licences["active"].pk), "received_on": _day(0), "amount": "5.00", "currency": "EUR"},
        about=s.licences["active"],
    ),
    "api:receipt-detail PATCH": lambda s: Sent({"note": f"Other {s.canary}"}, headers=_FRESH),
    "api:receipt-refund POST": lambda s: Sent({"amount": "1.00", "reason": f"Twice {s.canary}"}, headers=_FRESH),
    "api:receipt-undo-refund POST": lambda s: Sent(
        {"refund": str(s.object(Refund).pk), "reason": f"Not paid {s.canary}"}
    ),
    "api:receipt-match POST": lambda s: Sent({"invoice": str(s.books["invoice open"].pk)}),
    "api:exchange-rate-end POST": lambda s: Sent({"until_on": _day(0), "reason": f"Wrong {s.canary}"}),
    "api:exchange-rate-withdraw POST": lambda s: Sent({"reason": f"Wrong {s.canary}"}),
    "api:interest-rate-withdraw POST": lambda s: Sent({"reason": f"Wrong {s.canary}"}),
    "api:receipt-unmatch POST": lambda s: Sent({"match": str(s.object(ReceiptMatch).pk)}),
    "api:receipt-reverse POST": lambda s: Sent({"reason": f"Wrong {s.canary}"}, headers=_FRESH),
    "api:licensor-payment-list POST": lambda s: Sent(
        {"licence": str(s.books["licence"].pk), "partner": s.joint.company.slug, "paid_on": _day(0)},
        about=s.books["licence"],
    ),
    "api:licensor-payment-reverse POST": lambda s: Sent({"reason": f"Wrong {s.canary}"}),
    "api:licensor-payment-book POST": lambda s: Sent({"received_on": _day(0), "reference": f"B {s.canary}"}),
    "api:exchange-rate-list POST": lambda s: Sent(
        {
            "organisation": s.joint.university.slug,
            "source": "GBP",
            "target": "EUR",
            "rate": "1.1",
            "from_on": _day(0),
        },
        about=s.joint.university,
    ),
    "api:interest-rate-list POST": lambda s: Sent(
        {"organisation": s.joint.university.slug, "from_on": _day(9), "percent": "6"}, about=s.joint.university
    ),
    "api:royalty-policy-list POST": lambda s: Sent(
        {
            "organisation": s.joint.university.slug,
            "currency": "EUR",
            "effective_on": _day(9),
            "content": {"tiers": [{"shares": {"inventors": "100"}}]},
        },
        about=s.joint.university,
    ),
    "api:royalty-policy-withdraw POST": lambda s: Sent({"reason": f"Wrong {s.canary}"}),
    "api:third-party-list POST": lambda s: Sent(
        {"case": str(s.cases["decided"].pk), "name": f"New {s.canary}", "percent": "3", "from_on": _day(0)},
        about=s.cases["decided"],
    ),
    "api:third-party-end POST": lambda s: Sent({"until_on": _day(9)}, headers=_FRESH),
    "api:distribution-list POST": lambda s: Sent({"organisation": s.joint.university.slug}, about=s.joint.university),
    "api:distribution-decide POST": lambda s: Sent(
        {"decision": "rejected", "reason": f"No {s.canary}"}, headers=_FRESH
    ),
    "api:distribution-withdraw POST": lambda s: Sent({}, headers=_FRESH),
    "api:distribution-reverse POST": lambda s: Sent({"reason": f"Wrong {s.canary}"}),
    "api:agreement-template-list POST": lambda s: Sent(
        {
            "organisation": s.joint.university.slug,
            "code": "further",
            "kind": "nda",
            "name": f"Ours {s.canary}",
            "text": "We agree.",
            "text_zh": "同意。",
        },
        about=s.joint.university,
    ),
    "api:agreement-template-retire POST": _NOTHING,
    "api:approval-step-list POST": lambda s: Sent(
        {"organisation": s.joint.university.slug, "name": f"Finance {s.canary}", "kind": "licence"},
        about=s.joint.university,
    ),
    "api:approval-step-detail PATCH": lambda s: Sent({"due_days": 5, "name": f"Legal {s.canary}"}, headers=_FRESH),
    "api:approval-step-retire POST": lambda s: Sent({}, headers=_FRESH),
    "api:agreement-version-send POST": _NOTHING,
    "api:agreement-version-sign POST": _sign,
    "api:agreement-version-withdraw POST": _NOTHING,
    "api:agreement-version-terminate POST": lambda s: Sent({"reason": f"Reason {s.canary}"}),
    "api:course-list POST": lambda s: Sent(
        {"organisation": s.joint.university.slug, "title": "New", "summary": "Learn."}, about=s.joint.university
    ),
    "api:course-detail PATCH": lambda s: Sent({"summary": "Learn more."}, headers=_FRESH),
    "api:course-draft POST": _NOTHING,
    "api:course-terms POST": lambda s: Sent({"pass_mark": 50, "version": 1}),
    "api:course-modules POST": lambda s: Sent({"kind": "text", "title": "Two", "body": "Read."}),
    "api:course-remove-module POST": lambda s: Sent({"id": str(s.object(CourseModule).pk)}),
    "api:course-questions POST": lambda s: Sent(
        {"text": "How?", "options": [{"text": "A", "right": True}, {"text": "B"}]}
    ),
    "api:course-remove-question POST": lambda s: Sent({"id": str(s.object(QuizQuestion).pk)}),
    "api:course-publish POST": _NOTHING,
    "api:course-retire POST": _NOTHING,
    "api:course-enrol POST": _NOTHING,
    "api:enrolment-study POST": lambda s: Sent({"module": str(s.learning["study"].edition.modules.get().pk)}),
    "api:enrolment-leave POST": _NOTHING,
    "api:enrolment-move POST": _NOTHING,
    "api:enrolment-begin-quiz POST": _NOTHING,
    "api:enrolment-answer POST": lambda s: Sent({"number": 1, "answers": {}}),
    "api:enrolment-grant POST": _NOTHING,
    "api:training-list POST": lambda s: Sent(_training(organisation=s.joint.university.slug), form=True),
    "api:training-again POST": lambda s: Sent(_training(), form=True),
    "api:training-withdraw POST": _NOTHING,
    "api:training-revoke POST": lambda s: Sent({"reason": f"Forged {s.canary}"}),
    "api:course-condition-list POST": lambda s: Sent(
        {"project": s.joint.project.slug, "course": s.open_course.slug, "needed_for": "jobs"},
        about=s.joint.project,
    ),
    "api:course-condition-end POST": _NOTHING,
    "api:certificate-list POST": lambda s: Sent(
        {
            "organisation": s.joint.university.slug,
            "kind": "CertificateOfCompletion",
            "title": "Winter school",
            "description": "A week.",
            "criteria": "Took part.",
            "people": [s.newcomer.email],
        },
        about=s.joint.university,
    ),
    **{
        f"api:certificate-{act} POST": lambda s: Sent({"reason": "Because."})
        for act in ("suspend", "reinstate", "revoke")
    },
    "api:resource-list POST": lambda s: Sent(
        {"organisation": s.joint.university.slug, "kind": "tool", "title": "New", "link": "https://example.org"},
        about=s.joint.university,
    ),
    "api:resource-detail PATCH": lambda s: Sent({"topics": "maths"}, headers=_FRESH),
    "api:resource-archive POST": _NOTHING,
    "api:resource-restore POST": _NOTHING,
    "api:resource-link-list POST": lambda s: Sent(
        {
            "resource": str(s.spare_resource.pk),
            "subject_type": "collab.project",
            "subject": str(s.joint.project.pk),
        },
        about=s.joint.project,
    ),
    "api:resource-link-detail DELETE": _NOTHING,
    "api:acceptance-list POST": lambda s: Sent(
        {
            "version": str(s.versions["unaccepted"].pk),
            "organisation": s.joint.company.slug,
            "document_sha256": s.versions["unaccepted"].document_sha256,
        },
        about=s.versions["unaccepted"],
    ),
    "api:dataset-list POST": lambda s: Sent(
        {"project": s.joint.project.slug, "name": f"New {s.canary}", "description": "…"}, about=s.joint.project
    ),
    "api:dataset-versions POST": _upload,
    "api:spec-check POST": lambda s: Sent({"spec": s.spec}, about=s.object(DatasetVersion)),
    "api:dataset-uses-detail PUT": lambda s: Sent(
        {"codes": [{"code": "non_commercial"}]}, headers=(("If-Match", "fresh"),)
    ),
    "api:dataset-uses-match POST": lambda s: Sent({"commercial": False}),
    "api:job-list POST": lambda s: Sent(
        {"project": s.joint.project.slug, "name": f"New {s.canary}", "spec": s.spec}, about=s.joint.project
    ),
    "api:trial-list POST": lambda s: Sent(
        {"version": str(s.object(ModelVersion).pk), "text": f"Say {s.canary}"}, about=s.object(ModelVersion)
    ),
    "api:trial-licensed POST": lambda s: Sent(
        {"release": str(s.object(LicensedAsset).pk), "text": f"Say {s.canary}"}, about=s.object(LicensedAsset)
    ),
    "api:onnx-export-ask POST": _NOTHING,
    "api:licensed-onnx-export-ask POST": _NOTHING,
    "api:job-stop POST": _NOTHING,
    "api:job-kill POST": _NOTHING,
    "api:job-resume POST": _NOTHING,
    "api:model-version-detail PATCH": lambda s: Sent({"card": f"New {s.canary}"}, headers=(("If-Match", "fresh"),)),
    "api:token-list POST": lambda s: Sent({"name": "New", "days": 3}),
    "api:token-revoke POST": _NOTHING,
}

# Reading by POST: nothing changes, so nothing enters the history.
READS = {
    "api:dataset-uses-match POST",
    "api:spec-check POST",
    "api:notification-read POST",
    "api:notification-read-all POST",
}

# What the verb behind an address asks beyond the rule of the route, unless the row is one's own.
FINER = {
    "collab:member_end POST": "member.manage",
    "api:membership-detail PATCH": "member.manage",
    "api:membership-end POST": "member.manage",
    "api:membership-review-items POST": "member.manage",
    "api:resource-link-list POST": "library.attach",  # of a project; a posting asks for another
}
# … also for one's own row.
FINER_FOR_ALL = {"api:membership-detail PATCH", "api:membership-review-items POST", "api:resource-link-list POST"}

# The link of an invitation is for one address: to everybody else it is refused, however much they may otherwise.
BY_LINK = {"collab:invitation", "collab:invitation_accept", "collab:invitation_decline"}
FOR_ONE_ADDRESS = {
    "collab:invitation_accept POST",
    "collab:invitation_decline POST",
    "api:invitation-accept POST",
    "api:invitation-decline POST",
}
# What a word for reading opens, but a token that only reads does not do; and what one for a single project does not.
NEEDS_WRITE_TOKEN = {"api:organisation-list POST", "api:organisation-leave POST", "api:project-leave POST"}
NEEDS_WRITE_TOKEN |= {"api:onnx-export-ask POST", "api:licensed-onnx-export-ask POST"}
NEEDS_WHOLE_TOKEN = {"api:organisation-list POST", "api:organisation-leave POST"}

OK = "let in"
# What a persona is answered for a reason of its own, instead of what its roles say: OK, or a status.
OTHERWISE: dict[tuple[str, str], dict[str | int, str | int]] = {
    ("api:distribution-decide POST", "transfer officer"): {OK: 403},  # they proposed it
    ("api:cohort-rank POST", "ex-member"): {OK: 404},  # the body names the application of somebody else
    ("api:posting-list POST", "other project's token"): {403: 404},  # it sees no cohorts
    **{  # only whoever it was paid to books it
        (key, name): {OK: 403}
        for key in ("collab:partner_book GET", "collab:partner_book POST", "api:licensor-payment-book POST")
        for name in NAMES
    },
    **{  # a list of what a token does not open is empty
        ("api:ethics-review-list GET", name): {403: OK} for name in ("read token", "other project's token")
    },
}
# What tells people what they wrote themselves, as students and as inventors.
THEIR_OWN = {
    ("api:application-list GET", "ex-member"),
    ("api:placement-list GET", "ex-member"),
    ("api:transfer-case-begin POST", "ex-member"),
    # … and read the texts of the house that they still belong to.
    *((key, "ex-member") for key in ("collab:templates GET", "collab:template GET", "collab:template_file GET")),
    *((f"api:agreement-template-{act} GET", "ex-member") for act in ("list", "detail")),
}

# What only people of one party may do, whoever else holds the word: the party that the address or body names.
OF_PARTY = {
    "api:approval-answer POST": "company",
    "api:project-closure POST": "company",
    "api:report-detail PATCH": "university",
    "api:report-move POST": "university",
    "api:work-item-move POST": "company",
    **{f"api:publication-{act} POST": "company" for act in ("agree", "object", "lift")},
    **{f"api:publication-{act} POST": "university" for act in ("list", "revise", "wait", "withdraw", "publish")},
    **{f"collab:publication_{act} {method}": "company" for act in ("object", "lift") for method in ("GET", "POST")},
    **{
        f"collab:publication_{act} {method}": "university"
        for act in ("edit", "revise", "wait", "publish")
        for method in ("GET", "POST")
    },
    "api:publication-detail PATCH": "university",
    "collab:publication_agree POST": "company",
    "collab:publication_withdraw POST": "university",
}

Query = tuple[str, Model | None]


def _of_project(side: Side) -> Query:
    return f"?project={side.joint.project.slug}", None


def _draft(side: Side) -> Query:
    version = side.object(DatasetVersion)
    return f"?task=causal-lm&version={version.pk}", version


# Addresses that answer from query parameters alone: what to ask, and about which row.
QUERIES: dict[str, Callable[[Side], Query]] = {
    "api:agreement-version-differences GET": lambda s: ("?number=1", s.object(AgreementVersion)),
    "api:spec-default GET": lambda s: (
        f"?task=causal-lm&dataset_version={s.object(DatasetVersion).pk}",
        s.object(DatasetVersion),
    ),
    "api:access-explain GET": lambda s: (f"?word=job.submit&object=project:{s.joint.project.slug}", s.object(Project)),
    "api:decide-list GET": lambda s: (f"?word=job.submit&type=project&id={s.joint.project.slug}", s.object(Project)),
    "training:job_advice POST": _draft,
    "training:job_preview POST": _draft,
    "api:distribution-preview GET": lambda s: (f"?organisation={s.joint.university.slug}", s.joint.university),
}
# … and those that are also asked so.
MORE_QUERIES: dict[str, Callable[[Side], Query]] = {
    "api:agreement-version-differences GET": lambda s: ("?number=1", s.object(AgreementVersion)),
    "training:job_new GET": _draft,
    "training:job_new POST": _draft,
    "training:jobs GET": _of_project,
    "registry:datasets GET": _of_project,
    "registry:models GET": _of_project,
    "api:job-list GET": _of_project,
    "api:dataset-list GET": _of_project,
    "api:model-list GET": _of_project,
    "api:agreement-list GET": _of_project,
    "api:background-list GET": _of_project,
    "api:publication-list GET": _of_project,
}
