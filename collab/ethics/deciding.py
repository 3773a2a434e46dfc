"""Verbs of the committee: assign, review, declare and settle conflicts, ask, decide, confirm conditions, hold an
approval, close reports. Silence never decides: what is late is reminded of and climbs, as the inbox does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import User
from collab.audit.services import record
from collab.ethics.asking import applicants, deciding, tell
from collab.ethics.models import EthicsCase, EthicsCondition, EthicsQuestion, EthicsReport, EthicsReview
from collab.ethics.services import (
    STALE,
    committee_gone,
    lapse_reviews,
    locked_case,
    owe_monitoring,
    owe_nothing,
    owe_review,
    save_case,
    told,
)
from collab.ethics.standing import chairs_of, members_of, near_to
from collab.ethics.states import (
    CASE_MOVES,
    MOVE_OF,
    PENDING,
    REVIEW_MOVES,
    Area,
    CaseState,
    ReportState,
    ReviewState,
    Route,
    move_to_assign,
)
from collab.inbox.services import decide_request, meet_condition, set_obligation, settle_obligation
from collab.inbox.states import Decision, ObligationKind, Opinion
from collab.kernel.errors import ConflictError, InvalidError, NotReadyError, StaleError
from collab.kernel.months import add_months
from collab.projects.models import ConflictOfInterest
from collab.projects.states import CONFLICT_MOVES, ConflictState

VALID_YEARS_MAX = 10
CONDITIONS_MAX = 10  # of one decision: what its page has room for


# --- reviewers
@transaction.atomic
def assign(*, case: EthicsCase, reviewers: Iterable[User], by: User, due_on: date | None = None) -> list[EthicsReview]:
    """Ask members of the committee for their review of this round. Nobody reviews a project of their own."""
    locked = locked_case(case, by, "ethics.chair")
    state = CASE_MOVES.require(move_to_assign(locked.state), locked.state, what=str(locked))
    people = list(dict.fromkeys(reviewers))
    if not people:
        raise InvalidError(_("Name at least one reviewer."), field="reviewers")
    near = near_to(locked)
    today = timezone.localdate()
    # before the decision is due; today, where that day is over already
    due_on = due_on or max(today, min(today + timedelta(days=14), timezone.localdate(locked.request.due_at)))
    check_day(due_on, "due_on")
    asked = set(locked.reviews.filter(round=locked.round).values_list("reviewer", flat=True))
    made = []
    for person in people:
        if not sits(person, locked):
            text = _("%(person)s does not sit on this committee.")
            raise InvalidError(text % {"person": person}, field="reviewers")
        if person.pk in near:
            text = _("%(person)s belongs to the project or wrote the application, and cannot review it.")
            raise InvalidError(text % {"person": person}, field="reviewers")
        if person.pk in asked:
            raise ConflictError(_("%(person)s is asked already.") % {"person": person})
        review = EthicsReview.objects.create(case=locked, reviewer=person, round=locked.round, due_on=due_on)
        owe_review(review)
        made.append(review)
    locked.state = state
    save_case(locked)
    tell(locked, gettext_lazy("You are asked for an ethics review: “{title}”"), people, but=by)
    data = told(locked, n=len(made))
    record(verb="ethics.assign", subject=locked, by=by, project_id=locked.project_id, data=data)
    return made


def sits(person: User, case: EthicsCase) -> bool:
    """Whether somebody sits on the committee of the case."""
    return members_of(case).filter(user=person).exists()


@transaction.atomic
def submit_review(*, review: EthicsReview, opinion: str, text: str, by: User, version: int) -> EthicsReview:
    """Give one's advice; the chair decides. Raises StaleError when it changed since `version`."""
    mine = locked_review(review, by, "ethics.review")
    if mine.version != version:
        raise StaleError(str(STALE), now={"opinion": mine.opinion, "text": mine.text})
    state = REVIEW_MOVES.require("submit", mine.state, what=_("The review"))
    require_pending(mine)
    if mine.conflict_state == ConflictState.DECLARED:
        text_ = _("The conflict of interest you declared is not decided yet.")
        raise NotReadyError([Missing("conflict_open", text_, mine.get_absolute_url())])
    if opinion not in set(Opinion):
        raise InvalidError(_("Choose one of the opinions."), field="opinion")
    if not text.strip():
        raise InvalidError(_("Say why, in a sentence."), field="text")
    mine.state, mine.opinion, mine.text, mine.submitted_at = state, opinion, text.strip(), timezone.now()
    save_review(mine)
    settle_obligation(source=mine, kind=ObligationKind.REVIEW)
    tell(mine.case, gettext_lazy("Ethics: a review of “{title}” is there"), chairs_of(mine.case), but=by)
    # The history is read by those who apply: it does not say who reviewed.
    record(verb="ethics.review", subject=mine, by=None, project_id=mine.case.project_id, data=told(mine.case))
    return mine


@transaction.atomic
def declare_conflict(*, review: EthicsReview, kind: str, text: str, by: User) -> EthicsReview:
    """Say what might sway one's judgement. A chair decides what follows; until then one cannot submit."""
    mine = locked_review(review, by, "ethics.review")
    if mine.state != ReviewState.ASKED:
        raise ConflictError(_("The review is submitted or ended; write to the chair instead."))
    if mine.conflict_state == ConflictState.DECLARED:
        raise ConflictError(_("You declared a conflict of interest already; a chair decides about it."))
    if kind not in ConflictOfInterest.Kind.values:
        raise InvalidError(_("Choose a kind."), field="kind")
    if not text.strip():
        raise InvalidError(_("Say what it is."), field="text")
    mine.conflict_kind, mine.conflict_text, mine.conflict_state = kind, text.strip(), ConflictState.DECLARED
    mine.conflict_plan, mine.conflict_decided_by = "", None
    save_review(mine)
    tell(
        mine.case, gettext_lazy("Ethics: a reviewer of “{title}” declared a conflict of interest"), chairs_of(mine.case)
    )
    record(verb="ethics.declare", subject=mine, by=None, project_id=mine.case.project_id, data=told(mine.case))
    return mine


@transaction.atomic
def settle_conflict(*, review: EthicsReview, move: str, by: User, plan: str = "") -> EthicsReview:
    """Waive it with a plan, recuse the reviewer, or dismiss it: a chair's word, and never one's own."""
    mine = locked_review(review, by, "ethics.chair")
    if move not in CONFLICT_MOVES.table:
        raise InvalidError(_("Waive, recuse or dismiss it."), field="move")
    if mine.reviewer_id == by.pk and move != "recuse":
        raise ConflictError(_("Nobody decides about a conflict of interest of their own."))
    mine.conflict_state = CONFLICT_MOVES.require(move, mine.conflict_state, what=_("The conflict of interest"))
    if move == "waive" and not plan.strip():
        raise InvalidError(_("Write the plan under which it is waived."), field="plan")
    mine.conflict_plan, mine.conflict_decided_by = plan.strip() or mine.conflict_plan, by
    if move == "recuse":
        mine.state = REVIEW_MOVES.require("recuse", mine.state, what=_("The review"))
        settle_obligation(source=mine, kind=ObligationKind.REVIEW)
    save_review(mine)
    record(verb=f"ethics.{move}", subject=mine, by=by, project_id=mine.case.project_id, data=told(mine.case))
    return mine


# --- questions back
@transaction.atomic
def ask_applicants(*, case: EthicsCase, text: str, by: User, key: str = "") -> EthicsQuestion:
    """Ask about the application, or one of its answers; the applicants answer on its page."""
    locked = locked_case(case, by, "ethics.deliberate")
    if locked.state not in PENDING:
        raise ConflictError(_("It is decided; there is nothing to ask any more."))
    if key and key not in {question["key"] for question in locked.questions}:
        raise InvalidError(_("There is no such question."), field="key")
    made = EthicsQuestion(case=locked, about_key=key, text=text.strip(), by=by)
    made.require_clean()
    made.save()
    tell(locked, gettext_lazy("Ethics: the committee has a question about “{title}”"), applicants(locked), but=by)
    record(verb="ethics.ask", subject=made, by=None, project_id=locked.project_id, data=told(locked))
    return made


# --- decisions
@dataclass(frozen=True)
class ConditionTerm:
    """A condition: what must be met, what it blocks until then, and from when (at once without a day)."""

    text: str
    blocks: Sequence[str] = ()
    due_on: date | None = None


def missing_to_decide(case: EthicsCase) -> list[Missing]:
    """What a decision still waits for: reviews on the full route, declared conflicts, a committee of a party."""
    url, missing = case.get_absolute_url(), []
    if gone := committee_gone(case.project, case.committee):
        missing.append(replace(gone, url=""))  # for others to mend
    rows = case.reviews.filter(round=case.round)
    given = rows.filter(state=ReviewState.SUBMITTED).count()
    least = case.committee.minimum_reviews if case.route == Route.FULL and case.appealed_at is None else 0
    if given < least:
        text = _("Only %(given)d of at least %(n)d reviews are there.") % {"given": given, "n": least}
        missing.append(Missing("too_few_reviews", text, reverse("collab:ethics_case_assign", args=[case.pk])))
    if rows.filter(conflict_state=ConflictState.DECLARED).exists():
        missing.append(
            Missing("conflict_open", _("A declared conflict of interest is not decided yet."), f"{url}#reviews")
        )
    return missing


@transaction.atomic
def decide_case(
    *,
    case: EthicsCase,
    decision: str,
    by: User,
    reason: str = "",
    blocks: Iterable[str] = (),
    valid_until: date | None = None,
    monitor_months: int | None = None,
    conditions: Sequence[ConditionTerm] = (),
    read_round: int | None = None,
) -> EthicsCase:
    """Approve it (with conditions), reject it, or ask for changes; the answer is given in the inbox as well.

    `blocks` are the areas that need the approval: without one that holds, they stop on the next request.
    `read_round` is the round that was read: StaleError when the applicants have submitted another one since.
    Raises NotReadyError while reviews are missing, ConflictError when it is not before the committee.
    """
    locked = locked_case(case, by, "ethics.decide")
    if read_round is not None and read_round != locked.round:
        raise StaleError(str(STALE), now={"round": locked.round})
    if decision not in MOVE_OF:
        raise InvalidError(_("Choose one of the decisions."), field="decision")
    move = MOVE_OF[Decision(decision)]
    if locked.stands and locked.state == CaseState.APPEALED and move == "reject":
        return _uphold(locked, reason, by)
    state = CASE_MOVES.require(move, locked.state, what=str(locked))
    if move != "return" and (missing := missing_to_decide(locked)):
        raise NotReadyError(missing)
    areas = areas_of(blocks)
    if len(conditions) > CONDITIONS_MAX:
        raise InvalidError(_("Write at most %(n)d conditions.") % {"n": CONDITIONS_MAX}, field="conditions")
    if move == "approve":
        check_end(valid_until)
        check_months(monitor_months)
    elif valid_until is not None or monitor_months is not None:
        raise InvalidError(_("Only an approval has an end and reports."), field="valid_until")
    with deciding():
        answered = decide_request(
            request=locked.request,
            decision=decision,
            by=by,
            reason=reason,
            conditions=[term.text for term in conditions],
        )
    locked.state, locked.decision_reason = state, reason.strip()
    if move != "return":
        locked.decided_by, locked.decided_at = by, timezone.now()
        locked.first_decided_at = locked.first_decided_at or locked.decided_at
        for area in Area:
            setattr(locked, f"blocks_{area}", area in areas)
        lapse_reviews(locked)
    if move == "approve":
        locked.valid_until, locked.monitor_months = valid_until, monitor_months
        locked.appeals_conditions = False
        locked.monitor_on = add_months(timezone.localdate(), monitor_months) if monitor_months else None
        if locked.previous is not None and locked.previous.state != CaseState.SUPERSEDED:
            _supersede(locked.previous, by)
    save_case(locked)
    if move == "approve":
        _lift_conditions(locked, by)
        _add_conditions(locked, answered, [term for term in conditions if term.text.strip()])
        owe_monitoring(locked)
    tell(locked, SAID[Decision(decision)], applicants(locked), but=by)
    facts = {
        "decision": str(decision),
        "conditions": len(conditions),
        "day": valid_until.isoformat() if valid_until else "–",
    }
    record(
        verb=f"ethics.{'approve_with_conditions' if conditions else move}",
        subject=locked,
        by=by,
        project_id=locked.project_id,
        data=told(locked, **facts),
    )
    return locked


def _uphold(case: EthicsCase, reason: str, by: User) -> EthicsCase:
    """The conditions stand, and with them the approval as it was."""
    case.state = CASE_MOVES.require("uphold", case.state, what=str(case))
    if missing := missing_to_decide(case):
        raise NotReadyError(missing)
    with deciding():
        decide_request(request=case.request, decision=Decision.REJECTED, by=by, reason=reason)
    case.decision_reason, case.appeals_conditions = reason.strip(), False
    lapse_reviews(case)
    save_case(case)
    tell(case, gettext_lazy("Ethics: the conditions of “{title}” stand"), applicants(case), but=by)
    record(verb="ethics.uphold", subject=case, by=by, project_id=case.project_id, data=told(case))
    return case


def _lift_conditions(case: EthicsCase, by: User) -> None:
    """What an appeal was won against is not asked for any more; only an appeal comes here with open conditions."""
    for row in case.conditions.open().select_related("condition__request"):
        EthicsCondition.objects.filter(pk=row.pk).update(lifted_at=timezone.now())
        settle_obligation(source=row, kind=ObligationKind.CONDITION)
        meet_condition(condition=row.condition, by=by, evidence=_("Lifted: the appeal against it was won."))


SAID = {
    Decision.APPROVED: gettext_lazy("Ethics: “{title}” is approved"),
    Decision.APPROVED_WITH_CONDITIONS: gettext_lazy("Ethics: “{title}” is approved with conditions"),
    Decision.REJECTED: gettext_lazy("Ethics: “{title}” is rejected"),
    Decision.RETURNED: gettext_lazy("Ethics: changes are asked for in “{title}”"),
}


def areas_of(blocks: Iterable[str]) -> set[Area]:
    unknown = set(blocks) - set(Area)
    if unknown:
        raise InvalidError(_("Choose from %(names)s.") % {"names": ", ".join(Area)}, field="blocks")
    return {Area(one) for one in blocks}


def check_day(day: date, field: str) -> None:
    """From today on, and no further than an approval may hold."""
    today = timezone.localdate()
    if day < today:
        raise InvalidError(_("This day is over."), field=field)
    if day > add_months(today, 12 * VALID_YEARS_MAX):
        text = _("Choose a day in the next %(n)d years.") % {"n": VALID_YEARS_MAX}
        raise InvalidError(text, field=field)


def check_end(day: date | None) -> None:
    """The last day of an approval."""
    today = timezone.localdate()
    if day is None or not today <= day <= add_months(today, 12 * VALID_YEARS_MAX):
        text = _("Say until when it holds: from today, and at most %(n)d years.") % {"n": VALID_YEARS_MAX}
        raise InvalidError(text, field="valid_until")


def check_months(months: int | None) -> None:
    """How many months lie between reports; none: no reports."""
    if months is not None and not 1 <= months <= 60:
        raise InvalidError(_("Write between 1 and 60 months."), field="monitor_months")


def _add_conditions(case: EthicsCase, request: Any, terms: Sequence[ConditionTerm]) -> None:
    before = case.conditions.count()
    for number, (row, term) in enumerate(zip(request.conditions.order_by("number"), terms, strict=True), before + 1):
        areas = areas_of(term.blocks)
        if term.due_on is not None:
            check_day(term.due_on, "conditions")
        made = EthicsCondition(
            case=case,
            condition=row,
            number=number,
            due_on=term.due_on,
            blocks_jobs=Area.JOBS in areas,
            blocks_releases=Area.RELEASES in areas,
            blocks_data=Area.DATA in areas,
        )
        made.save()
        owe_condition(case, made)


def owe_condition(case: EthicsCase, row: EthicsCondition) -> None:
    """Its day stands in the calendar of the project; without a day nothing does."""
    if row.due_on is None:
        settle_obligation(source=row, kind=ObligationKind.CONDITION)
        return
    set_obligation(
        source=row,
        kind=ObligationKind.CONDITION,
        title=format_lazy(gettext_lazy("Ethics condition of “{title}”"), title=case.title),
        due_on=row.due_on,
        url=case.get_absolute_url(),
        project=case.project,
    )


def _supersede(before: EthicsCase, by: User) -> None:
    """The new decision counts instead; conditions of the old one that are open stay open."""
    old = EthicsCase.objects.select_for_update(of=("self",)).get(pk=before.pk)
    old.state = CASE_MOVES.require("supersede", old.state, what=str(old))
    old.version += 1
    old.save(update_fields=["state", "version"])
    owe_nothing(old)


# --- after the decision
@transaction.atomic
def confirm_condition(*, condition: EthicsCondition, by: User, evidence: str = "") -> EthicsCondition:
    """The committee confirms that a condition is met; what it blocked goes on with the next request.

    Without a claim of the applicants the chair has seen it elsewhere, and says by what: `evidence` is asked for then.
    """
    case = locked_case(condition.case, by, "ethics.chair")
    mine = EthicsCondition.objects.select_related("condition__request").get(pk=condition.pk)
    meet_condition(condition=mine.condition, by=by, evidence=evidence.strip() or mine.evidence)
    settle_obligation(source=mine, kind=ObligationKind.CONDITION)
    tell(case, gettext_lazy("Ethics: a condition of “{title}” is met"), applicants(case), but=by)
    data = told(case, number=mine.number)
    record(verb="ethics.confirm", subject=mine, by=by, project_id=case.project_id, data=data)
    return EthicsCondition.objects.select_related("condition", "case").get(pk=mine.pk)


@transaction.atomic
def hold_case(*, case: EthicsCase, move: str, by: User, reason: str) -> EthicsCase:
    """Suspend an approval, let it hold again, or revoke it for good. What needs it stops on the next request."""
    locked = locked_case(case, by, "ethics.chair")
    if move not in {"suspend", "resume", "revoke"}:
        raise InvalidError(_("Suspend, resume or revoke it."), field="move")
    locked.state = CASE_MOVES.require(move, locked.state, what=str(locked))
    if not reason.strip():
        raise InvalidError(_("Say why, in a sentence."), field="reason")
    locked.decision_reason = reason.strip()
    save_case(locked)
    if move == "revoke":
        owe_nothing(locked)
    tell(locked, HELD[move], applicants(locked), but=by)
    record(verb=f"ethics.{move}", subject=locked, by=by, project_id=locked.project_id, data=told(locked))
    return locked


HELD = {
    "suspend": gettext_lazy("Ethics: the approval of “{title}” is suspended"),
    "resume": gettext_lazy("Ethics: the approval of “{title}” holds again"),
    "revoke": gettext_lazy("Ethics: the approval of “{title}” is revoked"),
}


@transaction.atomic
def close_report(*, report: EthicsReport, outcome: str, by: User) -> EthicsReport:
    """Say what the committee makes of a report."""
    case = locked_case(report.case, by, "ethics.chair")
    mine = EthicsReport.objects.select_for_update(of=("self",)).get(pk=report.pk)
    if mine.state != ReportState.OPEN:
        raise ConflictError(_("This report is closed already."))
    if not outcome.strip():
        raise InvalidError(_("Say what follows from it."), field="outcome")
    mine.state, mine.outcome, mine.closed_by, mine.closed_at = ReportState.CLOSED, outcome.strip(), by, timezone.now()
    mine.require_clean()
    mine.save()
    tell(case, gettext_lazy("Ethics: the committee has read your report on “{title}”"), applicants(case), but=by)
    record(verb="ethics.close_report", subject=mine, by=by, project_id=case.project_id, data=told(case))
    return mine


# --- what the verbs share
def locked_review(review: EthicsReview, by: User, word: str) -> EthicsReview:
    require(by, word, review)
    EthicsReview.objects.select_for_update().get(pk=review.pk)
    rows = EthicsReview.objects.select_related(
        "case__committee__organisation", "case__project", "case__form_version__form"
    )
    return rows.get(pk=review.pk)


def require_pending(review: EthicsReview) -> None:
    case = review.case
    if case.state not in {CaseState.IN_REVIEW, CaseState.APPEALED} or case.round != review.round:
        raise ConflictError(_("Nobody waits for this review any more."))


def save_review(review: EthicsReview) -> None:
    review.version += 1
    review.require_clean()
    review.save()
