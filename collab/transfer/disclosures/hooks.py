"""What the rooms above hold of a case. They register here, so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Callable

from collab.access.policy import Missing
from collab.transfer.disclosures.models import TransferCase

_BONDS: dict[str, Callable[[TransferCase], list[Missing]]] = {}


def register_bond(name: str, bond: Callable[[TransferCase], list[Missing]]) -> None:
    """Say what rests on the decision of a case, so that it is not decided anew; the same name again replaces it."""
    _BONDS[name] = bond


def bonds_of(case: TransferCase) -> list[Missing]:
    """What must end before the case is decided anew."""
    return [missing for bond in _BONDS.values() for missing in bond(case)]
