"""Data-use codes in the admin: read; they are set on the page of the dataset."""

from __future__ import annotations

from django.contrib import admin

from collab.web.admin import ScopedModelAdmin
from registry.uses.models import UseCode, UseTerms


@admin.register(UseTerms)
class UseTermsAdmin(ScopedModelAdmin):
    list_display = ["dataset", "number", "current", "set_by", "created_at"]
    list_filter = ["current"]
    search_fields = ["dataset__name"]
    list_select_related = ["dataset", "set_by"]


@admin.register(UseCode)
class UseCodeAdmin(ScopedModelAdmin):
    list_display = ["terms", "code", "until", "territories"]
    list_filter = ["code"]
    search_fields = ["terms__dataset__name"]
    list_select_related = ["terms__dataset"]
    hidden = ("people",)
