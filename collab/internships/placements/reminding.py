"""Reminding those who are late; it asks, and decides nothing."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import Organisation, User
from collab.internships.placements.models import Placement
from collab.internships.placements.services import locked_placement, note_act, people_of
from collab.internships.placements.states import OPEN
from collab.internships.reading import Late, board_rows, tell_late
from collab.internships.telling import tell, who_run
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


def _people(whom: User | Organisation) -> list[User]:
    return [whom] if isinstance(whom, User) else who_run(whom, "placement.approve")
