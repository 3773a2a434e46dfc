"""Postings: what hosts offer, and the board on which they rank who applied."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Exists, OuterRef
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import visible_to
from collab.accounts.models import Organisation
from collab.internships.api.applications import ApplicationDetail
from collab.internships.api.shared import MoveInput, OrderInput, in_order
from collab.internships.applications.deciding import rank_students
from collab.internships.applications.services import begin_application
from collab.internships.applications.states import ApplicationState
from collab.internships.models import Application, Cohort, Posting
from collab.internships.programmes.models import Audience
from collab.internships.programmes.services import edit_posting, move_posting, write_posting
from collab.internships.programmes.states import PostingState
from collab.internships.reading import ranked
from collab.projects.models import Project
from collab.web.api import (
    IF_MATCH,
    DayField,
    MomentField,
    PersonSerializer,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    TruthFilter,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)


class PostingSerializer(serializers.ModelSerializer):
    """`project` is told to those who manage the posting; `closes_at` is its own, null where the cohort's counts.

    `shown_state` is the state by the dates: closed once its time is over.
    """

    cohort = serializers.PrimaryKeyRelatedField(read_only=True)
    host = serializers.SlugField(source="organisation.slug", read_only=True)
    audience = serializers.ChoiceField(choices=Audience.choices, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(PostingState), read_only=True)
    shown_state = serializers.ChoiceField(choices=choices_of(PostingState), read_only=True)
    takes_until = serializers.DateTimeField(source="last_moment", read_only=True)
    questions = serializers.ListField(child=serializers.DictField(), read_only=True)
    universities = serializers.SlugRelatedField(slug_field="slug", many=True, read_only=True)
    project = serializers.SerializerMethodField()

    class Meta:
        model = Posting
        fields = [
            "id", "cohort", "host", "title", "title_zh", "duties", "skills", "eligibility", "places", "starts_on",
            "ends_on", "place", "remote", "pay", "currency", "hours", "credits", "closes_at", "takes_until", "audience",
            "universities", "project", "questions", "questions_version", "state", "shown_state", "reason",
            "version",
        ]  # fmt: skip

    def get_project(self, row: Any) -> str | None:
        return row.project.slug if row.project is not None and row.is_managed else None


class QuestionInput(StrictSerializer):
    key = serializers.CharField(max_length=40)
    label = serializers.CharField(max_length=200)
    required = serializers.BooleanField()


class PostingEdit(StrictSerializer):
    """Fields that are left out stay as they are."""

    title = serializers.CharField(max_length=160, required=False)
    title_zh = serializers.CharField(max_length=160, required=False, allow_blank=True)
    duties = serializers.CharField(max_length=6000, required=False)
    skills = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    eligibility = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    places = serializers.IntegerField(min_value=1, max_value=500, required=False)
    starts_on = DayField(required=False)
    ends_on = DayField(required=False)
    place = serializers.CharField(max_length=120, required=False)
    remote = serializers.BooleanField(required=False)
    pay = serializers.DecimalField(max_digits=10, decimal_places=2, min_value=0, required=False)
    currency = serializers.RegexField("^[A-Z]{3}$", required=False)
    hours = serializers.IntegerField(min_value=1, max_value=60, required=False)
    credits = serializers.IntegerField(min_value=0, max_value=120, required=False)
    closes_at = MomentField(required=False, allow_null=True)
    audience = serializers.ChoiceField(choices=Audience.choices, required=False)
    universities = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", many=True, required=False
    )
    project = ScopedRelatedField(word="project.view", model=Project, slug_field="slug", required=False, allow_null=True)
    questions = QuestionInput(many=True, required=False)


class PostingInput(PostingEdit):
    cohort = ScopedRelatedField(word="programme.view", model=Cohort)
    host = ScopedRelatedField(word="posting.manage", model=Organisation, slug_field="slug")
    title = serializers.CharField(max_length=160)
    duties = serializers.CharField(max_length=6000)
    starts_on = DayField()
    ends_on = DayField()
    place = serializers.CharField(max_length=120)


class ApplyInput(StrictSerializer):
    university = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", required=False, allow_null=True
    )


class PostingFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=choices_of(PostingState))
    cohort = django_filters.UUIDFilter()
    q = django_filters.CharFilter(method="search")
    open = TruthFilter(method="taking", help_text="whether it takes applications now")

    def search(self, rows: Any, name: str, value: str) -> Any:
        return rows.matching(value)

    def taking(self, rows: Any, name: str, value: bool) -> Any:
        taken = rows.open_at(timezone.now())
        return taken if value else rows.exclude(pk__in=taken.order_by().values("pk"))


class RankedSerializer(serializers.ModelSerializer):
    """An application as the host compares it: its rank, and the mean of the scores that the board gave (1 to 10)."""

    application = serializers.UUIDField(source="pk", read_only=True)
    student = PersonSerializer(source="candidate", read_only=True)
    university = serializers.SlugField(source="university.slug", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(ApplicationState), source="shown_state", read_only=True)
    score = serializers.FloatField(read_only=True, allow_null=True)
    scores = serializers.IntegerField(source="given", read_only=True)

    class Meta:
        model = Application
        fields = ["application", "student", "university", "state", "submitted_at", "rank", "score", "scores"]


@extend_schema_view(list=extend_schema(summary="Postings"), retrieve=extend_schema(summary="One posting"))
class PostingViewSet(ScopedViewSet):
    words = {
        "list": "posting.view",
        "retrieve": "posting.view",
        "create": "posting.manage",
        "partial_update": "posting.manage",
        "move": "posting.manage",
        "publish": "programme.manage",
        "apply": "posting.apply",
        "rank": "posting.manage",
        "board": "posting.manage",
    }
    rows = Posting.objects.with_names()
    serializer_class = PostingSerializer
    filterset_class = PostingFilter

    def list(self, request: Request) -> Response:
        return self.listed(self._shown(self.filtered()), PostingSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Offer places", request=PostingInput, responses={201: PostingSerializer})
    def create(self, request: Request) -> Response:
        given = self.parsed(PostingInput)
        given["organisation"] = given.pop("host")
        return self._told(write_posting(by=request.user, **_plain(given)), 201)

    @extend_schema(summary="Change a posting", request=PostingEdit, responses=PostingSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        given = _plain(self.parsed(PostingEdit))
        return self._told(edit_posting(posting=row, by=request.user, version=row.version, **given))

    @extend_schema(summary="Submit, close, reopen or withdraw it", request=MoveInput, responses=PostingSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        return self._told(move_posting(posting=self.get_object(), by=request.user, **self.parsed(MoveInput)))

    @extend_schema(summary="Publish it, or send it back", request=MoveInput, responses=PostingSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        return self._told(move_posting(posting=self.get_object(), by=request.user, **self.parsed(MoveInput)))

    @extend_schema(summary="Begin to apply", request=ApplyInput, responses={201: ApplicationDetail})
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str) -> Response:
        row = begin_application(posting=self.get_object(), by=request.user, **self.parsed(ApplyInput))
        return tagged(self.shown(row, ApplicationDetail, 201), etag_of(row.pk, row.version))

    @extend_schema(summary="Rank the students who applied", request=OrderInput, responses=OrderInput)
    @action(detail=True, methods=["post"])
    def rank(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        order = in_order(row.applications.all(), self.parsed(OrderInput)["order"])
        made = rank_students(posting=row, order=order, by=request.user)
        return Response({"order": [one.pk for one in made]})

    @extend_schema(summary="Who applied, best first", responses=RankedSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def board(self, request: Request, pk: str) -> Response:
        sent = self.get_object().applications.sent().select_related("candidate", "university")
        return self.listed(ranked(sent), RankedSerializer)

    def _told(self, row: Posting, status: int = 200) -> Response:
        found = self._shown(self.rows.filter(pk=row.pk)).get()
        return tagged(self.shown(found, PostingSerializer, status), etag_of(row.pk, found.version))

    def _shown(self, rows: Any) -> Any:
        managed = visible_to(self.request.user, "posting.manage", Posting.objects.filter(pk=OuterRef("pk")))
        return rows.annotate(is_managed=Exists(managed)).prefetch_related("universities")


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    if "questions" in given:
        given["questions"] = [dict(row) for row in given["questions"]]
    return given
