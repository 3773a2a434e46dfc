"""What a case holds, table by table: each read through the policy, so nothing is in it that the person may not see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from collab.access.policy import visible_to
from collab.accounts.models import Membership, User
from collab.agreements.models import AgreementVersion
from collab.audit.models import AuditEvent
from collab.inbox.models import Request
from collab.projects.models import BudgetLine, CostEntry, Output, Project, ProjectParty
from collab.publications.models import PublicationNotice
from collab.web.history import spoken

_TOGETHER = 500


@dataclass(frozen=True)
class Table:
    """A CSV and a JSON file. One must hold `word` on the rows; `lines` gives a value for each of `names`."""

    name: str
    word: str
    names: str
    rows: Callable[[Project], Any]
    lines: Callable[[Iterable[Any]], Iterator[Sequence[Any]]]

    @property
    def columns(self) -> list[str]:
        return self.names.split()

    def read(self, project: Project, user: User) -> Iterator[dict[str, Any]]:
        """The rows that the person may see, as column and value."""
        for line in self.lines(visible_to(user, self.word, self.rows(project))):
            yield dict(zip(self.columns, line, strict=True))


def _each(of: Callable[[Any], Sequence[Any]]) -> Callable[[Iterable[Any]], Iterator[Sequence[Any]]]:
    return lambda rows: (of(row) for row in rows)


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


def _history(rows: Any) -> Iterator[Sequence[Any]]:
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


TABLES: tuple[Table, ...] = (
    Table(
        "parties",
        "project.view",
        "organisation name_zh kind role joined_on left_on accession_note surviving_duties",
        lambda project: ProjectParty.objects.filter(project=project).select_related("organisation"),
        _each(
            lambda row: (
                row.organisation.name,
                row.organisation.name_zh,
                row.organisation.kind,
                row.role,
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
        _each(lambda row: (str(row.user), str(row.organisation), row.role, row.starts_at, row.ends_at)),
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
        _each(_agreement),
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
        _each(_request),
    ),
    Table(
        "publication_notices",
        "publication.view",
        "id organisation title title_zh authors kind venue state given_on notice_days notice_ends_on "
        "earliest_on free_on submit_on published_on doi manuscripts objections",
        lambda project: PublicationNotice.objects.filter(project=project).with_all(),
        _each(_notice),
    ),
    Table(
        "outputs",
        "project.view",
        "id kind title title_zh made_on confidential doi link creators shares",
        lambda project: Output.objects.filter(project=project).prefetch_related(
            "creators", "shares__party__organisation"
        ),
        _each(
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
        _each(
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
        _each(
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
)
