"""Agreements and their versions: drafted, sent, signed in the browser, withdrawn, terminated."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.api import OrganisationRef
from collab.accounts.models import Organisation
from collab.agreements.models import (
    Agreement,
    AgreementKind,
    AgreementVersion,
    Coverage,
    Purpose,
    Signature,
)
from collab.agreements.sealed import SealedDocument
from collab.agreements.sealing import ensure_sealed, open_sealed, verify_url
from collab.agreements.services import (
    CoverageTerm,
    draft_agreement,
    draft_version,
    parties_to_sign_for,
    send_for_signature,
    sign_version,
    terminate_version,
    withdraw_version,
)
from collab.agreements.states import VERSION_MOVES, VersionState
from collab.projects.models import Project
from collab.web.api import (
    DayField,
    PersonSerializer,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
)
from collab.web.downloads import attachment
from collab.web.negotiation import AnythingNegotiation


class CoverageSerializer(serializers.ModelSerializer):
    """The party may use the asset (null: every dataset of the project) for the purpose."""

    party = serializers.SlugField(source="party.slug", read_only=True)

    class Meta:
        model = Coverage
        fields = ["party", "purpose", "asset_id"]


class SignatureSerializer(serializers.ModelSerializer):
    party = OrganisationRef(read_only=True)
    signer = PersonSerializer(read_only=True)

    class Meta:
        model = Signature
        fields = ["party", "signer", "typed_name", "capacity", "document_sha256", "signed_at"]


class SealedSerializer(serializers.ModelSerializer):
    """The PDF of an executed version: made once, named by its hash."""

    document_sha256 = serializers.CharField(source="version.document_sha256", read_only=True)
    verify_url = serializers.SerializerMethodField()

    class Meta:
        model = SealedDocument
        fields = ["sha256", "document_sha256", "size_bytes", "created_at", "verify_url"]

    def get_verify_url(self, sealed: SealedDocument) -> str:
        """Where anybody may ask whether it was executed."""
        return verify_url(sealed.version.document_sha256)


class VersionRow(serializers.ModelSerializer):
    """A version in a list."""

    agreement = serializers.CharField(source="agreement.reference", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(VersionState), read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = AgreementVersion
        fields = [
            "id",
            "agreement",
            "number",
            "state",
            "effective_on",
            "expires_on",
            "document_sha256",
            "sent_at",
            "executed_at",
            "ended_at",
            "url",
        ]


class VersionDetail(VersionRow):
    """A version whole: exactly what is signed, by whom it was signed, and what is possible now."""

    parties = serializers.SerializerMethodField()
    signatures = SignatureSerializer(many=True, read_only=True)
    coverage = CoverageSerializer(many=True, read_only=True)
    document = serializers.SerializerMethodField()
    moves = serializers.SerializerMethodField()
    sign_for = serializers.SerializerMethodField()

    class Meta(VersionRow.Meta):
        fields = [
            *VersionRow.Meta.fields,
            "text",
            "text_zh",
            "parties",
            "coverage",
            "signatures",
            "document",
            "moves",
            "sign_for",
        ]

    def get_parties(self, version: AgreementVersion) -> list[str]:
        """Short names of the organisations that must sign."""
        return [party.organisation.slug for party in version.parties.all()]

    def get_document(self, version: AgreementVersion) -> dict[str, Any]:
        """What the hash is made of."""
        return version.document()

    def get_moves(self, version: AgreementVersion) -> list[str]:
        """What its state allows now."""
        return [move for move in VERSION_MOVES.open_from(version.state) if move not in {"edit", "seal", "supersede"}]

    def get_sign_for(self, version: AgreementVersion) -> list[str]:
        """Short names of the parties for which you may sign now."""
        return [party.slug for party in parties_to_sign_for(self.context["request"].user, version)]


class AgreementSerializer(serializers.ModelSerializer):
    project = serializers.SlugField(source="project.slug", read_only=True)
    versions = VersionRow(many=True, read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Agreement
        fields = ["id", "reference", "project", "kind", "title", "title_zh", "versions", "created_at", "url"]


class AgreementInput(StrictSerializer):
    """Begin an agreement; its text comes with the first version."""

    project = ScopedRelatedField(word="agreement.draft", model=Project, slug_field="slug")
    reference = serializers.CharField(max_length=40)
    kind = serializers.ChoiceField(choices=AgreementKind.choices)
    title = serializers.CharField(max_length=160)
    title_zh = serializers.CharField(max_length=160, required=False, allow_blank=True)


class CoverageInput(StrictSerializer):
    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    asset_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class VersionInput(StrictSerializer):
    """Write a version; parties default to those of the project."""

    text = serializers.CharField(max_length=200_000)
    text_zh = serializers.CharField(max_length=200_000, required=False, allow_blank=True)
    effective_on = DayField()
    expires_on = DayField(required=False, allow_null=True)
    parties = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", many=True, required=False
    )
    coverage = CoverageInput(many=True, required=False)


class SignInput(StrictSerializer):
    """Sign exactly the document with this hash."""

    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    typed_name = serializers.CharField(max_length=120)
    capacity = serializers.CharField(max_length=120)
    document_sha256 = serializers.RegexField("^[0-9a-f]{64}$")


class AgreementFilter(django_filters.FilterSet):
    project = ProjectFilter()
    kind = django_filters.ChoiceFilter(choices=AgreementKind.choices)
    reference = django_filters.CharFilter()


@extend_schema_view(list=extend_schema(summary="Agreements"), retrieve=extend_schema(summary="One agreement"))
class AgreementViewSet(ScopedViewSet):
    words = {
        "list": "agreement.view",
        "retrieve": "agreement.view",
        "create": "agreement.draft",
        "versions": "agreement.view",
        "draft": "agreement.draft",
    }
    rows = Agreement.objects.select_related("project").prefetch_related("versions__agreement")
    serializer_class = AgreementSerializer
    filterset_class = AgreementFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), AgreementSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), AgreementSerializer)

    @extend_schema(summary="Begin an agreement", request=AgreementInput, responses={201: AgreementSerializer})
    def create(self, request: Request) -> Response:
        return self.shown(draft_agreement(by=request.user, **self.parsed(AgreementInput)), AgreementSerializer, 201)

    @extend_schema(summary="Versions of an agreement", responses=VersionRow(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        return self.listed(self.get_object().versions.select_related("agreement"), VersionRow)

    @extend_schema(summary="Write a version", request=VersionInput, responses={201: VersionDetail})
    @versions.mapping.post
    def draft(self, request: Request, pk: str) -> Response:
        agreement = self.get_object()
        data = self.parsed(VersionInput)
        data["coverage"] = [CoverageTerm(**term) for term in data.get("coverage", ())]
        return self.shown(draft_version(agreement=agreement, by=request.user, **data), VersionDetail, 201)


@extend_schema_view(retrieve=extend_schema(summary="One version of an agreement"))
class AgreementVersionViewSet(ScopedViewSet):
    words = {
        "retrieve": "agreement.view",
        "send": "agreement.draft",
        "sign": "agreement.sign",
        "withdraw": "agreement.draft",
        "terminate": "agreement.end",
        "sealed": "agreement.view",
        "pdf": "agreement.view",
    }
    rows = AgreementVersion.objects.select_related("agreement__project").prefetch_related(
        "parties__organisation", "signatures__party", "signatures__signer", "coverage__party"
    )
    serializer_class = VersionDetail

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), VersionDetail)

    @extend_schema(summary="Send it for signature", request=None, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def send(self, request: Request, pk: str) -> Response:
        return self._again(send_for_signature(version=self.get_object(), by=request.user))

    @extend_schema(summary="Sign for a party (in the browser)", request=SignInput, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def sign(self, request: Request, pk: str) -> Response:
        version = self.get_object()
        return self._again(sign_version(version=version, by=request.user, **self.parsed(SignInput)))

    @extend_schema(summary="Take it back", request=None, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        return self._again(withdraw_version(version=self.get_object(), by=request.user))

    @extend_schema(summary="End it now", request=None, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def terminate(self, request: Request, pk: str) -> Response:
        return self._again(terminate_version(version=self.get_object(), by=request.user))

    @extend_schema(summary="About its sealed document", responses=SealedSerializer)
    @action(detail=True)
    def sealed(self, request: Request, pk: str) -> Response:
        return self.shown(ensure_sealed(self.get_object()), SealedSerializer)

    @extend_schema(
        summary="Its sealed document as PDF",
        responses={200: OpenApiResponse(OpenApiTypes.BINARY, description="The file; its hash is in the ETag")},
    )
    @action(detail=True, content_negotiation_class=AnythingNegotiation)
    def pdf(self, request: Request, pk: str) -> HttpResponse:
        version = self.get_object()
        sealed, content = open_sealed(version=version, by=request.user)
        return attachment(content, f"{version.agreement.reference}-v{version.number}.pdf", sealed.sha256)

    def _again(self, version: AgreementVersion) -> Response:
        """The version as it is now, with what hangs on it."""
        return self.shown(self.rows.get(pk=version.pk), VersionDetail)
