"""States of cohorts and postings. Whether one may apply or rank now is a matter of dates, read on every request."""

from enum import StrEnum

from collab.kernel.tables import Moves


class CohortState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    MATCHED = "matched"
    CLOSED = "closed"


COHORT_MOVES = Moves(
    {
        "publish": ({CohortState.DRAFT}, CohortState.PUBLISHED),
        "match": ({CohortState.PUBLISHED}, CohortState.MATCHED),
        "close": ({CohortState.PUBLISHED, CohortState.MATCHED}, CohortState.CLOSED),
    }
)


class PostingState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    PUBLISHED = "published"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


WRITABLE = frozenset({PostingState.DRAFT, PostingState.SUBMITTED, PostingState.PUBLISHED})

POSTING_MOVES = Moves(
    {
        "submit": ({PostingState.DRAFT}, PostingState.SUBMITTED),
        "return": ({PostingState.SUBMITTED}, PostingState.DRAFT),
        "publish": ({PostingState.SUBMITTED}, PostingState.PUBLISHED),
        "close": ({PostingState.PUBLISHED}, PostingState.CLOSED),
        "reopen": ({PostingState.CLOSED}, PostingState.PUBLISHED),
        "withdraw": (WRITABLE | {PostingState.CLOSED}, PostingState.WITHDRAWN),
    }
)
