"""History in the admin: read, never written."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from collab.audit.models import AuditAnchor, AuditEvent
from collab.web.admin import ScopedModelAdmin, short_hash


@admin.register(AuditEvent)
class AuditEventAdmin(ScopedModelAdmin):
    list_display = ["id", "at", "verb", "subject_type", "subject_id", "actor_id", "project_id", "hash"]
    list_filter = ["verb", "subject_type"]
    search_fields = ["verb", "subject_id"]
    date_hierarchy = "at"

    @admin.display(description="sha256")
    def hash(self, obj: Any) -> str:
        return short_hash(obj.digest)


@admin.register(AuditAnchor)
class AuditAnchorAdmin(ScopedModelAdmin):
    list_display = ["event_id", "digest", "made_at"]
    search_fields = ["digest"]
    date_hierarchy = "made_at"
