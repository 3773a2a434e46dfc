"""What of receipts was paid back to licensees: more had arrived than was asked for."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import Person, visible_to
from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.royalties.models import MOST, Receipt
from collab.transfer.royalties.money import from_minor


class RefundQuerySet(models.QuerySet["Refund"]):
    def visible_to(self, user: Person, word: str = "royalty.view") -> RefundQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def standing(self) -> RefundQuerySet:
        """Neither taken back nor what takes one back."""
        return self.filter(reverses=None, reversed_by=None)


class Refund(Record):
    """So much of a receipt went back, in its currency and in the books; never changed, taken back by one below zero."""

    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="refunds", verbose_name=_("receipt"))
    refunded_on = models.DateField(_("refunded on"), default=timezone.localdate)
    amount = models.BigIntegerField(_("amount"))
    booked = models.BigIntegerField(_("in the books"))
    reference = models.CharField(_("bank reference"), max_length=80, blank=True, validators=[PlainTextValidator()])
    reason = models.CharField(_("reason"), max_length=500, validators=[PlainTextValidator()])
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversed_by", verbose_name=_("reverses")
    )
    entered_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("entered by"))

    objects = RefundQuerySet.as_manager()

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reverses=None, amount__gt=0, amount__lte=MOST, booked__gte=0, booked__lte=MOST)
                | Q(reverses__isnull=False, amount__lt=0, amount__gte=-MOST, booked__lte=0, booked__gte=-MOST),
                name="refund_has_one_sign",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="refund_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.refunded_on} · {self.money} {self.receipt.currency}"

    def get_absolute_url(self) -> str:
        return self.receipt.get_absolute_url()

    @property
    def money(self) -> Decimal:
        return from_minor(self.amount, self.receipt.currency)
