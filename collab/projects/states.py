"""States of a joint project and the moves between them."""

from enum import StrEnum

from collab.kernel.tables import Moves


class ProjectState(StrEnum):
    PROPOSAL = "proposal"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


PROJECT_MOVES = Moves(
    {
        "begin": ({ProjectState.PROPOSAL}, ProjectState.ACTIVE),
        "suspend": ({ProjectState.ACTIVE}, ProjectState.SUSPENDED),
        "resume": ({ProjectState.SUSPENDED}, ProjectState.ACTIVE),
        "close": ({ProjectState.ACTIVE, ProjectState.SUSPENDED, ProjectState.PROPOSAL}, ProjectState.CLOSED),
    }
)
