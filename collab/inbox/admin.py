"""Requests, notifications and the calendar in the admin: read, never written."""

from __future__ import annotations

from django.contrib import admin

from collab.accounts.models import Delegation
from collab.inbox.models import (
    CalendarLink,
    Comment,
    Condition,
    HandOver,
    Notification,
    NotificationSettings,
    Obligation,
    Request,
    Reviewer,
)
from collab.web.admin import ScopedModelAdmin


@admin.register(Request)
class RequestAdmin(ScopedModelAdmin):
    list_display = ["title", "topic", "state", "organisation", "project", "asked_by", "due_at", "escalated_to"]
    list_filter = ["state", "topic", "escalated_to", "organisation"]
    search_fields = ["title", "title_zh", "subject_id"]
    list_select_related = ["organisation", "project", "asked_by"]
    date_hierarchy = "created_at"


@admin.register(Reviewer)
class ReviewerAdmin(ScopedModelAdmin):
    list_display = ["request", "user", "opinion", "advised_at"]
    list_filter = ["opinion"]
    list_select_related = ["request", "user"]


@admin.register(Comment)
class CommentAdmin(ScopedModelAdmin):
    list_display = ["request", "user", "created_at"]
    list_select_related = ["request", "user"]
    date_hierarchy = "created_at"


@admin.register(Condition)
class ConditionAdmin(ScopedModelAdmin):
    list_display = ["request", "number", "text", "met_by", "met_at"]
    list_select_related = ["request", "met_by"]


@admin.register(HandOver)
class HandOverAdmin(ScopedModelAdmin):
    list_display = ["request", "by", "to", "created_at"]
    list_select_related = ["request", "by", "to"]


@admin.register(Delegation)
class DelegationAdmin(ScopedModelAdmin):
    list_display = ["delegator", "delegate", "organisation", "starts_at", "ends_at", "revoked_at"]
    list_filter = ["organisation"]
    search_fields = ["delegator__name", "delegate__name"]
    list_select_related = ["delegator", "delegate", "organisation"]
    date_hierarchy = "starts_at"


@admin.register(Notification)
class NotificationAdmin(ScopedModelAdmin):
    list_display = ["title", "person", "kind", "created_at", "read_at", "mail", "mailed_at", "tries", "fault"]
    list_filter = ["kind", "mail"]
    list_select_related = ["person"]
    date_hierarchy = "created_at"


@admin.register(NotificationSettings)
class NotificationSettingsAdmin(ScopedModelAdmin):
    list_display = ["person", "choices"]
    search_fields = ["person__name"]
    list_select_related = ["person"]


@admin.register(Obligation)
class ObligationAdmin(ScopedModelAdmin):
    list_display = ["title", "kind", "due_on", "project", "organisation", "person", "settled_at", "reminded_on"]
    list_filter = ["kind", "project", "organisation"]
    search_fields = ["title", "title_zh", "source_id"]
    list_select_related = ["project", "organisation", "person"]
    date_hierarchy = "due_on"


@admin.register(CalendarLink)
class CalendarLinkAdmin(ScopedModelAdmin):
    list_display = ["person", "created_at", "last_used_at", "revoked_at"]
    list_select_related = ["person"]
    hidden = ("digest",)
