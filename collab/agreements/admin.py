"""Agreements in the admin: what was signed is never changed, also not here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from collab.agreements.models import (
    Agreement,
    AgreementParty,
    AgreementVersion,
    Coverage,
    SealedDocument,
    Signature,
)
from collab.web.admin import ScopedModelAdmin, short_hash


@admin.register(Agreement)
class AgreementAdmin(ScopedModelAdmin):
    list_display = ["reference", "title", "kind", "project", "created_by", "created_at"]
    list_filter = ["kind", "project"]
    search_fields = ["reference", "title", "title_zh"]
    list_select_related = ["project", "created_by"]


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
    list_display = ["version", "organisation"]
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
