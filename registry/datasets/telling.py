"""What this room tells the floor below: datasets that agreements can cover, and how many a project has."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count, QuerySet
from django.urls import reverse
from django.utils.translation import ngettext

from collab.access.policy import visible_to
from collab.accounts.models import User
from collab.agreements.assets import Asset
from collab.projects.facts import Fact
from collab.projects.products import Product
from registry.datasets.models import Dataset


class DatasetAssets:
    """Datasets as what coverage may name.

    Whoever reads or drafts the terms of a project must know the names of its data; the page of a dataset opens only
    to those who may see datasets.
    """

    def of_project(self, user: User, project_id: UUID) -> list[Asset]:
        return _assets(user, Dataset.objects.filter(project_id=project_id))

    def named(self, user: User, keys: Iterable[UUID]) -> dict[UUID, Asset]:
        return {asset.pk: asset for asset in _assets(user, Dataset.objects.filter(pk__in=list(keys)))}


class DatasetProducts:
    """Datasets as outputs of a project."""

    def of_project(self, user: User, project_id: UUID) -> list[Product]:
        rows = Dataset.objects.filter(project_id=project_id).visible_to(user).order_by("name")
        return [Product("dataset", row.pk, row.name, row.get_absolute_url()) for row in rows]


def _assets(user: User, rows: QuerySet[Dataset]) -> list[Asset]:
    seen = set(rows.visible_to(user).values_list("pk", flat=True))  # type: ignore[attr-defined]
    named = visible_to(user, "agreement.view", rows).order_by("name")
    return [Asset(row.pk, row.name, row.get_absolute_url() if row.pk in seen else "") for row in named]


def dataset_counts(user: User, projects: Iterable[UUID]) -> dict[UUID, Fact]:
    """How many datasets each project has."""
    rows = Dataset.objects.filter(project__in=list(projects)).visible_to(user).order_by()
    url = reverse("registry:datasets")
    return {
        row["project"]: Fact(
            ngettext("%(n)d dataset", "%(n)d datasets", row["n"]) % {"n": row["n"]},
            "database",
            f"{url}?project={row['project__slug']}",
        )
        for row in rows.values("project", "project__slug").annotate(n=Count("pk"))
    }
