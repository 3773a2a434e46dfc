"""States of an ethics application, of a review, of a report. A date that passes moves nothing: whether an approval
still holds today is read from its last day."""

from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from collab.inbox.states import Decision
from collab.kernel.tables import Moves


class CaseState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    APPEALED = "appealed"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


_BEFORE_COMMITTEE = {CaseState.SUBMITTED, CaseState.IN_REVIEW}
PENDING = frozenset(_BEFORE_COMMITTEE | {CaseState.CHANGES_REQUESTED, CaseState.APPEALED})
WRITABLE = frozenset({CaseState.DRAFT, CaseState.CHANGES_REQUESTED})
GRANTED = frozenset({CaseState.APPROVED, CaseState.SUSPENDED})
FOLLOWED = frozenset({CaseState.APPROVED, CaseState.SUSPENDED, CaseState.REJECTED, CaseState.REVOKED})
# Without an approval that holds, what the case says is blocked.
HOLDING = frozenset(PENDING | {CaseState.REJECTED, CaseState.SUSPENDED, CaseState.REVOKED})
ENDED = frozenset({CaseState.REJECTED, CaseState.REVOKED, CaseState.WITHDRAWN, CaseState.SUPERSEDED})

CASE_MOVES = Moves(
    {
        "submit": ({CaseState.DRAFT}, CaseState.SUBMITTED),
        "assign": (_BEFORE_COMMITTEE, CaseState.IN_REVIEW),
        "assign_appeal": ({CaseState.APPEALED}, CaseState.APPEALED),  # an approval stands until it is decided
        "return": (_BEFORE_COMMITTEE, CaseState.CHANGES_REQUESTED),
        "resubmit": ({CaseState.CHANGES_REQUESTED}, CaseState.IN_REVIEW),
        "approve": (_BEFORE_COMMITTEE | {CaseState.APPEALED}, CaseState.APPROVED),
        "reject": (_BEFORE_COMMITTEE | {CaseState.APPEALED}, CaseState.REJECTED),
        "appeal": ({CaseState.REJECTED, CaseState.APPROVED}, CaseState.APPEALED),
        "uphold": ({CaseState.APPEALED}, CaseState.APPROVED),  # an appeal against conditions: they stand
        "withdraw": (_BEFORE_COMMITTEE | {CaseState.DRAFT, CaseState.CHANGES_REQUESTED}, CaseState.WITHDRAWN),
        "suspend": ({CaseState.APPROVED}, CaseState.SUSPENDED),
        "resume": ({CaseState.SUSPENDED}, CaseState.APPROVED),
        "revoke": (set(GRANTED), CaseState.REVOKED),
        "supersede": (set(FOLLOWED), CaseState.SUPERSEDED),
    }
)


def move_to_assign(state: str) -> str:
    """The move by which reviewers are asked."""
    return "assign_appeal" if state == CaseState.APPEALED else "assign"


# What the inbox calls an answer -> the move of the case.
MOVE_OF = {
    Decision.APPROVED: "approve",
    Decision.APPROVED_WITH_CONDITIONS: "approve",
    Decision.REJECTED: "reject",
    Decision.RETURNED: "return",
}


# An appeal that was right, wholly or in part: how its request in the inbox ended.
WON = frozenset({"approved", "approved_with_conditions"})


class Route(StrEnum):
    SHORT = "short"
    FULL = "full"


class Worklist(StrEnum):
    """A list behind a figure of the committee."""

    WAITING = "waiting"
    UNDECIDED = "undecided"
    OVERDUE = "overdue"
    OVER_ITS_DAYS = "over_its_days"
    DECIDED = "decided"
    LATE = "late"
    APPEALS = "appeals"
    APPEALS_DECIDED = "appeals_decided"
    APPEALS_WON = "appeals_won"
    CONDITIONS = "conditions"
    REPORTS = "reports"
    REPORTS_DUE = "reports_due"


WORKLIST_WORDS = {
    Worklist.WAITING: _("Waiting"),
    Worklist.UNDECIDED: _("Waiting for a first decision"),
    Worklist.OVERDUE: _("Answer overdue"),
    Worklist.OVER_ITS_DAYS: _("Open longer than the committee's days"),
    Worklist.DECIDED: _("Decided"),
    Worklist.LATE: _("First decision later than the committee's days"),
    Worklist.APPEALS: _("Appeals that wait"),
    Worklist.APPEALS_DECIDED: _("Appeals decided"),
    Worklist.APPEALS_WON: _("Appeals that were right"),
    Worklist.CONDITIONS: _("With an open condition"),
    Worklist.REPORTS: _("With a report to read"),
    Worklist.REPORTS_DUE: _("Report overdue"),
}


ROUTE_WORDS = {Route.SHORT: _("Short route"), Route.FULL: _("Full route")}


class ReviewState(StrEnum):
    ASKED = "asked"
    SUBMITTED = "submitted"
    RECUSED = "recused"
    LAPSED = "lapsed"


REVIEW_MOVES = Moves(
    {
        "submit": ({ReviewState.ASKED}, ReviewState.SUBMITTED),
        "reopen": ({ReviewState.SUBMITTED}, ReviewState.ASKED),
        "recuse": ({ReviewState.ASKED, ReviewState.SUBMITTED}, ReviewState.RECUSED),
        "lapse": ({ReviewState.ASKED}, ReviewState.LAPSED),
    }
)


class ReportState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class AssessmentState(StrEnum):
    DRAFT = "draft"
    DONE = "done"


ASSESSMENT_MOVES = Moves(
    {
        "finish": ({AssessmentState.DRAFT}, AssessmentState.DONE),
        "reopen": ({AssessmentState.DONE}, AssessmentState.DRAFT),
    }
)


class Area(StrEnum):
    """What a condition, or the lack of an approval, blocks."""

    JOBS = "jobs"
    RELEASES = "releases"
    DATA = "data"


AREA_WORDS = {
    Area.JOBS: _("training jobs"),
    Area.RELEASES: _("releases and downloads of models"),
    Area.DATA: _("reading and training on data"),
}
