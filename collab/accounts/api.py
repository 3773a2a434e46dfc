"""Organisations, the people who act for them, and one's own tokens."""

from __future__ import annotations

import django_filters
from allauth.account.models import EmailAddress
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import Missing, visible_to
from collab.access.roles import ORGANISATION_ROLES, Role
from collab.accounts.models import ApiToken, Membership, Organisation, OrganisationKind, TokenScope, User
from collab.accounts.services import TOKEN_DAYS_MAX, create_token, grant_organisation_role, revoke_token
from collab.kernel.errors import InvalidError, RefusedError
from collab.web.api import (
    SLUG_PATTERN,
    MomentField,
    PersonSerializer,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    named_row,
)


class OrganisationRef(serializers.ModelSerializer):
    """An organisation, by name."""

    class Meta:
        model = Organisation
        fields = ["slug", "name", "kind"]


class OrganisationSerializer(serializers.ModelSerializer):
    class Meta:
        model = Organisation
        fields = ["id", "slug", "name", "name_zh", "kind", "country", "created_at"]


class MembershipSerializer(serializers.ModelSerializer):
    """A person's role for an organisation, in a project or in the organisation itself."""

    person = PersonSerializer(source="user", read_only=True)
    organisation = OrganisationRef(read_only=True)
    project = serializers.SlugField(source="project.slug", read_only=True, allow_null=True, default=None)
    role = serializers.ChoiceField(choices=choices_of(Role), read_only=True)
    role_label = serializers.CharField(source="get_role_display", read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "person", "organisation", "project", "role", "role_label", "starts_at", "ends_at"]


class OrganisationRoleInput(StrictSerializer):
    """Give a person a role in the organisation."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=[role.value for role in ORGANISATION_ROLES])
    ends_at = MomentField(required=False, allow_null=True, default=None)


class OrganisationFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains")
    kind = django_filters.ChoiceFilter(choices=OrganisationKind.choices)


@extend_schema_view(list=extend_schema(summary="Organisations"), retrieve=extend_schema(summary="One organisation"))
class OrganisationViewSet(ScopedViewSet):
    words = {
        "list": "organisation.view",
        "retrieve": "organisation.view",
        "people": "organisation.manage",
        "grant": "organisation.manage",
    }
    rows = Organisation.objects.all()
    serializer_class = OrganisationSerializer
    filterset_class = OrganisationFilter
    lookup_field = "slug"
    lookup_value_regex = SLUG_PATTERN

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), OrganisationSerializer)

    def retrieve(self, request: Request, slug: str) -> Response:
        return self.shown(self.get_object(), OrganisationSerializer)

    @extend_schema(summary="Roles in an organisation", responses=MembershipSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def people(self, request: Request, slug: str) -> Response:
        organisation = self.get_object()
        rows = Membership.objects.filter(organisation=organisation, project=None).select_related("user", "organisation")
        return self.listed(visible_to(request.user, "project.view", rows), MembershipSerializer)

    @extend_schema(summary="Give a role", request=OrganisationRoleInput, responses={201: MembershipSerializer})
    @people.mapping.post
    def grant(self, request: Request, slug: str) -> Response:
        organisation = self.get_object()
        data = self.parsed(OrganisationRoleInput)
        membership = grant_organisation_role(
            organisation=organisation,
            user=_colleague(organisation, data["email"]),
            role=data["role"],
            ends_at=data["ends_at"],
            by=request.user,
        )
        return self.shown(membership, MembershipSerializer, 201)


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
        token, secret = create_token(by=request.user, project=self._project(project), **data)
        token.secret = secret  # type: ignore[attr-defined]
        return self.shown(token, NewTokenSerializer, 201)

    @extend_schema(summary="End a token now", request=None, responses=TokenSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        return self.shown(revoke_token(by=request.user, token_id=pk), TokenSerializer)

    def _project(self, name: str | None) -> object | None:
        if name is None:
            return None
        model = ApiToken._meta.get_field("project").related_model
        project = named_row(visible_to(self.request.user, "project.view", model.objects.all()), name)
        if project is None:
            raise InvalidError(_("There is no such project, or it is not yours."), field="project")
        return project
