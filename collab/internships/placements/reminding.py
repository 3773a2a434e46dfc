"""Reminding those who are late; it asks, and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.inbox.services import notify_each
from collab.internships.placements.models import Placement
from collab.internships.placements.services import locked_placement, note_act, people_of
from collab.internships.placements.states import OPEN
from collab.internships.programmes.models import Cohort
from collab.internships.reading import Late, board_rows, late_q, tell_late
from collab.internships.telling import tell, who_run, who_run_each
from collab.kernel.errors import ConflictError


@transaction.atomic
def remind(*, placement: Placement, by: User) -> list[str]:
    """Tell those for whom it waits that something is late; where nothing is, everybody in it. Returns what is late."""
    require(by, "programme.manage", placement)
    locked = locked_placement(placement)
    if locked.state not in OPEN:
        raise ConflictError(_("The placement is over; what it says stays as it is."))
    today = timezone.localdate()
    rows = list(board_rows(locked.cohort, list(locked.cohort.check_points.all()), today).filter(pk=locked.pk))
    tell_late(rows, today)
    late: list[Late] = rows[0].late  # type: ignore[attr-defined]
    people = {person.pk: person for one in late for whom in one.whom for person in _people(whom)} if late else {}
    told = list(people.values()) if late else people_of(locked)
    tell(locked, gettext_lazy("Something is due in the placement: {row}"), told, but=by)
    note_act("remind", locked, by, n=len(late))
    return [one.what for one in late]


@transaction.atomic
def remind_all(*, cohort: Cohort, by: User) -> int:
    """Tell everybody for whom something of the cohort waits, each once and on one line. Returns how many."""
    require(by, "programme.manage", cohort)
    today = timezone.localdate()
    rows = list(board_rows(cohort, list(cohort.check_points.all()), today).filter(late_q(today)))
    tell_late(rows, today)
    if not rows:
        raise ConflictError(_("Nothing is late here."))
    houses = {whom.pk for row in rows for one in row.late for whom in one.whom if isinstance(whom, Organisation)}
    offices = who_run_each(houses, "placement.approve")
    waits: dict[Any, tuple[User, dict[Any, Any]]] = {}
    for row in rows:
        for one in row.late:
            for whom in one.whom:
                for person in offices.get(whom.pk, []) if isinstance(whom, Organisation) else [whom]:
                    waits.setdefault(person.pk, (person, {}))[1][row.pk] = row
    told = [(person, list(placements.values())) for key, (person, placements) in waits.items() if key != by.pk]
    notify_each(kind="internship", news=[(person, *_due(placements)) for person, placements in told])
    record(
        verb="cohort.remind_all", subject=cohort, by=by, organisation_id=cohort.programme.organisation_id,
        data={"name": str(cohort), "n": len(rows), "people": len(told)},
    )  # fmt: skip
    return len(told)


def _due(rows: Sequence[Any]) -> tuple[Any, str]:
    """What a person is told, and where they begin: the placement, or the list of those they see."""
    if len(rows) == 1:
        one = format_lazy(gettext_lazy("Something is due in the placement: {row}"), row=rows[0])
        return one, rows[0].get_absolute_url()
    title = format_lazy(
        gettext_lazy("Something is due in {n} placements, the first is {row}"), n=len(rows), row=rows[0]
    )
    return title, reverse("collab:placements")


def _people(whom: User | Organisation) -> list[User]:
    return [whom] if isinstance(whom, User) else who_run(whom, "placement.approve")
