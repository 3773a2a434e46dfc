"""Joint projects and all that hangs on them in the admin: read here, changed by the verbs."""

from __future__ import annotations

from django.contrib import admin

from collab.projects import models
from collab.web.admin import ScopedModelAdmin


@admin.register(models.Project)
class ProjectAdmin(ScopedModelAdmin):
    list_display = ["title", "slug", "state", "starts_on", "ends_on", "created_by", "created_at"]
    list_filter = ["state"]
    search_fields = ["title", "title_zh", "slug"]
    list_select_related = ["created_by"]
    date_hierarchy = "created_at"


@admin.register(models.ProjectParty)
class ProjectPartyAdmin(ScopedModelAdmin):
    list_display = ["organisation", "project", "role", "joined_on", "left_on"]
    list_filter = ["role", "project"]
    search_fields = ["organisation__name", "project__title"]
    list_select_related = ["organisation", "project"]


@admin.register(models.Contribution)
class ContributionAdmin(ScopedModelAdmin):
    list_display = ["party", "kind", "description", "amount", "currency"]
    list_filter = ["kind"]
    list_select_related = ["party__organisation"]


@admin.register(models.PartyApproval)
class PartyApprovalAdmin(ScopedModelAdmin):
    list_display = ["project", "party", "round", "state", "decided_by", "decided_at"]
    list_filter = ["state"]
    list_select_related = ["project", "party__organisation", "decided_by"]


@admin.register(models.Questionnaire)
class QuestionnaireAdmin(ScopedModelAdmin):
    list_display = ["name", "organisation", "created_at"]
    search_fields = ["name", "name_zh"]
    list_select_related = ["organisation"]


@admin.register(models.QuestionnaireVersion)
class QuestionnaireVersionAdmin(ScopedModelAdmin):
    list_display = ["questionnaire", "number", "created_at"]
    list_select_related = ["questionnaire"]


@admin.register(models.ReviewStep)
class ReviewStepAdmin(ScopedModelAdmin):
    list_display = ["name", "project", "position", "state", "chair", "blind", "due_on"]
    list_filter = ["state", "blind"]
    list_select_related = ["project", "chair"]


@admin.register(models.Review)
class ReviewAdmin(ScopedModelAdmin):
    list_display = ["step", "reviewer", "state", "recommendation", "score", "due_on"]
    list_filter = ["state"]
    list_select_related = ["step", "reviewer"]


@admin.register(models.ConflictOfInterest)
class ConflictOfInterestAdmin(ScopedModelAdmin):
    list_display = ["review", "kind", "state", "decided_by", "decided_at"]
    list_filter = ["state", "kind"]
    list_select_related = ["review__step", "decided_by"]


@admin.register(models.WorkItem)
class WorkItemAdmin(ScopedModelAdmin):
    list_display = ["title", "kind", "project", "party", "due_on", "state"]
    list_filter = ["kind", "state"]
    search_fields = ["title", "title_zh"]
    list_select_related = ["project", "party__organisation"]


@admin.register(models.Budget)
class BudgetAdmin(ScopedModelAdmin):
    list_display = ["project", "currency", "version"]
    list_select_related = ["project"]


@admin.register(models.BudgetLine)
class BudgetLineAdmin(ScopedModelAdmin):
    list_display = ["budget", "party", "category", "starts_on", "ends_on", "planned", "committed", "actual"]
    list_filter = ["category"]
    list_select_related = ["budget__project", "party__organisation"]


@admin.register(models.CostEntry)
class CostEntryAdmin(ScopedModelAdmin):
    list_display = ["on", "line", "amount", "source", "reference", "booked_by"]
    list_filter = ["source"]
    date_hierarchy = "on"
    list_select_related = ["line__party__organisation", "booked_by"]


@admin.register(models.TrainingRate)
class TrainingRateAdmin(ScopedModelAdmin):
    list_display = ["budget", "per_cpu_hour", "valid_from", "set_by"]
    list_select_related = ["budget__project", "set_by"]


@admin.register(models.BudgetAlert)
class BudgetAlertAdmin(ScopedModelAdmin):
    list_display = ["budget", "threshold", "created_at", "cleared_at"]
    list_select_related = ["budget__project"]


@admin.register(models.ProgressReport)
class ProgressReportAdmin(ScopedModelAdmin):
    list_display = ["project", "kind", "starts_on", "ends_on", "due_on", "state"]
    list_filter = ["kind", "state"]
    list_select_related = ["project"]


@admin.register(models.Output)
class OutputAdmin(ScopedModelAdmin):
    list_display = ["title", "kind", "project", "made_on", "confidential", "doi"]
    list_filter = ["kind", "confidential"]
    search_fields = ["title", "title_zh", "doi"]
    list_select_related = ["project"]


@admin.register(models.OutputShare)
class OutputShareAdmin(ScopedModelAdmin):
    list_display = ["output", "party", "percent"]
    list_select_related = ["output", "party__organisation"]


@admin.register(models.Attestation)
class AttestationAdmin(ScopedModelAdmin):
    list_display = ["party", "kind", "ending", "attested_by", "attested_at"]
    list_filter = ["kind", "ending"]
    list_select_related = ["party__organisation", "attested_by"]
