"""Trying models over the API: ask, look again, read the answer."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from collab.transfer.licences.models import LicensedAsset
from collab.web.api import ScopedRelatedField, ScopedViewSet, StrictSerializer, choices_of
from collab.web.parsers import WholeMultiPartParser
from registry.catalog.api import ModelVersionRef
from registry.catalog.models import ModelVersion
from training.playground.forms import read_files
from training.playground.inputs import (
    CAPTIONS_MAX,
    DRAWINGS_MAX,
    MUTATIONS_MAX,
    NUMBERS_MAX,
    SEED_MAX,
    Given,
    given_for,
)
from training.playground.models import Trial
from training.playground.services import ask_licensed, ask_model, eta_s, licensed_version
from training.playground.states import InputKind, TrialState


class TrialRow(serializers.ModelSerializer):
    """A question to a model; ask again while `state` is waiting or running."""

    version = ModelVersionRef(read_only=True)
    release = serializers.UUIDField(source="asset_id", read_only=True, allow_null=True)
    kind = serializers.ChoiceField(choices=choices_of(InputKind), read_only=True)
    state = serializers.ChoiceField(choices=choices_of(TrialState), read_only=True)
    reason_text = serializers.CharField(source="reason_sentence", read_only=True)
    remedy = serializers.CharField(read_only=True)

    class Meta:
        model = Trial
        fields = ["id", "version", "release", "kind", "state", "reason", "reason_text", "reason_detail", "remedy"]
        fields += ["created_at", "started_at", "ended_at"]


class TrialDetail(TrialRow):
    """With what was sent and answered. `eta_s`: seconds until the answer, where that can be told."""

    answer = serializers.DictField(read_only=True, allow_null=True)
    eta_s = serializers.SerializerMethodField()

    class Meta(TrialRow.Meta):
        fields = [*TrialRow.Meta.fields, "text", "answer", "eta_s"]

    def get_eta_s(self, trial: Trial) -> float | None:
        return eta_s(trial)


class GivenInput(StrictSerializer):
    """What the model reads; files come as a form.

    One of `text`, `numbers`, `image` and `audio`; or `question` with `context`, `text` with `other`, or `image` with
    `texts`; of what draws `label`, `seed` and `count`; of what reads aloud `text` and, where it has several, `voice`;
    of a language model of proteins `sequence` with or without `mutations`.
    """

    text = serializers.CharField(required=False, trim_whitespace=False)
    numbers = serializers.ListField(child=serializers.FloatField(), required=False, max_length=NUMBERS_MAX)
    image = serializers.FileField(required=False, allow_empty_file=True)
    audio = serializers.FileField(required=False, allow_empty_file=True)
    question = serializers.CharField(required=False, trim_whitespace=False)
    context = serializers.CharField(required=False, trim_whitespace=False)
    other = serializers.CharField(required=False, trim_whitespace=False)
    texts = serializers.ListField(child=serializers.CharField(), required=False, max_length=CAPTIONS_MAX)
    label = serializers.CharField(required=False)
    seed = serializers.IntegerField(required=False, min_value=0, max_value=SEED_MAX)
    count = serializers.IntegerField(required=False, min_value=1, max_value=DRAWINGS_MAX)
    voice = serializers.CharField(required=False)
    sequence = serializers.CharField(required=False)
    mutations = serializers.ListField(child=serializers.CharField(), required=False, max_length=MUTATIONS_MAX)


class TrialInput(GivenInput):
    version = ScopedRelatedField(word="model.try", model=ModelVersion)


class LicensedTrialInput(GivenInput):
    release = ScopedRelatedField(word="release.try", model=LicensedAsset)


class TrialFilter(django_filters.FilterSet):
    version = django_filters.UUIDFilter(field_name="version_id")
    state = django_filters.ChoiceFilter(choices=choices_of(TrialState))


@extend_schema_view(
    list=extend_schema(summary="What one asked models", responses=TrialRow(many=True)),
    retrieve=extend_schema(summary="One question and its answer", responses=TrialDetail),
)
class TrialViewSet(ScopedViewSet):
    words = {"list": "trial.view", "retrieve": "trial.view", "create": "model.try", "licensed": "release.try"}
    rows = Trial.objects.with_names()
    serializer_class = TrialDetail
    filterset_class = TrialFilter

    def get_parsers(self) -> list[BaseParser]:
        parsers = super().get_parsers()
        method = (self.request.method or "").lower() if self.request else ""
        return [*parsers, WholeMultiPartParser()] if self.action_map.get(method) in {"create", "licensed"} else parsers

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), TrialRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), TrialDetail)

    @extend_schema(summary="Ask a model of one's project", request=TrialInput, responses={201: TrialDetail})
    def create(self, request: Request) -> Response:
        sent = self.parsed(TrialInput)
        version = sent.pop("version")
        trial = ask_model(version=version, given=_given(version, sent), by=request.user)  # type: ignore[arg-type]
        return self.shown(trial, TrialDetail, 201)

    @extend_schema(summary="Ask a licensed model", request=LicensedTrialInput, responses={201: TrialDetail})
    @action(detail=False, methods=["post"])
    def licensed(self, request: Request) -> Response:
        sent = self.parsed(LicensedTrialInput)
        asset = sent.pop("release")
        given = _given(licensed_version(asset), sent)
        return self.shown(ask_licensed(asset=asset, given=given, by=request.user), TrialDetail, 201)  # type: ignore[arg-type]


def _given(version: ModelVersion, sent: dict[str, Any]) -> Given:
    return given_for(version, **read_files(sent))
