"""Packages as ONNX: one export for each package, whoever asks for it. The row is the truth; the broker only rings."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collab.kernel.records import Record
from training.exports.states import REASONS, ExportState


class OnnxExportQuerySet(models.QuerySet["OnnxExport"]):
    def waiting(self) -> OnnxExportQuerySet:
        return self.filter(state=ExportState.WAITING).order_by("asked_at", "pk")

    def running(self) -> OnnxExportQuerySet:
        return self.filter(state=ExportState.RUNNING)

    def overdue(self, at: datetime) -> OnnxExportQuerySet:
        """Begun by a process that is no more."""
        return self.running().filter(ends_by__lt=at)


class OnnxExport(Record):
    """The export of the package with this manifest. Who may have the package may have it."""

    manifest_sha256 = models.CharField(_("manifest hash"), max_length=64, unique=True)
    version = models.ForeignKey(
        "registry.ModelVersion", models.PROTECT, related_name="onnx_exports", verbose_name=_("model version")
    )
    asked_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("asked by"))
    asked_at = models.DateTimeField(_("asked at"))
    state = models.CharField(
        _("state"), max_length=10, choices=[(s.value, s.name) for s in ExportState], default=ExportState.WAITING
    )
    reason = models.CharField(_("reason"), max_length=20, blank=True)
    reason_detail = models.TextField(_("in detail"), blank=True)
    sha256 = models.CharField(_("hash"), max_length=64, blank=True)
    size_bytes = models.BigIntegerField(_("size"), default=0)
    facts = models.JSONField(_("facts"), default=dict)
    started_at = models.DateTimeField(_("begun at"), null=True, blank=True)
    ends_by = models.DateTimeField(_("given up at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    objects = OnnxExportQuerySet.as_manager()

    class Meta:
        verbose_name = _("ONNX export")
        verbose_name_plural = _("ONNX exports")
        ordering = ["-asked_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=ExportState.DONE.value) | ~Q(sha256=""), name="onnx_export_done_has_file"
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} (ONNX)"

    @property
    def is_ended(self) -> bool:
        return self.state in (ExportState.DONE, ExportState.FAILED)

    @property
    def reason_sentence(self) -> str:
        return str(REASONS.get(self.reason, REASONS["broke"])[0])

    @property
    def remedy(self) -> str:
        return str(REASONS.get(self.reason, REASONS["broke"])[1])
