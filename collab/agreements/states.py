"""States of an agreement version. Expiry, renewal and replacement are dates that every request reads."""

from enum import StrEnum

from collab.kernel.tables import Moves


class VersionState(StrEnum):
    DRAFT = "draft"
    INTERNAL_REVIEW = "internal_review"
    NEGOTIATION = "negotiation"
    AGREED = "agreed"
    OUT_FOR_SIGNATURE = "out_for_signature"
    EXECUTED = "executed"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    TERMINATED = "terminated"


UNDER_WAY = frozenset(
    {
        VersionState.DRAFT,
        VersionState.INTERNAL_REVIEW,
        VersionState.NEGOTIATION,
        VersionState.AGREED,
        VersionState.OUT_FOR_SIGNATURE,
    }
)
OPEN_TO_EDITS = UNDER_WAY - {VersionState.OUT_FOR_SIGNATURE}
STANDING = frozenset({VersionState.EXECUTED, VersionState.SUSPENDED})  # signed by all and not ended

VERSION_MOVES = Moves(
    {
        # An edit of what others already read or approved goes back to the negotiation, and voids the approvals.
        "edit": ({VersionState.DRAFT}, VersionState.DRAFT),
        "rework": (OPEN_TO_EDITS - {VersionState.DRAFT}, VersionState.NEGOTIATION),
        "submit": ({VersionState.DRAFT, VersionState.NEGOTIATION}, VersionState.INTERNAL_REVIEW),
        "return_to_draft": ({VersionState.INTERNAL_REVIEW}, VersionState.DRAFT),
        "return_to_negotiation": ({VersionState.INTERNAL_REVIEW}, VersionState.NEGOTIATION),
        "negotiate": (
            {VersionState.DRAFT, VersionState.INTERNAL_REVIEW, VersionState.AGREED},
            VersionState.NEGOTIATION,
        ),
        "agree": ({VersionState.INTERNAL_REVIEW}, VersionState.AGREED),
        "send": ({VersionState.DRAFT, VersionState.NEGOTIATION, VersionState.AGREED}, VersionState.OUT_FOR_SIGNATURE),
        "sign": ({VersionState.OUT_FOR_SIGNATURE}, VersionState.OUT_FOR_SIGNATURE),
        "seal": ({VersionState.OUT_FOR_SIGNATURE}, VersionState.EXECUTED),
        "decline": ({VersionState.OUT_FOR_SIGNATURE}, VersionState.WITHDRAWN),
        "counter": ({VersionState.NEGOTIATION}, VersionState.WITHDRAWN),
        "withdraw": (set(UNDER_WAY), VersionState.WITHDRAWN),
        "suspend": ({VersionState.EXECUTED}, VersionState.SUSPENDED),
        "resume": ({VersionState.SUSPENDED}, VersionState.EXECUTED),
        "supersede": (set(STANDING), VersionState.SUPERSEDED),
        # What took its place was turned down by somebody whose signature it needed as well.
        "reinstate": ({VersionState.SUPERSEDED}, VersionState.EXECUTED),
        "reinstate_suspended": ({VersionState.SUPERSEDED}, VersionState.SUSPENDED),
        "terminate": (set(STANDING), VersionState.TERMINATED),
    }
)
