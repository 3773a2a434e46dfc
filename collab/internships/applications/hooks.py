"""What happens when a student accepts an offer. Placements register here, so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Callable

from collab.accounts.models import User
from collab.internships.applications.models import Application

_ACCEPTED: list[Callable[[Application, User], object]] = []


def register_accepted(then: Callable[[Application, User], object]) -> None:
    """Run `then(application, by)` in the transaction of the acceptance."""
    if then not in _ACCEPTED:
        _ACCEPTED.append(then)


def accepted(application: Application, by: User) -> None:
    for then in _ACCEPTED:
        then(application, by)
