"""The cooperation graph for programs: the same nodes and links as the page."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from collab.graph.building import graph_of
from collab.graph.forms import GraphFilter
from collab.graph.sources import DRAWN_OF_EACH, LINKS_DRAWN, PROJECTS_DRAWN, GraphRole
from collab.projects.models import Project
from collab.web.api import ScopedViewSet

LIMITS = {"projects": PROJECTS_DRAWN, "of_each_other_kind": DRAWN_OF_EACH, "links": LINKS_DRAWN}


class NodeSerializer(serializers.Serializer):
    """An organisation, project, person, model, agreement, or what else a room draws."""

    id = serializers.CharField(source="key", read_only=True)
    kind = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    detail = serializers.CharField(read_only=True)
    url = serializers.CharField(read_only=True)
    since = serializers.DateField(read_only=True, allow_null=True)
    until = serializers.DateField(read_only=True, allow_null=True)


class LinkSerializer(serializers.Serializer):
    """`source` does to `target` what the label says; `roles` are the questions that it answers."""

    source = serializers.CharField(read_only=True)
    target = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)
    roles = serializers.SerializerMethodField()
    since = serializers.DateField(read_only=True, allow_null=True)
    until = serializers.DateField(read_only=True, allow_null=True)

    def get_roles(self, link: object) -> list[str]:
        return [role.value for role in GraphRole if role in link.roles]  # type: ignore[attr-defined]


class LimitsSerializer(serializers.Serializer):
    projects = serializers.IntegerField(read_only=True)
    of_each_other_kind = serializers.IntegerField(read_only=True)
    links = serializers.IntegerField(read_only=True)


class GraphSerializer(serializers.Serializer):
    """`left_out`: of which kind how many were beyond the limits."""

    nodes = NodeSerializer(many=True, read_only=True)
    links = LinkSerializer(many=True, read_only=True)
    left_out = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    limits = LimitsSerializer(read_only=True)


def graph_json(form: GraphFilter) -> dict[str, object]:
    """The graph that a form asks for, as the API tells it."""
    graph = graph_of(form.question(), hide=form.hidden)
    facts = {"nodes": graph.nodes, "links": graph.links, "left_out": graph.left_out, "limits": LIMITS}
    return GraphSerializer(facts).data


class GraphViewSet(ScopedViewSet):
    words = {"list": "project.view"}
    rows = Project.objects.all()
    serializer_class = GraphSerializer
    pagination_class = None
    query = tuple(GraphFilter.base_fields)

    @extend_schema(
        summary="Who works with whom",
        description="Only what you may see is in it; there is nothing to page through, so the limits say what is not.",
        responses=GraphSerializer,
        parameters=[
            OpenApiParameter("role", OpenApiTypes.STR, enum=[role.value for role in GraphRole]),
            OpenApiParameter("project", OpenApiTypes.STR, description="Its short name"),
            OpenApiParameter("party", OpenApiTypes.STR, description="The short name of an organisation"),
            OpenApiParameter("since", OpenApiTypes.DATE, description="The first day"),
            OpenApiParameter("until", OpenApiTypes.DATE, description="The last day"),
            OpenApiParameter("hide", OpenApiTypes.STR, many=True, description="Kinds of node to leave out"),
        ],
    )
    def list(self, request: Request) -> Response:
        form = GraphFilter(request.query_params, user=request.user)
        facts = graph_json(form)
        if form.errors:
            raise serializers.ValidationError(form.errors)
        return Response(facts)
