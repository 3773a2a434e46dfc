"""What the rooms above say of the terms of a licence. They register here, so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Callable

from collab.transfer.licences.models import Licence

_KEPT: dict[str, Callable[[Licence], set[str]]] = {}


def register_kept(name: str, kept: Callable[[Licence], set[str]]) -> None:
    """Say which milestone payments stay in the terms, by their titles; the same name again replaces it."""
    _KEPT[name] = kept


def kept_milestones(licence: Licence) -> set[str]:
    """Titles of the milestone payments that cannot be taken out of the terms any more."""
    return {title for kept in _KEPT.values() for title in kept(licence)}
