"""The review as JSON: steps, reviews, questionnaires, and the answers of parties. Blind means blind here, too."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.api import OrganisationRef
from collab.accounts.models import Organisation, User
from collab.kernel.errors import InvalidError, NotFoundError
from collab.projects.models import (
    ConflictOfInterest,
    PartyApproval,
    Project,
    Questionnaire,
    QuestionnaireVersion,
    Recommendation,
    Review,
    ReviewStep,
)
from collab.projects.reading import review_lines
from collab.projects.services import (
    add_questionnaire_version,
    add_step,
    answer_approval,
    create_questionnaire,
    decide_conflict,
    decide_step,
    declare_conflict,
    edit_step,
    write_review,
)
from collab.projects.states import ApprovalState, ReviewState, StepState
from collab.web.api import (
    PersonSerializer,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="ETag of what you read"
)


def people_named(addresses: list[str], field: str) -> list[User]:
    """The active people with these addresses; raises InvalidError naming the field for one that is nobody's."""
    wanted = list(dict.fromkeys(address.lower() for address in addresses))
    found = {user.email.lower(): user for user in User.objects.filter(email__in=wanted, is_active=True)}
    if set(wanted) - set(found):
        raise InvalidError(_("Nobody has this address."), field=field)
    return [found[address] for address in wanted]


class QuestionnaireVersionSerializer(serializers.ModelSerializer):
    questions = serializers.JSONField(read_only=True)

    class Meta:
        model = QuestionnaireVersion
        fields = ["id", "number", "questions", "created_at"]


class QuestionnaireSerializer(serializers.ModelSerializer):
    organisation = OrganisationRef(read_only=True)
    versions = QuestionnaireVersionSerializer(many=True, read_only=True)

    class Meta:
        model = Questionnaire
        fields = ["id", "organisation", "name", "name_zh", "versions", "created_at"]


class QuestionnaireInput(StrictSerializer):
    organisation = ScopedRelatedField(word="review.manage", model=Organisation, slug_field="slug")
    name = serializers.CharField(max_length=120)
    name_zh = serializers.CharField(max_length=120, required=False, allow_blank=True)
    questions = serializers.JSONField()


class QuestionsInput(StrictSerializer):
    questions = serializers.JSONField()


@extend_schema_view(
    list=extend_schema(summary="Questionnaires"), retrieve=extend_schema(summary="One questionnaire, all its versions")
)
class QuestionnaireViewSet(ScopedViewSet):
    words = {
        "list": "organisation.view",
        "retrieve": "organisation.view",
        "create": "review.manage",
        "add_version": "review.manage",
    }
    rows = Questionnaire.objects.select_related("organisation").prefetch_related("versions")
    serializer_class = QuestionnaireSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), QuestionnaireSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), QuestionnaireSerializer)

    @extend_schema(
        summary="Write a questionnaire", request=QuestionnaireInput, responses={201: QuestionnaireSerializer}
    )
    def create(self, request: Request) -> Response:
        made = create_questionnaire(by=request.user, **self.parsed(QuestionnaireInput))
        return self.shown(made, QuestionnaireSerializer, 201)

    @extend_schema(
        summary="Write the questions anew", request=QuestionsInput, responses={201: QuestionnaireVersionSerializer}
    )
    @action(detail=True, methods=["post"], url_path="versions")
    def add_version(self, request: Request, pk: str) -> Response:
        made = add_questionnaire_version(
            questionnaire=self.get_object(), by=request.user, **self.parsed(QuestionsInput)
        )
        return self.shown(made, QuestionnaireVersionSerializer, 201)


class ReviewStepSerializer(serializers.ModelSerializer):
    """A step, with as much of its reviews as the asker may see."""

    project = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    chair = PersonSerializer(read_only=True)
    state = serializers.ChoiceField(choices=choices_of(StepState), read_only=True)
    reviews = serializers.SerializerMethodField()

    class Meta:
        model = ReviewStep
        fields = [
            "id",
            "project",
            "name",
            "name_zh",
            "position",
            "chair",
            "questionnaire",
            "blind",
            "minimum_reviews",
            "minimum_score",
            "due_days",
            "state",
            "due_on",
            "decided_at",
            "decision_reason",
            "reviews",
            "version",
        ]

    def get_reviews(self, step: ReviewStep) -> dict[str, Any]:
        line = review_lines(step, self.context["request"].user)
        score = line["score"]
        return {
            "asked": line["asked"],
            "given": line["given"],
            "mean_score": str(score) if score is not None else None,
            "items": [
                {
                    "who": row["who"],
                    "state": row["state"],
                    "score": str(row["score"]) if row["score"] is not None else None,
                    "recommendation": row["recommendation_code"],
                    "comment": row["comment"],
                    "answers": row["answers"],
                }
                for row in line["reviews"]
            ],
        }


class StepFacts(StrictSerializer):
    name = serializers.CharField(max_length=120, required=False)
    name_zh = serializers.CharField(max_length=120, required=False, allow_blank=True)
    chair = serializers.EmailField(required=False)
    reviewers = serializers.ListField(child=serializers.EmailField(), required=False, max_length=50)
    questionnaire = ScopedRelatedField(
        word="organisation.view", model=QuestionnaireVersion, required=False, allow_null=True
    )
    blind = serializers.BooleanField(required=False)
    minimum_reviews = serializers.IntegerField(min_value=1, max_value=50, required=False)
    minimum_score = serializers.DecimalField(
        max_digits=4, decimal_places=1, min_value=0, max_value=10, required=False, allow_null=True
    )
    due_days = serializers.IntegerField(min_value=1, max_value=365, required=False)
    position = serializers.IntegerField(min_value=1, max_value=50, required=False)


class StepInput(StepFacts):
    project = ScopedRelatedField(word="review.manage", model=Project, slug_field="slug")
    name = serializers.CharField(max_length=120)
    chair = serializers.EmailField()
    reviewers = serializers.ListField(child=serializers.EmailField(), max_length=50)


class DecisionInput(StrictSerializer):
    move = serializers.ChoiceField(choices=["pass", "refuse", "return"])
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class ConflictSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=ConflictOfInterest.Kind.choices, read_only=True)

    class Meta:
        model = ConflictOfInterest
        fields = ["id", "kind", "text", "state", "plan", "created_at", "decided_at"]
        read_only_fields = fields


class ConflictDecision(StrictSerializer):
    conflict = serializers.UUIDField()
    move = serializers.ChoiceField(choices=["waive", "recuse", "dismiss"])
    plan = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class StepFilter(django_filters.FilterSet):
    project = ProjectFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(StepState))


@extend_schema_view(
    list=extend_schema(summary="Review steps that I may see"), retrieve=extend_schema(summary="One review step")
)
class ReviewStepViewSet(ScopedViewSet):
    words = {
        "list": "review.view",
        "retrieve": "review.view",
        "create": "review.manage",
        "partial_update": "review.manage",
        "decide": "review.chair",
        "conflicts": "review.chair",
        "decide_conflict": "review.chair",
    }
    rows = ReviewStep.objects.select_related("project", "organisation", "chair", "questionnaire").prefetch_related(
        "reviews__reviewer", "reviews__questionnaire"
    )
    serializer_class = ReviewStepSerializer
    filterset_class = StepFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ReviewStepSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(summary="Add a step", request=StepInput, responses={201: ReviewStepSerializer})
    def create(self, request: Request) -> Response:
        return self._tagged(add_step(by=request.user, **_people(self.parsed(StepInput))), 201)

    @extend_schema(summary="Change a step", request=StepFacts, responses=ReviewStepSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        step = self.get_object()
        require_match(request, etag_of(step.pk, step.version), now=standing(request, step))
        return self._tagged(
            edit_step(step=step, by=request.user, version=step.version, **_people(self.parsed(StepFacts)))
        )

    @extend_schema(summary="Decide a step that I chair", request=DecisionInput, responses=ReviewStepSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        return self._tagged(decide_step(step=self.get_object(), by=request.user, **self.parsed(DecisionInput)))

    @extend_schema(summary="Declared conflicts of interest", responses=ConflictSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def conflicts(self, request: Request, pk: str) -> Response:
        rows = ConflictOfInterest.objects.filter(review__step=self.get_object())
        return self.listed(rows, ConflictSerializer)

    @extend_schema(summary="Waive, recuse or dismiss", request=ConflictDecision, responses=ConflictSerializer)
    @conflicts.mapping.post
    def decide_conflict(self, request: Request, pk: str) -> Response:
        data = self.parsed(ConflictDecision)
        rows = ConflictOfInterest.objects.filter(review__step=self.get_object()).select_related("review__step")
        conflict = rows.filter(pk=data.pop("conflict")).first()
        if conflict is None:
            raise NotFoundError
        return self.shown(decide_conflict(conflict=conflict, by=request.user, **data), ConflictSerializer)

    def _tagged(self, step: ReviewStep, status: int = 200) -> Response:
        return tagged(self.shown(step, ReviewStepSerializer, status), etag_of(step.pk, step.version))


def _people(data: dict[str, Any]) -> dict[str, Any]:
    if "chair" in data:
        data["chair"] = people_named([data["chair"]], "chair")[0]
    if "reviewers" in data:
        data["reviewers"] = people_named(data["reviewers"], "reviewers")
    return data


class ReviewSerializer(serializers.ModelSerializer):
    """One's own review, and of the proposal what one may see."""

    step = serializers.CharField(source="step.name", read_only=True)
    proposal = serializers.SerializerMethodField()
    questions = serializers.JSONField(read_only=True)
    answers = serializers.JSONField(read_only=True)
    state = serializers.ChoiceField(choices=choices_of(ReviewState), read_only=True)

    class Meta:
        model = Review
        fields = [
            "id",
            "step",
            "proposal",
            "state",
            "questions",
            "answers",
            "score",
            "recommendation",
            "comment",
            "due_on",
            "submitted_at",
            "version",
        ]
        read_only_fields = fields

    def get_proposal(self, review: Review) -> dict[str, Any]:
        project = review.step.project
        if project is None:
            return {}
        shown: dict[str, Any] = {"title": project.title, "summary": project.summary}
        if not review.step.blind:
            shown["parties"] = [party.organisation.name for party in project.parties.all() if party.left_on is None]
        return shown


class ReviewInput(StrictSerializer):
    answers = serializers.JSONField(required=False)
    score = serializers.DecimalField(
        max_digits=4, decimal_places=1, min_value=0, max_value=10, required=False, allow_null=True
    )
    recommendation = serializers.ChoiceField(choices=Recommendation.choices, required=False)
    comment = serializers.CharField(max_length=8000, required=False, allow_blank=True)


class ConflictInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=ConflictOfInterest.Kind.choices)
    text = serializers.CharField(max_length=2000)


@extend_schema_view(
    list=extend_schema(summary="Reviews I was asked for"), retrieve=extend_schema(summary="One of my reviews")
)
class ReviewViewSet(ScopedViewSet):
    words = {
        "list": "review.view",
        "retrieve": "review.view",
        "partial_update": "review.give",
        "submit": "review.give",
        "declare": "review.give",
    }
    rows = Review.objects.select_related("step__project", "step__chair", "questionnaire").prefetch_related(
        "step__project__parties__organisation"
    )
    serializer_class = ReviewSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ReviewSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(summary="Save a draft", request=ReviewInput, responses=ReviewSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        return self._write(request, submit=False)

    @extend_schema(summary="Submit it", request=ReviewInput, responses=ReviewSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        return self._write(request, submit=True)

    @extend_schema(summary="Declare a conflict of interest", request=ConflictInput, responses={201: ConflictSerializer})
    @action(detail=True, methods=["post"])
    def declare(self, request: Request, pk: str) -> Response:
        made = declare_conflict(review=self.get_object(), by=request.user, **self.parsed(ConflictInput))
        return self.shown(made, ConflictSerializer, 201)

    def _write(self, request: Request, *, submit: bool) -> Response:
        review = self.get_object()
        require_match(request, etag_of(review.pk, review.version), now=standing(request, review))
        kept = {name: getattr(review, name) for name in ("answers", "score", "recommendation", "comment")}
        given = kept | self.parsed(ReviewInput)
        return self._tagged(
            write_review(review=review, by=request.user, version=review.version, submit=submit, **given)
        )

    def _tagged(self, review: Review) -> Response:
        return tagged(self.shown(review, ReviewSerializer), etag_of(review.pk, review.version))


class ApprovalSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    party = OrganisationRef(source="party.organisation", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(ApprovalState), read_only=True)
    decided_by = PersonSerializer(read_only=True)

    class Meta:
        model = PartyApproval
        fields = ["id", "project", "party", "round", "state", "reason", "decided_by", "decided_at"]
        read_only_fields = fields


class AnswerInput(StrictSerializer):
    decision = serializers.ChoiceField(choices=["approve", "reject", "return"])
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class ApprovalFilter(django_filters.FilterSet):
    project = ProjectFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(ApprovalState))


@extend_schema_view(
    list=extend_schema(summary="Answers of parties to proposals"), retrieve=extend_schema(summary="One answer")
)
class ApprovalViewSet(ScopedViewSet):
    words = {"list": "project.view", "retrieve": "project.view", "answer": "project.approve"}
    rows = PartyApproval.objects.select_related("project", "party__organisation", "decided_by")
    serializer_class = ApprovalSerializer
    filterset_class = ApprovalFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ApprovalSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), ApprovalSerializer)

    @extend_schema(summary="Answer for one's party", request=AnswerInput, responses=ApprovalSerializer)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, pk: str) -> Response:
        done = answer_approval(approval=self.get_object(), by=request.user, **self.parsed(AnswerInput))
        return self.shown(done, ApprovalSerializer)
