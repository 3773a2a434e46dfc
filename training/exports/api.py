"""Packages as ONNX over the API: ask, look again, take the file. Named by the version, or by what was licensed."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import Missing, can
from collab.kernel.blobs import blob_path
from collab.kernel.errors import NotReadyError
from collab.transfer.licences.models import LicensedAsset
from collab.web.api import ScopedViewSet, StrictSerializer, choices_of
from collab.web.downloads import resumable
from collab.web.negotiation import AnythingNegotiation
from registry.catalog.models import ModelVersion
from training.exports import services
from training.exports.models import OnnxExport
from training.exports.states import ExportState
from training.exports.views import ZIP
from training.playground.services import licensed_version


class OnnxExportSerializer(serializers.ModelSerializer):
    """An export; ask again while `state` is waiting or running. `state` is null where nobody asked for it."""

    state = serializers.ChoiceField(choices=choices_of(ExportState), read_only=True, allow_null=True)
    reason_text = serializers.CharField(source="reason_sentence", read_only=True)
    remedy = serializers.CharField(read_only=True)
    facts = serializers.DictField(read_only=True)

    class Meta:
        model = OnnxExport
        fields = ["state", "reason", "reason_text", "reason_detail", "remedy", "manifest_sha256", "sha256"]
        fields += ["size_bytes", "facts", "asked_at", "started_at", "ended_at"]


class NothingInput(StrictSerializer):
    """No fields."""


BYTES = {(200, ZIP): OpenApiResponse(OpenApiTypes.BINARY, description="The bytes")}


class _Exports(ScopedViewSet):
    serializer_class = OnnxExportSerializer

    def version_of(self, obj: Any) -> ModelVersion:
        raise NotImplementedError

    def _shown(self, version: ModelVersion, status: int = 200) -> Response:
        missing: Missing | None = services.why_not(version)
        if missing is not None:
            raise NotReadyError([missing])
        export = services.export_of(version) or OnnxExport(manifest_sha256=version.manifest_sha256, state=None)
        return self.shown(export, OnnxExportSerializer, status)

    def _bytes(self, request: Request, export: OnnxExport, obj: Any, word: str) -> HttpResponseBase:
        name = services.save_as(self.version_of(obj))
        return resumable(
            request._request, blob_path(export.sha256), name, export.sha256, ZIP,
            still=lambda: can(request.user, word, obj),  # type: ignore[arg-type]
        )  # fmt: skip


def _begins(request: Request) -> bool:
    return request.headers.get("Range", "bytes=0-").startswith("bytes=0-")


class OnnxExportViewSet(_Exports):
    words = {"retrieve": "model.download", "ask": "model.download", "file": "model.download"}
    rows = ModelVersion.objects.select_related("model__project")

    def version_of(self, obj: Any) -> ModelVersion:
        return obj

    @extend_schema(summary="Where the ONNX export of a version stands", responses=OnnxExportSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return self._shown(self.get_object())

    @extend_schema(summary="Ask for a version as ONNX", request=NothingInput, responses={202: OnnxExportSerializer})
    @action(detail=True, methods=["post"])
    def ask(self, request: Request, pk: str) -> Response:
        self.parsed(NothingInput)
        version = self.get_object()
        services.ask_export(version=version, by=request.user)  # type: ignore[arg-type]
        return self._shown(version, 202)

    @extend_schema(summary="The bytes of the ONNX export of a version", responses=BYTES)
    @action(detail=True, content_negotiation_class=AnythingNegotiation)
    def file(self, request: Request, pk: str) -> HttpResponseBase:
        version = self.get_object()
        export = services.take_export(version=version, by=request.user, whole=_begins(request))  # type: ignore[arg-type]
        return self._bytes(request, export, version, "model.download")


class LicensedOnnxExportViewSet(_Exports):
    words = {"retrieve": "release.download", "ask": "release.download", "file": "release.download"}
    rows = LicensedAsset.objects.select_related("licence__agreement")

    def version_of(self, obj: Any) -> ModelVersion:
        return licensed_version(obj)

    @extend_schema(summary="Where the ONNX export of a licensed model stands", responses=OnnxExportSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return self._shown(licensed_version(self.get_object()))

    @extend_schema(
        summary="Ask for a licensed model as ONNX", request=NothingInput, responses={202: OnnxExportSerializer}
    )
    @action(detail=True, methods=["post"])
    def ask(self, request: Request, pk: str) -> Response:
        self.parsed(NothingInput)
        asset = self.get_object()
        services.ask_licensed_export(asset=asset, by=request.user)  # type: ignore[arg-type]
        return self._shown(licensed_version(asset), 202)

    @extend_schema(summary="The bytes of the ONNX export of a licensed model", responses=BYTES)
    @action(detail=True, content_negotiation_class=AnythingNegotiation)
    def file(self, request: Request, pk: str) -> HttpResponseBase:
        asset = self.get_object()
        export = services.take_licensed_export(asset=asset, by=request.user, whole=_begins(request))  # type: ignore[arg-type]
        return self._bytes(request, export, asset, "release.download")
