"""Courses, enrolments and trainings done elsewhere as JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
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
from collab.courses.conditions import end_condition, set_condition
from collab.courses.editing import (
    create_course,
    draft_version,
    edit_course,
    publish_version,
    remove_module,
    remove_question,
    retire_course,
    save_module,
    save_question,
    set_terms,
)
from collab.courses.expiring import ends_soon
from collab.courses.learning_views import in_order, questions_of
from collab.courses.models import (
    MONTHS_MAX,
    Audience,
    ConditionScope,
    Course,
    CourseCondition,
    CourseModule,
    CourseVersion,
    Enrolment,
    ModuleKind,
    QuizAttempt,
    QuizQuestion,
    TrainingRecord,
)
from collab.courses.states import AttemptState, CourseState, EnrolmentState, TrainingState
from collab.courses.taking import (
    answer_quiz,
    attempts_left,
    begin_quiz,
    enrol,
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
from collab.kernel.blobs import blob_path
from collab.kernel.errors import ConflictError, NotFoundError
from collab.projects.models import Project
from collab.web.api import (
    IF_MATCH,
    SLUG_PATTERN,
    DayField,
    PersonSerializer,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    etag_of,
    require_match,
    tagged,
)
from collab.web.downloads import resumable
from collab.web.negotiation import AnythingNegotiation
from collab.web.parsers import WholeMultiPartParser


def _words(most: int = 160, *, needed: bool = False) -> serializers.CharField:
    return serializers.CharField(max_length=most, required=needed, allow_blank=not needed)


# --- courses
class ModuleSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=ModuleKind.choices, read_only=True)

    class Meta:
        model = CourseModule
        fields = [
            "id", "position", "kind", "title", "title_zh", "body", "body_zh", "link", "file_name", "media_type",
            "sha256", "size_bytes", "version",
        ]  # fmt: skip


class ModuleName(serializers.ModelSerializer):
    """A module before one takes the course: what it is called."""

    kind = serializers.ChoiceField(choices=ModuleKind.choices, read_only=True)

    class Meta:
        model = CourseModule
        fields = ["id", "position", "kind", "title", "title_zh"]


class OptionSerializer(StrictSerializer):
    text = _words(500, needed=True)
    text_zh = _words(500)
    right = serializers.BooleanField(default=False)


class QuestionSerializer(serializers.ModelSerializer):
    options = OptionSerializer(many=True, read_only=True)

    class Meta:
        model = QuizQuestion
        fields = ["id", "position", "text", "text_zh", "options", "why", "why_zh", "version"]


class EditionSerializer(serializers.ModelSerializer):
    state = serializers.ChoiceField(choices=choices_of(CourseState), read_only=True)
    modules = ModuleName(many=True, read_only=True)

    class Meta:
        model = CourseVersion
        fields = [
            "id", "number", "state", "pass_mark", "asked_max", "attempts_max", "minutes", "valid_months", "note",
            "note_zh", "published_at", "modules",
        ]  # fmt: skip


class VersionSerializer(serializers.ModelSerializer):
    """A published version with how many take it now, have passed it, and hold it today."""

    state = serializers.ChoiceField(choices=choices_of(CourseState), read_only=True)
    under_way = serializers.IntegerField(read_only=True)
    passed = serializers.IntegerField(read_only=True)
    holding = serializers.IntegerField(read_only=True)

    class Meta:
        model = CourseVersion
        fields = ["number", "state", "note", "note_zh", "published_at", "under_way", "passed", "holding"]


class CourseRow(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    audience = serializers.ChoiceField(choices=Audience.choices, read_only=True)
    state = serializers.CharField(source="shown_state", read_only=True)

    class Meta:
        model = Course
        fields = [
            "id", "slug", "organisation", "title", "title_zh", "summary", "summary_zh", "audience", "state", "version",
        ]  # fmt: skip


class CourseSerializer(CourseRow):
    """A course with its published version; null while there is none."""

    published = EditionSerializer(read_only=True, allow_null=True)

    class Meta(CourseRow.Meta):
        fields = [*CourseRow.Meta.fields, "published"]


class DraftSerializer(EditionSerializer):
    """The draft as those who make the course see it, with the right answers."""

    modules = ModuleSerializer(many=True, read_only=True)
    questions = QuestionSerializer(many=True, read_only=True)

    class Meta(EditionSerializer.Meta):
        fields = [*EditionSerializer.Meta.fields, "questions", "version"]


class CourseInput(StrictSerializer):
    organisation = ScopedRelatedField(word="course.edit", model=Organisation, slug_field="slug")
    title = _words(needed=True)
    title_zh = _words()
    summary = _words(2000, needed=True)
    summary_zh = _words(2000)
    audience = serializers.ChoiceField(choices=Audience.choices, required=False)


class CourseEdit(StrictSerializer):
    """Fields that are left out stay as they are."""

    title = serializers.CharField(max_length=160, required=False)
    title_zh = _words()
    summary = serializers.CharField(max_length=2000, required=False)
    summary_zh = _words(2000)
    audience = serializers.ChoiceField(choices=Audience.choices, required=False)


def _number(low: int, high: int, *, null: bool = True) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=low, max_value=high, required=False, allow_null=null)


class TermsInput(StrictSerializer):
    """Null: no limit; `valid_months` null: it never expires. Fields that are left out stay as they are."""

    pass_mark = _number(1, 100, null=False)
    asked_max = _number(1, 200)
    attempts_max = _number(1, 100)
    minutes = _number(1, 600)
    valid_months = _number(1, MONTHS_MAX)
    note = _words(500)
    note_zh = _words(500)
    version = serializers.IntegerField(help_text="That of the draft as you read it.")


class ModuleInput(StrictSerializer):
    """JSON, or a form with `file`. With the id of a module in `module` that one is changed, as read in `version`."""

    module = serializers.UUIDField(required=False)
    version = serializers.IntegerField(required=False, help_text="That of the module as you read it.")
    kind = serializers.ChoiceField(choices=ModuleKind.choices)
    title = _words(needed=True)
    title_zh = _words()
    position = _number(1, 500, null=False)
    body = _words(20_000)
    body_zh = _words(20_000)
    link = serializers.URLField(max_length=500, required=False, allow_blank=True)
    file = serializers.FileField(required=False, allow_empty_file=True)


class QuestionInput(StrictSerializer):
    """With the id of a question in `question` that one is changed, as read in `version`."""

    question = serializers.UUIDField(required=False)
    version = serializers.IntegerField(required=False, help_text="That of the question as you read it.")
    text = _words(2000, needed=True)
    text_zh = _words(2000)
    why = _words(2000)
    why_zh = _words(2000)
    position = _number(1, 500, null=False)
    options = OptionSerializer(many=True)


class PartInput(StrictSerializer):
    """A module or a question of the draft."""

    id = serializers.UUIDField()


class DoneInput(StrictSerializer):
    module = serializers.UUIDField()


class NumberInput(StrictSerializer):
    number = serializers.IntegerField(min_value=1, max_value=100_000, required=False)


class EnrolmentSerializer(serializers.ModelSerializer):
    course = serializers.SlugField(source="course.slug", read_only=True)
    number = serializers.IntegerField(source="edition.number", read_only=True)
    person = PersonSerializer(read_only=True)
    state = serializers.ChoiceField(choices=choices_of(EnrolmentState), read_only=True)
    shown_state = serializers.CharField(read_only=True)
    expires_soon = serializers.SerializerMethodField()
    modules_count = serializers.IntegerField(read_only=True)
    done_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Enrolment
        fields = [
            "id", "course", "number", "person", "state", "shown_state", "created_at", "passed_at", "valid_until",
            "score", "certificate", "moved_from", "expires_soon", "modules_count", "done_count",
        ]  # fmt: skip

    def get_expires_soon(self, row: Enrolment) -> bool:
        return row.state == EnrolmentState.PASSED and ends_soon(row.last_day)


class CourseFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search")
    organisation = django_filters.CharFilter(field_name="organisation__slug")

    class Meta:
        model = Course
        fields: list[str] = []

    def search(self, rows: Any, name: str, value: str) -> Any:
        return rows.matching(value)


@extend_schema_view(
    list=extend_schema(summary="List courses", responses=CourseRow),
    retrieve=extend_schema(summary="Read a course", responses=CourseSerializer),
)
class CourseViewSet(ScopedViewSet):
    words = {
        "list": "course.view",
        "retrieve": "course.view",
        "create": "course.edit",
        "partial_update": "course.edit",
        "draft": "course.edit",
        "begin_draft": "course.edit",
        "terms": "course.edit",
        "modules": "course.edit",
        "remove_module": "course.edit",
        "questions": "course.edit",
        "remove_question": "course.edit",
        "publish": "course.edit",
        "retire": "course.edit",
        "enrol": "course.take",
        "numbers": "enrolment.view",
        "content": "course.edit",
        "file": "course.edit",
    }
    rows = Course.objects.with_versions().prefetch_related("versions__modules")
    serializer_class = CourseSerializer
    filterset_class = CourseFilter
    lookup_field = "slug"
    lookup_value_regex = SLUG_PATTERN

    def get_parsers(self) -> list[Any]:
        method = (self.request.method or "").lower() if getattr(self, "request", None) else ""
        parsers = super().get_parsers()
        return [*parsers, WholeMultiPartParser()] if self.action_map.get(method) == "modules" else parsers

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), CourseRow)

    def retrieve(self, request: Request, slug: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Begin a course", request=CourseInput, responses={201: CourseSerializer})
    def create(self, request: Request) -> Response:
        return self._told(create_course(by=request.user, **self.parsed(CourseInput)), 201)

    @extend_schema(
        summary="Change what a course says of itself", request=CourseEdit, responses=CourseSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    def partial_update(self, request: Request, slug: str) -> Response:
        course = self.get_object()
        given = self.parsed(CourseEdit)
        require_match(request, etag_of(course.pk, course.version), now={n: getattr(course, n) for n in given})
        return self._told(edit_course(course=course, by=request.user, version=course.version, **given))

    @extend_schema(summary="Read the draft", responses=DraftSerializer)
    @action(detail=True, methods=["get"])
    def draft(self, request: Request, slug: str) -> Response:
        return self._drafted(self.get_object())

    @extend_schema(summary="Begin the next version", request=None, responses={201: DraftSerializer})
    @draft.mapping.post
    def begin_draft(self, request: Request, slug: str) -> Response:
        course = self.get_object()
        draft_version(course=course, by=request.user)
        return self._drafted(course, 201)

    @extend_schema(summary="Set pass mark and validity of the draft", request=TermsInput, responses=DraftSerializer)
    @action(detail=True, methods=["post"])
    def terms(self, request: Request, slug: str) -> Response:
        course = self.get_object()
        set_terms(edition=_draft(course), by=request.user, **self.parsed(TermsInput))
        return self._drafted(course)

    @extend_schema(
        summary="Add a module to the draft, or change one",
        request={"application/json": ModuleInput, "multipart/form-data": ModuleInput},
        responses={201: ModuleSerializer},
    )
    @action(detail=True, methods=["post"])
    def modules(self, request: Request, slug: str) -> Response:
        draft = _draft(self.get_object())
        given = self.parsed(ModuleInput)
        module = _part(draft.modules, given.pop("module", None))
        return self.shown(save_module(edition=draft, module=module, by=request.user, **given), ModuleSerializer, 201)

    @extend_schema(summary="Remove a module of the draft", request=PartInput, responses=DraftSerializer)
    @action(detail=True, methods=["post"], url_path="remove-module")
    def remove_module(self, request: Request, slug: str) -> Response:
        course = self.get_object()
        remove_module(module=_part(_draft(course).modules, self.parsed(PartInput)["id"]), by=request.user)
        return self._drafted(course)

    @extend_schema(
        summary="Add a question to the bank of the draft, or change one", request=QuestionInput,
        responses={201: QuestionSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def questions(self, request: Request, slug: str) -> Response:
        draft = _draft(self.get_object())
        given = self.parsed(QuestionInput)
        question = _part(draft.questions, given.pop("question", None))
        made = save_question(edition=draft, question=question, by=request.user, **given)
        return self.shown(made, QuestionSerializer, 201)

    @extend_schema(summary="Remove a question of the draft", request=PartInput, responses=DraftSerializer)
    @action(detail=True, methods=["post"], url_path="remove-question")
    def remove_question(self, request: Request, slug: str) -> Response:
        course = self.get_object()
        remove_question(question=_part(_draft(course).questions, self.parsed(PartInput)["id"]), by=request.user)
        return self._drafted(course)

    @extend_schema(summary="Publish the draft", request=None, responses=CourseSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, slug: str) -> Response:
        course = self.get_object()
        publish_version(edition=_draft(course), by=request.user)
        return self._told(course)

    @extend_schema(summary="Retire the course", request=None, responses=CourseSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, slug: str) -> Response:
        return self._told(retire_course(course=self.get_object(), by=request.user))

    @extend_schema(summary="Take the course", request=None, responses={201: EnrolmentSerializer})
    @action(detail=True, methods=["post"])
    def enrol(self, request: Request, slug: str) -> Response:
        made = enrol(course=self.get_object(), by=request.user)
        made = Enrolment.objects.with_names().with_progress().get(pk=made.pk)
        return self.shown(made, EnrolmentSerializer, 201)

    @extend_schema(summary="How many take which version", responses=VersionSerializer(many=True))
    @action(detail=True, methods=["get"], url_path="versions")
    def numbers(self, request: Request, slug: str) -> Response:
        rows = self.get_object().versions.exclude(published_at=None).with_takers()
        return Response(VersionSerializer(rows, many=True).data)

    @extend_schema(
        summary="Read a version with its modules, questions and right answers",
        parameters=[OpenApiParameter("number", OpenApiTypes.INT, description="Without it, the published one.")],
        responses=DraftSerializer,
    )
    @action(detail=True, query=("number",))
    def content(self, request: Request, slug: str) -> Response:
        course = self.get_object()
        asked = NumberInput(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        number = asked.validated_data.get("number")
        wanted = {"state": CourseState.PUBLISHED} if number is None else {"number": number}
        edition = course.versions.filter(**wanted).first()
        if edition is None:
            raise NotFoundError
        return self.shown(edition, DraftSerializer)

    @extend_schema(
        summary="The image or file of a module of any version",
        parameters=[OpenApiParameter("module", OpenApiTypes.UUID, required=True)],
        responses={200: OpenApiResponse(OpenApiTypes.BINARY)},
    )
    @action(detail=True, content_negotiation_class=AnythingNegotiation, query=("module",))
    def file(self, request: Request, slug: str) -> HttpResponseBase:
        course = self.get_object()
        asked = DoneInput(data={"module": request.query_params.get("module")})
        asked.is_valid(raise_exception=True)
        return _sent(
            request, _part(CourseModule.objects.filter(edition__course=course), asked.validated_data["module"])
        )

    def _told(self, course: Course, status: int = 200) -> Response:
        course = self.rows.get(pk=course.pk)
        return tagged(self.shown(course, CourseSerializer, status), etag_of(course.pk, course.version))

    def _drafted(self, course: Course, status: int = 200) -> Response:
        return self.shown(_draft(self.rows.get(pk=course.pk)), DraftSerializer, status)


def _draft(course: Course) -> CourseVersion:
    draft = CourseVersion.objects.filter(course=course, state=CourseState.DRAFT).select_related("course").first()
    if draft is None:
        raise ConflictError(_("There is no draft now; begin the next version first."))
    return draft


def _part(rows: Any, key: UUID | None) -> Any:
    if key is None:
        return None
    found = rows.select_related("edition__course").filter(pk=key).first()
    if found is None:
        raise NotFoundError
    return found


def _sent(request: Request, module: CourseModule) -> HttpResponseBase:
    """The image or file of a module."""
    if not module.sha256:
        raise NotFoundError
    return resumable(request, blob_path(module.sha256), module.file_name, module.sha256, module.media_type)


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
        module = _part(row.edition.modules, self.parsed(DoneInput)["module"])
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
        return _sent(request, _part(row.edition.modules, asked.validated_data["module"]))

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

    title = _words(needed=True)
    provider = _words(needed=True)
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
        return resumable(request, blob_path(row.sha256), row.file_name, row.sha256, row.media_type)


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
