"""What the rooms above say of the terms of a licence. They register here, so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from collab.access.policy import Missing
from collab.accounts.models import User
from collab.projects.models import Project
from collab.transfer.licences.models import Licence

_HOLDS: dict[str, Callable[[User, Project], list[Missing]]] = {}
_KEPT: dict[str, Callable[[Licence], set[str]]] = {}


def register_kept(name: str, kept: Callable[[Licence], set[str]]) -> None:
    """Say which milestone payments stay in the terms, by their titles; the same name again replaces it."""
    _KEPT[name] = kept


def kept_milestones(licence: Licence) -> set[str]:
    """Titles of the milestone payments that cannot be taken out of the terms any more."""
    return {title for kept in _KEPT.values() for title in kept(licence)}


def register_hold(name: str, hold: Callable[[User, Project], list[Missing]]) -> None:
    """Say what keeps anything that came out of a project from being licensed; the same name again replaces it."""
    _HOLDS[name] = hold


def holds_on(user: User, projects: Iterable[Project]) -> list[Missing]:
    """What is missing before something of these projects may be licensed, each once."""
    found = [one for project in projects for hold in _HOLDS.values() for one in hold(user, project)]
    return list({(one.code, str(one.sentence)): one for one in found}.values())
