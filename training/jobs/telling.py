"""What this room tells the floors below: how many jobs of a project are under way."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import ngettext

from collab.accounts.models import User
from collab.projects.facts import Fact
from training.jobs.models import Job


def running_counts(user: User, projects: Iterable[UUID]) -> dict[UUID, Fact]:
    """How many jobs of each project are running."""
    rows = Job.objects.filter(project__in=list(projects)).visible_to(user).live().order_by()
    url = reverse("training:jobs")
    return {
        row["project"]: Fact(
            ngettext("%(n)d job running", "%(n)d jobs running", row["n"]) % {"n": row["n"]},
            "play-circle",
            f"{url}?project={row['project__slug']}",
        )
        for row in rows.values("project", "project__slug").annotate(n=Count("pk"))
    }
