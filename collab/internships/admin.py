"""Admin of internships: read here, changed by their verbs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from collab.internships.models import (
    Application,
    ApplicationDocument,
    ApplicationEvent,
    BoardReview,
    CheckPoint,
    Cohort,
    Evaluation,
    Interview,
    LogEntry,
    MatchRound,
    MovedCheckPoint,
    PairRule,
    Placement,
    PlacementNote,
    Posting,
    Programme,
    StudentSignature,
)
from collab.web.admin import ScopedModelAdmin, short_hash


@admin.register(Programme)
class ProgrammeAdmin(ScopedModelAdmin):
    list_display = ["name", "organisation", "created_at"]
    search_fields = ["name", "name_zh"]
    list_select_related = ["organisation"]
    hidden = ("created_by",)  # everybody reads what a university offers, not who wrote it


@admin.register(Cohort)
class CohortAdmin(ScopedModelAdmin):
    list_display = ["name", "programme", "state", "opens_at", "closes_at", "ranking_ends_at", "starts_on", "ends_on"]
    list_filter = ["state", "programme"]
    search_fields = ["name", "name_zh"]
    list_select_related = ["programme"]
    date_hierarchy = "starts_on"
    hidden = ("created_by",)


@admin.register(CheckPoint)
class CheckPointAdmin(ScopedModelAdmin):
    list_display = ["name", "cohort", "kind", "due_on"]
    list_filter = ["kind"]
    list_select_related = ["cohort"]


@admin.register(MovedCheckPoint)
class MovedCheckPointAdmin(ScopedModelAdmin):
    list_display = ["check_point", "placement", "due_on", "reason", "moved_by"]
    list_select_related = ["check_point", "placement__student", "placement__host", "moved_by"]


@admin.register(Posting)
class PostingAdmin(ScopedModelAdmin):
    list_display = ["title", "organisation", "cohort", "places", "audience", "state", "starts_on", "ends_on"]
    list_filter = ["state", "audience", "cohort"]
    search_fields = ["title", "title_zh", "organisation__name"]
    list_select_related = ["organisation", "cohort"]
    hidden = ("created_by",)


@admin.register(Application)
class ApplicationAdmin(ScopedModelAdmin):
    list_display = ["candidate", "posting", "state", "submitted_at", "seat"]
    list_filter = ["state", "cohort"]
    search_fields = ["candidate__name", "posting__title"]
    list_select_related = ["candidate", "posting"]
    hidden = ("choice", "rank", "outcome")  # each side is told its own on the page


@admin.register(ApplicationDocument)
class ApplicationDocumentAdmin(ScopedModelAdmin):
    list_display = ["file_name", "application", "kind", "size_bytes", "hash", "created_at"]
    list_filter = ["kind"]
    list_select_related = ["application__candidate", "application__posting"]

    @admin.display(description="sha256")
    def hash(self, obj: Any) -> str:
        return short_hash(obj.sha256)


@admin.register(ApplicationEvent)
class ApplicationEventAdmin(ScopedModelAdmin):
    list_display = ["application", "state", "by", "created_at"]
    list_filter = ["state"]
    list_select_related = ["application__candidate", "application__posting", "by"]


@admin.register(BoardReview)
class BoardReviewAdmin(ScopedModelAdmin):
    list_display = ["application", "reviewer", "score", "given_at"]
    list_select_related = ["application__candidate", "application__posting", "reviewer"]


@admin.register(Interview)
class InterviewAdmin(ScopedModelAdmin):
    list_display = ["application", "chosen_at", "where", "proposed_by"]
    list_select_related = ["application__candidate", "application__posting", "proposed_by"]


@admin.register(PairRule)
class PairRuleAdmin(ScopedModelAdmin):
    list_display = ["cohort", "candidate", "posting", "forced", "created_by"]
    list_filter = ["forced"]
    list_select_related = ["cohort", "candidate", "posting", "created_by"]


@admin.register(MatchRound)
class MatchRoundAdmin(ScopedModelAdmin):
    list_display = ["cohort", "number", "students", "seats", "made_by", "confirmed_by", "confirmed_at"]
    list_select_related = ["cohort", "made_by", "confirmed_by"]


@admin.register(Placement)
class PlacementAdmin(ScopedModelAdmin):
    list_display = ["student", "host", "university", "state", "starts_on", "ends_on", "mentor", "supervisor"]
    list_filter = ["state", "cohort"]
    search_fields = ["student__name", "host__name"]
    list_select_related = ["student", "host", "university", "mentor", "supervisor"]
    hidden = ("contact_name", "contact_phone")  # for the intern and those who look after them
    date_hierarchy = "starts_on"


@admin.register(StudentSignature)
class StudentSignatureAdmin(ScopedModelAdmin):
    list_display = ["typed_name", "placement", "hash", "created_at"]
    list_select_related = ["placement__student", "placement__host"]

    @admin.display(description="sha256")
    def hash(self, obj: Any) -> str:
        return short_hash(obj.document_sha256)


@admin.register(LogEntry)
class LogEntryAdmin(ScopedModelAdmin):
    list_display = ["placement", "day", "hours", "state", "confirmed_by"]
    list_filter = ["state"]
    list_select_related = ["placement__student", "placement__host", "confirmed_by"]


@admin.register(PlacementNote)
class PlacementNoteAdmin(ScopedModelAdmin):
    list_display = ["placement", "kind", "author", "verdict", "confidential", "settled_by", "created_at"]
    list_filter = ["kind", "verdict"]
    list_select_related = ["placement__student", "placement__host", "author", "settled_by"]


@admin.register(Evaluation)
class EvaluationAdmin(ScopedModelAdmin):
    list_display = ["placement", "side", "author", "total", "published_at"]
    list_filter = ["side"]
    list_select_related = ["placement__student", "placement__host", "author"]
