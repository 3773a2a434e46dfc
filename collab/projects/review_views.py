"""Pages of the review: of a project, of a step for its chair, of a review for its reviewer; questionnaires."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.kernel.errors import InvalidError, NotFoundError
from collab.projects.models import (
    ConflictOfInterest,
    PartyApproval,
    Project,
    Questionnaire,
    QuestionnaireVersion,
    Review,
    ReviewStep,
)
from collab.projects.reading import review_lines
from collab.projects.review_forms import (
    ConflictForm,
    DecideForm,
    EditStepForm,
    QuestionnaireForm,
    QuestionsForm,
    ReviewForm,
    StepForm,
)
from collab.projects.services import (
    add_questionnaire_version,
    add_step,
    answer_approval,
    create_questionnaire,
    decide_conflict,
    decide_step,
    declare_conflict,
    edit_step,
    write_review,
)
from collab.projects.services.review import missing_to_decide
from collab.projects.states import REVIEW_MOVES, STEP_MOVES
from collab.projects.tabs import TAB_WORDS, tabs_of
from collab.web.forms import act, sent, show, submit
from collab.web.pagination import page_of

EXAMPLE = [
    {"key": "method", "type": "scale", "label": "How sound is the method?", "label_zh": "方法是否可靠？"},
    {"key": "people", "type": "yes_no", "label": "Does it use data of people?", "label_zh": "是否使用个人数据？"},
    {"key": "remarks", "type": "text", "label": "What should change?", "label_zh": "应修改什么？", "required": False},
]


def project_review(request: HttpRequest, slug: str) -> HttpResponse:
    """The steps of a project's review, and what came of them."""
    project = get_or_404(request.user, "review.view", Project.objects.all(), slug=slug)
    may = allowed(request.user, project, "review.manage", *TAB_WORDS)
    steps = project.review_steps.select_related("chair", "decided_by", "questionnaire__questionnaire")
    context = {
        "project": project,
        "tabs": tabs_of(project, "project_review", may),
        "steps": [
            review_lines(step, request.user)
            for step in steps.prefetch_related("reviews__reviewer", "reviews__questionnaire")
        ],
        "may_manage": "review.manage" in may and project.state in {"idea", "proposal"},
        "approvals": project.approvals.filter(round=project.round).select_related("party__organisation", "decided_by"),
    }
    return show(request, "collab/projects/review.html", context)


def review_step_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "review.manage", Project.objects.all(), slug=slug)
    form = StepForm(sent(request), user=request.user)

    def add() -> str:
        add_step(project=project, by=request.user, **form.values())
        messages.success(request, _("The step was added."))
        return reverse("collab:project_review", args=[slug])

    context = _form(project, form, _("Add a review step"), "project_review", _("Review"))
    return submit(request, form, add) or show(request, "collab/projects/form.html", context, form)


def review_step(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the chair has before them."""
    step = get_or_404(request.user, "review.view", _steps(), pk=pk)
    chairs = step.chair_id == request.user.pk
    conflicts = ConflictOfInterest.objects.filter(review__step=step).select_related("review__reviewer", "decided_by")
    context = {
        "step": step,
        "project": step.project,
        "line": review_lines(step, request.user),
        "chairs": chairs,
        "conflicts": conflicts if chairs else [],
        "missing": missing_to_decide(step) if chairs and STEP_MOVES.allows("pass", step.state) else [],
        "may_decide": chairs and STEP_MOVES.allows("pass", step.state),
        "may_edit": step.state == "waiting" and "review.manage" in allowed(request.user, step, "review.manage"),
    }
    return show(request, "collab/projects/step.html", context)


def review_step_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    step = get_or_404(request.user, "review.manage", _steps(), pk=pk)
    form = EditStepForm(sent(request), user=request.user, initial=EditStepForm.about(step))

    def change() -> str:
        edit_step(step=step, by=request.user, **form.values())
        messages.success(request, _("The step was changed."))
        return step.get_absolute_url()

    context = {"form": form, "title": _("Change the step"), "back": step.get_absolute_url(), "back_label": step}
    return submit(request, form, change) or show(request, "collab/projects/form.html", context, form)


def review_step_decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    step = get_or_404(request.user, "review.chair", _steps(), pk=pk)
    data = _decision(request)
    return act(
        request,
        lambda: decide_step(step=step, by=request.user, move=data["move"], reason=data["reason"]),
        to=step.get_absolute_url(),
        said=_("The step is decided."),
    )


def review_conflict_decide(request: HttpRequest, pk: UUID, conflict: UUID) -> HttpResponse:
    step = get_or_404(request.user, "review.chair", _steps(), pk=pk)
    found = ConflictOfInterest.objects.filter(review__step=step, pk=conflict).select_related("review__step").first()
    if found is None:
        raise NotFoundError
    data = _decision(request)
    return act(
        request,
        lambda: decide_conflict(conflict=found, by=request.user, move=data["move"], plan=data["reason"]),
        to=step.get_absolute_url(),
        said=_("The conflict of interest is decided."),
    )


def approval_answer(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project = get_or_404(request.user, "project.approve", Project.objects.all(), slug=slug)
    rows = PartyApproval.objects.filter(project=project).select_related("party__organisation", "project")
    approval = rows.filter(pk=pk).first()
    if approval is None:
        raise NotFoundError
    data = _decision(request)
    return act(
        request,
        lambda: answer_approval(approval=approval, by=request.user, decision=data["move"], reason=data["reason"]),
        to=project.get_absolute_url(),
        said=_("Your answer is recorded."),
    )


# --- reviewers
def reviews(request: HttpRequest) -> HttpResponse:
    """What I am asked to review, the open ones first."""
    rows = visible_to(request.user, "review.view", Review.objects.all()).select_related("step__project")
    page = page_of(request, rows.order_by("submitted_at", "due_on", "pk"))
    return show(request, "collab/projects/reviews.html", {"page": page})


def review(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The proposal as its reviewer may see it, and the form for their review."""
    rows = Review.objects.select_related("step__project", "step__chair", "questionnaire")
    word = "review.give" if request.method == "POST" else "review.view"
    mine = get_or_404(request.user, word, rows, pk=pk)
    form = ReviewForm(sent(request), review=mine)

    def write() -> str:
        done = write_review(review=mine, by=request.user, submit="submit" in request.POST, **form.values())
        said = _("Your review is submitted. Thank you.") if done.state == "submitted" else _("Saved as a draft.")
        messages.success(request, said)
        return done.get_absolute_url()

    project = mine.step.project
    context = {
        "review": mine,
        "project": project,
        "form": form,
        "conflict_form": ConflictForm(),
        "conflicts": mine.conflicts.all(),
        "open": REVIEW_MOVES.allows("write", mine.state) and mine.step.state == "open" and mine.round == project.round,
        "parties": [] if mine.step.blind else project.parties.filter(left_on=None).select_related("organisation"),
    }
    return submit(request, form, write) or show(request, "collab/projects/review_write.html", context, form)


def review_conflict(request: HttpRequest, pk: UUID) -> HttpResponse:
    mine = get_or_404(request.user, "review.give", Review.objects.select_related("step"), pk=pk)
    form = ConflictForm(request.POST)
    if not form.is_valid():
        raise InvalidError(_("Say of what kind the conflict is, and what it is."), field="text")
    return act(
        request,
        lambda: declare_conflict(review=mine, by=request.user, **form.cleaned_data),
        to=mine.get_absolute_url(),
        said=_("The chair of the step decides what follows from it."),
    )


# --- questionnaires
def questionnaires(request: HttpRequest) -> HttpResponse:
    rows = visible_to(request.user, "organisation.view", Questionnaire.objects.all()).select_related("organisation")
    context = {
        "page": page_of(request, rows),
        "may_write": visible_to(request.user, "review.manage", Organisation.objects.all()).exists(),
    }
    return show(request, "collab/projects/questionnaires.html", context)


def questionnaire_new(request: HttpRequest) -> HttpResponse:
    example = json.dumps(EXAMPLE, ensure_ascii=False, indent=2)
    form = QuestionnaireForm(sent(request), user=request.user, initial={"questions": example})

    def write() -> str:
        return create_questionnaire(by=request.user, **form.cleaned_data).get_absolute_url()

    back = reverse("collab:questionnaires")
    context = {"form": form, "title": _("New questionnaire"), "back": back, "back_label": _("Questionnaires")}
    return submit(request, form, write) or show(request, "collab/projects/form.html", context, form)


def questionnaire(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = Questionnaire.objects.select_related("organisation")
    found = get_or_404(request.user, "organisation.view", rows, pk=pk)
    context = {
        "questionnaire": found,
        "versions": found.versions.select_related("created_by"),
        "may_write": "review.manage" in allowed(request.user, found, "review.manage"),
    }
    return show(request, "collab/projects/questionnaire.html", context)


def questionnaire_version_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = get_or_404(request.user, "review.manage", Questionnaire.objects.select_related("organisation"), pk=pk)
    last: Any = QuestionnaireVersion.objects.filter(questionnaire=found).first()
    shown = json.dumps(last.questions if last else EXAMPLE, ensure_ascii=False, indent=2)
    form = QuestionsForm(sent(request), initial={"questions": shown})

    def write() -> str:
        add_questionnaire_version(questionnaire=found, by=request.user, questions=form.cleaned_data["questions"])
        return found.get_absolute_url()

    context = {"form": form, "title": _("New version"), "back": found.get_absolute_url(), "back_label": found}
    return submit(request, form, write) or show(request, "collab/projects/form.html", context, form)


# --- what these pages share
def _steps() -> Any:
    return ReviewStep.objects.select_related(
        "project", "organisation", "chair", "decided_by", "questionnaire__questionnaire"
    )


def _decision(request: HttpRequest) -> dict[str, Any]:
    form = DecideForm(request.POST)
    if not form.is_valid():
        raise InvalidError(_("Choose one of the decisions offered."), field="move")
    return form.cleaned_data


def _form(project: Project, form: Any, title: str, back: str, back_label: str) -> dict[str, Any]:
    return {
        "form": form,
        "project": project,
        "title": title,
        "back": reverse(f"collab:{back}", args=[project.slug]),
        "back_label": back_label,
    }
