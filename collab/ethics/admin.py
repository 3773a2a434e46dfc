"""Admin of ethics: read here, changed by its verbs."""

from __future__ import annotations

from django.contrib import admin

from collab.ethics.models import (
    EthicsAssessment,
    EthicsCase,
    EthicsCommittee,
    EthicsCondition,
    EthicsCorrection,
    EthicsFile,
    EthicsForm,
    EthicsFormVersion,
    EthicsQuestion,
    EthicsRefusal,
    EthicsReport,
    EthicsReview,
    EthicsSubmission,
)
from collab.web.admin import ScopedModelAdmin


@admin.register(EthicsForm)
class EthicsFormAdmin(ScopedModelAdmin):
    list_display = ["name", "purpose", "organisation", "code"]
    list_filter = ["purpose"]
    search_fields = ["name", "name_zh", "code"]
    list_select_related = ["organisation"]
    hidden = ("created_by",)  # everybody sees the forms; who wrote them is for those of the organisation


@admin.register(EthicsFormVersion)
class EthicsFormVersionAdmin(ScopedModelAdmin):
    list_display = ["form", "number", "created_at"]
    list_select_related = ["form"]
    hidden = ("created_by",)


@admin.register(EthicsCommittee)
class EthicsCommitteeAdmin(ScopedModelAdmin):
    list_display = ["name", "organisation", "reviewers_see_all", "minimum_reviews", "short_days", "full_days"]
    search_fields = ["name", "organisation__name"]
    list_select_related = ["organisation"]


@admin.register(EthicsCase)
class EthicsCaseAdmin(ScopedModelAdmin):
    list_display = ["title", "project", "committee", "state", "route", "submitted_at", "decided_at", "valid_until"]
    list_filter = ["state", "route", "kind", "project"]
    search_fields = ["title"]
    list_select_related = ["project", "committee"]
    date_hierarchy = "created_at"


@admin.register(EthicsSubmission)
class EthicsSubmissionAdmin(ScopedModelAdmin):
    list_display = ["case", "number", "by", "created_at"]
    list_select_related = ["case", "by"]


@admin.register(EthicsFile)
class EthicsFileAdmin(ScopedModelAdmin):
    list_display = ["file_name", "case", "kind", "edition", "by", "created_at"]
    list_select_related = ["case", "by"]


@admin.register(EthicsReview)
class EthicsReviewAdmin(ScopedModelAdmin):
    list_display = ["case", "reviewer", "round", "state", "opinion", "conflict_state", "due_on"]
    list_filter = ["state", "opinion"]
    list_select_related = ["case", "reviewer"]


@admin.register(EthicsQuestion)
class EthicsQuestionAdmin(ScopedModelAdmin):
    list_display = ["case", "about_key", "by", "created_at", "answered_at"]
    list_select_related = ["case", "by"]


@admin.register(EthicsCondition)
class EthicsConditionAdmin(ScopedModelAdmin):
    list_display = ["condition", "case", "blocks_jobs", "blocks_releases", "blocks_data", "due_on"]
    list_select_related = ["case", "condition"]


@admin.register(EthicsRefusal)
class EthicsRefusalAdmin(ScopedModelAdmin):
    list_display = ["condition", "claimed_by", "by", "created_at"]
    list_select_related = ["condition__condition", "claimed_by", "by"]


@admin.register(EthicsCorrection)
class EthicsCorrectionAdmin(ScopedModelAdmin):
    list_display = ["case", "by", "created_at"]
    list_select_related = ["case", "by"]


@admin.register(EthicsReport)
class EthicsReportAdmin(ScopedModelAdmin):
    list_display = ["case", "kind", "severity", "state", "by", "created_at"]
    list_filter = ["kind", "state"]
    list_select_related = ["case", "by"]


@admin.register(EthicsAssessment)
class EthicsAssessmentAdmin(ScopedModelAdmin):
    list_display = ["form_version", "project", "state", "begun_by", "finished_at"]
    list_filter = ["state", "project"]
    list_select_related = ["form_version__form", "project", "begun_by"]
