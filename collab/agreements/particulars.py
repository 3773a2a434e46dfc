"""Structured terms that a room above adds to some agreements: part of each version, so they are signed with it.

A licence keeps its assets, field, territory and money here. The room registers itself, so that nothing imports upward.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from collab.accounts.models import Organisation, User

if TYPE_CHECKING:
    from collab.agreements.models import Agreement, AgreementVersion


class Particulars(Protocol):
    """What a room says about the agreements to which it adds terms."""

    def about(self, agreement: Agreement) -> bool:
        """Whether the terms of this agreement are the room's."""

    def outsiders(self, agreement: Agreement) -> set[UUID]:
        """Organisations that may be parties though they are no parties of the project."""

    def checked(
        self,
        agreement: Agreement,
        terms: Any,
        *,
        parties: Sequence[Organisation],
        starts_on: date,
        ends_on: date | None,
        by: User,
    ) -> dict[str, Any]:
        """The terms as they are kept, plain JSON; raises InvalidError or FaultyInputError naming the term at fault."""

    def written(self, version: AgreementVersion) -> None:
        """The version was saved with its terms."""

    def ready(self, version: AgreementVersion, by: User) -> None:
        """Raises what stands in the way of submitting or sending the version."""

    def said(self, terms: dict[str, Any]) -> list[tuple[str, str]]:
        """The terms in words, in the language that is active."""


_ROOMS: dict[str, Particulars] = {}


def register_particulars(name: str, room: Particulars) -> None:
    """Add a room's terms. Registering the same name again replaces it."""
    _ROOMS[name] = room


def particulars_of(agreement: Agreement) -> Particulars | None:
    """The room whose terms the agreement has, if any."""
    return next((room for room in _ROOMS.values() if room.about(agreement)), None)
