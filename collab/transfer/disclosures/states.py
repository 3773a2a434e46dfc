"""States of a case, from the first draft of a disclosure to income or its end, and of an assessment.

The folders above move a case on from “decided”: a filing secures it, an offer markets it, a licence makes it licensed.
"""

from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from collab.kernel.tables import Moves


class CaseState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    COMPLETENESS_CHECK = "completeness_check"
    RETURNED = "returned"
    UNDER_ASSESSMENT = "under_assessment"
    DECIDED = "decided"
    SECURED = "secured"
    MARKETED = "marketed"
    OPTIONED = "optioned"
    LICENSED = "licensed"
    INCOME = "income"
    EXPIRED = "expired"
    ABANDONED = "abandoned"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


# What inventors may change; every change asks for their signatures anew.
WRITABLE = frozenset({CaseState.DRAFT, CaseState.RETURNED})
# With the office, before its decision.
IN_REVIEW = frozenset({CaseState.SUBMITTED, CaseState.COMPLETENESS_CHECK, CaseState.UNDER_ASSESSMENT})
UNDECIDED = WRITABLE | IN_REVIEW | {CaseState.WITHDRAWN}
# The way of a case that is worked on, in order.
PIPELINE = (
    CaseState.DECIDED,
    CaseState.SECURED,
    CaseState.MARKETED,
    CaseState.OPTIONED,
    CaseState.LICENSED,
    CaseState.INCOME,
)
ENDED = frozenset({CaseState.EXPIRED, CaseState.ABANDONED, CaseState.CLOSED, CaseState.WITHDRAWN})
# The columns of the board.
BOARD = (
    CaseState.SUBMITTED,
    CaseState.COMPLETENESS_CHECK,
    CaseState.RETURNED,
    CaseState.UNDER_ASSESSMENT,
    *PIPELINE,
)

_DECIDED = set(PIPELINE)
CASE_MOVES = Moves(
    {
        "submit": ({CaseState.DRAFT, CaseState.RETURNED}, CaseState.SUBMITTED),
        "withdraw": (set(WRITABLE | IN_REVIEW), CaseState.WITHDRAWN),
        "check": ({CaseState.SUBMITTED}, CaseState.COMPLETENESS_CHECK),
        "assess": ({CaseState.COMPLETENESS_CHECK}, CaseState.UNDER_ASSESSMENT),
        "return": (set(IN_REVIEW), CaseState.RETURNED),
        "decide": ({CaseState.UNDER_ASSESSMENT}, CaseState.DECIDED),
        "resume": ({CaseState.DECIDED}, CaseState.UNDER_ASSESSMENT),  # what was put on hold
        "reconsider": ({CaseState.DECIDED, CaseState.SECURED, CaseState.MARKETED}, CaseState.UNDER_ASSESSMENT),
        "reopen": ({CaseState.EXPIRED, CaseState.ABANDONED, CaseState.CLOSED}, CaseState.DECIDED),
        "restore": ({CaseState.WITHDRAWN}, CaseState.RETURNED),  # what was withdrawn after it had come in
        "secured": (_DECIDED, CaseState.SECURED),
        "marketed": (_DECIDED, CaseState.MARKETED),
        "optioned": (_DECIDED, CaseState.OPTIONED),
        "licensed": (_DECIDED, CaseState.LICENSED),
        "income": (_DECIDED, CaseState.INCOME),
        "expired": (_DECIDED, CaseState.EXPIRED),
        "abandoned": (_DECIDED, CaseState.ABANDONED),
        "closed": (_DECIDED, CaseState.CLOSED),
    }
)


class CaseDecision(StrEnum):
    """What becomes of the result."""

    PROTECT = "protect"
    RELEASE_OPENLY = "release_openly"
    RETURN_TO_INVENTORS = "return_to_inventors"
    HOLD = "hold"


# Only these are secured, offered and licensed.
PURSUED = frozenset({CaseDecision.PROTECT, CaseDecision.RELEASE_OPENLY})

CASE_DECISION_WORDS = {
    CaseDecision.PROTECT: _("Protect it"),
    CaseDecision.RELEASE_OPENLY: _("Release it openly"),
    CaseDecision.RETURN_TO_INVENTORS: _("Return it to the inventors"),
    CaseDecision.HOLD: _("Put it on hold"),
}


class AssessmentState(StrEnum):
    ASKED = "asked"
    CONFLICT = "conflict"  # declared; somebody else says whether it stands in the way
    OPEN = "open"
    SUBMITTED = "submitted"
    RECUSED = "recused"
    CANCELLED = "cancelled"  # the case went back to the inventors


ASSESSMENT_MOVES = Moves(
    {
        "declare_none": ({AssessmentState.ASKED}, AssessmentState.OPEN),
        "declare": ({AssessmentState.ASKED, AssessmentState.OPEN}, AssessmentState.CONFLICT),
        "waive": ({AssessmentState.CONFLICT}, AssessmentState.OPEN),
        "recuse": (
            {AssessmentState.ASKED, AssessmentState.CONFLICT, AssessmentState.OPEN},
            AssessmentState.RECUSED,
        ),
        "score": ({AssessmentState.OPEN}, AssessmentState.OPEN),
        "submit": ({AssessmentState.OPEN}, AssessmentState.SUBMITTED),
        "cancel": (
            {AssessmentState.ASKED, AssessmentState.CONFLICT, AssessmentState.OPEN, AssessmentState.SUBMITTED},
            AssessmentState.CANCELLED,
        ),
    }
)
STANDING = frozenset({AssessmentState.ASKED, AssessmentState.CONFLICT, AssessmentState.OPEN, AssessmentState.SUBMITTED})
