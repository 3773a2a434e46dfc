"""Distributions, their previews and the statements that follow, as JSON."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any
from uuid import UUID

import django_filters
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import get_or_404
from collab.accounts.models import Organisation
from collab.inbox.states import Decision
from collab.transfer.royalties.api import PDF, MoneyField, ReasonInput, _organisation
from collab.transfer.royalties.distributing import preview
from collab.transfer.royalties.models import (
    ACCOUNT_WORDS,
    Distribution,
    LedgerEntry,
    Statement,
)
from collab.transfer.royalties.money import from_minor
from collab.transfer.royalties.papers import statement_pdf
from collab.transfer.royalties.policies import Account
from collab.transfer.royalties.services import (
    decide_distribution,
    propose_distribution,
    propose_reversal,
    withdraw_distribution,
)
from collab.transfer.royalties.states import (
    DistributionState,
)
from collab.web.api import (
    IF_MATCH,
    PersonSerializer,
    ScopedViewSet,
    StrictSerializer,
    as_uuid,
    choices_of,
    etag_of,
    require_match,
    tagged,
)
from collab.web.downloads import attachment
from collab.web.negotiation import AnythingNegotiation

CHOSEN_MAX = 1000  # receipts that are named one by one


@extend_schema_field(OpenApiTypes.DECIMAL)
class SumField(serializers.Field):
    """A sum that stands beside its currency, as a decimal in text."""

    def __init__(self) -> None:
        super().__init__(read_only=True)

    def to_representation(self, value: Any) -> str:
        return f"{value:f}"


class EntrySerializer(serializers.ModelSerializer):
    account = serializers.ChoiceField(choices=choices_of(Account), read_only=True)
    amount = MoneyField("distribution.currency")

    licensor = serializers.SlugField(source="licensor.slug", read_only=True, default=None)

    class Meta:
        model = LedgerEntry
        fields = ["id", "receipt", "account", "amount", "rule", "inventor", "third_party", "licensor", "statement"]


class DistributionSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    policy = serializers.IntegerField(source="policy.number", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(DistributionState), read_only=True)
    amount = MoneyField()
    distributed = MoneyField()
    retained = MoneyField()
    passed_on = MoneyField()
    proposed_by = PersonSerializer(read_only=True)
    decided_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Distribution
        fields = [
            "id", "organisation", "number", "policy", "reverses", "currency", "receipts", "amount", "distributed",
            "retained", "passed_on", "state", "reason", "proposed_by", "decided_by", "posted_at", "version",
        ]  # fmt: skip


class AccountSumSerializer(serializers.Serializer):
    """What an account gets; `title` is its name."""

    account = serializers.ChoiceField(choices=choices_of(Account), read_only=True)
    title = serializers.CharField(read_only=True)
    amount = SumField()


class NamedSumSerializer(serializers.Serializer):
    name = serializers.CharField(read_only=True)
    amount = SumField()


class SummarySerializer(serializers.Serializer):
    """Who gets how much: by account, and by inventor, third party and further licensor."""

    accounts = AccountSumSerializer(many=True, read_only=True)
    inventors = NamedSumSerializer(many=True, read_only=True)
    third_parties = NamedSumSerializer(many=True, read_only=True)
    licensors = NamedSumSerializer(many=True, read_only=True)


class LeftOutSerializer(serializers.Serializer):
    """A receipt that stays undistributed, and why."""

    receipt = serializers.UUIDField(read_only=True)
    undistributed = SumField()
    reason = serializers.CharField(read_only=True)


class PreviewSerializer(serializers.Serializer):
    """What would be distributed now. The sums are in `currency`."""

    organisation = serializers.CharField(read_only=True)
    policy = serializers.IntegerField(read_only=True, allow_null=True)
    currency = serializers.CharField(read_only=True)
    receipts = serializers.ListField(child=serializers.UUIDField(), read_only=True)
    amount = SumField()
    summary = SummarySerializer(read_only=True)
    left_out = LeftOutSerializer(many=True, read_only=True)


def summary_of(summary: dict[str, Any], currency: str) -> dict[str, list[dict[str, Any]]]:
    """The summary of a distribution or preview with its sums as decimals."""

    def named(rows: Any) -> list[dict[str, Any]]:
        return [{"name": name, "amount": from_minor(amount, currency)} for name, amount in rows]

    accounts = [
        {"account": code, "title": ACCOUNT_WORDS[Account(code)], "amount": from_minor(amount, currency)}
        for code, amount in summary.get("accounts", [])
    ]
    people = {name: named(summary.get(name, [])) for name in ("inventors", "third_parties", "licensors")}
    return {"accounts": accounts, **people}


class DistributionDetail(DistributionSerializer):
    """With who gets how much by it: what one reads before one approves."""

    summary = serializers.SerializerMethodField()

    class Meta(DistributionSerializer.Meta):
        fields = [*DistributionSerializer.Meta.fields, "summary"]

    @extend_schema_field(SummarySerializer)
    def get_summary(self, row: Distribution) -> Any:
        return SummarySerializer(summary_of(row.summary, row.currency)).data


class DistributionInput(StrictSerializer):
    organisation = _organisation()
    receipts = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=CHOSEN_MAX)
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class DecideInput(StrictSerializer):
    decision = serializers.ChoiceField(choices=[Decision.APPROVED.value, Decision.REJECTED.value])
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class DistributionFilter(django_filters.FilterSet):
    organisation = django_filters.CharFilter(field_name="organisation__slug")
    state = django_filters.ChoiceFilter(choices=choices_of(DistributionState))


@extend_schema_view(
    list=extend_schema(summary="Distributions", responses=DistributionSerializer(many=True)),
    retrieve=extend_schema(summary="One distribution, with who gets how much", responses=DistributionDetail),
)
class DistributionViewSet(ScopedViewSet):
    words = {
        "list": "royalty.view",
        "retrieve": "royalty.view",
        "entries": "royalty.view",
        "preview": "royalty.manage",
        "create": "royalty.manage",
        "decide": "distribution.approve",
        "withdraw": "royalty.manage",
        "reverse": "royalty.manage",
    }
    rows = Distribution.objects.select_related("organisation", "policy", "proposed_by", "decided_by")
    serializer_class = DistributionDetail
    filterset_class = DistributionFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), DistributionSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @property
    def query(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("organisation", "receipts") if self.action == "preview" else ()

    @extend_schema(
        summary="What would be distributed now, and what is left out",
        responses=PreviewSerializer,
        parameters=[
            OpenApiParameter("organisation", OpenApiTypes.STR, required=True, description="Whose books"),
            OpenApiParameter("receipts", OpenApiTypes.STR, description="Only these: their ids, with commas"),
        ],
    )
    @action(detail=False)
    def preview(self, request: Request) -> Response:
        slug = request.query_params.get("organisation", "")
        organisation = get_or_404(request.user, "royalty.manage", Organisation.objects.all(), slug=slug)
        found = preview(organisation, self._chosen(request.query_params.get("receipts", "")))
        told = {
            "organisation": organisation.slug,
            "policy": found.policy.number if found.policy else None,
            "currency": found.currency,
            "receipts": [row.pk for row in found.receipts],
            "amount": from_minor(found.amount, found.currency) if found.currency else Decimal(0),
            "summary": summary_of(found.summary(), found.currency),
            "left_out": [
                {"receipt": row.pk, "undistributed": from_minor(row.undistributed, row.book_currency), "reason": reason}
                for row, reason in found.left_out
            ],
        }
        return self.shown(told, PreviewSerializer)

    def _chosen(self, asked: str) -> list[UUID] | None:
        if not asked:
            return None
        keys = [as_uuid(part) for part in asked.split(",")]
        if None in keys or len(keys) > CHOSEN_MAX:
            text = _("Write the ids of at most %(n)d receipts, with commas.") % {"n": CHOSEN_MAX}
            raise serializers.ValidationError({"receipts": [text]})
        return [key for key in keys if key is not None]

    @extend_schema(
        summary="Propose to distribute what can be, or these receipts", request=DistributionInput,
        responses={201: DistributionDetail},
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        return self._told(propose_distribution(by=request.user, **self.parsed(DistributionInput)), 201)

    @extend_schema(
        summary="Approve or reject it, as another person", request=DecideInput, responses=DistributionDetail,
        parameters=[IF_MATCH],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        given = self.parsed(DecideInput)
        return self._told(decide_distribution(distribution=row, by=request.user, version=row.version, **given))

    @extend_schema(
        summary="Withdraw the proposal", request=None, responses=DistributionSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        return self._told(withdraw_distribution(distribution=row, by=request.user, version=row.version))

    @extend_schema(summary="Propose to reverse it", request=ReasonInput, responses={201: DistributionDetail})
    @action(detail=True, methods=["post"])
    def reverse(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return self._told(propose_reversal(distribution=row, by=request.user, **self.parsed(ReasonInput)), 201)

    @extend_schema(summary="Its entries in the ledger", responses=EntrySerializer(many=True))
    @action(detail=True, paged=True)
    def entries(self, request: Request, pk: str) -> Response:
        rows = LedgerEntry.objects.filter(distribution=self.get_object()).select_related("distribution", "licensor")
        return self.listed(rows, EntrySerializer)

    def _matched(self, request: Request) -> Distribution:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now={"state": row.state})
        return row

    def _told(self, distribution: Distribution, status: int = 200) -> Response:
        row = self.rows.all().get(pk=distribution.pk)
        return tagged(self.shown(row, DistributionDetail, status), etag_of(row.pk, row.version))


class StatementSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="distribution.organisation.slug", read_only=True)
    number = serializers.IntegerField(source="distribution.number", read_only=True)
    currency = serializers.CharField(source="distribution.currency", read_only=True)
    amount = MoneyField("distribution.currency")

    class Meta:
        model = Statement
        fields = ["id", "organisation", "distribution", "number", "name", "amount", "currency", "created_at"]


@extend_schema_view(
    list=extend_schema(summary="Statements of income", responses=StatementSerializer(many=True)),
    retrieve=extend_schema(summary="One statement", responses=StatementSerializer),
)
class StatementViewSet(ScopedViewSet):
    words = {"list": "statement.view", "retrieve": "statement.view", "paper": "statement.view"}
    rows = Statement.objects.select_related("distribution__organisation", "distribution__policy", "person")
    serializer_class = StatementSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), StatementSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), StatementSerializer)

    @extend_schema(summary="The statement on paper", responses=PDF)
    @action(detail=True, url_path="statement.pdf", content_negotiation_class=AnythingNegotiation)
    def paper(self, request: Request, pk: str) -> HttpResponseBase:
        row = self.get_object()
        content = statement_pdf(row)
        return attachment(content, f"statement-{row.distribution.number}.pdf", hashlib.sha256(content).hexdigest())
