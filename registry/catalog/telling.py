"""What this room tells the floor below: how many models a project has."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import ngettext

from collab.accounts.models import User
from collab.projects.facts import Fact
from collab.projects.products import Product
from registry.catalog.models import ModelVersion, RegisteredModel


def model_counts(user: User, projects: Iterable[UUID]) -> dict[UUID, Fact]:
    """How many registered models each project has."""
    rows = RegisteredModel.objects.filter(project__in=list(projects)).visible_to(user).order_by()
    url = reverse("registry:models")
    return {
        row["project"]: Fact(
            ngettext("%(n)d model", "%(n)d models", row["n"]) % {"n": row["n"]},
            "box-seam",
            f"{url}?project={row['project__slug']}",
        )
        for row in rows.values("project", "project__slug").annotate(n=Count("pk"))
    }


class ModelProducts:
    """Model versions as outputs of a project."""

    def of_project(self, user: User, project_id: UUID) -> list[Product]:
        rows = ModelVersion.objects.filter(model__project_id=project_id).visible_to(user).select_related("model")
        return [Product("model_version", row.pk, str(row), row.get_absolute_url()) for row in rows]
