"""States of an agreement version. Expiry is a date, read on every request, not a state that a job must set."""

from enum import StrEnum

from collab.kernel.tables import Moves


class VersionState(StrEnum):
    DRAFT = "draft"
    OUT_FOR_SIGNATURE = "out_for_signature"
    EXECUTED = "executed"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    TERMINATED = "terminated"


VERSION_MOVES = Moves(
    {
        "edit": ({VersionState.DRAFT}, VersionState.DRAFT),
        "send": ({VersionState.DRAFT}, VersionState.OUT_FOR_SIGNATURE),
        "sign": ({VersionState.OUT_FOR_SIGNATURE}, VersionState.OUT_FOR_SIGNATURE),
        "seal": ({VersionState.OUT_FOR_SIGNATURE}, VersionState.EXECUTED),
        "withdraw": ({VersionState.DRAFT, VersionState.OUT_FOR_SIGNATURE}, VersionState.WITHDRAWN),
        "supersede": ({VersionState.EXECUTED}, VersionState.SUPERSEDED),
        "terminate": ({VersionState.EXECUTED}, VersionState.TERMINATED),
    }
)
