"""States of what is due, reported, invoiced and distributed."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _

from collab.kernel.tables import Moves


class PaymentKind(models.TextChoices):
    ISSUE_FEE = "issue_fee", _("Issue fee")
    MINIMUM = "minimum", _("Annual minimum")
    MILESTONE = "milestone", _("Milestone payment")
    COSTS = "costs", _("Repayment of protection costs")
    AUDIT = "audit", _("Found by an audit")
    OTHER = "other", _("Other payment")


class PaymentState(StrEnum):
    PLANNED = "planned"
    INVOICED = "invoiced"
    WAIVED = "waived"
    WITHDRAWN = "withdrawn"  # the terms do not ask for it any more


PAYMENT_MOVES = Moves(
    {
        "invoice": ({PaymentState.PLANNED}, PaymentState.INVOICED),
        "reopen": ({PaymentState.INVOICED}, PaymentState.PLANNED),  # its invoice was cancelled
        "waive": ({PaymentState.PLANNED}, PaymentState.WAIVED),
        "withdraw": ({PaymentState.PLANNED}, PaymentState.WITHDRAWN),
        "restore": ({PaymentState.WITHDRAWN}, PaymentState.PLANNED),  # further terms ask for it again
    }
)


class ReportState(StrEnum):
    """A report that was accepted is closed: what it says is what is invoiced."""

    DUE = "due"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    ACCEPTED = "accepted"


WRITABLE = frozenset({ReportState.DUE, ReportState.RETURNED})
REPORT_MOVES = Moves(
    {
        "submit": (set(WRITABLE), ReportState.SUBMITTED),
        "return": ({ReportState.SUBMITTED}, ReportState.RETURNED),
        "accept": ({ReportState.SUBMITTED}, ReportState.ACCEPTED),
    }
)


class LateStage(models.IntegerChoices):
    """What is done, one after the other, about a report or an invoice that is late."""

    REMIND = 1, _("the licensee was reminded")
    ESCALATE = 2, _("the licensor's officers were told")
    BREACH = 3, _("the licensor was asked whether it is a breach")


class InvoiceState(StrEnum):
    OPEN = "open"
    PART_PAID = "part_paid"
    PAID = "paid"
    WRITTEN_OFF = "written_off"  # all of it: nothing was paid
    CANCELLED = "cancelled"
    CREDIT_NOTE = "credit_note"


class WriteOffKind(models.TextChoices):
    """Why a part of an invoice will not arrive."""

    BANK_CHARGE = "bank_charge", _("Bank charge")
    TAX_WITHHELD = "tax_withheld", _("Tax withheld")
    WRITTEN_OFF = "written_off", _("Written off")


class DistributionState(StrEnum):
    PROPOSED = "proposed"
    POSTED = "posted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


DISTRIBUTION_MOVES = Moves(
    {
        "post": ({DistributionState.PROPOSED}, DistributionState.POSTED),
        "reject": ({DistributionState.PROPOSED}, DistributionState.REJECTED),
        "withdraw": ({DistributionState.PROPOSED}, DistributionState.WITHDRAWN),
    }
)


class AuditState(StrEnum):
    """An examination of the licensee's books. Silence agrees to nothing."""

    ANNOUNCED = "announced"
    UNDER_WAY = "under_way"
    REPORTED = "reported"
    DISPUTED = "disputed"
    AGREED = "agreed"
    CANCELLED = "cancelled"


AUDIT_OPEN = (AuditState.ANNOUNCED, AuditState.UNDER_WAY, AuditState.REPORTED, AuditState.DISPUTED)
AUDIT_MOVES = Moves(
    {
        "begin": ({AuditState.ANNOUNCED}, AuditState.UNDER_WAY),
        "report": ({AuditState.UNDER_WAY, AuditState.DISPUTED}, AuditState.REPORTED),
        "dispute": ({AuditState.REPORTED}, AuditState.DISPUTED),
        "agree": ({AuditState.REPORTED}, AuditState.AGREED),
        "cancel": (set(AUDIT_OPEN), AuditState.CANCELLED),
    }
)
