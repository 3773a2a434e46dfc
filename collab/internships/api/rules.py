"""Rules that force or forbid a pair in the matching."""

from __future__ import annotations

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from collab.internships.applications.rounds import drop_rule, rule_pair
from collab.internships.models import Application, PairRule
from collab.web.api import PersonSerializer, ScopedRelatedField, ScopedViewSet, StrictSerializer


class RuleSerializer(serializers.ModelSerializer):
    student = PersonSerializer(source="candidate", read_only=True)
    created_by = PersonSerializer(read_only=True)

    class Meta:
        model = PairRule
        fields = ["id", "cohort", "posting", "student", "forced", "reason", "created_by", "created_at"]
        read_only_fields = ["cohort", "posting", "forced", "reason"]


class RuleInput(StrictSerializer):
    application = ScopedRelatedField(word="programme.manage", model=Application)
    forced = serializers.BooleanField()
    reason = serializers.CharField(max_length=500)


class RuleFilter(django_filters.FilterSet):
    cohort = django_filters.UUIDFilter()


@extend_schema_view(
    list=extend_schema(summary="Rules for pairs"), retrieve=extend_schema(summary="One rule for a pair")
)
class PairRuleViewSet(ScopedViewSet):
    words = dict.fromkeys(("list", "retrieve", "create", "destroy"), "programme.manage")
    rows = PairRule.objects.select_related("candidate", "created_by", "cohort__programme__organisation")
    serializer_class = RuleSerializer
    filterset_class = RuleFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), RuleSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), RuleSerializer)

    @extend_schema(summary="Set a rule for a pair", request=RuleInput, responses={201: RuleSerializer})
    def create(self, request: Request) -> Response:
        return self.shown(rule_pair(by=request.user, **self.parsed(RuleInput)), RuleSerializer, 201)

    @extend_schema(summary="Take a rule back", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        drop_rule(rule=self.get_object(), by=request.user)
        return Response(status=204)
