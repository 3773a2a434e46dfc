"""May I? The same door that every page and verb goes through, for programs that would rather ask first."""

from __future__ import annotations

import re

from django.db.models import Model
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import SCOPES, decide
from collab.access.roles import WORDS
from collab.access.rules import SIGNED_IN
from collab.accounts.models import Organisation
from collab.kernel.errors import NotFoundError
from collab.web.api import ScopedViewSet, named_row

# Words about things that do not exist yet are asked of what they will belong to.
_ASKED_OF = {
    "organisation": {"project.create"},
    "project": {
        "member.manage",
        "agreement.draft",
        "dataset.upload",
        "job.submit",
        "model.register",
        "tracking.read",
        "tracking.write",
        "tracking.manage",
        "audit.view",
    },
}


class MissingSerializer(serializers.Serializer):
    """One thing that stands in the way, and where to mend it."""

    code = serializers.CharField(read_only=True)
    detail = serializers.CharField(source="sentence", read_only=True)
    url = serializers.CharField(read_only=True)


class DecisionSerializer(serializers.Serializer):
    word = serializers.CharField(read_only=True)
    allowed = serializers.BooleanField(read_only=True)
    missing = MissingSerializer(many=True, read_only=True)


def kinds() -> dict[str, type[Model]]:
    """`dataset_version` -> the model, for everything that hangs on a project, an organisation or a person."""
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", model.__name__).lower(): model for model in SCOPES}


def words_of(kind: str, model: type[Model]) -> list[str]:
    """The words that make sense for a kind of object."""
    noun = SCOPES[model].view.partition(".")[0]
    return [w for w in WORDS if w.startswith(f"{noun}.") or w in _ASKED_OF.get(kind, ())]


class DecideViewSet(ScopedViewSet):
    words = {"list": SIGNED_IN}
    rows = Organisation.objects.none()  # it may be about anything
    serializer_class = DecisionSerializer
    pagination_class = None
    query = ("word", "type", "id")

    @extend_schema(
        summary="May I do this?",
        responses=DecisionSerializer,
        parameters=[
            OpenApiParameter("word", OpenApiTypes.STR, required=True, description="For example dataset.train"),
            OpenApiParameter("type", OpenApiTypes.STR, required=True, description="For example dataset_version"),
            OpenApiParameter("id", OpenApiTypes.STR, required=True, description="Its id, or short name"),
        ],
    )
    def list(self, request: Request) -> Response:
        kind, name = request.query_params.get("type", ""), request.query_params.get("id", "")
        word = request.query_params.get("word", "")
        model = kinds().get(kind)
        if model is None:
            raise serializers.ValidationError({"type": [_("Choose one of %(names)s.") % {"names": ", ".join(kinds())}]})
        if word not in words_of(kind, model):
            names = ", ".join(words_of(kind, model))
            raise serializers.ValidationError({"word": [_("Choose one of %(names)s.") % {"names": names}]})
        slug_field = "slug" if any(field.name == "slug" for field in model._meta.fields) else "pk"
        obj = named_row(model._default_manager.all(), name, slug_field)
        decision = decide(request.user, word, obj) if obj is not None else None
        if decision is None or not decision.visible:
            raise NotFoundError
        return Response(
            DecisionSerializer({"word": word, "allowed": decision.allowed, "missing": decision.missing}).data
        )
