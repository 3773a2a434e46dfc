"""Registered models and their versions: figures, lineage, terms, card."""

from __future__ import annotations

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.agreements.models import AgreementVersion
from collab.projects.api import IF_MATCH
from collab.web.api import (
    PersonSerializer,
    ProjectFilter,
    ScopedViewSet,
    StrictSerializer,
    etag_of,
    require_match,
    tagged,
)
from registry.catalog.models import ModelVersion, RegisteredModel
from registry.catalog.services import edit_card
from registry.datasets.models import DatasetVersion


class TermRef(serializers.ModelSerializer):
    """A version of an agreement, by name."""

    agreement = serializers.CharField(source="agreement.reference", read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = AgreementVersion
        fields = ["id", "agreement", "number", "url"]


class DatasetVersionRef(serializers.ModelSerializer):
    """A dataset version, by name."""

    dataset = serializers.CharField(source="dataset.name", read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = DatasetVersion
        fields = ["id", "dataset", "number", "sha256", "url"]


class ModelVersionRef(serializers.ModelSerializer):
    """A model version, by name."""

    name = serializers.CharField(source="model.name", read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = ModelVersion
        fields = ["id", "name", "number", "url"]


class ModelSerializer(serializers.ModelSerializer):
    project = serializers.SlugField(source="project.slug", read_only=True)
    latest_number = serializers.IntegerField(read_only=True, allow_null=True)
    primary_metric = serializers.CharField(read_only=True, allow_null=True)
    primary_value = serializers.FloatField(read_only=True, allow_null=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = RegisteredModel
        fields = [
            "id",
            "project",
            "name",
            "task",
            "latest_number",
            "primary_metric",
            "primary_value",
            "created_at",
            "url",
        ]


class ModelVersionRow(ModelVersionRef):
    """A model version in a list."""

    model = serializers.UUIDField(source="model_id", read_only=True)
    project = serializers.SlugField(source="model.project.slug", read_only=True)

    class Meta(ModelVersionRef.Meta):
        fields = [
            *ModelVersionRef.Meta.fields,
            "model",
            "project",
            "architecture",
            "parameters",
            "primary_metric",
            "primary_value",
            "size_bytes",
            "created_at",
        ]


class ModelVersionDetail(ModelVersionRow):
    """A model version whole: how good, from what, under which terms."""

    metrics = serializers.SerializerMethodField()
    baseline = serializers.DictField(read_only=True)
    manifest = serializers.DictField(read_only=True)
    trained_on = DatasetVersionRef(source="dataset_versions", many=True, read_only=True)
    trained_under = TermRef(source="terms", many=True, read_only=True)
    trained_by = PersonSerializer(source="created_by", read_only=True)
    started_from = ModelVersionRef(read_only=True, allow_null=True)

    class Meta(ModelVersionRow.Meta):
        fields = [
            *ModelVersionRow.Meta.fields,
            "metrics",
            "baseline",
            "card",
            "manifest",
            "manifest_sha256",
            "trained_on",
            "trained_under",
            "trained_by",
            "started_from",
            "job_id",
            "mlflow_run_id",
            "mlflow_model_id",
            "mlflow_version",
        ]

    def get_metrics(self, version: ModelVersion) -> dict[str, float]:
        """Value by name."""
        return {metric.name: metric.value for metric in version.metrics.all()}


class CardInput(StrictSerializer):
    """The whole new card, in Markdown."""

    card = serializers.CharField(max_length=100_000, trim_whitespace=False)


class ModelFilter(django_filters.FilterSet):
    project = ProjectFilter()
    name = django_filters.CharFilter()
    task = django_filters.CharFilter()


class ModelVersionFilter(django_filters.FilterSet):
    project = ProjectFilter(path="model__project")
    model = django_filters.UUIDFilter(field_name="model_id")
    architecture = django_filters.CharFilter()


@extend_schema_view(list=extend_schema(summary="Models"), retrieve=extend_schema(summary="One model"))
class ModelViewSet(ScopedViewSet):
    words = {"list": "model.view", "retrieve": "model.view", "versions": "model.view"}
    rows = RegisteredModel.objects.with_latest()
    serializer_class = ModelSerializer
    filterset_class = ModelFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ModelSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), ModelSerializer)

    @extend_schema(summary="Versions of a model", responses=ModelVersionRow(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        return self.listed(self.get_object().versions.select_related("model__project"), ModelVersionRow)


@extend_schema_view(
    list=extend_schema(summary="Model versions", responses=ModelVersionRow(many=True)),
    retrieve=extend_schema(summary="One version, with its lineage"),
)
class ModelVersionViewSet(ScopedViewSet):
    words = {"list": "model.view", "retrieve": "model.view", "partial_update": "model.register"}
    rows = ModelVersion.objects.with_lineage().prefetch_related("metrics")
    serializer_class = ModelVersionDetail
    filterset_class = ModelVersionFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ModelVersionRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(
        summary="Rewrite the model card", request=CardInput, responses=ModelVersionDetail, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        version = self.get_object()
        require_match(request, etag_of(version.pk, version.card), now={"card": version.card})
        card = self.parsed(CardInput)["card"]
        edited = edit_card(version=version, card=card, seen_card=version.card, by=request.user)
        return self._tagged(self.rows.get(pk=edited.pk))

    def _tagged(self, version: ModelVersion) -> Response:
        return tagged(self.shown(version, ModelVersionDetail), etag_of(version.pk, version.card))
