"""Pages of joint projects."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Membership
from collab.audit.models import AuditEvent
from collab.kernel.errors import InvalidError
from collab.projects.facts import facts_of
from collab.projects.forms import (
    STATE_WORDS,
    EditProjectForm,
    MemberForm,
    MoveForm,
    PartyForm,
    ProjectFilter,
    ProjectForm,
)
from collab.projects.guards import missing_for
from collab.projects.models import Project
from collab.projects.services import (
    add_member,
    add_party,
    create_project,
    edit_project,
    end_membership,
    move_project,
)
from collab.projects.services.approval import answering_for, under_conditions
from collab.projects.states import PROJECT_MOVES, ApprovalState, ProjectState
from collab.projects.tabs import TAB_WORDS, steps_of, tabs_of
from collab.web.forms import act, sent, show, submit
from collab.web.history import timeline
from collab.web.pagination import page_of

HISTORY_SHOWN = 8
# What comes next in a state, so that the page can say what it waits for.
NEXT = {
    ProjectState.PROPOSAL: "submit",
    ProjectState.UNDER_REVIEW: "ask_approval",
    ProjectState.IN_APPROVAL: "approve",
    ProjectState.CONTRACTING: "begin",
    ProjectState.CLOSING: "close",
}
ACTIONS = ("disclosure.create", "project.edit", "member.manage", "agreement.draft", "audit.view", "tracking.read")
PANELS = ("dataset.view", "dataset.upload", "job.view", "job.submit", "model.view")


def project_list(request: HttpRequest) -> HttpResponse:
    rows = Project.objects.visible_to(request.user).with_parties()
    found = ProjectFilter(request.GET, queryset=rows, request=request)
    page = page_of(request, found.qs)
    facts = facts_of(request.user, [project.pk for project in page])
    for project in page:
        project.facts = facts[project.pk]  # type: ignore[attr-defined]
    return show(request, "collab/projects/list.html", {"page": page, "filter": found})


def project_new(request: HttpRequest) -> HttpResponse:
    form = ProjectForm(sent(request), user=request.user)

    def begin() -> str:
        project = create_project(by=request.user, **form.values())
        messages.success(request, _("The project has begun as a proposal. Next: its people and its first agreement."))
        return project.get_absolute_url()

    return submit(request, form, begin) or show(request, "collab/projects/new.html", {"form": form}, form)


def project_page(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "project.view", Project.objects.with_parties(), slug=slug)
    may = allowed(request.user, project, *ACTIONS, *PANELS, *TAB_WORDS)
    next_move = NEXT.get(project.state, "")
    context = {
        "project": project,
        "tabs": tabs_of(project, "project", may),
        "steps": steps_of(project, STATE_WORDS),
        "missing": missing_for(next_move, project) if next_move else [],
        "approvals": _approvals(project),
        "answering": set(answering_for(request.user, project.pk).values_list("pk", flat=True)),
        "may": {word.replace(".", "_"): True for word in may},
        "moves": [] if project.is_frame else PROJECT_MOVES.open_from(project.state),
        "people": Membership.objects.of_project(project).active().with_names(),
    }
    if "tracking.read" in may:
        context["mlflow_setup"] = _mlflow_setup(project)
    if "audit.view" in may:
        context["history"] = timeline(_events(request, project)[:HISTORY_SHOWN])
    return show(request, "collab/projects/page.html", context)


def _approvals(project: Project) -> Any:
    """The answers of the parties, while they are being given; `conditional` ones count once conditions are met."""
    asked = project.approvals.filter(round=project.round).select_related("party__organisation", "decided_by")
    if project.state != ProjectState.IN_APPROVAL:
        asked = asked.filter(state=ApprovalState.OPEN)  # of parties that joined later
    rows = list(asked)
    conditional = under_conditions(rows) if rows else set()
    for row in rows:
        row.conditional = str(row.pk) in conditional
    return rows


def project_edit(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "project.edit", Project.objects.all(), slug=slug)
    form = EditProjectForm(sent(request), initial=EditProjectForm.about(project))

    def change() -> str:
        changed = edit_project(project=project, by=request.user, **form.values())
        messages.success(request, _("The project was changed."))
        return changed.get_absolute_url()

    context = {"form": form, "project": project}
    return submit(request, form, change) or show(request, "collab/projects/edit.html", context, form)


def project_move(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "project.edit", Project.objects.all(), slug=slug)
    form = MoveForm(request.POST)
    if not form.is_valid():
        raise InvalidError(_("Choose one of the moves that the state of the project allows."), field="move")
    move = form.cleaned_data["move"]
    gone = move == "close" and project.state == ProjectState.CLOSING and not missing_for("close", project)
    return act(
        request,
        lambda: move_project(project=project, move=move, by=request.user, reason=form.cleaned_data["reason"]),
        to=reverse("collab:projects") if gone else project.get_absolute_url(),  # with it, one's own role has ended
        said=_("The state of the project was changed."),
    )


def project_members(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "member.manage", Project.objects.with_parties(), slug=slug)
    form = MemberForm(sent(request), project=project)

    def add() -> str:
        member = add_member(project=project, by=request.user, **form.values())
        messages.success(request, _("%(name)s has the role now.") % {"name": member.user})
        return reverse("collab:project_members", args=[slug])

    context = {
        "form": form,
        "project": project,
        "people": Membership.objects.of_project(project).with_names().order_by("-starts_at"),
    }
    return submit(request, form, add) or show(request, "collab/projects/members.html", context, form)


def member_end(request: HttpRequest, slug: str, pk: Any) -> HttpResponse:
    project = get_or_404(request.user, "project.view", Project.objects.all(), slug=slug)
    member = get_or_404(request.user, "project.view", Membership.objects.of_project(project).with_names(), pk=pk)
    leaving = member.user_id == request.user.pk
    return act(
        request,
        lambda: end_membership(membership=member, by=request.user),
        to=reverse("collab:projects") if leaving else reverse("collab:project_members", args=[slug]),
        said=_("The role of %(name)s has ended.") % {"name": member.user},
    )


def project_parties(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "project.edit", Project.objects.with_parties(), slug=slug)
    form = PartyForm(sent(request), project=project, user=request.user)

    def add() -> str:
        party = add_party(project=project, by=request.user, **form.values())
        messages.success(request, _("%(name)s is a party now.") % {"name": party.organisation})
        return project.get_absolute_url()

    context = {"form": form, "project": project}
    return submit(request, form, add) or show(request, "collab/projects/parties.html", context, form)


def project_history(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "audit.view", Project.objects.all(), slug=slug)
    page = page_of(request, _events(request, project))
    context = {"project": project, "page": page, "history": timeline(page)}
    return show(request, "collab/projects/history.html", context)


def _mlflow_setup(project: Project) -> str:
    """What to type before using the stock client."""
    return (
        f"export MLFLOW_TRACKING_URI={settings.TRACKING_URL}/mlflow/{project.slug}\nexport MLFLOW_TRACKING_TOKEN=tdm_…"
    )


def _events(request: HttpRequest, project: Project) -> Any:
    return visible_to(request.user, "audit.view", AuditEvent.objects.filter(project_id=project.pk))
