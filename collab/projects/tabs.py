"""The rooms of one project's page: which there are for this person, and which is open."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from collab.projects.models import Project
from collab.projects.states import PATH, ProjectState

TAB_WORDS = ("review.view", "budget.view", "publication.view", "ethics.view")


def tabs_of(project: Project, active: str, may: set[str]) -> list[dict[str, Any]]:
    """Items of components/_tabs.html."""
    names = [
        ("project", _("Overview"), "project.view"),
        ("project_review", _("Review"), "review.view"),
        ("work", _("Milestones"), "project.view"),
        ("budget", _("Budget"), "budget.view"),
        ("reports", _("Reports"), "project.view"),
        ("outputs", _("Outputs"), "project.view"),
        ("publications", _("Publications"), "publication.view"),
        ("project_training", _("Learning"), "project.view"),
        ("project_ethics", _("Ethics"), "ethics.view"),
        ("closure", _("Closure"), "project.view"),
    ]
    return [
        {"label": label, "url": reverse(f"collab:{name}", args=[project.slug]), "active": name == active}
        for name, label, word in names
        if word == "project.view" or word in may
    ]


def steps_of(project: Project, words: dict[ProjectState, Any]) -> list[dict[str, Any]]:
    """The way of the project, and where it stands on it."""
    state = ProjectState(project.state)
    here = (
        PATH.index(ProjectState.ACTIVE if state == ProjectState.SUSPENDED else state)
        if (state in PATH or state == ProjectState.SUSPENDED)
        else -1
    )
    return [
        {"label": words[step], "done": number < here, "current": number == here} for number, step in enumerate(PATH)
    ]
