"""What can be licensed, whose it is, and what its own terms forbid. The rooms that keep assets register here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from collab.access.policy import Missing
from collab.accounts.models import Organisation

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Licensable:
    """Something that a licence may be about. `owners` grant it together when `jointly`, else any of them may.

    `because` says why it is theirs; `parts` what per cent of it is whose, where that is known.
    """

    kind: str  # one of AssetKind
    subject_type: str
    subject_id: str
    label: str
    owners: frozenset[UUID] = frozenset()
    jointly: bool = False
    because: StrOrPromise = ""
    url: str = ""
    project_id: UUID | None = None
    parts: tuple[tuple[UUID, Decimal], ...] = ()

    @property
    def key(self) -> str:
        return f"{self.subject_type}:{self.subject_id}"


@dataclass(frozen=True)
class Wish:
    """What a licence would grant, as far as the terms of an asset care."""

    licensee: Organisation
    commercial: bool
    territories: tuple[str, ...] = ()  # codes; countries, unions of them, or the world
    countries: frozenset[str] = field(default_factory=frozenset)  # all countries inside
    ends_on: date | None = None


@dataclass(frozen=True)
class Finding:
    """What an asset's own terms say to a wish: `forbids`, or a person has to look at it."""

    missing: Missing
    forbids: bool = True


class Licensables(Protocol):
    """Where one kind of asset is found, in a constant number of queries."""

    def of_project(self, project_id: UUID) -> list[Licensable]:
        """Those that came out of a project or were brought into it."""

    def named(self, keys: Sequence[str]) -> list[Licensable]:
        """Those of the ids that exist."""

    def findings(self, key: str, wish: Wish) -> list[Finding]:
        """What the asset's own terms say to the wish."""


_SOURCES: dict[str, Licensables] = {}


def register_licensable(subject_type: str, source: Licensables) -> None:
    """Say where assets of a table are found. Registering the same table again replaces it."""
    _SOURCES[subject_type] = source


def licensables_of(project_id: UUID) -> list[Licensable]:
    """All of a project that can be licensed."""
    return [one for source in _SOURCES.values() for one in source.of_project(project_id)]


def licensables_named(keys: Iterable[tuple[str, str]]) -> dict[str, Licensable]:
    """(subject_type, subject_id) -> by key; what does not exist is missing."""
    wanted: dict[str, list[str]] = {}
    for subject_type, subject_id in keys:
        wanted.setdefault(subject_type, []).append(subject_id)
    return {
        one.key: one
        for subject_type, ids in wanted.items()
        if subject_type in _SOURCES
        for one in _SOURCES[subject_type].named(ids)
    }


def findings_on(asset: Licensable, wish: Wish) -> list[Finding]:
    """What its own terms say to the wish."""
    return _SOURCES[asset.subject_type].findings(asset.subject_id, wish)
