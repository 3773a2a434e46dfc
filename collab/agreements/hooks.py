"""What happens when an agreement is in force, and when it was ended. Slices above register here, so that nothing
imports upward.
"""

from __future__ import annotations

from collections.abc import Callable

from collab.accounts.models import User
from collab.agreements.models import AgreementVersion

_EXECUTED: dict[str, Callable[[AgreementVersion, User], None]] = {}
_ENDED: dict[str, Callable[[AgreementVersion, User], None]] = {}


def register_executed(name: str, then: Callable[[AgreementVersion, User], None]) -> None:
    """Run `then(version, by)` in the transaction that seals a version; the same name again replaces it."""
    _EXECUTED[name] = then


def executed(version: AgreementVersion, by: User) -> None:
    """Tell everybody who registered that all parties have signed."""
    for then in _EXECUTED.values():
        then(version, by)


def register_ended(name: str, then: Callable[[AgreementVersion, User], None]) -> None:
    """Run `then(version, by)` in the transaction that terminates a version; the same name again replaces it."""
    _ENDED[name] = then


def ended(version: AgreementVersion, by: User) -> None:
    """Tell everybody who registered that the version was terminated."""
    for then in _ENDED.values():
        then(version, by)
