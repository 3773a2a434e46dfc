"""Who comes in, and what the roles table alone says about them: no query, nothing of the policy's own code."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.cookies import SimpleCookie

from django.db.models import Model
from django.test import Client

from collab.access.roles import READ_WORDS, ROLE_WORDS, SESSION_WORDS, WORDS, Role
from collab.accounts.models import (
    ApiToken,
    Delegation,
    Invitation,
    MembershipReview,
    Organisation,
    OrganisationUnit,
    User,
)
from collab.agreements.approvals import ApprovalStep
from collab.agreements.library import AgreementTemplate, TemplateVersion
from collab.courses.certificates.models import Certificate, IssuerKey
from collab.courses.library.models import Resource, ResourceLink
from collab.courses.models import Course, CourseCondition, CourseVersion, Enrolment, TrainingRecord
from collab.ethics.models import EthicsCase, EthicsCommittee, EthicsForm, EthicsReview
from collab.inbox.models import Notification, Request
from collab.projects.models import Questionnaire, Review, ReviewStep
from collab.transfer.models import (
    Assessment,
    AssessmentScore,
    Counsel,
    Criterion,
    DeadlineRule,
    DeadlineRuleSet,
    FieldOfUse,
    Licence,
    LicensedAsset,
    LicensedThing,
    NoveltyRule,
    Offer,
    Territory,
    TransferCase,
)
from tests.access.books import is_of_books, words_on
from tests.access.scene import Scene, Side
from training.playground.models import Trial

_OF_INTERNSHIPS = {word for word in WORDS if word.split(".")[0] in {"programme", "posting", "application", "placement"}}


@dataclass(frozen=True)
class Persona:
    """`roles`: what the person holds on each side's project, in force; `posts`: (organisation, role) beside it.

    `user` None: nobody is known to ask, whatever is sent.
    """

    name: str
    user: User | None = None
    secret: str = ""
    scope: str = ""  # of the token, when there is one
    roles: dict[str, tuple[Role, ...]] = field(default_factory=dict)
    posts: tuple[tuple[object, Role], ...] = ()
    limited: bool = False  # a token for another project
    once: User | None = None  # whose session is sent though it should no longer count
    # A scene stays as it is, and is asked about thousands of times; some words hang on a look into the database.
    _kept: dict[tuple[type[Model], object, str], frozenset[str]] = field(default_factory=dict, init=False, repr=False)

    @property
    def known(self) -> bool:
        return self.user is not None

    @property
    def is_staff(self) -> bool:
        return self.known and not self.secret and self.user.is_staff  # type: ignore[union-attr]

    @property
    def is_superuser(self) -> bool:
        return self.is_staff and self.user.is_superuser  # type: ignore[union-attr]

    def words(self, obj: Model, side: Side) -> frozenset[str]:
        """Every word that the person holds on a row of a side."""
        key = (type(obj), obj.pk, side.canary)
        if key not in self._kept:
            self._kept[key] = frozenset(self._words(obj, side))
        return self._kept[key]

    def _words(self, obj: Model, side: Side) -> set[str]:
        held: set[str] = set()
        organisation = _organisation_of(obj)
        if organisation is not None:
            here = [role for org, role in self.posts if org == organisation]
            held = {word for role in here for word in ROLE_WORDS[role]}
            held |= {"organisation.view"} if isinstance(obj, Organisation | OrganisationUnit) else set()
        elif isinstance(obj, User):  # the researcher of the side
            shares = self.roles.get(side.canary) or any(org == side.joint.university.pk for org, _role in self.posts)
            held = {"person.view"} if shares else set()
        elif isinstance(obj, Request):
            held = self._words_on_a_request(obj, side)
        elif isinstance(obj, Trial):
            held = {"trial.view"} if self._is(obj.asked_by_id) else set()
        elif isinstance(obj, Notification):
            held = {"notification.view", "notification.manage"} if self._is(obj.person_id) else set()
        elif isinstance(obj, Delegation):
            held = {"delegation.view"} if self._is(obj.delegate_id) else set()
            held |= {"delegation.view", "delegation.manage"} if self._is(obj.delegator_id) else set()
        elif type(obj).__module__.startswith("collab.internships."):
            held = self._words_on_an_internship(obj, side)
        elif type(obj).__module__.startswith("collab.courses.") and not isinstance(obj, ResourceLink | CourseCondition):
            held = self._words_of_learning(obj, side)
        elif type(obj).__module__.startswith("collab.transfer.royalties.") or is_of_books(obj):
            held = words_on(obj, self.posts, ROLE_WORDS, self.user.pk if self.user is not None else None)
        elif (licence := licence_of(obj)) is not None:
            held = self._words_on_a_licence(obj, licence)
        elif (house := owner_of(obj)) is not None:
            held = {word for org, role in self.posts if org == house for word in ROLE_WORDS[role]}
            held |= self._words_on_a_case(obj, side)
            held |= {"offer.view"} if isinstance(obj, Offer) and self.known and not self.limited else set()
        elif isinstance(obj, DeadlineRuleSet | DeadlineRule):  # of all; officers publish their own beside it
            held = {"organisation.view"} if self.known and not self.limited else set()
            held |= {"protection.manage"} if any(role == Role.TRANSFER_OFFICER for _org, role in self.posts) else set()
        elif isinstance(obj, AgreementTemplate | TemplateVersion):  # the house's own text
            house = (obj.template if isinstance(obj, TemplateVersion) else obj).organisation_id
            held = {word for org, role in self.posts if org == house for word in ROLE_WORDS[role]}
        elif isinstance(obj, NoveltyRule | FieldOfUse | Territory):
            held = {"organisation.view"} if self.known else set()
        elif isinstance(obj, ApiToken):
            held = {"token.manage"} if self.user is not None and obj.user_id == self.user.pk else set()
        elif isinstance(obj, Review):
            mine = self.user is not None and obj.reviewer_id == self.user.pk
            held = {"review.view", "review.give"} if mine else set()
        elif isinstance(obj, Questionnaire):
            here = [role for org, role in self.posts if org == obj.organisation_id]
            held = {word for role in here for word in ROLE_WORDS[role]}
        elif isinstance(obj, EthicsForm | EthicsCommittee):
            here = [role for org, role in self.posts if org == obj.organisation_id]
            held = {word for role in here for word in ROLE_WORDS[role]}
            held |= {"organisation.view"} if self.known else set()
        else:
            held = {word for role in self.roles.get(side.canary, ()) for word in ROLE_WORDS[role]}
        if isinstance(obj, EthicsCase | EthicsReview):
            held |= self._words_on_ethics(obj, side)
        if isinstance(obj, ReviewStep) and self.user is not None and obj.chair_id == self.user.pk:
            held |= {"review.view", "review.chair"}
        return {word for word in held if self.token_lets(word)}

    def _is(self, person: object) -> bool:
        return self.user is not None and self.user.pk == person and not self.limited

    def _words_on_a_request(self, obj: Request, side: Side) -> set[str]:
        """In the scene the researcher asks, the lead answers, and the observer advises on what is open."""
        see = {"request.view", "request.comment"}
        if self._is(side.joint.researcher.pk):
            return see | {"request.withdraw", "request.meet"}
        if self._is(side.joint.lead.pk):
            return see | {"request.answer", "request.direct", "request.meet"}
        if self._is(side.joint.observer.pk) and obj.is_open:
            return see | {"request.advise"}
        return set()

    def _words_on_a_licence(self, obj: Model, licence: Licence) -> set[str]:
        """The licensor's office leads it; the licensee's people have what is licensed."""
        theirs = [role for org, role in self.posts if org == licence.licensee_id]
        if isinstance(obj, LicensedAsset):
            return {"release.view", "release.download", "release.try"} if theirs else set()
        held = {word for org, role in self.posts if org == licence.licensor_id for word in ROLE_WORDS[role]}
        if isinstance(obj, LicensedThing):
            return held
        words = {word for role in theirs for word in ROLE_WORDS[role]}
        if isinstance(obj, Licence) and obj.state == "term_sheet":
            return held  # it was not laid before the licensee
        held |= words & {"licence.view", "royalty.report", "agreement.draft"}
        return held | {"licence.exercise", "sublicence.register"} if "agreement.sign" in words else held

    def _words_on_a_case(self, obj: Model, side: Side) -> set[str]:
        """In the scene the researcher is the inventor, and the lead assesses."""
        if isinstance(obj, Criterion | Counsel):
            return set()
        if isinstance(obj, Assessment | AssessmentScore):
            return {"assessment.view", "assessment.give"} if self._is(side.joint.lead.pk) else set()
        if self._is(side.joint.researcher.pk):
            return {"disclosure.view", "disclosure.edit", "disclosure.sign"}
        return {"disclosure.view"} if self._is(side.joint.lead.pk) and case_of(obj) in side.assessed else set()

    def _words_on_an_internship(self, obj: Model, side: Side) -> set[str]:
        """In the scene the university is the host as well; the observer is the student, researcher and lead guide."""
        made, kind = side.joint, type(obj).__name__
        if not self.known:
            return set()
        here = [role for org, role in self.posts if org == made.university.pk]
        held = {word for role in here for word in ROLE_WORDS[role]}
        runs = any("posting.manage" in ROLE_WORDS[role] for _org, role in self.posts)
        if kind == "Cohort":
            held |= {"programme.view"} if not self.limited else set()
            held |= {"programme.rank"} if self._is(made.observer.pk) or self._is(made.former.pk) else set()
            return held | ({"posting.manage"} if runs else set())
        if kind in {"Programme", "CheckPoint"}:
            return held | {"programme.view"}
        held &= _OF_INTERNSHIPS
        if kind == "Posting":
            held |= {"posting.view"} if here else set()
            return held | ({"posting.apply"} if Role.STUDENT in here else set())
        if kind in {"Application", "ApplicationDocument"}:
            draft = obj.state == "draft" if kind == "Application" else True  # type: ignore[attr-defined]
            held = set() if draft else held
            if self._is(made.observer.pk):
                held |= {"application.view", "application.write"}
            if self._is(made.lead.pk) and obj == side.applications["applied"]:
                held |= {"application.view", "application.review"}
            return held
        if kind == "Placement":
            guides = {"placement.view", "placement.write", "placement.guide"}
            if self._is(obj.student_id):  # type: ignore[attr-defined]
                held |= {
                    "placement.view",
                    "placement.write",
                    "placement.intern",
                    "placement.sign",
                    "placement.evaluate",
                }
            if self._is(made.researcher.pk):
                held |= guides | {"placement.confirm", "placement.evaluate"}
            return held | (guides if self._is(made.lead.pk) else set())
        return held

    def _words_of_learning(self, obj: Model, side: Side) -> set[str]:
        """In the scene the researcher learns, and the people of the university may take its courses."""
        if isinstance(obj, IssuerKey):
            return {"organisation.view"} if self.known else set()
        here = [role for org, role in self.posts if org == side.joint.university.pk]
        held = {word for role in here for word in ROLE_WORDS[role]}
        if isinstance(obj, Resource):
            return held | ({"library.view"} if self.known else set())
        if isinstance(obj, Course | CourseVersion):
            return held | ({"course.view", "course.take"} if here else set())
        own = {
            Enrolment: {"enrolment.view", "course.take"},
            TrainingRecord: {"training.view", "training.submit"},
            Certificate: {"certificate.view"},
        }
        return held | (own.get(type(obj), set()) if self._is(side.joint.researcher.pk) else set())

    def _words_on_ethics(self, obj: EthicsCase | EthicsReview, side: Side) -> set[str]:
        """In the scene the registrar of the university chairs its committee, and the observer was asked to review."""
        chairs = (side.joint.university.pk, Role.ETHICS_CHAIR) in self.posts
        if isinstance(obj, EthicsReview):
            mine = self._is(obj.reviewer_id)
            return ({"ethics.deliberate", "ethics.chair"} if chairs else set()) | (
                {"ethics.deliberate", "ethics.review"} if mine else set()
            )
        if chairs and obj.submitted_at is not None:
            return {f"ethics.{what}" for what in ("view", "chair", "deliberate", "decide")}
        if obj.pk == side.ethics_cases["in_review"].pk and self._is(side.joint.observer.pk):
            return {f"ethics.{what}" for what in ("view", "deliberate", "review")}
        return set()

    def token_lets(self, word: str) -> bool:
        if not self.secret:
            return True
        return word not in SESSION_WORDS and (self.scope == "write" or word in READ_WORDS)


def _organisation_of(obj: Model) -> object:
    """The organisation whose roles alone count for the row, or None."""
    if isinstance(obj, Organisation):
        return obj.pk
    return (
        obj.organisation_id
        if isinstance(obj, OrganisationUnit | Invitation | MembershipReview | ApprovalStep)
        else None
    )


def licence_of(obj: Model) -> Licence | None:
    """The licence that a row hangs on."""
    if isinstance(obj, LicensedThing):
        return obj.assets.first().licence
    return obj if isinstance(obj, Licence) else getattr(obj, "licence", None)


def case_of(obj: Model) -> TransferCase | None:
    """The case that a row of technology transfer hangs on."""
    for name in ("", "case", "disclosure", "inventor", "assessment", "family", "protection", "offer"):
        part = getattr(obj, name, None) if name else obj
        if isinstance(part, TransferCase):
            return part
        if name and part is not None:
            return case_of(part)
    return None


def owner_of(obj: Model) -> object:
    """The organisation whose office leads the case that the row hangs on, or None for other rows."""
    if isinstance(obj, Criterion | Counsel):
        return obj.organisation_id
    case = case_of(obj) if type(obj).__module__.startswith("collab.transfer.") else None
    return case.organisation_id if case is not None else None


class Visitor:
    """Makes requests as a persona, each as if it were the first: no cookie of an answer is kept."""

    def __init__(self, persona: Persona) -> None:
        self.persona = persona
        headers = {"Authorization": f"Bearer {persona.secret}"} if persona.secret else {}
        self._client = Client(headers=headers, raise_request_exception=False)
        self.session = ""
        user = persona.user or persona.once
        if not persona.secret and user is not None:
            client = Client()
            client.force_login(user)
            self.session = client.cookies["sessionid"].value

    def client(self) -> Client:
        self._client.cookies = SimpleCookie({"sessionid": self.session} if self.session else {})
        return self._client


def personas(scene: Scene) -> list[Persona]:
    """The cast of the matrix."""
    a, b = scene.a, scene.b
    here, there = a.joint, b.joint
    secrets = scene.secrets
    uni, firm, foreign = here.university.pk, here.company.pk, there.university.pk

    def on_a(*roles: Role) -> dict[str, tuple[Role, ...]]:
        return {a.canary: roles}

    employee = ((uni, Role.EMPLOYEE),)
    student = (*employee, (uni, Role.STUDENT))
    researcher = {"roles": on_a(Role.RESEARCHER), "posts": employee}
    signatory = {"roles": on_a(Role.SIGNATORY), "posts": ((firm, Role.SIGNATORY),)}
    return [
        Persona("anonymous"),
        Persona("outsider", there.researcher, roles={b.canary: (Role.RESEARCHER,)}, posts=((foreign, Role.EMPLOYEE),)),
        Persona("observer", here.observer, roles=on_a(Role.OBSERVER), posts=(*student, (uni, Role.ETHICS_REVIEWER))),
        Persona("researcher", here.researcher, **researcher),
        Persona("lead", here.lead, roles=on_a(Role.LEAD), posts=employee),
        Persona("company engineer", here.engineer, roles=on_a(Role.ENGINEER), posts=((firm, Role.EMPLOYEE),)),
        Persona("signatory", here.company_signatory, **signatory),
        Persona(
            "organisation admin",
            a.organisation_admin,
            roles=on_a(Role.ORGANISATION_ADMIN, Role.ETHICS_CHAIR),
            posts=((uni, Role.ORGANISATION_ADMIN), (uni, Role.ETHICS_CHAIR)),
        ),
        Persona(
            "transfer officer",
            a.transfer_officer,
            roles=on_a(Role.TRANSFER_OFFICER),
            posts=((uni, Role.TRANSFER_OFFICER),),
        ),
        Persona("ex-member", here.former, posts=employee),
        Persona(
            "foreign organisation admin",
            b.organisation_admin,
            roles={b.canary: (Role.ORGANISATION_ADMIN, Role.ETHICS_CHAIR)},
            posts=((foreign, Role.ORGANISATION_ADMIN), (foreign, Role.ETHICS_CHAIR)),
        ),
        Persona("staff", scene.staff),
        Persona("staff member", scene.staff_member, roles=on_a(Role.OBSERVER), posts=employee),
        Persona("superuser", scene.superuser),
        Persona("read token", here.researcher, secrets["read_token"], "read", **researcher),
        Persona("write token", here.researcher, secrets["write_token"], "write", **researcher),
        Persona("signatory token", here.company_signatory, secrets["signatory_token"], "write", **signatory),
        # Limited to the other project, in which its owner has no role: good for nothing.
        Persona("other project's token", a.newcomer, secrets["other_project_token"], "write", limited=True),
        Persona("expired token", None, secrets["expired_token"], "write"),
        Persona("deactivated", once=scene.deactivated),
    ]


NAMES = [
    "anonymous",
    "outsider",
    "observer",
    "researcher",
    "lead",
    "company engineer",
    "signatory",
    "organisation admin",
    "transfer officer",
    "ex-member",
    "foreign organisation admin",
    "staff",
    "staff member",
    "superuser",
    "read token",
    "write token",
    "signatory token",
    "other project's token",
    "expired token",
    "deactivated",
]

# Nothing of the other side is theirs: tests/access/test_foreign.py asks them there, beside what was never there.
FOREIGN = ["observer", "lead", "organisation admin", "write token", "staff", "superuser"]
# Turned away before it matters what the address names; a read token has less than the write token of the same person.
NOT_LET_IN = {"expired token", "deactivated", "read token"}
