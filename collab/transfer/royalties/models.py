"""What is due under licences, reported, invoiced, received and distributed. Sums are whole minor units.

Every receipt stands in the books with what became of it: `booked = distributed + retained + passed_on + refunded +
undistributed`, always. How it came to that stands in the ledger, whose entries are only added
(collab/transfer/royalties/guard.py).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.royalties.money import from_minor
from collab.transfer.royalties.policies import (
    DISTRIBUTED,
    PASSED_ON,
    RETAINED,
    SHARED,
    Account,
    Policy,
    read_policy,
)
from collab.transfer.royalties.states import (
    DistributionState,
    InvoiceState,
    LateStage,
    PaymentKind,
    PaymentState,
    ReportState,
)

if TYPE_CHECKING:
    from collab.access.policy import Person

# Minor units that a column takes: 10^12 of a currency with four digits behind the point.
MOST = 10**16
ACCOUNT_WORDS = {
    Account.UNDISTRIBUTED: _("Undistributed"),
    Account.INVENTORS: _("Inventors"),
    Account.UNIT: _("Unit"),
    Account.SCHOOL: _("School"),
    Account.THIRD_PARTIES: _("Third parties"),
    Account.CENTRAL: _("Central administration"),
    Account.OFFICE: _("Transfer office"),
    Account.COSTS: _("Costs repaid"),
    Account.LICENSORS: _("Further licensors"),
}
__all__ = ["DISTRIBUTED", "PASSED_ON", "RETAINED", "SHARED"]


def _money(label: Any, **more: Any) -> models.BigIntegerField:
    return models.BigIntegerField(label, **more)


def _currency(label: Any = None, **more: Any) -> models.CharField:
    return models.CharField(label or _("currency"), max_length=3, **more)


def _percent(label: Any, **more: Any) -> models.DecimalField:
    limits = [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))]
    return models.DecimalField(label, max_digits=7, decimal_places=4, validators=limits, **more)


def _by(label: Any, **more: Any) -> models.ForeignKey:
    return models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=label, **more)


def _no_more_than(most: int, *names: str) -> Q:
    found = Q()
    for name in names:
        found &= Q(**{f"{name}__gte": -most, f"{name}__lte": most})
    return found


def _known(name: str, values: Any) -> Q:
    return Q(**{f"{name}__in": [str(value) for value in values]})


class Titled(Record):
    """A row with a title in both languages."""

    title = models.CharField(_("title"), max_length=300, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=300, blank=True, validators=[PlainTextValidator()])

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title_zh if self.title_zh and (get_language() or "").startswith("zh") else self.title


# --- what is due
class PaymentQuerySet(models.QuerySet["ScheduledPayment"]):
    def visible_to(self, user: Person, word: str = "royalty.view") -> PaymentQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def planned(self) -> PaymentQuerySet:
        return self.filter(state=PaymentState.PLANNED)

    def asking(self) -> PaymentQuerySet:
        """Planned or asked for: neither waived nor withdrawn."""
        return self.filter(state__in=[PaymentState.PLANNED, PaymentState.INVOICED])


class ScheduledPayment(Titled):
    """A sum that the terms of a licence make due on a day, whatever is sold."""

    licence = models.ForeignKey("collab.Licence", models.PROTECT, related_name="payments", verbose_name=_("licence"))
    kind = models.CharField(_("kind"), max_length=20, choices=PaymentKind.choices)
    source = models.CharField(_("follows from"), max_length=60)  # the same term is scheduled once
    cost = models.ForeignKey(
        "collab.ProtectionCost",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reimbursements",
        verbose_name=_("repays the cost"),
    )
    due_on = models.DateField(_("due on"))
    amount = _money(_("amount"))
    currency = _currency()
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in PaymentState], default=PaymentState.PLANNED
    )
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("scheduled payment")
        verbose_name_plural = _("scheduled payments")
        ordering = ["due_on", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["licence", "source"], name="payment_scheduled_once"),
            models.CheckConstraint(condition=Q(amount__gt=0, amount__lte=MOST), name="payment_is_something"),
            models.CheckConstraint(condition=~Q(currency=""), name="payment_currency_is_known"),
            models.CheckConstraint(condition=_known("state", PaymentState), name="payment_state_is_known"),
            models.CheckConstraint(
                condition=Q(kind=PaymentKind.COSTS, cost__isnull=False)
                | (~Q(kind=PaymentKind.COSTS) & Q(cost__isnull=True)),
                name="payment_of_costs_names_the_cost",
            ),
        ]

    def get_absolute_url(self) -> str:
        return reverse("collab:licence_royalties", args=[self.licence_id])

    @property
    def money(self) -> Decimal:
        return from_minor(self.amount, self.currency)

    @property
    def is_late(self) -> bool:
        return self.state == PaymentState.PLANNED and self.due_on < timezone.localdate()


class ReportQuerySet(models.QuerySet["RoyaltyReport"]):
    def visible_to(self, user: Person, word: str = "royalty.view") -> ReportQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_licence(self) -> ReportQuerySet:
        return self.select_related("licence__agreement__project", "licence__licensor", "licence__licensee")

    def with_all(self) -> ReportQuerySet:
        rows = self.with_licence().select_related("submitted_by", "checked_by")
        return rows.prefetch_related("lines", "invoices", "sublicence_incomes__sublicence")

    def closed(self) -> ReportQuerySet:
        return self.filter(state=ReportState.ACCEPTED)


class RoyaltyReport(Record):
    """What a licensee sold in a period, and what it owes for that, line by line."""

    licence = models.ForeignKey("collab.Licence", models.PROTECT, related_name="reports", verbose_name=_("licence"))
    starts_on = models.DateField(_("period from"))
    ends_on = models.DateField(_("period until"))
    due_on = models.DateField(_("due on"))
    currency = _currency()
    sublicence_income = _money(_("sublicence income"), default=0)
    note = models.TextField(_("note"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    computed = models.JSONField(_("computation"), default=list, blank=True, editable=False)
    base = models.DecimalField(_("basis"), max_digits=20, decimal_places=4, default=0, editable=False)
    royalty = _money(_("royalty"), default=0, editable=False)
    minimum = _money(_("to make up the minimum"), default=0, editable=False)
    sublicence_share = _money(_("share of sublicence income"), default=0, editable=False)
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in ReportState], default=ReportState.DUE
    )
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    submitted_by = _by(_("submitted by"), null=True, blank=True)
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    # Where it came on paper or by mail and the licensor's office entered it:
    received_on = models.DateField(_("received on"), null=True, blank=True)
    sent_by = models.CharField(_("signed or sent by"), max_length=200, blank=True, validators=[PlainTextValidator()])
    checked_by = _by(_("checked by"), null=True, blank=True)
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True)
    reminded_on = models.DateField(_("last reminder"), null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = ReportQuerySet.as_manager()

    class Meta:
        verbose_name = _("royalty report")
        verbose_name_plural = _("royalty reports")
        ordering = ["-starts_on", "-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["licence", "starts_on"], name="royalty_report_once_per_period"),
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on"), due_on__gte=F("ends_on")),
                name="royalty_report_period_in_order",
            ),
            models.CheckConstraint(condition=~Q(currency=""), name="royalty_report_currency_is_known"),
            models.CheckConstraint(condition=_known("state", ReportState), name="royalty_report_state_is_known"),
            models.CheckConstraint(
                condition=Q(royalty__gte=0, minimum__gte=0, sublicence_share__gte=0, sublicence_income__gte=0)
                & _no_more_than(MOST, "royalty", "minimum", "sublicence_share", "sublicence_income"),
                name="royalty_report_money_is_sound",
            ),
            models.CheckConstraint(
                condition=Q(state=ReportState.DUE.value, submitted_at=None)
                | ~Q(state=ReportState.DUE.value) & Q(submitted_at__isnull=False, submitted_by__isnull=False),
                name="royalty_report_submitted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(received_on=None, sent_by="")
                | Q(received_on__isnull=False, received_on__gt=F("ends_on"), submitted_at__isnull=False)
                & ~Q(sent_by=""),
                name="royalty_report_received_from_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state=ReportState.ACCEPTED.value)
                | Q(checked_by__isnull=False, checked_at__isnull=False) & ~Q(checked_by=F("submitted_by")),
                name="royalty_report_checked_by_another",
            ),
        ]
        indexes = [models.Index(fields=["state", "due_on"], name="royalty_report_by_day")]

    def __str__(self) -> str:
        return f"{self.licence} · {self.starts_on} – {self.ends_on}"

    def get_absolute_url(self) -> str:
        return reverse("collab:royalty_report", args=[self.pk])

    @property
    def due(self) -> int:
        return self.royalty + self.minimum + self.sublicence_share

    @property
    def money(self) -> Decimal:
        return from_minor(self.due, self.currency)

    @property
    def is_late(self) -> bool:
        return self.state in {ReportState.DUE, ReportState.RETURNED} and self.due_on < timezone.localdate()


class ReportLine(Record):
    """One product in a report."""

    report = models.ForeignKey(RoyaltyReport, models.CASCADE, related_name="lines", verbose_name=_("report"))
    position = models.PositiveSmallIntegerField(default=0)
    product = models.CharField(_("product"), max_length=200, validators=[DisplayNameValidator()])
    units = models.DecimalField(_("units"), max_digits=18, decimal_places=4, default=0)
    gross = _money(_("gross sales"), default=0)
    deductions = _money(_("deductions"), default=0)

    class Meta:
        verbose_name = _("line of a royalty report")
        verbose_name_plural = _("lines of royalty reports")
        ordering = ["report", "position"]
        constraints = [
            models.UniqueConstraint(fields=["report", "position"], name="royalty_report_line_once"),
            models.CheckConstraint(
                condition=Q(units__gte=0, gross__gte=0, gross__lte=MOST, deductions__gte=0)
                & Q(deductions__lte=F("gross")),
                name="royalty_report_line_is_sound",
            ),
        ]

    def __str__(self) -> str:
        return self.product

    @property
    def net(self) -> int:
        return self.gross - self.deductions


class SublicenceIncome(Record):
    """What the licensee took in from one sublicence in the period of a report."""

    report = models.ForeignKey(
        RoyaltyReport, models.CASCADE, related_name="sublicence_incomes", verbose_name=_("report")
    )
    position = models.PositiveSmallIntegerField(default=0)
    sublicence = models.ForeignKey(
        "collab.Sublicence", models.PROTECT, related_name="incomes", verbose_name=_("sublicence")
    )
    amount = _money(_("amount"))

    class Meta:
        verbose_name = _("income from a sublicence")
        verbose_name_plural = _("income from sublicences")
        ordering = ["report", "position"]
        constraints = [
            models.UniqueConstraint(fields=["report", "sublicence"], name="sublicence_income_once_per_report"),
            models.CheckConstraint(condition=Q(amount__gte=0, amount__lte=MOST), name="sublicence_income_is_sound"),
        ]

    def __str__(self) -> str:
        return str(self.sublicence)


# --- what is asked for
class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def visible_to(self, user: Person, word: str = "royalty.view") -> InvoiceQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_licence(self) -> InvoiceQuerySet:
        return self.select_related("organisation", "licence__agreement__project", "licence__licensee")

    def open(self) -> InvoiceQuerySet:
        return self.filter(state__in=[InvoiceState.OPEN, InvoiceState.PART_PAID])


class Invoice(Record):
    """What a licensor asks for, numbered without gaps. It is never changed: a credit note takes it back."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("issued by")
    )
    number = models.PositiveIntegerField(_("number"))
    licence = models.ForeignKey("collab.Licence", models.PROTECT, related_name="invoices", verbose_name=_("licence"))
    report = models.ForeignKey(
        RoyaltyReport, models.PROTECT, null=True, blank=True, related_name="invoices", verbose_name=_("for the report")
    )
    credits = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="credited_by", verbose_name=_("takes back")
    )
    interest_on = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="interest", verbose_name=_("late interest on")
    )
    issued_on = models.DateField(_("issued on"), default=timezone.localdate)
    due_on = models.DateField(_("due on"))
    currency = _currency()
    total = _money(_("total"))
    paid = _money(_("paid"), default=0)
    waived = _money(_("written off"), default=0)
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in InvoiceState], default=InvoiceState.OPEN
    )
    issued_by = _by(_("issued by the person"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "number"], name="invoice_number_once"),
            models.UniqueConstraint(
                fields=["report"],
                condition=Q(report__isnull=False, credits=None) & ~Q(state=InvoiceState.CANCELLED.value),
                name="royalty_report_invoiced_once",
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="invoice_numbers_begin_with_one"),
            models.CheckConstraint(condition=~Q(currency=""), name="invoice_currency_is_known"),
            models.CheckConstraint(condition=_known("state", InvoiceState), name="invoice_state_is_known"),
            models.CheckConstraint(
                condition=Q(credits=None, total__gt=0, total__lte=MOST, paid__gte=0, waived__gte=0)
                & Q(paid__lte=F("total") - F("waived"))
                | Q(credits__isnull=False, total__lt=0, paid=0, waived=0),
                name="invoice_is_never_overpaid",
            ),
            models.CheckConstraint(
                condition=Q(state=InvoiceState.OPEN.value, paid=0, waived__lt=F("total"))
                | Q(state=InvoiceState.PART_PAID.value, paid__gt=0, paid__lt=F("total") - F("waived"))
                | Q(state=InvoiceState.PAID.value, paid__gt=0, paid=F("total") - F("waived"))
                | Q(state=InvoiceState.WRITTEN_OFF.value, paid=0, waived=F("total"))
                | Q(state__in=[InvoiceState.CANCELLED.value, InvoiceState.CREDIT_NOTE.value], paid=0, waived=0),
                name="invoice_state_follows_what_is_paid",
            ),
        ]
        indexes = [models.Index(fields=["state", "due_on"], name="invoice_by_day")]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("collab:invoice", args=[self.pk])

    @property
    def reference(self) -> str:
        """The number as it stands on the paper."""
        return f"{self.organisation.slug.upper()}-{self.number:05d}"

    @property
    def left(self) -> int:
        """What is still asked for: neither paid nor written off."""
        return self.total - self.paid - self.waived

    @property
    def still_asked(self) -> int:
        """What is left of one that is open; of any other, nothing."""
        return self.left if self.is_open else 0

    @property
    def money(self) -> Decimal:
        return from_minor(self.total, self.currency)

    @property
    def left_money(self) -> Decimal:
        return from_minor(self.left, self.currency)

    @property
    def is_open(self) -> bool:
        return self.state in {InvoiceState.OPEN, InvoiceState.PART_PAID}

    @property
    def is_late(self) -> bool:
        return self.is_open and self.due_on < timezone.localdate()


class InvoiceLine(Titled):
    """One sum of an invoice, in both languages."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="lines", verbose_name=_("invoice"))
    position = models.PositiveSmallIntegerField(default=0)
    payment = models.ForeignKey(
        ScheduledPayment,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="invoice_lines",
        verbose_name=_("scheduled payment"),
    )
    amount = _money(_("amount"))

    class Meta:
        verbose_name = _("line of an invoice")
        verbose_name_plural = _("lines of invoices")
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="invoice_line_once"),
            models.CheckConstraint(
                condition=~Q(amount=0) & _no_more_than(MOST, "amount"), name="invoice_line_is_something"
            ),
        ]

    @property
    def money(self) -> Decimal:
        return from_minor(self.amount, self.invoice.currency)


class LateStep(Record):
    """A step that was taken about a report or an invoice that was late, each once."""

    licence = models.ForeignKey("collab.Licence", models.PROTECT, related_name="late_steps", verbose_name=_("licence"))
    report = models.ForeignKey(
        RoyaltyReport, models.CASCADE, null=True, blank=True, related_name="late_steps", verbose_name=_("report")
    )
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, null=True, blank=True, related_name="late_steps", verbose_name=_("invoice")
    )
    stage = models.PositiveSmallIntegerField(_("step"), choices=LateStage.choices)
    told_on = models.DateField(_("told on"))

    class Meta:
        verbose_name = _("step about what is late")
        verbose_name_plural = _("steps about what is late")
        ordering = ["told_on", "stage"]
        constraints = [
            models.UniqueConstraint(fields=["report", "stage"], name="late_step_once_per_report"),
            models.UniqueConstraint(fields=["invoice", "stage"], name="late_step_once_per_invoice"),
            models.CheckConstraint(
                condition=Q(report=None, invoice__isnull=False) | Q(report__isnull=False, invoice=None),
                name="late_step_is_about_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_stage_display())

    def get_absolute_url(self) -> str:
        row = self.report or self.invoice
        assert row is not None  # held by the constraint
        return row.get_absolute_url()


# --- rates, entered by hand
class ExchangeRate(Record):
    """What one unit of a currency is worth in another, from a day until a day. Two never hold for the same day."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("in the books of")
    )
    source = _currency(_("one unit of"))
    target = _currency(_("is worth in"))
    from_on = models.DateField(_("from"))
    until_on = models.DateField(_("until"))
    rate = models.DecimalField(_("rate"), max_digits=18, decimal_places=8)
    reference = models.CharField(_("where it is from"), max_length=200, blank=True, validators=[PlainTextValidator()])
    entered_by = _by(_("entered by"))

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        ordering = ["-from_on", "source"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "source", "target", "from_on"], name="exchange_rate_once_per_day"
            ),
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchange_rate_is_positive"),
            models.CheckConstraint(condition=Q(until_on__gte=F("from_on")), name="exchange_rate_days_in_order"),
            models.CheckConstraint(
                condition=~Q(source="") & ~Q(target="") & ~Q(source=F("target")),
                name="exchange_rate_between_two_currencies",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} → {self.target} {self.rate:f}"


class InterestRule(Record):
    """The rate of late interest from a day on, where a licence names none of its own."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("licensor")
    )
    from_on = models.DateField(_("from"))
    percent = _percent(_("per cent a year"))
    entered_by = _by(_("entered by"))

    class Meta:
        verbose_name = _("rate of late interest")
        verbose_name_plural = _("rates of late interest")
        ordering = ["-from_on"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "from_on"], name="interest_rule_once_per_day"),
            models.CheckConstraint(condition=Q(percent__gte=0, percent__lte=100), name="interest_rule_is_sound"),
        ]

    def __str__(self) -> str:
        return f"{self.percent.normalize():f} %"


# --- how it is divided
class RoyaltyPolicy(Record):
    """The books of an organisation: their currency, and how income is divided. Its versions say since when."""

    organisation = models.OneToOneField(
        "collab.Organisation", models.PROTECT, related_name="royalty_policy", verbose_name=_("organisation")
    )
    currency = _currency(_("currency of the books"))
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("royalty policy")
        verbose_name_plural = _("royalty policies")
        constraints = [
            models.CheckConstraint(condition=~Q(currency=""), name="policy_currency_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.organisation}"

    def get_absolute_url(self) -> str:
        return reverse("collab:royalty_policy", args=[self.organisation.slug])


class PolicyVersion(Record):
    """How income is divided that is received from a day on. A version is never changed; a new one follows it."""

    policy = models.ForeignKey(RoyaltyPolicy, models.PROTECT, related_name="versions", verbose_name=_("policy"))
    number = models.PositiveIntegerField(_("number"))
    effective_on = models.DateField(_("for receipts from"))
    content = models.JSONField(_("rules"))
    note = models.CharField(_("note"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    created_by = _by(_("entered by"))

    class Meta:
        verbose_name = _("version of a royalty policy")
        verbose_name_plural = _("versions of royalty policies")
        ordering = ["policy", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number_once"),
            models.UniqueConstraint(fields=["policy", "effective_on"], name="policy_version_once_per_day"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"

    @cached_property
    def rules(self) -> Policy:
        return read_policy(self.content, currency=self.policy.currency)


class ThirdPartyShare(Record):
    """Somebody outside (a sponsor, another institution) who is owed a part of what a case brings."""

    case = models.ForeignKey(
        "collab.TransferCase", models.PROTECT, related_name="third_parties", verbose_name=_("case")
    )
    name = models.CharField(_("name"), max_length=200, validators=[DisplayNameValidator()])
    percent = _percent(_("per cent of what it brings"))
    from_on = models.DateField(_("for receipts from"))
    until_on = models.DateField(_("until before"), null=True, blank=True)
    ground = models.CharField(_("by what"), max_length=300, blank=True, validators=[PlainTextValidator()])
    entered_by = _by(_("entered by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("share of a third party")
        verbose_name_plural = _("shares of third parties")
        ordering = ["case", "created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(percent__gt=0, percent__lte=100), name="third_party_share_is_sound"),
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gt=F("from_on")), name="third_party_days_in_order"
            ),
        ]

    def __str__(self) -> str:
        return self.name


# --- what came in
class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def visible_to(self, user: Person, word: str = "royalty.view") -> ReceiptQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_licence(self) -> ReceiptQuerySet:
        return self.select_related("organisation", "licence__agreement__project", "licence__licensee", "reversed_by")

    def standing(self) -> ReceiptQuerySet:
        """Neither a reversal nor reversed."""
        return self.filter(reverses=None, reversed_by=None)

    def to_distribute(self) -> ReceiptQuerySet:
        """Matched with invoices further than distributed, and held by no proposal."""
        return self.standing().filter(matched__gt=0, undistributed__gt=0, held_by=None)


class Receipt(Record):
    """Money that arrived, in its currency and in that of the books, and what became of it."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("in the books of")
    )
    licence = models.ForeignKey("collab.Licence", models.PROTECT, related_name="receipts", verbose_name=_("licence"))
    received_on = models.DateField(_("received on"))
    amount = _money(_("amount"))
    currency = _currency()
    rate = models.DecimalField(_("rate"), max_digits=18, decimal_places=8, null=True, blank=True)
    booked = _money(_("in the books"))
    book_currency = _currency(_("currency of the books"))
    matched = _money(_("matched with invoices"), default=0)
    distributed = _money(_("distributed"), default=0)
    retained = _money(_("retained"), default=0)
    passed_on = _money(_("passed on"), default=0)
    refunded = _money(_("refunded"), default=0)
    undistributed = _money(_("undistributed"))
    paid_back = _money(_("paid back"), default=0)  # what is refunded, in the currency of the receipt
    reference = models.CharField(_("bank reference"), max_length=80, blank=True, validators=[PlainTextValidator()])
    note = models.CharField(_("note"), max_length=500, blank=True, validators=[PlainTextValidator()])
    partner_payment = models.ForeignKey(
        "collab.PartnerPayment",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="receipts",
        verbose_name=_("passed on by"),
    )
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversed_by", verbose_name=_("reverses")
    )
    reversed_at = models.DateTimeField(_("reversed at"), null=True, blank=True, editable=False)
    held_by = models.ForeignKey(
        "collab.Distribution",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="holds",
        verbose_name=_("held by the proposal"),
    )
    entered_by = _by(_("entered by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        ordering = ["-received_on", "-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    booked=F("distributed") + F("retained") + F("passed_on") + F("refunded") + F("undistributed")
                ),
                name="receipt_is_somewhere_to_the_cent",
            ),
            models.CheckConstraint(
                condition=Q(reverses=None, amount__gt=0, booked__gte=0, distributed__gte=0)
                & Q(retained__gte=0, passed_on__gte=0, undistributed__gte=0)
                & Q(refunded__gte=0, paid_back__gte=0)
                & Q(matched__gte=0, matched__lte=F("amount") - F("paid_back"))
                | Q(reverses__isnull=False, amount__lt=0, booked__lte=0)
                & Q(matched=0, distributed=0, retained=0, passed_on=0, refunded=0, paid_back=0),
                name="receipt_has_one_sign",
            ),
            models.CheckConstraint(condition=_no_more_than(MOST, "amount", "booked"), name="receipt_is_sound"),
            models.CheckConstraint(
                condition=~Q(currency="") & ~Q(book_currency=""),
                name="receipt_currency_is_known",
            ),
            models.CheckConstraint(
                condition=Q(currency=F("book_currency"), rate=None, booked=F("amount"))
                | ~Q(currency=F("book_currency")) & Q(rate__gt=0),
                name="receipt_converted_by_a_rate",
            ),
            models.UniqueConstraint(
                fields=["organisation", "reference"],
                condition=~Q(reference="") & Q(reverses=None, reversed_at=None),
                name="receipt_reference_once",
            ),
        ]
        indexes = [models.Index(fields=["organisation", "received_on"], name="receipt_by_day")]

    def __str__(self) -> str:
        return f"{self.received_on} · {from_minor(self.amount, self.currency)} {self.currency}"

    def get_absolute_url(self) -> str:
        return reverse("collab:receipt", args=[self.pk])

    @property
    def money(self) -> Decimal:
        return from_minor(self.amount, self.currency)

    @property
    def unmatched(self) -> int:
        """What pays no invoice and is still there."""
        return self.amount - self.matched - self.paid_back

    @property
    def given_out(self) -> int:
        return self.distributed + self.retained + self.passed_on


class ReceiptMatch(Record):
    """So much of a receipt pays this invoice."""

    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="matches", verbose_name=_("receipt"))
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="matches", verbose_name=_("invoice"))
    amount = _money(_("amount"))
    matched_by = _by(_("matched by"))
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)

    class Meta:
        verbose_name = _("match of a receipt")
        verbose_name_plural = _("matches of receipts")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["receipt", "invoice"], condition=Q(undone_at=None), name="receipt_matched_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0, amount__lte=MOST), name="match_is_something"),
        ]

    def __str__(self) -> str:
        return f"{self.receipt} → {self.invoice}"


# --- who got it
class DistributionQuerySet(models.QuerySet["Distribution"]):
    def visible_to(self, user: Person, word: str = "royalty.view") -> DistributionQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]


class Distribution(Record):
    """Receipts divided by one version of the policy: proposed by one person, posted by the approval of another."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="distributions", verbose_name=_("organisation")
    )
    number = models.PositiveIntegerField(_("number"))
    policy = models.ForeignKey(PolicyVersion, models.PROTECT, related_name="+", verbose_name=_("version of the policy"))
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="reversals", verbose_name=_("reverses")
    )
    currency = _currency()
    receipts = models.PositiveIntegerField(_("receipts"), default=0)
    amount = _money(_("amount"))
    distributed = _money(_("distributed"))
    retained = _money(_("retained"))
    passed_on = _money(_("passed on"), default=0)
    digest = models.CharField(_("hash of the preview"), max_length=64, editable=False)
    summary = models.JSONField(_("summary"), default=dict, blank=True, editable=False)
    state = models.CharField(
        _("state"),
        max_length=20,
        choices=[(s.value, s.value) for s in DistributionState],
        default=DistributionState.PROPOSED,
    )
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    proposed_by = _by(_("proposed by"))
    decided_by = _by(_("decided by"), null=True, blank=True)
    posted_at = models.DateTimeField(_("posted"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = DistributionQuerySet.as_manager()

    class Meta:
        verbose_name = _("distribution")
        verbose_name_plural = _("distributions")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "number"], name="distribution_number_once"),
            models.UniqueConstraint(
                fields=["reverses"],
                condition=Q(state__in=[DistributionState.PROPOSED.value, DistributionState.POSTED.value]),
                name="distribution_reversed_once",
            ),
            models.CheckConstraint(
                condition=Q(amount=F("distributed") + F("retained") + F("passed_on")),
                name="distribution_is_whole_to_the_cent",
            ),
            models.CheckConstraint(
                condition=Q(reverses=None, amount__gte=0, distributed__gte=0, retained__gte=0, passed_on__gte=0)
                | Q(reverses__isnull=False, amount__lte=0, distributed__lte=0, retained__lte=0, passed_on__lte=0),
                name="distribution_has_one_sign",
            ),
            models.CheckConstraint(condition=_known("state", DistributionState), name="distribution_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state=DistributionState.POSTED.value)
                | Q(posted_at__isnull=False, decided_by__isnull=False) & ~Q(decided_by=F("proposed_by")),
                name="distribution_approved_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{_('Distribution')} {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("collab:distribution", args=[self.pk])

    @property
    def money(self) -> Decimal:
        return from_minor(self.amount, self.currency)

    @cached_property
    def reversal(self) -> Distribution | None:
        """What takes it back, proposed or posted."""
        standing = [DistributionState.PROPOSED, DistributionState.POSTED]
        return self.reversals.filter(state__in=standing).first()


class CostRepayment(Record):
    """So much of a cost of protection was repaid by a distribution: in the books, and in the currency of the cost."""

    distribution = models.ForeignKey(
        Distribution, models.PROTECT, related_name="repayments", verbose_name=_("distribution")
    )
    cost = models.ForeignKey(
        "collab.ProtectionCost", models.PROTECT, related_name="repayments", verbose_name=_("cost of protection")
    )
    booked = _money(_("in the books"))
    amount = models.DecimalField(_("amount"), max_digits=17, decimal_places=4)

    class Meta:
        verbose_name = _("repayment of a cost")
        verbose_name_plural = _("repayments of costs")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["distribution", "cost"], name="cost_repaid_once_per_distribution"),
            models.CheckConstraint(condition=~Q(booked=0), name="cost_repayment_is_something"),
        ]

    def __str__(self) -> str:
        return f"{self.cost} · {self.distribution}"


class StatementQuerySet(models.QuerySet["Statement"]):
    def visible_to(self, user: Person, word: str = "statement.view") -> StatementQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]


class Statement(Record):
    """What one inventor gets by a distribution."""

    distribution = models.ForeignKey(
        Distribution, models.PROTECT, related_name="statements", verbose_name=_("distribution")
    )
    person = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("person")
    )
    key = models.CharField(max_length=300)  # the person, or the address of somebody without an account
    name = models.CharField(_("name"), max_length=200)
    amount = _money(_("amount"))

    objects = StatementQuerySet.as_manager()

    class Meta:
        verbose_name = _("statement of income")
        verbose_name_plural = _("statements of income")
        ordering = ["-created_at", "name"]
        constraints = [
            models.UniqueConstraint(fields=["distribution", "key"], name="statement_once_per_inventor"),
        ]

    def __str__(self) -> str:
        return f"{self.name} · {self.distribution}"

    def get_absolute_url(self) -> str:
        return reverse("collab:statement", args=[self.pk])

    @property
    def money(self) -> Decimal:
        return from_minor(self.amount, self.distribution.currency)


class LedgerEntry(Record):
    """One movement: credits are positive. The entries of a distribution make zero, and are never changed."""

    distribution = models.ForeignKey(
        Distribution, models.PROTECT, related_name="entries", verbose_name=_("distribution")
    )
    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="entries", verbose_name=_("receipt"))
    account = models.CharField(_("account"), max_length=20, choices=[(a.value, ACCOUNT_WORDS[a]) for a in Account])
    amount = _money(_("amount"))
    rule = models.CharField(_("by the rule"), max_length=200, blank=True)
    inventor = models.ForeignKey(
        "collab.Inventor", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("inventor")
    )
    third_party = models.ForeignKey(
        ThirdPartyShare, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("third party")
    )
    statement = models.ForeignKey(
        Statement, models.PROTECT, null=True, blank=True, related_name="entries", verbose_name=_("statement")
    )
    case = models.ForeignKey(  # empty: that of the licence
        "collab.TransferCase", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("case")
    )
    licensor = models.ForeignKey(
        "collab.Organisation", models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name=_("further licensor"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("entry of the ledger")
        verbose_name_plural = _("entries of the ledger")
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(condition=_known("account", Account), name="entry_account_is_known"),
            models.CheckConstraint(condition=~Q(amount=0) & _no_more_than(MOST, "amount"), name="entry_is_something"),
            models.CheckConstraint(
                condition=Q(account=Account.INVENTORS.value, inventor__isnull=False, statement__isnull=False)
                | ~Q(account=Account.INVENTORS.value) & Q(inventor=None, statement=None),
                name="entry_of_an_inventor_names_them",
            ),
            models.CheckConstraint(
                condition=Q(account=Account.LICENSORS.value, licensor__isnull=False)
                | ~Q(account=Account.LICENSORS.value) & Q(licensor=None),
                name="entry_of_a_licensor_names_it",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_account_display()} {self.amount}"


# --- what is passed on to further licensors
class PartnerPaymentQuerySet(models.QuerySet["PartnerPayment"]):
    def visible_to(self, user: Person, word: str = "royalty.view") -> PartnerPaymentQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_all(self) -> PartnerPaymentQuerySet:
        return self.select_related(
            "organisation", "partner", "licence__agreement__project", "licence__licensee", "entered_by", "reversed_by"
        )

    def standing(self) -> PartnerPaymentQuerySet:
        """Neither a reversal nor reversed."""
        return self.filter(reverses=None, reversed_by=None)

    def not_booked(self) -> PartnerPaymentQuerySet:
        """Paid, and not in the books of whom it was paid to."""
        return self.standing().exclude(receipts__in=Receipt.objects.standing())


class PartnerPayment(Record):
    """The administering licensor paid another licensor its part; never changed, taken back by one below zero."""

    organisation = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("paid by"))
    partner = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("paid to"))
    licence = models.ForeignKey(
        "collab.Licence", models.PROTECT, related_name="partner_payments", verbose_name=_("licence")
    )
    paid_on = models.DateField(_("paid on"))
    amount = _money(_("amount"))
    currency = _currency()
    reference = models.CharField(_("bank reference"), max_length=80, blank=True, validators=[PlainTextValidator()])
    note = models.CharField(_("note"), max_length=500, blank=True, validators=[PlainTextValidator()])
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversed_by", verbose_name=_("reverses")
    )
    reversed_at = models.DateTimeField(_("reversed at"), null=True, blank=True, editable=False)
    entered_by = _by(_("entered by"))

    objects = PartnerPaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment to a licensor")
        verbose_name_plural = _("payments to licensors")
        ordering = ["-paid_on", "-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reverses=None, amount__gt=0, amount__lte=MOST)
                | Q(reverses__isnull=False, amount__lt=0, amount__gte=-MOST),
                name="partner_payment_has_one_sign",
            ),
            models.CheckConstraint(condition=~Q(organisation=F("partner")), name="partner_payment_is_between_two"),
            models.CheckConstraint(condition=~Q(currency=""), name="partner_payment_currency_is_known"),
            models.UniqueConstraint(
                fields=["organisation", "reference"],
                condition=~Q(reference="") & Q(reverses=None, reversed_at=None),
                name="partner_payment_reference_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.paid_on} · {from_minor(self.amount, self.currency)} {self.currency}"

    def get_absolute_url(self) -> str:
        return reverse("collab:partner_payment", args=[self.pk])

    @property
    def money(self) -> Decimal:
        return from_minor(self.amount, self.currency)
