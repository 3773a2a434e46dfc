"""Agreements in the admin: what was signed is never changed, also not here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from collab.agreements.approvals import Approval, ApprovalStep
from collab.agreements.background import BackgroundItem
from collab.agreements.comments import VersionComment
from collab.agreements.duties import SurvivingDuty
from collab.agreements.ip import IPTerms
from collab.agreements.library import AgreementTemplate, TemplateVersion
from collab.agreements.models import Agreement, AgreementParty, AgreementVersion, Coverage, Signature
from collab.agreements.sealed import SealedDocument
from collab.web.admin import ScopedModelAdmin, short_hash


@admin.register(Agreement)
class AgreementAdmin(ScopedModelAdmin):
    list_display = ["reference", "title", "kind", "project", "amends", "confidential", "created_by", "created_at"]
    list_filter = ["kind", "confidential", "project"]
    search_fields = ["reference", "title", "title_zh"]
    list_select_related = ["project", "amends", "created_by"]


@admin.register(AgreementVersion)
class AgreementVersionAdmin(ScopedModelAdmin):
    list_display = ["agreement", "number", "state", "effective_on", "expires_on", "executed_at", "ended_at", "hash"]
    list_filter = ["state"]
    search_fields = ["agreement__reference", "agreement__title", "document_sha256"]
    list_select_related = ["agreement"]
    date_hierarchy = "created_at"

    @admin.display(description="sha256")
    def hash(self, obj: Any) -> str:
        return short_hash(obj.document_sha256)


@admin.register(AgreementParty)
class AgreementPartyAdmin(ScopedModelAdmin):
    list_display = ["version", "organisation", "signing_order"]
    search_fields = ["version__agreement__reference", "organisation__name"]
    list_select_related = ["version__agreement", "organisation"]


@admin.register(Signature)
class SignatureAdmin(ScopedModelAdmin):
    list_display = ["version", "party", "typed_name", "capacity", "signer", "signed_at"]
    search_fields = ["version__agreement__reference", "typed_name"]
    list_select_related = ["version__agreement", "party", "signer"]
    date_hierarchy = "signed_at"


@admin.register(Coverage)
class CoverageAdmin(ScopedModelAdmin):
    list_display = ["version", "party", "purpose", "asset_id"]
    list_filter = ["purpose"]
    search_fields = ["version__agreement__reference", "party__name"]
    list_select_related = ["version__agreement", "party"]


@admin.register(SealedDocument)
class SealedDocumentAdmin(ScopedModelAdmin):
    list_display = ["version", "sha256", "size_bytes", "created_at"]
    search_fields = ["version__agreement__reference", "sha256"]
    list_select_related = ["version__agreement"]


@admin.register(IPTerms)
class IPTermsAdmin(ScopedModelAdmin):
    list_display = ["version", "results_owner", "partner_right", "field_of_use", "publication_notice_days"]
    list_filter = ["results_owner", "partner_right"]
    search_fields = ["version__agreement__reference"]
    list_select_related = ["version__agreement"]


@admin.register(BackgroundItem)
class BackgroundItemAdmin(ScopedModelAdmin):
    list_display = ["title", "owner", "project", "usable_in_project", "declared_on", "withdrawn_on"]
    list_filter = ["usable_in_project", "project"]
    search_fields = ["title", "owner__name"]
    list_select_related = ["owner", "project"]


@admin.register(SurvivingDuty)
class SurvivingDutyAdmin(ScopedModelAdmin):
    list_display = ["text", "party", "version", "until", "months"]
    search_fields = ["text", "version__agreement__reference"]
    list_select_related = ["version__agreement", "party"]


@admin.register(VersionComment)
class VersionCommentAdmin(ScopedModelAdmin):
    list_display = ["version", "party", "author", "created_at"]
    search_fields = ["version__agreement__reference", "text"]
    list_select_related = ["version__agreement", "party", "author"]


@admin.register(ApprovalStep)
class ApprovalStepAdmin(ScopedModelAdmin):
    """A superuser may mend a procedure here; the change is an act in the history."""

    list_display = ["name", "organisation", "kind", "position", "receiver", "is_active"]
    list_filter = ["is_active", "kind"]
    search_fields = ["name", "organisation__name"]
    list_select_related = ["organisation", "receiver"]
    editable_fields = ("name", "name_zh", "position", "due_days", "is_active")


@admin.register(Approval)
class ApprovalAdmin(ScopedModelAdmin):
    list_display = ["version", "organisation", "step", "round", "state", "decided_by", "decided_at"]
    list_filter = ["state"]
    search_fields = ["version__agreement__reference", "step__name"]
    list_select_related = ["version__agreement", "organisation", "step", "decided_by"]


@admin.register(AgreementTemplate)
class AgreementTemplateAdmin(ScopedModelAdmin):
    """Texts are published as new versions; here one says whether they are offered."""

    list_display = ["code", "organisation", "name", "kind", "is_active"]
    list_filter = ["kind", "is_active"]
    list_select_related = ["organisation"]
    search_fields = ["code", "name", "name_zh"]
    editable_fields = ("name", "name_zh", "is_active")


@admin.register(TemplateVersion)
class TemplateVersionAdmin(ScopedModelAdmin):
    list_display = ["template", "number", "published_by", "created_at", "hash"]
    search_fields = ["template__code", "template__name"]
    list_select_related = ["template", "published_by"]

    @admin.display(description="sha256")
    def hash(self, obj: Any) -> str:
        return short_hash(obj.sha256)
