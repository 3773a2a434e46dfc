"""Internships as JSON: cohorts, postings, applications, placements."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.models import Organisation, User
from collab.courses.certificates.api import BatchSerializer
from collab.courses.certificates.states import SIGNED
from collab.internships.applications.deciding import decide_application, give_review, make_offer, rank_students
from collab.internships.applications.models import DocumentKind
from collab.internships.applications.rounds import confirm_matching, drop_rule, rule_pair, run_matching
from collab.internships.applications.services import (
    add_document,
    answer_offer,
    begin_application,
    rank_choices,
    submit_application,
    withdraw_application,
    write_application,
)
from collab.internships.applications.states import ApplicationState, Outcome
from collab.internships.models import (
    Application,
    ApplicationDocument,
    CheckPoint,
    Cohort,
    Evaluation,
    LogEntry,
    PairRule,
    Placement,
    PlacementNote,
    Posting,
    Programme,
)
from collab.internships.placements.approving import answer_placement
from collab.internships.placements.attesting import attest_cohort, attest_placement, certificate_of
from collab.internships.placements.caring import evaluate, write_log, write_note
from collab.internships.placements.framing import open_frame
from collab.internships.placements.models import NoteKind, Side, Verdict
from collab.internships.placements.points import move_check_point, points_of
from collab.internships.placements.services import (
    change_mentor,
    change_supervisor,
    edit_placement,
    move_placement,
    onboard,
)
from collab.internships.placements.signing import signed_version
from collab.internships.placements.states import LogState, PlacementState
from collab.internships.programmes.models import Audience, CheckKind
from collab.internships.programmes.services import (
    add_check_point,
    begin_cohort,
    edit_cohort,
    edit_posting,
    edit_programme,
    move_cohort,
    move_posting,
    write_posting,
)
from collab.internships.programmes.states import CohortState, PostingState
from collab.internships.reading import hosts_of, outcomes_of, pairs_of, roster_rows, tell_next
from collab.kernel.blobs import blob_path
from collab.kernel.errors import ConflictError, NotFoundError
from collab.projects.models import Project
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
from collab.web.downloads import resumable
from collab.web.negotiation import AnythingNegotiation
from collab.web.parsers import WholeMultiPartParser


# --- cohorts
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
        fields = ["id", "kind", "name", "due_on"]


class CheckPointInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=CheckKind.choices)
    name = serializers.CharField(max_length=120)
    due_on = DayField()


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


class OrderInput(StrictSerializer):
    """Ids of applications, the best first; one that is left out is not wanted."""

    order = serializers.ListField(child=serializers.UUIDField(), max_length=2000, allow_empty=True)


class OutcomesSerializer(serializers.Serializer):
    figures = serializers.DictField(read_only=True)
    hosts = serializers.ListField(child=serializers.DictField(), read_only=True)


class RoundSerializer(serializers.Serializer):
    number = serializers.IntegerField(read_only=True)
    pairs = serializers.ListField(child=serializers.UUIDField(), read_only=True)
    students = serializers.IntegerField(read_only=True)
    seats = serializers.IntegerField(read_only=True)


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


class CriterionSerializer(StrictSerializer):
    key = serializers.CharField(max_length=40)
    about = serializers.ChoiceField(choices=["intern", "host"])
    label = serializers.CharField(max_length=200)
    label_zh = serializers.CharField(max_length=200, required=False)
    weight = serializers.IntegerField(min_value=1, max_value=100)


class ProgrammeSerializer(serializers.ModelSerializer):
    university = serializers.SlugField(source="organisation.slug", read_only=True)
    criteria = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = Programme
        fields = ["id", "university", "name", "name_zh", "about", "criteria", "version"]


class ProgrammeEdit(StrictSerializer):
    """Fields that are left out stay as they are; criteria are sent whole."""

    name = serializers.CharField(max_length=120, required=False)
    name_zh = serializers.CharField(max_length=120, required=False, allow_blank=True)
    about = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    criteria = CriterionSerializer(many=True, required=False)


class RuleFilter(django_filters.FilterSet):
    cohort = django_filters.UUIDFilter()


@extend_schema_view(list=extend_schema(summary="Programmes"), retrieve=extend_schema(summary="One programme"))
class ProgrammeViewSet(ScopedViewSet):
    words = {"list": "programme.view", "retrieve": "programme.view", "partial_update": "programme.manage"}
    rows = Programme.objects.select_related("organisation")
    serializer_class = ProgrammeSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ProgrammeSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(
        summary="Change a programme and what is evaluated in it", request=ProgrammeEdit,
        responses=ProgrammeSerializer, parameters=[IF_MATCH],
    )  # fmt: skip
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        given = self.parsed(ProgrammeEdit)
        if "criteria" in given:
            given["criteria"] = [dict(one) for one in given["criteria"]]
        return self._told(edit_programme(programme=row, by=request.user, version=row.version, **given))

    def _told(self, row: Programme) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, ProgrammeSerializer), etag_of(row.pk, row.version))


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
        order = _in_order(mine, self.parsed(OrderInput)["order"])
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


# --- postings
class PostingSerializer(serializers.ModelSerializer):
    cohort = serializers.PrimaryKeyRelatedField(read_only=True)
    host = serializers.SlugField(source="organisation.slug", read_only=True)
    audience = serializers.ChoiceField(choices=Audience.choices, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(PostingState), read_only=True)
    takes_until = serializers.DateTimeField(source="last_moment", read_only=True)
    questions = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = Posting
        fields = [
            "id", "cohort", "host", "title", "title_zh", "duties", "skills", "eligibility", "places", "starts_on",
            "ends_on", "place", "remote", "pay", "currency", "hours", "credits", "takes_until", "audience", "questions",
            "questions_version", "state", "version",
        ]  # fmt: skip


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


class MoveInput(StrictSerializer):
    move = serializers.CharField(max_length=20)
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class ApplyInput(StrictSerializer):
    university = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", required=False, allow_null=True
    )


class PostingFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=choices_of(PostingState))
    cohort = django_filters.UUIDFilter()


# --- applications
class DocumentSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=DocumentKind.choices, read_only=True)

    class Meta:
        model = ApplicationDocument
        fields = ["id", "kind", "file_name", "content_type", "sha256", "size_bytes", "created_at"]


class ApplicationSerializer(serializers.ModelSerializer):
    """`choice` is told to the student, `rank` to the host; neither to the other."""

    posting = serializers.PrimaryKeyRelatedField(read_only=True)
    cohort = serializers.PrimaryKeyRelatedField(read_only=True)
    candidate = PersonSerializer(read_only=True)
    university = serializers.SlugField(source="university.slug", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(ApplicationState), source="shown_state", read_only=True)
    answers = serializers.DictField(child=serializers.CharField(), read_only=True)
    reason = serializers.CharField(source="said_reason", read_only=True)
    choice = serializers.SerializerMethodField()
    rank = serializers.SerializerMethodField()

    class Meta:
        model = Application
        fields = [
            "id", "posting", "cohort", "candidate", "university", "attempt", "statement", "answers", "state",
            "submitted_at", "reason", "choice", "rank", "offer_ends_at", "version",
        ]  # fmt: skip

    def get_choice(self, row: Application) -> int | None:
        return row.choice if row.candidate_id == self.context["request"].user.pk else None

    def get_rank(self, row: Application) -> int | None:
        return None if row.candidate_id == self.context["request"].user.pk else row.rank


class ApplicationDetail(ApplicationSerializer):
    documents = DocumentSerializer(many=True, read_only=True)

    class Meta(ApplicationSerializer.Meta):
        fields = [*ApplicationSerializer.Meta.fields, "documents"]


class ApplicationEdit(StrictSerializer):
    statement = serializers.CharField(max_length=6000, required=False, allow_blank=True)
    answers = serializers.DictField(child=serializers.CharField(max_length=4000), required=False)
    questions_version = serializers.IntegerField(required=False, min_value=1)


class AnswerInput(StrictSerializer):
    accept = serializers.BooleanField()
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class ReasonInput(StrictSerializer):
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class DocumentInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=DocumentKind.choices)
    file = serializers.FileField(allow_empty_file=True)


class ScoreInput(StrictSerializer):
    score = serializers.IntegerField(min_value=1, max_value=10)
    comment = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class ReviewGiven(serializers.Serializer):
    score = serializers.IntegerField(read_only=True)
    comment = serializers.CharField(read_only=True)


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
    }
    rows = Posting.objects.with_names()
    serializer_class = PostingSerializer
    filterset_class = PostingFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), PostingSerializer)

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

    @extend_schema(summary="Submit, close or withdraw it", request=MoveInput, responses=PostingSerializer)
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
        order = _in_order(row.applications.all(), self.parsed(OrderInput)["order"])
        made = rank_students(posting=row, order=order, by=request.user)
        return Response({"order": [one.pk for one in made]})

    def _told(self, row: Posting, status: int = 200) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, PostingSerializer, status), etag_of(row.pk, row.version))


class ApplicationFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=choices_of(ApplicationState))
    posting = django_filters.UUIDFilter()
    cohort = django_filters.UUIDFilter()


@extend_schema_view(
    list=extend_schema(summary="Applications", responses=ApplicationSerializer(many=True)),
    retrieve=extend_schema(summary="One application"),
)
class ApplicationViewSet(ScopedViewSet):
    words = {
        "list": "application.view",
        "retrieve": "application.view",
        "partial_update": "application.write",
        "documents": "application.write",
        "content": "application.view",
        "submit": "application.write",
        "withdraw": "application.write",
        "answer": "application.write",
        "decide": "application.decide",
        "review": "application.review",
    }
    rows = Application.objects.with_names()
    serializer_class = ApplicationDetail
    filterset_class = ApplicationFilter

    def get_parsers(self) -> list[Any]:
        method = (self.request.method or "").lower() if getattr(self, "request", None) else ""
        parsers = super().get_parsers()
        return [*parsers, WholeMultiPartParser()] if self.action_map.get(method) == "documents" else parsers

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ApplicationSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(
        summary="Write at one's draft", request=ApplicationEdit, responses=ApplicationDetail, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        given = self.parsed(ApplicationEdit)
        return self._told(write_application(application=row, by=request.user, version=row.version, **given))

    @extend_schema(
        summary="Add a document", request={"multipart/form-data": DocumentInput}, responses={201: DocumentSerializer}
    )
    @action(detail=True, methods=["post"])
    def documents(self, request: Request, pk: str) -> Response:
        made = add_document(application=self.get_object(), by=request.user, **self.parsed(DocumentInput))
        return self.shown(made, DocumentSerializer, 201)

    @extend_schema(
        summary="The file of a document", responses={200: OpenApiResponse(OpenApiTypes.BINARY, description="the file")}
    )
    @action(detail=True, url_path=r"documents/(?P<number>[0-9]{1,3})", content_negotiation_class=AnythingNegotiation)
    def content(self, request: Request, pk: str, number: str) -> HttpResponseBase:
        rows = list(self.get_object().documents.all())
        if not 1 <= int(number) <= len(rows):
            raise NotFoundError
        row = rows[int(number) - 1]
        return resumable(request, blob_path(row.sha256), row.file_name, row.sha256, row.content_type)

    @extend_schema(summary="Send it", request=None, responses=ApplicationDetail)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return self._told(submit_application(application=row, by=request.user, version=row.version))

    @extend_schema(summary="Withdraw it", request=ReasonInput, responses=ApplicationDetail)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        given = self.parsed(ReasonInput)
        return self._told(withdraw_application(application=self.get_object(), by=request.user, **given))

    @extend_schema(summary="Accept or decline an offer", request=AnswerInput, responses=ApplicationDetail)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, pk: str) -> Response:
        return self._told(answer_offer(application=self.get_object(), by=request.user, **self.parsed(AnswerInput)))

    @extend_schema(summary="Short-list, offer or refuse", request=MoveInput, responses=ApplicationDetail)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        row, given = self.get_object(), self.parsed(MoveInput)
        if given["move"] == "offer":
            return self._told(make_offer(application=row, by=request.user))
        return self._told(decide_application(application=row, by=request.user, **given))

    @extend_schema(summary="Give the review one was asked for", request=ScoreInput, responses=ReviewGiven)
    @action(detail=True, methods=["post"])
    def review(self, request: Request, pk: str) -> Response:
        made = give_review(application=self.get_object(), by=request.user, **self.parsed(ScoreInput))
        return self.shown(made, ReviewGiven)

    def _told(self, row: Application) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, ApplicationDetail), etag_of(row.pk, row.version))


# --- placements
class LogSerializer(serializers.ModelSerializer):
    state = serializers.ChoiceField(choices=choices_of(LogState), read_only=True)

    class Meta:
        model = LogEntry
        fields = ["id", "day", "hours", "text", "state", "remark"]


class NoteSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=NoteKind.choices, read_only=True)
    verdict = serializers.ChoiceField(choices=Verdict.choices, read_only=True)
    author = PersonSerializer(read_only=True)

    class Meta:
        model = PlacementNote
        fields = ["id", "kind", "author", "text", "verdict", "weeks", "paid", "settled_at", "settlement", "created_at"]


class EvaluationSerializer(serializers.ModelSerializer):
    side = serializers.ChoiceField(choices=Side.choices, read_only=True)
    scores = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = Evaluation
        fields = ["id", "side", "scores", "comment", "total", "published_at"]


class PlacementSerializer(serializers.ModelSerializer):
    student = PersonSerializer(read_only=True)
    host = serializers.SlugField(source="host.slug", read_only=True)
    university = serializers.SlugField(source="university.slug", read_only=True)
    mentor = PersonSerializer(read_only=True, allow_null=True)
    supervisor = PersonSerializer(read_only=True, allow_null=True)
    state = serializers.ChoiceField(choices=choices_of(PlacementState), read_only=True)
    pending = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Placement
        fields = [
            "id", "posting", "cohort", "student", "host", "university", "mentor", "supervisor", "starts_on", "ends_on",
            "dates_reason", "hours", "credits", "pay", "currency", "tasks", "outcomes", "monitoring", "gives_access",
            "insurer", "insured_until", "pending", "state", "reason", "version",
        ]  # fmt: skip
        read_only_fields = ["posting", "cohort"]


class PlacementDetail(PlacementSerializer):
    """`certificate`: where anybody checks it, for those who may see it; null before it is issued."""

    certificate = serializers.SerializerMethodField()

    class Meta(PlacementSerializer.Meta):
        fields = [*PlacementSerializer.Meta.fields, "certificate"]

    def get_certificate(self, row: Placement) -> str | None:
        issued = certificate_of(row).filter(state__in=sorted(SIGNED))
        found = issued.visible_to(self.context["request"].user).first()
        return found.public_url if found else None


class PlacementEdit(StrictSerializer):
    """Each person writes their own part; fields that are left out stay as they are."""

    tasks = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    hours = serializers.IntegerField(min_value=1, max_value=60, required=False)
    pay = serializers.DecimalField(max_digits=10, decimal_places=2, min_value=0, required=False)
    outcomes = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    monitoring = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    credits = serializers.IntegerField(min_value=0, max_value=120, required=False)
    starts_on = DayField(required=False)
    ends_on = DayField(required=False)
    dates_reason = serializers.CharField(max_length=500, required=False, allow_blank=True)
    insurer = serializers.CharField(max_length=120, required=False, allow_blank=True)
    insured_until = DayField(required=False, allow_null=True)
    contact_name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    contact_phone = serializers.CharField(max_length=30, required=False, allow_blank=True)


class ApproveInput(StrictSerializer):
    organisation = ScopedRelatedField(word="placement.approve", model=Organisation, slug_field="slug")
    approve = serializers.BooleanField()
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class MentorInput(StrictSerializer):
    mentor = ScopedRelatedField(word="person.view", model=User)
    reason = serializers.CharField(max_length=1000)


class SupervisorInput(StrictSerializer):
    supervisor = ScopedRelatedField(word="person.view", model=User)
    reason = serializers.CharField(max_length=1000)


class PointInput(StrictSerializer):
    """Another day of a check-point for this intern; the day of the cohort takes it back."""

    check_point = ScopedRelatedField(word="programme.view", model=CheckPoint)
    due_on = DayField()
    reason = serializers.CharField(max_length=500)


class PointSerializer(serializers.Serializer):
    """A check-point on the day on which it is due for this intern; with the reason where it was moved."""

    id = serializers.UUIDField(source="pk", read_only=True)
    kind = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    due_on = serializers.DateField(source="day", read_only=True)
    reason = serializers.CharField(source="moved_to.reason", read_only=True, default="")


class FrameSerializer(serializers.Serializer):
    """The project in which host and university keep their agreements."""

    project = serializers.SlugField(source="slug", read_only=True)


class LogInput(StrictSerializer):
    day = DayField()
    hours = serializers.DecimalField(max_digits=4, decimal_places=2, min_value=0, max_value=16)
    text = serializers.CharField(max_length=2000)


class NoteInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=[NoteKind.CHECK_IN.value, NoteKind.FEEDBACK.value, NoteKind.INCIDENT.value])
    text = serializers.CharField(max_length=4000)
    verdict = serializers.ChoiceField(choices=Verdict.choices, required=False)
    weeks = serializers.IntegerField(min_value=1, max_value=52, required=False, allow_null=True)
    paid = serializers.BooleanField(required=False, allow_null=True)


class EvaluateInput(StrictSerializer):
    scores = serializers.DictField(child=serializers.IntegerField(min_value=1, max_value=5))
    comment = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class SignatureSerializer(serializers.Serializer):
    name = serializers.CharField(source="typed_name", read_only=True)
    party = serializers.SlugField(source="party.slug", read_only=True)
    capacity = serializers.CharField(read_only=True)
    signed_at = serializers.DateTimeField(source="created_at", read_only=True)


class StudentSignatureSerializer(serializers.Serializer):
    name = serializers.CharField(source="typed_name", read_only=True)
    signed_at = serializers.DateTimeField(source="created_at", read_only=True)


class SignedSerializer(serializers.Serializer):
    """The learning agreement as all three have signed it."""

    reference = serializers.CharField(source="agreement.reference", read_only=True)
    number = serializers.IntegerField(read_only=True)
    text = serializers.CharField(source="text_shown", read_only=True)
    sha256 = serializers.CharField(source="document_sha256", read_only=True)
    signatures = SignatureSerializer(many=True, read_only=True)
    student = StudentSignatureSerializer(source="student_signature", read_only=True)


class PlacementFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=choices_of(PlacementState))
    cohort = django_filters.UUIDFilter()


@extend_schema_view(
    list=extend_schema(summary="Placements", responses=PlacementSerializer(many=True)),
    retrieve=extend_schema(summary="One placement"),
)
class PlacementViewSet(ScopedViewSet):
    words = {
        "list": "placement.view",
        "retrieve": "placement.view",
        "partial_update": "placement.write",
        "signed": "placement.view",
        "approve": "placement.approve",
        "onboard": "placement.manage",
        "move": "placement.manage",
        "log": "placement.intern",
        "notes": "placement.write",
        "evaluate": "placement.evaluate",
        "certificate": "placement.manage",
        "mentor": "placement.approve",
        "supervisor": "placement.manage",
        "frame": "placement.manage",
        "points": "placement.view",
        "move_point": "placement.manage",
    }
    rows = Placement.objects.with_names()
    serializer_class = PlacementDetail
    filterset_class = PlacementFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), PlacementSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(
        summary="Write down one's own part", request=PlacementEdit, responses=PlacementDetail, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        given = self.parsed(PlacementEdit)
        return self._told(edit_placement(placement=row, by=request.user, version=row.version, **given))

    @extend_schema(summary="Answer for one's organisation", request=ApproveInput, responses=PlacementDetail)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self._told(answer_placement(placement=self.get_object(), by=request.user, **self.parsed(ApproveInput)))

    @extend_schema(summary="The learning agreement as all three have signed it", responses=SignedSerializer)
    @action(detail=True)
    def signed(self, request: Request, pk: str) -> Response:
        version = signed_version(self.get_object())
        if version is None:
            raise ConflictError(_("The learning agreement is not signed by all three yet."))
        return self.shown(version, SignedSerializer)

    @extend_schema(summary="Let it begin", request=None, responses=PlacementDetail)
    @action(detail=True, methods=["post"])
    def onboard(self, request: Request, pk: str) -> Response:
        return self._told(onboard(placement=self.get_object(), by=request.user))

    @extend_schema(
        summary="Suspend, resume, cancel, terminate, complete or fail it", request=MoveInput,
        responses=PlacementDetail,
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        return self._told(move_placement(placement=self.get_object(), by=request.user, **self.parsed(MoveInput)))

    @extend_schema(summary="Enter a day into the log book", request=LogInput, responses={201: LogSerializer})
    @action(detail=True, methods=["post"])
    def log(self, request: Request, pk: str) -> Response:
        made = write_log(placement=self.get_object(), by=request.user, **self.parsed(LogInput))
        return self.shown(made, LogSerializer, 201)

    @extend_schema(summary="Write a check-in, feedback or incident", request=NoteInput, responses={201: NoteSerializer})
    @action(detail=True, methods=["post"])
    def notes(self, request: Request, pk: str) -> Response:
        made = write_note(placement=self.get_object(), by=request.user, **self.parsed(NoteInput))
        return self.shown(made, NoteSerializer, 201)

    @extend_schema(summary="Evaluate the other side", request=EvaluateInput, responses={201: EvaluationSerializer})
    @action(detail=True, methods=["post"])
    def evaluate(self, request: Request, pk: str) -> Response:
        made = evaluate(placement=self.get_object(), by=request.user, **self.parsed(EvaluateInput))
        return self.shown(made, EvaluationSerializer, 201)

    @extend_schema(
        summary="Propose the certificate of a completed placement", request=None, responses={201: BatchSerializer}
    )
    @action(detail=True, methods=["post"])
    def certificate(self, request: Request, pk: str) -> Response:
        return self.shown(attest_placement(placement=self.get_object(), by=request.user), BatchSerializer, 201)

    @extend_schema(summary="Name another mentor", request=MentorInput, responses=PlacementDetail)
    @action(detail=True, methods=["post"])
    def mentor(self, request: Request, pk: str) -> Response:
        return self._told(change_mentor(placement=self.get_object(), by=request.user, **self.parsed(MentorInput)))

    @extend_schema(summary="Name another supervisor", request=SupervisorInput, responses=PlacementDetail)
    @action(detail=True, methods=["post"])
    def supervisor(self, request: Request, pk: str) -> Response:
        given = self.parsed(SupervisorInput)
        return self._told(change_supervisor(placement=self.get_object(), by=request.user, **given))

    @extend_schema(summary="Keep its agreements without a joint project", request=None, responses=FrameSerializer)
    @action(detail=True, methods=["post"])
    def frame(self, request: Request, pk: str) -> Response:
        return self.shown(open_frame(placement=self.get_object(), by=request.user), FrameSerializer)

    @extend_schema(summary="The check-points of this intern", responses=PointSerializer(many=True))
    @action(detail=True, url_path="check-points", filterset_class=None)
    def points(self, request: Request, pk: str) -> Response:
        return Response(PointSerializer(points_of(self.get_object()), many=True).data)

    @extend_schema(summary="Move a check-point", request=PointInput, responses=PointSerializer(many=True))
    @points.mapping.post
    def move_point(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        move_check_point(placement=row, by=request.user, **self.parsed(PointInput))
        return Response(PointSerializer(points_of(row), many=True).data)

    def _told(self, row: Placement) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, PlacementDetail), etag_of(row.pk, row.version))


def _in_order(rows: Any, keys: list[UUID]) -> list[Application]:
    """The rows of these ids, in their order; NotFoundError for one that is not among them."""
    known = {row.pk: row for row in rows.filter(pk__in=keys)}
    if set(keys) - set(known):
        raise NotFoundError
    return [known[key] for key in keys]


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    if "questions" in given:
        given["questions"] = [dict(row) for row in given["questions"]]
    return given
