"""Which words need a project that is under way: a condition in SQL, so a suspension holds on the next request."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Model, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from collab.access.policy import Missing, Requirement, register_requirement
from collab.accounts.models import User
from collab.projects.models import Project
from collab.projects.states import ENDED, ProjectState

ACTIVE = frozenset({ProjectState.ACTIVE})
NOT_ENDED = frozenset(ProjectState) - ENDED


def requires_project(model: type[Model], path: str, *words: str, states: frozenset[ProjectState] = ACTIVE) -> None:
    """Let these words on a model need a project in one of `states`; `path` leads to it, empty for the project."""

    def condition(user: User, at: datetime) -> Q:
        return Q(**{f"{path}__state__in" if path else "state__in": sorted(states)})

    def explain(user: User, obj: Any, at: datetime) -> Missing:
        for step in path.split("__") if path else ():
            obj = getattr(obj, step)
        return not_under_way(obj)

    register_requirement(
        Requirement(
            code=f"{model.__name__}.project_state.{'_'.join(sorted(states))}.{'_'.join(words)}",
            words=frozenset(words),
            model=model,
            condition=condition,
            explain=explain,
            label=gettext_lazy("Project not active"),
        )
    )


def not_under_way(project: Project) -> Missing:
    """The project is not active, and where to mend that."""
    return Missing(
        "project_not_active",
        _("The project is not active: it is “%(state)s” now.")
        % {"state": pgettext("state", project.state.replace("_", " ").capitalize())},
        project.get_absolute_url(),
    )
