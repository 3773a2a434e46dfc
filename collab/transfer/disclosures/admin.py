"""Admin of disclosures and cases: read here, changed by their verbs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from collab.transfer.disclosures.models import (
    Assessment,
    AssessmentScore,
    CaseStage,
    Criterion,
    DisclosedResult,
    Disclosure,
    DisclosureSignature,
    Funding,
    Inventor,
    NoveltyRule,
    PriorArt,
    TransferCase,
)
from collab.transfer.disclosures.note_models import CaseNote
from collab.web.admin import ScopedModelAdmin, short_hash


@admin.register(TransferCase)
class TransferCaseAdmin(ScopedModelAdmin):
    list_display = ["docket", "disclosure", "organisation", "state", "decision", "officer", "disclosed_on"]
    list_filter = ["state", "decision", "organisation"]
    search_fields = ["docket", "disclosure__title", "disclosure__title_zh"]
    list_select_related = ["disclosure", "organisation", "officer"]
    date_hierarchy = "disclosed_on"


@admin.register(Disclosure)
class DisclosureAdmin(ScopedModelAdmin):
    list_display = ["title", "case", "kind", "conception_on", "public_disclosure_on", "planned_disclosure_on"]
    list_filter = ["kind"]
    search_fields = ["title", "title_zh"]
    list_select_related = ["case__disclosure"]


@admin.register(Inventor)
class InventorAdmin(ScopedModelAdmin):
    list_display = ["name", "disclosure", "employer", "employer_name", "share_percent", "signed_at"]
    search_fields = ["name", "disclosure__title"]
    list_select_related = ["disclosure", "employer"]


@admin.register(DisclosureSignature)
class DisclosureSignatureAdmin(ScopedModelAdmin):
    list_display = ["inventor", "typed_name", "hash", "by", "at", "paper"]
    search_fields = ["inventor__name", "document_sha256"]
    list_select_related = ["inventor", "by"]

    @admin.display(description="sha256")
    def hash(self, obj: Any) -> str:
        return short_hash(obj.document_sha256)


@admin.register(Funding)
class FundingAdmin(ScopedModelAdmin):
    list_display = ["disclosure", "sponsor", "sponsor_name", "award", "agreement", "right"]
    list_filter = ["right"]
    search_fields = ["disclosure__title", "sponsor_name", "award"]
    list_select_related = ["disclosure", "sponsor", "agreement__agreement"]


@admin.register(PriorArt)
class PriorArtAdmin(ScopedModelAdmin):
    list_display = ["reference", "disclosure", "kind", "link"]
    list_filter = ["kind"]
    search_fields = ["reference", "disclosure__title"]
    list_select_related = ["disclosure"]


@admin.register(DisclosedResult)
class DisclosedResultAdmin(ScopedModelAdmin):
    list_display = ["label", "case", "kind", "subject_type", "subject_id"]
    list_filter = ["kind"]
    search_fields = ["label", "case__docket"]
    list_select_related = ["case__disclosure"]


@admin.register(CaseStage)
class CaseStageAdmin(ScopedModelAdmin):
    list_display = ["case", "state", "entered_at", "left_at", "by"]
    list_filter = ["state"]
    search_fields = ["case__docket"]
    list_select_related = ["case__disclosure", "by"]


@admin.register(CaseNote)
class CaseNoteAdmin(ScopedModelAdmin):
    hidden = ("sha256",)
    list_display = ["case", "noted_on", "by", "file_name", "size_bytes", "withdrawn_at"]
    search_fields = ["case__docket", "file_name"]
    list_select_related = ["case__disclosure", "by"]
    date_hierarchy = "noted_on"


@admin.register(Criterion)
class CriterionAdmin(ScopedModelAdmin):
    list_display = ["name", "organisation", "weight", "position", "retired_at"]
    list_filter = ["organisation"]
    search_fields = ["name", "name_zh"]
    list_select_related = ["organisation"]


@admin.register(Assessment)
class AssessmentAdmin(ScopedModelAdmin):
    list_display = ["case", "assessor", "round", "state", "score", "recommendation", "due_on", "submitted_at"]
    list_filter = ["state", "recommendation"]
    search_fields = ["case__docket", "assessor__name"]
    list_select_related = ["case__disclosure", "assessor"]


@admin.register(AssessmentScore)
class AssessmentScoreAdmin(ScopedModelAdmin):
    list_display = ["assessment", "criterion", "weight", "score"]
    search_fields = ["criterion__name"]
    list_select_related = ["assessment__case__disclosure", "assessment__assessor", "criterion"]


@admin.register(NoveltyRule)
class NoveltyRuleAdmin(ScopedModelAdmin):
    list_display = ["jurisdiction", "name", "grace_months", "valid_from", "valid_until", "source"]
    search_fields = ["jurisdiction", "name", "name_zh"]
    editable_fields = ("name", "name_zh", "grace_months", "condition", "condition_zh", "source", "valid_until")
