"""States of a publication notice and of an objection. A day that passes moves nothing: whether one may publish today is
read from the dates that the agreement sets."""

from enum import StrEnum

from collab.kernel.tables import Moves


class NoticeState(StrEnum):
    NOTIFIED = "notified"
    OBJECTED = "objected"
    DELAYED = "delayed"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


GOING_ON = frozenset({NoticeState.NOTIFIED, NoticeState.OBJECTED, NoticeState.DELAYED})
FREE = "free"  # shown for a notice that is going on when its day has come; no state of its own

NOTICE_MOVES = Moves(
    {
        "object": (set(GOING_ON), NoticeState.OBJECTED),
        "revise": ({NoticeState.OBJECTED}, NoticeState.OBJECTED),
        # What becomes of it with the last objection; until then it stays as it is.
        "settle": ({NoticeState.OBJECTED}, NoticeState.NOTIFIED),
        "delay": ({NoticeState.OBJECTED}, NoticeState.DELAYED),
        "publish": (set(GOING_ON), NoticeState.PUBLISHED),
        "withdraw": (set(GOING_ON), NoticeState.WITHDRAWN),
    }
)


class ObjectionState(StrEnum):
    OPEN = "open"
    DELAYED = "delayed"
    REVISED = "revised"
    WITHDRAWN = "withdrawn"


OBJECTION_MOVES = Moves(
    {
        "wait": ({ObjectionState.OPEN}, ObjectionState.DELAYED),
        "revised": ({ObjectionState.OPEN}, ObjectionState.REVISED),
        "withdrawn": ({ObjectionState.OPEN}, ObjectionState.WITHDRAWN),
    }
)
