"""The room of a project where it says what its people must have learnt, and what they can learn from."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, require
from collab.agreements.assets import assets_named
from collab.courses.conditions import end_condition, held_courses, set_condition
from collab.courses.forms import ConditionForm
from collab.courses.library.forms import AttachForm
from collab.courses.library.models import ResourceLink
from collab.courses.library.services import attach_resource, detach_resource, links_of
from collab.courses.models import CourseCondition
from collab.kernel.errors import NotFoundError
from collab.projects.models import Project
from collab.projects.tabs import TAB_WORDS, tabs_of
from collab.web.api import as_uuid
from collab.web.forms import act, sent, show, submit


def project_training(request: HttpRequest, slug: str) -> HttpResponse:
    project = _project(request, "project.view", slug)
    return _room(request, project)


def condition_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = _project(request, "course.require", slug)
    form = ConditionForm(sent(request), project=project, user=request.user)

    def ask() -> str:
        given = form.cleaned_data
        set_condition(
            project=project, course=given["course"], needed_for=given["needed_for"], by=request.user,
            asset=as_uuid(given["asset"] or ""),
        )  # fmt: skip
        return _url(project)

    return submit(request, form, ask) or _room(request, project, condition=form)


def condition_end(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project = _project(request, "course.require", slug)
    row = CourseCondition.objects.filter(project=project, pk=pk).first()
    if row is None:
        raise NotFoundError
    return act(
        request, lambda: end_condition(condition=row, by=request.user), to=_url(project), said=_("No longer asked for.")
    )


def resource_attach(request: HttpRequest, slug: str) -> HttpResponse:
    project = _project(request, "library.attach", slug)
    form = AttachForm(sent(request), attached=links_of(project).values("resource"))

    def attach() -> str:
        attach_resource(subject=project, by=request.user, **form.cleaned_data)
        return _url(project)

    return submit(request, form, attach) or _room(request, project, attach=form)


def resource_detach(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project = _project(request, "library.attach", slug)
    row = ResourceLink.objects.filter(project=project, pk=pk).select_related("resource", "project").first()
    if row is None:
        raise NotFoundError
    return act(request, lambda: detach_resource(link=row, by=request.user), to=_url(project), said=_("Taken off."))


# --- what the pages share
def _room(request: HttpRequest, project: Project, *, condition: Any = None, attach: Any = None) -> HttpResponse:
    user: Any = request.user
    may = allowed(user, project, "course.require", "library.attach", *TAB_WORDS)
    rows = list(CourseCondition.objects.filter(project=project, ended_at=None).select_related("course", "set_by"))
    names = assets_named(user, [row.asset for row in rows])
    held = held_courses(user, {row.course_id for row in rows})
    links = links_of(project)
    if "course.require" in may and condition is None:
        condition = ConditionForm(project=project, user=user)
    if "library.attach" in may and attach is None:
        attach = AttachForm(attached=links.values("resource"))
    context = {
        "project": project,
        "tabs": tabs_of(project, "project_training", may),
        "conditions": [
            {"row": row, "asset": names[row.asset].name if row.asset in names else "", "held": row.course_id in held}
            for row in rows
        ],
        "links": links,
        "condition_form": condition,
        "attach_form": attach,
    }
    failed = next((form for form in (condition, attach) if form is not None and form.is_bound), None)
    return show(request, "collab/courses/project.html", context, failed)


def _project(request: HttpRequest, word: str, slug: str) -> Project:
    project = get_or_404(request.user, "project.view", Project.objects.all(), slug=slug)
    if word != "project.view":
        require(request.user, word, project)
    return project


def _url(project: Project) -> str:
    return reverse("collab:project_training", args=[project.slug])
