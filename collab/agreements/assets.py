"""What agreements can cover. The room that keeps the assets registers here, so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from collab.accounts.models import User


@dataclass(frozen=True)
class Asset:
    """Something of a project that coverage may name; `url` is empty for those who may know only the name."""

    pk: UUID
    name: str
    url: str


class Assets(Protocol):
    """Where assets are found, in a constant number of queries."""

    def of_project(self, user: User, project_id: UUID) -> list[Asset]:
        """Those of the project whose names the person may know."""

    def named(self, user: User, keys: Iterable[UUID]) -> dict[UUID, Asset]:
        """Those of the keys whose names the person may know."""


_SOURCE: list[Assets] = []


def register_assets(source: Assets) -> None:
    """Say where assets are found; the last one registered counts."""
    _SOURCE[:] = [source]


def assets_of(user: User, project_id: UUID) -> list[Asset]:
    """The assets of a project that the person may see."""
    return _SOURCE[0].of_project(user, project_id) if _SOURCE else []


def assets_named(user: User, keys: Iterable[UUID | None]) -> dict[UUID, Asset]:
    """The assets behind these keys, as far as the person may see them."""
    wanted = {key for key in keys if key is not None}
    return _SOURCE[0].named(user, wanted) if _SOURCE and wanted else {}
