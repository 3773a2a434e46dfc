"""Admin of publication notices: read here, changed by their verbs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from collab.publications.models import Manuscript, PublicationNotice, PublicationObjection
from collab.web.admin import ScopedModelAdmin, short_hash


@admin.register(PublicationNotice)
class PublicationNoticeAdmin(ScopedModelAdmin):
    list_display = ["title", "organisation", "project", "kind", "state", "given_on", "notice_ends_on", "earliest_on"]
    list_filter = ["state", "kind", "project"]
    search_fields = ["title", "title_zh", "authors", "doi"]
    list_select_related = ["organisation", "project"]
    date_hierarchy = "given_on"


@admin.register(Manuscript)
class ManuscriptAdmin(ScopedModelAdmin):
    list_display = ["notice", "number", "file_name", "size_bytes", "hash", "created_by", "created_at"]
    search_fields = ["notice__title", "sha256"]
    list_select_related = ["notice", "created_by"]

    @admin.display(description="sha256")
    def hash(self, obj: Any) -> str:
        return short_hash(obj.sha256)


@admin.register(PublicationObjection)
class PublicationObjectionAdmin(ScopedModelAdmin):
    list_display = ["notice", "party", "ground", "delay_until", "state", "by", "settled_by", "settled_at"]
    list_filter = ["ground", "state"]
    search_fields = ["notice__title", "party__name"]
    list_select_related = ["notice", "party", "by", "settled_by"]
