"""What a case holds, table by table: each read through the policy, so nothing is in it that the person may not see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from collab.accounts.models import Membership, User
from collab.agreements.background import BackgroundItem
from collab.agreements.duties import SurvivingDuty
from collab.agreements.ip import IPTerms
from collab.agreements.models import AgreementVersion, Coverage
from collab.audit.models import AuditEvent
from collab.casefile.contents import TABLES, Table, attributes, each
from collab.inbox.models import Comment, Condition, Obligation, Request
from collab.projects.models import (
    Attestation,
    BudgetLine,
    Contribution,
    CostEntry,
    Output,
    PartyApproval,
    ProgressReport,
    Project,
    ProjectParty,
    ReviewStep,
    WorkItem,
)
from collab.projects.reading import review_lines
from collab.publications.models import PublicationNotice
from collab.terms.models import TermsAcceptance
from collab.web.history import spoken

_TOGETHER = 500


def _person(user: Any) -> str:
    return str(user) if user is not None else ""


def _agreement(version: AgreementVersion) -> Sequence[Any]:
    agreement = version.agreement
    return (
        agreement.reference,
        agreement.kind,
        agreement.title,
        agreement.title_zh,
        agreement.confidential,
        version.number,
        version.state,
        version.effective_on,
        version.expires_on,
        version.executed_at,
        version.ended_at,
        [str(party.organisation) for party in version.parties.all()],
        [
            {
                "party": str(one.party),
                "name": one.typed_name,
                "capacity": one.capacity,
                "signed_at": one.signed_at.isoformat(),
                "sha256": one.document_sha256,
            }
            for one in version.signatures.all()
        ],
        version.document_sha256,
        sealed.sha256 if (sealed := getattr(version, "sealed", None)) else "",
    )


def _request(row: Request) -> Sequence[Any]:
    return (
        row.pk,
        row.topic,
        row.title,
        row.title_zh,
        str(row.organisation or ""),
        _person(row.receiver),
        _person(row.asked_by),
        row.created_at,
        row.due_at,
        row.state,
        _person(row.decided_by),
        _person(row.decided_for),
        row.decided_at,
        row.reason,
        [condition.text for condition in row.conditions.all()],
    )


def _notice(row: PublicationNotice) -> Sequence[Any]:
    return (
        row.pk,
        str(row.organisation),
        row.title,
        row.title_zh,
        row.author_line,
        row.kind,
        row.venue,
        row.state,
        row.given_on,
        row.notice_days,
        row.notice_ends_on,
        row.earliest_on,
        row.free_on,
        row.submit_on,
        row.published_on,
        row.doi,
        [
            {"number": one.number, "file": one.file_name, "sha256": one.sha256, "link": one.link}
            for one in row.manuscripts.all()
        ],
        [
            {
                "party": str(one.party),
                "ground": one.ground,
                "text": one.text,
                "by": str(one.by),
                "delay_until": one.delay_until.isoformat() if one.delay_until else None,
                "state": one.state,
                "outcome": one.outcome,
                "settled_by": _person(one.settled_by),
            }
            for one in row.objections.all()
        ],
    )


def _steps(rows: Iterable[ReviewStep], user: User) -> Iterator[Sequence[Any]]:
    """How much of a step is told depends on who reads it, and on whether it is blind."""
    for step in rows:
        told = review_lines(step, user)
        yield (
            step.pk,
            step.name,
            step.name_zh,
            step.position,
            step.blind,
            step.state,
            step.due_on,
            _person(step.decided_by) if step.decided_at else "",
            step.decided_at,
            step.decision_reason,
            told["asked"],
            told["given"],
            told["score"],
            [
                {name: row[name] for name in ("who", "state", "recommendation_code", "comment", "answers")}
                | {"score": str(row["score"]) if row["score"] is not None else None}
                for row in told["reviews"]
            ],
        )


def _history(rows: Any, user: User) -> Iterator[Sequence[Any]]:
    for event, who, text in spoken(rows.iterator(chunk_size=_TOGETHER)):
        yield (
            event.id,
            event.at.isoformat(timespec="microseconds"),
            who,
            text,
            event.verb,
            event.actor_id,
            event.subject_type,
            event.subject_id,
            event.project_id,
            event.organisation_id,
            event.data,
            event.previous,
            event.digest,
        )


def _of_versions(model: Any, project: Project) -> Any:
    """What hangs on the versions of the project's agreements, in their order."""
    rows = model.objects.filter(version__agreement__project=project).select_related("version__agreement")
    return rows.order_by("version__agreement__created_at", "version__agreement_id", "version__number", "pk")


TABLES[:0] = [
    Table(
        "parties",
        "project.view",
        "organisation name_zh kind role lead joined_on left_on accession_note surviving_duties",
        lambda project: ProjectParty.objects.filter(project=project).select_related("organisation", "lead"),
        each(
            lambda row: (
                row.organisation.name,
                row.organisation.name_zh,
                row.organisation.kind,
                row.role,
                _person(row.lead),
                row.joined_on,
                row.left_on,
                row.accession_note,
                row.surviving_duties,
            )
        ),
    ),
    Table(
        "people",
        "project.view",
        "person organisation role starts_at ends_at",
        lambda project: Membership.objects.of_project(project).with_names().order_by("starts_at", "pk"),
        each(lambda row: (str(row.user), str(row.organisation), row.role, row.starts_at, row.ends_at)),
    ),
    attributes(
        "contributions",
        "project.view",
        "party=party.organisation kind description amount currency created_by created_at",
        lambda project: Contribution.objects.filter(party__project=project).select_related(
            "party__organisation", "created_by"
        ),
    ),
    attributes(
        "approvals",
        "project.view",
        "party=party.organisation round state reason decided_by decided_at",
        lambda project: (
            PartyApproval.objects.filter(project=project)
            .select_related("party__organisation", "decided_by")
            .order_by("round", "party__joined_on")
        ),
    ),
    Table(
        "reviews",
        "review.view",
        "id name name_zh position blind state due_on decided_by decided_at decision_reason asked given mean_score "
        "reviews",
        lambda project: (
            ReviewStep.objects.filter(project=project)
            .select_related("project", "chair", "decided_by")
            .prefetch_related("reviews__reviewer", "reviews__questionnaire")
            .order_by("position", "pk")
        ),
        _steps,
    ),
    attributes(
        "work",
        "project.view",
        "id kind milestone title title_zh party=party.organisation due_on criteria state evidence evidence_url note "
        "submitted_by accepted_by settled_at",
        lambda project: WorkItem.objects.filter(project=project).select_related(
            "milestone", "party__organisation", "submitted_by", "accepted_by"
        ),
    ),
    attributes(
        "reports",
        "project.view",
        "id kind starts_on ends_on due_on state summary deviations outlook note facts party=party.organisation "
        "written_by accepted_by submitted_at",
        lambda project: (
            ProgressReport.objects.filter(project=project)
            .select_related("party__organisation", "written_by", "accepted_by")
            .order_by("starts_on", "pk")
        ),
    ),
    attributes(
        "attestations",
        "project.view",
        "party=party.organisation kind ending note attested_by attested_at",
        lambda project: Attestation.objects.filter(party__project=project).select_related(
            "party__organisation", "attested_by"
        ),
    ),
    Table(
        "agreements",
        "agreement.view",
        "reference kind title title_zh confidential version state effective_on expires_on executed_at "
        "ended_at parties signatures document_sha256 sealed_sha256",
        lambda project: (
            AgreementVersion.objects.filter(agreement__project=project)
            .select_related("agreement", "sealed")
            .prefetch_related("parties__organisation", "signatures__party")
            .order_by("agreement__created_at", "agreement_id", "number")
        ),
        each(_agreement),
    ),
    attributes(
        "ip_terms",
        "agreement.view",
        "agreement=version.agreement.reference version=version.number results_owner partner_right background_access "
        "background_condition results_access results_condition field_of_use territory option_days negotiation_days "
        "publication_notice_days publication_delay_days academic_use confidentiality_years",
        lambda project: _of_versions(IPTerms, project),
    ),
    attributes(
        "coverage",
        "agreement.view",
        "agreement=version.agreement.reference version=version.number party purpose asset_id",
        lambda project: _of_versions(Coverage, project).select_related("party"),
    ),
    attributes(
        "surviving_duties",
        "agreement.view",
        "agreement=version.agreement.reference version=version.number party text text_zh until months added_at_end",
        lambda project: _of_versions(SurvivingDuty, project).select_related("party"),
    ),
    attributes(
        "acceptances",
        "agreement.view",
        "agreement=version.agreement.reference version=version.number person=user organisation document_sha256 "
        "accepted_at",
        lambda project: _of_versions(TermsAcceptance, project).select_related("user", "organisation"),
    ),
    attributes(
        "background",
        "agreement.view",
        "id owner title description reference asset_id restrictions usable_in_project exploitation declared_on "
        "withdrawn_on declared_by",
        lambda project: BackgroundItem.objects.filter(project=project).select_related("owner", "declared_by"),
    ),
    Table(
        "requests",
        "request.view",
        "id topic title title_zh organisation receiver asked_by asked_at due_at state decided_by "
        "instead_of decided_at reason conditions",
        lambda project: (
            Request.objects.filter(project=project)
            .with_names()
            .prefetch_related("conditions")
            .order_by("created_at", "pk")
        ),
        each(_request),
    ),
    attributes(
        "comments",
        "request.view",
        "request=request_id person=user text at=created_at",
        lambda project: Comment.objects.filter(request__project=project).select_related("user").order_by("created_at"),
    ),
    attributes(
        "conditions",
        "request.view",
        "request=request_id number text evidence met_by met_at",
        lambda project: (
            Condition.objects.filter(request__project=project)
            .select_related("met_by")
            .order_by("request__created_at", "number")
        ),
    ),
    attributes(
        "obligations",
        "obligation.view",
        "id kind title title_zh due_on organisation person settled_at",
        lambda project: Obligation.objects.filter(project=project).select_related("organisation", "person"),
    ),
    Table(
        "publication_notices",
        "publication.view",
        "id organisation title title_zh authors kind venue state given_on notice_days notice_ends_on "
        "earliest_on free_on submit_on published_on doi manuscripts objections",
        lambda project: PublicationNotice.objects.filter(project=project).with_all(),
        each(_notice),
    ),
    Table(
        "outputs",
        "project.view",
        "id kind title title_zh made_on confidential doi link creators shares",
        lambda project: Output.objects.filter(project=project).prefetch_related(
            "creators", "shares__party__organisation"
        ),
        each(
            lambda row: (
                row.pk,
                row.kind,
                row.title,
                row.title_zh,
                row.made_on,
                row.confidential,
                row.doi,
                row.link,
                [*map(str, row.creators.all()), *filter(None, [row.other_creators])],
                {str(share.party.organisation): str(share.percent) for share in row.shares.all()},
            )
        ),
    ),
    Table(
        "budget",
        "budget.view",
        "id organisation category starts_on ends_on note planned committed actual currency",
        lambda project: BudgetLine.objects.filter(budget__project=project).select_related(
            "budget", "party__organisation"
        ),
        each(
            lambda row: (
                row.pk,
                str(row.party.organisation),
                row.category,
                row.starts_on,
                row.ends_on,
                row.note,
                row.planned,
                row.committed,
                row.actual,
                row.budget.currency,
            )
        ),
    ),
    Table(
        "costs",
        "budget.view",
        "line on amount source reference note booked_by",
        lambda project: (
            CostEntry.objects.filter(line__budget__project=project).select_related("booked_by").order_by("on", "pk")
        ),
        each(
            lambda row: (row.line_id, row.on, row.amount, row.source, row.reference, row.note, _person(row.booked_by))
        ),
    ),
    Table(
        "history",
        "audit.view",
        "id at by sentence verb actor subject_type subject_id project organisation data previous digest",
        lambda project: AuditEvent.objects.filter(project_id=project.pk).order_by("id"),
        _history,
    ),
]
