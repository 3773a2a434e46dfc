"""Notes on cases as JSON, and their files."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.kernel.blobs import blob_path
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.note_models import CaseNote
from collab.transfer.disclosures.noting import add_note, open_file, require_file, withdraw_note
from collab.web.api import DayField, PersonSerializer, ScopedRelatedField, ScopedViewSet, StrictSerializer
from collab.web.downloads import resumable
from collab.web.negotiation import AnythingNegotiation
from collab.web.parsers import WholeMultiPartParser


class CaseNoteSerializer(serializers.ModelSerializer):
    """Of one that was taken back: that it was there, who took it back and why."""

    text = serializers.SerializerMethodField()
    file_name = serializers.SerializerMethodField()
    sha256 = serializers.SerializerMethodField()
    by = PersonSerializer(read_only=True)
    withdrawn_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = CaseNote
        fields = [
            "id", "case", "noted_on", "text", "file_name", "sha256", "size_bytes", "by", "created_at", "withdrawn_by",
            "withdrawn_at", "withdrawn_reason",
        ]  # fmt: skip

    def get_text(self, note: CaseNote) -> str:
        return note.text if note.withdrawn_at is None else ""

    def get_file_name(self, note: CaseNote) -> str:
        return note.file_name if note.withdrawn_at is None else ""

    def get_sha256(self, note: CaseNote) -> str:
        return note.sha256 if note.withdrawn_at is None else ""


class CaseNoteInput(StrictSerializer):
    """A text, a file, or both: JSON, or a form with the `file`."""

    case = ScopedRelatedField(word="case.manage", model=TransferCase)
    text = serializers.CharField(max_length=8000, required=False, allow_blank=True)
    noted_on = DayField(required=False)
    file = serializers.FileField(required=False, allow_empty_file=True)


class TakeBackInput(StrictSerializer):
    reason = serializers.CharField(max_length=1000)


class CaseNoteFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter()


@extend_schema_view(
    list=extend_schema(summary="Notes on cases, for their office", responses=CaseNoteSerializer(many=True)),
    retrieve=extend_schema(summary="One note", responses=CaseNoteSerializer),
)
class CaseNoteViewSet(ScopedViewSet):
    words = {
        "list": "case.view",
        "retrieve": "case.view",
        "content": "case.view",
        "create": "case.manage",
        "withdraw": "case.manage",
    }
    rows = CaseNote.objects.with_all()
    serializer_class = CaseNoteSerializer
    filterset_class = CaseNoteFilter

    def get_parsers(self) -> list[Any]:
        # This is asked before the action is known; one of them takes a form beside JSON.
        method = (self.request.method or "").lower() if getattr(self, "request", None) else ""
        parsers = super().get_parsers()
        return [*parsers, WholeMultiPartParser()] if self.action_map.get(method) == "create" else parsers

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), CaseNoteSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), CaseNoteSerializer)

    @extend_schema(
        summary="Note something about a case, or keep a file with it",
        request={"application/json": CaseNoteInput, "multipart/form-data": CaseNoteInput},
        responses={201: CaseNoteSerializer},
    )
    def create(self, request: Request) -> Response:
        return self.shown(add_note(by=request.user, **self.parsed(CaseNoteInput)), CaseNoteSerializer, 201)

    @extend_schema(summary="Take it back", request=TakeBackInput, responses=CaseNoteSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        done = withdraw_note(note=self.get_object(), by=request.user, **self.parsed(TakeBackInput))
        return self.shown(done, CaseNoteSerializer)

    @extend_schema(
        summary="Its file", responses={200: OpenApiResponse(OpenApiTypes.BINARY, description="The file, to keep")}
    )
    @action(detail=True, url_path="file", content_negotiation_class=AnythingNegotiation)
    def content(self, request: Request, pk: str) -> HttpResponseBase:
        note = self.get_object()
        require_file(note)
        if request.method != "HEAD":
            open_file(note=note, by=request.user)
        return resumable(request, blob_path(note.sha256), note.file_name, note.sha256, note.media_type)
