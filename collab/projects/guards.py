"""What must be there before a project moves, and what follows when it does.

Other rooms register here, so that nothing imports upward: agreements say whether one is signed, training ends jobs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import Missing
from collab.accounts.models import User
from collab.projects.models import Project, ProjectParty
from collab.projects.states import PROJECT_MOVES

Guard = Callable[[Project], Iterable[Missing]]
Effect = Callable[[Project, User], dict[str, Any]]
Gone = Callable[[ProjectParty, User], None]
_GUARDS: dict[str, dict[str, Guard]] = defaultdict(dict)
_EFFECTS: dict[str, dict[str, Effect]] = defaultdict(dict)
_GONE: dict[str, Gone] = {}


def register_guard(move: str, name: str, guard: Guard) -> None:
    """Let a move wait for something. Registering the same name again replaces it."""
    _known(move)
    _GUARDS[move][name] = guard


def register_effect(move: str, name: str, effect: Effect) -> None:
    """Do something in the transaction of a move; what it returns goes into the act of the move."""
    _known(move)
    _EFFECTS[move][name] = effect


def register_gone(name: str, then: Gone) -> None:
    """Run `then(party, by)` in the transaction in which a party leaves; the same name again replaces it."""
    _GONE[name] = then


def gone(party: ProjectParty, by: User) -> None:
    """Tell everybody who registered that a party has left."""
    for then in _GONE.values():
        then(party, by)


def missing_for(move: str, project: Project) -> list[Missing]:
    """What is not there yet, each with the place to mend it."""
    return [missing for guard in _GUARDS[move].values() for missing in guard(project)]


def effects_of(move: str, project: Project, by: User) -> dict[str, Any]:
    """Run what follows from a move."""
    told: dict[str, Any] = {}
    for effect in _EFFECTS[move].values():
        told |= effect(project, by)
    return told


def _known(move: str) -> None:
    if move not in PROJECT_MOVES.table:
        raise KeyError(f"{move!r} is no move of a project; collab/projects/states.py lists them")


def _count_round(project: Project, by: User) -> dict[str, Any]:
    Project.objects.filter(pk=project.pk).update(round=project.round + 1)
    project.round += 1
    return {"round": project.round}


def _is_described(project: Project) -> list[Missing]:
    edit = reverse("collab:project_edit", args=[project.slug])
    parties = reverse("collab:project_parties", args=[project.slug])
    missing = []
    if not project.summary.strip():
        missing.append(Missing("no_summary", _("The proposal has no summary for its reviewers."), edit))
    if ProjectParty.objects.filter(project=project, left_on=None).count() < 2:
        missing.append(Missing("one_party", _("A joint project needs a second party."), parties))
    return missing


register_guard("submit", "described", _is_described)
register_effect("submit", "round", _count_round)
