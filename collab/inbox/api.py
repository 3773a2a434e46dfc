"""Requests, notifications, dates of the calendar and absences: read and written."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from collab.access.policy import require_for_oneself
from collab.accounts.api import OrganisationRef
from collab.accounts.models import Delegation, Membership, Organisation, User
from collab.inbox.absences import begin_absence, end_absence
from collab.inbox.kinds import KINDS
from collab.inbox.models import Comment, Condition, Notification, Obligation, Request, Reviewer
from collab.inbox.notices import choose_mail, mark_read, settings_of
from collab.inbox.obligations import add_date, change_date, settle_date
from collab.inbox.services import (
    add_reviewer,
    advise,
    ask_question,
    comment_on,
    decide_request,
    hand_over,
    meet_condition,
    withdraw_request,
)
from collab.inbox.standing import who_can_answer
from collab.inbox.states import Decision, Mail, ObligationKind, Opinion, RequestState
from collab.kernel.errors import InvalidError, NotFoundError
from collab.web.api import (
    DayField,
    MomentField,
    PersonSerializer,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    TruthFilter,
    as_uuid,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)

PROJECT: Any = Request._meta.get_field("project").related_model  # the projects' slice lies above this one
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="ETag of what you read"
)


class ProjectRef(serializers.Serializer):
    """A project, by name."""

    slug = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)


# --- requests
class CommentSerializer(serializers.ModelSerializer):
    user = PersonSerializer(read_only=True)

    class Meta:
        model = Comment
        fields = ["id", "user", "text", "created_at"]


class ReviewerSerializer(serializers.ModelSerializer):
    """Somebody whose advice was asked, and what they said."""

    user = PersonSerializer(read_only=True)
    opinion = serializers.CharField(read_only=True)

    class Meta:
        model = Reviewer
        fields = ["id", "user", "opinion", "text", "advised_at"]


class ConditionSerializer(serializers.ModelSerializer):
    met_by = PersonSerializer(read_only=True)

    class Meta:
        model = Condition
        fields = ["number", "text", "evidence", "met_by", "met_at"]


class AnswererSerializer(serializers.Serializer):
    """Somebody who can answer now; `instead_of` is away."""

    user = PersonSerializer(read_only=True)
    instead_of = PersonSerializer(read_only=True, allow_null=True)


class RequestSerializer(serializers.ModelSerializer):
    """A request as lists show it."""

    state = serializers.ChoiceField(choices=choices_of(RequestState), read_only=True)
    organisation = OrganisationRef(read_only=True)
    project = ProjectRef(read_only=True)
    receiver = PersonSerializer(read_only=True)
    asked_by = PersonSerializer(read_only=True)
    decided_by = PersonSerializer(read_only=True)
    decided_for = PersonSerializer(read_only=True)
    decisions = serializers.SerializerMethodField()
    page = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Request
        fields = [
            "id",
            "topic",
            "title",
            "title_zh",
            "url",
            "page",
            "state",
            "decisions",
            "organisation",
            "project",
            "word",
            "receiver",
            "asked_by",
            "created_at",
            "due_at",
            "decided_by",
            "decided_for",
            "decided_at",
            "reason",
            "nobody_since",
            "escalated_to",
            "escalated_at",
        ]

    def get_decisions(self, row: Request) -> list[str]:
        """What it can be answered with; nothing once it is decided."""
        return [str(decision) for decision in row.spec.decisions] if row.is_open else []


class RequestPageSerializer(RequestSerializer):
    """One request with all that belongs to it."""

    reviewers = ReviewerSerializer(many=True, read_only=True)
    conditions = ConditionSerializer(many=True, read_only=True)
    can_answer = serializers.SerializerMethodField()

    class Meta(RequestSerializer.Meta):
        fields = [*RequestSerializer.Meta.fields, "data", "reviewers", "conditions", "can_answer"]

    def get_can_answer(self, row: Request) -> list[dict[str, Any]]:
        """Who can answer now; an empty list on an open request means that nobody can."""
        return AnswererSerializer(who_can_answer(row) if row.is_open else [], many=True).data  # type: ignore[return-value]


class QuestionInput(StrictSerializer):
    """Ask the leads of a project for a decision, or the admins of one of its parties."""

    project = ScopedRelatedField(word="request.ask", model=PROJECT, slug_field="slug")
    title = serializers.CharField(max_length=200)
    text = serializers.CharField(max_length=5000, required=False, allow_blank=True, default="")
    organisation = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", required=False, allow_null=True, default=None
    )
    due_at = MomentField(required=False, allow_null=True, default=None)


class DecisionInput(StrictSerializer):
    decision = serializers.ChoiceField(choices=choices_of(Decision))
    reason = serializers.CharField(max_length=5000, required=False, allow_blank=True, default="")
    conditions = serializers.ListField(
        child=serializers.CharField(max_length=500), required=False, max_length=20, default=list
    )


class ReasonInput(StrictSerializer):
    reason = serializers.CharField(max_length=5000, required=False, allow_blank=True, default="")


class CommentInput(StrictSerializer):
    text = serializers.CharField(max_length=5000)


class AdviceInput(StrictSerializer):
    opinion = serializers.ChoiceField(choices=choices_of(Opinion))
    text = serializers.CharField(max_length=5000, required=False, allow_blank=True, default="")


class PersonInput(StrictSerializer):
    """A person, by id or e-mail address."""

    person = serializers.CharField(max_length=254)


class HandOverInput(PersonInput):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class EvidenceInput(StrictSerializer):
    evidence = serializers.CharField(max_length=5000)


class RequestFilter(django_filters.FilterSet):
    box = django_filters.ChoiceFilter(
        choices=[(name, name) for name in ("waiting", "asked", "decided")], method="in_box"
    )
    state = django_filters.ChoiceFilter(choices=choices_of(RequestState))
    topic = django_filters.CharFilter()
    project = ProjectFilter()

    def in_box(self, rows: QuerySet[Request], name: str, value: str) -> QuerySet[Request]:
        user: Any = self.request.user
        if value == "waiting":
            return rows.filter(pk__in=Request.objects.waiting_for(user).values("pk"))
        return rows.filter(asked_by=user) if value == "asked" else rows.filter(decided_by=user)


@extend_schema_view(list=extend_schema(summary="Requests that concern me"), retrieve=extend_schema(summary="A request"))
class RequestViewSet(ScopedViewSet):
    words = {
        "list": "request.view",
        "retrieve": "request.view",
        "create": "request.ask",
        "decide": "request.answer",
        "withdraw": "request.withdraw",
        "comments": "request.view",
        "comment": "request.comment",
        "advise": "request.advise",
        "reviewers": "request.direct",
        "hand_over": "request.direct",
        "meet": "request.meet",
    }
    rows = Request.objects.with_names()
    serializer_class = RequestSerializer
    filterset_class = RequestFilter

    def list(self, request: HttpRequest) -> Response:
        return self.listed(self.filtered(), RequestSerializer)

    def retrieve(self, request: HttpRequest, pk: str) -> Response:
        return self.shown(self.get_object(), RequestPageSerializer)

    @extend_schema(summary="Ask a question", request=QuestionInput, responses={201: RequestPageSerializer})
    def create(self, request: HttpRequest) -> Response:
        return self.shown(ask_question(by=request.user, **self.parsed(QuestionInput)), RequestPageSerializer, 201)

    @extend_schema(summary="Decide", request=DecisionInput, responses=RequestPageSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: HttpRequest, pk: str) -> Response:
        row = self.get_object()
        return self.shown(
            decide_request(request=row, by=request.user, **self.parsed(DecisionInput)), RequestPageSerializer
        )

    @extend_schema(summary="Withdraw what I asked", request=ReasonInput, responses=RequestPageSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: HttpRequest, pk: str) -> Response:
        row = self.get_object()
        return self.shown(
            withdraw_request(request=row, by=request.user, **self.parsed(ReasonInput)), RequestPageSerializer
        )

    @extend_schema(summary="Comments on a request", responses=CommentSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def comments(self, request: HttpRequest, pk: str) -> Response:
        return self.listed(self.get_object().comments.select_related("user"), CommentSerializer)

    @extend_schema(summary="Comment", request=CommentInput, responses={201: CommentSerializer})
    @comments.mapping.post
    def comment(self, request: HttpRequest, pk: str) -> Response:
        row = self.get_object()
        return self.shown(comment_on(request=row, by=request.user, **self.parsed(CommentInput)), CommentSerializer, 201)

    @extend_schema(summary="Give the advice I was asked for", request=AdviceInput, responses=ReviewerSerializer)
    @action(detail=True, methods=["post"])
    def advise(self, request: HttpRequest, pk: str) -> Response:
        row = self.get_object()
        return self.shown(advise(request=row, by=request.user, **self.parsed(AdviceInput)), ReviewerSerializer)

    @extend_schema(summary="Ask for somebody's advice", request=PersonInput, responses={201: ReviewerSerializer})
    @action(detail=True, methods=["post"])
    def reviewers(self, request: HttpRequest, pk: str) -> Response:
        row = self.get_object()
        user = _colleague(self.parsed(PersonInput)["person"], row)
        return self.shown(add_reviewer(request=row, user=user, by=request.user), ReviewerSerializer, 201)

    @extend_schema(summary="Let somebody else answer", request=HandOverInput, responses=RequestPageSerializer)
    @action(detail=True, methods=["post"], url_path="hand-over")
    def hand_over(self, request: HttpRequest, pk: str) -> Response:
        row = self.get_object()
        data = self.parsed(HandOverInput)
        to = _colleague(data.pop("person"), row)
        return self.shown(hand_over(request=row, to=to, by=request.user, **data), RequestPageSerializer)

    @extend_schema(
        summary="Say that a condition is met",
        request=EvidenceInput,
        responses=ConditionSerializer,
        parameters=[OpenApiParameter("number", int, OpenApiParameter.PATH, description="Number of the condition")],
    )
    @action(detail=True, methods=["post"], url_path="conditions/(?P<number>[0-9]{1,4})/meet")
    def meet(self, request: HttpRequest, pk: str, number: str) -> Response:
        row = self.get_object()
        condition = row.conditions.filter(number=int(number)).first()
        if condition is None:
            raise NotFoundError
        return self.shown(
            meet_condition(condition=condition, by=request.user, **self.parsed(EvidenceInput)), ConditionSerializer
        )


def _colleague(name: str, row: Request) -> User:
    """A person who acts for those who are asked, or in the project; whether others have an account is not told."""
    held = Membership.objects.active()
    held = held.filter(organisation=row.organisation_id) | held.filter(project=row.project_id, project__isnull=False)
    return _person(name, held, "person")


def _person(name: str, held: QuerySet[Membership], field: str) -> User:
    people = User.objects.filter(is_active=True, pk__in=held.values("user"))
    key = as_uuid(name)
    person = people.filter(pk=key).first() if key else people.filter(email__iexact=name).first()
    if person is None:
        raise InvalidError(_("Nobody there has this address or id."), field=field)
    return person


# --- notifications
class NotificationSerializer(serializers.ModelSerializer):
    project = ProjectRef(read_only=True)

    class Meta:
        model = Notification
        fields = ["id", "kind", "title", "title_zh", "url", "project", "created_at", "read_at", "mail", "mailed_at"]


class MailSettingsSerializer(serializers.Serializer):
    """How each kind comes by e-mail."""

    version = serializers.IntegerField(read_only=True)
    choices = serializers.SerializerMethodField()

    def get_choices(self, row: Any) -> dict[str, str]:
        return {code: str(row.mail_of(code)) for code in KINDS}


class MailSettingsInput(StrictSerializer):
    choices = serializers.DictField(child=serializers.ChoiceField(choices=choices_of(Mail)))


class NotificationFilter(django_filters.FilterSet):
    unread = TruthFilter(field_name="read_at", lookup_expr="isnull")
    kind = django_filters.CharFilter()


@extend_schema_view(list=extend_schema(summary="My notifications"))
class NotificationViewSet(ScopedViewSet):
    words = {
        "list": "notification.view",
        "read": "notification.manage",
        "read_all": "notification.manage",
        "mail": "notification.view",
        "choose": "notification.manage",
    }
    rows = Notification.objects.select_related("project")
    serializer_class = NotificationSerializer
    filterset_class = NotificationFilter

    def list(self, request: HttpRequest) -> Response:
        return self.listed(self.filtered(), NotificationSerializer)

    @extend_schema(summary="Mark one as read", request=None, responses=NotificationSerializer)
    @action(detail=True, methods=["post"])
    def read(self, request: HttpRequest, pk: str) -> Response:
        row = self.get_object()
        mark_read(by=request.user, notifications=[row.pk])
        row.refresh_from_db()
        return self.shown(row, NotificationSerializer)

    @extend_schema(summary="Mark all as read", request=None, responses={204: None})
    @action(detail=False, methods=["post"], url_path="read-all", filterset_class=None)
    def read_all(self, request: HttpRequest) -> Response:
        require_for_oneself(request.user, self.word)
        mark_read(by=request.user)
        return Response(status=204)

    @extend_schema(summary="How my notifications come by e-mail", responses=MailSettingsSerializer)
    @action(detail=False, filterset_class=None)
    def mail(self, request: HttpRequest) -> Response:
        require_for_oneself(request.user, self.word)
        return self._settings(settings_of(request.user))

    @extend_schema(
        summary="Choose how they come",
        request=MailSettingsInput,
        responses=MailSettingsSerializer,
        parameters=[IF_MATCH],
    )
    @mail.mapping.patch
    def choose(self, request: HttpRequest) -> Response:
        require_for_oneself(request.user, self.word)
        known = settings_of(request.user)
        require_match(request, etag_of("mail", known.version), now=known.choices)
        chosen = self.parsed(MailSettingsInput)
        return self._settings(choose_mail(by=request.user, version=known.version, **chosen))

    def _settings(self, row: Any) -> Response:
        return tagged(self.shown(row, MailSettingsSerializer), etag_of("mail", row.version))


# --- the calendar
class ObligationSerializer(serializers.ModelSerializer):
    """Something that falls due; `is_own`: added by hand, so that it can be changed here."""

    project = ProjectRef(read_only=True)
    organisation = OrganisationRef(read_only=True)
    person = PersonSerializer(read_only=True)
    is_own = serializers.BooleanField(read_only=True)
    is_overdue = serializers.BooleanField(read_only=True)

    class Meta:
        model = Obligation
        fields = [
            "id",
            "kind",
            "title",
            "title_zh",
            "due_on",
            "url",
            "project",
            "organisation",
            "person",
            "is_own",
            "is_overdue",
            "settled_at",
            "version",
        ]


class DateInput(StrictSerializer):
    """A date of one's own, or one of a project."""

    title = serializers.CharField(max_length=240)
    due_on = DayField()
    kind = serializers.ChoiceField(choices=choices_of(ObligationKind), default=ObligationKind.OTHER)
    project = ScopedRelatedField(
        word="obligation.manage", model=PROJECT, slug_field="slug", required=False, allow_null=True, default=None
    )


class DateEdit(StrictSerializer):
    title = serializers.CharField(max_length=240, required=False)
    due_on = DayField(required=False)


class ObligationFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=choices_of(ObligationKind))
    project = ProjectFilter()
    open = TruthFilter(field_name="settled_at", lookup_expr="isnull")
    due_from = django_filters.DateFilter(field_name="due_on", lookup_expr="gte")
    due_until = django_filters.DateFilter(field_name="due_on", lookup_expr="lte")


@extend_schema_view(list=extend_schema(summary="What falls due"), retrieve=extend_schema(summary="One date"))
class ObligationViewSet(ScopedViewSet):
    words = {
        "list": "obligation.view",
        "retrieve": "obligation.view",
        "create": "obligation.manage",
        "partial_update": "obligation.manage",
        "settle": "obligation.manage",
    }
    rows = Obligation.objects.with_names()
    serializer_class = ObligationSerializer
    filterset_class = ObligationFilter

    def list(self, request: HttpRequest) -> Response:
        return self.listed(self.filtered(), ObligationSerializer)

    def retrieve(self, request: HttpRequest, pk: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(summary="Add a date", request=DateInput, responses={201: ObligationSerializer})
    def create(self, request: HttpRequest) -> Response:
        data = self.parsed(DateInput)
        if data["project"] is None:
            require_for_oneself(request.user, self.word)
        return self._tagged(add_date(by=request.user, **data), 201)

    @extend_schema(
        summary="Change a date added by hand", request=DateEdit, responses=ObligationSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: HttpRequest, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        kept = {"title": row.title, "due_on": row.due_on}
        return self._tagged(
            change_date(obligation=row, by=request.user, version=row.version, **(kept | self.parsed(DateEdit)))
        )

    @extend_schema(summary="Settle a date added by hand", request=None, responses=ObligationSerializer)
    @action(detail=True, methods=["post"])
    def settle(self, request: HttpRequest, pk: str) -> Response:
        return self._tagged(settle_date(obligation=self.get_object(), by=request.user))

    def _tagged(self, row: Obligation, status: int = 200) -> Response:
        return tagged(self.shown(row, ObligationSerializer, status), etag_of(row.pk, row.version))


# --- absences
class DelegationSerializer(serializers.ModelSerializer):
    """Who is away, until when, and who answers requests instead."""

    delegator = PersonSerializer(read_only=True)
    delegate = PersonSerializer(read_only=True)
    organisation = OrganisationRef(read_only=True)
    is_active = serializers.BooleanField(read_only=True)

    class Meta:
        model = Delegation
        fields = [
            "id",
            "delegator",
            "delegate",
            "organisation",
            "starts_at",
            "ends_at",
            "reason",
            "is_active",
            "revoked_at",
        ]


class DelegationInput(StrictSerializer):
    """Be away; `delegate` is a colleague's id or address, or null when nobody stands in."""

    delegate = serializers.CharField(max_length=254, required=False, allow_null=True, default=None)
    organisation = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", required=False, allow_null=True, default=None
    )
    starts_at = MomentField(required=False, allow_null=True, default=None)
    ends_at = MomentField()
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


@extend_schema_view(
    list=extend_schema(summary="Absences of mine, and of those for whom I answer"),
    retrieve=extend_schema(summary="An absence"),
)
class DelegationViewSet(ScopedViewSet):
    words = {
        "list": "delegation.view",
        "retrieve": "delegation.view",
        "create": "delegation.manage",
        "end": "delegation.manage",
    }
    rows = Delegation.objects.with_names()
    serializer_class = DelegationSerializer

    def list(self, request: HttpRequest) -> Response:
        return self.listed(self.filtered(), DelegationSerializer)

    def retrieve(self, request: HttpRequest, pk: str) -> Response:
        return self.shown(self.get_object(), DelegationSerializer)

    @extend_schema(summary="Be away", request=DelegationInput, responses={201: DelegationSerializer})
    def create(self, request: HttpRequest) -> Response:
        data = self.parsed(DelegationInput)
        require_for_oneself(request.user, self.word)
        name = data.pop("delegate")
        mine = Membership.objects.active().filter(user=request.user, project=None).values("organisation")
        held = Membership.objects.active().filter(organisation__in=mine, project=None)
        delegate = _person(name, held, "delegate") if name else None
        return self.shown(begin_absence(by=request.user, delegate=delegate, **data), DelegationSerializer, 201)

    @extend_schema(summary="Be back", request=None, responses=DelegationSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: HttpRequest, pk: str) -> Response:
        return self.shown(end_absence(delegation=self.get_object(), by=request.user), DelegationSerializer)
