"""The dates of a cohort in the calendar of obligations of its university; those that have passed leave it."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from collab.inbox.models import Obligation
from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.internships.programmes.models import CheckKind, CheckPoint, Cohort
from collab.internships.programmes.states import CohortState

COHORT_DATES = (
    (ObligationKind.NOTICE, "closes_at", gettext_lazy("{cohort}: applications close")),
    (ObligationKind.OTHER, "ranking_ends_at", gettext_lazy("{cohort}: ranking ends")),
    (ObligationKind.MILESTONE, "starts_on", gettext_lazy("{cohort}: placements begin")),
    (ObligationKind.EXPIRY, "ends_on", gettext_lazy("{cohort}: placements end")),
)
KIND_OF = {
    CheckKind.CHECK_IN: ObligationKind.MILESTONE,
    CheckKind.FEEDBACK: ObligationKind.REPORT,
    CheckKind.EVALUATION: ObligationKind.REVIEW,
}


def enter_cohort(cohort: Cohort) -> None:
    """Enter the dates of a published cohort that lie ahead, and its check-points; take the others out."""
    published = cohort.state == CohortState.PUBLISHED or cohort.state == CohortState.MATCHED
    for kind, name, title in COHORT_DATES:
        moment: Any = getattr(cohort, name)
        day = moment if type(moment) is date else timezone.localdate(moment)
        _enter(cohort, cohort, kind, title, day, shown=published)
    for point in cohort.check_points.all():
        enter_point(point, cohort)


def enter_point(point: CheckPoint, cohort: Cohort) -> None:
    """Enter a check-point of a cohort that goes on."""
    shown = cohort.state not in {CohortState.DRAFT, CohortState.CLOSED}
    title = format_lazy("{{cohort}}: {point}", point=point.name)
    _enter(point, cohort, KIND_OF[CheckKind(point.kind)], title, point.due_on, shown=shown)


def leave_point(point: CheckPoint) -> None:
    settle_obligation(source=point, kind=KIND_OF[CheckKind(point.kind)])


def _enter(source: Any, cohort: Cohort, kind: str, title: Any, day: date, *, shown: bool) -> None:
    if not shown or day < timezone.localdate():
        settle_obligation(source=source, kind=kind)
        return
    set_obligation(
        source=source, kind=kind, title=format_lazy(title, cohort=cohort.name), due_on=day,
        url=cohort.get_absolute_url(), organisation=cohort.programme.organisation,
    )  # fmt: skip


def pass_dates(*more: str) -> int:
    """A date that is over asks nothing of anybody any more, so it leaves the calendar. `more`: other tables."""
    tables = [Cohort._meta.label_lower, CheckPoint._meta.label_lower, *more]
    rows = Obligation.objects.open().filter(source_type__in=tables, due_on__lt=timezone.localdate())
    return rows.update(settled_at=timezone.now())
