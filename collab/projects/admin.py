"""Joint projects in the admin."""

from __future__ import annotations

from django.contrib import admin

from collab.projects.models import Project, ProjectParty
from collab.web.admin import ScopedModelAdmin


@admin.register(Project)
class ProjectAdmin(ScopedModelAdmin):
    list_display = ["title", "slug", "state", "starts_on", "ends_on", "created_by", "created_at"]
    list_filter = ["state"]
    search_fields = ["title", "title_zh", "slug"]
    list_select_related = ["created_by"]
    date_hierarchy = "created_at"


@admin.register(ProjectParty)
class ProjectPartyAdmin(ScopedModelAdmin):
    list_display = ["organisation", "project", "role", "joined_on", "left_on"]
    list_filter = ["role", "project"]
    search_fields = ["organisation__name", "project__title"]
    list_select_related = ["organisation", "project"]
