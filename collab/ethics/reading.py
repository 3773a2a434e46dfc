"""A case in words: what it waits for, which answers changed, what stops now; and the figures of a committee."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.policy import Person, visible_to
from collab.accounts.models import User
from collab.ethics.blocking import what_blocks
from collab.ethics.models import (
    EthicsCase,
    EthicsCommittee,
    EthicsCondition,
    EthicsQuestion,
    EthicsReview,
    EthicsSubmission,
    worklist_q,
)
from collab.ethics.questions import changed_keys, say, shown, text_of
from collab.ethics.states import (
    AREA_WORDS,
    GRANTED,
    PENDING,
    ROUTE_WORDS,
    WON,
    Area,
    CaseState,
    ReviewState,
    Route,
    Worklist,
)
from collab.kernel.errors import NotFoundError
from collab.projects.questions import label_of
from collab.web.badges import badge_of


@dataclass(frozen=True)
class Answer:
    """How the case stands in one line, and why."""

    tone: str
    icon: str
    title: str
    text: str


def answer_of(case: EthicsCase, conditions: Iterable[EthicsCondition] = ()) -> Answer:
    """What a person wants to know first."""
    held = [row for row in conditions if row.blocks_now]
    if case.is_expired:
        title = _("The approval ended on %(day)s") % {"day": date_format(case.valid_until)}
        return Answer("bad", "calendar-event", title, _stops(case, _("Renew it, so that work can go on.")))
    if case.stands:
        title = _("Approved until %(day)s") % {"day": date_format(case.valid_until)}
        if case.state == CaseState.APPEALED:
            text = _("An appeal against its conditions waits for somebody else's decision; until then they stand.")
            return Answer("warn", "hourglass-split", title, text)
        if held:
            words = _(", ").join(dict.fromkeys(str(word) for row in held for word in row.block_words))
            return Answer(
                "warn", "exclamation-triangle", title, _("An open condition stops: %(what)s.") % {"what": words}
            )
        return Answer("ok", "patch-check", title, "")
    if case.state == CaseState.DRAFT:
        return Answer("quiet", "pencil", _("Not submitted yet"), _("The committee sees nothing of it until then."))
    if case.state == CaseState.CHANGES_REQUESTED:
        return Answer("warn", "arrow-repeat", _("The committee asks for changes"), case.decision_reason)
    if case.state in PENDING:
        title = _("Waits for the decision of “%(committee)s”") % {"committee": case.committee}
        due = case.request.due_at if case.request else None
        text = _("Due on %(day)s. Nothing is decided by itself.") % {"day": date_format(due)} if due else ""
        return Answer("warn" if case.is_late else "accent", "hourglass-split", title, _stops(case, text))
    words = {
        CaseState.REJECTED: ("bad", "x-circle", _("Rejected")),
        CaseState.SUSPENDED: ("hold", "pause-circle", _("The approval is suspended")),
        CaseState.REVOKED: ("bad", "slash-circle", _("The approval is revoked")),
        CaseState.WITHDRAWN: ("quiet", "archive", _("Withdrawn")),
        CaseState.SUPERSEDED: ("quiet", "archive", _("A later decision counts instead")),
    }
    tone, icon, title = words[CaseState(case.state)]
    return Answer(tone, icon, title, _stops(case, case.decision_reason))


def may_appeal(case: EthicsCase, conditions: Iterable[EthicsCondition]) -> bool:
    """Whether an appeal is open: once, against a rejection or against conditions that are open."""
    if case.appealed_at is not None:
        return False
    if case.state == CaseState.APPROVED and not case.is_expired:
        return any(row.is_open for row in conditions)
    return case.state == CaseState.REJECTED


def bars_reopening(review: EthicsReview, user: Person) -> str:
    """Why a review that was submitted stays as it is; empty while its writer may still go on with it.

    Where reviews are sealed, whoever could read one of another since they gave their own keeps to what they said.
    """
    case = review.case
    if case.state not in {CaseState.IN_REVIEW, CaseState.APPEALED} or review.round != case.round:
        return _("Nobody waits for this review any more.")
    if case.decided_at is not None and review.submitted_at is not None and review.submitted_at <= case.decided_at:
        day = date_format(timezone.localtime(case.decided_at))
        return _("The decision of %(day)s rests on this review, so it stays as it is.") % {"day": day}
    if not case.committee.seals_reviews:
        return ""
    # Whoever was excused after giving theirs was in it: what they wrote could be read.
    excused = Q(state=ReviewState.RECUSED, submitted_at__isnull=False)
    counts = Q(state__in=[ReviewState.ASKED, ReviewState.SUBMITTED]) | excused
    rows = case.reviews.filter(counts, round=review.round)
    given = list(rows.values_list("pk", "created_at", "submitted_at"))
    if all(at for _pk, _made, at in given) or _were_all_in(review, given):
        return _("All reviews of this round are in, and everybody may read them; yours stays as it is.")
    others = visible_to(user, "ethics.deliberate", rows.exclude(pk=review.pk).exclude(opinion=""))
    if others.exists():
        return _("You may read a review of somebody else in this round; yours stays as it is.")
    return ""


def _were_all_in(review: EthicsReview, given: list[Any]) -> bool:
    """Whether, since it was submitted, reviewers could read each other's: nobody had been asked yet who is now."""
    for moment in (at for _pk, _made, at in given if at and at >= review.submitted_at):
        before = [(pk, at) for pk, made, at in given if made <= moment]
        if len(before) > 1 and all(at and at <= moment for _pk, at in before):
            return True
    return False


def bars_correction(case: EthicsCase) -> str:
    """Why a decision stays as it is; empty while a slip of it can be put right."""
    if case.state not in GRANTED or case.valid_until is None:
        return _("Only an approval that was given can be corrected.")
    if case.valid_until < timezone.localdate():
        day = {"day": date_format(case.valid_until)}
        return _("The approval was valid until %(day)s; a correction does not bring it back, a renewal does.") % day
    if case.appealed_at is not None and case.request is not None and case.request.decided_at is not None:
        facts = {
            "day": date_format(timezone.localtime(case.appealed_at)),
            "end": date_format(timezone.localtime(case.request.decided_at)),
        }
        text = _("The appeal of %(day)s was decided on %(end)s, and its outcome stands; an amendment can change it.")
        return text % facts
    return ""


def _stops(case: EthicsCase, text: str) -> str:
    if not case.blocks or case.state == CaseState.SUPERSEDED:
        return text
    what = _(", ").join(str(word) for word in case.block_words)
    return f"{text} {_('Until then it stops: %(what)s.') % {'what': what}}".strip()


def stopped(user: User, project: Any) -> list[Any]:
    """What ethics stops in a project now, each with its reason."""
    at = timezone.now()
    found = []
    for area in Area:
        conditions = EthicsCondition.objects.blocking(area, at).filter(case__project=project)
        if conditions.exists() or EthicsCase.objects.blocking(area, at).filter(project=project).exists():
            found.append({"what": AREA_WORDS[area], "missing": what_blocks(user, project, area, at)})
    return found


@dataclass(frozen=True)
class Given:
    """The answers that somebody reads: the application as it stands, or what was submitted in one round.

    `before` are those of the round before, with which they are compared.
    """

    row: EthicsCase | EthicsSubmission
    before: dict[str, Any] | None

    @property
    def number(self) -> int | None:
        """The round; None for the application as it stands."""
        return self.row.number if isinstance(self.row, EthicsSubmission) else None


def given_of(
    case: EthicsCase, rounds: Iterable[EthicsSubmission], *, applies: bool, number: int | None = None
) -> Given:
    """What one reads of a case: round `number`, or by itself the last word of those who apply.

    Raises NotFoundError for a round that there is not.
    """
    sent = {row.number: row for row in rounds}
    number = case.round_read(applies=applies) if number is None else number
    if number is None:
        # while it is being changed it is compared with what was sent last
        last = case.round if case.state == CaseState.CHANGES_REQUESTED else case.round - 1
        return Given(case, sent[last].answers if last in sent else None)
    if number not in sent:
        raise NotFoundError
    return Given(sent[number], sent[number - 1].answers if number - 1 in sent else None)


def sections_of(case: Any, *, before: dict[str, Any] | None = None, asked: Iterable[EthicsQuestion] = ()) -> list[Any]:
    """Answers by section; marked where they differ from the round before, with what the committee asked about them."""
    changed = changed_keys(before, case.answers) if before is not None else set()
    carried = case.carried
    fresh = set(carried.new if carried else ())
    about: dict[str, list[EthicsQuestion]] = {}
    for question in asked:
        about.setdefault(question.about_key, []).append(question)
    found: dict[str, list[dict[str, Any]]] = {}
    for question in shown(case.questions, case.answers):
        key = question["key"]
        was = say(question, (before or {}).get(key)) if key in changed else ""
        line = {
            "label": label_of(question),
            "answer": say(question, case.answers.get(key)),
            "changed": key in changed,
            "was": was,
            "new": key in fresh,
            "asked": about.get(key, []),
        }
        found.setdefault(text_of(question, "section"), []).append(line)
    return [{"name": name, "lines": lines} for name, lines in found.items()]


def reasons_of(case: EthicsCase) -> list[str]:
    """Why it goes the route it goes."""
    return [text_of(reason, "reason") for reason in case.reasons] or [_("No rule asks for the full route.")]


def route_of(case: EthicsCase) -> Any:
    return ROUTE_WORDS[Route(case.route)] if case.route else ""


@dataclass(frozen=True)
class Correction:
    """One thing that was put right in a decision, in words."""

    label: str
    before: str
    after: str


def corrections_of(case: EthicsCase) -> list[dict[str, Any]]:
    """What was put right in the decision, the newest first, each with its reason."""
    rows = case.corrections.select_related("by")
    return [{"row": row, "changes": [_said(change) for change in row.changes]} for row in rows]


def _said(change: dict[str, Any]) -> Correction:
    what, number = change["what"], {"n": change["number"]}
    if what == "blocks":
        label = _("Needs the approval") if change["number"] is None else _("Condition %(n)d: what it stops") % number
    elif what == "due_on":
        label = _("Condition %(n)d: to be met by") % number
    else:
        label = {"valid_until": _("Valid until"), "monitor_months": _("Months between reports")}[what]
    return Correction(label, _value(what, change["before"]), _value(what, change["after"]))


def _value(what: str, value: Any) -> str:
    if not value:
        return "–"
    if what == "blocks":
        return _(", ").join(str(AREA_WORDS[Area(area)]) for area in value)
    return str(value) if what == "monitor_months" else date_format(date.fromisoformat(value))


@dataclass(frozen=True)
class Spans:
    """How long something took each time, or has waited, in days."""

    days: list[float]
    limit: int | None = None

    @property
    def count(self) -> int:
        return len(self.days)

    @property
    def median_days(self) -> float | None:
        return round(median(self.days), 1) if self.days else None

    @property
    def longest_days(self) -> int | None:
        return int(max(self.days)) if self.days else None

    @property
    def over(self) -> int:
        """How often it was longer than the limit."""
        return sum(self.limit is not None and day > self.limit for day in self.days)


@dataclass(frozen=True)
class RouteSpans(Spans):
    """Those of a route; `year` of the first decision, None for all years."""

    route: str = Route.SHORT
    year: int | None = None

    @property
    def label(self) -> Any:
        return ROUTE_WORDS[Route(self.route)]


@dataclass(frozen=True)
class Appeals:
    """Appeals that wait, those that are decided, and how many of these were right."""

    waiting: Spans
    decided: Spans
    won: int


def _days(since: datetime, until: datetime) -> float:
    return (until - since) / timedelta(days=1)


@dataclass(frozen=True)
class Figures:
    """What a committee has done and has before it.

    `turnaround` of first decisions by route, `by_year` by route and year, newest first; `ages` of what is still open.
    """

    turnaround: list[RouteSpans]
    by_year: list[RouteSpans]
    ages: list[RouteSpans]
    appeals: Appeals


def figures_of(rows: Any, committee: EthicsCommittee, at: datetime | None = None) -> Figures:
    """Of the cases that the person may see: three queries. Each number is that of `in_worklist`."""
    at = at or timezone.now()
    limits: dict[str, int] = {Route.SHORT: committee.short_days, Route.FULL: committee.full_days}
    taken: dict[tuple[str, int | None], list[float]] = {}
    decided = rows.in_worklist(Worklist.DECIDED).values_list("route", "submitted_at", "first_decided_at")
    for route, sent, done in decided:
        for year in (None, timezone.localtime(done).year):
            taken.setdefault((route, year), []).append(_days(sent, done))
    open_ones = rows.in_worklist(Worklist.UNDECIDED).values_list("route", "submitted_at")
    waits: dict[str, list[float]] = {}
    for route, sent in open_ones:
        waits.setdefault(route, []).append(_days(sent, at))
    waiting: list[float] = []
    over: list[float] = []
    won = 0
    appealed = rows.filter(appealed_at__isnull=False)
    for since, until, answer in appealed.values_list("appealed_at", "request__decided_at", "request__state"):
        (waiting if until is None else over).append(_days(since, until or at))
        won += answer in WON
    years = sorted({year for _route, year in taken if year is not None}, reverse=True)
    return Figures(
        turnaround=[RouteSpans(taken.get((route, None), []), limits[route], route) for route in limits],
        by_year=[
            RouteSpans(taken[route, year], limits[route], route, year)
            for year in years
            for route in limits
            if (route, year) in taken
        ],
        ages=[RouteSpans(waits.get(route, []), limits[route], route) for route in limits],
        appeals=Appeals(Spans(waiting), Spans(over), won),
    )


def lines_of(rows: Iterable[EthicsCase]) -> Iterator[list[Any]]:
    """The cases as lines of a table with its head; days from the first submission to the first decision, or to now."""
    yield [
        _("Title"), _("Project"), _("Kind"), _("Route"), _("State"), _("Round"), _("Submitted"), _("First decided"),
        _("Days"), _("Valid until"), _("Next report due"),
    ]  # fmt: skip
    for case in rows:
        yield [
            case.title, case.project, case.get_kind_display(), route_of(case), badge_of(case.shown_state).word,
            case.round, _day(case.submitted_at), _day(case.first_decided_at), case.days, case.valid_until,
            case.monitor_on,
        ]  # fmt: skip


def _day(at: datetime | None) -> date | None:
    return timezone.localdate(at) if at else None


def counts_of(rows: Any) -> dict[str, int]:
    """How many cases are in each state: one query."""
    return dict(rows.order_by().values_list("state").annotate(n=Count("pk")))


def worklists_of(rows: Any) -> dict[str, int]:
    """How many cases are in each list: one query."""
    at = timezone.now()
    return rows.order_by().aggregate(**{one.value: Count("pk", filter=worklist_q(one, at)) for one in Worklist})


def loads_of(rows: Any) -> list[dict[str, Any]]:
    """How many reviews each reviewer has open, and gave: one query."""
    reviews = EthicsReview.objects.filter(case__in=rows)
    found = reviews.order_by().values("reviewer__name").annotate(
        open=Count("pk", filter=Q(state=ReviewState.ASKED)), given=Count("pk", filter=Q(state=ReviewState.SUBMITTED))
    )  # fmt: skip
    return sorted(found, key=lambda row: (-row["open"], row["reviewer__name"]))
