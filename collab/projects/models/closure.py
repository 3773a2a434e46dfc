"""What each party says when a project ends: that the outputs are all there, and where its data went."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record


class AttestationKind(models.TextChoices):
    OUTPUTS = "outputs", _("The register of outputs is complete and right")
    DATA = "data", _("The data of others is returned or destroyed")


class DataEnding(models.TextChoices):
    RETURNED = "returned", _("Returned to its owner")
    DESTROYED = "destroyed", _("Destroyed")
    KEPT = "kept", _("Kept, as an agreement allows")
    NONE = "none", _("The party held no data of others")


class Attestation(Record):
    """One party's word. `outputs_sha256` is of the register as it stood: a change takes the word back."""

    party = models.ForeignKey(
        "collab.ProjectParty", models.PROTECT, related_name="attestations", verbose_name=_("party")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=AttestationKind.choices)
    ending = models.CharField(_("what became of the data"), max_length=20, choices=DataEnding.choices, blank=True)
    note = models.TextField(_("note"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    outputs_sha256 = models.CharField(_("hash of the register"), max_length=64, blank=True)
    attested_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("attested by"))
    attested_at = models.DateTimeField(_("attested at"), default=timezone.now)

    class Meta:
        verbose_name = _("attestation")
        verbose_name_plural = _("attestations")
        ordering = ["-attested_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="outputs", ending="") & ~Q(outputs_sha256="")
                | Q(kind="data", outputs_sha256="") & ~Q(ending=""),
                name="attestation_says_what",
            ),
            models.CheckConstraint(condition=~Q(ending="kept") | ~Q(note=""), name="attestation_kept_says_why"),
        ]
        indexes = [models.Index(fields=["party", "kind"], name="attestation_by_party")]

    def __str__(self) -> str:
        return f"{self.party.organisation} · {self.get_kind_display()}"
