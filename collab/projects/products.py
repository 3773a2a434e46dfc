"""What may become an output of a project: the rooms that keep models and data register here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from collab.accounts.models import User


@dataclass(frozen=True)
class Product:
    """A row of another room; `kind` is one of OutputKind."""

    kind: str
    pk: UUID
    name: str
    url: str


class Products(Protocol):
    """Where products are found, in a constant number of queries."""

    def of_project(self, user: User, project_id: UUID) -> list[Product]:
        """Those of the project that the person may see."""


_SOURCES: dict[str, Products] = {}


def register_products(name: str, source: Products) -> None:
    """Say where products are found. Registering the same name again replaces it."""
    _SOURCES[name] = source


def products_of(user: User, project_id: UUID) -> list[Product]:
    """All that the person may record as an output of the project."""
    return [product for source in _SOURCES.values() for product in source.of_project(user, project_id)]
