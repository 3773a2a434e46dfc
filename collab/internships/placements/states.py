"""States of a placement. Whether it runs today, and with it the access to the project, is a matter of its dates."""

from enum import StrEnum

from collab.kernel.tables import Moves


class PlacementState(StrEnum):
    PROPOSED = "proposed"
    HOST_APPROVED = "host_approved"
    APPROVED = "approved"
    OUT_FOR_SIGNATURE = "out_for_signature"
    SIGNED = "signed"
    ONBOARDED = "onboarded"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    FAILED = "failed"


_P = PlacementState
BEFORE_SIGNATURE = frozenset({_P.PROPOSED, _P.HOST_APPROVED, _P.APPROVED, _P.OUT_FOR_SIGNATURE})
UNDER_WAY = frozenset({_P.ONBOARDED, _P.SUSPENDED})
OPEN = BEFORE_SIGNATURE | UNDER_WAY | {_P.SIGNED}
OVER = frozenset(_P) - OPEN

PLACEMENT_MOVES = Moves(
    {
        "approve_host": ({_P.PROPOSED}, _P.HOST_APPROVED),
        "approve_university": ({_P.HOST_APPROVED}, _P.APPROVED),
        "return": ({_P.HOST_APPROVED, _P.APPROVED}, _P.PROPOSED),
        "send": ({_P.APPROVED}, _P.OUT_FOR_SIGNATURE),
        "unsend": ({_P.OUT_FOR_SIGNATURE}, _P.APPROVED),
        "sign": ({_P.OUT_FOR_SIGNATURE}, _P.SIGNED),
        "onboard": ({_P.SIGNED}, _P.ONBOARDED),
        "change": ({_P.ONBOARDED}, _P.ONBOARDED),
        "suspend": ({_P.ONBOARDED}, _P.SUSPENDED),
        "resume": ({_P.SUSPENDED}, _P.ONBOARDED),
        "complete": ({_P.ONBOARDED}, _P.COMPLETED),
        "fail": ({_P.ONBOARDED}, _P.FAILED),
        "cancel": (BEFORE_SIGNATURE | {_P.SIGNED}, _P.CANCELLED),
        "terminate": (set(UNDER_WAY), _P.TERMINATED),
    }
)

# The step that everybody waits for, by the state before it.
NEXT_MOVE = {
    _P.PROPOSED: "approve_host",
    _P.HOST_APPROVED: "approve_university",
    _P.APPROVED: "send",
    _P.SIGNED: "onboard",
    _P.ONBOARDED: "complete",
}


class LogState(StrEnum):
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    RETURNED = "returned"


LOG_MOVES = Moves(
    {
        "confirm": ({LogState.SUBMITTED}, LogState.CONFIRMED),
        "return": ({LogState.SUBMITTED}, LogState.RETURNED),
        "rewrite": ({LogState.SUBMITTED, LogState.RETURNED}, LogState.SUBMITTED),
    }
)
