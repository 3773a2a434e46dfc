"""States of an invitation and of a membership review."""

from enum import StrEnum

from collab.kernel.tables import Moves


class InvitationState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"  # follows from the date; written down only when another invitation takes its place
    REVOKED = "revoked"


INVITATION_MOVES = Moves(
    {
        "accept": ({InvitationState.PENDING}, InvitationState.ACCEPTED),
        "decline": ({InvitationState.PENDING}, InvitationState.DECLINED),
        "resend": ({InvitationState.PENDING, InvitationState.EXPIRED}, InvitationState.PENDING),
        "expire": ({InvitationState.EXPIRED}, InvitationState.EXPIRED),
        "revoke": ({InvitationState.PENDING, InvitationState.EXPIRED}, InvitationState.REVOKED),
    }
)


class ReviewDecision(StrEnum):
    CONFIRM = "confirm"
    END = "end"
