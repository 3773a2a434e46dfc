"""What people asked models, until it is forgotten. The row is the truth; the broker only rings."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.kernel.records import Record
from training.playground.states import ENDED, INPUT_LABELS, REASONS, InputKind, TrialState

if TYPE_CHECKING:
    from collab.access.policy import Person


class TrialQuerySet(models.QuerySet["Trial"]):
    def visible_to(self, user: Person, word: str = "trial.view") -> TrialQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_names(self) -> TrialQuerySet:
        """What a page shows, without the bytes of files."""
        rows = self.select_related("version__model__project", "asked_by", "asset__licence__agreement")
        return rows.defer("file")

    def waiting(self) -> TrialQuerySet:
        return self.filter(state=TrialState.WAITING).order_by("created_at", "pk")

    def running(self) -> TrialQuerySet:
        return self.filter(state=TrialState.RUNNING)

    def overdue(self, at: datetime) -> TrialQuerySet:
        """Begun by a worker that was ended."""
        return self.running().filter(ends_by__lt=at)


class Trial(Record):
    """One input to one model version, and what it answered. Deleted after a while, also the text that was sent."""

    version = models.ForeignKey(
        "registry.ModelVersion", models.PROTECT, related_name="trials", verbose_name=_("model version")
    )
    asset = models.ForeignKey(
        "collab.LicensedAsset", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("licensed as")
    )
    asked_by = models.ForeignKey("collab.User", models.CASCADE, related_name="trials", verbose_name=_("asked by"))
    kind = models.CharField(_("kind"), max_length=10, choices=[(kind.value, INPUT_LABELS[kind]) for kind in InputKind])
    text = models.TextField(_("text"), blank=True)
    file = models.BinaryField(_("file"), null=True, blank=True, editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=[(s.value, s.name) for s in TrialState], default=TrialState.WAITING
    )
    reason = models.CharField(_("reason"), max_length=20, blank=True)
    reason_detail = models.TextField(_("in detail"), blank=True)
    answer = models.JSONField(_("answer"), null=True, blank=True)
    started_at = models.DateTimeField(_("begun at"), null=True, blank=True)
    ends_by = models.DateTimeField(_("given up at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    objects = TrialQuerySet.as_manager()

    class Meta:
        verbose_name = _("question to a model")
        verbose_name_plural = _("questions to models")
        ordering = ["-created_at", "pk"]
        indexes = [
            models.Index(fields=["state", "created_at"], name="trial_by_state"),
            models.Index(fields=["asked_by", "created_at"], name="trial_by_person"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=TrialState.ANSWERED.value) | Q(answer__isnull=False),
                name="trial_answered_has_answer",
            )
        ]

    def __str__(self) -> str:
        return str(self.version)

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED

    @property
    def reason_sentence(self) -> str:
        return str(REASONS.get(self.reason, REASONS["broke"])[0])

    @property
    def remedy(self) -> str:
        return str(REASONS.get(self.reason, REASONS["broke"])[1])

    @property
    def asked(self) -> str:
        """What was asked in a line or more of text; empty for a file alone."""
        if self.kind in (InputKind.TEXT, InputKind.NUMBERS) or not self.text:
            return self.text
        found = json.loads(self.text)
        if self.kind == InputKind.DRAWING:
            return gettext("%(label)s, seed %(seed)d, images: %(count)d") % (found | {"label": found["label"] or "–"})
        if self.kind in (InputKind.SPEECH, InputKind.SCAN):
            return "\n".join(" ".join(one) if isinstance(one, list) else one for one in found.values())
        return "\n".join(found.values() if isinstance(found, dict) else found)

    @property
    def seconds(self) -> float | None:
        """How long the model took, with loading it."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at and self.started_at else None

    def get_absolute_url(self) -> str:
        """The page on which it was asked, with this answer."""
        if self.asset_id:
            return f"{reverse('training:release_try', args=[self.asset_id])}?trial={self.pk}"
        url = reverse("training:model_try", args=[self.version.model_id, self.version.number])
        return f"{url}?trial={self.pk}"
