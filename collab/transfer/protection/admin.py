"""Admin of protections, deadlines and offers: read here, changed by their verbs."""

from __future__ import annotations

from django.contrib import admin

from collab.transfer.protection.models import Counsel, Family, Protection, ProtectionCost
from collab.transfer.protection.offers import Interest, Offer
from collab.transfer.protection.rules import Deadline, DeadlineRule, DeadlineRuleSet, FunderRules
from collab.web.admin import ScopedModelAdmin


@admin.register(Family)
class FamilyAdmin(ScopedModelAdmin):
    list_display = ["title", "case", "number", "created_by", "created_at"]
    search_fields = ["title", "title_zh", "case__docket"]
    list_select_related = ["case__disclosure", "created_by"]


@admin.register(Protection)
class ProtectionAdmin(ScopedModelAdmin):
    list_display = ["family", "kind", "jurisdiction", "status", "application_number", "filed_on", "expires_on"]
    list_filter = ["status", "kind", "jurisdiction"]
    search_fields = [
        "application_number",
        "publication_number",
        "grant_number",
        "family__title",
        "family__case__docket",
    ]
    list_select_related = ["family__case"]
    date_hierarchy = "filed_on"


@admin.register(ProtectionCost)
class ProtectionCostAdmin(ScopedModelAdmin):
    list_display = ["protection", "kind", "amount", "currency", "incurred_on", "paid_on", "repaid_amount"]
    list_filter = ["kind", "currency", "repaid"]
    search_fields = ["reference", "protection__family__case__docket"]
    list_select_related = ["protection__family__case"]
    date_hierarchy = "incurred_on"


@admin.register(Counsel)
class CounselAdmin(ScopedModelAdmin):
    list_display = ["name", "firm", "organisation", "jurisdictions", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name", "firm"]
    list_select_related = ["organisation"]


@admin.register(DeadlineRuleSet)
class DeadlineRuleSetAdmin(ScopedModelAdmin):
    list_display = ["code", "number", "authority", "jurisdiction", "organisation", "effective_from", "effective_to"]
    list_filter = ["authority", "jurisdiction", "is_example"]
    search_fields = ["code", "name", "name_zh"]
    list_select_related = ["organisation"]


@admin.register(DeadlineRule)
class DeadlineRuleAdmin(ScopedModelAdmin):
    list_display = ["rule_set", "code", "title", "base", "months", "days", "every_months", "obligation"]
    list_filter = ["base", "obligation"]
    search_fields = ["code", "title", "title_zh"]
    list_select_related = ["rule_set"]


@admin.register(FunderRules)
class FunderRulesAdmin(ScopedModelAdmin):
    list_display = ["case", "code", "award", "reported_on", "elected_on", "ended_at"]
    search_fields = ["code", "award", "case__docket"]
    list_select_related = ["case__disclosure"]


@admin.register(Deadline)
class DeadlineAdmin(ScopedModelAdmin):
    list_display = ["title", "case", "protection", "due_on", "state", "base", "base_on", "settled_on"]
    list_filter = ["state", "obligation", "base"]
    search_fields = ["title", "title_zh", "case__docket"]
    list_select_related = ["case__disclosure", "protection__family__case"]
    date_hierarchy = "due_on"


@admin.register(Offer)
class OfferAdmin(ScopedModelAdmin):
    list_display = ["title", "state", "published_on"]
    list_filter = ["state"]
    search_fields = ["title", "title_zh", "slug"]
    hidden = (
        "more",
        "case",
        "contact",
        "created_by",
    )  # everybody sees what is offered, and the office alone the case behind it


@admin.register(Interest)
class InterestAdmin(ScopedModelAdmin):
    list_display = ["company", "offer", "name", "state", "organisation", "created_at"]
    list_filter = ["state"]
    search_fields = ["company", "name", "email", "offer__title"]
    list_select_related = ["offer", "organisation"]
