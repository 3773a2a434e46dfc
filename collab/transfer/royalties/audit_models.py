"""Examinations of a licensee's books: what was found in which report, and what it makes of what was owed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.royalties.models import MOST, RoyaltyReport, _by, _currency, _money
from collab.transfer.royalties.states import AUDIT_OPEN, AuditState

if TYPE_CHECKING:
    from collab.access.policy import Person


class AuditQuerySet(models.QuerySet["RoyaltyAudit"]):
    def visible_to(self, user: Person, word: str = "royalty.view") -> AuditQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_licence(self) -> AuditQuerySet:
        return self.select_related("licence__agreement__project", "licence__licensor", "licence__licensee")

    def open(self) -> AuditQuerySet:
        return self.filter(state__in=[state.value for state in AUDIT_OPEN])


class RoyaltyAudit(Record):
    """An examination of what a licensee reported for a time, by somebody independent, under the licence's right."""

    licence = models.ForeignKey("collab.Licence", models.PROTECT, related_name="audits", verbose_name=_("licence"))
    number = models.PositiveSmallIntegerField(_("number"))
    starts_on = models.DateField(_("examined from"))
    ends_on = models.DateField(_("examined until"))
    auditor = models.CharField(_("auditor"), max_length=200, validators=[DisplayNameValidator()])
    announced_on = models.DateField(_("announced on"), default=timezone.localdate)
    begins_on = models.DateField(_("begins on"))
    note = models.TextField(
        _("what is to be made ready"), max_length=4000, blank=True, validators=[PlainTextValidator()]
    )
    currency = _currency()
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in AuditState], default=AuditState.ANNOUNCED
    )
    summary = models.TextField(_("what was found"), max_length=8000, blank=True, validators=[PlainTextValidator()])
    cost = _money(_("cost of the audit"), default=0)
    reported = _money(_("owed as reported"), default=0)
    underpaid = _money(_("paid too little"), default=0)  # below zero: too much
    interest = _money(_("late interest"), default=0)
    cost_borne = _money(_("cost that the licensee bears"), default=0)
    answer_by = models.DateField(_("to be answered by"), null=True, blank=True)
    reason = models.TextField(_("objection or reason"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    announced_by = _by(_("announced by"))
    reported_by = _by(_("findings entered by"), null=True, blank=True)
    reported_at = models.DateTimeField(_("findings entered"), null=True, blank=True)
    answered_by = _by(_("answered by"), null=True, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("royalty audit")
        verbose_name_plural = _("royalty audits")
        ordering = ["-announced_on", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["licence", "number"], name="royalty_audit_number_once"),
            models.UniqueConstraint(
                fields=["licence"],
                condition=Q(state__in=[state.value for state in AUDIT_OPEN]),
                name="royalty_audit_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in AuditState]), name="royalty_audit_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on"), begins_on__gte=F("announced_on")),
                name="royalty_audit_days_in_order",
            ),
            models.CheckConstraint(
                condition=Q(cost__gte=0, cost__lte=MOST, interest__gte=0, interest__lte=MOST)
                & Q(cost_borne__gte=0, cost_borne__lte=F("cost"), underpaid__gte=-MOST, underpaid__lte=MOST),
                name="royalty_audit_money_is_sound",
            ),
            models.CheckConstraint(
                condition=~Q(state=AuditState.AGREED.value)
                | Q(reported_by__isnull=False, answered_by__isnull=False) & ~Q(reported_by=F("answered_by")),
                name="royalty_audit_agreed_by_the_other",
            ),
        ]

    def __str__(self) -> str:
        return _now("Audit %(n)d of %(licence)s") % {"n": self.number, "licence": self.licence}

    def get_absolute_url(self) -> str:
        return reverse("collab:royalty_audit", args=[self.pk])

    @property
    def to_pay(self) -> int:
        """What agreeing makes due: nothing where too much was paid."""
        return max(0, self.underpaid) + self.interest + self.cost_borne


class AuditFinding(Record):
    """What a report left out: sales, units or income that were not reported, deductions that were not allowed."""

    audit = models.ForeignKey(RoyaltyAudit, models.CASCADE, related_name="findings", verbose_name=_("audit"))
    position = models.PositiveSmallIntegerField(default=0)
    report = models.ForeignKey(RoyaltyReport, models.PROTECT, related_name="findings", verbose_name=_("report"))
    sublicence = models.ForeignKey(
        "collab.Sublicence", models.PROTECT, null=True, blank=True, related_name="findings",
        verbose_name=_("income of the sublicence"),
    )  # fmt: skip
    product = models.CharField(_("product"), max_length=200, validators=[DisplayNameValidator()])
    units = models.DecimalField(_("units not reported"), max_digits=18, decimal_places=4, default=0)
    gross = _money(_("gross sales not reported"), default=0)
    disallowed = _money(_("deductions not allowed"), default=0)
    sublicence_income = _money(_("sublicence income not reported"), default=0)

    class Meta:
        verbose_name = _("finding of an audit")
        verbose_name_plural = _("findings of audits")
        ordering = ["audit", "position"]
        constraints = [
            models.UniqueConstraint(fields=["audit", "position"], name="audit_finding_once"),
            models.CheckConstraint(
                condition=Q(units__gte=0, gross__gte=0, disallowed__gte=0, sublicence_income__gte=0)
                & Q(gross__lte=MOST, disallowed__lte=MOST, sublicence_income__lte=MOST),
                name="audit_finding_is_sound",
            ),
        ]

    def __str__(self) -> str:
        return self.product


class CorrectionQuerySet(models.QuerySet["AuditCorrection"]):
    def agreed(self) -> CorrectionQuerySet:
        """Those that count: both sides agreed on them."""
        return self.filter(audit__state=AuditState.AGREED)


class AuditCorrection(Record):
    """What the findings change in what one report owes. Tiers and caps carry a finding on into later reports."""

    audit = models.ForeignKey(RoyaltyAudit, models.CASCADE, related_name="corrections", verbose_name=_("audit"))
    report = models.ForeignKey(RoyaltyReport, models.PROTECT, related_name="corrections", verbose_name=_("report"))
    base = models.DecimalField(_("basis"), max_digits=20, decimal_places=4, default=Decimal(0))
    royalty = _money(_("royalty"), default=0)
    minimum = _money(_("to make up the minimum"), default=0)
    sublicence_share = _money(_("share of sublicence income"), default=0)

    objects = CorrectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("correction of a royalty report")
        verbose_name_plural = _("corrections of royalty reports")
        ordering = ["audit", "report__starts_on"]
        constraints = [models.UniqueConstraint(fields=["audit", "report"], name="audit_correction_once")]

    def __str__(self) -> str:
        return str(self.report)

    @property
    def due(self) -> int:
        return self.royalty + self.minimum + self.sublicence_share
