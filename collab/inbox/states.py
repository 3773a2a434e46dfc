"""States of a request and the moves between them. A decision is named like the state that it leads to."""

from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from collab.kernel.tables import Moves


class RequestState(StrEnum):
    OPEN = "open"
    APPROVED = "approved"
    APPROVED_WITH_CONDITIONS = "approved_with_conditions"
    REJECTED = "rejected"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


class Decision(StrEnum):
    """What a request can be answered with; a topic chooses some of them."""

    APPROVED = "approved"
    APPROVED_WITH_CONDITIONS = "approved_with_conditions"
    REJECTED = "rejected"
    RETURNED = "returned"


REQUEST_MOVES = Moves(
    {
        Decision.APPROVED: ({RequestState.OPEN}, RequestState.APPROVED),
        Decision.APPROVED_WITH_CONDITIONS: ({RequestState.OPEN}, RequestState.APPROVED_WITH_CONDITIONS),
        Decision.REJECTED: ({RequestState.OPEN}, RequestState.REJECTED),
        Decision.RETURNED: ({RequestState.OPEN}, RequestState.RETURNED),
        "withdraw": ({RequestState.OPEN}, RequestState.WITHDRAWN),
        "advise": ({RequestState.OPEN}, RequestState.OPEN),
        "direct": ({RequestState.OPEN}, RequestState.OPEN),
        "meet": ({RequestState.APPROVED_WITH_CONDITIONS}, RequestState.APPROVED_WITH_CONDITIONS),
    }
)

NEEDS_REASON = frozenset({Decision.REJECTED, Decision.RETURNED})


class Level(StrEnum):
    """How far a request has climbed because nobody answered, or nobody could."""

    ADMINS = "admins"
    PLATFORM = "platform"


class Opinion(StrEnum):
    """What a reviewer advises."""

    FAVOUR = "favour"
    CONDITIONS = "conditions"
    AGAINST = "against"


class Mail(StrEnum):
    """When a notification goes out by e-mail."""

    NOW = "now"
    DAILY = "daily"
    WEEKLY = "weekly"
    OFF = "off"


class ObligationKind(StrEnum):
    """What falls due."""

    EXPIRY = "expiry"
    DELIVERABLE = "deliverable"
    NOTICE = "notice"
    REPORT = "report"
    MILESTONE = "milestone"
    REVIEW = "review"
    PAYMENT = "payment"
    CONDITION = "condition"
    RETURN = "return"
    OTHER = "other"


DECISION_WORDS = {
    Decision.APPROVED: _("Approve"),
    Decision.APPROVED_WITH_CONDITIONS: _("Approve with conditions"),
    Decision.REJECTED: _("Reject"),
    Decision.RETURNED: _("Return for changes"),
}

DECIDED = {
    Decision.APPROVED: _("approved"),
    Decision.APPROVED_WITH_CONDITIONS: _("approved with conditions"),
    Decision.REJECTED: _("rejected"),
    Decision.RETURNED: _("returned for changes"),
}

OPINION_WORDS = {
    Opinion.FAVOUR: _("in favour"),
    Opinion.CONDITIONS: _("in favour, with conditions"),
    Opinion.AGAINST: _("against"),
}

MAIL_WORDS = {
    Mail.NOW: _("at once"),
    Mail.DAILY: _("in a daily summary"),
    Mail.WEEKLY: _("in a weekly summary"),
    Mail.OFF: _("never"),
}

OBLIGATION_WORDS = {
    ObligationKind.EXPIRY: _("Expiry"),
    ObligationKind.DELIVERABLE: _("Deliverable"),
    ObligationKind.NOTICE: _("Notice"),
    ObligationKind.REPORT: _("Report"),
    ObligationKind.MILESTONE: _("Milestone"),
    ObligationKind.REVIEW: _("Review"),
    ObligationKind.PAYMENT: _("Payment"),
    ObligationKind.CONDITION: _("Condition"),
    ObligationKind.RETURN: _("Return of data"),
    ObligationKind.OTHER: _("Other date"),
}
