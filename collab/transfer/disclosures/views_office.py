"""Pages of the office: the board, the way of a case, assessments and criteria."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.transfer.disclosures.asking import open_decision
from collab.transfer.disclosures.assessing import (
    USUAL,
    add_criterion,
    ask_assessor,
    conflicts_found,
    declare_conflict,
    edit_criterion,
    recuse_assessor,
    retire_criterion,
    waive_conflict,
    write_assessment,
)
from collab.transfer.disclosures.board import board_of, csv_rows, stage_figures
from collab.transfer.disclosures.forms import (
    AssessmentForm,
    AssessorForm,
    CaseFilter,
    CriterionForm,
    DecideForm,
    DeclareForm,
    LeadForm,
    MoveCaseForm,
    PaperForm,
    ProposeForm,
    ReopenForm,
    ReturnForm,
    WaiveForm,
    WeightForm,
)
from collab.transfer.disclosures.models import Assessment, Criterion, TransferCase
from collab.transfer.disclosures.services import (
    assign_case,
    decide_case,
    move_case,
    pass_check,
    propose_decision,
    reconsider_case,
    reopen_case,
    resume_case,
    return_case,
    take_up,
    withdraw_proposal,
)
from collab.transfer.disclosures.states import CASE_DECISION_WORDS, AssessmentState, CaseDecision
from collab.transfer.disclosures.views import case_of, form_page, sees_board
from collab.transfer.disclosures.writing import sign_on_paper
from collab.transfer.rooms import rooms_of
from collab.web.csvs import csv_lines
from collab.web.forms import act, sent, show, submit
from collab.web.pagination import page_of


def board(request: HttpRequest) -> HttpResponse:
    """Every case in its stage. Whoever sees no organisation's cases sees their own disclosures instead."""
    if not sees_board(request):
        return redirect("collab:transfer_mine")
    found = CaseFilter(request.GET, queryset=_cases(request), request=request)
    del found.form.fields["state"]
    context = {
        "columns": board_of(found.qs),
        "filter": found,
        "houses": _houses(request, "case.manage"),
        "may_report": bool(_houses(request, "transfer.report")),
        "rooms": rooms_of(request.user, "transfer"),
    }
    return show(request, "collab/transfer/disclosures/board.html", context)


def case_list(request: HttpRequest) -> HttpResponse:
    if not sees_board(request):
        return redirect("collab:transfer_mine")
    found = CaseFilter(request.GET, queryset=_cases(request), request=request)
    page = page_of(request, found.qs.with_rows().order_by("-disclosed_on", "-created_at", "pk"))
    return show(request, "collab/transfer/disclosures/list.html", {"page": page, "filter": found})


def case_file(request: HttpRequest) -> StreamingHttpResponse:
    """The cases that the filters leave, for a spreadsheet."""
    found = CaseFilter(request.GET, queryset=_cases(request), request=request)
    response = StreamingHttpResponse(csv_lines(csv_rows(found.qs)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="cases.csv"'
    return response


def stages(request: HttpRequest) -> HttpResponse:
    """How many cases are in each stage, and how long the stages take."""
    houses = visible_to(request.user, "transfer.report", Organisation.objects.all())
    found = CaseFilter(request.GET, queryset=TransferCase.objects.filter(organisation__in=houses), request=request)
    del found.form.fields["state"]
    context = {"figures": stage_figures(found.qs), "filter": found}
    return show(request, "collab/transfer/disclosures/stages.html", context)


def _cases(request: HttpRequest) -> Any:
    return TransferCase.objects.visible_to(request.user, "case.view")


def _houses(request: HttpRequest, word: str) -> list[Organisation]:
    return list(visible_to(request.user, word, Organisation.objects.all()).order_by("name"))


# --- the way of a case
def take(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    form = LeadForm(sent(request), initial={"officer": request.user.pk, "version": case.version}, case=case)

    def begin() -> str:
        take_up(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("Taken up: check now whether it is complete."))
        return case.get_absolute_url()

    return form_page(request, case, form, begin, _("Take the case up"))


def assign(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    first = {"officer": case.officer_id, "decide_by": case.decide_by, "version": case.version}
    form = LeadForm(sent(request), initial=first, case=case)

    def give() -> str:
        assign_case(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("The case was assigned."))
        return case.get_absolute_url()

    return form_page(request, case, form, give, _("Assign the case"))


def give_back(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    form = ReturnForm(sent(request), initial={"version": case.version})

    def back() -> str:
        return_case(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("Returned; the inventors are told what is missing."))
        return case.get_absolute_url()

    return form_page(request, case, form, back, _("Return it for information"))


def complete(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    return act(
        request,
        lambda: pass_check(case=case, by=request.user, version=_version(request)),  # type: ignore[arg-type]
        to=case.get_absolute_url(),
        said=_("Complete. Ask assessors next."),
    )


def assessor(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    form = AssessorForm(sent(request), case=case)

    def ask() -> str:
        ask_assessor(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("Asked; it waits in their inbox."))
        return case.get_absolute_url()

    lead = _("They say first whether anything ties them to it. An inventor is never asked.")
    return form_page(request, case, form, ask, _("Ask for an assessment"), lead=lead)


def propose(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    form = ProposeForm(sent(request), initial={"version": case.version})

    def put() -> str:
        propose_decision(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("Proposed; somebody else decides."))
        return case.get_absolute_url()

    lead = _("Somebody else of the office, or an admin, decides.")
    return form_page(request, case, form, put, _("Propose a decision"), lead=lead)


def take_back(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    return act(
        request,
        lambda: withdraw_proposal(case=case, by=request.user, version=_version(request)),  # type: ignore[arg-type]
        to=case.get_absolute_url(),
        said=_("The proposal is taken back."),
    )


def decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.decide", pk)
    form = DecideForm(sent(request), initial={"version": case.version})

    def answer() -> str:
        decide_case(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("Decided; those who take part are told."))
        return case.get_absolute_url()

    asked = open_decision(case)
    more = {"proposal": asked, "proposed": CASE_DECISION_WORDS[CaseDecision(asked.data["decision"])] if asked else ""}
    return form_page(
        request, case, form, answer, _("Decide"), template="collab/transfer/disclosures/decide.html", more=more
    )


def reconsider(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    form = ReopenForm(sent(request), initial={"version": case.version})

    def again() -> str:
        reconsider_case(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("The decision is taken back; it is assessed anew."))
        return case.get_absolute_url()

    lead = _("What was decided stays in the history. The inventors are told.")
    return form_page(request, case, form, again, _("Decide anew"), lead=lead, tone="danger")


def reopen(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    form = ReopenForm(sent(request), initial={"version": case.version})

    def again() -> str:
        reopen_case(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("The case goes on. Move it to the stage that it is in."))
        return case.get_absolute_url()

    lead = _("Take back that it ended. The inventors are told.")
    return form_page(request, case, form, again, _("Reopen the case"), lead=lead)


def resume(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    return act(
        request,
        lambda: resume_case(case=case, by=request.user, version=_version(request)),  # type: ignore[arg-type]
        to=case.get_absolute_url(),
        said=_("Taken up again; it is assessed anew."),
    )


def move(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    form = MoveCaseForm(sent(request), initial={"version": case.version}, case=case)

    def go() -> str:
        move_case(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("The case was moved."))
        return case.get_absolute_url()

    lead = _("Filings, offers and licences move a case by themselves; this is for what happened elsewhere.")
    return form_page(request, case, form, go, _("Move the case"), lead=lead)


def paper(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "case.manage", pk)
    rows = case.disclosure.inventors.filter(person=None)
    form = PaperForm(sent(request), initial={"document_sha256": case.disclosure.document_sha256()}, inventors=rows)

    def enter() -> str:
        sign_on_paper(case=case, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
        messages.success(request, _("The signature is entered."))
        return case.get_absolute_url()

    lead = _("For inventors without an account: what they signed on paper must be exactly this text.")
    return form_page(request, case, form, enter, _("Enter a signature on paper"), lead=lead)


# --- assessments
def assessment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The scores on each criterion; for the assessor the form to give them."""
    row = _assessment(request, "assessment.view", pk)
    return _assessment_page(request, row, AssessmentForm(initial=_about(row), assessment=row), DeclareForm())


def assessment_write(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _assessment(request, "assessment.give", pk)
    form = AssessmentForm(request.POST, initial=_about(row), assessment=row)

    def keep() -> str:
        whole = "submit" in request.POST
        write_assessment(
            assessment=row,
            scores=form.scores(),
            recommendation=form.cleaned_data["recommendation"],
            comment=form.cleaned_data["comment"],
            version=form.cleaned_data["version"],
            submit=whole,
            by=request.user,  # type: ignore[arg-type]
        )
        messages.success(request, _("The assessment is given.") if whole else _("Saved."))
        return row.get_absolute_url()

    return submit(request, form, keep) or _assessment_page(request, row, form, DeclareForm())


def assessment_declare(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _assessment(request, "assessment.give", pk)
    form = DeclareForm(request.POST)

    def say() -> str:
        declare_conflict(assessment=row, conflict=form.said(), by=request.user)  # type: ignore[arg-type]
        messages.success(request, _("Recorded."))
        return row.get_absolute_url()

    blank = AssessmentForm(initial=_about(row), assessment=row)
    return submit(request, form, say) or _assessment_page(request, row, blank, form)


def assessment_step_back(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _assessment(request, "assessment.give", pk)
    return act(
        request,
        lambda: recuse_assessor(assessment=row, by=request.user),  # type: ignore[arg-type]
        to=reverse("collab:inbox"),
        said=_("You do not assess it; the office is told."),
    )


def assessment_dismiss(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _assessment(request, "case.manage", pk)
    return act(
        request,
        lambda: recuse_assessor(assessment=row, by=request.user),  # type: ignore[arg-type]
        to=row.case.get_absolute_url(),
        said=_("Somebody else can be asked now."),
    )


def assessment_waive(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _assessment(request, "case.manage", pk)
    form = WaiveForm(sent(request))

    def go_on() -> str:
        waive_conflict(assessment=row, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("They may assess it, by the plan."))
        return row.case.get_absolute_url()

    return form_page(request, row.case, form, go_on, _("Waive the conflict by a plan"), lead=row.conflict)


def _assessment(request: HttpRequest, word: str, pk: UUID) -> Assessment:
    rows = Assessment.objects.select_related("assessor", "case__organisation", "case__disclosure", "case__project")
    return get_or_404(request.user, word, rows, pk=pk)


def _about(row: Assessment) -> dict[str, Any]:
    return {"recommendation": row.recommendation, "comment": row.comment, "version": row.version}


def _assessment_page(
    request: HttpRequest, row: Assessment, form: AssessmentForm, declaring: DeclareForm
) -> HttpResponse:
    mine = row.assessor_id == request.user.pk
    shown = form if form.is_bound else declaring
    context = {
        "assessment": row,
        "case": row.case,
        "form": form,
        "declaring": declaring,
        "writes": mine and row.state == AssessmentState.OPEN,
        "declares": mine and row.state == AssessmentState.ASKED,
        "may_step_back": mine and row.state in {AssessmentState.ASKED, AssessmentState.CONFLICT, AssessmentState.OPEN},
        "ties": conflicts_found(row.case, row.assessor),
    }
    return show(request, "collab/transfer/disclosures/assessment.html", context, shown)


# --- criteria
def criteria(request: HttpRequest, slug: str) -> HttpResponse:
    """What an organisation assesses by."""
    house = get_or_404(request.user, "case.manage", Organisation.objects.all(), slug=slug)
    form = CriterionForm(sent(request))

    def add() -> str:
        add_criterion(organisation=house, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("Added. Assessments that begin from now on use it."))
        return request.path

    rows = list(Criterion.objects.filter(organisation=house, retired_at=None))
    if not Criterion.objects.filter(organisation=house).exists():
        rows = [
            Criterion(organisation=house, name=name, name_zh=zh, guidance=told, guidance_zh=told_zh, weight=weight)
            for name, zh, told, told_zh, weight in USUAL
        ]
    context = {"organisation": house, "rows": rows, "form": form, "kept": not rows or not rows[0]._state.adding}
    return submit(request, form, add) or show(request, "collab/transfer/disclosures/criteria.html", context, form)


def criterion(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Weigh one anew, or take it out of use."""
    row = get_or_404(request.user, "case.manage", Criterion.objects.filter(organisation__slug=slug), pk=pk)
    form = WeightForm(request.POST)
    given = form.cleaned_data if form.is_valid() else {}

    def change() -> object:
        if "retire" in request.POST:
            return retire_criterion(criterion=row, by=request.user)  # type: ignore[arg-type]
        weight, version = given.get("weight") or row.weight, given.get("version") or 0
        return edit_criterion(criterion=row, weight=weight, by=request.user, version=version)  # type: ignore[arg-type]

    return act(request, change, to=reverse("collab:criteria", args=[slug]), said=_("Saved."))


def _version(request: HttpRequest) -> int:
    """The version of the page on which the button stood."""
    sent_with = request.POST.get("version", "")
    return int(sent_with) if sent_with.isascii() and sent_with.isdigit() and len(sent_with) < 10 else 0
