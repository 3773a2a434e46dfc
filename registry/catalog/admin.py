"""Registered models in the admin."""

from __future__ import annotations

from django.contrib import admin

from collab.web.admin import ScopedModelAdmin
from registry.catalog.models import ModelMetric, ModelVersion, RegisteredModel


@admin.register(RegisteredModel)
class RegisteredModelAdmin(ScopedModelAdmin):
    list_display = ["name", "task", "project", "created_by", "created_at"]
    list_filter = ["task", "project"]
    search_fields = ["name"]
    list_select_related = ["project", "created_by"]


@admin.register(ModelVersion)
class ModelVersionAdmin(ScopedModelAdmin):
    list_display = ["model", "number", "architecture", "parameters", "primary_metric", "primary_value", "created_at"]
    list_filter = ["architecture", "primary_metric"]
    search_fields = ["model__name", "mlflow_run_id", "manifest_sha256"]
    list_select_related = ["model"]
    date_hierarchy = "created_at"


@admin.register(ModelMetric)
class ModelMetricAdmin(ScopedModelAdmin):
    list_display = ["version", "name", "value"]
    list_filter = ["name"]
    search_fields = ["version__model__name", "name"]
    list_select_related = ["version__model"]
