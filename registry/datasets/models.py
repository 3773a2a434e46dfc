"""Datasets and their immutable versions. Bytes are blobs named by their sha256."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, Max, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record

if TYPE_CHECKING:
    from collab.access.policy import Person


class DatasetKind(models.TextChoices):
    TEXT = "text", _("Text")
    CSV = "csv", _("Table (CSV)")
    JSONL = "jsonl", _("Records (JSON lines)")
    PARQUET = "parquet", _("Table (Parquet)")
    IMAGES = "images", _("Images")
    AUDIO = "audio", _("Recordings")


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: Person, word: str = "dataset.view") -> DatasetQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_latest(self) -> DatasetQuerySet:
        """Adds `latest_number`, and loads what a list shows."""
        rows = self.select_related("project", "organisation").annotate(latest_number=Max("versions__number"))
        return rows.order_by("-created_at", "pk")  # grouping forgets the table's own order

    def with_summary(self) -> DatasetQuerySet:
        """Adds kind, rows, size and time of the latest version, for lists."""
        latest = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-number")
        facts = {f"latest_{name}": Subquery(latest.values(name)[:1]) for name in ("kind", "rows", "size_bytes")}
        return self.with_latest().annotate(latest_at=Subquery(latest.values("created_at")[:1]), **facts)


class Dataset(Record):
    """What a project's parties share: who owns it, what it is; the rows are in its versions."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="datasets", verbose_name=_("project"))
    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="datasets", verbose_name=_("contributed by")
    )
    name = models.CharField(_("name"), max_length=80, validators=[DisplayNameValidator()])
    description = models.TextField(_("description"), max_length=5000, blank=True, validators=[PlainTextValidator()])
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("added by"))

    objects = DatasetQuerySet.as_manager()

    class Meta:
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="dataset_name_once_per_project")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("registry:dataset", args=[self.pk])

    @property
    def latest_kind_label(self) -> str:
        """The kind of the latest version in words, when `with_summary` loaded it."""
        kind = getattr(self, "latest_kind", None)
        return str(DatasetKind(kind).label) if kind else ""

    def latest(self) -> DatasetVersion | None:
        return self.versions.order_by("-number").first()


class VersionQuerySet(models.QuerySet["DatasetVersion"]):
    def newest(self) -> VersionQuerySet:
        """Of each dataset the latest version."""
        newer = DatasetVersion.objects.filter(dataset=OuterRef("dataset"), number__gt=OuterRef("number"))
        return self.filter(~Exists(newer))

    def visible_to(self, user: Person, word: str = "dataset.view") -> VersionQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]


class DatasetVersion(Record):
    """Exactly these bytes, checked and profiled. Never changes."""

    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="versions", verbose_name=_("dataset"))
    number = models.PositiveIntegerField(_("version"))
    kind = models.CharField(_("kind"), max_length=20, choices=DatasetKind.choices)
    sha256 = models.CharField(_("sha256"), max_length=64, db_index=True)
    size_bytes = models.BigIntegerField(_("size"))
    rows = models.BigIntegerField(_("rows"))
    profile = models.JSONField(_("profile"))
    file_name = models.CharField(_("file name"), max_length=150)
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("uploaded by"))

    objects = VersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("dataset version")
        verbose_name_plural = _("dataset versions")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_number_once"),
            models.UniqueConstraint(fields=["dataset", "sha256"], name="dataset_version_bytes_once"),
            models.CheckConstraint(condition=Q(size_bytes__gt=0), name="dataset_version_has_bytes"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name} v{self.number}"

    def get_absolute_url(self) -> str:
        return f"{self.dataset.get_absolute_url()}?version={self.number}"

    @property
    def key(self) -> str:
        """The id as text, for addresses."""
        return str(self.pk)

    @property
    def public_profile(self) -> dict:
        """The profile without any content of the rows: what `dataset.view` shows."""
        return {key: value for key, value in self.profile.items() if key != "examples"}
