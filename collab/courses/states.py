"""States of a course's versions, of enrolments, of attempts at a quiz and of training done elsewhere.

A validity that runs out moves nothing: whether a course counts today is read from its dates.
"""

from enum import StrEnum

from collab.kernel.tables import Moves


class CourseState(StrEnum):
    """Of one version of a course."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


COURSE_MOVES = Moves(
    {
        "publish": ({CourseState.DRAFT}, CourseState.PUBLISHED),
        "retire": ({CourseState.PUBLISHED}, CourseState.RETIRED),
    }
)


class EnrolmentState(StrEnum):
    """`moved`: the person goes on in a newer version, with an enrolment of its own."""

    ENROLLED = "enrolled"
    PASSED = "passed"
    LEFT = "left"
    MOVED = "moved"


ENROLMENT_MOVES = Moves(
    {
        "pass": ({EnrolmentState.ENROLLED}, EnrolmentState.PASSED),
        "leave": ({EnrolmentState.ENROLLED}, EnrolmentState.LEFT),
        "move": ({EnrolmentState.ENROLLED}, EnrolmentState.MOVED),
        "study": ({EnrolmentState.ENROLLED}, EnrolmentState.ENROLLED),
    }
)


class AttemptState(StrEnum):
    """`lapsed`: its time was over before answers came, so it counts as one that was not passed."""

    OPEN = "open"
    SUBMITTED = "submitted"
    LAPSED = "lapsed"


ATTEMPT_MOVES = Moves(
    {
        "submit": ({AttemptState.OPEN}, AttemptState.SUBMITTED),
        "lapse": ({AttemptState.OPEN}, AttemptState.LAPSED),
    }
)


class TrainingState(StrEnum):
    """`revoked`: it was accepted, and the reviewers took that back."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"


TRAINING_MOVES = Moves(
    {
        "accept": ({TrainingState.SUBMITTED}, TrainingState.ACCEPTED),
        "reject": ({TrainingState.SUBMITTED}, TrainingState.REJECTED),
        "return": ({TrainingState.SUBMITTED}, TrainingState.RETURNED),
        "submit_again": ({TrainingState.RETURNED}, TrainingState.SUBMITTED),
        "withdraw": ({TrainingState.SUBMITTED, TrainingState.RETURNED}, TrainingState.WITHDRAWN),
        "revoke": ({TrainingState.ACCEPTED}, TrainingState.REVOKED),
    }
)
