"""The money of a project: lines by party, period and category, what was spent on them, and what training costs."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record
from collab.projects.models.project import CURRENCY


class CostCategory(models.TextChoices):
    PERSONNEL = "personnel", _("Personnel")
    EQUIPMENT = "equipment", _("Equipment")
    COMPUTE = "compute", _("Compute")
    TRAVEL = "travel", _("Travel")
    SUBCONTRACT = "subcontract", _("Subcontracts")
    OTHER = "other", _("Other direct costs")
    OVERHEAD = "overhead", _("Overhead")


def default_thresholds() -> list[int]:
    return [80, 100]


class Budget(Record):
    """The budget of a project: one currency, and the shares of the plan at which people are told."""

    project = models.OneToOneField("collab.Project", models.PROTECT, related_name="budget", verbose_name=_("project"))
    currency = models.CharField(_("currency"), max_length=3, default="EUR", validators=[CURRENCY])
    thresholds = models.JSONField(_("tell at, per cent of the plan"), default=default_thresholds)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")

    def __str__(self) -> str:
        return f"{self.project} ({self.currency})"


class BudgetLine(Record):
    """What one party plans, has committed and has spent, in one category and period."""

    budget = models.ForeignKey(Budget, models.PROTECT, related_name="lines", verbose_name=_("budget"))
    party = models.ForeignKey(
        "collab.ProjectParty", models.PROTECT, related_name="budget_lines", verbose_name=_("party")
    )
    category = models.CharField(_("category"), max_length=20, choices=CostCategory.choices)
    starts_on = models.DateField(_("period from"))
    ends_on = models.DateField(_("period until"))
    note = models.CharField(_("note"), max_length=200, blank=True, validators=[PlainTextValidator()])
    planned = models.DecimalField(_("planned"), max_digits=14, decimal_places=2, default=0)
    committed = models.DecimalField(_("committed"), max_digits=14, decimal_places=2, default=0)
    actual = models.DecimalField(_("actual"), max_digits=14, decimal_places=2, default=0, editable=False)

    class Meta:
        verbose_name = _("budget line")
        verbose_name_plural = _("budget lines")
        ordering = ["starts_on", "category", "created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "party", "category", "starts_on", "ends_on"], name="budget_line_once"
            ),
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="budget_period_in_order"),
            models.CheckConstraint(condition=Q(planned__gte=0, committed__gte=0), name="budget_line_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.party.organisation} · {self.get_category_display()}"

    @property
    def version(self) -> int:
        """Lines change with their budget: it counts the changes of all of them."""
        return self.budget.version


class CostEntry(Record):
    """One sum spent on a line. Entries are added, never changed; a mistake is booked back."""

    class Source(models.TextChoices):
        MANUAL = "manual", _("Booked by hand")
        TRAINING = "training", _("Training")

    line = models.ForeignKey(BudgetLine, models.PROTECT, related_name="entries", verbose_name=_("line"))
    on = models.DateField(_("on"), default=timezone.localdate)
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    source = models.CharField(_("source"), max_length=20, choices=Source.choices, default=Source.MANUAL)
    reference = models.CharField(_("reference"), max_length=80, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True, validators=[PlainTextValidator()])
    booked_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("booked by")
    )

    class Meta:
        verbose_name = _("cost")
        verbose_name_plural = _("costs")
        ordering = ["-on", "-created_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="cost_is_something"),
            models.UniqueConstraint(
                fields=["source", "reference"], condition=Q(source="training"), name="training_cost_booked_once"
            ),
        ]
        indexes = [models.Index(fields=["line", "on"], name="cost_by_day")]

    def __str__(self) -> str:
        return f"{self.on} · {self.amount}"


class TrainingRate(Record):
    """What an hour of one processor costs in a project, from a day on. A new price is a new row."""

    budget = models.ForeignKey(Budget, models.PROTECT, related_name="rates", verbose_name=_("budget"))
    per_cpu_hour = models.DecimalField(_("price of a processor hour"), max_digits=12, decimal_places=4)
    valid_from = models.DateField(_("valid from"))
    set_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("set by"))

    class Meta:
        verbose_name = _("training rate")
        verbose_name_plural = _("training rates")
        ordering = ["-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "valid_from"], name="training_rate_once_per_day"),
            models.CheckConstraint(condition=Q(per_cpu_hour__gte=0), name="training_rate_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.per_cpu_hour} · {self.valid_from}"


class BudgetAlert(Record):
    """A threshold that the spending has crossed: told once, until it falls below again."""

    budget = models.ForeignKey(Budget, models.PROTECT, related_name="alerts", verbose_name=_("budget"))
    threshold = models.PositiveSmallIntegerField(_("per cent of the plan"))
    cleared_at = models.DateTimeField(_("fell below again at"), null=True, blank=True)

    class Meta:
        verbose_name = _("budget alert")
        verbose_name_plural = _("budget alerts")
        ordering = ["threshold"]
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "threshold"], condition=Q(cleared_at=None), name="budget_alert_told_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.threshold} %"
