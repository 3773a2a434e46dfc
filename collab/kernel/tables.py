"""State machines as tables of moves: plain data that one can read on a screen."""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import StrEnum
from typing import Generic, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from collab.kernel.errors import ConflictError

S = TypeVar("S", bound=StrEnum)


class Moves(Generic[S]):
    """Which move is legal in which state, and where it leads.

    `Moves({"send": ({State.DRAFT}, State.OUT)})` reads: `send` leads from draft to out.
    """

    def __init__(self, table: Mapping[str, tuple[Set[S], S]]) -> None:
        self.table = dict(table)

    def sources(self, move: str) -> Set[S]:
        return self.table[move][0]

    def target(self, move: str) -> S:
        return self.table[move][1]

    def allows(self, move: str, state: str) -> bool:
        return state in self.sources(move)

    def open_from(self, state: str) -> list[str]:
        """Names of the moves that are possible now."""
        return [move for move in self.table if self.allows(move, state)]

    def require(self, move: str, state: str, *, what: str) -> S:
        """The state that `move` leads to; raises ConflictError when it is not possible from `state`."""
        if not self.allows(move, state):
            word = pgettext("state", state.replace("_", " ").capitalize())  # as the badges say it
            raise ConflictError(
                _("%(what)s is “%(state)s” now, so that is not possible.") % {"what": what, "state": word}
            )
        return self.target(move)
