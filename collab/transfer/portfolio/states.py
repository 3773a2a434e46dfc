"""Where a start-up stands, the moves between, and why a share in it changed."""

from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from collab.kernel.tables import Moves


class StartUpState(StrEnum):
    FOUNDED = "founded"
    ACTIVE = "active"
    ACQUIRED = "acquired"
    CLOSED = "closed"


STARTUP_MOVES: Moves[StartUpState] = Moves(
    {
        "start": ({StartUpState.FOUNDED}, StartUpState.ACTIVE),
        "acquire": ({StartUpState.FOUNDED, StartUpState.ACTIVE}, StartUpState.ACQUIRED),
        "close": ({StartUpState.FOUNDED, StartUpState.ACTIVE, StartUpState.ACQUIRED}, StartUpState.CLOSED),
    }
)
MOVE_WORDS = {"start": _("It does business"), "acquire": _("It was acquired"), "close": _("It was closed")}
# The day that a move enters.
DAY_OF_MOVE = {"start": "active_on", "acquire": "acquired_on", "close": "closed_on"}


class EquityEvent(StrEnum):
    FOUNDING = "founding"
    LICENCE = "licence"
    INVESTMENT = "investment"
    DILUTION = "dilution"
    SALE = "sale"
    OTHER = "other"


EVENT_WORDS = {
    EquityEvent.FOUNDING: _("Founding"),
    EquityEvent.LICENCE: _("Paid for a licence"),
    EquityEvent.INVESTMENT: _("Investment"),
    EquityEvent.DILUTION: _("Diluted by new shares"),
    EquityEvent.SALE: _("Sold"),
    EquityEvent.OTHER: _("Something else"),
}
