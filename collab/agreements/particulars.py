"""Structured terms that a room above adds to some agreements: part of each version, so they are signed with it.

A licence keeps its assets, field, territory and money here. The room registers itself, so that nothing imports upward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from django.utils.functional import Promise

from collab.accounts.models import Organisation, User
from collab.agreements.models import AgreementKind

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
_RESERVED: dict[str, str] = {}  # kind of agreement -> the name of the page on which the room begins one


def register_particulars(name: str, room: Particulars, *, kinds: Mapping[str, str] | None = None) -> None:
    """Add a room's terms. Registering the same name again replaces it.

    `kinds`: those that only the room begins, since without its terms they say nothing, each with the name of its page.
    """
    _ROOMS[name] = room
    _RESERVED.update(kinds or {})


def reserved_kinds() -> Mapping[str, str]:
    """Kinds of agreement that are begun in a room of their own, with the name of its page."""
    return _RESERVED


def open_kinds() -> list[tuple[str, str | Promise]]:
    """The kinds that are begun as plain agreements, as choices."""
    return [(value, label) for value, label in AgreementKind.choices if value not in _RESERVED]


def particulars_of(agreement: Agreement) -> Particulars | None:
    """The room whose terms the agreement has, if any."""
    return next((room for room in _ROOMS.values() if room.about(agreement)), None)
