"""Exports in the admin."""

from __future__ import annotations

from django.contrib import admin

from collab.web.admin import ScopedModelAdmin
from training.exports.models import OnnxExport


@admin.register(OnnxExport)
class OnnxExportAdmin(ScopedModelAdmin):
    list_display = ["version", "asked_by", "state", "reason", "size_bytes", "asked_at", "ended_at"]
    list_filter = ["state", "reason"]
    search_fields = ["version__model__name"]
    list_select_related = ["version__model", "asked_by"]
    date_hierarchy = "asked_at"
