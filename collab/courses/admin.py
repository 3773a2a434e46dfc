"""Admin of courses, certificates and the library: read here, changed by their verbs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from collab.courses.certificates.models import Certificate, CertificateBatch, IssuerKey
from collab.courses.library.models import Resource, ResourceLink
from collab.courses.models import (
    Course,
    CourseCondition,
    CourseModule,
    CourseVersion,
    Enrolment,
    ModuleDone,
    QuizAttempt,
    QuizQuestion,
    TrainingRecord,
)
from collab.web.admin import ScopedModelAdmin, short_hash


@admin.register(Course)
class CourseAdmin(ScopedModelAdmin):
    list_display = ["title", "organisation", "audience", "created_at"]
    list_filter = ["audience", "organisation"]
    search_fields = ["title", "title_zh", "slug"]
    list_select_related = ["organisation"]
    hidden = ("created_by",)  # a course may be open to everybody; who wrote it is for those of the organisation


@admin.register(CourseVersion)
class CourseVersionAdmin(ScopedModelAdmin):
    list_display = ["course", "number", "state", "pass_mark", "valid_months", "published_at"]
    list_filter = ["state"]
    search_fields = ["course__title"]
    list_select_related = ["course"]
    hidden = ("published_by",)


@admin.register(CourseModule)
class CourseModuleAdmin(ScopedModelAdmin):
    list_display = ["title", "edition", "position", "kind", "file_name", "size_bytes", "hash"]
    list_filter = ["kind"]
    search_fields = ["title", "title_zh", "edition__course__title"]
    list_select_related = ["edition__course"]

    @admin.display(description="sha256")
    def hash(self, obj: Any) -> str:
        return short_hash(obj.sha256)


@admin.register(QuizQuestion)
class QuizQuestionAdmin(ScopedModelAdmin):
    list_display = ["text", "edition", "position"]
    search_fields = ["text", "edition__course__title"]
    list_select_related = ["edition__course"]


@admin.register(Enrolment)
class EnrolmentAdmin(ScopedModelAdmin):
    list_display = ["course", "person", "state", "passed_at", "valid_until", "score"]
    list_filter = ["state"]
    search_fields = ["course__title", "person__name"]
    list_select_related = ["course", "person"]
    date_hierarchy = "created_at"


@admin.register(ModuleDone)
class ModuleDoneAdmin(ScopedModelAdmin):
    list_display = ["enrolment", "module", "created_at"]
    list_select_related = ["enrolment__course", "enrolment__person", "module"]


@admin.register(QuizAttempt)
class QuizAttemptAdmin(ScopedModelAdmin):
    list_display = ["enrolment", "number", "state", "due_at", "submitted_at", "score", "passed"]
    list_filter = ["state", "passed"]
    search_fields = ["enrolment__course__title", "enrolment__person__name"]
    list_select_related = ["enrolment__course", "enrolment__person"]


@admin.register(TrainingRecord)
class TrainingRecordAdmin(ScopedModelAdmin):
    list_display = ["title", "person", "organisation", "course", "state", "completed_on", "expires_on", "reviewed_by"]
    list_filter = ["state"]
    search_fields = ["title", "provider", "person__name"]
    list_select_related = ["person", "organisation", "course", "reviewed_by"]


@admin.register(CourseCondition)
class CourseConditionAdmin(ScopedModelAdmin):
    list_display = ["course", "project", "needed_for", "asset", "set_by", "created_at", "ended_at"]
    list_filter = ["needed_for", "project"]
    search_fields = ["course__title", "project__title"]
    list_select_related = ["course", "project", "set_by"]


@admin.register(IssuerKey)
class IssuerKeyAdmin(ScopedModelAdmin):
    list_display = ["kid", "created_at"]


@admin.register(CertificateBatch)
class CertificateBatchAdmin(ScopedModelAdmin):
    list_display = ["title", "organisation", "state", "proposed_by", "decided_by", "decided_at"]
    list_filter = ["state", "organisation"]
    search_fields = ["title", "title_zh"]
    list_select_related = ["organisation", "proposed_by", "decided_by"]


@admin.register(Certificate)
class CertificateAdmin(ScopedModelAdmin):
    hidden = ("key",)  # no secret: the public half, which has a table of its own
    list_display = ["title", "recipient_name", "organisation", "kind", "state", "issued_at", "valid_until"]
    list_filter = ["state", "kind", "organisation"]
    search_fields = ["title", "title_zh", "recipient_name"]
    list_select_related = ["organisation", "person"]
    date_hierarchy = "issued_at"


@admin.register(Resource)
class ResourceAdmin(ScopedModelAdmin):
    list_display = ["title", "kind", "authors", "year", "organisation", "archived_at"]
    list_filter = ["kind"]
    search_fields = ["title", "title_zh", "authors", "topics"]
    list_select_related = ["organisation"]
    hidden = ("added_by",)


@admin.register(ResourceLink)
class ResourceLinkAdmin(ScopedModelAdmin):
    list_display = ["resource", "subject_type", "project", "added_by", "created_at"]
    search_fields = ["resource__title"]
    list_select_related = ["resource", "project", "added_by"]
