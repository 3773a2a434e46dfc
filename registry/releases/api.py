"""What others licensed to one's organisation, as JSON and bytes."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import can
from collab.accounts.api import OrganisationRef
from collab.transfer.licences.models import LicensedAsset
from collab.transfer.licences.states import AssetKind, LicenceState
from collab.web.api import ScopedViewSet, choices_of
from collab.web.downloads import resumable
from collab.web.negotiation import AnythingNegotiation
from registry.releases.files import files_of, subject_of
from registry.releases.reading import with_licences
from registry.releases.services import take_file
from registry.releases.views import BYTES


class ReleasedFileSerializer(serializers.Serializer):
    """A file of a licensed version; `kept` says whether its bytes can be had here."""

    name = serializers.CharField(read_only=True)
    sha256 = serializers.CharField(read_only=True)
    size_bytes = serializers.IntegerField(read_only=True)
    kept = serializers.BooleanField(read_only=True)


class ReleaseRow(serializers.ModelSerializer):
    """Something licensed to one's organisation; it can be had while `licence_state` is `active`."""

    kind = serializers.ChoiceField(choices=AssetKind.choices, read_only=True)
    licence = serializers.UUIDField(source="licence_id", read_only=True)
    reference = serializers.CharField(source="licence.agreement.reference", read_only=True)
    licensor = OrganisationRef(source="licence.licensor", read_only=True)
    licence_state = serializers.ChoiceField(source="now", choices=choices_of(LicenceState), read_only=True)
    starts_on = serializers.DateField(source="licence.starts_on", read_only=True)
    ends_on = serializers.DateField(source="licence.ends_on", read_only=True, allow_null=True)

    class Meta:
        model = LicensedAsset
        fields = ["id", "kind", "label", "licence", "reference", "licensor", "licence_state", "starts_on", "ends_on"]


class ReleaseSerializer(ReleaseRow):
    """One asset with its limits and files."""

    fields_of_use = serializers.SlugRelatedField(
        source="licence.fields_of_use", slug_field="code", many=True, read_only=True
    )
    territories = serializers.SlugRelatedField(
        source="licence.territories", slug_field="code", many=True, read_only=True
    )
    files = serializers.SerializerMethodField()

    class Meta(ReleaseRow.Meta):
        fields = [*ReleaseRow.Meta.fields, "fields_of_use", "territories", "files"]

    @extend_schema_field(ReleasedFileSerializer(many=True))
    def get_files(self, asset: LicensedAsset) -> list[dict[str, Any]]:
        """Exactly the files of the licensed version."""
        return list(ReleasedFileSerializer(files_of(subject_of(asset)), many=True).data)


class ReleaseFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=AssetKind.choices)
    licence = django_filters.UUIDFilter(field_name="licence_id")


@extend_schema_view(
    list=extend_schema(summary="What is licensed to one's organisation", responses=ReleaseRow(many=True)),
    retrieve=extend_schema(summary="A licensed asset, with its files"),
)
class ReleaseViewSet(ScopedViewSet):
    words = {"list": "release.view", "retrieve": "release.view", "file": "release.download"}
    rows = LicensedAsset.objects.select_related("licence__agreement")
    serializer_class = ReleaseSerializer
    filterset_class = ReleaseFilter

    def list(self, request: Request) -> Response:
        return self.listed(with_licences(self.filtered()), ReleaseRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        asset = self.get_object()
        return self.shown(with_licences(LicensedAsset.objects.filter(pk=asset.pk)).get(), ReleaseSerializer)

    @extend_schema(
        summary="The bytes of a licensed file",
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, description="The bytes")},
    )
    @action(detail=True, url_path="files/(?P<sha256>[0-9a-f]{64})", content_negotiation_class=AnythingNegotiation)
    def file(self, request: Request, pk: str, sha256: str) -> HttpResponseBase:
        begins = request.headers.get("Range", "bytes=0-").startswith("bytes=0-")
        asset = self.get_object()
        file = take_file(asset=asset, sha256=sha256, by=request.user, whole=begins)  # type: ignore[arg-type]

        def still() -> bool:
            return can(request.user, "release.download", asset)  # type: ignore[arg-type]

        return resumable(request._request, file.path, file.save_as, file.sha256, BYTES, still=still)
