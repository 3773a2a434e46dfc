"""Registered models and their versions: our rows beside MLflow's, with lineage, terms, metrics and card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from registry.catalog.metrics import task_label
from registry.catalog.trying import TRIED

if TYPE_CHECKING:
    from collab.access.policy import Person


class ModelQuerySet(models.QuerySet["RegisteredModel"]):
    def visible_to(self, user: Person, word: str = "model.view") -> ModelQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_latest(self) -> ModelQuerySet:
        """Adds `version_count`, `latest_number`, `primary_metric` and `primary_value` of the latest version."""
        latest = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-number")
        rows = self.select_related("project").annotate(
            version_count=Count("versions"),
            latest_number=Subquery(latest.values("number")[:1]),
            primary_metric=Subquery(latest.values("primary_metric")[:1]),
            primary_value=Subquery(latest.values("primary_value")[:1]),
            latest_at=Subquery(latest.values("created_at")[:1]),
        )
        return rows.order_by("-created_at", "pk")  # grouping forgets the table's own order

    def with_metric(self, name: str) -> ModelQuerySet:
        """Adds `metric_value`: this metric of the latest version, or nothing when it was not measured."""
        latest = ModelVersion.objects.filter(model=OuterRef(OuterRef("pk"))).order_by("-number")
        found = ModelMetric.objects.filter(version=Subquery(latest.values("pk")[:1]), name=name)
        return self.annotate(metric_value=Subquery(found.values("value")[:1]))


class RegisteredModel(Record):
    """A name under which versions of a trained net are kept."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="models", verbose_name=_("project"))
    name = models.CharField(_("name"), max_length=80, validators=[DisplayNameValidator()])
    task = models.CharField(_("task"), max_length=40)
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("registered by"))

    objects = ModelQuerySet.as_manager()

    class Meta:
        verbose_name = _("registered model")
        verbose_name_plural = _("registered models")
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="model_name_once_per_project")]

    def __str__(self) -> str:
        return self.name

    @property
    def task_label(self) -> str:
        """The task in the reader's language."""
        return task_label(self.task)

    @property
    def can_be_tried(self) -> bool:
        """Whether there is a page on which its versions answer."""
        return self.task in TRIED

    def get_absolute_url(self) -> str:
        return reverse("registry:model", args=[self.pk])


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def visible_to(self, user: Person, word: str = "model.view") -> ModelVersionQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_figures(self) -> ModelVersionQuerySet:
        """Loads who made it and every metric."""
        return self.select_related("created_by").prefetch_related("metrics")

    def with_lineage(self) -> ModelVersionQuerySet:
        return self.select_related("model__project", "created_by", "started_from__model").prefetch_related(
            "dataset_versions__dataset", "terms__agreement", "metrics"
        )


class ModelVersion(Record):
    """One trained net: where it came from, under which terms, how good it is, and where its files are."""

    model = models.ForeignKey(RegisteredModel, models.PROTECT, related_name="versions", verbose_name=_("model"))
    number = models.PositiveIntegerField(_("version"))
    architecture = models.CharField(_("architecture"), max_length=40)
    parameters = models.BigIntegerField(_("parameters"), default=0)
    primary_metric = models.CharField(_("primary metric"), max_length=60, blank=True)
    primary_value = models.FloatField(_("value"), null=True, blank=True)
    baseline = models.JSONField(_("trivial baseline"), default=dict)
    card = models.TextField(_("model card"), max_length=100_000, blank=True, validators=[PlainTextValidator()])
    manifest = models.JSONField(_("files"), default=dict)
    manifest_sha256 = models.CharField(_("manifest hash"), max_length=64)
    size_bytes = models.BigIntegerField(_("size"), default=0)
    job_id = models.UUIDField(_("training job"), null=True, blank=True, unique=True)
    mlflow_run_id = models.CharField(_("MLflow run"), max_length=64, blank=True)
    mlflow_model_id = models.CharField(_("MLflow model"), max_length=64, blank=True)
    mlflow_version = models.CharField(_("MLflow version"), max_length=20, blank=True)
    dataset_versions = models.ManyToManyField(
        "registry.DatasetVersion", related_name="model_versions", verbose_name=_("trained on")
    )
    terms = models.ManyToManyField(
        "collab.AgreementVersion", related_name="+", blank=True, verbose_name=_("trained under")
    )
    started_from = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="continued_by", verbose_name=_("started from")
    )
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("trained by"))

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="model_version_number_once"),
            models.CheckConstraint(condition=~Q(manifest_sha256=""), name="model_version_has_manifest"),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number}"

    @property
    def short(self) -> str:
        return f"v{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("registry:model_version", args=[self.model_id, self.number])


class ModelMetric(models.Model):
    """A metric of a version as a row, so that lists sort and filter by any of them."""

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="metrics", verbose_name=_("version"))
    name = models.CharField(_("name"), max_length=60)
    value = models.FloatField(_("value"))

    class Meta:
        verbose_name = _("model metric")
        verbose_name_plural = _("model metrics")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["version", "name"], name="model_metric_once")]
        indexes = [models.Index(fields=["name", "value"], name="model_metric_by_value")]

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"
