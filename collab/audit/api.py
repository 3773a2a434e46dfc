"""History as JSON."""

from __future__ import annotations

from rest_framework import serializers

from collab.audit.models import AuditEvent


class AuditEventSerializer(serializers.ModelSerializer):
    """One act, as it stands in the chain."""

    data = serializers.DictField(read_only=True)

    class Meta:
        model = AuditEvent
        fields = [
            "id", "at", "actor_id", "verb", "subject_type", "subject_id", "project_id", "organisation_id", "data",
            "previous", "digest",
        ]  # fmt: skip
