"""Cohorts with their check-points, matching, board, roster, certificates and outcomes."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.courses.certificates.api import BatchSerializer
from collab.internships.api.shared import OrderInput, in_order
from collab.internships.applications.rounds import confirm_matching, run_matching
from collab.internships.applications.services import rank_choices
from collab.internships.applications.states import Outcome
from collab.internships.models import Application, CheckPoint, Cohort, Programme
from collab.internships.placements.attesting import attest_cohort
from collab.internships.placements.reminding import remind_all
from collab.internships.programmes.models import CheckKind
from collab.internships.programmes.services import (
    add_check_point,
    begin_cohort,
    drop_check_point,
    edit_check_point,
    edit_cohort,
    move_cohort,
)
from collab.internships.programmes.states import CohortState
from collab.internships.reading import (
    board_rows,
    hosts_of,
    late_q,
    outcomes_of,
    pairs_of,
    roster_rows,
    stages_of,
    tell_late,
    tell_next,
)
from collab.kernel.errors import NotFoundError
from collab.web.api import (
    IF_MATCH,
    DayField,
    MomentField,
    PersonSerializer,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)


class CohortSerializer(serializers.ModelSerializer):
    programme = serializers.CharField(source="programme.name", read_only=True)
    university = serializers.SlugField(source="programme.organisation.slug", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(CohortState), read_only=True)

    class Meta:
        model = Cohort
        fields = [
            "id", "programme", "university", "name", "name_zh", "publishes_at", "opens_at", "closes_at",
            "ranking_ends_at", "starts_on", "ends_on", "choices_max", "offer_days", "state", "version",
        ]  # fmt: skip


class CohortEdit(StrictSerializer):
    """Fields that are left out stay as they are."""

    name = serializers.CharField(max_length=120, required=False)
    name_zh = serializers.CharField(max_length=120, required=False, allow_blank=True)
    publishes_at = MomentField(required=False)
    opens_at = MomentField(required=False)
    closes_at = MomentField(required=False)
    ranking_ends_at = MomentField(required=False)
    starts_on = DayField(required=False)
    ends_on = DayField(required=False)
    choices_max = serializers.IntegerField(min_value=1, max_value=50, required=False)
    offer_days = serializers.IntegerField(min_value=1, max_value=90, required=False)


class CohortInput(CohortEdit):
    programme = ScopedRelatedField(word="programme.manage", model=Programme)
    name = serializers.CharField(max_length=120)
    publishes_at = MomentField()
    opens_at = MomentField()
    closes_at = MomentField()
    ranking_ends_at = MomentField()
    starts_on = DayField()
    ends_on = DayField()


class CohortMove(StrictSerializer):
    move = serializers.ChoiceField(choices=["publish", "close"])


class CheckPointSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=CheckKind.choices, read_only=True)

    class Meta:
        model = CheckPoint
        fields = ["id", "kind", "name", "due_on", "version"]


class CheckPointInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=CheckKind.choices)
    name = serializers.CharField(max_length=120)
    due_on = DayField()


class CheckPointEdit(StrictSerializer):
    """Fields that are left out stay as they are; what was moved for an intern stays where it was moved."""

    name = serializers.CharField(max_length=120, required=False)
    due_on = DayField(required=False)


class RoundSerializer(serializers.Serializer):
    number = serializers.IntegerField(read_only=True)
    pairs = serializers.ListField(child=serializers.UUIDField(), read_only=True)
    students = serializers.IntegerField(read_only=True)
    seats = serializers.IntegerField(read_only=True)
    confirmed_at = serializers.DateTimeField(read_only=True, allow_null=True)


class LateSerializer(serializers.Serializer):
    what = serializers.CharField(read_only=True)
    whom = serializers.ListField(child=serializers.CharField(), read_only=True)


class ToldSerializer(serializers.Serializer):
    """How many people were told."""

    people = serializers.IntegerField(read_only=True)


class BoardRowSerializer(serializers.Serializer):
    """A placement, what is late in it, and for whom that waits."""

    placement = serializers.UUIDField(source="pk", read_only=True)
    student = PersonSerializer(read_only=True)
    host = serializers.SlugField(source="host.slug", read_only=True)
    mentor = PersonSerializer(read_only=True, allow_null=True)
    supervisor = PersonSerializer(read_only=True, allow_null=True)
    state = serializers.CharField(source="shown_state", read_only=True)
    late = LateSerializer(many=True, read_only=True)


class StagesSerializer(serializers.Serializer):
    """How many are in each state, and the newest round of matching."""

    applications = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    placements = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    matching = serializers.SerializerMethodField()

    @extend_schema_field(RoundSerializer(allow_null=True))
    def get_matching(self, told: dict[str, Any]) -> dict[str, Any] | None:
        return RoundSerializer(told["matching"]).data if told["matching"] else None


class RosterSerializer(serializers.Serializer):
    """Who is where, and what comes next."""

    placement = serializers.UUIDField(source="pk", read_only=True)
    student = PersonSerializer(read_only=True)
    host = serializers.SlugField(source="host.slug", read_only=True)
    posting = serializers.UUIDField(source="posting_id", read_only=True)
    mentor = PersonSerializer(read_only=True, allow_null=True)
    supervisor = PersonSerializer(read_only=True, allow_null=True)
    state = serializers.CharField(source="shown_state", read_only=True)
    starts_on = serializers.DateField(read_only=True)
    ends_on = serializers.DateField(read_only=True)
    next_on = serializers.DateField(read_only=True, allow_null=True)
    next_what = serializers.CharField(read_only=True)


class OutcomesSerializer(serializers.Serializer):
    figures = serializers.DictField(read_only=True)
    hosts = serializers.ListField(child=serializers.DictField(), read_only=True)


class ConfirmInput(StrictSerializer):
    """The number of the round that was looked at."""

    number = serializers.IntegerField(min_value=1)


class PairSerializer(serializers.ModelSerializer):
    """What the newest matching made of an application, with both sides' rankings: for coordinators alone."""

    application = serializers.UUIDField(source="pk", read_only=True)
    student = PersonSerializer(source="candidate", read_only=True)
    posting = serializers.PrimaryKeyRelatedField(read_only=True)
    outcome = serializers.ChoiceField(choices=choices_of(Outcome), read_only=True)

    class Meta:
        model = Application
        fields = ["application", "student", "posting", "choice", "rank", "outcome"]


class CheckPointFilter(django_filters.FilterSet):
    cohort = django_filters.UUIDFilter()


class CohortFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=choices_of(CohortState))


@extend_schema_view(list=extend_schema(summary="Cohorts"), retrieve=extend_schema(summary="One cohort"))
class CohortViewSet(ScopedViewSet):
    words = {
        "list": "programme.view",
        "retrieve": "programme.view",
        "create": "programme.manage",
        "partial_update": "programme.manage",
        "move": "programme.manage",
        "check_points": "programme.manage",
        "points": "programme.view",
        "board": "programme.manage",
        "stages": "programme.manage",
        "remind": "programme.manage",
        "roster": "programme.manage",
        "rank": "programme.rank",
        "match": "programme.manage",
        "pairs": "programme.manage",
        "confirm": "programme.manage",
        "outcomes": "programme.manage",
        "certificates": "programme.manage",
    }
    rows = Cohort.objects.select_related("programme__organisation")
    serializer_class = CohortSerializer
    filterset_class = CohortFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), CohortSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Begin a cohort", request=CohortInput, responses={201: CohortSerializer})
    def create(self, request: Request) -> Response:
        return self._told(begin_cohort(by=request.user, **self.parsed(CohortInput)), 201)

    @extend_schema(summary="Move its dates", request=CohortEdit, responses=CohortSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        return self._told(edit_cohort(cohort=row, by=request.user, version=row.version, **self.parsed(CohortEdit)))

    @extend_schema(summary="Publish or close it", request=CohortMove, responses=CohortSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        return self._told(move_cohort(cohort=self.get_object(), by=request.user, **self.parsed(CohortMove)))

    @extend_schema(summary="Add a check-point", request=CheckPointInput, responses={201: CheckPointSerializer})
    @action(detail=True, methods=["post"], url_path="check-points")
    def check_points(self, request: Request, pk: str) -> Response:
        made = add_check_point(cohort=self.get_object(), by=request.user, **self.parsed(CheckPointInput))
        return self.shown(made, CheckPointSerializer, 201)

    @extend_schema(summary="Check-points", responses=CheckPointSerializer(many=True))
    @check_points.mapping.get
    def points(self, request: Request, pk: str) -> Response:
        return Response(CheckPointSerializer(self.get_object().check_points.all(), many=True).data)

    @extend_schema(summary="How many are at each stage", responses=StagesSerializer)
    @action(detail=True)
    def stages(self, request: Request, pk: str) -> Response:
        cohort = self.get_object()
        applications, placements = stages_of(cohort)
        told = {"applications": applications, "placements": placements, "matching": cohort.rounds.first()}
        return self.shown(told, StagesSerializer)

    @extend_schema(
        summary="Everyone's placement, and what is late in it", responses=BoardRowSerializer(many=True),
        parameters=[OpenApiParameter("late", bool, description="only those in which something is late")],
    )  # fmt: skip
    @action(detail=True, paged=True, filterset_class=None, query=("late",))
    def board(self, request: Request, pk: str) -> Response:
        cohort, today = self.get_object(), timezone.localdate()
        rows = board_rows(cohort, list(cohort.check_points.all()), today)
        if _only_late(request):
            rows = rows.filter(late_q(today))
        page: list[Any] = list(self.paginate_queryset(rows) or [])
        tell_late(page, today)
        context = self.get_serializer_context()
        return self.get_paginated_response(BoardRowSerializer(page, many=True, context=context).data)

    @extend_schema(summary="Remind everybody for whom something waits, once", request=None, responses=ToldSerializer)
    @action(detail=True, methods=["post"])
    def remind(self, request: Request, pk: str) -> Response:
        return self.shown({"people": remind_all(cohort=self.get_object(), by=request.user)}, ToldSerializer)

    @extend_schema(summary="Who is where, and what comes next", responses=RosterSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def roster(self, request: Request, pk: str) -> Response:
        cohort = self.get_object()
        page: list[Any] = list(self.paginate_queryset(roster_rows(cohort)) or [])
        tell_next(page, list(cohort.check_points.all()), timezone.localdate())
        context = self.get_serializer_context()
        return self.get_paginated_response(RosterSerializer(page, many=True, context=context).data)

    def _told(self, row: Cohort, status: int = 200) -> Response:
        return tagged(self.shown(row, CohortSerializer, status), etag_of(row.pk, row.version))

    @extend_schema(summary="Rank one's own choices", request=OrderInput, responses=OrderInput)
    @action(detail=True, methods=["post"])
    def rank(self, request: Request, pk: str) -> Response:
        cohort = self.get_object()
        mine = Application.objects.filter(cohort=cohort, candidate=request.user)
        order = in_order(mine, self.parsed(OrderInput)["order"])
        made = rank_choices(cohort=cohort, order=order, by=request.user)
        return Response({"order": [row.pk for row in made]})

    @extend_schema(summary="Match the cohort", request=None, responses={201: RoundSerializer})
    @action(detail=True, methods=["post"])
    def match(self, request: Request, pk: str) -> Response:
        return self.shown(run_matching(cohort=self.get_object(), by=request.user), RoundSerializer, 201)

    @extend_schema(summary="What the newest matching made of each application", responses=PairSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def pairs(self, request: Request, pk: str) -> Response:
        return self.listed(pairs_of(self.get_object()), PairSerializer)

    @extend_schema(summary="Turn the pairs into offers", request=ConfirmInput, responses=RoundSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        found = self.get_object().rounds.filter(number=self.parsed(ConfirmInput)["number"]).first()
        if found is None:
            raise NotFoundError
        return self.shown(confirm_matching(matching=found, by=request.user), RoundSerializer)

    @extend_schema(
        summary="Propose the certificates of all who have completed", request=None, responses={201: BatchSerializer}
    )
    @action(detail=True, methods=["post"])
    def certificates(self, request: Request, pk: str) -> Response:
        return self.shown(attest_cohort(cohort=self.get_object(), by=request.user), BatchSerializer, 201)

    @extend_schema(summary="Outcomes in figures", responses=OutcomesSerializer)
    @action(detail=True)
    def outcomes(self, request: Request, pk: str) -> Response:
        cohort = self.get_object()
        return Response({"figures": outcomes_of(cohort), "hosts": hosts_of(cohort)})


@extend_schema_view(list=extend_schema(summary="Check-points"), retrieve=extend_schema(summary="One check-point"))
class CheckPointViewSet(ScopedViewSet):
    words = {
        "list": "programme.view",
        "retrieve": "programme.view",
        "partial_update": "programme.manage",
        "destroy": "programme.manage",
    }
    rows = CheckPoint.objects.select_related("cohort__programme__organisation")
    serializer_class = CheckPointSerializer
    filterset_class = CheckPointFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), CheckPointSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(
        summary="Move or rename a check-point", request=CheckPointEdit, responses=CheckPointSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        given = self.parsed(CheckPointEdit)
        return self._told(edit_check_point(point=row, by=request.user, version=row.version, **given))

    def _told(self, row: CheckPoint) -> Response:
        return tagged(self.shown(row, CheckPointSerializer), etag_of(row.pk, row.version))

    @extend_schema(summary="Take a check-point out", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        drop_check_point(point=self.get_object(), by=request.user)
        return Response(status=204)


def _only_late(request: Request) -> bool:
    wanted = request.query_params.get("late", "false")
    if wanted not in {"true", "false"}:
        raise serializers.ValidationError({"late": [_("Write true or false.")]})
    return wanted == "true"
