"""States of a joint project and of what hangs on it, and the moves between them."""

from enum import StrEnum

from collab.kernel.tables import Moves


class ProjectState(StrEnum):
    IDEA = "idea"
    PROPOSAL = "proposal"
    UNDER_REVIEW = "under_review"
    IN_APPROVAL = "in_approval"  # every party is asked, and answers for itself
    CONTRACTING = "contracting"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSING = "closing"
    CLOSED = "closed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"


# The way of a project that nothing goes wrong with, as its page draws it.
PATH = (
    ProjectState.IDEA,
    ProjectState.PROPOSAL,
    ProjectState.UNDER_REVIEW,
    ProjectState.IN_APPROVAL,
    ProjectState.CONTRACTING,
    ProjectState.ACTIVE,
    ProjectState.CLOSING,
    ProjectState.CLOSED,
)
BEFORE_WORK = frozenset(PATH[:5])
APPROVED = frozenset({ProjectState.CONTRACTING, ProjectState.ACTIVE, ProjectState.SUSPENDED})
UNDER_WAY = frozenset({ProjectState.ACTIVE, ProjectState.SUSPENDED, ProjectState.CLOSING})
# What the project says of itself stays as it is while others judge it.
JUDGED = frozenset({ProjectState.UNDER_REVIEW, ProjectState.IN_APPROVAL})
ENDED = frozenset({ProjectState.CLOSED, ProjectState.REJECTED, ProjectState.WITHDRAWN, ProjectState.TERMINATED})

PROJECT_MOVES = Moves(
    {
        "propose": ({ProjectState.IDEA}, ProjectState.PROPOSAL),
        "submit": ({ProjectState.PROPOSAL}, ProjectState.UNDER_REVIEW),
        "ask_approval": ({ProjectState.UNDER_REVIEW}, ProjectState.IN_APPROVAL),
        "approve": ({ProjectState.IN_APPROVAL}, ProjectState.CONTRACTING),
        "return": ({ProjectState.UNDER_REVIEW, ProjectState.IN_APPROVAL}, ProjectState.PROPOSAL),
        "reject": ({ProjectState.UNDER_REVIEW, ProjectState.IN_APPROVAL}, ProjectState.REJECTED),
        "begin": ({ProjectState.CONTRACTING}, ProjectState.ACTIVE),
        "suspend": ({ProjectState.ACTIVE}, ProjectState.SUSPENDED),
        "resume": ({ProjectState.SUSPENDED}, ProjectState.ACTIVE),
        "wind_up": ({ProjectState.ACTIVE, ProjectState.SUSPENDED}, ProjectState.CLOSING),
        "reopen": ({ProjectState.CLOSING}, ProjectState.ACTIVE),
        "close": ({ProjectState.CLOSING}, ProjectState.CLOSED),
        "withdraw": (set(BEFORE_WORK), ProjectState.WITHDRAWN),
        "revise": ({ProjectState.REJECTED, ProjectState.WITHDRAWN}, ProjectState.PROPOSAL),
        "terminate": (set(UNDER_WAY), ProjectState.TERMINATED),
    }
)
# Nobody chooses these by hand: they follow from what reviewers and parties decide.
FOLLOWING = frozenset({"approve", "return", "reject"})
WITH_REASON = frozenset({"terminate", "return", "reject"})


class StepState(StrEnum):
    """A step of a review. Only a person decides; a day that has passed decides nothing."""

    WAITING = "waiting"
    OPEN = "open"
    PASSED = "passed"
    REFUSED = "refused"
    RETURNED = "returned"


STEP_MOVES = Moves(
    {
        "open": ({StepState.WAITING, StepState.RETURNED}, StepState.OPEN),
        "pass": ({StepState.OPEN}, StepState.PASSED),
        "refuse": ({StepState.OPEN}, StepState.REFUSED),
        "return": ({StepState.OPEN}, StepState.RETURNED),
        "reset": ({StepState.OPEN, StepState.PASSED, StepState.REFUSED, StepState.RETURNED}, StepState.WAITING),
    }
)


class ReviewState(StrEnum):
    ASKED = "asked"
    DRAFT = "draft"
    SUBMITTED = "submitted"
    RECUSED = "recused"


REVIEW_MOVES = Moves(
    {
        "write": ({ReviewState.ASKED, ReviewState.DRAFT}, ReviewState.DRAFT),
        "submit": ({ReviewState.ASKED, ReviewState.DRAFT}, ReviewState.SUBMITTED),
        "recuse": ({ReviewState.ASKED, ReviewState.DRAFT, ReviewState.SUBMITTED}, ReviewState.RECUSED),
    }
)


class ConflictState(StrEnum):
    DECLARED = "declared"
    WAIVED = "waived"
    RECUSED = "recused"
    DISMISSED = "dismissed"


CONFLICT_MOVES = Moves(
    {
        "waive": ({ConflictState.DECLARED}, ConflictState.WAIVED),
        "recuse": ({ConflictState.DECLARED, ConflictState.WAIVED}, ConflictState.RECUSED),
        "dismiss": ({ConflictState.DECLARED}, ConflictState.DISMISSED),
    }
)


class ApprovalState(StrEnum):
    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


APPROVAL_MOVES = Moves(
    {
        "approve": ({ApprovalState.OPEN}, ApprovalState.APPROVED),
        "reject": ({ApprovalState.OPEN}, ApprovalState.REJECTED),
        "return": ({ApprovalState.OPEN}, ApprovalState.RETURNED),
        "withdraw": ({ApprovalState.OPEN}, ApprovalState.WITHDRAWN),
    }
)


class WorkState(StrEnum):
    """Of a milestone or a deliverable."""

    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    DROPPED = "dropped"


SETTLED = frozenset({WorkState.ACCEPTED, WorkState.DROPPED})

WORK_MOVES = Moves(
    {
        "start": ({WorkState.PLANNED, WorkState.RETURNED}, WorkState.IN_PROGRESS),
        "submit": ({WorkState.PLANNED, WorkState.IN_PROGRESS, WorkState.RETURNED}, WorkState.SUBMITTED),
        "accept": ({WorkState.SUBMITTED}, WorkState.ACCEPTED),
        "return": ({WorkState.SUBMITTED}, WorkState.RETURNED),
        "drop": ({WorkState.PLANNED, WorkState.IN_PROGRESS, WorkState.RETURNED}, WorkState.DROPPED),
    }
)


class ReportState(StrEnum):
    PLANNED = "planned"
    DRAFT = "draft"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    RETURNED = "returned"


REPORT_MOVES = Moves(
    {
        "write": ({ReportState.PLANNED, ReportState.DRAFT, ReportState.RETURNED}, ReportState.DRAFT),
        "submit": ({ReportState.DRAFT}, ReportState.SUBMITTED),
        "accept": ({ReportState.SUBMITTED}, ReportState.ACCEPTED),
        "return": ({ReportState.SUBMITTED}, ReportState.RETURNED),
    }
)
