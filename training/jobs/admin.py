"""Training jobs in the admin. They are steered on their pages; here one sees why something is stuck."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from collab.web.admin import ScopedModelAdmin
from training.jobs.models import Attempt, Job


@admin.register(Job)
class JobAdmin(ScopedModelAdmin):
    list_display = [
        "name",
        "project",
        "state",
        "desired",
        "reason",
        "done",
        "attempt_count",
        "lease_until",
        "submitted_by",
        "queued_at",
    ]
    list_filter = ["state", "desired", "reason", "task", "project"]
    search_fields = ["name", "mlflow_run_id", "spec_sha256", "owner"]
    list_select_related = ["project", "submitted_by"]
    date_hierarchy = "created_at"

    @admin.display(description=_("done"))
    def done(self, obj: Job) -> str:
        return f"{obj.percent} %"


@admin.register(Attempt)
class AttemptAdmin(ScopedModelAdmin):
    list_display = ["job", "number", "fence", "host", "engine_pid", "started_at", "ended_at", "reason", "exit_code"]
    list_filter = ["reason", "host"]
    search_fields = ["job__name", "host"]
    list_select_related = ["job"]
    date_hierarchy = "started_at"
