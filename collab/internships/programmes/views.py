"""Pages of programmes, cohorts and postings; the public ones first."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from collab.access.policy import Missing, allowed, get_or_404, visible_to
from collab.accounts.models import Organisation, OrganisationKind
from collab.courses.library.forms import AttachForm
from collab.courses.library.services import attach_resource, detach_resource, links_of
from collab.internships.applications.rounds import confirm_matching, drop_rule, run_matching, said_outcome
from collab.internships.applications.services import begin_application, universities_of
from collab.internships.applications.states import WAITING
from collab.internships.forms import (
    ApplyForm,
    CheckPointEditForm,
    CheckPointForm,
    CohortEditForm,
    CohortForm,
    PostingEditForm,
    PostingFilter,
    PostingForm,
    ProgrammeEditForm,
    ProgrammeForm,
    ReasonForm,
    lines_of,
)
from collab.internships.models import (
    Application,
    CheckPoint,
    Cohort,
    MatchRound,
    PairRule,
    Placement,
    Posting,
    Programme,
)
from collab.internships.placements.attesting import attest_cohort, to_attest
from collab.internships.placements.reminding import remind_all
from collab.internships.programmes.questions import criteria_lines
from collab.internships.programmes.services import (
    add_check_point,
    begin_cohort,
    begin_programme,
    drop_check_point,
    edit_check_point,
    edit_cohort,
    edit_posting,
    edit_programme,
    move_cohort,
    move_posting,
    write_posting,
)
from collab.internships.programmes.states import COHORT_MOVES, POSTING_MOVES, WRITABLE
from collab.internships.reading import (
    board_rows,
    hosts_of,
    late_q,
    outcomes_of,
    pairs_of,
    placements_of_offices,
    roster_rows,
    stages_of,
    steps_of,
    tell_late,
    tell_next,
)
from collab.internships.standing import explain_posting
from collab.kernel.errors import InvalidError, NotFoundError, RefusedError
from collab.web.api import as_uuid
from collab.web.badges import badge_of
from collab.web.csvs import csv_file
from collab.web.forms import act, sent, show, submit
from collab.web.pagination import page_of

SHOWN = 20
FIRST = 8


# --- public
def open_postings(request: HttpRequest) -> HttpResponse:
    """What anybody may read, without signing in."""
    found = PostingFilter(request.GET, Posting.objects.public(timezone.now()).with_names())
    rows = found.qs.order_by("cohort__closes_at", "title", "pk")
    return show(request, "collab/internships/open.html", {"page": page_of(request, rows), "filter": found})


def open_posting(request: HttpRequest, pk: UUID) -> HttpResponse:
    posting = Posting.objects.public(timezone.now()).with_names().filter(pk=pk).first()
    if posting is None:
        raise NotFoundError
    return show(request, "collab/internships/open_posting.html", {"posting": posting})


# --- home
def home(request: HttpRequest) -> HttpResponse:
    """What one applies for, guides, offers or runs."""
    user: Any = request.user
    found = PostingFilter(request.GET, Posting.objects.visible_to(user).with_names())
    postings = found.qs.order_by("-cohort__closes_at", "title", "pk")
    runs = visible_to(user, "programme.manage", Organisation.objects.filter(kind=OrganisationKind.UNIVERSITY))
    mine = Q(student=user) | Q(mentor=user) | Q(supervisor=user)
    placements = Placement.objects.visible_to(user)
    of_office = placements_of_offices(user).going_on().order_by("-starts_on", "student__name", "pk")
    context = {
        "applications": Application.objects.filter(candidate=user).with_names()[:SHOWN],
        "placements": placements.filter(mine).with_names()[:SHOWN],
        "office": {"rows": of_office.with_names()[:FIRST], "count": of_office.count()},
        "reviews": Application.objects.visible_to(user, "application.review")
        .filter(reviews__reviewer=user, reviews__given_at=None, state__in=WAITING)
        .with_names()[:SHOWN],
        "page": page_of(request, postings),
        "filter": found,
        "cohorts": Cohort.objects.filter(programme__organisation__in=runs).select_related("programme")[:SHOWN],
        "open_cohorts": visible_to(user, "programme.view", Cohort.objects.filter(state="published"))
        .select_related("programme__organisation")[:SHOWN],
        "runs": runs.exists(),
        "programmes": Programme.objects.filter(organisation__in=runs)[:SHOWN],
    }  # fmt: skip
    return show(request, "collab/internships/home.html", context)


# --- programmes and cohorts
def programme_new(request: HttpRequest) -> HttpResponse:
    """The form offers the universities whose programmes the person runs; without one nothing can be sent."""
    form = ProgrammeForm(sent(request), user=request.user)

    def begin() -> str:
        return begin_programme(by=request.user, **form.values()).get_absolute_url()

    return form_page(request, form, begin, _("New programme"))


def programme_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Name, description, and what is evaluated; what was evaluated keeps the criteria of its day."""
    programme = get_or_404(request.user, "programme.manage", Programme.objects.select_related("organisation"), pk=pk)
    shown = {name: getattr(programme, name) for name in ("name", "name_zh", "about", "version")}
    shown |= {f"about_{about}": criteria_lines(programme.criteria, about) for about in ("intern", "host")}
    form = ProgrammeEditForm(sent(request), initial=shown, criteria=programme.criteria)

    def change() -> str:
        return edit_programme(programme=programme, by=request.user, **form.values()).get_absolute_url()

    return form_page(request, form, change, _("Change the programme"), lead=str(programme))


def cohort_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    programme = get_or_404(request.user, "programme.manage", Programme.objects.all(), pk=pk)
    form = CohortForm(sent(request))

    def begin() -> str:
        return begin_cohort(programme=programme, by=request.user, **form.values()).get_absolute_url()

    return form_page(request, form, begin, _("New cohort"), lead=str(programme))


def cohort(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The dates of a cohort, what is offered in it, and one's own choices."""
    row = _cohort(request, "programme.view", pk)
    user: Any = request.user
    may = allowed(user, row, "programme.manage")
    found = PostingFilter(request.GET, Posting.objects.filter(cohort=row).visible_to(user).with_names())
    mine = Application.objects.filter(cohort=row, candidate=user).with_names()
    context = {
        "cohort": row,
        "steps": steps_of(row),
        "points": row.check_points.all(),
        "page": page_of(request, found.qs.order_by("title", "pk")),
        "filter": found,
        "mine": mine.order_by("choice", "created_at"),
        "may_manage": "programme.manage" in may,
        "may_offer": visible_to(user, "posting.manage", Organisation.objects.all()).exists(),
        "may_rank": row.takes_rankings(timezone.now()) and mine.filter(state__in=WAITING).exists(),
        "moves": [move for move in ("publish", "close") if COHORT_MOVES.allows(move, row.state)],
    }
    return show(request, "collab/internships/cohort.html", context)


def cohort_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _cohort(request, "programme.manage", pk)
    form = CohortEditForm(
        sent(request), initial={name: getattr(row, name) for name in CohortEditForm.base_fields if name != "once"}
    )

    def change() -> str:
        return edit_cohort(cohort=row, by=request.user, **form.values()).get_absolute_url()

    return form_page(request, form, change, _("Move the dates"), lead=str(row), back=row.get_absolute_url())


def cohort_move(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _cohort(request, "programme.manage", pk)
    move = request.POST.get("move", "")[:20]
    return act(
        request, lambda: move_cohort(cohort=row, move=move, by=request.user), to=row.get_absolute_url(), said=_("Done.")
    )


def cohort_check_point(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _cohort(request, "programme.manage", pk)
    form = CheckPointForm(sent(request))

    def add() -> str:
        add_check_point(cohort=row, by=request.user, **form.values())
        return row.get_absolute_url()

    return form_page(request, form, add, _("Add a check-point"), lead=str(row), back=row.get_absolute_url())


def cohort_check_point_edit(request: HttpRequest, pk: UUID, point: UUID) -> HttpResponse:
    row, found = _point(request, pk, point)
    initial = {name: getattr(found, name) for name in ("name", "due_on", "version")}
    form = CheckPointEditForm(sent(request), initial=initial)

    def change() -> str:
        edit_check_point(point=found, by=request.user, **form.values())
        return row.get_absolute_url()

    return form_page(request, form, change, _("Move the check-point"), lead=str(found), back=row.get_absolute_url())


def cohort_check_point_drop(request: HttpRequest, pk: UUID, point: UUID) -> HttpResponse:
    row, found = _point(request, pk, point)
    return act(
        request, lambda: drop_check_point(point=found, by=request.user), to=row.get_absolute_url(), said=_("Taken out.")
    )


def _point(request: HttpRequest, pk: UUID, point: UUID) -> tuple[Cohort, CheckPoint]:
    row = _cohort(request, "programme.manage", pk)
    found = row.check_points.select_related("cohort__programme__organisation").filter(pk=point).first()
    if found is None:
        raise NotFoundError
    return row, found


def cohort_board(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Everyone by stage, what is late and whom to remind; the matching. The same queries however many there are."""
    row = _cohort(request, "programme.manage", pk)
    points = list(row.check_points.all())
    today = timezone.localdate()
    applications, placements = stages_of(row)
    stage, what = request.GET.get("state", "")[:30], request.GET.get("show", "")[:20]
    rows: Any = board_rows(row, points, today)
    if what == "late":
        rows = rows.filter(late_q(today))
    listed: Any = Application.objects.filter(cohort=row).sent().with_names().order_by("candidate__name", "pk")
    if stage:
        rows, listed = rows.filter(state=stage), listed.filter(state=stage)
    of_applications = what == "applications"
    page = page_of(request, listed if of_applications else rows)
    if not of_applications:
        page.object_list = list(page.object_list)
        tell_late(page.object_list, today)
    newest = row.rounds.select_related("confirmed_by").first()
    context = {
        "cohort": row,
        "page": page,
        "applications": sorted(applications.items()),
        "placements": sorted(placements.items()),
        "of_applications": of_applications,
        "late": what == "late",
        "stage": stage,
        "round": newest,
        "may_match": row.state == "published" and timezone.now() > row.ranking_ends_at,
        "to_attest": to_attest(row).filter(university=row.programme.organisation_id).count(),
        "rules": _rules(row),
    }
    return show(request, "collab/internships/board.html", context)


def cohort_board_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The board as a table: each application with its placement, what is late in it and for whom that waits."""
    row = _cohort(request, "programme.manage", pk)
    today = timezone.localdate()
    placements = {one.application_id: one for one in board_rows(row, list(row.check_points.all()), today)}
    tell_late(list(placements.values()), today)
    head = [
        _("Student"), _("University"), _("Host"), _("Posting"), _("Choice"), _("Application"), _("Placement"),
        _("Mentor"), _("Supervisor"), _("From"), _("Last day"), _("Late"), _("Waits for"),
    ]  # fmt: skip
    rows = Application.objects.filter(cohort=row).sent().with_names().order_by("candidate__name", "pk")
    return csv_file("board.csv", [head, *(_board_line(one, placements.get(one.pk)) for one in rows)])


def _board_line(one: Application, placed: Any) -> list[Any]:
    line = [one.candidate, one.university, one.posting.organisation, one.posting, one.choice]
    line.append(badge_of(one.shown_state, "application").word)
    if placed is None:
        return [*line, *[None] * 7]
    late, whom = ("; ".join(map(str, found)) for found in (placed.late, placed.waits_for))
    guides = [placed.mentor, placed.supervisor, placed.starts_on, placed.ends_on]
    return [*line, badge_of(placed.shown_state).word, *guides, late, whom]


def cohort_remind(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Remind everybody for whom something waits."""
    row = _cohort(request, "programme.manage", pk)
    return act(
        request, lambda: remind_all(cohort=row, by=request.user), to=f"{row.get_absolute_url()}board/?show=late",
        said=lambda n: ngettext("Reminded: %(n)d person.", "Reminded: %(n)d people, each once.", n) % {"n": n},
    )  # fmt: skip


def cohort_roster(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who is where, guided by whom, at which stage, and what comes next."""
    row = _cohort(request, "programme.manage", pk)
    page = page_of(request, roster_rows(row))
    page.object_list = list(page.object_list)
    tell_next(page.object_list, list(row.check_points.all()), timezone.localdate())
    return show(request, "collab/internships/roster.html", {"cohort": row, "page": page})


def cohort_roster_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _cohort(request, "programme.manage", pk)
    rows: list[Any] = list(roster_rows(row))
    tell_next(rows, list(row.check_points.all()), timezone.localdate())
    head = [
        _("Intern"), _("Host"), _("Posting"), _("Mentor"), _("Supervisor"), _("Stage"), _("From"), _("Last day"),
        _("Next date"), _("What"),
    ]  # fmt: skip
    lines = [
        [
            one.student, one.host, one.posting, one.mentor, one.supervisor, badge_of(one.shown_state).word,
            one.starts_on, one.ends_on, one.next_on, one.next_what,
        ]
        for one in rows
    ]  # fmt: skip
    return csv_file("roster.csv", [head, *lines])


def cohort_pairs(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the newest matching made of each application, with both sides' rankings, before it is confirmed."""
    row = _cohort(request, "programme.manage", pk)
    page = page_of(request, pairs_of(row))
    page.object_list = list(page.object_list)
    for one in page.object_list:
        one.said_outcome = said_outcome(one.outcome)
    context = {"cohort": row, "page": page, "round": row.rounds.first(), "rules": _rules(row)}
    return show(request, "collab/internships/pairs.html", context)


def cohort_pairs_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _cohort(request, "programme.manage", pk)
    head = [_("Student"), _("University"), _("Posting"), _("Host"), _("Outcome"), _("Choice"), _("Rank")]
    lines = [
        [
            one.candidate, one.university, one.posting, one.posting.organisation, said_outcome(one.outcome),
            one.choice, one.rank,
        ]
        for one in pairs_of(row)
    ]  # fmt: skip
    return csv_file("pairs.csv", [head, *lines])


def cohort_drop_rule(request: HttpRequest, pk: UUID, rule: UUID) -> HttpResponse:
    row = _cohort(request, "programme.manage", pk)
    found: Any = get_or_404(request.user, "programme.manage", _rules(row), pk=rule)
    return act(
        request, lambda: drop_rule(rule=found, by=request.user), to=f"{row.get_absolute_url()}board/",
        said=_("The rule is gone. Match the cohort again for it to count."),
    )  # fmt: skip


def _rules(cohort: Cohort) -> Any:
    return PairRule.objects.filter(cohort=cohort).select_related(
        "candidate", "posting", "created_by", "cohort__programme__organisation"
    )


def cohort_match(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _cohort(request, "programme.manage", pk)
    to = f"{row.get_absolute_url()}board/"
    confirm: Any = request.POST.get("confirm")
    if confirm:
        newest: Any = get_or_404(
            request.user, "programme.manage", MatchRound.objects.filter(cohort=row), number=_number(confirm)
        )
        return act(
            request, lambda: confirm_matching(matching=newest, by=request.user), to=to,
            said=_("The pairs are offers now, and everybody is told."),
        )  # fmt: skip
    return act(
        request, lambda: run_matching(cohort=row, by=request.user), to=to,
        said=lambda made: _pairs(len(made.pairs)),
    )  # fmt: skip


def _pairs(n: int) -> str:
    text = ngettext("%(n)d pair. Look at it, then confirm.", "%(n)d pairs. Look at them, then confirm.", n)
    return text % {"n": n}


def cohort_certificates(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _cohort(request, "programme.manage", pk)
    return act(
        request, lambda: attest_cohort(cohort=row, by=request.user), to=f"{row.get_absolute_url()}board/",
        said=_("Proposed. They are issued when somebody else approves them."),
    )  # fmt: skip


def cohort_report(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _cohort(request, "programme.manage", pk)
    context = {"cohort": row, "figures": outcomes_of(row), "hosts": hosts_of(row)}
    return show(request, "collab/internships/report.html", context)


def cohort_report_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _cohort(request, "programme.manage", pk)
    head = [_("Host"), _("Places"), _("Applications"), _("Placements"), _("Completed"), _("Evaluation of the host")]
    names = ("name", "places", "applications", "placed", "completed", "score")
    return csv_file("outcomes.csv", [head, *([line[name] for name in names] for line in hosts_of(row))])


# --- postings
def posting_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _cohort(request, "programme.view", pk)
    if not visible_to(request.user, "posting.manage", Organisation.objects.all()).exists():
        raise RefusedError([Missing("role", _("A coordinator or an admin of a company or a lab offers places."))])
    first = {"starts_on": row.starts_on, "ends_on": row.ends_on}
    form = PostingForm(sent(request), user=request.user, initial=first)

    def write() -> str:
        posting = write_posting(cohort=row, by=request.user, **form.values())
        messages.success(request, _("Saved as a draft. Submit it when it is ready."))
        return posting.get_absolute_url()

    return form_page(request, form, write, _("Offer places"), lead=str(row), back=row.get_absolute_url())


def posting(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _posting(request, "posting.view", pk)
    user: Any = request.user
    may = allowed(user, row, "posting.manage", "posting.apply", "programme.manage")
    mine = Application.objects.filter(posting=row, candidate=user).order_by("-attempt").first()
    runs = {"posting.manage", "programme.manage"} & may  # nobody asks them to apply, so nobody says why they may not
    why = None if runs or "posting.apply" in may else explain_posting(user, "posting.apply", row, timezone.now())
    moves = [
        move
        for move in POSTING_MOVES.open_from(row.state)
        if (move != "reopen" or row.may_open_again(timezone.now()))
        and ("programme.manage" if move in {"publish", "return"} else "posting.manage") in may
    ]
    context = {
        "posting": row,
        "mine": mine,
        "may_apply": "posting.apply" in may and row.is_open and (mine is None or mine.state == "withdrawn"),
        "why_not": why.sentence if why and row.is_open else "",
        "may_manage": "posting.manage" in may,
        "may_edit": "posting.manage" in may and row.state in WRITABLE,
        "moves": moves,
        "project": row.project if row.project and "posting.manage" in may else None,
        "links": links_of(row),
    }
    return show(request, "collab/internships/posting.html", context)


def posting_resources(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Attach what helps to prepare, or take it off."""
    row = _posting(request, "posting.manage", pk)
    links = links_of(row)
    wanted = as_uuid(request.POST.get("remove", ""))
    if wanted is not None:
        link = links.filter(pk=wanted).first()
        if link is None:
            raise NotFoundError
        return act(
            request, lambda: detach_resource(link=link, by=request.user), to=row.get_absolute_url(),
            said=_("Taken off."),
        )  # fmt: skip
    form = AttachForm(sent(request), attached=links.values("resource"))

    def attach() -> str:
        attach_resource(subject=row, by=request.user, **form.cleaned_data)
        return row.get_absolute_url()

    return form_page(request, form, attach, _("Attach a learning resource"), lead=str(row), back=row.get_absolute_url())


def posting_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _posting(request, "posting.manage", pk)
    shown = {
        name: getattr(row, name) for name in PostingForm.base_fields if hasattr(row, name) and name != "universities"
    }
    shown |= {"question_lines": lines_of(row.questions), "version": row.version, "universities": row.universities.all()}
    form = PostingEditForm(sent(request), user=request.user, initial=shown)

    def change() -> str:
        return edit_posting(posting=row, by=request.user, **form.values()).get_absolute_url()

    return form_page(request, form, change, _("Change the posting"), lead=str(row), back=row.get_absolute_url())


def posting_move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Submit, close, reopen or withdraw it, for the host."""
    return _move(request, _posting(request, "posting.manage", pk), {"submit", "close", "reopen", "withdraw"})


def posting_publish(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Publish it or send it back, for the programme."""
    return _move(request, _posting(request, "programme.manage", pk), {"publish", "return"})


def _move(request: HttpRequest, row: Posting, moves: set[str]) -> HttpResponse:
    move = request.POST.get("move", "") or request.GET.get("move", "")
    if move not in moves:
        raise InvalidError(_("Choose one of the moves offered."), field="move")
    if move in {"return", "withdraw"}:
        form = ReasonForm(sent(request) if "reason" in request.POST else None)
        title = _("Send it back") if move == "return" else _("Withdraw the posting")

        def go() -> str:
            return move_posting(posting=row, move=move, by=request.user, **form.values()).get_absolute_url()

        return form_page(request, form, go, title, lead=str(row), back=row.get_absolute_url(), keep=("move", move))
    return act(
        request,
        lambda: move_posting(posting=row, move=move, by=request.user),
        to=row.get_absolute_url(),
        said=_("Done."),
    )


def posting_apply(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Begin to apply; who belongs to several universities first says for which."""
    row = _posting(request, "posting.apply", pk)
    to = row.get_absolute_url()
    user: Any = request.user
    mine = universities_of(user)
    if len(mine) > 1:
        form = ApplyForm(sent(request) if "university" in request.POST else None, universities=mine)

        def begin_for() -> str:
            made = begin_application(posting=row, by=user, **form.values())
            return f"{made.get_absolute_url()}edit/"

        return form_page(request, form, begin_for, pgettext("for a place", "Apply"), lead=str(row), back=to)

    def begin() -> str:
        nonlocal to
        made = begin_application(posting=row, by=request.user)
        to = f"{made.get_absolute_url()}edit/"
        return to

    response = act(request, begin, to=to, said=_("Write your application, then send it."))
    response["Location"] = to
    return response


# --- what the pages share
def _number(text: Any) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0


def _cohort(request: HttpRequest, word: str, pk: UUID) -> Cohort:
    return get_or_404(request.user, word, Cohort.objects.select_related("programme__organisation"), pk=pk)


def _posting(request: HttpRequest, word: str, pk: UUID) -> Posting:
    return get_or_404(request.user, word, Posting.objects.with_names(), pk=pk)


def form_page(
    request: HttpRequest, form: Any, done: Any, title: str, *, lead: str = "", back: str = "", tone: str = "primary",
    keep: tuple[str, str] | None = None,
) -> HttpResponse:  # fmt: skip
    context = {"form": form, "title": title, "lead": lead, "back": back, "tone": tone, "keep": keep}
    return submit(request, form, done) or show(request, "collab/internships/form.html", context, form)
