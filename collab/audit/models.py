"""Append-only, hash-chained history, written in the transaction of the act."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AuditEvent(models.Model):
    """One act. People and objects are named by id, without foreign keys: erasing a person must not break the chain."""

    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(_("at"))
    actor_id = models.UUIDField(_("by"), null=True, db_index=True)
    verb = models.CharField(_("act"), max_length=60)
    subject_type = models.CharField(_("kind of object"), max_length=60)
    subject_id = models.CharField(_("object"), max_length=40)
    project_id = models.UUIDField(_("project"), null=True)
    organisation_id = models.UUIDField(_("organisation"), null=True)
    data = models.JSONField(_("details"), default=dict)
    previous = models.CharField(_("previous hash"), max_length=64)
    digest = models.CharField(_("hash"), max_length=64, unique=True)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project_id", "-id"], name="audit_by_project"),
            models.Index(fields=["organisation_id", "-id"], name="audit_by_organisation"),
            models.Index(fields=["subject_type", "subject_id"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.verb}"


class AuditAnchor(models.Model):
    """The end of the chain at one moment, published: whoever kept a copy notices a tail cut off or rewritten."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event_id = models.BigIntegerField(_("event"), unique=True)
    digest = models.CharField(_("hash"), max_length=64)
    made_at = models.DateTimeField(_("made at"), default=timezone.now)

    class Meta:
        verbose_name = _("audit anchor")
        verbose_name_plural = _("audit anchors")
        ordering = ["-event_id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(event_id__gt=0), name="audit_anchor_names_an_event"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.digest[:12]}"
