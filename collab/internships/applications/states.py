"""States of an application. Deadlines and the expiry of offers are dates that every move looks at."""

from enum import StrEnum

from django.utils.translation import gettext_lazy

from collab.kernel.tables import Moves


class ApplicationState(StrEnum):
    DRAFT = "draft"
    APPLIED = "applied"
    SHORTLISTED = "shortlisted"
    INTERVIEWING = "interviewing"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    PLACED = "placed"
    REJECTED = "rejected"
    DECLINED = "declined"
    OFFER_EXPIRED = "offer_expired"
    WITHDRAWN = "withdrawn"


_A = ApplicationState
WAITING = frozenset({_A.APPLIED, _A.SHORTLISTED, _A.INTERVIEWING})  # sent, and nobody has decided
HOLDS_SEAT = frozenset({_A.OFFERED, _A.ACCEPTED, _A.PLACED})
TAKEN = frozenset({_A.ACCEPTED, _A.PLACED})
GOING_ON = WAITING | HOLDS_SEAT | {_A.DRAFT}
ENDED = frozenset(_A) - GOING_ON

APPLICATION_MOVES = Moves(
    {
        "submit": ({_A.DRAFT}, _A.APPLIED),
        "shortlist": ({_A.APPLIED}, _A.SHORTLISTED),
        "interview": ({_A.APPLIED, _A.SHORTLISTED, _A.INTERVIEWING}, _A.INTERVIEWING),
        "offer": (WAITING, _A.OFFERED),
        "accept": ({_A.OFFERED}, _A.ACCEPTED),
        "decline": ({_A.OFFERED}, _A.DECLINED),
        "expire": ({_A.OFFERED}, _A.OFFER_EXPIRED),
        "reject": (WAITING, _A.REJECTED),
        "withdraw": (WAITING | {_A.DRAFT, _A.OFFERED, _A.ACCEPTED}, _A.WITHDRAWN),
        "place": ({_A.ACCEPTED}, _A.PLACED),
        "renew": ({_A.OFFER_EXPIRED, _A.DECLINED}, _A.OFFERED),
        "retract": ({_A.OFFERED}, _A.APPLIED),
        "reconsider": ({_A.REJECTED}, _A.APPLIED),
    }
)
DECISIONS = ("shortlist", "offer", "reject", "renew", "retract", "reconsider")  # moves of the host, as they are offered


# Why the platform ended an application: kept as a code, told in the language of whoever reads it.
REASONS = {
    "placed_elsewhere": gettext_lazy("Another place was accepted."),
    "posting_withdrawn": gettext_lazy("The posting was withdrawn."),
    "cohort_closed": gettext_lazy("The cohort was closed."),
}


def said_reason(reason: str) -> str:
    """The reason as one reads it: a sentence for a code, and what a person wrote as it is."""
    return str(REASONS.get(reason, reason))


class Outcome(StrEnum):
    """What the matching made of an application, and why."""

    MATCHED = "matched"
    FORCED = "forced"
    BETTER = "better"  # the student has a place that they ranked higher
    FULL = "full"  # every seat went to students whom the host ranked higher
    UNRANKED = "unranked"  # the host did not rank the student
    NOT_CHOSEN = "not_chosen"  # the student did not rank the place
    FORBIDDEN = "forbidden"
    ELSEWHERE = "elsewhere"  # the student was set to another place
