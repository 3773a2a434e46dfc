"""Joint projects: their parties, the people in them, their history."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import visible_to
from collab.access.roles import GIVEN_PROJECT_ROLES
from collab.accounts.api import MembershipSerializer, OrganisationRef
from collab.accounts.models import Membership, Organisation, User
from collab.audit.api import AuditEventSerializer
from collab.audit.models import AuditEvent
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError
from collab.projects.models import Attestation, AttestationKind, DataEnding, Project, ProjectParty
from collab.projects.services import (
    add_member,
    add_party,
    attest,
    closing_items,
    create_project,
    edit_project,
    end_membership,
    move_project,
    schedule_reports,
)
from collab.projects.states import FOLLOWING, PROJECT_MOVES, ProjectState
from collab.web.api import (
    SLUG_PATTERN,
    UUID_PATTERN,
    DayField,
    MomentField,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    as_uuid,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)


class PartySerializer(serializers.ModelSerializer):
    """An organisation in a project."""

    organisation = OrganisationRef(read_only=True)

    class Meta:
        model = ProjectParty
        fields = ["id", "organisation", "role", "joined_on", "left_on"]


class ProjectSerializer(serializers.ModelSerializer):
    parties = PartySerializer(many=True, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(ProjectState), read_only=True)
    moves = serializers.SerializerMethodField()
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Project
        fields = [
            "id",
            "slug",
            "title",
            "title_zh",
            "summary",
            "summary_zh",
            "state",
            "state_reason",
            "moves",
            "starts_on",
            "ends_on",
            "parties",
            "version",
            "created_at",
            "url",
        ]

    def get_moves(self, project: Project) -> list[str]:
        """What its state allows now."""
        return PROJECT_MOVES.open_from(project.state)


class ProjectInput(StrictSerializer):
    """Begin a joint project."""

    title = serializers.CharField(max_length=160)
    title_zh = serializers.CharField(max_length=160, required=False, allow_blank=True)
    summary = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    summary_zh = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    starts_on = DayField(required=False)
    ends_on = DayField(required=False, allow_null=True)
    lead_organisation = ScopedRelatedField(word="project.create", model=Organisation, slug_field="slug")
    partners = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", many=True, required=False
    )


class ProjectEdit(StrictSerializer):
    """What a project says of itself; fields that are left out stay as they are."""

    title = serializers.CharField(max_length=160, required=False)
    title_zh = serializers.CharField(max_length=160, required=False, allow_blank=True)
    summary = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    summary_zh = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    ends_on = DayField(required=False, allow_null=True)


class PartyInput(StrictSerializer):
    organisation = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")


class MemberInput(StrictSerializer):
    """Give a person a role; they are named by their id or their e-mail address."""

    person = serializers.CharField(max_length=254)
    organisation = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    role = serializers.ChoiceField(choices=[role.value for role in GIVEN_PROJECT_ROLES])
    ends_at = MomentField(required=False, allow_null=True, default=None)


class MoveInput(StrictSerializer):
    move = serializers.ChoiceField(choices=[move for move in PROJECT_MOVES.table if move not in FOLLOWING])
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class ScheduleInput(StrictSerializer):
    every_months = serializers.IntegerField(min_value=1, max_value=36, allow_null=True)
    due_days = serializers.IntegerField(min_value=0, max_value=180, default=30)


class ClosingItemSerializer(serializers.Serializer):
    """One thing to do before a project closes."""

    code = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    who = serializers.CharField(read_only=True)
    done = serializers.BooleanField(read_only=True)
    url = serializers.CharField(read_only=True)
    detail = serializers.CharField(read_only=True)


class AttestInput(StrictSerializer):
    """`seen` is the hash of the register of outputs as you read it."""

    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    kind = serializers.ChoiceField(choices=AttestationKind.choices)
    ending = serializers.ChoiceField(choices=DataEnding.choices, required=False, allow_blank=True)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    seen = serializers.CharField(max_length=64, required=False, allow_blank=True)


class AttestationSerializer(serializers.ModelSerializer):
    party = OrganisationRef(source="party.organisation", read_only=True)

    class Meta:
        model = Attestation
        fields = ["id", "party", "kind", "ending", "note", "outputs_sha256", "attested_at"]


class ProjectFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=choices_of(ProjectState))
    title = django_filters.CharFilter(lookup_expr="icontains")
    party = django_filters.CharFilter(field_name="parties__organisation__slug", distinct=True)


IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="ETag of what you read"
)


@extend_schema_view(list=extend_schema(summary="My projects"), retrieve=extend_schema(summary="One project"))
class ProjectViewSet(ScopedViewSet):
    words = {
        "list": "project.view",
        "retrieve": "project.view",
        "create": "project.create",
        "partial_update": "project.edit",
        "begin": "project.edit",
        "suspend": "project.edit",
        "resume": "project.edit",
        "close": "project.edit",
        "move": "project.edit",
        "schedule": "project.edit",
        "closure": "project.view",
        "attest": "project.approve",
        "parties": "project.view",
        "join": "project.edit",
        "people": "project.view",
        "enrol": "member.manage",
        "dismiss": "member.manage",
        "leave": "project.view",
        "history": "audit.view",
    }
    rows = Project.objects.with_parties()
    serializer_class = ProjectSerializer
    filterset_class = ProjectFilter
    lookup_field = "slug"
    lookup_value_regex = SLUG_PATTERN

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered().joint(), ProjectSerializer)

    def retrieve(self, request: Request, slug: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(summary="Begin a joint project", request=ProjectInput, responses={201: ProjectSerializer})
    def create(self, request: Request) -> Response:
        return self._tagged(create_project(by=request.user, **self.parsed(ProjectInput)), 201)

    @extend_schema(summary="Change a project", request=ProjectEdit, responses=ProjectSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, slug: str) -> Response:
        project = self.get_object()
        require_match(request, etag_of(project.pk, project.version), now=standing(request, project))
        changes = self.parsed(ProjectEdit)
        kept = {name: getattr(project, name) for name in ProjectEdit().fields}
        return self._tagged(edit_project(project=project, by=request.user, version=project.version, **(kept | changes)))

    @extend_schema(summary="Begin the work", request=None, responses=ProjectSerializer)
    @action(detail=True, methods=["post"])
    def begin(self, request: Request, slug: str) -> Response:
        return self._move("begin")

    @extend_schema(summary="Suspend the work", request=None, responses=ProjectSerializer)
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, slug: str) -> Response:
        return self._move("suspend")

    @extend_schema(summary="Resume the work", request=None, responses=ProjectSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, slug: str) -> Response:
        return self._move("resume")

    @extend_schema(summary="Close the project", request=None, responses=ProjectSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, slug: str) -> Response:
        return self._move("close")

    @extend_schema(summary="Any move of its life", request=MoveInput, responses=ProjectSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, slug: str) -> Response:
        return self._tagged(move_project(project=self.get_object(), by=request.user, **self.parsed(MoveInput)))

    @extend_schema(
        summary="Set the schedule of reports", request=ScheduleInput, responses=ProjectSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, slug: str) -> Response:
        project = self.get_object()
        require_match(request, etag_of(project.pk, project.version), now=standing(request, project))
        given = self.parsed(ScheduleInput)
        return self._tagged(schedule_reports(project=project, by=request.user, version=project.version, **given))

    @extend_schema(summary="What is left to do before it closes", responses=ClosingItemSerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def closure(self, request: Request, slug: str) -> Response:
        return Response(ClosingItemSerializer(closing_items(self.get_object()), many=True).data)

    @extend_schema(summary="Give the word of a party", request=AttestInput, responses={201: AttestationSerializer})
    @closure.mapping.post
    def attest(self, request: Request, slug: str) -> Response:
        project = self.get_object()
        data = self.parsed(AttestInput)
        party = ProjectParty.objects.filter(project=project, organisation=data.pop("party")).first()
        if party is None:
            raise NotFoundError
        return self.shown(attest(party=party, by=request.user, **data), AttestationSerializer, 201)

    @extend_schema(summary="Parties, also those that left", responses=PartySerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def parties(self, request: Request, slug: str) -> Response:
        rows = ProjectParty.objects.filter(project=self.get_object()).select_related("organisation")
        return self.listed(rows, PartySerializer)

    @extend_schema(summary="Let an organisation join", request=PartyInput, responses={201: PartySerializer})
    @parties.mapping.post
    def join(self, request: Request, slug: str) -> Response:
        project = self.get_object()
        party = add_party(project=project, by=request.user, **self.parsed(PartyInput))
        return self.shown(party, PartySerializer, 201)

    @extend_schema(summary="Roles in a project, also those that ended", responses=MembershipSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def people(self, request: Request, slug: str) -> Response:
        rows = Membership.objects.filter(project=self.get_object())
        return self.listed(rows.select_related("user", "organisation", "project"), MembershipSerializer)

    @extend_schema(summary="Give a role", request=MemberInput, responses={201: MembershipSerializer})
    @people.mapping.post
    def enrol(self, request: Request, slug: str) -> Response:
        project = self.get_object()
        data = self.parsed(MemberInput)
        person = _employee(data.pop("person"), data["organisation"])
        membership = add_member(project=project, user=person, by=request.user, **data)
        return self.shown(membership, MembershipSerializer, 201)

    @extend_schema(
        summary="End a role now",
        request=None,
        responses=MembershipSerializer,
        parameters=[OpenApiParameter("membership", str, OpenApiParameter.PATH, description="Id of the role")],
    )
    @action(detail=True, methods=["delete"], url_path=f"people/(?P<membership>{UUID_PATTERN})")
    def dismiss(self, request: Request, slug: str, membership: str) -> Response:
        held = Membership.objects.filter(project=self.get_object(), pk=membership).first()
        if held is None:
            raise NotFoundError
        return self.shown(end_membership(membership=held, by=request.user), MembershipSerializer)

    @extend_schema(summary="End my own roles", request=None, responses=MembershipSerializer(many=True))
    @action(detail=True, methods=["post"], pagination_class=None, filterset_class=None)
    def leave(self, request: Request, slug: str) -> Response:
        mine = list(Membership.objects.filter(project=self.get_object(), user=request.user).active())
        if not mine:
            raise ConflictError(_("You hold no role in this project; you see it through your organisation."))
        ended = [end_membership(membership=held, by=request.user) for held in mine]
        return Response(MembershipSerializer(ended, many=True).data)

    @extend_schema(summary="History of a project", responses=AuditEventSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def history(self, request: Request, slug: str) -> Response:
        rows = AuditEvent.objects.filter(project_id=self.get_object().pk)
        return self.listed(visible_to(request.user, "audit.view", rows), AuditEventSerializer)

    def _move(self, move: str) -> Response:
        return self._tagged(move_project(project=self.get_object(), move=move, by=self.request.user))

    def _tagged(self, project: Project, status: int = 200) -> Response:
        return tagged(self.shown(project, ProjectSerializer, status), etag_of(project.pk, project.version))


def _employee(name: str, organisation: Organisation) -> User:
    """The organisation's person with this id or address; whether others have an account is not told."""
    people: Any = User.objects.filter(
        is_active=True,
        pk__in=Membership.objects.filter(organisation=organisation, project=None).active().values("user"),
    )
    key = as_uuid(name)
    person = people.filter(pk=key).first() if key else people.filter(email__iexact=name).first()
    if person is None:
        raise InvalidError(_("%(name)s has nobody with this address or id.") % {"name": organisation}, field="person")
    return person
