"""Parts of invoices that will not arrive: a bank kept its charge, a tax was withheld, or they are given up."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collab.access.policy import Person, visible_to
from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.royalties.models import MOST, Invoice
from collab.transfer.royalties.money import from_minor
from collab.transfer.royalties.states import WriteOffKind


class WriteOffQuerySet(models.QuerySet["WriteOff"]):
    def visible_to(self, user: Person, word: str = "royalty.view") -> WriteOffQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def standing(self) -> WriteOffQuerySet:
        return self.filter(undone_at=None)


class WriteOff(Record):
    """So much of an invoice is asked for no more; never changed, only taken back."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="write_offs", verbose_name=_("invoice"))
    kind = models.CharField(_("kind"), max_length=20, choices=WriteOffKind.choices)
    amount = models.BigIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=500, validators=[PlainTextValidator()])
    written_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("written off by"))
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)

    objects = WriteOffQuerySet.as_manager()

    class Meta:
        verbose_name = _("write-off")
        verbose_name_plural = _("write-offs")
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0, amount__lte=MOST), name="write_off_is_something"),
            models.CheckConstraint(condition=Q(kind__in=WriteOffKind.values), name="write_off_kind_is_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="write_off_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.invoice}"

    def get_absolute_url(self) -> str:
        return self.invoice.get_absolute_url()

    @property
    def money(self) -> Decimal:
        return from_minor(self.amount, self.invoice.currency)
