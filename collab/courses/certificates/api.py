"""Certificates as JSON."""

from __future__ import annotations

import hashlib
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.models import Organisation
from collab.courses.certificates.forms import people_named
from collab.courses.certificates.models import Certificate, CertificateKind
from collab.courses.certificates.printing import print_certificate
from collab.courses.certificates.services import (
    Achievement,
    Proposal,
    propose_certificates,
    reinstate_certificate,
    revoke_certificate,
    suspend_certificate,
)
from collab.courses.certificates.states import SIGNED, CertificateState
from collab.kernel.errors import InvalidError, NotFoundError
from collab.web.api import (
    MomentField,
    PersonSerializer,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
)
from collab.web.downloads import attachment
from collab.web.negotiation import AnythingNegotiation

_TEXTS = ("title", "title_zh", "description", "description_zh", "criteria", "criteria_zh")


class CertificateSerializer(serializers.ModelSerializer):
    """A certificate; `public_url` is where anybody checks it, `credential` the signed text to check alone."""

    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    person = PersonSerializer(read_only=True)
    kind = serializers.ChoiceField(choices=CertificateKind.choices, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(CertificateState), read_only=True)
    shown_state = serializers.CharField(read_only=True)
    public_url = serializers.CharField(read_only=True)

    class Meta:
        model = Certificate
        fields = [
            "id", "organisation", "person", "recipient_name", "kind", *_TEXTS, "evidence", "state", "shown_state",
            "issued_at", "valid_until", "reason", "changed_at", "batch", "credential", "public_url", "version",
        ]  # fmt: skip


class BatchInput(StrictSerializer):
    """The same certificate for several people. `people`: their e-mail addresses."""

    organisation = ScopedRelatedField(word="certificate.propose", model=Organisation, slug_field="slug")
    kind = serializers.ChoiceField(choices=CertificateKind.choices)
    title = serializers.CharField(max_length=160)
    title_zh = serializers.CharField(max_length=160, required=False, allow_blank=True, default="")
    description = serializers.CharField(max_length=2000)
    description_zh = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    criteria = serializers.CharField(max_length=2000)
    criteria_zh = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    valid_until = MomentField(required=False, allow_null=True, default=None)
    people = serializers.ListField(child=serializers.EmailField(), min_length=1, max_length=500)


class BatchSerializer(serializers.Serializer):
    """What waits for approval."""

    id = serializers.UUIDField(read_only=True)
    title = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True)
    certificates = CertificateSerializer(many=True, read_only=True)


class ReasonInput(StrictSerializer):
    reason = serializers.CharField(max_length=1000)


class CertificateFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search")
    kind = django_filters.ChoiceFilter(choices=CertificateKind.choices)
    state = django_filters.ChoiceFilter(choices=choices_of(CertificateState))
    batch = django_filters.UUIDFilter()

    class Meta:
        model = Certificate
        fields: list[str] = []

    def search(self, rows: Any, name: str, value: str) -> Any:
        return rows.matching(value)


@extend_schema_view(
    list=extend_schema(summary="List certificates", responses=CertificateSerializer),
    retrieve=extend_schema(summary="Read a certificate", responses=CertificateSerializer),
)
class CertificateViewSet(ScopedViewSet):
    words = {
        "list": "certificate.view",
        "retrieve": "certificate.view",
        "create": "certificate.propose",
        "suspend": "certificate.revoke",
        "reinstate": "certificate.revoke",
        "revoke": "certificate.revoke",
        "paper": "certificate.view",
    }
    rows = Certificate.objects.with_names()
    serializer_class = CertificateSerializer
    filterset_class = CertificateFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), CertificateSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), CertificateSerializer)

    @extend_schema(
        summary="Propose certificates; somebody else approves them in the inbox", request=BatchInput,
        responses={201: BatchSerializer},
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        given: dict[str, Any] = self.parsed(BatchInput)
        what = Achievement(kind=given["kind"], **{name: given[name] for name in _TEXTS})
        try:
            people = people_named(given["people"], given["organisation"])
        except ValidationError as fault:
            raise InvalidError(" ".join(fault.messages), field="people") from None
        batch = propose_certificates(
            organisation=given["organisation"],
            title=what.title,
            title_zh=what.title_zh,
            proposals=[Proposal(person, what, valid_until=given["valid_until"]) for person in people],
            by=request.user,
        )
        return self.shown(batch, BatchSerializer, 201)

    @extend_schema(summary="Suspend a certificate", request=ReasonInput, responses=CertificateSerializer)
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, pk: str) -> Response:
        return self._changed(suspend_certificate)

    @extend_schema(summary="Reinstate a certificate", request=ReasonInput, responses=CertificateSerializer)
    @action(detail=True, methods=["post"])
    def reinstate(self, request: Request, pk: str) -> Response:
        return self._changed(reinstate_certificate)

    @extend_schema(summary="Revoke a certificate for good", request=ReasonInput, responses=CertificateSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        return self._changed(revoke_certificate)

    @extend_schema(summary="The certificate as PDF", responses={200: OpenApiResponse(OpenApiTypes.BINARY)})
    @action(detail=True, url_path="pdf", content_negotiation_class=AnythingNegotiation)
    def paper(self, request: Request, pk: str) -> HttpResponseBase:
        row = self.get_object()
        if row.state not in SIGNED:
            raise NotFoundError
        content = print_certificate(row)
        return attachment(content, f"certificate-{row.pk}.pdf", hashlib.sha256(content).hexdigest())

    def _changed(self, verb: Any) -> Response:
        row = verb(certificate=self.get_object(), by=self.request.user, **self.parsed(ReasonInput))
        return self.shown(self.rows.get(pk=row.pk), CertificateSerializer)
