"""What the rooms above hold of a case, and what they hear of it. They register here, so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Callable

from collab.access.policy import Missing
from collab.transfer.disclosures.models import TransferCase

_BONDS: dict[str, Callable[[TransferCase], list[Missing]]] = {}
_TURNED: dict[str, Callable[[TransferCase], object]] = {}


def register_bond(name: str, bond: Callable[[TransferCase], list[Missing]]) -> None:
    """Say what rests on the decision of a case, so that it is not decided anew; the same name again replaces it."""
    _BONDS[name] = bond


def bonds_of(case: TransferCase) -> list[Missing]:
    """What must end before the case is decided anew."""
    return [missing for bond in _BONDS.values() for missing in bond(case)]


def register_turned(name: str, then: Callable[[TransferCase], object]) -> None:
    """Run `then(case)` in the transaction in which a case ends, or goes on; the same name again replaces it."""
    _TURNED[name] = then


def turned(case: TransferCase) -> None:
    """Tell everybody who registered that the case has ended, or goes on although it had."""
    for then in _TURNED.values():
        then(case)
