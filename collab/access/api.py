"""May I? The same door that every page and verb goes through, for programs that would rather ask first."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import SCOPES, decide
from collab.access.roles import WORDS
from collab.access.rules import SIGNED_IN
from collab.access.why import explain
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


class ReasonSerializer(serializers.Serializer):
    """One thing that makes it possible."""

    code = serializers.CharField(read_only=True)
    detail = serializers.CharField(source="sentence", read_only=True)
    url = serializers.CharField(read_only=True)


class ExplanationSerializer(DecisionSerializer):
    because = ReasonSerializer(many=True, read_only=True)


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
        word, obj = _asked(request, request.query_params.get("word", ""), kind, name)
        decision = decide(request.user, word, obj)
        if not decision.visible:
            raise NotFoundError
        return Response(
            DecisionSerializer({"word": word, "allowed": decision.allowed, "missing": decision.missing}).data
        )


class AccessViewSet(ScopedViewSet):
    """The decision with the whole chain of its reasons."""

    words = {"explain": SIGNED_IN}
    rows = Organisation.objects.none()  # it may be about anything
    serializer_class = ExplanationSerializer
    pagination_class = None

    @extend_schema(
        summary="Why may I, or may I not?",
        responses=ExplanationSerializer,
        parameters=[
            OpenApiParameter("word", OpenApiTypes.STR, required=True, description="For example dataset.train"),
            OpenApiParameter(
                "object", OpenApiTypes.STR, required=True, description="Kind and id, for example project:aurora"
            ),
        ],
    )
    @action(detail=False, query=("word", "object"))
    def explain(self, request: Request) -> Response:
        kind, _colon, name = request.query_params.get("object", "").partition(":")
        word, obj = _asked(request, request.query_params.get("word", ""), kind, name, field="object")
        user: Any = request.user
        found = explain(user, word, obj)
        if not found.decision.visible:
            raise NotFoundError
        facts = {"word": word, "allowed": found.allowed, "missing": found.missing, "because": found.because}
        return Response(ExplanationSerializer(facts).data)


def _asked(request: Request, word: str, kind: str, name: str, *, field: str = "type") -> tuple[str, Model]:
    """The word and the object that a question names; raises ValidationError or NotFoundError."""
    model = kinds().get(kind)
    if model is None:
        raise serializers.ValidationError({field: [_("Choose one of %(names)s.") % {"names": ", ".join(kinds())}]})
    if word not in words_of(kind, model):
        names = ", ".join(words_of(kind, model))
        raise serializers.ValidationError({"word": [_("Choose one of %(names)s.") % {"names": names}]})
    slug_field = "slug" if any(one.name == "slug" for one in model._meta.fields) else "pk"
    obj = named_row(model._default_manager.all(), name, slug_field)
    if obj is None:
        raise NotFoundError
    return word, obj
