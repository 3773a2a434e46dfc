"""Pages of ethics: of a project, of a case, of a committee, of questionnaires."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.access.roles import Role
from collab.accounts.models import Membership, Organisation
from collab.audit.models import AuditEvent
from collab.ethics.deciding import (
    ask_applicants,
    assign,
    close_report,
    confirm_condition,
    decide_case,
    declare_conflict,
    hold_case,
    missing_to_decide,
    settle_conflict,
    submit_review,
)
from collab.ethics.files import files_of
from collab.ethics.forms import (
    AnswersForm,
    AskForm,
    AssignForm,
    CaseForm,
    ConflictForm,
    DecideForm,
    EditCommitteeForm,
    FollowForm,
    HoldForm,
    MoveForm,
    NewCommitteeForm,
    NewFormForm,
    ReportForm,
    ReviewForm,
    SubmitForm,
    VersionForm,
    WordsForm,
)
from collab.ethics.models import (
    EthicsAssessment,
    EthicsCase,
    EthicsCommittee,
    EthicsForm,
    EthicsReview,
    Kind,
    Purpose,
)
from collab.ethics.questions import scores, text_of
from collab.ethics.reading import (
    answer_of,
    bars_correction,
    bars_reopening,
    corrections_of,
    counts_of,
    figures_of,
    given_of,
    lines_of,
    loads_of,
    may_appeal,
    reasons_of,
    route_of,
    sections_of,
    stopped,
    worklists_of,
)
from collab.ethics.services import (
    add_form_version,
    answer_question,
    appeal_case,
    begin_assessment,
    begin_case,
    carry_over,
    claim_condition,
    condition_of,
    edit_committee,
    finish_assessment,
    follow_case,
    following,
    found_committee,
    newest,
    reopen_assessment,
    report,
    save_answers,
    submit_case,
    withdraw_case,
    write_form,
)
from collab.ethics.standing import near_to
from collab.ethics.states import (
    AREA_WORDS,
    CASE_MOVES,
    FOLLOWED,
    PENDING,
    ROUTE_WORDS,
    WORKLIST_WORDS,
    WRITABLE,
    AssessmentState,
    CaseState,
    ReviewState,
    Route,
    Worklist,
    move_to_assign,
)
from collab.kernel.errors import InvalidError, NotFoundError
from collab.projects.models import Project
from collab.projects.questions import label_of
from collab.projects.tabs import TAB_WORDS, tabs_of
from collab.web.csvs import csv_file
from collab.web.forms import act, sent, show, submit
from collab.web.history import timeline
from collab.web.pagination import page_of

SHOWN = 50
EXAMPLE = [
    {
        "key": "people", "type": "yes_no", "label": "Do people take part?", "label_zh": "是否有人参与？",
        "section": "People", "section_zh": "参与者",
    },
    {
        "key": "minors", "type": "yes_no", "label": "Are some younger than 18?", "label_zh": "是否有未满 18 岁者？",
        "section": "People", "section_zh": "参与者", "show_if": {"key": "people", "is": [True]},
    },
]  # fmt: skip
EXAMPLE_RULES = [
    {
        "code": "minors",
        "question": "minors",
        "is": [True],
        "reason": "Minors take part.",
        "reason_zh": "有未成年人参与。",
    }
]


# --- of a project
def project_ethics(request: HttpRequest, slug: str) -> HttpResponse:
    """What was applied for, what the committees said, and what stops now."""
    project = get_or_404(request.user, "ethics.view", Project.objects.all(), slug=slug)
    may = allowed(request.user, project, "ethics.apply", *TAB_WORDS)
    cases = EthicsCase.objects.filter(project=project).visible_to(request.user).with_names()
    assessments = EthicsAssessment.objects.filter(project=project).select_related(
        "form_version__form", "begun_by", "finished_by"
    )
    page = page_of(request, cases)
    for case in page:
        case.answer = answer_of(case)  # type: ignore[attr-defined]
    context = {
        "project": project,
        "tabs": tabs_of(project, "project_ethics", may),
        "page": page,
        "assessments": list(visible_to(request.user, "ethics.view", assessments)[:SHOWN]),
        "stopped": stopped(request.user, project),  # type: ignore[arg-type]
        "may_apply": "ethics.apply" in may,
        "forms": list(_forms_for(project)) if "ethics.apply" in may else [],
    }
    return show(request, "collab/ethics/project.html", context)


def _forms_for(project: Project) -> Any:
    """Questionnaires that a project answers for itself."""
    parties = project.parties.filter(left_on=None).values("organisation")
    rows = EthicsForm.objects.exclude(purpose=Purpose.REVIEW)
    return (rows.filter(organisation=None) | rows.filter(organisation__in=parties)).order_by("purpose", "name")


def ethics_case_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "ethics.apply", Project.objects.all(), slug=slug)
    form = CaseForm(sent(request), project=project, initial={"title": str(project)})

    def begin() -> str:
        case = begin_case(project=project, by=request.user, **form.values())
        return reverse("collab:ethics_case_answers", args=[case.pk])

    context = {
        "form": form,
        "project": project,
        "title": _("New ethics application"),
        "back": reverse("collab:project_ethics", args=[project.slug]),
        "back_label": _("Ethics"),
    }
    return submit(request, form, begin) or show(request, "collab/projects/form.html", context, form)


def ethics_assessment_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "ethics.apply", Project.objects.all(), slug=slug)
    found = next((one for one in _forms_for(project) if str(one.pk) == request.POST.get("form")), None)
    if found is None:
        raise InvalidError(_("Choose one of the questionnaires."), field="form")
    made: list[EthicsAssessment] = []
    return act(
        request,
        lambda: made.append(begin_assessment(project=project, form=found, by=request.user)),
        to=reverse("collab:project_ethics", args=[project.slug]),
        said=_("Begun. It is in the list of self-assessments."),
    )


# --- a case
def _case(request: HttpRequest, word: str, pk: UUID) -> EthicsCase:
    return get_or_404(request.user, word, EthicsCase.objects.with_names(), pk=pk)


WORDS = ("ethics.apply", "ethics.chair", "ethics.decide", "ethics.deliberate")


def ethics_case(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How it stands, the answers with what changed, and what to do next; `?round=` shows what was sent in that one."""
    case = _case(request, "ethics.view", pk)
    may = allowed(request.user, case, *WORDS)
    applies, chairs = "ethics.apply" in may, "ethics.chair" in may
    sits = bool(may - {"ethics.apply"})
    conditions = list(
        case.conditions.select_related("condition__met_by", "claimed_by").prefetch_related(
            "refusals__claimed_by", "refusals__by"
        )
    )
    asked = list(case.asked.select_related("by", "answered_by"))
    rounds = list(case.submissions.select_related("by", "form_version"))
    given = given_of(case, rounds, applies=applies, number=_round(request))
    reviews = visible_to(request.user, "ethics.deliberate", EthicsReview.objects.filter(case=case))
    decides = "ethics.decide" in may and CASE_MOVES.allows("approve", case.state)
    labels = {question["key"]: label_of(question) for question in case.questions}
    for question in asked:
        question.about = labels.get(question.about_key, "")  # type: ignore[attr-defined]
    context = {
        "case": case,
        "project": case.project,
        "answer": answer_of(case, conditions),
        "route": route_of(case),
        "reasons": reasons_of(case) if case.route else [],
        "sections": sections_of(given.row, before=given.before, asked=asked),
        "files": files_of(case, case.files.select_related("by"), applies=applies, number=_round(request)),
        "given": given,
        "conditions": conditions,
        "asked": asked,
        "rounds": rounds,
        "reviews": reviews.select_related("reviewer", "conflict_decided_by").order_by("-round", "created_at"),
        "corrections": corrections_of(case),
        "reports": case.reports.select_related("by", "closed_by"),
        "followers": case.followers.visible_to(request.user),
        "newer": case.newer_version() if applies and case.state in WRITABLE else None,
        "sits": sits,
        "mine": next(
            (row for row in reviews if row.reviewer_id == request.user.pk and row.state == ReviewState.ASKED), None
        ),
        "applies": applies,
        "chairs": chairs,
        "decides": decides,
        "missing": missing_to_decide(case) if decides else [],
        "may_write": applies and case.state in WRITABLE,
        "may_withdraw": applies and CASE_MOVES.allows("withdraw", case.state) and case.decided_at is None,
        "may_follow": applies and case.state in FOLLOWED,
        "may_appeal": applies and may_appeal(case, conditions),
        "may_report": applies and (case.stands or case.state == CaseState.SUSPENDED),
        "may_assign": chairs and CASE_MOVES.allows(move_to_assign(case.state), case.state),
        "may_suspend": chairs and case.state == CaseState.APPROVED,
        "may_resume": chairs and case.state == CaseState.SUSPENDED,
        "may_correct": chairs and not bars_correction(case),
        "may_ask": "ethics.deliberate" in may and case.state in PENDING,
        "ask_form": AskForm(case=case),
        "submit_form": SubmitForm(),
        "area_words": AREA_WORDS,
    }
    if "audit.view" in allowed(request.user, case.project, "audit.view"):
        context["history"] = timeline(_events(case))
    return show(request, "collab/ethics/case.html", context)


def _round(request: HttpRequest) -> int | None:
    """The round that is asked for; what is no number is passed over."""
    wanted = request.GET.get("round", "")
    return int(wanted) if re.fullmatch(r"[1-9][0-9]{0,5}", wanted) else None


def _events(case: EthicsCase) -> Any:
    return AuditEvent.objects.filter(project_id=case.project_id, subject_id=str(case.pk)).order_by("-id")[:30]


def ethics_case_answers(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The questionnaire; saved as often as one likes, submitted once it is whole."""
    case = _case(request, "ethics.apply", pk)
    form = AnswersForm(sent(request), row=case)

    def save() -> str:
        given = form.values()
        saved = save_answers(row=case, by=request.user, **given)
        form.saved(version=saved.version)
        if "submit" in request.POST:
            note = request.POST.get("note", "")[:4000]
            done = submit_case(case=saved, number=given["number"], note=note, by=request.user)
            messages.success(request, _("Submitted: it goes the route “%(route)s”.") % {"route": route_of(done)})
            return done.get_absolute_url()
        messages.success(request, _("Saved."))
        return request.path

    context = {
        "case": case, "row": case, "form": form, "newer": case.newer_version(),
        "again": case.state == CaseState.CHANGES_REQUESTED, "writable": case.state in WRITABLE,
        "submit_form": SubmitForm(initial={"note": request.POST.get("note", "")}),
    }  # fmt: skip
    return submit(request, form, save) or show(request, "collab/ethics/answers.html", context, form)


def ethics_case_carry(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, "ethics.apply", pk)
    return act(
        request,
        lambda: carry_over(row=case, by=request.user),
        to=reverse("collab:ethics_case_answers", args=[case.pk]),
        said=_("Carried over. What is new in this version is marked."),
    )


def ethics_case_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, "ethics.apply", pk)
    return act(
        request,
        lambda: withdraw_case(case=case, by=request.user),
        to=case.get_absolute_url(),
        said=_("The application is withdrawn."),
    )


def ethics_case_follow(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Begin what comes after it; the title tells it from the one before."""
    case = _case(request, "ethics.apply", pk)
    form = FollowForm(sent(request), initial={"title": case.title})

    def follow() -> str:
        made = follow_case(case=case, by=request.user, **form.values())
        messages.success(
            request, _("Begun, with the answers carried over. What holds now holds on until it is decided.")
        )
        return reverse("collab:ethics_case_answers", args=[made.pk])

    titles = {Kind.AMENDMENT: _("Amend"), Kind.RENEWAL: _("Renew"), Kind.AGAIN: _("Apply on new grounds")}
    return _form(request, case, form, follow, titles[following(case)])


def ethics_case_appeal(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, "ethics.apply", pk)
    form = WordsForm(sent(request), label=_("On what ground you appeal"))

    def appeal() -> str:
        messages.success(request, _("Somebody else than whoever gave the decision is asked."))
        return appeal_case(case=case, by=request.user, **form.cleaned_data).get_absolute_url()

    return _form(request, case, form, appeal, _("Appeal"))


def ethics_case_report(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, "ethics.apply", pk)
    form = ReportForm(sent(request), initial={"kind": "monitoring"})

    def tell() -> str:
        report(case=case, by=request.user, **form.values())
        messages.success(request, _("The committee is told."))
        return case.get_absolute_url()

    return _form(request, case, form, tell, _("Report to the committee"))


def ethics_case_reply(request: HttpRequest, pk: UUID, question: UUID) -> HttpResponse:
    case = _case(request, "ethics.apply", pk)
    found = case.asked.select_related("case").filter(pk=question).first()
    if found is None:
        raise NotFoundError
    text = _words(request)
    return act(
        request,
        lambda: answer_question(question=found, text=text, by=request.user),
        to=case.get_absolute_url(),
        said=_("Your answer is with the committee."),
    )


def ethics_case_claim(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    case = _case(request, "ethics.apply", pk)
    found, text = condition_of(case, number), _words(request)
    return act(
        request,
        lambda: claim_condition(condition=found, evidence=text, by=request.user),
        to=case.get_absolute_url(),
        said=_("The committee is asked to confirm it."),
    )


# --- the committee on a case
def ethics_case_assign(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, "ethics.chair", pk)
    form = AssignForm(sent(request), case=case)

    def ask() -> str:
        assign(case=case, by=request.user, **form.values())
        messages.success(request, _("The reviewers are asked."))
        return case.get_absolute_url()

    return _form(request, case, form, ask, _("Ask reviewers"))


def ethics_case_ask(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, "ethics.deliberate", pk)
    form = AskForm(request.POST, case=case)
    if not form.is_valid():
        raise InvalidError(_("Write your question."), field="text")
    return act(
        request,
        lambda: ask_applicants(case=case, by=request.user, **form.cleaned_data),
        to=case.get_absolute_url(),
        said=_("The applicants are asked."),
    )


def ethics_case_decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, "ethics.decide", pk)
    form = DecideForm(sent(request), case=case)

    def decide() -> str:
        done = decide_case(case=case, by=request.user, **form.values())
        messages.success(request, _("Decided, and the applicants are told."))
        return done.get_absolute_url()

    context = {
        "case": case, "project": case.project, "form": form, "against": case.appeals_conditions,
        "missing": missing_to_decide(case), "reasons": reasons_of(case), "route": route_of(case),
    }  # fmt: skip
    return submit(request, form, decide) or show(request, "collab/ethics/decide.html", context, form)


def ethics_case_confirm(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    case = _case(request, "ethics.chair", pk)
    found, text = condition_of(case, number), request.POST.get("text", "")[:5000]
    return act(
        request,
        lambda: confirm_condition(condition=found, evidence=text, by=request.user),
        to=case.get_absolute_url(),
        said=_("Confirmed: what it stopped goes on."),
    )


def ethics_case_hold(request: HttpRequest, pk: UUID, move: str) -> HttpResponse:
    case = _case(request, "ethics.chair", pk)
    titles = {
        "suspend": _("Suspend the approval"),
        "resume": _("Let the approval hold again"),
        "revoke": _("Revoke the approval"),
    }
    if move not in titles:
        raise NotFoundError
    form = HoldForm(sent(request))

    def hold() -> str:
        return hold_case(case=case, move=move, by=request.user, **form.values()).get_absolute_url()

    return _form(request, case, form, hold, titles[move], tone="primary" if move == "resume" else "danger")


def ethics_case_close(request: HttpRequest, pk: UUID, report: UUID) -> HttpResponse:
    case = _case(request, "ethics.chair", pk)
    found = case.reports.select_related("case").filter(pk=report).first()
    if found is None:
        raise NotFoundError
    text = _words(request)
    return act(
        request,
        lambda: close_report(report=found, outcome=text, by=request.user),
        to=case.get_absolute_url(),
        said=_("The report is closed."),
    )


# --- reviews
def _reviews() -> Any:
    return EthicsReview.objects.select_related(
        "case__committee__organisation", "case__project", "case__form_version__form", "case__carried_from",
        "case__request", "reviewer", "conflict_decided_by",
    )  # fmt: skip


def ethics_review(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The application beside one's own review."""
    word = "ethics.review" if request.method == "POST" else "ethics.deliberate"
    review = get_or_404(request.user, word, _reviews(), pk=pk)
    form = ReviewForm(sent(request), review=review)

    def give() -> str:
        submit_review(review=review, by=request.user, **form.cleaned_data)
        messages.success(request, _("Your review is submitted. Thank you."))
        return reverse("collab:ethics")

    case = review.case
    rounds = {row.number: row for row in case.submissions.select_related("form_version")}
    known = review.round if review.round in rounds else None  # what was sent is reviewed, not what is being changed
    given = given_of(case, rounds.values(), applies=False, number=known)
    mine = review.reviewer_id == request.user.pk
    context = {
        "review": review,
        "case": case,
        "form": form,
        "mine": mine,
        "open": mine and review.state == ReviewState.ASKED and case.state in PENDING,
        "may_reopen": mine and review.state == ReviewState.SUBMITTED and not bars_reopening(review, request.user),
        "sections": sections_of(given.row, before=given.before, asked=case.asked.all()),
        "files": files_of(case, case.files.select_related("by"), applies=False, number=known),
        "note": rounds[review.round].note if review.round in rounds else "",
        "route": route_of(case),
        "reasons": reasons_of(case),
        "conflict_form": ConflictForm(),
        "applies": request.user.pk in near_to(case),
        "settles": "ethics.chair" in allowed(request.user, review, "ethics.chair"),
    }
    return submit(request, form, give) or show(request, "collab/ethics/review.html", context, form)


def ethics_review_conflict(request: HttpRequest, pk: UUID) -> HttpResponse:
    review = get_or_404(request.user, "ethics.review", _reviews(), pk=pk)
    form = ConflictForm(request.POST)
    if not form.is_valid():
        raise InvalidError(_("Say of what kind the conflict is, and what it is."), field="text")
    return act(
        request,
        lambda: declare_conflict(review=review, by=request.user, **form.cleaned_data),
        to=review.get_absolute_url(),
        said=_("A chair of the committee decides what follows from it."),
    )


def ethics_review_settle(request: HttpRequest, pk: UUID) -> HttpResponse:
    review = get_or_404(request.user, "ethics.chair", _reviews(), pk=pk)
    form = MoveForm(request.POST)
    if not form.is_valid():
        raise InvalidError(_("Waive, recuse or dismiss it."), field="move")
    data = form.cleaned_data
    return act(
        request,
        lambda: settle_conflict(review=review, move=data["move"], plan=data["reason"], by=request.user),
        to=review.case.get_absolute_url(),
        said=_("The conflict of interest is decided."),
    )


# --- self-assessments
def ethics_assessment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A self-assessment: while it is a draft the questions, afterwards the scores with advice."""
    rows = EthicsAssessment.objects.select_related("project", "form_version__form", "carried_from", "finished_by")
    word = "ethics.apply" if request.method == "POST" else "ethics.view"
    row = get_or_404(request.user, word, rows, pk=pk)
    may_write = "ethics.apply" in allowed(request.user, row, "ethics.apply")
    draft = row.state == AssessmentState.DRAFT
    if request.method == "POST" and {"reopen", "carry"} & set(request.POST):
        verb = reopen_assessment if "reopen" in request.POST else carry_over
        said = _("Go on answering.") if "reopen" in request.POST else _("Carried over. What is new is marked.")
        return act(request, lambda: verb(row=row, by=request.user), to=row.get_absolute_url(), said=said)
    form = AnswersForm(sent(request), row=row)

    def save() -> str:
        saved = save_answers(row=row, by=request.user, **form.values())
        form.saved(version=saved.version)
        if "submit" in request.POST:
            finish_assessment(row=saved, by=request.user)
        messages.success(request, _("Saved."))
        return row.get_absolute_url()

    context = {
        "row": row,
        "project": row.project,
        "form": form,
        "draft": draft,
        "may_write": may_write,
        "newer": row.newer_version() if draft and may_write else None,
        "scores": scores(row.questions, row.answers),
        "sections": sections_of(row),
    }
    return submit(request, form, save) or show(request, "collab/ethics/assessment.html", context, form)


# --- committees
def ethics(request: HttpRequest) -> HttpResponse:
    """What waits for me, and the committees on which I sit."""
    user: Any = request.user
    own = visible_to(user, "ethics.review", EthicsReview.objects.filter(reviewer=user))
    mine = own.exclude(state=ReviewState.RECUSED)  # neither those that nobody waits for any more
    held = Membership.objects.active().filter(
        user=user, project=None, role__in=[Role.ETHICS_REVIEWER, Role.ETHICS_CHAIR]
    )
    committees = EthicsCommittee.objects.filter(organisation__in=held.values("organisation"))
    managed = visible_to(user, "ethics.manage", Organisation.objects.all())
    context = {
        "page": page_of(
            request, mine.select_related("case__project", "case__committee").order_by("submitted_at", "due_on", "pk")
        ),
        "committees": committees.select_related("organisation"),
        "managed": EthicsCommittee.objects.filter(organisation__in=managed.values("pk")).select_related("organisation"),
        "may_found": managed.filter(ethics_committee=None).exists(),
        "cases": EthicsCase.objects.visible_to(user).pending().with_names()[:SHOWN],
    }
    return show(request, "collab/ethics/home.html", context)


def ethics_committee(request: HttpRequest, slug: str) -> HttpResponse:
    """The dashboard: what waits, what is late, how long decisions take."""
    organisation = get_or_404(request.user, "ethics.sit", Organisation.objects.all(), slug=slug)
    committee = _committee_of(organisation)
    rows = _before(committee, request)
    chosen = Chosen.of(request)
    counts = counts_of(rows)
    context = {
        "committee": committee,
        "organisation": organisation,
        "page": page_of(request, chosen.among(rows)),
        "chosen": chosen,
        "counts": [(one.value, counts[one]) for one in CaseState if counts.get(one)],
        "worklists": worklists_of(rows),
        "figures": figures_of(rows, committee),
        "loads": loads_of(rows),
        "may_manage": "ethics.manage" in allowed(request.user, committee, "ethics.manage"),
    }
    return show(request, "collab/ethics/committee.html", context)


def ethics_committee_file(request: HttpRequest, slug: str) -> HttpResponse:
    """The list that is chosen, for a spreadsheet."""
    organisation = get_or_404(request.user, "ethics.sit", Organisation.objects.all(), slug=slug)
    rows = _before(_committee_of(organisation), request)
    return csv_file("ethics-cases.csv", lines_of(Chosen.of(request).among(rows)))


def _before(committee: EthicsCommittee, request: HttpRequest) -> Any:
    """What was laid before the committee, as far as the person may see it."""
    return EthicsCase.objects.filter(committee=committee, submitted_at__isnull=False).visible_to(request.user)


@dataclass(frozen=True)
class Chosen:
    """Which cases of a committee a list shows: those in a state, or those behind one of the figures."""

    state: str = ""
    worklist: str = ""
    route: str = ""
    year: int | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> Chosen:
        """What does not fit is passed over, so an old bookmark still shows rows."""
        given = {name: request.GET.get(name, "") for name in ("state", "worklist", "route")}
        known: dict[str, Any] = {"state": CaseState, "worklist": Worklist, "route": Route}
        found = {name: value if value in set(known[name]) else "" for name, value in given.items()}
        if not found["state"] and not found["worklist"]:
            found["worklist"] = Worklist.WAITING.value
        year = request.GET.get("year", "")
        return cls(**found, year=int(year) if re.fullmatch(r"[1-9][0-9]{3}", year) else None)

    def among(self, rows: Any) -> Any:
        """Those of the rows, the longest before the committee first."""
        rows = rows.filter(state=self.state) if self.state else rows.in_worklist(self.worklist)
        if self.route:
            rows = rows.filter(route=self.route)
        if self.year is not None:
            rows = rows.filter(first_decided_at__year=self.year)
        return rows.with_names().order_by("submitted_at", "pk")

    @property
    def label(self) -> str:
        """The figure that was opened, in words; empty for what the page shows by itself."""
        if self.state or (self.worklist == Worklist.WAITING and not self.route and not self.year):
            return ""
        parts = [str(WORKLIST_WORDS[Worklist(self.worklist)])]
        parts += [str(ROUTE_WORDS[Route(self.route)])] if self.route else []
        return " · ".join([*parts, str(self.year)] if self.year else parts)


def _committee_of(organisation: Organisation) -> EthicsCommittee:
    found = EthicsCommittee.objects.filter(organisation=organisation).select_related("organisation").first()
    if found is None:
        raise NotFoundError
    return found


def ethics_committee_new(request: HttpRequest) -> HttpResponse:
    form = NewCommitteeForm(sent(request), user=request.user)

    def found() -> str:
        found_committee(by=request.user, **form.values())
        messages.success(request, _("Set up. Give people the roles of chair and reviewer on the organisation's page."))
        return reverse("collab:ethics")

    context = {
        "form": form,
        "title": _("New ethics committee"),
        "back": reverse("collab:ethics"),
        "back_label": _("Ethics"),
    }
    return submit(request, form, found) or show(request, "collab/ethics/form.html", context, form)


def ethics_committee_edit(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = get_or_404(request.user, "ethics.manage", Organisation.objects.all(), slug=slug)
    committee = _committee_of(organisation)
    form = EditCommitteeForm(sent(request), initial=EditCommitteeForm.about(committee))

    def change() -> str:
        edit_committee(committee=committee, by=request.user, **form.values())
        messages.success(request, _("The committee was changed."))
        return reverse("collab:ethics")

    context = {
        "form": form,
        "title": _("How the committee works"),
        "back": reverse("collab:ethics"),
        "back_label": _("Ethics"),
    }
    return submit(request, form, change) or show(request, "collab/ethics/form.html", context, form)


# --- questionnaires
def ethics_forms(request: HttpRequest) -> HttpResponse:
    rows = visible_to(request.user, "organisation.view", EthicsForm.objects.all()).select_related("organisation")
    managed = visible_to(request.user, "ethics.manage", Organisation.objects.all())
    context = {"page": page_of(request, rows), "may_write": managed.exists()}
    return show(request, "collab/ethics/forms.html", context)


def ethics_form(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A questionnaire as it is asked, with its rules; `?version=` shows an older one."""
    form = get_or_404(request.user, "organisation.view", EthicsForm.objects.select_related("organisation"), pk=pk)
    versions = list(form.versions.select_related("created_by").defer("questions", "rules"))
    wanted = request.GET.get("version", "")
    chosen = next((one for one in versions if str(one.number) == wanted), versions[0] if not wanted else None)
    if chosen is None:
        raise NotFoundError
    sections: dict[str, list[Any]] = {}
    labels = {question["key"]: label_of(question) for question in chosen.questions}
    for question in chosen.questions:
        branch = question.get("show_if")
        line = {
            "label": label_of(question),
            "help": text_of(question, "help"),
            "weight": question["weight"],
            "after": labels[branch["key"]] if branch else "",
        }
        sections.setdefault(text_of(question, "section"), []).append(line)
    context = {
        "questionnaire": form,
        "version": chosen,
        "versions": versions,
        "sections": [{"name": name, "lines": lines} for name, lines in sections.items()],
        "rules": [text_of(rule, "reason") for rule in chosen.rules],
        "may_write": form.organisation is not None and "ethics.manage" in allowed(request.user, form, "ethics.manage"),
    }
    return show(request, "collab/ethics/questionnaire.html", context)


def ethics_form_new(request: HttpRequest) -> HttpResponse:
    first = {"questions": _pretty(EXAMPLE), "rules": _pretty(EXAMPLE_RULES)}
    form = NewFormForm(sent(request), user=request.user, initial=first)

    def write() -> str:
        return write_form(by=request.user, **form.cleaned_data).get_absolute_url()

    back = reverse("collab:ethics_forms")
    context = {"form": form, "title": _("New questionnaire"), "back": back, "back_label": _("Questionnaires")}
    return submit(request, form, write) or show(request, "collab/ethics/form.html", context, form)


def ethics_form_version(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = get_or_404(request.user, "ethics.manage", EthicsForm.objects.select_related("organisation"), pk=pk)
    last = newest(found)
    form = VersionForm(sent(request), initial={"questions": _pretty(last.questions), "rules": _pretty(last.rules)})

    def write() -> str:
        add_form_version(form=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("A new version is written. What was answered stays with its own."))
        return found.get_absolute_url()

    context = {"form": form, "title": _("New version"), "back": found.get_absolute_url(), "back_label": found}
    return submit(request, form, write) or show(request, "collab/ethics/form.html", context, form)


# --- what the pages share
def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _words(request: HttpRequest) -> str:
    form = WordsForm(request.POST)
    if not form.is_valid():
        raise InvalidError(_("Write a few words."), field="text")
    return form.cleaned_data["text"]


def _form(
    request: HttpRequest, case: EthicsCase, form: Any, done: Any, title: str, *, tone: str = "primary"
) -> HttpResponse:
    context = {
        "form": form,
        "case": case,
        "title": title,
        "tone": tone,
        "back": case.get_absolute_url(),
        "back_label": case,
    }
    return submit(request, form, done) or show(request, "collab/ethics/form.html", context, form)
