"""What was asked of models, in the admin: how it went, never what was said."""

from __future__ import annotations

from django.contrib import admin

from collab.web.admin import ScopedModelAdmin
from training.playground.models import Trial


@admin.register(Trial)
class TrialAdmin(ScopedModelAdmin):
    hidden = (*ScopedModelAdmin.hidden, "text", "file", "answer", "reason_detail")
    list_display = ["version", "asked_by", "kind", "state", "reason", "created_at", "started_at", "ended_at"]
    list_filter = ["state", "reason", "kind"]
    search_fields = ["version__model__name"]
    list_select_related = ["version__model", "asked_by"]
    date_hierarchy = "created_at"
