"""Acceptances in the admin: read, never written."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from collab.terms.models import TermsAcceptance
from collab.web.admin import ScopedModelAdmin, short_hash


@admin.register(TermsAcceptance)
class TermsAcceptanceAdmin(ScopedModelAdmin):
    list_display = ["version", "user", "organisation", "hash", "accepted_at"]
    list_filter = ["organisation"]
    search_fields = ["version__agreement__reference", "user__name", "document_sha256"]
    list_select_related = ["version__agreement", "user", "organisation"]
    date_hierarchy = "accepted_at"

    @admin.display(description="sha256")
    def hash(self, obj: Any) -> str:
        return short_hash(obj.document_sha256)
