"""Organisations, the people who act for them, and one's own tokens."""

from __future__ import annotations

from typing import Any

import django_filters
from allauth.account.models import EmailAddress
from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import Missing, visible_to
from collab.access.roles import GIVEN_PROJECT_ROLES, ORGANISATION_ROLES, Role
from collab.access.rules import SIGNED_IN
from collab.accounts.invitations import (
    accept_invitation,
    decline_invitation,
    invite,
    resend_invitation,
    revoke_invitation,
)
from collab.accounts.models import (
    ApiToken,
    Invitation,
    Membership,
    MembershipReview,
    Organisation,
    OrganisationKind,
    OrganisationUnit,
    ReviewItem,
    TokenScope,
    User,
)
from collab.accounts.reading import roles_seen
from collab.accounts.reviews import decide_item, finish_review, open_review
from collab.accounts.services import (
    TOKEN_DAYS_MAX,
    add_unit,
    create_token,
    edit_organisation,
    edit_role,
    edit_unit,
    end_role,
    found_organisation,
    grant_role,
    leave_organisation,
    remove_unit,
    revoke_token,
)
from collab.accounts.states import InvitationState, ReviewDecision
from collab.kernel.errors import InvalidError, RefusedError
from collab.web.api import (
    IF_MATCH,
    SLUG_PATTERN,
    DayField,
    MomentField,
    PersonSerializer,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    etag_of,
    named_row,
    require_match,
    tagged,
)

PROJECT_ROLE_NAMES = [role.value for role in GIVEN_PROJECT_ROLES]


class OrganisationRef(serializers.ModelSerializer):
    """An organisation, by name."""

    class Meta:
        model = Organisation
        fields = ["slug", "name", "kind"]


class OrganisationSerializer(serializers.ModelSerializer):
    """An organisation as it describes itself; its e-mail domains are verified by nobody."""

    email_domains = serializers.ListField(child=serializers.CharField(), read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Organisation
        fields = [
            "id",
            "slug",
            "name",
            "name_zh",
            "kind",
            "country",
            "ror",
            "registration_id",
            "website",
            "email_domains",
            "domains_only",
            "review_months",
            "review_due_on",
            "version",
            "created_at",
            "url",
        ]


class OrganisationInput(StrictSerializer):
    """Add an organisation."""

    name = serializers.CharField(max_length=120)
    name_zh = serializers.CharField(max_length=120, required=False, allow_blank=True)
    kind = serializers.ChoiceField(choices=OrganisationKind.choices)
    country = serializers.CharField(max_length=2, required=False, allow_blank=True)
    ror = serializers.CharField(max_length=60, required=False, allow_blank=True)
    registration_id = serializers.CharField(max_length=60, required=False, allow_blank=True)
    website = serializers.CharField(max_length=200, required=False, allow_blank=True)
    email_domains = serializers.ListField(child=serializers.CharField(max_length=121), max_length=20, required=False)
    domains_only = serializers.BooleanField(required=False)
    review_months = serializers.IntegerField(min_value=1, max_value=60, required=False, allow_null=True)
    review_due_on = DayField(required=False, allow_null=True)


class OrganisationEdit(OrganisationInput):
    """Change an organisation; fields that are left out stay as they are."""

    name = serializers.CharField(max_length=120, required=False)
    kind = serializers.ChoiceField(choices=OrganisationKind.choices, required=False)


class UnitSerializer(serializers.ModelSerializer):
    """A faculty, an institute, a department."""

    parent = serializers.UUIDField(source="parent_id", read_only=True, allow_null=True)

    class Meta:
        model = OrganisationUnit
        fields = ["id", "name", "name_zh", "parent", "version"]


class UnitInput(StrictSerializer):
    name = serializers.CharField(max_length=120)
    name_zh = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    parent = serializers.UUIDField(required=False, allow_null=True, default=None)


class MembershipSerializer(serializers.ModelSerializer):
    """A person's role for an organisation, in a project or in the organisation itself."""

    person = PersonSerializer(source="user", read_only=True)
    organisation = OrganisationRef(read_only=True)
    project = serializers.SlugField(source="project.slug", read_only=True, allow_null=True, default=None)
    role = serializers.ChoiceField(choices=choices_of(Role), read_only=True)
    role_label = serializers.CharField(source="get_role_display", read_only=True)

    unit = serializers.UUIDField(source="unit_id", read_only=True, allow_null=True)
    granted_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Membership
        fields = [
            "id",
            "person",
            "organisation",
            "project",
            "role",
            "role_label",
            "starts_at",
            "ends_at",
            "unit",
            "job_title",
            "limits",
            "granted_by",
            "version",
        ]


class OrganisationRoleInput(StrictSerializer):
    """Give a person a role in the organisation."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=[role.value for role in ORGANISATION_ROLES])
    starts_at = MomentField(required=False, allow_null=True, default=None)
    ends_at = MomentField(required=False, allow_null=True, default=None)
    unit = serializers.UUIDField(required=False, allow_null=True, default=None)
    job_title = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    limits = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class RoleEdit(StrictSerializer):
    """Until when a role lasts, and what is written beside it; fields that are left out stay as they are."""

    ends_at = MomentField(required=False, allow_null=True)
    unit = serializers.UUIDField(required=False, allow_null=True)
    job_title = serializers.CharField(max_length=120, required=False, allow_blank=True)
    limits = serializers.CharField(max_length=300, required=False, allow_blank=True)


class ReasonInput(StrictSerializer):
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class OrganisationFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains")
    kind = django_filters.ChoiceFilter(choices=OrganisationKind.choices)


@extend_schema_view(list=extend_schema(summary="Organisations"), retrieve=extend_schema(summary="One organisation"))
class OrganisationViewSet(ScopedViewSet):
    words = {
        "list": "organisation.view",
        "create": SIGNED_IN,
        "retrieve": "organisation.view",
        "partial_update": "organisation.manage",
        "people": "organisation.manage",
        "grant": "organisation.manage",
        "units": "organisation.view",
        "add_unit": "organisation.manage",
        "leave": "organisation.view",
    }
    rows = Organisation.objects.all()
    serializer_class = OrganisationSerializer
    filterset_class = OrganisationFilter
    lookup_field = "slug"
    lookup_value_regex = SLUG_PATTERN

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), OrganisationSerializer)

    @extend_schema(
        summary="Add an organisation",
        description="Platform staff; where the installation lets everybody, whoever adds one is its first admin.",
        request=OrganisationInput,
        responses={201: OrganisationSerializer},
    )
    def create(self, request: Request) -> Response:
        return self._tagged(found_organisation(by=request.user, **self.parsed(OrganisationInput)), 201)

    def retrieve(self, request: Request, slug: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(
        summary="Change an organisation",
        request=OrganisationEdit,
        responses=OrganisationSerializer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, slug: str) -> Response:
        organisation = self.get_object()
        require_match(request, etag_of(organisation.pk, organisation.version), now=organisation_now(organisation))
        changes = self.parsed(OrganisationEdit)
        return self._tagged(
            edit_organisation(organisation=organisation, by=request.user, version=organisation.version, **changes)
        )

    @extend_schema(summary="Roles in an organisation", responses=MembershipSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def people(self, request: Request, slug: str) -> Response:
        rows = Membership.objects.in_organisations().filter(organisation=self.get_object())
        return self.listed(rows.with_names().select_related("project"), MembershipSerializer)

    @extend_schema(summary="Give a role", request=OrganisationRoleInput, responses={201: MembershipSerializer})
    @people.mapping.post
    def grant(self, request: Request, slug: str) -> Response:
        organisation = self.get_object()
        data = self.parsed(OrganisationRoleInput)
        data["unit"] = _unit_of(organisation, data["unit"], "unit")
        person = _colleague(organisation, data.pop("email"))
        membership = grant_role(organisation=organisation, user=person, by=request.user, **data)
        return self.shown(membership, MembershipSerializer, 201)

    @extend_schema(summary="Units", responses=UnitSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def units(self, request: Request, slug: str) -> Response:
        return self.listed(OrganisationUnit.objects.filter(organisation=self.get_object()), UnitSerializer)

    @extend_schema(summary="Add a unit", request=UnitInput, responses={201: UnitSerializer})
    @units.mapping.post
    def add_unit(self, request: Request, slug: str) -> Response:
        organisation = self.get_object()
        data = self.parsed(UnitInput)
        data["parent"] = _unit_of(organisation, data["parent"], "parent")
        return self.shown(add_unit(organisation=organisation, by=request.user, **data), UnitSerializer, 201)

    @extend_schema(
        summary="End all my roles here, also those in projects for it",
        request=None,
        responses=MembershipSerializer(many=True),
    )
    @action(detail=True, methods=["post"], pagination_class=None, filterset_class=None)
    def leave(self, request: Request, slug: str) -> Response:
        ended = leave_organisation(organisation=self.get_object(), by=request.user)
        return Response(MembershipSerializer(ended, many=True).data)

    def _tagged(self, organisation: Organisation, status: int = 200) -> Response:
        etag = etag_of(organisation.pk, organisation.version)
        return tagged(self.shown(organisation, OrganisationSerializer, status), etag)


def organisation_now(organisation: Organisation) -> dict[str, object]:
    """How it stands, for whoever edited an older state."""
    return dict(OrganisationSerializer(organisation).data)


def _unit_of(organisation: Organisation, key: object, field: str) -> OrganisationUnit | None:
    if key is None:
        return None
    unit = OrganisationUnit.objects.filter(organisation=organisation, pk=key).first()
    if unit is None:
        raise InvalidError(_("%(name)s has no such unit.") % {"name": organisation}, field=field)
    return unit


@extend_schema_view(retrieve=extend_schema(summary="One unit"))
class UnitViewSet(ScopedViewSet):
    words = {
        "retrieve": "organisation.view",
        "partial_update": "organisation.manage",
        "destroy": "organisation.manage",
    }
    rows = OrganisationUnit.objects.select_related("organisation")
    serializer_class = UnitSerializer

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(summary="Change a unit", request=UnitInput, responses=UnitSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        unit = self.get_object()
        require_match(request, etag_of(unit.pk, unit.version), now=dict(UnitSerializer(unit).data))
        data = self.parsed(UnitInput)
        data["parent"] = _unit_of(unit.organisation, data["parent"], "parent")
        return self._tagged(edit_unit(unit=unit, by=request.user, version=unit.version, **data))

    @extend_schema(summary="Remove a unit without people and parts", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        remove_unit(unit=self.get_object(), by=request.user)
        return Response(status=204)

    def _tagged(self, unit: OrganisationUnit) -> Response:
        return tagged(self.shown(unit, UnitSerializer), etag_of(unit.pk, unit.version))


# --- roles
@extend_schema_view(retrieve=extend_schema(summary="One role"))
class MembershipViewSet(ScopedViewSet):
    """Roles one may see, in organisations and projects. Who manages them there changes and ends them."""

    words = {
        "list": "project.view",
        "retrieve": "project.view",
        "partial_update": "project.view",
        "end": "project.view",
    }
    rows = Membership.objects.with_names().select_related("project")
    serializer_class = MembershipSerializer

    @extend_schema(summary="Roles in my projects, and those in my organisations that reach into them")
    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), MembershipSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(
        summary="Change until when a role lasts",
        request=RoleEdit,
        responses=MembershipSerializer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        held = self.get_object()
        require_match(request, etag_of(held.pk, held.version), now=dict(MembershipSerializer(held).data))
        changes = self.parsed(RoleEdit)
        if "unit" in changes:
            changes["unit"] = _unit_of(held.organisation, changes["unit"], "unit")
        kept = {name: getattr(held, name) for name in RoleEdit().fields}
        return self._tagged(edit_role(membership=held, by=request.user, version=held.version, **(kept | changes)))

    @extend_schema(summary="End a role now", request=ReasonInput, responses=MembershipSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        held = self.get_object()
        return self._tagged(end_role(membership=held, by=request.user, **self.parsed(ReasonInput)))

    def _tagged(self, held: Membership) -> Response:
        return tagged(self.shown(held, MembershipSerializer), etag_of(held.pk, held.version))


# --- invitations
class InvitationSerializer(serializers.ModelSerializer):
    """An invitation, without its link."""

    organisation = OrganisationRef(read_only=True)
    project = serializers.SlugField(source="project.slug", read_only=True, allow_null=True, default=None)
    state = serializers.ChoiceField(source="state_now", choices=choices_of(InvitationState), read_only=True)
    invited_by = PersonSerializer(read_only=True)

    class Meta:
        model = Invitation
        fields = [
            "id",
            "organisation",
            "role",
            "project",
            "project_role",
            "email",
            "language",
            "message",
            "role_ends_at",
            "state",
            "invited_by",
            "created_at",
            "expires_at",
            "sent_at",
            "answered_at",
        ]


class InvitationInput(StrictSerializer):
    """Ask somebody by e-mail to act for an organisation, and perhaps in a project."""

    organisation = ScopedRelatedField(word="organisation.manage", model=Organisation, slug_field="slug")
    email = serializers.CharField(max_length=300)
    role = serializers.ChoiceField(choices=[role.value for role in ORGANISATION_ROLES])
    project = serializers.CharField(max_length=40, required=False, allow_null=True, default=None)
    project_role = serializers.ChoiceField(choices=PROJECT_ROLE_NAMES, required=False, allow_blank=True, default="")
    message = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")
    language = serializers.ChoiceField(choices=settings.LANGUAGES, required=False)
    role_ends_at = MomentField(required=False, allow_null=True, default=None)


class SecretInput(StrictSerializer):
    """The last part of an invitation's link."""

    secret = serializers.CharField(max_length=100)


class InvitationFilter(django_filters.FilterSet):
    organisation = django_filters.CharFilter(field_name="organisation__slug")
    state = django_filters.ChoiceFilter(choices=choices_of(InvitationState))


@extend_schema_view(
    list=extend_schema(summary="Invitations of my organisations"), retrieve=extend_schema(summary="One invitation")
)
class InvitationViewSet(ScopedViewSet):
    words = {
        "list": "organisation.manage",
        "retrieve": "organisation.manage",
        "create": "organisation.manage",
        "resend": "organisation.manage",
        "revoke": "organisation.manage",
        "accept": SIGNED_IN,
        "decline": SIGNED_IN,
    }
    rows = Invitation.objects.with_names()
    serializer_class = InvitationSerializer
    filterset_class = InvitationFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), InvitationSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), InvitationSerializer)

    @extend_schema(
        summary="Invite somebody",
        description="200 with the role when the person holds it already; nothing is sent then.",
        request=InvitationInput,
        responses={201: InvitationSerializer, 200: MembershipSerializer},
    )
    def create(self, request: Request) -> Response:
        data = self.parsed(InvitationInput)
        data["project"] = project_named(request, data["project"])
        made = invite(by=request.user, **data)
        if isinstance(made, Membership):
            return self.shown(made, MembershipSerializer)
        return self.shown(made, InvitationSerializer, 201)

    @extend_schema(summary="Send it again with a new link", request=None, responses=InvitationSerializer)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        return self.shown(resend_invitation(invitation=self.get_object(), by=request.user), InvitationSerializer)

    @extend_schema(summary="Take it back", request=None, responses=InvitationSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        return self.shown(revoke_invitation(invitation=self.get_object(), by=request.user), InvitationSerializer)

    @extend_schema(
        summary="Accept the invitation of a link", request=SecretInput, responses=MembershipSerializer(many=True)
    )
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def accept(self, request: Request) -> Response:
        granted = accept_invitation(by=request.user, **self.parsed(SecretInput))
        return Response(MembershipSerializer(granted, many=True).data)

    @extend_schema(summary="Decline the invitation of a link", request=SecretInput, responses=InvitationSerializer)
    @action(detail=False, methods=["post"])
    def decline(self, request: Request) -> Response:
        return self.shown(decline_invitation(by=request.user, **self.parsed(SecretInput)), InvitationSerializer)


# --- reviews of members
class ReviewItemSerializer(serializers.ModelSerializer):
    """A role under review, and what was decided."""

    membership = MembershipSerializer(read_only=True)
    decided_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = ReviewItem
        fields = ["id", "membership", "decision", "reason", "decided_by", "decided_at"]


class MembershipReviewSerializer(serializers.ModelSerializer):
    """A review of who holds which role."""

    organisation = OrganisationRef(read_only=True, allow_null=True)
    project = serializers.SlugField(source="project.slug", read_only=True, allow_null=True, default=None)
    opened_by = PersonSerializer(read_only=True)
    finished_by = PersonSerializer(read_only=True, allow_null=True)
    overdue = serializers.BooleanField(source="is_overdue", read_only=True)

    class Meta:
        model = MembershipReview
        fields = [
            "id",
            "organisation",
            "project",
            "due_on",
            "overdue",
            "opened_by",
            "created_at",
            "finished_by",
            "finished_at",
        ]


class MembershipReviewInput(StrictSerializer):
    """Begin a review of an organisation, or of a project."""

    organisation = ScopedRelatedField(
        word="organisation.manage", model=Organisation, slug_field="slug", required=False, default=None
    )
    project = serializers.CharField(max_length=40, required=False, allow_null=True, default=None)
    due_on = DayField()

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        if (attrs["organisation"] is None) == (attrs["project"] is None):
            raise serializers.ValidationError({"project": [_("Name an organisation or a project, one of them.")]})
        return attrs


class DecisionInput(StrictSerializer):
    """Confirm a role, or end it with a reason."""

    item = serializers.UUIDField()
    decision = serializers.ChoiceField(choices=choices_of(ReviewDecision))
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


@extend_schema_view(
    list=extend_schema(summary="Reviews of members"), retrieve=extend_schema(summary="One review of members")
)
class MembershipReviewViewSet(ScopedViewSet):
    words = {
        "list": "member.view",
        "retrieve": "member.view",
        "create": "member.view",
        "items": "member.view",
        "decide": "member.view",
        "finish": "member.view",
    }
    rows = MembershipReview.objects.select_related("organisation", "project", "opened_by", "finished_by")
    serializer_class = MembershipReviewSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.get_queryset(), MembershipReviewSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), MembershipReviewSerializer)

    @extend_schema(summary="Begin a review", request=MembershipReviewInput, responses={201: MembershipReviewSerializer})
    def create(self, request: Request) -> Response:
        data = self.parsed(MembershipReviewInput)
        data["project"] = project_named(request, data["project"])
        visible_to(request.user, self.word, self.rows.none())
        return self.shown(open_review(by=request.user, **data), MembershipReviewSerializer, 201)

    @extend_schema(summary="Its roles", responses=ReviewItemSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def items(self, request: Request, pk: str) -> Response:
        rows = ReviewItem.objects.filter(review=self.get_object()).select_related(
            "membership__user",
            "membership__organisation",
            "membership__project",
            "membership__granted_by",
            "decided_by",
        )
        return self.listed(rows, ReviewItemSerializer)

    @extend_schema(summary="Decide on a role", request=DecisionInput, responses=ReviewItemSerializer)
    @items.mapping.post
    def decide(self, request: Request, pk: str) -> Response:
        review = self.get_object()
        data = self.parsed(DecisionInput)
        item = ReviewItem.objects.filter(review=review, pk=data.pop("item")).select_related("review", "membership")
        found = item.first()
        if found is None:
            raise InvalidError(_("This review has no such item."), field="item")
        return self.shown(decide_item(item=found, by=request.user, **data), ReviewItemSerializer)

    @extend_schema(summary="Finish the review", request=None, responses=MembershipReviewSerializer)
    @action(detail=True, methods=["post"])
    def finish(self, request: Request, pk: str) -> Response:
        return self.shown(finish_review(review=self.get_object(), by=request.user), MembershipReviewSerializer)


# --- people
class PersonDetailSerializer(serializers.ModelSerializer):
    """A person one shares an organisation or a project with."""

    name = serializers.CharField(source="__str__", read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = User
        fields = ["id", "name", "orcid", "url"]


@extend_schema_view(retrieve=extend_schema(summary="One person"))
class PersonViewSet(ScopedViewSet):
    words = {"retrieve": "person.view", "roles": "person.view"}
    rows = User.objects.all()
    serializer_class = PersonDetailSerializer

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), PersonDetailSerializer)

    @extend_schema(summary="Their roles, as far as I may see them", responses=MembershipSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def roles(self, request: Request, pk: str) -> Response:
        rows = roles_seen(request.user).filter(user=self.get_object()).with_names().select_related("project")
        return self.listed(rows, MembershipSerializer)


def _colleague(organisation: Organisation, email: str) -> User:
    """The person with this address, if it is one of the organisation's own; strangers' accounts are not told."""
    person = User.objects.filter(email__iexact=email, is_active=True).first()
    if person is None or not _is_colleague(person, organisation):
        raise InvalidError(
            _("Nobody signs in to Tandem with this address of %(name)s.") % {"name": organisation}, field="email"
        )
    return person


def _is_colleague(person: User, organisation: Organisation) -> bool:
    """Somebody who belongs already, or has confirmed an address of the organisation."""
    if Membership.objects.of(person).in_organisations().filter(organisation=organisation).active().exists():
        return True
    confirmed = EmailAddress.objects.filter(user=person, verified=True).values_list("email", flat=True)
    return any(organisation.has_domain(address) for address in confirmed)


def project_named(request: Request, name: str | None) -> Any:
    """The project of that short name or id, as far as the asker sees it; None when none was named."""
    if name is None:
        return None
    model: Any = Membership._meta.get_field("project").related_model  # the projects' slice lies above this one
    project = named_row(visible_to(request.user, "project.view", model._default_manager.all()), name)
    if project is None:
        raise InvalidError(_("There is no such project, or it is not yours."), field="project")
    return project


# --- tokens
class TokenSerializer(serializers.ModelSerializer):
    """A personal token, without its secret."""

    project = serializers.SlugField(source="project.slug", read_only=True, allow_null=True, default=None)

    class Meta:
        model = ApiToken
        fields = ["id", "name", "hint", "scope", "project", "created_at", "expires_at", "last_used_at", "revoked_at"]


class NewTokenSerializer(TokenSerializer):
    """A personal token with its secret, which is shown this once."""

    secret = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "secret"]


class TokenInput(StrictSerializer):
    """Make a personal token; only possible in a signed-in browser."""

    name = serializers.CharField(max_length=80)
    scope = serializers.ChoiceField(choices=TokenScope.choices, default=TokenScope.READ)
    days = serializers.IntegerField(min_value=1, max_value=TOKEN_DAYS_MAX, default=90)
    project = serializers.CharField(max_length=40, required=False, allow_null=True, default=None)


@extend_schema_view(list=extend_schema(summary="My tokens"))
class TokenViewSet(ScopedViewSet):
    """Tokens are managed in a signed-in browser: one that is stolen must neither breed nor lock its owner out."""

    words = {"list": "token.manage", "create": "token.manage", "revoke": "token.manage"}
    keeps_answers = False
    rows = ApiToken.objects.select_related("project")
    serializer_class = TokenSerializer

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        if request.auth is not None and self.action is not None:
            raise RefusedError([Missing("session", _("Tokens are managed in the browser, not with another token."))])

    def list(self, request: Request) -> Response:
        return self.listed(self.get_queryset(), TokenSerializer)

    @extend_schema(summary="Make a token", request=TokenInput, responses={201: NewTokenSerializer})
    def create(self, request: Request) -> Response:
        data = self.parsed(TokenInput)
        visible_to(request.user, self.word, self.rows.none())
        project = data.pop("project")
        token, secret = create_token(by=request.user, project=project_named(request, project), **data)
        token.secret = secret  # type: ignore[attr-defined]
        return self.shown(token, NewTokenSerializer, 201)

    @extend_schema(summary="End a token now", request=None, responses=TokenSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        return self.shown(revoke_token(by=request.user, token_id=pk), TokenSerializer)
