"""Rates, policies and what third parties are owed, as JSON."""

from __future__ import annotations

import django_filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.transfer.disclosures.models import TransferCase
from collab.transfer.royalties.api import ReasonInput, _currency, _day, _organisation
from collab.transfer.royalties.models import (
    ExchangeRate,
    InterestRule,
    PolicyVersion,
    ThirdPartyShare,
)
from collab.transfer.royalties.services import (
    add_third_party,
    end_rate,
    end_third_party,
    enter_rate,
    set_interest,
    set_policy,
    withdraw_interest,
    withdraw_policy,
    withdraw_rate,
)
from collab.web.api import (
    IF_MATCH,
    DayField,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    etag_of,
    require_match,
    standing,
)


class RateSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)

    class Meta:
        model = ExchangeRate
        fields = ["id", "organisation", "source", "target", "rate", "from_on", "until_on", "reference"]


class RateInput(StrictSerializer):
    organisation = _organisation()
    source = _currency()
    target = _currency()
    rate = serializers.DecimalField(max_digits=18, decimal_places=8)
    from_on = DayField()
    until_on = _day()
    reference = serializers.CharField(max_length=200, required=False, allow_blank=True)


class EndRateInput(StrictSerializer):
    until_on = DayField()
    reason = serializers.CharField(max_length=1000)


class BookFilter(django_filters.FilterSet):
    organisation = django_filters.CharFilter(field_name="organisation__slug")


@extend_schema_view(list=extend_schema(summary="Exchange rates", responses=RateSerializer(many=True)))
class ExchangeRateViewSet(ScopedViewSet):
    words = {"list": "royalty.view", "create": "royalty.manage", "end": "royalty.manage", "withdraw": "royalty.manage"}
    rows = ExchangeRate.objects.select_related("organisation")
    serializer_class = RateSerializer
    filterset_class = BookFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), RateSerializer)

    @extend_schema(summary="Enter a rate", request=RateInput, responses={201: RateSerializer})
    def create(self, request: Request) -> Response:
        return self.shown(enter_rate(by=request.user, **self.parsed(RateInput)), RateSerializer, 201)

    @extend_schema(summary="Let it hold until an earlier day", request=EndRateInput, responses=RateSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        done = end_rate(rate=self.get_object(), by=request.user, **self.parsed(EndRateInput))
        return self.shown(done, RateSerializer)

    @extend_schema(
        summary="Take it away; nothing was reckoned by it yet", request=ReasonInput,
        responses={204: OpenApiResponse(description="It is gone")},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        withdraw_rate(rate=self.get_object(), by=request.user, **self.parsed(ReasonInput))
        return Response(status=204)


class InterestSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)

    class Meta:
        model = InterestRule
        fields = ["id", "organisation", "from_on", "percent"]


class InterestInput(StrictSerializer):
    organisation = _organisation()
    from_on = DayField()
    percent = serializers.DecimalField(max_digits=7, decimal_places=4, min_value=0, max_value=100)


@extend_schema_view(list=extend_schema(summary="Rates of late interest", responses=InterestSerializer(many=True)))
class InterestViewSet(ScopedViewSet):
    words = {"list": "royalty.view", "create": "royalty.manage", "withdraw": "royalty.manage"}
    rows = InterestRule.objects.select_related("organisation")
    serializer_class = InterestSerializer
    filterset_class = BookFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), InterestSerializer)

    @extend_schema(summary="Enter a rate of late interest", request=InterestInput, responses={201: InterestSerializer})
    def create(self, request: Request) -> Response:
        return self.shown(set_interest(by=request.user, **self.parsed(InterestInput)), InterestSerializer, 201)

    @extend_schema(
        summary="Take it away; no interest was asked for by it yet", request=ReasonInput,
        responses={204: OpenApiResponse(description="It is gone")},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        withdraw_interest(rule=self.get_object(), by=request.user, **self.parsed(ReasonInput))
        return Response(status=204)


class PolicySerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="policy.organisation.slug", read_only=True)
    currency = serializers.CharField(source="policy.currency", read_only=True)
    content = serializers.JSONField(read_only=True)

    class Meta:
        model = PolicyVersion
        fields = ["id", "organisation", "currency", "number", "effective_on", "content", "note"]


class PolicyInput(StrictSerializer):
    organisation = _organisation()
    currency = _currency()
    effective_on = DayField()
    content = serializers.JSONField()
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class PolicyFilter(django_filters.FilterSet):
    organisation = django_filters.CharFilter(field_name="policy__organisation__slug")


@extend_schema_view(
    list=extend_schema(summary="Versions of royalty policies", responses=PolicySerializer(many=True)),
    retrieve=extend_schema(summary="One version of a royalty policy", responses=PolicySerializer),
)
class RoyaltyPolicyViewSet(ScopedViewSet):
    words = {
        "list": "royalty.view", "retrieve": "royalty.view", "create": "royalty.manage", "withdraw": "royalty.manage",
    }  # fmt: skip
    rows = PolicyVersion.objects.select_related("policy__organisation")
    serializer_class = PolicySerializer
    filterset_class = PolicyFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), PolicySerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), PolicySerializer)

    @extend_schema(
        summary="Enter how income is divided from a day on", request=PolicyInput, responses={201: PolicySerializer}
    )
    def create(self, request: Request) -> Response:
        return self.shown(set_policy(by=request.user, **self.parsed(PolicyInput)), PolicySerializer, 201)

    @extend_schema(
        summary="Take the newest version away; nothing was received from its day on", request=ReasonInput,
        responses={204: OpenApiResponse(description="It is gone")},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        withdraw_policy(version=self.get_object(), by=request.user, **self.parsed(ReasonInput))
        return Response(status=204)


class ThirdPartySerializer(serializers.ModelSerializer):
    class Meta:
        model = ThirdPartyShare
        fields = ["id", "case", "name", "percent", "from_on", "until_on", "ground", "version"]


class ThirdPartyInput(StrictSerializer):
    case = ScopedRelatedField(word="case.view", model=TransferCase)
    name = serializers.CharField(max_length=200)
    percent = serializers.DecimalField(max_digits=7, decimal_places=4, min_value=0, max_value=100)
    from_on = DayField()
    until_on = _day()
    ground = serializers.CharField(max_length=300, required=False, allow_blank=True)


class EndInput(StrictSerializer):
    until_on = DayField()


class ThirdPartyFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter()


@extend_schema_view(
    list=extend_schema(summary="What third parties are owed", responses=ThirdPartySerializer(many=True))
)
class ThirdPartyViewSet(ScopedViewSet):
    words = {"list": "royalty.view", "create": "royalty.manage", "end": "royalty.manage"}
    rows = ThirdPartyShare.objects.select_related("case__organisation")
    serializer_class = ThirdPartySerializer
    filterset_class = ThirdPartyFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ThirdPartySerializer)

    @extend_schema(
        summary="Enter what a third party is owed", request=ThirdPartyInput, responses={201: ThirdPartySerializer}
    )
    def create(self, request: Request) -> Response:
        return self.shown(add_third_party(by=request.user, **self.parsed(ThirdPartyInput)), ThirdPartySerializer, 201)

    @extend_schema(summary="End it", request=EndInput, responses=ThirdPartySerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        done = end_third_party(share=row, by=request.user, version=row.version, **self.parsed(EndInput))
        return self.shown(done, ThirdPartySerializer)
