"""A case in words: what it waits for, which answers changed, what stops now; and the figures of a committee."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.accounts.models import User
from collab.ethics.blocking import what_blocks
from collab.ethics.models import EthicsCase, EthicsCommittee, EthicsCondition, EthicsQuestion, EthicsReview
from collab.ethics.questions import changed_keys, say, shown, text_of
from collab.ethics.states import AREA_WORDS, PENDING, ROUTE_WORDS, Area, CaseState, ReviewState, Route
from collab.projects.questions import label_of


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
        return Answer("bad", "calendar-x", title, _stops(case, _("Renew it, so that work can go on.")))
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
class Turnaround:
    """How long the first decisions of a route took, in days."""

    route: str
    label: Any
    decided: int
    median_days: float | None
    longest_days: int | None
    late: int


def figures_of(rows: Any, committee: EthicsCommittee) -> list[Turnaround]:
    """Turnaround by route, of the cases that the person may see: one query."""
    taken: dict[str, list[float]] = {Route.SHORT: [], Route.FULL: []}
    decided = rows.filter(first_decided_at__isnull=False).values_list("route", "submitted_at", "first_decided_at")
    for route, sent, done in decided:
        taken[route].append((done - sent).total_seconds() / 86400)
    limits = {Route.SHORT: committee.short_days, Route.FULL: committee.full_days}
    return [
        Turnaround(
            route=route,
            label=ROUTE_WORDS[Route(route)],
            decided=len(days),
            median_days=round(median(days), 1) if days else None,
            longest_days=round(max(days)) if days else None,
            late=sum(day > limits[Route(route)] for day in days),
        )
        for route, days in taken.items()
    ]


def counts_of(rows: Any) -> dict[str, int]:
    """How many cases are in each state: one query."""
    return dict(rows.order_by().values_list("state").annotate(n=Count("pk")))


def loads_of(rows: Any) -> list[dict[str, Any]]:
    """How many reviews each reviewer has open, and gave: one query."""
    reviews = EthicsReview.objects.filter(case__in=rows)
    found = reviews.order_by().values("reviewer__name").annotate(
        open=Count("pk", filter=Q(state=ReviewState.ASKED)), given=Count("pk", filter=Q(state=ReviewState.SUBMITTED))
    )  # fmt: skip
    return sorted(found, key=lambda row: (-row["open"], row["reviewer__name"]))
