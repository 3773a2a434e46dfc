"""Enrolments, trainings done elsewhere and courses as conditions as JSON."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.models import Organisation
from collab.courses.api import (
    DoneInput,
    EnrolmentSerializer,
    ModuleName,
    ModuleSerializer,
    part_of,
    text_field,
)
from collab.courses.conditions import end_condition, set_condition
from collab.courses.expiring import ends_soon
from collab.courses.learning_views import in_order, questions_of
from collab.courses.models import (
    ConditionScope,
    Course,
    CourseCondition,
    Enrolment,
    QuizAttempt,
    QuizQuestion,
    TrainingRecord,
)
from collab.courses.serving import file_of
from collab.courses.states import AttemptState, EnrolmentState, TrainingState
from collab.courses.taking import (
    answer_quiz,
    attempts_left,
    begin_quiz,
    finish_module,
    grant_attempt,
    leave_course,
    move_to_newer_version,
)
from collab.courses.trainings import (
    open_training,
    revoke_training,
    submit_training,
    submit_training_again,
    withdraw_training,
)
from collab.courses.versions import compare, newer_version
from collab.kernel.errors import NotFoundError
from collab.projects.models import Project
from collab.web.api import (
    DayField,
    PersonSerializer,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
)
from collab.web.negotiation import AnythingNegotiation
from collab.web.parsers import WholeMultiPartParser


# --- enrolments
class AttemptSerializer(serializers.ModelSerializer):
    """An attempt with what it asks. Answers are numbered as `options` lists them.

    Once it is passed each question tells `chosen`, the `right` numbers and `why`; before that nothing does.
    """

    state = serializers.ChoiceField(choices=choices_of(AttemptState), read_only=True)
    questions = serializers.SerializerMethodField()

    class Meta:
        model = QuizAttempt
        fields = ["number", "state", "due_at", "submitted_at", "score", "passed", "questions"]

    @extend_schema_field({"type": "array", "items": {"type": "object"}})
    def get_questions(self, attempt: QuizAttempt) -> list[dict[str, Any]]:
        orders = {one["id"]: one["order"] for one in attempt.asked}
        return [
            {
                "id": key,
                "text": str(question),
                "several": len(question.right) > 1,
                "options": [{"number": n, "text": in_order(question, n)} for n in orders[key]],
                **(_told(question, attempt.answers.get(key, [])) if attempt.passed else {}),
            }
            for key, question in questions_of(attempt).items()
        ]


def _told(question: QuizQuestion, chosen: list[int]) -> dict[str, Any]:
    return {"chosen": chosen, "right": sorted(question.right), "why": question.why, "why_zh": question.why_zh}


class AttemptRow(serializers.ModelSerializer):
    """How an attempt went."""

    state = serializers.ChoiceField(choices=choices_of(AttemptState), read_only=True)

    class Meta:
        model = QuizAttempt
        fields = ["number", "state", "due_at", "submitted_at", "score", "passed"]


class NewsSerializer(serializers.Serializer):
    """A newer version, and what is new in it beside the one that is taken."""

    number = serializers.IntegerField(source="edition.number")
    note = serializers.CharField(source="edition.note")
    note_zh = serializers.CharField(source="edition.note_zh")
    added = ModuleName(many=True)
    changed = ModuleName(many=True)
    removed = ModuleName(many=True)
    questions_new = serializers.IntegerField()
    terms = serializers.ListField(child=serializers.CharField())


class EnrolmentDetail(EnrolmentSerializer):
    """`newer`: null, or the version to which its learner may move; told to the learner alone."""

    modules = ModuleSerializer(source="edition.modules", many=True, read_only=True)
    done = serializers.SerializerMethodField()
    attempts = AttemptRow(many=True, read_only=True)
    attempts_left = serializers.SerializerMethodField()
    newer = serializers.SerializerMethodField()

    class Meta(EnrolmentSerializer.Meta):
        fields = [*EnrolmentSerializer.Meta.fields, "modules", "done", "attempts", "attempts_left", "newer"]

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_attempts_left(self, row: Enrolment) -> int | None:
        return attempts_left(row)

    @extend_schema_field(NewsSerializer(allow_null=True))
    def get_newer(self, row: Enrolment) -> dict[str, Any] | None:
        newer = newer_version(row) if row.person_id == self.context["request"].user.pk else None
        return NewsSerializer(compare(row.edition, newer)).data if newer else None

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_done(self, row: Enrolment) -> list[str]:
        return [str(key) for key in row.done.values_list("module", flat=True)]


class AnswersInput(StrictSerializer):
    """`answers`: question id → numbers of the chosen answers."""

    number = serializers.IntegerField(min_value=1)
    answers = serializers.DictField(child=serializers.ListField(child=serializers.IntegerField(), max_length=20))


class EnrolmentFilter(django_filters.FilterSet):
    course = django_filters.CharFilter(field_name="course__slug")
    number = django_filters.NumberFilter(field_name="edition__number")
    state = django_filters.ChoiceFilter(choices=choices_of(EnrolmentState))

    class Meta:
        model = Enrolment
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(summary="List one's own enrolments, and those in one's courses", responses=EnrolmentSerializer),
    retrieve=extend_schema(summary="Read an enrolment", responses=EnrolmentDetail),
)
class EnrolmentViewSet(ScopedViewSet):
    words = {
        "list": "enrolment.view",
        "retrieve": "enrolment.view",
        "study": "course.take",
        "file": "course.take",
        "leave": "course.take",
        "move": "course.take",
        "attempts": "course.take",
        "begin_quiz": "course.take",
        "answer": "course.take",
        "grant": "course.edit",
    }
    rows = Enrolment.objects.with_names().with_progress()
    serializer_class = EnrolmentSerializer
    filterset_class = EnrolmentFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), EnrolmentSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), EnrolmentDetail)

    @extend_schema(summary="Say that one has studied a module", request=DoneInput, responses=EnrolmentDetail)
    @action(detail=True, methods=["post"])
    def study(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        module = part_of(row.edition.modules, self.parsed(DoneInput)["module"])
        finish_module(enrolment=row, module=module, by=request.user)
        return self.shown(self.rows.get(pk=row.pk), EnrolmentDetail)

    @extend_schema(
        summary="The image or file of a module",
        parameters=[OpenApiParameter("module", OpenApiTypes.UUID, required=True)],
        responses={200: OpenApiResponse(OpenApiTypes.BINARY)},
    )
    @action(detail=True, content_negotiation_class=AnythingNegotiation, query=("module",))
    def file(self, request: Request, pk: str) -> HttpResponseBase:
        row = self.get_object()
        asked = DoneInput(data={"module": request.query_params.get("module")})
        asked.is_valid(raise_exception=True)
        return file_of(request, part_of(row.edition.modules, asked.validated_data["module"]))

    @extend_schema(summary="Leave the course", request=None, responses=EnrolmentSerializer)
    @action(detail=True, methods=["post"])
    def leave(self, request: Request, pk: str) -> Response:
        row = leave_course(enrolment=self.get_object(), by=request.user)
        return self.shown(self.rows.get(pk=row.pk), EnrolmentSerializer)

    @extend_schema(summary="Go on in the newer version", request=None, responses={201: EnrolmentDetail})
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        moved = move_to_newer_version(enrolment=self.get_object(), by=request.user)
        return self.shown(self.rows.get(pk=moved.pk), EnrolmentDetail, 201)

    @extend_schema(summary="Begin an attempt at the quiz, or go on with the open one", request=None,
                   responses={201: AttemptSerializer})  # fmt: skip
    @action(detail=True, methods=["post"], url_path="quiz")
    def begin_quiz(self, request: Request, pk: str) -> Response:
        return self.shown(begin_quiz(enrolment=self.get_object(), by=request.user), AttemptSerializer, 201)

    @extend_schema(summary="One's attempts; the one that passed with the right answers",
                   responses=AttemptSerializer(many=True))  # fmt: skip
    @begin_quiz.mapping.get
    def attempts(self, request: Request, pk: str) -> Response:
        return Response(AttemptSerializer(self.get_object().attempts.all(), many=True).data)

    @extend_schema(summary="Answer an attempt; answers are taken once", request=AnswersInput,
                   responses=AttemptSerializer)  # fmt: skip
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        given = self.parsed(AnswersInput)
        attempt = row.attempts.filter(number=given["number"]).first()
        if attempt is None:
            raise NotFoundError
        return self.shown(answer_quiz(attempt=attempt, answers=given["answers"], by=request.user), AttemptSerializer)

    @extend_schema(summary="Grant another attempt", request=None, responses=EnrolmentSerializer)
    @action(detail=True, methods=["post"])
    def grant(self, request: Request, pk: str) -> Response:
        row = grant_attempt(enrolment=self.get_object(), by=request.user)
        return self.shown(self.rows.get(pk=row.pk), EnrolmentSerializer)


# --- trainings done elsewhere
class TrainingSerializer(serializers.ModelSerializer):
    person = PersonSerializer(read_only=True)
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    course = serializers.SlugField(source="course.slug", read_only=True, allow_null=True)
    state = serializers.ChoiceField(choices=choices_of(TrainingState), read_only=True)
    shown_state = serializers.CharField(read_only=True)
    expires_soon = serializers.SerializerMethodField()

    class Meta:
        model = TrainingRecord
        fields = [
            "id", "person", "organisation", "course", "title", "provider", "completed_on", "expires_on", "file_name",
            "sha256", "size_bytes", "state", "shown_state", "expires_soon", "reviewed_at", "reason", "version",
        ]  # fmt: skip

    def get_expires_soon(self, row: TrainingRecord) -> bool:
        return row.state == TrainingState.ACCEPTED and ends_soon(row.expires_on)


class TrainingAgain(StrictSerializer):
    """A form, with the document as `file`; without one the file that is there stays."""

    title = text_field(needed=True)
    provider = text_field(needed=True)
    completed_on = DayField()
    expires_on = DayField(required=False, allow_null=True)
    course = ScopedRelatedField(word="course.view", model=Course, slug_field="slug", required=False, allow_null=True)
    file = serializers.FileField(required=False, allow_empty_file=True)


class TrainingInput(TrainingAgain):
    organisation = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    file = serializers.FileField(allow_empty_file=True)


class RevokeInput(StrictSerializer):
    reason = serializers.CharField(max_length=1000)


class TrainingFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search")
    state = django_filters.ChoiceFilter(choices=choices_of(TrainingState))
    course = django_filters.CharFilter(field_name="course__slug")

    class Meta:
        model = TrainingRecord
        fields: list[str] = []

    def search(self, rows: Any, name: str, value: str) -> Any:
        return rows.matching(value)


@extend_schema_view(
    list=extend_schema(summary="List trainings done elsewhere", responses=TrainingSerializer),
    retrieve=extend_schema(summary="Read a training done elsewhere", responses=TrainingSerializer),
)
class TrainingViewSet(ScopedViewSet):
    words = {
        "list": "training.view",
        "retrieve": "training.view",
        "create": "training.submit",
        "again": "training.submit",
        "withdraw": "training.submit",
        "revoke": "training.review",
        "content": "training.view",
    }
    rows = TrainingRecord.objects.with_names()
    serializer_class = TrainingSerializer
    filterset_class = TrainingFilter

    def get_parsers(self) -> list[Any]:
        method = (self.request.method or "").lower() if getattr(self, "request", None) else ""
        parsers = super().get_parsers()
        return [*parsers, WholeMultiPartParser()] if self.action_map.get(method) in {"create", "again"} else parsers

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), TrainingSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), TrainingSerializer)

    @extend_schema(summary="Hand in the document of a training", request={"multipart/form-data": TrainingInput},
                   responses={201: TrainingSerializer})  # fmt: skip
    def create(self, request: Request) -> Response:
        return self.shown(submit_training(by=request.user, **self.parsed(TrainingInput)), TrainingSerializer, 201)

    @extend_schema(summary="Mend what was returned", request={"multipart/form-data": TrainingAgain},
                   responses=TrainingSerializer)  # fmt: skip
    @action(detail=True, methods=["post"])
    def again(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        made = submit_training_again(training=row, by=request.user, **self.parsed(TrainingAgain))
        return self.shown(made, TrainingSerializer)

    @extend_schema(summary="Take it back", request=None, responses=TrainingSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        return self.shown(withdraw_training(training=self.get_object(), by=request.user), TrainingSerializer)

    @extend_schema(summary="Take an acceptance back", request=RevokeInput, responses=TrainingSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        row = revoke_training(training=self.get_object(), by=request.user, **self.parsed(RevokeInput))
        return self.shown(row, TrainingSerializer)

    @extend_schema(summary="The document", responses={200: OpenApiResponse(OpenApiTypes.BINARY)})
    @action(detail=True, url_path="document", content_negotiation_class=AnythingNegotiation)
    def content(self, request: Request, pk: str) -> HttpResponseBase:
        row = self.get_object()
        if request.method != "HEAD":
            open_training(training=row, by=request.user)
        return file_of(request, row)


# --- courses as conditions
class ConditionSerializer(serializers.ModelSerializer):
    project = serializers.SlugField(source="project.slug", read_only=True)
    course = serializers.SlugField(source="course.slug", read_only=True)
    needed_for = serializers.ChoiceField(choices=ConditionScope.choices, read_only=True)
    set_by = PersonSerializer(read_only=True)

    class Meta:
        model = CourseCondition
        fields = ["id", "project", "course", "needed_for", "asset", "set_by", "created_at", "ended_at"]


class ConditionInput(StrictSerializer):
    """`asset`: the id of a dataset of the project; without it the condition is about all of them."""

    project = ScopedRelatedField(word="course.require", model=Project, slug_field="slug")
    course = ScopedRelatedField(word="course.view", model=Course, slug_field="slug")
    needed_for = serializers.ChoiceField(choices=ConditionScope.choices)
    asset = serializers.UUIDField(required=False, allow_null=True)


class ConditionFilter(django_filters.FilterSet):
    project = ProjectFilter()

    class Meta:
        model = CourseCondition
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(summary="List courses that projects ask for", responses=ConditionSerializer),
    retrieve=extend_schema(summary="Read a condition", responses=ConditionSerializer),
)
class CourseConditionViewSet(ScopedViewSet):
    words = {
        "list": "project.view",
        "retrieve": "project.view",
        "create": "course.require",
        "end": "course.require",
    }
    rows = CourseCondition.objects.select_related("project", "course", "set_by")
    serializer_class = ConditionSerializer
    filterset_class = ConditionFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ConditionSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), ConditionSerializer)

    @extend_schema(summary="Ask for a course", request=ConditionInput, responses={201: ConditionSerializer})
    def create(self, request: Request) -> Response:
        return self.shown(set_condition(by=request.user, **self.parsed(ConditionInput)), ConditionSerializer, 201)

    @extend_schema(summary="Ask for it no longer", request=None, responses=ConditionSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        row = end_condition(condition=self.get_object(), by=request.user)
        return self.shown(self.rows.get(pk=row.pk), ConditionSerializer)
