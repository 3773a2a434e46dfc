"""Start-ups, the shares in them, and the figures as JSON."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.models import Organisation, User
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.models import Licence
from collab.transfer.portfolio.metrics import GROUPINGS, METRICS, figures
from collab.transfer.portfolio.models import EquityHolding, StartUp
from collab.transfer.portfolio.services import change_equity, edit_startup, found_startup, move_startup
from collab.transfer.portfolio.states import STARTUP_MOVES, EquityEvent, StartUpState
from collab.transfer.portfolio.views import spans_of, url_of
from collab.web.api import (
    IF_MATCH,
    DayField,
    PersonSerializer,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    etag_of,
    require_match,
    tagged,
)

_PERCENT = {"max_digits": 7, "decimal_places": 4}


def _line(most: int) -> serializers.CharField:
    return serializers.CharField(max_length=most, required=False, allow_blank=True)


def _organisation(word: str = "organisation.view", **more: Any) -> ScopedRelatedField:
    return ScopedRelatedField(word=word, model=Organisation, slug_field="slug", **more)


# --- what is told
class StartUpCase(serializers.Serializer):
    id = serializers.UUIDField(read_only=True)
    docket = serializers.CharField(read_only=True)


class EquityRow(serializers.ModelSerializer):
    """What the holder has from the day on, until its next row."""

    holder = serializers.SlugField(source="holder.slug", read_only=True)
    event = serializers.ChoiceField(choices=choices_of(EquityEvent), read_only=True)
    licence = serializers.UUIDField(source="licence_id", read_only=True, allow_null=True)

    class Meta:
        model = EquityHolding
        fields = ["id", "holder", "percent", "from_on", "event", "licence", "note"]


class StartUpSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    platform = serializers.SlugField(source="platform.slug", read_only=True, allow_null=True)
    cases = StartUpCase(many=True, read_only=True)
    founders = PersonSerializer(many=True, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(StartUpState), read_only=True)
    own_percent = serializers.DecimalField(read_only=True, **_PERCENT)
    equity = EquityRow(source="holdings", many=True, read_only=True)

    class Meta:
        model = StartUp
        fields = [
            "id", "organisation", "name", "name_zh", "country", "founded_on", "platform", "cases", "founders",
            "other_founders", "note", "state", "active_on", "acquired_on", "acquired_by", "closed_on", "reason",
            "own_percent", "equity", "version",
        ]  # fmt: skip


# --- what is taken
class StartUpEdit(StrictSerializer):
    """Fields that are left out stay as they are."""

    name = serializers.CharField(max_length=200, required=False)
    name_zh = _line(200)
    country = serializers.CharField(max_length=2, required=False)
    founded_on = DayField(required=False)
    platform = _organisation(required=False, allow_null=True)
    cases = ScopedRelatedField(word="case.view", model=TransferCase, many=True, required=False)
    founders = ScopedRelatedField(word="person.view", model=User, many=True, required=False)
    other_founders = _line(300)
    note = _line(4000)


class StartUpInput(StartUpEdit):
    organisation = _organisation("startup.manage")
    name = serializers.CharField(max_length=200)
    country = serializers.CharField(max_length=2)
    founded_on = DayField()


class StartUpMove(StrictSerializer):
    move = serializers.ChoiceField(choices=[(name, name) for name in STARTUP_MOVES.table])
    on = DayField()
    acquired_by = _line(200)
    reason = _line(1000)


class EquityInput(StrictSerializer):
    holder = _organisation()
    percent = serializers.DecimalField(min_value=0, max_value=100, **_PERCENT)
    from_on = DayField()
    event = serializers.ChoiceField(choices=choices_of(EquityEvent), required=False)
    licence = ScopedRelatedField(word="licence.view", model=Licence, required=False, allow_null=True)
    note = _line(500)


class StartUpFilter(django_filters.FilterSet):
    organisation = django_filters.CharFilter(field_name="organisation__slug", max_length=80)
    state = django_filters.ChoiceFilter(choices=choices_of(StartUpState))
    case = django_filters.UUIDFilter(field_name="cases")
    founded_in = django_filters.NumberFilter(field_name="founded_on__year", min_value=1900, max_value=9999)


@extend_schema_view(list=extend_schema(summary="Start-ups"), retrieve=extend_schema(summary="One start-up"))
class StartUpViewSet(ScopedViewSet):
    words = {
        "list": "startup.view",
        "retrieve": "startup.view",
        **dict.fromkeys(("create", "partial_update", "move", "equity"), "startup.manage"),
    }
    rows = StartUp.objects.with_rows()
    serializer_class = StartUpSerializer
    filterset_class = StartUpFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), self.serializer_class)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Enter a start-up", request=StartUpInput, responses={201: StartUpSerializer})
    def create(self, request: Request) -> Response:
        return self._told(found_startup(by=request.user, **self.parsed(StartUpInput)), 201)

    @extend_schema(summary="Change it", request=StartUpEdit, responses=StartUpSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        row, given = self._matched(StartUpEdit)
        return self._told(edit_startup(startup=row, by=request.user, version=row.version, **given))

    @extend_schema(
        summary="Say that it does business, was acquired or closed", request=StartUpMove, responses=StartUpSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        row, given = self._matched(StartUpMove)
        return self._told(move_startup(startup=row, by=request.user, version=row.version, **given))

    @extend_schema(
        summary="Say what a holder has from a day on", request=EquityInput, responses=StartUpSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def equity(self, request: Request, pk: str) -> Response:
        row, given = self._matched(EquityInput)
        return self._told(change_equity(startup=row, by=request.user, version=row.version, **given).startup)

    def _matched(self, serializer: type[serializers.BaseSerializer]) -> tuple[Any, dict[str, Any]]:
        """The row and the changes, when they were made from what it is now."""
        row = self.get_object()
        given = self.parsed(serializer)
        now = {name: _plain(getattr(row, name, None)) for name in given if name not in {"cases", "founders"}}
        require_match(self.request, etag_of(row.pk, row.version), now=now)
        return row, given

    def _told(self, row: StartUp, status: int = 200) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, self.serializer_class, status), etag_of(row.pk, row.version))


def _plain(value: Any) -> Any:
    return str(value.pk) if hasattr(value, "pk") else value


# --- figures
class FigureSerializer(serializers.Serializer):
    """`group` and `name` say which unit or party; empty by year. `currency` is empty for what is counted."""

    metric = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)
    year = serializers.IntegerField(read_only=True)
    group = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    currency = serializers.CharField(read_only=True)
    value = serializers.CharField(read_only=True)


class FiguresSerializer(serializers.Serializer):
    by = serializers.ChoiceField(choices=GROUPINGS, read_only=True)
    figures = FigureSerializer(many=True, read_only=True)


class FigureRowSerializer(serializers.Serializer):
    """One of the rows that a number is made of."""

    id = serializers.UUIDField(source="pk", read_only=True)
    type = serializers.CharField(source="_meta.label_lower", read_only=True)
    name = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()
    amount = serializers.SerializerMethodField(help_text="How much of it counts; nothing where rows are counted")
    currency = serializers.SerializerMethodField()

    def get_amount(self, row: Any) -> str | None:
        part = self.context["parts"].get(row.pk)
        return None if part is None else f"{part[1]:f}"

    def get_currency(self, row: Any) -> str:
        return self.context["parts"].get(row.pk, ("", None))[0]

    def get_name(self, row: Any) -> str:
        return str(row)

    def get_url(self, row: Any) -> str:
        return url_of(row)


_NARROWED = [
    OpenApiParameter("year", OpenApiTypes.INT, description="The (last) year; this year when left out"),
    OpenApiParameter("unit", OpenApiTypes.STR, description="Only of this unit: its id, or “none”"),
    OpenApiParameter("party", OpenApiTypes.STR, description="Only of this licensee: its id, or “none”"),
]


class FigureViewSet(ScopedViewSet):
    words = {"list": "transfer.report", "rows_of": "transfer.report"}
    rows = Organisation.objects.all()
    serializer_class = FiguresSerializer
    paged = True
    query = ("year", "unit", "party", "by", "metric")

    @extend_schema(
        summary="The figures of technology transfer",
        description="By year: five years up to the one asked for. By unit or party: that year.",
        responses=FiguresSerializer,
        parameters=[*_NARROWED, OpenApiParameter("by", OpenApiTypes.STR, enum=GROUPINGS)],
    )
    def list(self, request: Request) -> Response:
        by = request.query_params.get("by", "year")
        if by not in GROUPINGS:
            text = _("Choose one of: %(these)s.") % {"these": ", ".join(GROUPINGS)}
            raise serializers.ValidationError({"by": [text]})
        return self.shown({"by": by, "figures": figures(self._spans(), by)}, FiguresSerializer)

    @extend_schema(
        summary="What one number is made of",
        responses=FigureRowSerializer(many=True),
        parameters=[*_NARROWED, OpenApiParameter("metric", OpenApiTypes.STR, enum=[*METRICS], required=True)],
    )
    @action(detail=False, url_path="rows")
    def rows_of(self, request: Request) -> Response:
        metric = METRICS.get(request.query_params.get("metric", ""))
        if metric is None:
            raise serializers.ValidationError({"metric": [_("There is no such figure.")]})
        rows = metric.rows(self._spans()[-1])
        page = self.paginate_queryset(rows.order_by(*(rows.query.order_by or rows.model._meta.ordering), "pk"))
        context = self.get_serializer_context() | {"parts": metric.shares(page)}
        return self.get_paginated_response(FigureRowSerializer(page, many=True, context=context).data)

    def _spans(self) -> Any:
        this = timezone.localdate().year
        year = self.number_of("year", this)
        if not 1900 <= year <= this:
            raise serializers.ValidationError({"year": [_("Write a year from 1900 to this year.")]})
        asked = self.request.query_params
        return spans_of(self.request.user, year, asked.get("unit", ""), asked.get("party", ""))
