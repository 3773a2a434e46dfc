"""Datasets in the admin. Versions never change; their examples are for those who may read the rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from collab.web.admin import ScopedModelAdmin, as_json, short_hash
from registry.datasets.models import Dataset, DatasetVersion


@admin.register(Dataset)
class DatasetAdmin(ScopedModelAdmin):
    list_display = ["name", "project", "organisation", "created_by", "created_at"]
    list_filter = ["project", "organisation"]
    search_fields = ["name", "description"]
    list_select_related = ["project", "organisation", "created_by"]
    date_hierarchy = "created_at"


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ScopedModelAdmin):
    list_display = ["dataset", "number", "kind", "rows", "size_bytes", "hash", "created_by", "created_at"]
    list_filter = ["kind"]
    search_fields = ["dataset__name", "file_name", "sha256"]
    list_select_related = ["dataset", "created_by"]
    date_hierarchy = "created_at"
    hidden = ("profile",)

    @admin.display(description="sha256")
    def hash(self, obj: Any) -> str:
        return short_hash(obj.sha256)

    def extra_fields(self, request: HttpRequest, obj: Any) -> Iterable[str]:
        return ("facts",)

    @admin.display(description=_("profile"))
    def facts(self, obj: Any) -> str:
        return as_json(obj.public_profile)
