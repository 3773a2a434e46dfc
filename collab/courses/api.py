"""Courses, for those who make them, as JSON; what learners ask is in learning_api.py."""

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
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.models import Organisation
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
from collab.courses.models import (
    MONTHS_MAX,
    Audience,
    Course,
    CourseModule,
    CourseVersion,
    Enrolment,
    ModuleKind,
    QuizQuestion,
)
from collab.courses.serving import file_of
from collab.courses.states import CourseState, EnrolmentState
from collab.courses.taking import (
    enrol,
)
from collab.kernel.errors import ConflictError, NotFoundError
from collab.web.api import (
    IF_MATCH,
    SLUG_PATTERN,
    PersonSerializer,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    etag_of,
    require_match,
    tagged,
)
from collab.web.negotiation import AnythingNegotiation
from collab.web.parsers import WholeMultiPartParser


def text_field(most: int = 160, *, needed: bool = False) -> serializers.CharField:
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
    text = text_field(500, needed=True)
    text_zh = text_field(500)
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
    title = text_field(needed=True)
    title_zh = text_field()
    summary = text_field(2000, needed=True)
    summary_zh = text_field(2000)
    audience = serializers.ChoiceField(choices=Audience.choices, required=False)


class CourseEdit(StrictSerializer):
    """Fields that are left out stay as they are."""

    title = serializers.CharField(max_length=160, required=False)
    title_zh = text_field()
    summary = serializers.CharField(max_length=2000, required=False)
    summary_zh = text_field(2000)
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
    note = text_field(500)
    note_zh = text_field(500)
    version = serializers.IntegerField(help_text="That of the draft as you read it.")


class ModuleInput(StrictSerializer):
    """JSON, or a form with `file`. With the id of a module in `module` that one is changed, as read in `version`."""

    module = serializers.UUIDField(required=False)
    version = serializers.IntegerField(required=False, help_text="That of the module as you read it.")
    kind = serializers.ChoiceField(choices=ModuleKind.choices)
    title = text_field(needed=True)
    title_zh = text_field()
    position = _number(1, 500, null=False)
    body = text_field(20_000)
    body_zh = text_field(20_000)
    link = serializers.URLField(max_length=500, required=False, allow_blank=True)
    file = serializers.FileField(required=False, allow_empty_file=True)


class QuestionInput(StrictSerializer):
    """With the id of a question in `question` that one is changed, as read in `version`."""

    question = serializers.UUIDField(required=False)
    version = serializers.IntegerField(required=False, help_text="That of the question as you read it.")
    text = text_field(2000, needed=True)
    text_zh = text_field(2000)
    why = text_field(2000)
    why_zh = text_field(2000)
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
        module = part_of(draft.modules, given.pop("module", None))
        return self.shown(save_module(edition=draft, module=module, by=request.user, **given), ModuleSerializer, 201)

    @extend_schema(summary="Remove a module of the draft", request=PartInput, responses=DraftSerializer)
    @action(detail=True, methods=["post"], url_path="remove-module")
    def remove_module(self, request: Request, slug: str) -> Response:
        course = self.get_object()
        remove_module(module=part_of(_draft(course).modules, self.parsed(PartInput)["id"]), by=request.user)
        return self._drafted(course)

    @extend_schema(
        summary="Add a question to the bank of the draft, or change one", request=QuestionInput,
        responses={201: QuestionSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def questions(self, request: Request, slug: str) -> Response:
        draft = _draft(self.get_object())
        given = self.parsed(QuestionInput)
        question = part_of(draft.questions, given.pop("question", None))
        made = save_question(edition=draft, question=question, by=request.user, **given)
        return self.shown(made, QuestionSerializer, 201)

    @extend_schema(summary="Remove a question of the draft", request=PartInput, responses=DraftSerializer)
    @action(detail=True, methods=["post"], url_path="remove-question")
    def remove_question(self, request: Request, slug: str) -> Response:
        course = self.get_object()
        remove_question(question=part_of(_draft(course).questions, self.parsed(PartInput)["id"]), by=request.user)
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
        return file_of(
            request, part_of(CourseModule.objects.filter(edition__course=course), asked.validated_data["module"])
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


def part_of(rows: Any, key: UUID | None) -> Any:
    if key is None:
        return None
    found = rows.select_related("edition__course").filter(pk=key).first()
    if found is None:
        raise NotFoundError
    return found
