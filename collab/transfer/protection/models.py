"""Families and their members by jurisdiction and kind, what they cost, and counsel."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.currencies import AMOUNT_MAX
from collab.transfer.disclosures.models import in_language
from collab.transfer.protection.states import (
    ALIVE,
    KIND_WORDS,
    OFFICIAL,
    OVER,
    PENDING,
    ProtectionKind,
    ProtectionStatus,
)

if TYPE_CHECKING:
    from collab.access.policy import Person

JURISDICTION = RegexValidator(
    r"\A[A-Z]{2}\Z", _("Write the two letters of the office or country, such as US, EP, CN or WO.")
)


class Counsel(Record):
    """A patent attorney or another adviser of an organisation."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="counsel", verbose_name=_("organisation")
    )
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    firm = models.CharField(_("firm"), max_length=160, blank=True, validators=[PlainTextValidator()])
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("telephone"), max_length=40, blank=True, validators=[PlainTextValidator()])
    jurisdictions = models.CharField(
        _("admitted in"),
        max_length=120,
        blank=True,
        validators=[PlainTextValidator()],
        help_text=_("Two letters each, with commas: EP, DE."),
    )
    note = models.CharField(_("remark"), max_length=500, blank=True, validators=[PlainTextValidator()])
    is_active = models.BooleanField(_("still advises"), default=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("counsel")
        verbose_name_plural = _("counsel")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organisation", "name", "firm"], name="counsel_once")]

    def __str__(self) -> str:
        return f"{self.name} · {self.firm}" if self.firm else self.name


class FamilyQuerySet(models.QuerySet["Family"]):
    def visible_to(self, user: Person, word: str = "case.view") -> FamilyQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_all(self) -> FamilyQuerySet:
        """Loads what the page and the API tell."""
        return self.select_related("case__organisation", "case__disclosure").prefetch_related(
            "members__counsel", "members__parent"
        )


class Family(Record):
    """What protects one result: all its members, wherever and however."""

    case = models.ForeignKey("collab.TransferCase", models.PROTECT, related_name="families", verbose_name=_("case"))
    number = models.PositiveSmallIntegerField(_("number"), editable=False)
    title = models.CharField(_("title"), max_length=200, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=200, blank=True, validators=[PlainTextValidator()])
    note = models.TextField(_("remark"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("begun by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = FamilyQuerySet.as_manager()

    class Meta:
        verbose_name = _("family of protections")
        verbose_name_plural = _("families of protections")
        ordering = ["case", "number"]
        constraints = [models.UniqueConstraint(fields=["case", "number"], name="family_number_once_per_case")]

    def __str__(self) -> str:
        return f"{self.reference} · {in_language(self.title, self.title_zh)}"

    @property
    def reference(self) -> str:
        return f"{self.case.docket}-F{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("collab:family", args=[self.pk])


class ProtectionQuerySet(models.QuerySet["Protection"]):
    def visible_to(self, user: Person, word: str = "case.view") -> ProtectionQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def alive(self) -> ProtectionQuerySet:
        """Pending, granted or in force."""
        return self.filter(status__in=ALIVE)

    def with_rows(self) -> ProtectionQuerySet:
        """Loads what a line of a list tells."""
        return self.select_related("family__case__disclosure", "family__case__organisation", "counsel")

    def with_all(self) -> ProtectionQuerySet:
        """Loads what the page and the API tell."""
        return self.with_rows().select_related("parent__family__case").prefetch_related("costs", "deadlines")


class Protection(Record):
    """One member of a family: an application and the right it becomes, or what holds without an office."""

    family = models.ForeignKey(Family, models.PROTECT, related_name="members", verbose_name=_("family"))
    kind = models.CharField(_("kind"), max_length=20, choices=[(k.value, KIND_WORDS[k]) for k in ProtectionKind])
    jurisdiction = models.CharField(
        _("jurisdiction"), max_length=2, blank=True, validators=[JURISDICTION], help_text=_("US, EP, CN, WO …")
    )
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("follows from"),
        help_text=_("The member that it claims priority from, enters from, divides or continues."),
    )
    title = models.CharField(_("title"), max_length=200, blank=True, validators=[PlainTextValidator()])
    application_number = models.CharField(
        _("application number"), max_length=60, blank=True, validators=[PlainTextValidator()]
    )
    publication_number = models.CharField(
        _("publication number"), max_length=60, blank=True, validators=[PlainTextValidator()]
    )
    grant_number = models.CharField(_("grant number"), max_length=60, blank=True, validators=[PlainTextValidator()])
    instrument = models.CharField(
        _("licence or place"),
        max_length=160,
        blank=True,
        validators=[PlainTextValidator()],
        help_text=_("For an open licence its SPDX name, for a deposit where, for a secret who keeps it."),
    )
    priority_on = models.DateField(_("priority date"), null=True, blank=True)
    filed_on = models.DateField(_("filed or in force since"), null=True, blank=True)
    published_on = models.DateField(_("published on"), null=True, blank=True)
    granted_on = models.DateField(_("granted on"), null=True, blank=True)
    expires_on = models.DateField(_("expires on"), null=True, blank=True)
    ended_on = models.DateField(_("ended on"), null=True, blank=True, editable=False)
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=[(s.value, s.value) for s in ProtectionStatus],
        default=ProtectionStatus.PLANNED,
    )
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    counsel = models.ForeignKey(
        Counsel, models.PROTECT, null=True, blank=True, related_name="protections", verbose_name=_("counsel")
    )
    counsel_reference = models.CharField(
        _("reference of counsel"), max_length=60, blank=True, validators=[PlainTextValidator()]
    )
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("entered by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = ProtectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("protection")
        verbose_name_plural = _("protections")
        ordering = ["family", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ProtectionStatus]), name="protection_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[k.value for k in ProtectionKind]), name="protection_kind_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=sorted(OFFICIAL)) | ~Q(jurisdiction=""),
                name="protection_of_an_office_names_it",
            ),
            models.CheckConstraint(
                condition=Q(kind="pct", jurisdiction="WO") | (~Q(kind="pct") & ~Q(jurisdiction="WO")),
                name="protection_pct_is_international",
            ),
            models.CheckConstraint(
                condition=Q(priority_on=None) | Q(filed_on=None) | Q(priority_on__lte=F("filed_on")),
                name="protection_priority_before_filing",
            ),
            models.CheckConstraint(
                condition=Q(published_on=None) | Q(published_on__gte=F("filed_on")),
                name="protection_published_after_filing",
            ),
            models.CheckConstraint(
                condition=Q(granted_on=None) | Q(granted_on__gte=F("filed_on")), name="protection_granted_after_filing"
            ),
            models.CheckConstraint(
                condition=Q(expires_on=None) | Q(filed_on=None) | Q(expires_on__gt=F("filed_on")),
                name="protection_expires_after_filing",
            ),
            models.CheckConstraint(
                condition=Q(status="planned", filed_on=None)
                | Q(status="abandoned")
                | (~Q(status__in=["planned", "abandoned"]) & Q(filed_on__isnull=False)),
                name="protection_filed_has_its_day",
            ),
            models.CheckConstraint(
                condition=~Q(status="granted") | Q(granted_on__isnull=False), name="protection_granted_has_its_day"
            ),
            models.CheckConstraint(
                condition=~Q(status="published") | Q(published_on__isnull=False),
                name="protection_published_has_day",
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(OVER), ended_on__isnull=False)
                | (~Q(status__in=sorted(OVER)) & Q(ended_on=None)),
                name="protection_over_has_its_day",
            ),
        ]
        indexes = [models.Index(fields=["status", "jurisdiction"], name="protection_by_status")]

    def __str__(self) -> str:
        named = [self.jurisdiction, str(self.get_kind_display()), self.number or self.instrument]
        return " · ".join([self.family.reference, *(part for part in named if part)])

    @property
    def number(self) -> str:
        """The number it is known by now."""
        return self.grant_number or self.publication_number or self.application_number

    @property
    def is_pending(self) -> bool:
        return self.status in PENDING

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def counts_from(self) -> date | None:
        """The priority date: as entered, or its own filing date."""
        return self.priority_on or self.filed_on

    def get_absolute_url(self) -> str:
        return reverse("collab:protection", args=[self.pk])


class CostKind(models.TextChoices):
    OFFICIAL_FEE = "official_fee", _("Fee of the office")
    RENEWAL = "renewal", _("Renewal fee")
    COUNSEL = "counsel", _("Counsel")
    SEARCH = "search", _("Search")
    TRANSLATION = "translation", _("Translation")
    OTHER = "other", _("Other")


class CostQuerySet(models.QuerySet["ProtectionCost"]):
    def visible_to(self, user: Person, word: str = "case.view") -> CostQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def standing(self) -> CostQuerySet:
        return self.filter(cancelled_at=None)

    def paid(self) -> CostQuerySet:
        return self.standing().filter(paid_on__isnull=False)

    def unrepaid(self) -> CostQuerySet:
        """Paid, and not yet repaid from income or by a licensee, the oldest first."""
        return self.paid().filter(repaid=False).order_by("paid_on", "created_at", "pk")


class ProtectionCost(Record):
    """What was spent on a protection. Amounts stay; a mistake is cancelled with its reason and entered anew."""

    protection = models.ForeignKey(Protection, models.PROTECT, related_name="costs", verbose_name=_("protection"))
    kind = models.CharField(_("kind"), max_length=20, choices=CostKind.choices)
    amount = models.DecimalField(_("amount"), max_digits=17, decimal_places=4)
    currency = models.CharField(_("currency"), max_length=3)
    incurred_on = models.DateField(_("incurred on"))
    paid_on = models.DateField(_("paid on"), null=True, blank=True)
    counsel = models.ForeignKey(
        Counsel, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("counsel")
    )
    reference = models.CharField(_("invoice number"), max_length=60, blank=True, validators=[PlainTextValidator()])
    note = models.CharField(_("remark"), max_length=300, blank=True, validators=[PlainTextValidator()])
    repaid_amount = models.DecimalField(
        _("repaid so far"), max_digits=17, decimal_places=4, default=Decimal(0), editable=False
    )
    repaid = models.BooleanField(_("repaid"), default=False, editable=False)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True, editable=False)
    cancel_reason = models.CharField(_("why cancelled"), max_length=300, blank=True, validators=[PlainTextValidator()])
    entered_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("entered by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = CostQuerySet.as_manager()

    class Meta:
        verbose_name = _("cost of protection")
        verbose_name_plural = _("costs of protection")
        ordering = ["-incurred_on", "-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=AMOUNT_MAX), name="protection_cost_is_sound_money"
            ),
            models.CheckConstraint(
                condition=Q(paid_on=None) | Q(paid_on__gte=F("incurred_on")), name="protection_cost_paid_after_incurred"
            ),
            models.CheckConstraint(
                condition=Q(repaid=True, repaid_amount=F("amount"))
                | Q(repaid=False, repaid_amount__gte=0, repaid_amount__lt=F("amount")),
                name="protection_cost_repaid_up_to_its_amount",
            ),
            models.CheckConstraint(
                condition=Q(cancelled_at=None, cancel_reason="")
                | (Q(cancelled_at__isnull=False, repaid_amount=0) & ~Q(cancel_reason="")),
                name="protection_cost_cancelled_with_reason",
            ),
        ]
        indexes = [models.Index(fields=["protection", "repaid"], name="protection_cost_to_repay")]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency} · {self.get_kind_display()}"

    @property
    def left(self) -> Decimal:
        """What is still to be repaid."""
        return self.amount - self.repaid_amount
