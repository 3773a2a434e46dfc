"""The whole policy on two screens: permission words, and roles as lists of words. Plain data, nothing imported."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Role(StrEnum):
    """What a membership makes of a person, in an organisation (ORGANISATION_ROLES) or in a project."""

    ORGANISATION_ADMIN = "organisation_admin"
    SIGNATORY = "signatory"
    EMPLOYEE = "employee"
    TRANSFER_OFFICER = "transfer_officer"
    COORDINATOR = "coordinator"
    STUDENT = "student"
    ETHICS_REVIEWER = "ethics_reviewer"
    ETHICS_CHAIR = "ethics_chair"
    LEAD = "lead"
    RESEARCHER = "researcher"
    ENGINEER = "engineer"
    OBSERVER = "observer"
    INTERN = "intern"

    @property
    def label(self) -> StrOrPromise:
        return ROLE_LABELS[self]


ROLE_LABELS = {
    Role.ORGANISATION_ADMIN: _("Organisation admin"),
    Role.SIGNATORY: _("Authorised signatory"),
    Role.EMPLOYEE: _("Employee"),
    Role.TRANSFER_OFFICER: _("Technology-transfer officer"),
    Role.COORDINATOR: _("Coordinator of training and internships"),
    Role.STUDENT: _("Student"),
    Role.ETHICS_REVIEWER: _("Ethics reviewer"),
    Role.ETHICS_CHAIR: _("Chair of the ethics committee"),
    Role.LEAD: _("Project lead"),
    Role.RESEARCHER: _("Researcher"),
    Role.ENGINEER: _("Engineer"),
    Role.OBSERVER: _("Observer"),
    Role.INTERN: _("Intern"),
}

ORGANISATION_ROLES = (
    Role.ORGANISATION_ADMIN,
    Role.SIGNATORY,
    Role.EMPLOYEE,
    Role.TRANSFER_OFFICER,
    Role.COORDINATOR,
    Role.STUDENT,
    Role.ETHICS_REVIEWER,
    Role.ETHICS_CHAIR,
)
PROJECT_ROLES = (Role.LEAD, Role.RESEARCHER, Role.ENGINEER, Role.OBSERVER, Role.INTERN)
# What a lead may give somebody: an intern's role begins and ends with the placement, by itself.
GIVEN_PROJECT_ROLES = tuple(role for role in PROJECT_ROLES if role != Role.INTERN)

# word -> what it lets a person do
WORDS = {
    "organisation.view": _("see an organisation"),
    "organisation.manage": _("change an organisation and its people"),
    "member.view": _("see the reviews of who holds which role"),
    "person.view": _("see a person"),
    "project.create": _("begin a joint project for the organisation"),
    "project.view": _("see a project"),
    "project.edit": _("change a project and its parties"),
    "project.approve": _("approve a project for a party, and attest its closure"),
    "member.manage": _("give and end roles in a project"),
    "review.view": _("see the review of a project"),
    "review.manage": _("set up review steps and questionnaires"),
    "review.give": _("give the review one was asked for"),
    "review.chair": _("decide a review step that one chairs"),
    "work.deliver": _("work on milestones, deliverables and reports for a party, and accept those of others"),
    "budget.view": _("see the budget of a project"),
    "budget.edit": _("change the budget of a project and book costs"),
    "output.edit": _("record outputs of a project"),
    "agreement.view": _("read the agreements of a project"),
    "agreement.draft": _("draft agreements and send them for signature"),
    "agreement.comment": _("comment on versions of agreements"),
    "agreement.approve": _("approve agreements for an organisation before they are signed"),
    "agreement.sign": _("sign for a party"),
    "agreement.end": _("suspend, resume or terminate an agreement"),
    "background.declare": _("enter what a party brings along into the background register"),
    "publication.view": _("see what parties want to publish"),
    "publication.give": _("tell the other parties what one's own wants to publish"),
    "publication.object": _("answer for a party what another one wants to publish"),
    "terms.accept": _("accept the terms of an agreement for oneself"),
    "dataset.view": _("see that a dataset exists, its card and profile"),
    "dataset.read": _("read and download the rows of a dataset"),
    "dataset.upload": _("add datasets and versions"),
    "dataset.train": _("train on a dataset"),
    "dataset.govern": _("say what data of one's organisation may be used for"),
    "job.view": _("see training jobs, their curves and logs"),
    "job.submit": _("submit training jobs"),
    "job.control": _("stop and resume training jobs"),
    "model.view": _("see registered models"),
    "model.register": _("register model versions and edit their cards"),
    "model.download": _("download model files"),
    "model.try": _("try models in the playground"),
    "trial.view": _("see what one asked a model, and its answer"),
    "tracking.read": _("read runs through the MLflow client"),
    "tracking.write": _("log runs through the MLflow client"),
    "tracking.manage": _("delete runs and move aliases through the MLflow client"),
    "token.manage": _("make and revoke one's own tokens"),
    "audit.view": _("read the history of a project"),
    "request.view": _("see a request"),
    "request.ask": _("ask for a decision in a project"),
    "request.answer": _("decide a request"),
    "request.direct": _("ask reviewers about a request, or hand it over"),
    "request.advise": _("advise on a request"),
    "request.comment": _("comment on a request"),
    "request.meet": _("say that a condition is met"),
    "request.withdraw": _("withdraw a request"),
    "obligation.view": _("see what falls due"),
    "obligation.manage": _("add and settle dates in the calendar"),
    "notification.view": _("read one's own notifications"),
    "notification.manage": _("mark one's own notifications and choose how they come"),
    "delegation.view": _("see who stands in for oneself, and for whom one does"),
    "delegation.manage": _("let somebody answer during an absence"),
    "calendar.manage": _("make and revoke the private link of one's calendar"),
    "disclosure.create": _("disclose an invention, a model or another result of a project"),
    "disclosure.begin": _("disclose a result made outside of any project"),
    "disclosure.view": _("see a disclosure and where it stands"),
    "disclosure.edit": _("write at a disclosure and submit it"),
    "disclosure.sign": _("sign a disclosure as one of its inventors"),
    "case.view": _("see the cases of an organisation, their assessment and history"),
    "case.manage": _("check, assign and return disclosures, and lead their cases"),
    "case.decide": _("decide what becomes of a disclosed result"),
    "assessment.view": _("see an assessment"),
    "assessment.give": _("give the assessment one was asked for"),
    "protection.manage": _("manage applications, rights and their deadlines"),
    "offer.view": _("see a technology that is offered"),
    "offer.read": _("read the confidential part of an offer"),
    "offer.manage": _("offer technologies, and answer those who are interested"),
    "licence.view": _("see options and licences"),
    "licence.draft": _("draft options and licences, and lead their negotiation"),
    "licence.end": _("call out a breach, and end licences"),
    "licence.exercise": _("exercise an option"),
    "sublicence.register": _("register sublicences under a licence that one's organisation holds"),
    "release.view": _("see what is licensed to one's organisation"),
    "release.download": _("have the files that are licensed to one's organisation"),
    "release.try": _("try the models that are licensed to one's organisation"),
    "royalty.view": _("see what is due, reported and paid under licences"),
    "royalty.manage": _("schedule payments, check reports, write invoices and match receipts"),
    "royalty.report": _("report sales as a licensee"),
    "distribution.approve": _("approve how income is distributed"),
    "statement.view": _("see one's own statements of income"),
    "startup.view": _("see start-ups and who holds which part of them"),
    "startup.manage": _("enter start-ups, and what is held of them"),
    "transfer.report": _("read the figures of technology transfer"),
    "programme.view": _("see internship programmes and their dates"),
    "programme.manage": _("run internship programmes, their cohorts, matching and board"),
    "programme.rank": _("rank one's own choices in a cohort"),
    "posting.view": _("see a posting"),
    "posting.manage": _("offer places for interns, and read the applications for them"),
    "posting.apply": _("apply for a posting"),
    "application.view": _("see an application"),
    "application.write": _("write at one's own application, send and withdraw it"),
    "application.decide": _("decide on the applications for one's postings"),
    "application.review": _("give the review of an application one was asked for"),
    "placement.view": _("see a placement"),
    "placement.write": _("write one's own part of a placement, and what happens in it"),
    "placement.manage": _("lead the placements of a programme"),
    "placement.approve": _("approve a placement for the host or the university"),
    "placement.intern": _("keep the log book of one's own placement, and evaluate the host"),
    "placement.guide": _("guide an intern, and give feedback"),
    "placement.confirm": _("confirm the log book of an intern"),
    "placement.evaluate": _("evaluate the other side of a placement"),
    "placement.sign": _("sign one's own learning agreement"),
    "course.view": _("see a course"),
    "course.take": _("take a course and its quiz"),
    "course.edit": _("make courses and publish versions of them"),
    "course.require": _("ask for a valid course in a project"),
    "enrolment.view": _("see who takes a course and how far they are"),
    "training.view": _("see the document of a training done elsewhere"),
    "training.submit": _("hand in the document of one's own training"),
    "training.review": _("review trainings done elsewhere"),
    "certificate.view": _("see a certificate"),
    "certificate.propose": _("propose certificates"),
    "certificate.approve": _("approve certificates, so that they are issued"),
    "certificate.revoke": _("suspend, reinstate and revoke certificates"),
    "library.view": _("see what the library holds"),
    "library.edit": _("add learning resources and change them"),
    "library.attach": _("attach learning resources to a project"),
    # ethics
    "ethics.view": _("read the ethics applications and self-assessments of a project"),
    "ethics.apply": _("write ethics applications and self-assessments, and answer the committee"),
    "ethics.sit": _("sit on the ethics committee of an organisation"),
    "ethics.manage": _("set up the ethics committee of an organisation and its questionnaires"),
    "ethics.preside": _("answer for the ethics committee of an organisation"),
    "ethics.chair": _("assign reviewers, and hold or end an approval of the ethics committee"),
    "ethics.decide": _("decide an ethics application"),
    "ethics.deliberate": _("read what reviewers wrote, and ask the applicants"),
    "ethics.review": _("give the ethics review one was asked for"),
}

# Held by no role: by owning a row, or by what a request says of itself (collab/inbox/standing.py).
PERSONAL_WORDS = frozenset(
    {"token.manage", "calendar.manage", "delegation.view", "delegation.manage"}
    | {"notification.view", "notification.manage"}
    | {"review.give", "review.chair", "person.view"}
    | {"disclosure.sign", "assessment.give", "statement.view"}
    | {"programme.rank", "posting.apply", "application.write", "application.review"}
    | {"placement.intern", "placement.guide", "placement.sign"}
    | {"placement.confirm", "placement.evaluate"}
    | {"course.take", "training.submit", "library.view"}
    | {"licence.exercise", "sublicence.register", "release.view", "release.download", "release.try", "trial.view"}
    | {f"ethics.{what}" for what in ("chair", "decide", "deliberate", "review")}
    | {f"request.{what}" for what in ("view", "answer", "direct", "advise", "comment", "meet", "withdraw")}
)

# What a read-only token still allows.
READ_WORDS = frozenset(
    word for word in WORDS if word.endswith((".view", ".read", ".download")) or word == "transfer.report"
)

# What only a person in the browser does, never a program with their token: it must not breed tokens, sign or accept.
SESSION_WORDS = frozenset(
    {"token.manage", "agreement.sign", "terms.accept", "calendar.manage", "disclosure.sign", "placement.sign"}
)

_SEE = {
    "organisation.view",
    "project.view",
    "agreement.view",
    "dataset.view",
    "job.view",
    "model.view",
    "obligation.view",
    "publication.view",
}
_RESEARCH = _SEE | {
    "disclosure.create",
    "library.attach",
    "publication.give",
    "dataset.govern",
    "request.ask",
    "agreement.comment",
    "terms.accept",
    "dataset.read",
    "dataset.upload",
    "dataset.train",
    "job.submit",
    "job.control",
    "model.register",
    "model.download",
    "model.try",
    "tracking.read",
    "tracking.write",
    "audit.view",
    "review.view",
    "work.deliver",
    "budget.view",
    "output.edit",
    "ethics.view",
    "ethics.apply",
}

# An intern works with the data and models of the project, and neither brings, takes along nor tells anything.
_INTERN = {
    "organisation.view",
    "project.view",
    "agreement.view",
    "terms.accept",
    "dataset.view",
    "dataset.read",
    "dataset.train",
    "job.view",
    "job.submit",
    "job.control",
    "model.view",
    "model.try",
    "obligation.view",
    "request.ask",
}

# What those who run internships for an organisation do, be it the university or the host.
_COORDINATE = {
    "programme.view",
    "programme.manage",
    "posting.view",
    "posting.manage",
    "application.view",
    "application.decide",
    "placement.view",
    "placement.write",
    "placement.manage",
    "placement.approve",
}

_TEACH = {
    "course.view",
    "course.edit",
    "enrolment.view",
    "training.view",
    "training.review",
    "certificate.view",
    "certificate.propose",
    "library.edit",
}

ROLE_WORDS: dict[Role, frozenset[str]] = {
    Role.LEAD: frozenset(
        _RESEARCH
        | {
            "course.require",
            "project.edit",
            "member.manage",
            "member.view",
            "agreement.draft",
            "agreement.end",
            "background.declare",
            "publication.object",
            "tracking.manage",
            "review.manage",
            "budget.edit",
            "obligation.manage",
        }
    ),
    Role.RESEARCHER: frozenset(_RESEARCH),
    Role.ENGINEER: frozenset(
        _RESEARCH - {"dataset.upload", "dataset.govern", "audit.view", "review.view", "ethics.apply"}
    ),
    Role.OBSERVER: frozenset(_SEE),
    Role.INTERN: frozenset(_INTERN),
    Role.ORGANISATION_ADMIN: frozenset(
        _TEACH
        | _COORDINATE
        | {
            "certificate.approve",
            "certificate.revoke",
            "organisation.view",
            "organisation.manage",
            "dataset.govern",
            "member.view",
            "project.create",
            "project.view",
            "agreement.view",
            "agreement.draft",
            "agreement.comment",
            "agreement.approve",
            "background.declare",
            "publication.view",
            "publication.object",
            "audit.view",
            "request.ask",
            "obligation.view",
            "obligation.manage",
            "project.approve",
            "review.view",
            "review.manage",
            "budget.view",
            "disclosure.begin",
            "disclosure.view",
            "case.view",
            "offer.view",
            "offer.read",
            "case.decide",
            "assessment.view",
            "licence.view",
            "royalty.view",
            "royalty.report",
            "distribution.approve",
            "startup.view",
            "transfer.report",
            "ethics.view",
            "ethics.manage",
        }
    ),
    Role.SIGNATORY: frozenset(
        {
            "certificate.view",
            "certificate.approve",
            "certificate.revoke",
            "organisation.view",
            "project.view",
            "agreement.view",
            "agreement.comment",
            "agreement.approve",
            "agreement.sign",
            "agreement.end",
            "publication.view",
            "publication.object",
            "project.approve",
            "review.view",
            "budget.view",
            "obligation.view",
            "licence.view",
            "royalty.report",
        }
    ),
    Role.EMPLOYEE: frozenset({"organisation.view", "project.create", "disclosure.begin", "library.edit"}),
    Role.STUDENT: frozenset({"organisation.view"}),
    Role.COORDINATOR: frozenset(
        _TEACH
        | _COORDINATE
        | {
            "organisation.view",
            "project.view",
            "agreement.view",
            "agreement.draft",
            "agreement.comment",
            "obligation.view",
            "request.ask",
        }
    ),
    Role.TRANSFER_OFFICER: frozenset(
        {
            "organisation.view",
            "project.view",
            "agreement.view",
            "agreement.draft",
            "agreement.comment",
            "agreement.end",
            "model.view",
            "dataset.view",
            "job.view",
            "publication.view",
            "publication.object",
            "request.ask",
            "obligation.view",
            "obligation.manage",
            "disclosure.begin",
            "disclosure.view",
            "disclosure.edit",
            "case.view",
            "case.manage",
            "case.decide",
            "assessment.view",
            "protection.manage",
            "offer.view",
            "offer.read",
            "offer.manage",
            "licence.view",
            "licence.draft",
            "licence.end",
            "royalty.view",
            "royalty.manage",
            "distribution.approve",
            "startup.view",
            "startup.manage",
            "transfer.report",
        }
    ),
    Role.ETHICS_REVIEWER: frozenset({"organisation.view", "ethics.sit"}),
    Role.ETHICS_CHAIR: frozenset({"organisation.view", "ethics.sit", "ethics.manage", "ethics.preside"}),
}


# Roles in an organisation that reach into the projects in which it is a party.
REACHING_ROLES = tuple(role for role in ORGANISATION_ROLES if "project.view" in ROLE_WORDS[role])


def roles_with(word: str) -> list[Role]:
    """Every role that holds the word; raises KeyError for a word that does not exist."""
    if word not in WORDS:
        raise KeyError(f"{word!r} is no permission word; collab/access/roles.py lists them")
    return [role for role, words in ROLE_WORDS.items() if word in words]
