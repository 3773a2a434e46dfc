"""What other rooms tell about projects in lists. They register here, so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from collab.accounts.models import User


@dataclass(frozen=True)
class Fact:
    """One short line about a project, such as “2 jobs running”."""

    text: str
    icon: str
    url: str


# One query for all projects of a list: project -> what to say.
Teller = Callable[[User, Iterable[UUID]], dict[UUID, Fact]]
_TELLERS: dict[str, Teller] = {}


def register_facts(name: str, teller: Teller) -> None:
    """Add a line to project lists. Registering the same name again replaces it."""
    _TELLERS[name] = teller


def facts_of(user: User, projects: Iterable[UUID]) -> dict[UUID, list[Fact]]:
    """What the other rooms have to say: one query for each of them."""
    keys = list(projects)
    told: dict[UUID, list[Fact]] = {key: [] for key in keys}
    for teller in _TELLERS.values() if keys else ():
        for key, fact in teller(user, keys).items():
            told[key].append(fact)
    return told
