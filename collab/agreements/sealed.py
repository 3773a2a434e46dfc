"""The sealed document of an executed version: where its bytes are, by their hash."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collab.agreements.models import AgreementVersion
from collab.kernel.records import Record


class SealedDocument(Record):
    """The PDF of an executed version, made once and kept by its hash."""

    version = models.OneToOneField(AgreementVersion, models.PROTECT, related_name="sealed", verbose_name=_("version"))
    sha256 = models.CharField(_("hash of the file"), max_length=64, unique=True)
    size_bytes = models.PositiveIntegerField(_("size in bytes"))

    class Meta:
        verbose_name = _("sealed document")
        verbose_name_plural = _("sealed documents")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(size_bytes__gt=0), name="sealed_document_is_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.version} · {self.sha256[:12]}"
