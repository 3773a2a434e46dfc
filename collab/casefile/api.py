"""The case of a project for programs: the same ZIP as from its page."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request

from collab.casefile.views import ZIP, case_response
from collab.projects.models import Project
from collab.web.api import SLUG_PATTERN, ScopedViewSet
from collab.web.negotiation import AnythingNegotiation


class CaseViewSet(ScopedViewSet):
    words = {"case": "audit.view"}
    rows = Project.objects.all()
    serializer_class = serializers.Serializer  # it answers with a file
    lookup_field = "slug"
    lookup_value_regex = SLUG_PATTERN

    @extend_schema(
        summary="The whole case of a project as one ZIP",
        description="Only what you may see is in it; manifest.json names each file with its hash, and what is missing.",
        responses={(200, ZIP): OpenApiResponse(OpenApiTypes.BINARY, description="ZIP")},
    )
    @action(detail=True, content_negotiation_class=AnythingNegotiation)
    def case(self, request: Request, slug: str) -> HttpResponseBase:
        project = self.get_object()
        return HttpResponse(content_type=ZIP) if request.method == "HEAD" else case_response(project, request.user)
