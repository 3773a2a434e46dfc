"""Duties that outlive an agreement: who must do what, until when. Part of what is signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Organisation
from collab.kernel.months import add_months
from collab.kernel.names import DisplayNameValidator
from collab.kernel.records import Record


@dataclass(frozen=True)
class DutyTerm:
    """`party` (None: all of them) must do `text` until a day, or for some months after the end; neither: for ever."""

    text: str
    text_zh: str = ""
    party: Organisation | None = None
    until: date | None = None
    months: int | None = None


class SurvivingDuty(Record):
    """A duty that goes on when the version has ended."""

    version = models.ForeignKey(
        "collab.AgreementVersion", models.CASCADE, related_name="duties", verbose_name=_("version")
    )
    party = models.ForeignKey(
        "collab.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("party")
    )
    text = models.CharField(_("duty"), max_length=300, validators=[DisplayNameValidator()])
    text_zh = models.CharField(_("duty in Chinese"), max_length=300, blank=True)
    until = models.DateField(_("until"), null=True, blank=True)
    months = models.PositiveSmallIntegerField(_("months after the end"), null=True, blank=True)
    added_at_end = models.BooleanField(_("agreed when it ended"), default=False, editable=False)

    class Meta:
        verbose_name = _("surviving duty")
        verbose_name_plural = _("surviving duties")
        ordering = ["created_at", "text"]
        constraints = [
            models.CheckConstraint(condition=Q(until=None) | Q(months=None), name="surviving_duty_has_one_end"),
        ]

    def __str__(self) -> str:
        return self.text_zh if self.text_zh and (get_language() or "").startswith("zh") else self.text

    def last_day(self, ended_on: date | None) -> date | None:
        """The day until which it binds; None: no end, or the agreement has none yet."""
        if self.months is not None:
            return add_months(ended_on, self.months) if ended_on else None
        return self.until

    def facts(self) -> dict[str, Any]:
        """As it is signed."""
        return {
            "party": str(self.party_id or ""),
            "text": [self.text, self.text_zh],
            "until": self.until.isoformat() if self.until else None,
            "months": self.months,
        }
