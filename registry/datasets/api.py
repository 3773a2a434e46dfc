"""Datasets and their versions: announced, uploaded whole, described, downloaded."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import django_filters
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import can
from collab.accounts.api import OrganisationRef
from collab.projects.models import Project
from collab.web.api import PersonSerializer, ProjectFilter, ScopedRelatedField, ScopedViewSet, StrictSerializer
from collab.web.negotiation import AnythingNegotiation
from collab.web.parsers import WholeMultiPartParser
from registry.datasets.models import Dataset, DatasetKind, DatasetVersion
from registry.datasets.services import add_version, create_dataset, open_version


class DatasetSerializer(serializers.ModelSerializer):
    project = serializers.SlugField(source="project.slug", read_only=True)
    organisation = OrganisationRef(read_only=True)
    latest_number = serializers.IntegerField(read_only=True, allow_null=True, default=None)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Dataset
        fields = ["id", "project", "organisation", "name", "description", "latest_number", "created_at", "url"]


class DatasetInput(StrictSerializer):
    """Announce a dataset; its bytes come as versions."""

    project = ScopedRelatedField(word="dataset.upload", model=Project, slug_field="slug")
    name = serializers.CharField(max_length=80)
    description = serializers.CharField(max_length=5000, required=False, allow_blank=True, default="")


class DatasetVersionRow(serializers.ModelSerializer):
    """A version in a list. It exists only once it is checked, so its state is always `ready`."""

    dataset = serializers.UUIDField(source="dataset_id", read_only=True)
    state = serializers.SerializerMethodField()
    created_by = PersonSerializer(read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = DatasetVersion
        fields = [
            "id",
            "dataset",
            "number",
            "state",
            "kind",
            "sha256",
            "size_bytes",
            "rows",
            "file_name",
            "created_by",
            "created_at",
            "url",
        ]

    def get_state(self, version: DatasetVersion) -> str:
        """`ready`"""
        return "ready"


class DatasetVersionDetail(DatasetVersionRow):
    """A version with its profile; examples only for those who may read the rows."""

    profile = serializers.SerializerMethodField()

    class Meta(DatasetVersionRow.Meta):
        fields = [*DatasetVersionRow.Meta.fields, "profile"]

    def get_profile(self, version: DatasetVersion) -> dict[str, Any]:
        """Counts, columns, classes, lengths."""
        may_read = can(self.context["request"].user, "dataset.read", version)
        return version.profile if may_read else version.public_profile


class DatasetVersionInput(StrictSerializer):
    """One file: plain text, CSV, JSON lines, Parquet, or a zip of images or recordings."""

    file = serializers.FileField(allow_empty_file=True)  # an empty one gets our own sentence


class DatasetFilter(django_filters.FilterSet):
    project = ProjectFilter()
    name = django_filters.CharFilter()


class DatasetVersionFilter(django_filters.FilterSet):
    project = ProjectFilter(path="dataset__project")
    dataset = django_filters.UUIDFilter(field_name="dataset_id")
    kind = django_filters.ChoiceFilter(choices=DatasetKind.choices)
    sha256 = django_filters.CharFilter()


@extend_schema_view(list=extend_schema(summary="Datasets"), retrieve=extend_schema(summary="One dataset"))
class DatasetViewSet(ScopedViewSet):
    words = {
        "list": "dataset.view",
        "retrieve": "dataset.view",
        "create": "dataset.upload",
        "versions": "dataset.view",
        "upload": "dataset.upload",
    }
    rows = Dataset.objects.with_latest()
    serializer_class = DatasetSerializer
    filterset_class = DatasetFilter

    def get_parsers(self) -> list[Any]:
        # This is asked before the action is known, and only one of them takes a form.
        method = (self.request.method or "").lower() if getattr(self, "request", None) else ""
        if self.action_map.get(method) == "upload":
            return [WholeMultiPartParser()]
        return super().get_parsers()

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), DatasetSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), DatasetSerializer)

    @extend_schema(summary="Announce a dataset", request=DatasetInput, responses={201: DatasetSerializer})
    def create(self, request: Request) -> Response:
        return self.shown(create_dataset(by=request.user, **self.parsed(DatasetInput)), DatasetSerializer, 201)

    @extend_schema(summary="Versions of a dataset", responses=DatasetVersionRow(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        rows = self.get_object().versions.select_related("dataset", "created_by")
        return self.listed(rows, DatasetVersionRow)

    @extend_schema(
        summary="Upload a version",
        request={"multipart/form-data": DatasetVersionInput},
        responses={201: DatasetVersionDetail},
    )
    @versions.mapping.post
    def upload(self, request: Request, pk: str) -> Response:
        dataset = self.get_object()  # before a byte of the file is read
        file = self.parsed(DatasetVersionInput)["file"]
        return self.shown(add_version(dataset=dataset, file=file, by=request.user), DatasetVersionDetail, 201)


@extend_schema_view(
    list=extend_schema(summary="Dataset versions", responses=DatasetVersionRow(many=True)),
    retrieve=extend_schema(summary="One version, with its profile"),
)
class DatasetVersionViewSet(ScopedViewSet):
    words = {"list": "dataset.view", "retrieve": "dataset.view", "content": "dataset.read"}
    rows = DatasetVersion.objects.select_related("dataset__project", "created_by")
    serializer_class = DatasetVersionDetail
    filterset_class = DatasetVersionFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), DatasetVersionRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), DatasetVersionDetail)

    @extend_schema(
        summary="Download its bytes",
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    @action(detail=True, content_negotiation_class=AnythingNegotiation)
    def content(self, request: Request, pk: str) -> StreamingHttpResponse:
        version = self.get_object()
        pieces = iter(()) if request.method == "HEAD" else open_version(version=version, by=request.user)
        response = StreamingHttpResponse(pieces, content_type="application/octet-stream")
        response["Content-Length"] = str(version.size_bytes)
        response["Content-Disposition"] = attachment(version.file_name)
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response["ETag"] = f'"{version.sha256}"'
        return response


def attachment(name: str) -> str:
    """A Content-Disposition that no file name can break out of (RFC 6266, RFC 8187)."""
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
