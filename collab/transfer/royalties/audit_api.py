"""Royalty audits as JSON."""

from __future__ import annotations

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.transfer.royalties.api import _SUM, MoneyField, ReasonInput, _licence
from collab.transfer.royalties.audit_models import AuditCorrection, AuditFinding, RoyaltyAudit
from collab.transfer.royalties.auditing import (
    agree_audit,
    announce_audit,
    begin_audit,
    cancel_audit,
    dispute_audit,
    report_audit,
)
from collab.transfer.royalties.states import AuditState
from collab.web.api import (
    IF_MATCH,
    DayField,
    PersonSerializer,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)


class FindingSerializer(serializers.ModelSerializer):
    gross = MoneyField("audit.currency")
    disallowed = MoneyField("audit.currency")
    sublicence_income = MoneyField("audit.currency")

    class Meta:
        model = AuditFinding
        fields = ["report", "product", "units", "gross", "disallowed", "sublicence_income", "sublicence"]


class CorrectionSerializer(serializers.ModelSerializer):
    royalty = MoneyField("audit.currency")
    minimum = MoneyField("audit.currency")
    sublicence_share = MoneyField("audit.currency")
    due = MoneyField("audit.currency")

    class Meta:
        model = AuditCorrection
        fields = ["report", "royalty", "minimum", "sublicence_share", "due"]


class AuditRow(serializers.ModelSerializer):
    state = serializers.ChoiceField(choices=choices_of(AuditState), read_only=True)
    reported = MoneyField()
    underpaid = MoneyField()
    interest = MoneyField()
    cost = MoneyField()
    cost_borne = MoneyField()
    to_pay = MoneyField()

    class Meta:
        model = RoyaltyAudit
        fields = [
            "id", "licence", "number", "starts_on", "ends_on", "auditor", "announced_on", "begins_on", "answer_by",
            "currency", "state", "reported", "underpaid", "interest", "cost", "cost_borne", "to_pay", "version",
        ]  # fmt: skip


class AuditSerializer(AuditRow):
    """An audit with its findings and what they change in each report."""

    findings = FindingSerializer(many=True, read_only=True)
    corrections = CorrectionSerializer(many=True, read_only=True)
    announced_by = PersonSerializer(read_only=True)
    reported_by = PersonSerializer(read_only=True, allow_null=True)
    answered_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta(AuditRow.Meta):
        fields = [
            *AuditRow.Meta.fields, "note", "summary", "reason", "findings", "corrections", "announced_by",
            "reported_by", "reported_at", "answered_by", "answered_at",
        ]  # fmt: skip


class AuditInput(StrictSerializer):
    licence = _licence()
    starts_on = DayField()
    ends_on = DayField()
    auditor = serializers.CharField(max_length=200)
    begins_on = DayField()
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True, source="note_text")


class FindingInput(StrictSerializer):
    report = serializers.UUIDField()
    product = serializers.CharField(max_length=200, allow_blank=True)
    units = serializers.DecimalField(required=False, **_SUM)
    gross = serializers.DecimalField(required=False, **_SUM)
    disallowed = serializers.DecimalField(required=False, **_SUM)
    sublicence_income = serializers.DecimalField(required=False, **_SUM)
    sublicence = serializers.UUIDField(required=False, allow_null=True)


class FindingsInput(StrictSerializer):
    findings = FindingInput(many=True)
    summary = serializers.CharField(max_length=8000)
    cost = serializers.DecimalField(required=False, **_SUM)


class DisputeInput(StrictSerializer):
    reason = serializers.CharField(max_length=4000)


class AuditFilter(django_filters.FilterSet):
    licence = django_filters.UUIDFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(AuditState))


@extend_schema_view(
    list=extend_schema(summary="Royalty audits", responses=AuditRow(many=True)),
    retrieve=extend_schema(summary="One royalty audit, with its findings", responses=AuditSerializer),
)
class RoyaltyAuditViewSet(ScopedViewSet):
    words = {
        "list": "royalty.view",
        "retrieve": "royalty.view",
        "create": "royalty.manage",
        "begin": "royalty.manage",
        "report": "royalty.manage",
        "cancel": "royalty.manage",
        "agree": "royalty.report",
        "dispute": "royalty.report",
    }
    rows = (
        RoyaltyAudit.objects.with_licence()
        .select_related("announced_by", "reported_by", "answered_by")
        .prefetch_related("findings__audit", "corrections__audit")
    )
    serializer_class = AuditSerializer
    filterset_class = AuditFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), AuditRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Announce an audit", request=AuditInput, responses={201: AuditSerializer})
    def create(self, request: Request) -> Response:
        return self._told(announce_audit(by=request.user, **self.parsed(AuditInput)), 201)

    @extend_schema(summary="The audit has begun", request=None, responses=AuditSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def begin(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        return self._told(begin_audit(audit=row, by=request.user, version=row.version))

    @extend_schema(
        summary="Tell what was found", request=FindingsInput, responses=AuditSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def report(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        return self._told(report_audit(audit=row, by=request.user, version=row.version, **self.parsed(FindingsInput)))

    @extend_schema(summary="Agree to the findings", request=None, responses=AuditSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def agree(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        return self._told(agree_audit(audit=row, by=request.user, version=row.version))

    @extend_schema(
        summary="Object to the findings", request=DisputeInput, responses=AuditSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def dispute(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        return self._told(dispute_audit(audit=row, by=request.user, version=row.version, **self.parsed(DisputeInput)))

    @extend_schema(summary="Call it off", request=ReasonInput, responses=AuditSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        return self._told(cancel_audit(audit=row, by=request.user, version=row.version, **self.parsed(ReasonInput)))

    def _matched(self, request: Request) -> RoyaltyAudit:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        return row

    def _told(self, audit: RoyaltyAudit, status: int = 200) -> Response:
        row = self.rows.all().get(pk=audit.pk)
        return tagged(self.shown(row, AuditSerializer, status), etag_of(row.pk, row.version))
