"""Pages of milestones, reports, outputs, closing and parties."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404
from collab.kernel.errors import InvalidError, NotFoundError
from collab.projects.models import Attestation, Output, ProgressReport, Project, ProjectParty, WorkItem
from collab.projects.services import (
    acting_for,
    add_contribution,
    attest,
    closing_items,
    edit_output,
    edit_party,
    edit_work,
    leave_party,
    move_report,
    move_work,
    owes,
    plan_work,
    record_output,
    remove_party,
    schedule_reports,
    write_report,
)
from collab.projects.services.approval import answering_for
from collab.projects.services.outputs import register_digest
from collab.projects.states import REPORT_MOVES, UNDER_WAY, WORK_MOVES
from collab.projects.tabs import TAB_WORDS, tabs_of
from collab.projects.work_forms import (
    AttestForm,
    ContributionForm,
    EditOutputForm,
    EditWorkForm,
    OutputForm,
    PartyNoteForm,
    ReportForm,
    ReportMoveForm,
    ScheduleForm,
    WorkForm,
    WorkMoveForm,
)
from collab.web.forms import act, sent, show, submit
from collab.web.pagination import page_of

_WORDS = ("project.edit", "work.deliver", "output.edit", "project.approve", *TAB_WORDS)


def _room(request: HttpRequest, slug: str, active: str, word: str = "project.view") -> tuple[Project, dict[str, Any]]:
    """The project and what every page of its rooms shows."""
    project = get_or_404(request.user, word, Project.objects.all(), slug=slug)
    may = allowed(request.user, project, *_WORDS)
    return project, {
        "project": project,
        "tabs": tabs_of(project, active, may),
        "may": {word.replace(".", "_"): True for word in may},
        "under_way": project.state in UNDER_WAY,
    }


def _form(project: Project, form: Any, title: str, back: str, back_label: str) -> dict[str, Any]:
    return {"form": form, "project": project, "title": title, "back": back, "back_label": back_label}


def _one(rows: Any, project: Project, pk: UUID) -> Any:
    found = rows.filter(project=project, pk=pk).first()
    if found is None:
        raise NotFoundError
    return found


# --- milestones and deliverables
def work(request: HttpRequest, slug: str) -> HttpResponse:
    project, context = _room(request, slug, "work")
    rows = WorkItem.objects.filter(project=project).with_names()
    return show(request, "collab/projects/work.html", context | {"page": page_of(request, rows, size=50)})


def work_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "project.edit", Project.objects.all(), slug=slug)
    form = WorkForm(sent(request), project=project)

    def plan() -> str:
        return plan_work(project=project, by=request.user, **form.values()).get_absolute_url()

    context = _form(
        project, form, _("Plan a milestone or deliverable"), reverse("collab:work", args=[slug]), _("Milestones")
    )
    return submit(request, form, plan) or show(request, "collab/projects/form.html", context, form)


def work_item(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project, context = _room(request, slug, "work")
    item = _one(
        WorkItem.objects.with_names().select_related("project", "party__organisation", "submitted_by"), project, pk
    )
    mine = set(answerable(request, project))
    moves = set(WORK_MOVES.open_from(item.state))
    own, other = item.party.organisation_id in mine, bool(mine - {item.party.organisation_id})
    context |= {
        "item": item,
        "may_start": "start" in moves and own,
        "may_submit": "submit" in moves and own,
        "may_judge": "accept" in moves and other,
        "may_drop": "drop" in moves,
        "deliverables": item.deliverables.with_names() if item.kind == "milestone" else [],
    }
    return show(request, "collab/projects/work_item.html", context)


def answerable(request: HttpRequest, project: Project) -> list[Any]:
    """Ids of the parties for which the person works in the project."""
    from collab.access.policy import party_of

    return list(party_of(request.user, project.pk).values_list("pk", flat=True))


def work_edit(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project = get_or_404(request.user, "project.edit", Project.objects.all(), slug=slug)
    item = _one(WorkItem.objects.select_related("project"), project, pk)
    form = EditWorkForm(sent(request), project=project, initial=EditWorkForm.about(item))

    def change() -> str:
        return edit_work(item=item, by=request.user, **form.values()).get_absolute_url()

    context = _form(project, form, _("Change the plan"), item.get_absolute_url(), str(item))
    return submit(request, form, change) or show(request, "collab/projects/form.html", context, form)


def work_move(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project = get_or_404(request.user, "work.deliver", Project.objects.all(), slug=slug)
    item = _one(WorkItem.objects.select_related("project"), project, pk)
    form = WorkMoveForm(request.POST)
    if not form.is_valid():
        raise InvalidError(
            _("Fill in the form again: something in it cannot be accepted."), field=next(iter(form.errors))
        )
    return act(
        request,
        lambda: move_work(item=item, by=request.user, **form.cleaned_data),
        to=item.get_absolute_url(),
        said=_("Saved."),
    )


# --- reports
def reports(request: HttpRequest, slug: str) -> HttpResponse:
    word = "project.edit" if request.method == "POST" else "project.view"
    project, context = _room(request, slug, "reports", word)
    shown = {
        "every_months": project.report_every_months,
        "due_days": project.report_due_days,
        "version": project.version,
    }
    form = ScheduleForm(sent(request), initial=shown)

    def plan() -> str:
        schedule_reports(project=project, by=request.user, **form.values())
        messages.success(request, _("The schedule was saved."))
        return reverse("collab:reports", args=[slug])

    rows = ProgressReport.objects.filter(project=project).select_related("party__organisation")
    context |= {"form": form, "page": page_of(request, rows, size=50)}
    return submit(request, form, plan) or show(request, "collab/projects/reports.html", context, form)


def report(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    word = "work.deliver" if request.method == "POST" else "project.view"
    project, context = _room(request, slug, "reports", word)
    rows = ProgressReport.objects.select_related("project", "party__organisation", "written_by", "accepted_by")
    found = _one(rows, project, pk)
    form = ReportForm(sent(request), initial=ReportForm.about(found))

    def write() -> str:
        done = write_report(report=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return done.get_absolute_url()

    mine = set(answerable(request, project))
    own = found.party is None or found.party.organisation_id in mine
    moves = set(REPORT_MOVES.open_from(found.state))
    others = found.party is not None and bool(mine - {found.party.organisation_id})
    context |= {
        "report": found,
        "form": form,
        "facts": [{"what": _(fact["what"]), "n": fact["n"]} for fact in found.facts],
        "may_write": "write" in moves and own and bool(mine),
        "may_submit": "submit" in moves and own,
        "may_judge": "accept" in moves and others,
    }
    return submit(request, form, write) or show(request, "collab/projects/report.html", context, form)


def report_move(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project = get_or_404(request.user, "work.deliver", Project.objects.all(), slug=slug)
    found = _one(ProgressReport.objects.select_related("project"), project, pk)
    form = ReportMoveForm(request.POST)
    if not form.is_valid():
        raise InvalidError(_("Submit, accept or return it."), field="move")
    return act(
        request,
        lambda: move_report(report=found, by=request.user, **form.cleaned_data),
        to=found.get_absolute_url(),
        said=_("Saved."),
    )


# --- outputs
def outputs(request: HttpRequest, slug: str) -> HttpResponse:
    project, context = _room(request, slug, "outputs")
    rows = Output.objects.filter(project=project).prefetch_related("shares__party__organisation")
    return show(request, "collab/projects/outputs.html", context | {"page": page_of(request, rows)})


def output_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "output.edit", Project.objects.all(), slug=slug)
    form = OutputForm(sent(request), project=project, user=request.user)

    def enter() -> str:
        values = form.values()
        if values["row_id"]:
            values["row_id"] = UUID(values["row_id"])
        return record_output(project=project, by=request.user, **values).get_absolute_url()

    context = _form(project, form, _("Record an output"), reverse("collab:outputs", args=[slug]), _("Outputs"))
    return submit(request, form, enter) or show(request, "collab/projects/form.html", context, form)


def output(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project, context = _room(request, slug, "outputs")
    found = _one(Output.objects.prefetch_related("shares__party__organisation", "creators"), project, pk)
    return show(request, "collab/projects/output.html", context | {"output": found})


def output_edit(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project = get_or_404(request.user, "output.edit", Project.objects.all(), slug=slug)
    found = _one(Output.objects.select_related("project"), project, pk)
    form = EditOutputForm(sent(request), project=project, user=request.user, initial=EditOutputForm.about(found))

    def change() -> str:
        return edit_output(output=found, by=request.user, **form.values()).get_absolute_url()

    context = _form(project, form, _("Change the output"), found.get_absolute_url(), str(found))
    return submit(request, form, change) or show(request, "collab/projects/form.html", context, form)


# --- closing
def closure(request: HttpRequest, slug: str) -> HttpResponse:
    project, context = _room(request, slug, "closure")
    mine = ProjectParty.objects.filter(
        project=project, left_on=None, organisation__in=answering_for(request.user, project.pk)
    ).select_related("organisation")
    parties = mine
    if "project_edit" in context["may"]:
        left = ProjectParty.objects.filter(project=project, left_on__isnull=False).exclude(surviving_duties=[])
        parties = (mine | left).select_related("organisation")
    digest = register_digest(project)
    form = AttestForm(sent(request), parties=parties, initial={"seen": digest, "party": parties.first()})

    def give() -> str:
        attest(by=request.user, **form.cleaned_data)
        messages.success(request, _("The word of the party is recorded."))
        return reverse("collab:closure", args=[slug])

    items = closing_items(project)
    context |= {
        "form": form,
        "may_attest": bool(parties),
        "items": items,
        "done": sum(item.done for item in items),
        "open_items": [item for item in items if not item.done],
        "words": Attestation.objects.filter(party__project=project).select_related(
            "party__organisation", "attested_by"
        ),
    }
    return submit(request, form, give) or show(request, "collab/projects/closure.html", context, form)


# --- parties
def party(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    word = "project.edit" if request.method == "POST" else "project.view"
    project, context = _room(request, slug, "project", word)
    found = _one(ProjectParty.objects.select_related("organisation", "project", "lead"), project, pk)
    lead = found.lead.email if found.lead else ""
    known = {"accession_note": found.accession_note, "version": found.version, "lead": lead}
    form = PartyNoteForm(sent(request), initial=known)

    def change() -> str:
        given = dict(form.cleaned_data)
        given["lead"] = acting_for(found.organisation, given["lead"], "lead")
        edit_party(party=found, by=request.user, **given)
        messages.success(request, _("Saved."))
        return reverse("collab:party", args=[slug, pk])

    context |= {
        "party": found,
        "form": form,
        "contributions": found.contributions.select_related("created_by"),
        "owed": owes(found) if found.left_on is None else [],
    }
    return submit(request, form, change) or show(request, "collab/projects/party.html", context, form)


def contribution_new(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    project = get_or_404(request.user, "project.edit", Project.objects.all(), slug=slug)
    found = _one(ProjectParty.objects.select_related("organisation", "project"), project, pk)
    form = ContributionForm(sent(request))
    back = reverse("collab:party", args=[slug, pk])

    def add() -> str:
        add_contribution(party=found, by=request.user, **form.values())
        return back

    context = _form(project, form, _("Record a contribution"), back, str(found.organisation))
    return submit(request, form, add) or show(request, "collab/projects/form.html", context, form)


def party_remove(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    return _part(request, slug, pk, remove_party)


def party_leave(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    return _part(request, slug, pk, leave_party)


def _part(request: HttpRequest, slug: str, pk: UUID, verb: Any) -> HttpResponse:
    project = get_or_404(request.user, "project.edit", Project.objects.all(), slug=slug)
    found = _one(ProjectParty.objects.select_related("organisation", "project"), project, pk)
    return act(
        request,
        lambda: verb(party=found, by=request.user),
        to=reverse("collab:party", args=[slug, pk]),
        said=_("The party is no longer in the project."),
    )
