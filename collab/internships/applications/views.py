"""Pages of applications: the student's side, and the host's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404
from collab.internships.applications.deciding import (
    OFFERS,
    ask_reviewers,
    decide_application,
    give_review,
    goes_on,
    propose_times,
)
from collab.internships.applications.rounds import rule_pair, why
from collab.internships.applications.services import (
    add_document,
    answer_offer,
    choose_time,
    decline_times,
    remove_document,
    submit_application,
    waiting_interview,
    withdraw_application,
    write_application,
)
from collab.internships.applications.states import APPLICATION_MOVES, DECISIONS, WAITING, ApplicationState
from collab.internships.forms import (
    ApplicationForm,
    DecideForm,
    DocumentForm,
    InterviewForm,
    OtherTimesForm,
    PairForm,
    ReviewersForm,
    ScoreForm,
)
from collab.internships.models import Application, ApplicationDocument, ApplicationEvent, BoardReview, Interview
from collab.internships.programmes.views import form_page
from collab.kernel.blobs import blob_path
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError
from collab.web.downloads import resumable
from collab.web.forms import act, sent, show, submit


def application(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where it stands; what each side may do next. A student sees no score, a host no choice."""
    row = _application(request, "application.view", pk)
    user: Any = request.user
    may = allowed(user, row, "application.write", "application.decide", "application.review", "programme.manage")
    mine = "application.write" in may
    offered = row.shown_state == ApplicationState.OFFERED
    reviews = BoardReview.objects.filter(application=row).select_related("reviewer")
    waiting = Interview.objects.waiting_of(row)
    events = list(row.events.select_related("by"))
    context = {
        "application": row,
        "answers": [(one["label"], row.answers.get(one["key"], "")) for one in row.questions],
        "documents": row.documents.all(),
        "events": events,
        "other_times": _wish(row, events),
        "interviews": row.interviews.select_related("proposed_by"),
        "times": [one for one in waiting.moments if one > timezone.now()] if mine and waiting else [],
        "waiting": waiting,
        "mine": mine,
        "may_write": mine and row.state == ApplicationState.DRAFT,
        "may_answer": mine and offered,
        "may_withdraw": mine and APPLICATION_MOVES.allows("withdraw", row.state) and not hasattr(row, "placement"),
        "may_decide": "application.decide" in may and row.state in WAITING,
        "may_decide_anew": "application.decide" in may and row.state not in WAITING and bool(_decisions(row)),
        "may_review": "application.review" in may and row.state in WAITING,
        "may_rule": "programme.manage" in may and row.state in WAITING,
        "reviews": reviews if "application.decide" in may else reviews.filter(reviewer=user),
        "see_choice": mine or "programme.manage" in may,
        "see_rank": not mine and bool(may & {"application.decide", "programme.manage"}),
        "why": why(row, to_student=mine) if row.cohort.state != "published" else "",
        "placement": getattr(row, "placement", None),
    }
    return show(request, "collab/internships/application.html", context)


def _wish(row: Application, events: list[ApplicationEvent]) -> str:
    """What would suit a student for whom none of the times does, until the host proposes others."""
    last = events[-1] if events else None
    asks = last is not None and last.state == row.state == ApplicationState.INTERVIEWING and last.by == row.candidate
    return last.reason if last is not None and asks else ""


# --- the student
def application_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _application(request, "application.write", pk)
    shown = {"statement": row.statement, "version": row.version, "questions_version": row.posting.questions_version}
    form = ApplicationForm(sent(request), application=row, initial=shown)

    def write() -> str:
        saved = write_application(application=row, by=request.user, **form.values())
        form.saved(version=saved.version)
        if "send" in request.POST:
            submit_application(application=saved, by=request.user, version=saved.version)
            messages.success(request, _("Your application is sent."))
        else:
            messages.success(request, _("Saved. Nobody sees it before you send it."))
        return row.get_absolute_url()

    context = {
        "form": form, "application": row, "documents": row.documents.all(), "document_form": DocumentForm(),
        "may_write": row.state == ApplicationState.DRAFT,
    }  # fmt: skip
    done = submit(request, form, write)
    if done is None and form.is_bound:  # read again, they may be answered: these are the questions that it shows
        form.carry(questions_version=row.posting.questions_version)
    return done or show(request, "collab/internships/application_edit.html", context, form)


def application_document(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _application(request, "application.write", pk)
    form = DocumentForm(sent(request), request.FILES or None)

    def add() -> str:
        add_document(application=row, by=request.user, **form.cleaned_data)
        return f"{row.get_absolute_url()}edit/"

    back = f"{row.get_absolute_url()}edit/"
    return form_page(request, form, add, _("Add a document"), lead=str(row.posting), back=back)


def application_file(request: HttpRequest, pk: UUID, document: UUID) -> HttpResponseBase:
    """The file, to keep; never shown inside the site."""
    row = _application(request, "application.view", pk)
    found = _document(row, document)
    return resumable(request, blob_path(found.sha256), found.file_name, found.sha256, found.content_type)


def application_remove(request: HttpRequest, pk: UUID, document: UUID) -> HttpResponse:
    row = _application(request, "application.write", pk)
    found = _document(row, document)
    return act(
        request, lambda: remove_document(document=found, by=request.user), to=f"{row.get_absolute_url()}edit/",
        said=_("The document is gone."),
    )  # fmt: skip


def application_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _application(request, "application.write", pk)
    return act(
        request,
        lambda: withdraw_application(application=row, by=request.user, reason=request.POST.get("reason", "")[:1000]),
        to=row.get_absolute_url(),
        said=_("The application is withdrawn."),
    )


def application_answer(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _application(request, "application.write", pk)
    accept = request.POST.get("answer") == "accept"
    return act(
        request,
        lambda: answer_offer(application=row, accept=accept, by=request.user),
        to=row.get_absolute_url(),
        said=_("The place is yours.") if accept else _("The offer is declined."),
    )


def application_time(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _application(request, "application.write", pk)
    waiting = waiting_interview(row)
    try:
        chosen = parse_datetime(request.POST.get("moment", "")[:40])
    except ValueError:
        chosen = None
    if chosen is None or timezone.is_naive(chosen):
        raise InvalidError(_("Choose one of the times that were proposed."), field="moment")
    return act(
        request, lambda: choose_time(interview=waiting, moment=chosen, by=request.user), to=row.get_absolute_url(),
        said=_("The host knows when you come."),
    )  # fmt: skip


def application_other_times(request: HttpRequest, pk: UUID) -> HttpResponse:
    """None of the proposed times suits: say what would."""
    row = _application(request, "application.write", pk)
    waiting = waiting_interview(row)
    form = OtherTimesForm(sent(request))

    def decline() -> str:
        decline_times(interview=waiting, by=request.user, **form.values())
        messages.success(request, _("The host is told, and proposes other times."))
        return row.get_absolute_url()

    return form_page(
        request, form, decline, _("None of these times suits me"), lead=str(row.posting), back=row.get_absolute_url()
    )


# --- the host
def application_decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _application(request, "application.decide", pk)
    moves = _decisions(row)
    if not moves:
        raise ConflictError(_("It was decided already."))
    form = DecideForm(sent(request), moves=moves)

    def decide() -> str:
        given = form.values()
        if given["move"] in OFFERS:
            OFFERS[given["move"]](application=row, by=request.user)
        else:
            decide_application(application=row, by=request.user, **given)
        return row.get_absolute_url()

    return form_page(request, form, decide, _("Decide"), lead=str(row), back=row.get_absolute_url())


def _decisions(row: Application) -> list[str]:
    """The moves of the host that are possible now; what is over is taken up again while its posting goes on."""
    moves = [move for move in DECISIONS if APPLICATION_MOVES.allows(move, row.shown_state)]
    return moves if goes_on(row.posting) else [move for move in moves if move not in {"renew", "reconsider"}]


def application_interview(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _application(request, "application.decide", pk)
    form = InterviewForm(sent(request))

    def propose() -> str:
        propose_times(application=row, by=request.user, **form.values())
        return row.get_absolute_url()

    return form_page(
        request, form, propose, _("Propose times for an interview"), lead=str(row), back=row.get_absolute_url()
    )


def application_reviewers(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _application(request, "application.decide", pk)
    form = ReviewersForm(sent(request), organisation=row.posting.organisation)

    def ask() -> str:
        ask_reviewers(application=row, by=request.user, **form.values())
        return row.get_absolute_url()

    return form_page(request, form, ask, _("Ask for reviews"), lead=str(row), back=row.get_absolute_url())


def application_review(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _application(request, "application.review", pk)
    mine = BoardReview.objects.filter(application=row, reviewer=request.user).first()
    shown = {"score": mine.score, "comment": mine.comment} if mine else {}
    form = ScoreForm(sent(request), initial=shown)

    def give() -> str:
        give_review(application=row, by=request.user, **form.cleaned_data)
        return row.get_absolute_url()

    return form_page(request, form, give, _("Your review"), lead=str(row), back=row.get_absolute_url())


def application_rule(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _application(request, "programme.manage", pk)
    form = PairForm(sent(request))

    def rule() -> str:
        rule_pair(application=row, by=request.user, **form.values())
        return f"{row.cohort.get_absolute_url()}board/"

    return form_page(request, form, rule, _("Set a rule for the matching"), lead=str(row), back=row.get_absolute_url())


def _application(request: HttpRequest, word: str, pk: UUID) -> Application:
    return get_or_404(request.user, word, Application.objects.with_names(), pk=pk)


def _document(application: Application, pk: UUID) -> ApplicationDocument:
    found = application.documents.filter(pk=pk).first()
    if found is None:
        raise NotFoundError
    return found
