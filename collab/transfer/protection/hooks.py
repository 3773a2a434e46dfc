"""What the rooms above say of costs of protection. They register here, so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Callable

from collab.transfer.protection.models import ProtectionCost

_ASKED: dict[str, Callable[[ProtectionCost], list[str]]] = {}


def register_asked(name: str, asked: Callable[[ProtectionCost], list[str]]) -> None:
    """Say which papers ask somebody to repay a cost; the same name again replaces it."""
    _ASKED[name] = asked


def asked_by(cost: ProtectionCost) -> list[str]:
    """The papers, by their numbers, that ask somebody to repay this cost."""
    return [paper for asked in _ASKED.values() for paper in asked(cost)]
