"""Verbs of coordinators: rules for pairs, rounds of matching, their confirmation; and the outcome in words."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import User
from collab.audit.services import record
from collab.internships.applications.deciding import locked_applications, offer_seats
from collab.internships.applications.matching import BadRankingError, match
from collab.internships.applications.models import Application, MatchRound, PairRule
from collab.internships.applications.states import WAITING, Outcome
from collab.internships.oneself import require_other
from collab.internships.programmes.models import Cohort, Posting
from collab.internships.programmes.services import locked_cohort, locked_postings
from collab.internships.programmes.states import COHORT_MOVES, PostingState
from collab.internships.telling import tell_each, who_run_each
from collab.kernel.errors import ConflictError, InvalidError


@transaction.atomic
def rule_pair(*, application: Application, forced: bool, reason: str, by: User) -> PairRule:
    """Say that this student and this place must, or must not, come together. It replaces an earlier rule."""
    require(by, "programme.manage", application)
    require_other(by, application.candidate)
    cohort = locked_cohort(application.cohort)
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    PairRule.objects.filter(posting=application.posting_id, candidate=application.candidate_id).delete()
    rule = PairRule(
        cohort=cohort, posting_id=application.posting_id, candidate_id=application.candidate_id, forced=forced,
        reason=reason.strip(), created_by=by,
    )  # fmt: skip
    rule.require_clean()
    rule.save()
    _record("rule_pair", cohort, by, forced=forced)
    return rule


@transaction.atomic
def drop_rule(*, rule: PairRule, by: User) -> None:
    """Take a rule back."""
    require(by, "programme.manage", rule)
    require_other(by, rule.candidate)
    cohort = locked_cohort(rule.cohort)
    PairRule.objects.filter(pk=rule.pk).delete()
    _record("drop_rule", cohort, by)


@transaction.atomic
def run_matching(*, cohort: Cohort, by: User) -> MatchRound:
    """Match the cohort as both sides ranked each other. Nothing is offered before a coordinator confirms the round.

    Raises ConflictError while ranking goes on, InvalidError when rules contradict each other or the seats.
    """
    require(by, "programme.manage", cohort)
    locked = locked_cohort(cohort)
    COHORT_MOVES.require("match", locked.state, what=str(locked))
    now = timezone.now()
    if now <= locked.ranking_ends_at:
        raise ConflictError(_("Ranking is still going on."))
    placed = Application.objects.filter(cohort=locked).holding_seats(now).values("candidate")
    found = Application.objects.filter(cohort=locked, state__in=WAITING, posting__state__in=_OFFERING)
    # locked by number, as everybody locks applications; matched in the order in which they came
    held = found.exclude(candidate__in=placed).select_for_update(of=("self",)).only(*_MATCHED_BY).order_by("pk")
    rows = sorted(held, key=lambda row: (row.submitted_at, row.pk))
    seats = _free_seats(locked, now)
    rules = list(PairRule.objects.filter(cohort=locked))
    waiting = {(row.candidate_id, row.posting_id) for row in rows}
    forced = [(rule.candidate_id, rule.posting_id) for rule in rules if rule.forced]
    forced = [pair for pair in forced if pair in waiting]  # whose application ended, ends the rule
    forbidden = [(rule.candidate_id, rule.posting_id) for rule in rules if not rule.forced]
    choices, rankings = _rankings(rows)
    try:
        matched = match(choices, rankings, seats, forced=forced, forbidden=forbidden)
    except BadRankingError as fault:
        raise InvalidError(_FAULTS.get(fault.code, str(fault)), field="rules") from None
    fixed, shut = dict(forced), set(forbidden)
    choice_of = {(row.candidate_id, row.posting_id): row.choice for row in rows}
    changed: dict[Outcome, list[Any]] = defaultdict(list)
    for row in rows:
        place = matched.place_of.get(row.candidate_id)
        outcome = _outcome(row, place, choice_of.get((row.candidate_id, place)), fixed, shut)
        if outcome != row.outcome:
            changed[outcome].append(row.pk)
            row.outcome = outcome
    for outcome, keys in changed.items():  # a case for each row would take the database most of the time
        for first in range(0, len(keys), _AT_ONCE):
            Application.objects.filter(pk__in=keys[first : first + _AT_ONCE]).update(outcome=outcome)
    last = locked.rounds.order_by("-number").values_list("number", flat=True).first() or 0
    made = MatchRound.objects.create(
        cohort=locked,
        number=last + 1,
        pairs=[str(row.pk) for row in rows if row.outcome in {Outcome.MATCHED, Outcome.FORCED}],
        students=sum(1 for ranks in choices.values() if ranks),
        seats=sum(seats.values()),
        made_by=by,
    )
    _record("run_matching", locked, by, n=len(made.pairs))
    return made


@transaction.atomic
def confirm_matching(*, matching: MatchRound, by: User) -> MatchRound:
    """Turn the pairs of the newest round into offers, and tell everybody who took part.

    Everything is locked in one order, as where an offer is answered: cohort, postings, applications.
    Raises ConflictError for an older round, or when a pair no longer stands: then the cohort is matched again.
    """
    require(by, "programme.manage", matching)
    cohort = locked_cohort(matching.cohort)
    locked = MatchRound.objects.select_for_update().get(pk=matching.pk)
    if locked.confirmed_at is not None or cohort.rounds.filter(number__gt=locked.number).exists():
        raise ConflictError(_("A newer round has taken the place of this one, or it was confirmed already."))
    cohort.state = COHORT_MOVES.require("match", cohort.state, what=str(cohort))
    pairs = Application.objects.filter(pk__in=locked.pairs)
    postings = {row.pk: row for row in locked_postings(pairs.values("posting"))}
    rows = locked_applications(pairs.values("pk"), postings)
    for one in rows:
        if one.state not in WAITING or postings[one.posting_id].state not in _OFFERING:
            raise ConflictError(_("“%(pair)s” no longer stands; match the cohort again.") % {"pair": one})
    offer_seats(rows, postings.values(), by)
    _tell_everybody(cohort, rows)
    cohort.version += 1
    cohort.save(update_fields=["state", "version"])
    locked.confirmed_at, locked.confirmed_by = timezone.now(), by
    locked.save(update_fields=["confirmed_at", "confirmed_by"])
    _record("confirm_matching", cohort, by, n=len(locked.pairs))
    return locked


def _tell_everybody(cohort: Cohort, offered: list[Application]) -> None:
    """Whoever has a place, whoever ranked and has none, and the hosts who ranked."""
    news: list[tuple[Any, Any, User]] = [
        (row, gettext_lazy("You are offered a place: {row}"), row.candidate) for row in offered
    ]
    mine = Application.objects.filter(cohort=cohort)
    placed = mine.holding_seats(timezone.now()).values("candidate")
    left = mine.filter(state__in=WAITING, choice__isnull=False).exclude(candidate__in=placed)
    people = {row.candidate_id: row.candidate for row in left.select_related("candidate")}
    without = gettext_lazy("The matching is done, and it found no place for you. Each application says why: {row}")
    news += [(cohort, without, person) for person in people.values()]
    ranked = Posting.objects.filter(cohort=cohort, state__in=_OFFERING, applications__outcome__gt="").distinct()
    postings = list(ranked.select_related("organisation"))
    offices = who_run_each({row.organisation_id for row in postings}, "posting.manage")
    done = gettext_lazy("The matching is done; each application says what came of it and why: {row}")
    news += [(row, done, person) for row in postings for person in offices.get(row.organisation_id, [])]
    tell_each(news)


def said_outcome(outcome: str) -> str:
    """The outcome as coordinators read it, who see both sides."""
    return str(_TO_COORDINATORS[Outcome(outcome)]) if outcome else ""


def why(application: Application, *, to_student: bool) -> str:
    """What the matching made of it and why, for one side: never what the other side ranked where."""
    words = _TO_STUDENT if to_student else _TO_HOST
    return str(words[Outcome(application.outcome)]) if application.outcome else ""


_AT_ONCE = 500
_MATCHED_BY = ("cohort", "posting", "candidate", "state", "submitted_at", "choice", "rank", "outcome")
_OFFERING = [PostingState.PUBLISHED, PostingState.CLOSED]
_FAULTS = {
    "forced_twice": gettext_lazy("The rules set a student to two places."),
    "forced_beyond_seats": gettext_lazy("The rules set more students to a place than it has seats."),
    "forced_and_forbidden": gettext_lazy("The rules both ask for and forbid a pair."),
}
_TO_STUDENT = {
    Outcome.MATCHED: gettext_lazy(
        "This is the best of your choices that could be: places above it went to students ranked higher, or set there."
    ),
    Outcome.FORCED: gettext_lazy("The coordinators set you to this place, with a reason that they tell you."),
    Outcome.BETTER: gettext_lazy("You have a place that you ranked higher."),
    Outcome.FULL: gettext_lazy("Every seat went to students whom the host ranked higher, or who were set to it."),
    Outcome.UNRANKED: gettext_lazy("The host did not rank you."),
    Outcome.NOT_CHOSEN: gettext_lazy("You did not rank this place."),
    Outcome.FORBIDDEN: gettext_lazy("The coordinators ruled this pair out, with a reason that they tell you."),
    Outcome.ELSEWHERE: gettext_lazy("The coordinators set you to another place."),
}
_TO_COORDINATORS = {
    Outcome.MATCHED: gettext_lazy("matched"),
    Outcome.FORCED: gettext_lazy("set by a rule"),
    Outcome.BETTER: gettext_lazy("has a place that they ranked higher"),
    Outcome.FULL: gettext_lazy("the seats went to others"),
    Outcome.UNRANKED: gettext_lazy("not ranked by the host"),
    Outcome.NOT_CHOSEN: gettext_lazy("not ranked by the student"),
    Outcome.FORBIDDEN: gettext_lazy("ruled out"),
    Outcome.ELSEWHERE: gettext_lazy("set to another place by a rule"),
}
_TO_HOST = {
    Outcome.MATCHED: gettext_lazy(
        "The student takes this place; nobody whom you ranked higher would rather come to you."
    ),
    Outcome.FORCED: gettext_lazy("The coordinators set the student to this place."),
    Outcome.BETTER: gettext_lazy("The student has another place that they prefer."),
    Outcome.FULL: gettext_lazy("Your seats went to students whom you ranked higher, or who were set to them."),
    Outcome.UNRANKED: gettext_lazy("You did not rank the student."),
    Outcome.NOT_CHOSEN: gettext_lazy("The student did not rank this place."),
    Outcome.FORBIDDEN: gettext_lazy("The coordinators ruled this pair out."),
    Outcome.ELSEWHERE: gettext_lazy("The coordinators set the student to another place."),
}


def _outcome(row: Application, place: Any, its_choice: int | None, fixed: dict, shut: set) -> Outcome:
    pair = (row.candidate_id, row.posting_id)
    if place == row.posting_id:
        return Outcome.FORCED if fixed.get(row.candidate_id) == place else Outcome.MATCHED
    if pair in shut:
        return Outcome.FORBIDDEN
    if row.candidate_id in fixed:
        return Outcome.ELSEWHERE
    if row.choice is None:
        return Outcome.NOT_CHOSEN
    if row.rank is None:
        return Outcome.UNRANKED
    return Outcome.BETTER if its_choice is not None and its_choice < row.choice else Outcome.FULL


def _rankings(rows: list[Application]) -> tuple[dict[Any, list[Any]], dict[Any, list[Any]]]:
    choices: dict[Any, list[Any]] = {row.candidate_id: [] for row in rows}
    rankings: dict[Any, list[Any]] = defaultdict(list)
    for row in sorted((row for row in rows if row.choice is not None), key=lambda row: row.choice or 0):
        choices[row.candidate_id].append(row.posting_id)
    for row in sorted((row for row in rows if row.rank is not None), key=lambda row: row.rank or 0):
        rankings[row.posting_id].append(row.candidate_id)
    return choices, dict(rankings)


def _free_seats(cohort: Cohort, now: Any) -> dict[Any, int]:
    held: dict[Any, int] = defaultdict(int)
    for key in Application.objects.filter(cohort=cohort).holding_seats(now).values_list("posting", flat=True):
        held[key] += 1
    rows = Posting.objects.filter(cohort=cohort, state__in=_OFFERING).values_list("pk", "places")
    return {key: max(0, places - held[key]) for key, places in rows}


def _record(verb: str, cohort: Cohort, by: User, **data: Any) -> None:
    record(
        verb=f"cohort.{verb}", subject=cohort, by=by, organisation_id=cohort.programme.organisation_id,
        data={"name": cohort.name} | data,
    )  # fmt: skip
