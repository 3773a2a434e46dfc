"""Programmes of a university, and what is evaluated in them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.models import Organisation
from collab.internships.models import Programme
from collab.internships.programmes.services import begin_programme, edit_programme
from collab.web.api import (
    IF_MATCH,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    etag_of,
    require_match,
    standing,
    tagged,
)


class CriterionSerializer(StrictSerializer):
    key = serializers.CharField(max_length=40)
    about = serializers.ChoiceField(choices=["intern", "host"])
    label = serializers.CharField(max_length=200)
    label_zh = serializers.CharField(max_length=200, required=False)
    weight = serializers.IntegerField(min_value=1, max_value=100)


class ProgrammeSerializer(serializers.ModelSerializer):
    university = serializers.SlugField(source="organisation.slug", read_only=True)
    criteria = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = Programme
        fields = ["id", "university", "name", "name_zh", "about", "criteria", "version"]


class ProgrammeEdit(StrictSerializer):
    """Fields that are left out stay as they are; criteria are sent whole."""

    name = serializers.CharField(max_length=120, required=False)
    name_zh = serializers.CharField(max_length=120, required=False, allow_blank=True)
    about = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    criteria = CriterionSerializer(many=True, required=False)


class ProgrammeInput(ProgrammeEdit):
    university = ScopedRelatedField(word="programme.manage", model=Organisation, slug_field="slug")
    name = serializers.CharField(max_length=120)


@extend_schema_view(list=extend_schema(summary="Programmes"), retrieve=extend_schema(summary="One programme"))
class ProgrammeViewSet(ScopedViewSet):
    words = {
        "list": "programme.view",
        "retrieve": "programme.view",
        "create": "programme.manage",
        "partial_update": "programme.manage",
    }
    rows = Programme.objects.select_related("organisation")
    serializer_class = ProgrammeSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ProgrammeSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Begin a programme", request=ProgrammeInput, responses={201: ProgrammeSerializer})
    def create(self, request: Request) -> Response:
        given = _plain(self.parsed(ProgrammeInput))
        return self._told(begin_programme(organisation=given.pop("university"), by=request.user, **given), 201)

    @extend_schema(
        summary="Change a programme and what is evaluated in it", request=ProgrammeEdit,
        responses=ProgrammeSerializer, parameters=[IF_MATCH],
    )  # fmt: skip
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        given = _plain(self.parsed(ProgrammeEdit))
        return self._told(edit_programme(programme=row, by=request.user, version=row.version, **given))

    def _told(self, row: Programme, status: int = 200) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, ProgrammeSerializer, status), etag_of(row.pk, row.version))


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    if "criteria" in given:
        given["criteria"] = [dict(one) for one in given["criteria"]]
    return given
