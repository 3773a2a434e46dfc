"""Acceptances: who accepted which version, what waits for mine, and mine."""

from __future__ import annotations

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import visible_to
from collab.accounts.api import OrganisationRef
from collab.accounts.models import Organisation
from collab.agreements.api import VersionRow
from collab.agreements.models import AgreementVersion
from collab.terms.models import TermsAcceptance, open_for
from collab.terms.services import accept_terms
from collab.web.api import PersonSerializer, ProjectFilter, ScopedRelatedField, ScopedViewSet, StrictSerializer


class AcceptanceSerializer(serializers.ModelSerializer):
    """One person's acceptance of one version, for one party."""

    agreement = serializers.CharField(source="version.agreement.reference", read_only=True)
    number = serializers.IntegerField(source="version.number", read_only=True)
    person = PersonSerializer(source="user", read_only=True)
    organisation = OrganisationRef(read_only=True)

    class Meta:
        model = TermsAcceptance
        fields = ["id", "version", "agreement", "number", "person", "organisation", "document_sha256", "accepted_at"]


class AcceptanceInput(StrictSerializer):
    """Accept exactly the document with this hash (in the browser)."""

    version = ScopedRelatedField(word="terms.accept", model=AgreementVersion)
    organisation = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    document_sha256 = serializers.RegexField("^[0-9a-f]{64}$")


class AcceptanceFilter(django_filters.FilterSet):
    project = ProjectFilter(path="version__agreement__project")
    version = django_filters.UUIDFilter(field_name="version_id")
    person = django_filters.UUIDFilter(field_name="user_id")


@extend_schema_view(
    list=extend_schema(summary="Acceptances of terms"), retrieve=extend_schema(summary="One acceptance of terms")
)
class AcceptanceViewSet(ScopedViewSet):
    words = {
        "list": "agreement.view",
        "retrieve": "agreement.view",
        "create": "terms.accept",
        "waiting": "agreement.view",
    }
    rows = TermsAcceptance.objects.with_names()
    serializer_class = AcceptanceSerializer
    filterset_class = AcceptanceFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), AcceptanceSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), AcceptanceSerializer)

    @extend_schema(
        summary="Accept the terms of a version", request=AcceptanceInput, responses={201: AcceptanceSerializer}
    )
    def create(self, request: Request) -> Response:
        return self.shown(accept_terms(by=request.user, **self.parsed(AcceptanceInput)), AcceptanceSerializer, 201)

    @extend_schema(summary="Versions that wait for my acceptance", responses=VersionRow(many=True))
    @action(detail=False, paged=True, filterset_class=None)
    def waiting(self, request: Request) -> Response:
        rows = visible_to(request.user, self.word, open_for(request.user).select_related("agreement"))
        return self.listed(rows, VersionRow)
