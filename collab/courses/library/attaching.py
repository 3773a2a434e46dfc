"""What resources can be attached to. Rooms above register their tables (postings), so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Model

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Attachable:
    """A table to whose rows resources may be attached by whoever holds `word` on the row.

    `project` gives the project whose people alone see the attachment; without one everybody may see it.
    """

    model: type[Model]
    word: str
    label: StrOrPromise
    project: Callable[[Any], Any] | None = None


ATTACHABLE: dict[str, Attachable] = {}


def register_attachable(kind: Attachable) -> None:
    """Registering the same table again replaces it."""
    ATTACHABLE[kind.model._meta.label_lower] = kind
