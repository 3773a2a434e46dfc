"""The certificate of a placement that was completed: proposed for one or for a whole cohort, issued on approval."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import User
from collab.courses.certificates.models import Certificate, CertificateBatch, CertificateKind, CertificateQuerySet
from collab.courses.certificates.services import BATCH_MAX, Achievement, Proposal, propose_certificates
from collab.courses.certificates.states import LIVE, SIGNED
from collab.internships.placements.models import Evaluation, LogEntry, Placement
from collab.internships.placements.states import LogState, PlacementState
from collab.internships.programmes.models import Cohort
from collab.kernel.errors import ConflictError
from collab.kernel.paper import both, each

TITLE_MAX = 160
_TYPE = Placement._meta.label_lower


@transaction.atomic
def attest_placement(*, placement: Placement, by: User) -> CertificateBatch:
    """Propose the certificate of a completed placement; it is issued when somebody else approves it.

    Raises ConflictError before the placement is completed, and when it has a certificate.
    """
    require(by, "placement.manage", placement)
    [locked] = _locked(Placement.objects.filter(pk=placement.pk))
    if locked.state != PlacementState.COMPLETED:
        raise ConflictError(_("A placement is attested once it is completed."))
    return _propose([locked], by)


@transaction.atomic
def attest_cohort(*, cohort: Cohort, by: User) -> CertificateBatch:
    """Propose in one batch a certificate for all of the programme's university who completed and have none."""
    require(by, "programme.manage", cohort)
    rows = to_attest(cohort).filter(university=cohort.programme.organisation_id)[:BATCH_MAX]
    found = _locked(Placement.objects.filter(pk__in=[row.pk for row in rows]))
    if not found:
        raise ConflictError(_("Nobody waits for a certificate here."))
    return _propose(found, by)


def to_attest(cohort: Cohort) -> QuerySet[Placement]:
    """Placements that were completed and have no certificate, nor one that waits for its approval."""
    done = Placement.objects.filter(cohort=cohort, state=PlacementState.COMPLETED)
    have = Certificate.objects.filter(source_type=_TYPE, state__in=sorted(LIVE), person__in=done.values("student"))
    return done.exclude(pk__in=list(have.values_list("source_id", flat=True))).order_by("pk")


def certificate_of(placement: Placement) -> CertificateQuerySet:
    """Certificates about the placement, the newest first; also those that were rejected or revoked."""
    rows = Certificate.objects.filter(source_type=_TYPE, source_id=str(placement.pk))
    return rows.order_by("-created_at")


def certificates_seen(user: User, placements: Sequence[Placement]) -> dict[str, Certificate]:
    """The certificate of each placement that has one which the person may see, by the placement: one query."""
    rows = Certificate.objects.filter(source_type=_TYPE, source_id__in=[str(one.pk) for one in placements])
    issued = rows.filter(state__in=sorted(SIGNED)).visible_to(user).order_by("created_at")
    return {one.source_id: one for one in issued}  # the newest last


def _locked(rows: QuerySet[Placement]) -> list[Placement]:
    return list(rows.select_for_update(of=("self",)).with_names().order_by("pk"))  # type: ignore[attr-defined]


def _propose(placements: Sequence[Placement], by: User) -> CertificateBatch:
    first = placements[0]
    if len(placements) == 1:
        title, title_zh = _two(gettext_lazy("Internship of {name}"), name=first.student)
    else:
        title, title_zh = _two(gettext_lazy("Internships of {name}"), name=first.cohort.name)
    hours = _hours(placements)
    published = Evaluation.objects.published().filter(placement__in=placements)
    evaluated = set(published.values_list("placement", flat=True))
    return propose_certificates(
        organisation=first.university,
        title=title[:TITLE_MAX],
        title_zh=title_zh[:TITLE_MAX],
        proposals=[
            Proposal(
                row.student,
                _achievement(row, row.pk in evaluated),
                _evidence(row, hours.get(row.pk, Decimal(0))),
                source=row,
            )
            for row in placements
        ],
        by=by,
    )


_CRITERIA = {
    True: gettext_lazy(
        "The placement was completed: the log book is confirmed by the mentor, and both sides have evaluated "
        "each other. Learning outcomes: {outcomes}"
    ),
    False: gettext_lazy(
        "The placement was completed: the log book is confirmed by the mentor. Learning outcomes: {outcomes}"
    ),
}


def _achievement(placement: Placement, evaluated: bool) -> Achievement:
    """What anybody may read who checks the certificate: host, work and dates, neither scores nor pay."""
    what = {
        "title": _two(gettext_lazy("Internship at {host}: {posting}"), host=placement.host, posting=placement.posting),
        "description": _two(
            gettext_lazy("Worked at {host} from {begin} to {end}, {hours} hours a week, in {programme}. {tasks}"),
            host=placement.host, begin=_Day(placement.starts_on), end=_Day(placement.ends_on), hours=placement.hours,
            programme=placement.cohort.programme, tasks=placement.tasks.strip(),
        ),
        "criteria": _two(_CRITERIA[evaluated], outcomes=placement.outcomes.strip()),
    }  # fmt: skip
    told: dict[str, Any] = {}
    for name, (english, chinese) in what.items():
        most = TITLE_MAX if name == "title" else 2000
        told |= {name: english[:most].strip(), f"{name}_zh": chinese[:most].strip()}
    return Achievement(kind=CertificateKind.PLACEMENT, **told)


def _evidence(placement: Placement, hours: Decimal) -> list[dict[str, str]]:
    """What the certificate rests on, so that whoever signed it can be asked for it."""
    found = []
    if hours:
        told = format_lazy(gettext_lazy("{hours} hours, confirmed by the mentor"), hours=f"{hours.normalize():f}")
        found.append({"name": both(gettext_lazy("Log book")), "narrative": both(told)})
    if placement.agreement is not None:
        found.append({"name": both(gettext_lazy("Learning agreement")), "narrative": placement.agreement.reference})
    return found


def _hours(placements: Sequence[Placement]) -> dict[Any, Decimal]:
    """Confirmed hours by placement: one query, however many there are."""
    rows = LogEntry.objects.filter(placement__in=placements, state=LogState.CONFIRMED).order_by()
    return dict(rows.values_list("placement").annotate(n=Sum("hours")))


class _Day:
    """A day that is told in the language of the moment."""

    def __init__(self, day: Any) -> None:
        self.day = day

    def __str__(self) -> str:
        return date_format(self.day)

    def __format__(self, spec: str) -> str:
        return str(self)


def _two(text: Any, **facts: Any) -> tuple[str, str]:
    english, chinese = each(format_lazy(text, **facts))
    return english, chinese
