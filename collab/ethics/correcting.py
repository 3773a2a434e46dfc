"""Verbs that put right what was given too fast: a claim that is not enough, a slip of a decision, one's own review.

They change what holds from the next request on, and keep what stood there before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.roles import roles_with
from collab.accounts.models import Membership, User
from collab.audit.services import record
from collab.ethics.asking import applicants, tell
from collab.ethics.deciding import (
    areas_of,
    check_day,
    check_end,
    check_months,
    locked_review,
    owe_condition,
    save_review,
)
from collab.ethics.models import EthicsCase, EthicsCondition, EthicsCorrection, EthicsRefusal, EthicsReview
from collab.ethics.reading import bars_correction, bars_reopening
from collab.ethics.services import STALE, condition_of, locked_case, owe_monitoring, owe_review, save_case, told
from collab.ethics.standing import chairs_of
from collab.ethics.states import REVIEW_MOVES, Area
from collab.inbox.services import settle_obligation
from collab.inbox.states import ObligationKind
from collab.kernel.errors import ConflictError, InvalidError, StaleError
from collab.kernel.months import add_months


@transaction.atomic
def refuse_claim(*, condition: EthicsCondition, reason: str, by: User) -> EthicsCondition:
    """Say why what the applicants gave is not enough. The condition is open as before, and what was given is kept."""
    case = locked_case(condition.case, by, "ethics.chair")
    rows = EthicsCondition.objects.select_for_update(of=("self",)).select_related("condition", "claimed_by")
    mine = rows.get(pk=condition.pk)
    if not mine.is_open:
        raise ConflictError(_("This condition is met already, or was lifted."))
    if mine.claimed_by is None or mine.claimed_at is None:
        raise ConflictError(_("Nobody says that this condition is met."))
    if not reason.strip():
        raise InvalidError(_("Say why it is not enough."), field="reason")
    kept = EthicsRefusal(
        condition=mine, evidence=mine.evidence, claimed_by=mine.claimed_by, claimed_at=mine.claimed_at,
        reason=reason.strip(), by=by,
    )  # fmt: skip
    kept.require_clean()
    kept.save()
    mine.evidence, mine.claimed_by, mine.claimed_at = "", None, None
    mine.save()
    title = gettext_lazy("Ethics: what you gave for a condition of “{title}” is not enough yet")
    tell(case, title, [*applicants(case), kept.claimed_by], but=by)
    data = told(case, number=mine.number)
    record(verb="ethics.refuse_claim", subject=mine, by=by, project_id=case.project_id, data=data)
    return mine


@transaction.atomic
def correct_decision(
    *,
    case: EthicsCase,
    reason: str,
    by: User,
    version: int,
    conditions: Iterable[Mapping[str, Any]] = (),
    **terms: Any,
) -> EthicsCase:
    """Put a slip of an approval right: `valid_until`, `monitor_months`, `blocks`, and of open conditions their day.

    What is left out stays. `conditions` are `{number, due_on, blocks}`. The new decision of an amendment is not this:
    answers and conditions stay as they were. Raises ConflictError once the approval is over or an appeal about it was
    decided, StaleError when the case changed since `version`.
    """
    locked = locked_case(case, by, "ethics.chair")
    if bar := bars_correction(locked):
        raise ConflictError(bar)
    if locked.version != version:
        raise StaleError(str(STALE), now={"valid_until": locked.valid_until, "monitor_months": locked.monitor_months})
    if not reason.strip():
        raise InvalidError(_("Say why, in a sentence."), field="reason")
    changes = _correct_terms(locked, terms)
    for given in conditions:
        changes += _correct_condition(locked, given)
    if not changes:
        raise InvalidError(_("Nothing would change."))
    made = EthicsCorrection(case=locked, reason=reason.strip(), changes=changes, by=by)
    made.require_clean()
    made.save()
    save_case(locked)
    owe_monitoring(locked)
    if locked.monitor_on is None:
        settle_obligation(source=locked, kind=ObligationKind.REPORT)
    tell(locked, gettext_lazy("Ethics: the decision about “{title}” was corrected"), _concerned(locked), but=by)
    record(verb="ethics.correct", subject=locked, by=by, project_id=locked.project_id, data=told(locked))
    return locked


@transaction.atomic
def reopen_review(*, review: EthicsReview, by: User) -> EthicsReview:
    """Go on with one's own review that was submitted, before it is decided on it. What it says stays until then.

    Raises ConflictError for what `bars_reopening` says.
    """
    mine = locked_review(review, by, "ethics.review")
    state = REVIEW_MOVES.require("reopen", mine.state, what=_("The review"))
    if bar := bars_reopening(mine, by):
        raise ConflictError(bar)
    mine.state, mine.submitted_at = state, None
    save_review(mine)
    owe_review(mine)
    tell(mine.case, gettext_lazy("Ethics: a review of “{title}” is being changed"), chairs_of(mine.case), but=by)
    # as with the review itself: the history does not say who reviewed
    record(verb="ethics.reopen_review", subject=mine, by=None, project_id=mine.case.project_id, data=told(mine.case))
    return mine


def _correct_terms(case: EthicsCase, terms: Mapping[str, Any]) -> list[dict[str, Any]]:
    changes = []
    end, months = terms.get("valid_until", case.valid_until), terms.get("monitor_months", case.monitor_months)
    if end != case.valid_until:
        check_end(end)
        changes.append(_change("valid_until", case.valid_until, end))
        case.valid_until = end
    if months != case.monitor_months:
        check_months(months)
        changes.append(_change("monitor_months", case.monitor_months, months))
        case.monitor_months = months
        case.monitor_on = add_months(_counts_from(case), months) if months else None
    if "blocks" in terms and (change := _correct_blocks(case, terms["blocks"])):
        changes.append(change)
    return changes


def _correct_condition(case: EthicsCase, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    row, changes = condition_of(case, given["number"]), []
    due_on = given.get("due_on", row.due_on)
    if due_on != row.due_on:
        if due_on is not None:
            check_day(due_on, "conditions")
        changes.append(_change("due_on", row.due_on, due_on, row.number))
        row.due_on = due_on
    if "blocks" in given and (change := _correct_blocks(row, given["blocks"], row.number)):
        changes.append(change)
    if not changes:
        return []
    if not row.is_open:
        raise ConflictError(_("This condition is met already, or was lifted."))
    row.save()
    owe_condition(case, row)
    return changes


def _correct_blocks(row: Any, blocks: Iterable[str], number: int | None = None) -> dict[str, Any] | None:
    areas = areas_of(blocks)
    before = [area.value for area in Area if getattr(row, f"blocks_{area}")]
    after = [area.value for area in Area if area in areas]
    if before == after:
        return None
    for area in Area:
        setattr(row, f"blocks_{area}", area in areas)
    return _change("blocks", before, after, number)


def _change(what: str, before: Any, after: Any, number: int | None = None) -> dict[str, Any]:
    """A day goes into JSON as its ISO text."""
    said = [one.isoformat() if isinstance(one, date) else one for one in (before, after)]
    return {"what": what, "number": number, "before": said[0], "after": said[1]}


def _counts_from(case: EthicsCase) -> date:
    """The day from which the next report is counted: that of the last one, or of the decision."""
    last = case.reports.filter(kind="monitoring").order_by("-created_at").first()
    at = last.created_at if last is not None else case.decided_at
    return timezone.localdate(at)


def _concerned(case: EthicsCase) -> list[User | None]:
    """Those who applied, and the people of the project who read its ethics."""
    rows = Membership.objects.active().filter(project=case.project_id, role__in=roles_with("ethics.view"))
    return [*applicants(case), *(row.user for row in rows.select_related("user"))]
