"""Applications with documents, history, interviews and reviews."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import visible_to
from collab.accounts.models import User
from collab.internships.api.shared import MoveInput
from collab.internships.applications.deciding import (
    OFFERS,
    ask_reviewers,
    decide_application,
    give_review,
    propose_times,
)
from collab.internships.applications.models import DocumentKind
from collab.internships.applications.rounds import why
from collab.internships.applications.services import (
    add_document,
    answer_offer,
    choose_time,
    decline_times,
    remove_document,
    submit_application,
    waiting_interview,
    withdraw_application,
    write_application,
)
from collab.internships.applications.states import ApplicationState
from collab.internships.models import Application, ApplicationDocument, ApplicationEvent, BoardReview, Interview
from collab.internships.programmes.states import CohortState
from collab.kernel.blobs import blob_path
from collab.kernel.errors import NotFoundError
from collab.web.api import (
    IF_MATCH,
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
    """`questions`: those that `answers` answer, by key.

    `explanation`: what the matching made of it and why, for the side that asks, once the matching is confirmed.
    """

    documents = DocumentSerializer(many=True, read_only=True)
    questions = serializers.ListField(child=serializers.DictField(), read_only=True)
    explanation = serializers.SerializerMethodField()

    class Meta(ApplicationSerializer.Meta):
        fields = [*ApplicationSerializer.Meta.fields, "questions", "explanation", "documents"]

    def get_explanation(self, row: Application) -> str:
        if row.cohort.state == CohortState.PUBLISHED:
            return ""
        return why(row, to_student=row.candidate_id == self.context["request"].user.pk)


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


class EventSerializer(serializers.ModelSerializer):
    state = serializers.ChoiceField(choices=choices_of(ApplicationState), read_only=True)
    by = PersonSerializer(read_only=True, allow_null=True)
    reason = serializers.CharField(source="said_reason", read_only=True)

    class Meta:
        model = ApplicationEvent
        fields = ["state", "by", "reason", "created_at"]


class InterviewSerializer(serializers.ModelSerializer):
    times = serializers.ListField(child=serializers.DateTimeField(), source="moments", read_only=True)
    proposed_by = PersonSerializer(read_only=True)

    class Meta:
        model = Interview
        fields = ["id", "times", "where", "chosen_at", "proposed_by", "created_at"]


class InterviewInput(StrictSerializer):
    """Times with their zone, all ahead; earlier ones that the student has not answered are off."""

    times = serializers.ListField(child=MomentField(), min_length=1, max_length=10)
    where = serializers.CharField(max_length=200, required=False, allow_blank=True)


class TimeInput(StrictSerializer):
    moment = MomentField()


class OtherTimesInput(StrictSerializer):
    """What would suit instead; the host reads it."""

    reason = serializers.CharField(max_length=1000)


class ReviewersInput(StrictSerializer):
    """Ids of people of the host."""

    people = ScopedRelatedField(word="person.view", model=User, many=True, allow_empty=False)


class ReviewSerializer(serializers.ModelSerializer):
    reviewer = PersonSerializer(read_only=True)

    class Meta:
        model = BoardReview
        fields = ["reviewer", "score", "comment", "given_at"]


class ReviewGiven(serializers.Serializer):
    score = serializers.IntegerField(read_only=True)
    comment = serializers.CharField(read_only=True)


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
        "reviews": "application.view",
        "reviewers": "application.decide",
        "history": "application.view",
        "interviews": "application.view",
        "propose": "application.decide",
        "choose": "application.write",
        "decline": "application.write",
        "remove": "application.write",
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
        row = self._document(number)
        return resumable(request, blob_path(row.sha256), row.file_name, row.sha256, row.content_type)

    @extend_schema(summary="Take a document out of one's draft", responses={204: None})
    @content.mapping.delete
    def remove(self, request: Request, pk: str, number: str) -> Response:
        remove_document(document=self._document(number), by=request.user)
        return Response(status=204)

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

    @extend_schema(
        summary="Short-list, offer or refuse; offer again, take an offer back, consider again", request=MoveInput,
        responses=ApplicationDetail,
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        row, given = self.get_object(), self.parsed(MoveInput)
        if given["move"] in OFFERS:
            return self._told(OFFERS[given["move"]](application=row, by=request.user))
        return self._told(decide_application(application=row, by=request.user, **given))

    @extend_schema(summary="Give the review one was asked for", request=ScoreInput, responses=ReviewGiven)
    @action(detail=True, methods=["post"])
    def review(self, request: Request, pk: str) -> Response:
        made = give_review(application=self.get_object(), by=request.user, **self.parsed(ScoreInput))
        return self.shown(made, ReviewGiven)

    @extend_schema(summary="Reviews of the board that one may read", responses=ReviewSerializer(many=True))
    @action(detail=True)
    def reviews(self, request: Request, pk: str) -> Response:
        rows = BoardReview.objects.filter(application=self.get_object()).select_related("reviewer")
        found = visible_to(request.user, "application.view", rows)
        return Response(ReviewSerializer(found, many=True, context=self.get_serializer_context()).data)

    @extend_schema(
        summary="Ask people of the host for a review", request=ReviewersInput,
        responses={201: ReviewSerializer(many=True)},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def reviewers(self, request: Request, pk: str) -> Response:
        made = ask_reviewers(application=self.get_object(), by=request.user, **self.parsed(ReviewersInput))
        return Response(ReviewSerializer(made, many=True, context=self.get_serializer_context()).data, status=201)

    @extend_schema(summary="Its states, oldest first", responses=EventSerializer(many=True))
    @action(detail=True)
    def history(self, request: Request, pk: str) -> Response:
        rows = self.get_object().events.select_related("by")
        return Response(EventSerializer(rows, many=True, context=self.get_serializer_context()).data)

    @extend_schema(summary="Interviews, with the times that are proposed", responses=InterviewSerializer(many=True))
    @action(detail=True)
    def interviews(self, request: Request, pk: str) -> Response:
        rows = self.get_object().interviews.select_related("proposed_by")
        return Response(InterviewSerializer(rows, many=True, context=self.get_serializer_context()).data)

    @extend_schema(
        summary="Propose times for an interview", request=InterviewInput, responses={201: InterviewSerializer}
    )
    @interviews.mapping.post
    def propose(self, request: Request, pk: str) -> Response:
        made = propose_times(application=self.get_object(), by=request.user, **self.parsed(InterviewInput))
        return self.shown(made, InterviewSerializer, 201)

    @extend_schema(summary="Choose one of the times", request=TimeInput, responses=InterviewSerializer)
    @action(detail=True, methods=["post"], url_path="interviews/choose")
    def choose(self, request: Request, pk: str) -> Response:
        return self.shown(
            choose_time(interview=waiting_interview(self.get_object()), by=request.user, **self.parsed(TimeInput)),
            InterviewSerializer,
        )

    @extend_schema(summary="None of the times suits", request=OtherTimesInput, responses=ApplicationDetail)
    @action(detail=True, methods=["post"], url_path="interviews/decline")
    def decline(self, request: Request, pk: str) -> Response:
        declined = decline_times(
            interview=waiting_interview(self.get_object()), by=request.user, **self.parsed(OtherTimesInput)
        )
        return self._told(declined)

    def _document(self, number: str) -> ApplicationDocument:
        rows = list(self.get_object().documents.all())
        if not 1 <= int(number) <= len(rows):
            raise NotFoundError
        return rows[int(number) - 1]

    def _told(self, row: Application) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, ApplicationDetail), etag_of(row.pk, row.version))
