"""Publication notices as JSON."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import get_or_404
from collab.accounts.models import Organisation
from collab.agreements.background import BackgroundItem
from collab.kernel.blobs import blob_path
from collab.kernel.errors import NotFoundError
from collab.projects.models import Output, Project
from collab.publications.asking import requests_of
from collab.publications.models import Ground, Manuscript, PublicationKind, PublicationNotice, PublicationObjection
from collab.publications.services import (
    agree,
    give_notice,
    lift,
    mark_published,
    object_to,
    open_manuscript,
    replan,
    revise,
    wait,
    withdraw_notice,
)
from collab.publications.states import NoticeState, ObjectionState
from collab.publications.views import PDF, manuscript_of
from collab.web.api import (
    IF_MATCH,
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


class ManuscriptSerializer(serializers.ModelSerializer):
    created_by = PersonSerializer(read_only=True)

    class Meta:
        model = Manuscript
        fields = ["number", "file_name", "sha256", "size_bytes", "link", "note", "created_by", "created_at"]


class ObjectionSerializer(serializers.ModelSerializer):
    party = serializers.SlugField(source="party.slug", read_only=True)
    ground = serializers.ChoiceField(choices=Ground.choices, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(ObjectionState), read_only=True)
    by = PersonSerializer(read_only=True)
    settled_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = PublicationObjection
        fields = [
            "id", "party", "ground", "text", "delay_until", "manuscript", "state", "outcome", "by", "created_at",
            "settled_by", "settled_at",
        ]  # fmt: skip


class ProductSerializer(serializers.Serializer):
    """A model version or dataset, by name."""

    kind = serializers.CharField(read_only=True)
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)


class NoticeRow(serializers.ModelSerializer):
    """A notice; `free_on` is the first day on which it may be published, null while an objection must be settled."""

    project = serializers.SlugField(source="project.slug", read_only=True)
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    agreement = serializers.UUIDField(source="agreement_id", read_only=True)
    kind = serializers.ChoiceField(choices=PublicationKind.choices, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(NoticeState), read_only=True)
    free_on = serializers.DateField(read_only=True, allow_null=True)
    delay_ends_on = serializers.DateField(read_only=True)
    given_by = PersonSerializer(read_only=True)

    class Meta:
        model = PublicationNotice
        fields = [
            "id", "project", "organisation", "agreement", "title", "title_zh", "authors", "kind", "venue", "state",
            "submit_on", "given_on", "notice_days", "days_agreed", "notice_ends_on", "delay_ends_on", "earliest_on",
            "free_on", "published_on", "doi", "given_by", "version",
        ]  # fmt: skip


class AnswerSerializer(serializers.Serializer):
    """What a party was asked, and what it said; `open` and `withdrawn` say that it has not."""

    party = serializers.SlugField(source="organisation.slug", read_only=True)
    state = serializers.CharField(read_only=True)
    by = PersonSerializer(source="decided_by", read_only=True, allow_null=True)


class NoticeSerializer(NoticeRow):
    """A notice with all that hangs on it."""

    outputs = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    background = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    products = ProductSerializer(many=True, read_only=True)
    manuscripts = ManuscriptSerializer(many=True, read_only=True)
    objections = ObjectionSerializer(many=True, read_only=True)
    answers = serializers.SerializerMethodField()

    class Meta(NoticeRow.Meta):
        fields = [
            *NoticeRow.Meta.fields, "abstract", "reason", "outputs", "products", "background", "manuscripts",
            "objections", "answers", "output",
        ]  # fmt: skip

    @extend_schema_field(AnswerSerializer(many=True))
    def get_answers(self, notice: PublicationNotice) -> list[dict[str, Any]]:
        return list(AnswerSerializer(requests_of(notice), many=True).data)


class IdsField(serializers.ListField):
    """Ids as a list, or in a form as one text with commas."""

    def to_internal_value(self, data: Any) -> list[UUID]:
        texts = [data] if isinstance(data, str) else data
        parts = [part for text in texts for part in (text.split(",") if isinstance(text, str) else [text])]
        return super().to_internal_value([part.strip() if isinstance(part, str) else part for part in parts if part])


def _ids() -> IdsField:
    return IdsField(child=serializers.UUIDField(), required=False, max_length=100)


class NoticeInput(StrictSerializer):
    """What one wants to publish: JSON with a link, or a form with the manuscript as `file`."""

    project = ScopedRelatedField(word="publication.give", model=Project, slug_field="slug")
    organisation = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    title = serializers.CharField(max_length=200)
    title_zh = serializers.CharField(max_length=200, required=False, allow_blank=True)
    authors = serializers.CharField(max_length=2000)
    kind = serializers.ChoiceField(choices=PublicationKind.choices)
    venue = serializers.CharField(max_length=200, required=False, allow_blank=True)
    abstract = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    submit_on = DayField()
    link = serializers.URLField(max_length=500, required=False, allow_blank=True)
    file = serializers.FileField(required=False, allow_empty_file=True)
    outputs = _ids()
    products = _ids()
    background = _ids()


class NoticeEdit(StrictSerializer):
    """Fields that are left out stay as they are."""

    submit_on = DayField(required=False)
    venue = serializers.CharField(max_length=200, required=False, allow_blank=True)


class ReviseInput(StrictSerializer):
    link = serializers.URLField(max_length=500, required=False, allow_blank=True)
    file = serializers.FileField(required=False, allow_empty_file=True)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class PartyInput(StrictSerializer):
    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")


class ObjectInput(PartyInput):
    ground = serializers.ChoiceField(choices=Ground.choices)
    text = serializers.CharField(max_length=4000)
    delay_until = DayField(required=False, allow_null=True)


class WaitInput(StrictSerializer):
    objection = serializers.UUIDField()
    until = DayField(required=False, allow_null=True)


class LiftInput(StrictSerializer):
    objection = serializers.UUIDField()
    outcome = serializers.ChoiceField(choices=[ObjectionState.REVISED.value, ObjectionState.WITHDRAWN.value])
    remark = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class WithdrawNoticeInput(StrictSerializer):
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class PublishInput(StrictSerializer):
    published_on = DayField()
    doi = serializers.CharField(max_length=200, required=False, allow_blank=True)
    link = serializers.URLField(max_length=500, required=False, allow_blank=True)


class NoticeFilter(django_filters.FilterSet):
    project = ProjectFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(NoticeState))
    kind = django_filters.ChoiceFilter(choices=PublicationKind.choices)


@extend_schema_view(
    list=extend_schema(summary="Publication notices", responses=NoticeRow(many=True)),
    retrieve=extend_schema(summary="One notice, with manuscripts, answers and objections"),
)
class PublicationViewSet(ScopedViewSet):
    words = {
        "list": "publication.view",
        "retrieve": "publication.view",
        "create": "publication.give",
        "partial_update": "publication.give",
        "agree": "publication.object",
        "object": "publication.object",
        "lift": "publication.object",
        "revise": "publication.give",
        "wait": "publication.give",
        "withdraw": "publication.give",
        "publish": "publication.give",
        "content": "publication.view",
    }
    rows = PublicationNotice.objects.with_all()
    serializer_class = NoticeSerializer
    filterset_class = NoticeFilter

    def get_parsers(self) -> list[Any]:
        # This is asked before the action is known; two of them take a form beside JSON.
        method = (self.request.method or "").lower() if getattr(self, "request", None) else ""
        parsers = super().get_parsers()
        return [*parsers, WholeMultiPartParser()] if self.action_map.get(method) in {"create", "revise"} else parsers

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), NoticeRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(
        summary="Tell the other parties what one wants to publish",
        request={"application/json": NoticeInput, "multipart/form-data": NoticeInput},
        responses={201: NoticeSerializer},
    )
    def create(self, request: Request) -> Response:
        given = self.parsed(NoticeInput)
        project = given["project"]
        for name, rows in (
            ("outputs", Output.objects.filter(project=project)),
            ("background", BackgroundItem.objects.filter(project=project).visible_to(request.user)),
        ):
            given[name] = _rows_of(rows, given.get(name, []))
        return self._told(give_notice(by=request.user, **given), 201)

    @extend_schema(
        summary="Plan the submission anew", request=NoticeEdit, responses=NoticeSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        notice = self.get_object()
        now = {"submit_on": notice.submit_on, "venue": notice.venue}
        require_match(request, etag_of(notice.pk, notice.version), now=now)
        return self._told(
            replan(notice=notice, by=request.user, version=notice.version, **(now | self.parsed(NoticeEdit)))
        )

    @extend_schema(summary="Say that a party does not object", request=PartyInput, responses=NoticeSerializer)
    @action(detail=True, methods=["post"])
    def agree(self, request: Request, pk: str) -> Response:
        return self._told(agree(notice=self.get_object(), by=request.user, **self.parsed(PartyInput)))

    @extend_schema(summary="Object for a party", request=ObjectInput, responses={201: NoticeSerializer})
    @action(detail=True, methods=["post"])
    def object(self, request: Request, pk: str) -> Response:
        made = object_to(notice=self.get_object(), by=request.user, **self.parsed(ObjectInput))
        return self._told(made.notice, 201)

    @extend_schema(summary="Settle an objection of one's party", request=LiftInput, responses=NoticeSerializer)
    @action(detail=True, methods=["post"])
    def lift(self, request: Request, pk: str) -> Response:
        notice = self.get_object()
        given = self.parsed(LiftInput)
        return self._told(
            lift(objection=self._objection(notice, given.pop("objection")), by=request.user, **given).notice
        )

    @extend_schema(
        summary="Lay a revised manuscript before those who object",
        request={"application/json": ReviseInput, "multipart/form-data": ReviseInput},
        responses={201: NoticeSerializer},
    )
    @action(detail=True, methods=["post"])
    def revise(self, request: Request, pk: str) -> Response:
        return self._told(revise(notice=self.get_object(), by=request.user, **self.parsed(ReviseInput)).notice, 201)

    @extend_schema(summary="Agree to wait, as an objection asks", request=WaitInput, responses=NoticeSerializer)
    @action(detail=True, methods=["post"])
    def wait(self, request: Request, pk: str) -> Response:
        notice = self.get_object()
        given = self.parsed(WaitInput)
        return self._told(
            wait(objection=self._objection(notice, given.pop("objection")), by=request.user, **given).notice
        )

    @extend_schema(summary="Withdraw it", request=WithdrawNoticeInput, responses=NoticeSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        given = self.parsed(WithdrawNoticeInput)
        return self._told(withdraw_notice(notice=self.get_object(), by=request.user, **given))

    @extend_schema(summary="Say that it is published", request=PublishInput, responses=NoticeSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        return self._told(mark_published(notice=self.get_object(), by=request.user, **self.parsed(PublishInput)))

    @extend_schema(
        summary="The file of a manuscript", responses={200: OpenApiResponse(OpenApiTypes.BINARY, description="PDF")}
    )
    @action(
        detail=True,
        url_path=r"manuscripts/(?P<number>[0-9]{1,6})",
        content_negotiation_class=AnythingNegotiation,
    )
    def content(self, request: Request, pk: str, number: str) -> HttpResponseBase:
        manuscript = manuscript_of(self.get_object(), int(number))
        if request.method != "HEAD":
            open_manuscript(manuscript=manuscript, by=request.user)
        path = blob_path(manuscript.sha256)
        return resumable(request, path, manuscript.file_name, manuscript.sha256, PDF)

    def _objection(self, notice: PublicationNotice, key: UUID) -> PublicationObjection:
        return get_or_404(
            self.request.user, "publication.view", PublicationObjection.objects.filter(notice=notice), pk=key
        )

    def _told(self, notice: PublicationNotice, status: int = 200) -> Response:
        notice = self.rows.get(pk=notice.pk)
        return tagged(self.shown(notice, NoticeSerializer, status), etag_of(notice.pk, notice.version))


def _rows_of(rows: Any, keys: list[UUID]) -> list[Any]:
    """The rows of these ids, in any order; NotFoundError unless all are there."""
    found = list(rows.filter(pk__in=keys)) if keys else []
    if len(found) != len(set(keys)):
        raise NotFoundError
    return found
