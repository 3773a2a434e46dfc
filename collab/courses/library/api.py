"""The library as JSON."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import SCOPES, visible_to
from collab.accounts.models import Organisation
from collab.courses.library.attaching import ATTACHABLE
from collab.courses.library.models import Resource, ResourceKind, ResourceLink
from collab.courses.library.services import (
    FIELDS,
    add_resource,
    archive_resource,
    attach_resource,
    detach_resource,
    edit_resource,
    restore_resource,
)
from collab.kernel.errors import NotFoundError
from collab.web.api import (
    IF_MATCH,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    TruthFilter,
    etag_of,
    require_match,
    tagged,
)


class ResourceSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    kind = serializers.ChoiceField(choices=ResourceKind.choices, read_only=True)

    class Meta:
        model = Resource
        fields = ["id", "organisation", *FIELDS, "archived_at", "version"]


class ResourceEdit(StrictSerializer):
    """Fields that are left out stay as they are."""

    kind = serializers.ChoiceField(choices=ResourceKind.choices, required=False)
    title = serializers.CharField(max_length=200, required=False)
    title_zh = serializers.CharField(max_length=200, required=False, allow_blank=True)
    authors = serializers.CharField(max_length=300, required=False, allow_blank=True)
    year = serializers.IntegerField(min_value=1400, max_value=2200, required=False, allow_null=True)
    link = serializers.URLField(max_length=500, required=False, allow_blank=True)
    identifier = serializers.CharField(max_length=100, required=False, allow_blank=True)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    description_zh = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    topics = serializers.CharField(max_length=300, required=False, allow_blank=True)


class ResourceInput(ResourceEdit):
    """A learning resource, with a link, a DOI or an ISBN."""

    organisation = ScopedRelatedField(word="library.edit", model=Organisation, slug_field="slug")
    kind = serializers.ChoiceField(choices=ResourceKind.choices)
    title = serializers.CharField(max_length=200)


class LinkSerializer(serializers.ModelSerializer):
    """What a resource is attached to."""

    project = serializers.SlugField(source="project.slug", read_only=True, allow_null=True)

    class Meta:
        model = ResourceLink
        fields = ["id", "resource", "subject_type", "subject_id", "project", "note", "created_at"]


class LinkInput(StrictSerializer):
    """`subject_type`: a table to whose rows resources may be attached, such as `collab.project`."""

    resource = ScopedRelatedField(word="library.view", model=Resource)
    subject_type = serializers.CharField(max_length=60)
    subject = serializers.UUIDField()
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)


class ResourceFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search")
    kind = django_filters.ChoiceFilter(choices=ResourceKind.choices)
    topic = django_filters.CharFilter(method="about")
    archived = TruthFilter(method="as_chosen", label="Those that were put away, for who may restore them")

    class Meta:
        model = Resource
        fields: list[str] = []

    def filter_queryset(self, queryset: Any) -> Any:
        """Whatever is asked for, what was put away stays out, unless it is what somebody who may restore it wants."""
        rows = super().filter_queryset(queryset)
        return rows.archived_for(self.request.user) if self.form.cleaned_data["archived"] else rows.in_library()

    def as_chosen(self, rows: Any, name: str, value: bool) -> Any:
        return rows

    def about(self, rows: Any, name: str, value: str) -> Any:
        return rows.about(value)

    def search(self, rows: Any, name: str, value: str) -> Any:
        return rows.matching(value)


class LinkFilter(django_filters.FilterSet):
    project = ProjectFilter()
    resource = django_filters.UUIDFilter()
    subject_type = django_filters.CharFilter()
    subject = django_filters.UUIDFilter(field_name="subject_id")

    class Meta:
        model = ResourceLink
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(summary="Search the library", responses=ResourceSerializer),
    retrieve=extend_schema(summary="Read a learning resource", responses=ResourceSerializer),
)
class ResourceViewSet(ScopedViewSet):
    words = {
        "list": "library.view",
        "retrieve": "library.view",
        "create": "library.edit",
        "partial_update": "library.edit",
        "archive": "library.edit",
        "restore": "library.edit",
    }
    rows = Resource.objects.select_related("organisation")
    serializer_class = ResourceSerializer
    filterset_class = ResourceFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ResourceSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Add to the library", request=ResourceInput, responses={201: ResourceSerializer})
    def create(self, request: Request) -> Response:
        return self._told(add_resource(by=request.user, **self.parsed(ResourceInput)), 201)

    @extend_schema(
        summary="Change a learning resource", request=ResourceEdit, responses=ResourceSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        given = self.parsed(ResourceEdit)
        require_match(request, etag_of(row.pk, row.version), now={name: getattr(row, name) for name in given})
        return self._told(edit_resource(resource=row, by=request.user, version=row.version, **given))

    @extend_schema(summary="Put a learning resource away", request=None, responses=ResourceSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        return self._told(archive_resource(resource=self.get_object(), by=request.user))

    @extend_schema(summary="Bring back what was put away", request=None, responses=ResourceSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        return self._told(restore_resource(resource=self.get_object(), by=request.user))

    def _told(self, row: Resource, status: int = 200) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, ResourceSerializer, status), etag_of(row.pk, row.version))


@extend_schema_view(
    list=extend_schema(summary="List what is attached to what", responses=LinkSerializer),
    retrieve=extend_schema(summary="Read an attachment", responses=LinkSerializer),
)
class ResourceLinkViewSet(ScopedViewSet):
    words = {
        "list": "project.view",
        "retrieve": "project.view",
        "create": "library.view",  # and what the thing asks for to which it is attached
        "destroy": "library.attach",
    }
    rows = ResourceLink.objects.select_related("resource", "project")
    serializer_class = LinkSerializer
    filterset_class = LinkFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), LinkSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), LinkSerializer)

    @extend_schema(summary="Attach a learning resource", request=LinkInput, responses={201: LinkSerializer})
    def create(self, request: Request) -> Response:
        given = self.parsed(LinkInput)
        kind = ATTACHABLE.get(given.pop("subject_type"))
        key = given.pop("subject")
        if kind is None:
            raise NotFoundError
        seen = visible_to(request.user, SCOPES[kind.model].view, kind.model._default_manager.filter(pk=key))
        subject = seen.first()
        if subject is None:
            raise NotFoundError
        return self.shown(attach_resource(subject=subject, by=request.user, **given), LinkSerializer, 201)

    @extend_schema(summary="Take a learning resource off", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        detach_resource(link=self.get_object(), by=request.user)
        return Response(status=204)
