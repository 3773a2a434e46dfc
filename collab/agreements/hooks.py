"""What happens when an agreement is in force, or ends. Slices above register here, so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Callable

from collab.accounts.models import User
from collab.agreements.models import AgreementVersion

_EXECUTED: dict[str, Callable[[AgreementVersion, User], None]] = {}
_ENDED: dict[str, Callable[[AgreementVersion, User], None]] = {}
_BESIDE: dict[str, Callable[[AgreementVersion], bool]] = {}


def register_executed(name: str, then: Callable[[AgreementVersion, User], None]) -> None:
    """Run `then(version, by)` in the transaction that seals a version; the same name again replaces it."""
    _EXECUTED[name] = then


def executed(version: AgreementVersion, by: User) -> None:
    """Tell everybody who registered that all parties have signed."""
    for then in _EXECUTED.values():
        then(version, by)


def register_ended(name: str, then: Callable[[AgreementVersion, User], None]) -> None:
    """Run `then(version, by)` in the transaction in which a version is declined, withdrawn or terminated."""
    _ENDED[name] = then


def ended(version: AgreementVersion, by: User) -> None:
    """Tell everybody who registered that nobody signs this version any more, or that it holds no longer."""
    for then in _ENDED.values():
        then(version, by)


def register_beside(name: str, waits: Callable[[AgreementVersion], bool]) -> None:
    """`waits(version)`: whether somebody who is no party has yet to sign it; the same name again replaces it."""
    _BESIDE[name] = waits


def waits_beside(version: AgreementVersion) -> bool:
    """Whether the parties have signed it, but not everybody whose signature it needs as well."""
    return any(waits(version) for waits in _BESIDE.values())
