"""Approvals inside each party before a version may be signed: which steps, in which order, who said what."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record

if TYPE_CHECKING:
    from collab.access.policy import Person


class ApprovalState(StrEnum):
    WAITING = "waiting"  # for the steps before it
    OPEN = "open"
    APPROVED = "approved"
    RETURNED = "returned"
    VOIDED = "voided"  # the version was edited or taken back meanwhile


class ApprovalStep(Record):
    """One step of an organisation's own procedure. Steps of the same position run side by side."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.CASCADE, related_name="approval_steps", verbose_name=_("organisation")
    )
    kind = models.CharField(
        _("kind of agreement"), max_length=20, blank=True, help_text=_("Empty: agreements of every kind.")
    )
    name = models.CharField(_("step"), max_length=80, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("step in Chinese"), max_length=80, blank=True)
    position = models.PositiveSmallIntegerField(
        _("position"), default=1, help_text=_("Steps of the same position run side by side.")
    )
    receiver = models.ForeignKey(
        "collab.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("who decides"),
        help_text=_("Empty: everybody who may approve for the organisation."),
    )
    due_days = models.PositiveSmallIntegerField(_("days to decide"), default=10)
    is_active = models.BooleanField(_("in use"), default=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("approval step")
        verbose_name_plural = _("approval steps")
        ordering = ["organisation", "position", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind", "name"], condition=Q(is_active=True), name="approval_step_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name_zh if self.name_zh and (get_language() or "").startswith("zh") else self.name


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def visible_to(self, user: Person, word: str = "agreement.view") -> ApprovalQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def pending(self) -> ApprovalQuerySet:
        return self.filter(state__in=[ApprovalState.WAITING, ApprovalState.OPEN])


class Approval(Record):
    """One step in one round of one version. A new round begins with each submission."""

    version = models.ForeignKey(
        "collab.AgreementVersion", models.CASCADE, related_name="approvals", verbose_name=_("version")
    )
    step = models.ForeignKey(ApprovalStep, models.PROTECT, related_name="+", verbose_name=_("step"))
    organisation = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("party"))
    round = models.PositiveSmallIntegerField(_("round"))
    position = models.PositiveSmallIntegerField(_("position"))
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in ApprovalState], default=ApprovalState.WAITING
    )
    reason = models.TextField(_("reason"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    decided_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ["round", "organisation", "position", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["version", "step", "round"], name="agreement_approval_once_per_round"),
            models.CheckConstraint(
                condition=Q(state__in=["approved", "returned"], decided_at__isnull=False, decided_by__isnull=False)
                | Q(state__in=["waiting", "open"], decided_at=None, decided_by=None)
                | Q(state="voided"),
                name="agreement_approval_by_and_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} · {self.organisation} · {self.step}"
