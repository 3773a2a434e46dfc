"""Counting deadlines: which rules count for a case, what they ask for, and what changes when a date does.

A deadline is counted as a contract counts months, and not moved when it falls on a weekend: the office may allow a day
more, nobody should plan with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.kernel.months import add_months
from collab.transfer.disclosures.models import CaseStage, TransferCase
from collab.transfer.disclosures.states import ENDED
from collab.transfer.protection.models import Protection
from collab.transfer.protection.rules import Authority, Deadline, DeadlineRule, DeadlineRuleSet, FunderRules
from collab.transfer.protection.states import CASE_BASES, PATENTS, BaseDate, DeadlineState, ProtectionStatus

Bases = dict[str, date | None]
Rests = tuple[tuple[date, date], ...]  # in which a case had ended: from the first day, up to the one it went on
Key = tuple[object, object, int]  # protection or None, rule, occurrence
_TIMES_MAX = 200


@dataclass(frozen=True)
class Due:
    """What a rule asks for."""

    protection: Protection | None
    rule: DeadlineRule
    occurrence: int
    base_on: date
    due_on: date

    @property
    def key(self) -> Key:
        return (self.protection.pk if self.protection else None, self.rule.pk, self.occurrence)


def due_day(rule: DeadlineRule, base_on: date, occurrence: int = 1) -> date | None:
    """The day of an occurrence; None after the last one."""
    months = rule.months + (occurrence - 1) * (rule.every_months or 0)
    if occurrence > 1 and (
        not rule.every_months or (rule.until_months is not None and months > rule.until_months) or months > 2400
    ):
        return None
    return add_months(base_on, months) + timedelta(days=rule.days)


def next_occurrence(rule: DeadlineRule, base_on: date, today: date) -> int | None:
    """The number of the first occurrence that has not gone by; None when all have."""
    for number in range(1, _TIMES_MAX):
        day = due_day(rule, base_on, number)
        if day is None:
            return None
        if day >= today:
            return number
    return None


def case_bases(case: TransferCase, members: Iterable[Protection], chosen: FunderRules | None = None) -> Bases:
    """The dates of a case from which rules count."""
    disclosure = getattr(case, "disclosure", None)
    filed = [row.filed_on for row in members if row.kind in PATENTS and row.filed_on]
    return {
        BaseDate.DISCLOSED: case.disclosed_on,
        BaseDate.PUBLIC_DISCLOSURE: disclosure.public_disclosure_on if disclosure else None,
        BaseDate.REPORTED: chosen.reported_on if chosen else None,
        BaseDate.ELECTED: chosen.elected_on if chosen else None,
        BaseDate.FIRST_FILED: min(filed, default=None),
    }


def protection_bases(protection: Protection) -> Bases:
    return {
        BaseDate.PRIORITY: protection.counts_from,
        BaseDate.FILED: protection.filed_on,
        BaseDate.PUBLISHED: protection.published_on,
        BaseDate.GRANTED: protection.granted_on,
    }


@dataclass(frozen=True)
class Counting:
    """A rule set and the first day for whose dates it counts no more; None: it still does."""

    rule_set: DeadlineRuleSet
    until: date | None


class Rules:
    """The rule sets that an organisation counts by, loaded once.

    Those for all count for dates before the first of its own with the same code, so that publishing its own leaves the
    deadlines that run already.
    """

    def __init__(self, organisation_id: object) -> None:
        rows = DeadlineRuleSet.objects.of(organisation_id).prefetch_related("rules")
        sets = list(rows.order_by("code", "number"))
        own: dict[str, date] = {}
        for row in sets:
            if row.organisation_id:
                own[row.code] = min(row.effective_from, own.get(row.code, row.effective_from))
        self.sets = []
        for row in sets:
            ends = [row.effective_to, own.get(row.code) if row.organisation_id is None else None]
            self.sets.append(Counting(row, min((day for day in ends if day is not None), default=None)))

    def of_office(self, jurisdiction: str) -> list[Counting]:
        office = Authority.OFFICE
        return [
            one for one in self.sets if one.rule_set.authority == office and one.rule_set.jurisdiction == jurisdiction
        ]

    def of_funder(self, code: str) -> list[Counting]:
        funder = Authority.FUNDER
        return [one for one in self.sets if one.rule_set.authority == funder and one.rule_set.code == code]


def _counted(sets: list[Counting], bases: Bases) -> Iterator[tuple[DeadlineRule, date]]:
    """Each rule with the date that it counts from, of the version in force on that date."""
    for one in sets:
        for rule in one.rule_set.rules.all():
            base_on = bases.get(rule.base)
            if base_on is None or base_on < one.rule_set.effective_from:
                continue
            if one.until is None or base_on < one.until:
                yield rule, base_on


def _of_protection(protection: Protection, rules: Rules, bases: Bases) -> Iterator[tuple[DeadlineRule, date]]:
    for rule, base_on in _counted(rules.of_office(protection.jurisdiction), bases | protection_bases(protection)):
        if rule.kinds and protection.kind not in rule.kinds:
            continue
        if protection.status == ProtectionStatus.PLANNED and rule.base not in {*CASE_BASES, BaseDate.PRIORITY}:
            continue
        if rule.obligation == ObligationKind.EXPIRY and protection.expires_on is not None:
            continue  # the day that was entered counts
        yield rule, base_on


def _met_on(due: Due, members: list[Protection], bases: Bases) -> date | None:
    """The day on which what was filed met the deadline; None when it is open."""
    found = [bases.get(due.rule.met_by_date)] if due.rule.met_by_date else []
    if due.rule.met_by:
        mine = due.protection
        rows = members if mine is None else _that_follow(mine, members)
        found += [row.filed_on for row in rows if row.kind in due.rule.met_by]
    days = [day for day in found if day is not None and day <= due.due_on]
    return min(days, default=None)


def _that_follow(mine: Protection, members: list[Protection]) -> list[Protection]:
    """Those of its family that were filed on its ground: not before it, and not what it claims priority of.

    A first filing in Europe is no national phase of the international application that follows from it.
    """
    if mine.filed_on is None:
        return []
    family = {row.pk: row for row in members if row.family_id == mine.family_id}
    before = {mine.pk}
    parent = family.get(mine.parent_id)
    while parent is not None and parent.pk not in before:
        before.add(parent.pk)
        parent = family.get(parent.parent_id)
    return [
        row
        for pk, row in family.items()
        if pk not in before and row.filed_on is not None and row.filed_on >= mine.filed_on
    ]


def recount(case: TransferCase, *, rules: Rules | None = None, rests: Rests | None = None) -> int:
    """Bring the deadlines of a case to what its dates and the rules ask for; how many changed.

    Called inside the verb that changed a date, while the case's row is locked. What people have settled stays settled.
    `rests`: when the case goes on, all the times it had ended; what was missed outside of them is still missed.
    """
    today = timezone.localdate()
    rules = rules or Rules(case.organisation_id)
    members = list(Protection.objects.filter(family__case=case).select_related("family"))
    for member in members:
        member.family.case = case
    known = {_key(row): row for row in Deadline.objects.filter(case=case, rule__isnull=False).select_related("rule")}
    wanted: dict[Key, tuple[Due, date | None]] = {}
    if case.state not in ENDED:
        for due, met_on in _asked(case, members, rules, known, today):
            wanted[due.key] = (due, met_on)
    changed = 0
    for key, (due, met_on) in wanted.items():
        changed += _enter(case, due, met_on, known.get(key), today, rests)
    for key, row in known.items():
        if key not in wanted and row.state in {DeadlineState.OPEN, DeadlineState.GONE_BY}:
            row.state = DeadlineState.VOID
            _save(row)
            changed += 1
    changed += _follow_by_hand(case, today, rests)
    for protection in members:
        _enter_expiry(case, protection)
    return changed


def _follow_by_hand(case: TransferCase, today: date, rests: Rests | None) -> int:
    """What people entered ends with the case and goes on with it, as what is counted does; how many changed."""
    entered = Deadline.objects.filter(case=case, rule=None).select_related("protection__family")
    if case.state in ENDED:
        turned = list(entered.filter(state__in=[DeadlineState.OPEN, DeadlineState.GONE_BY]))
    else:
        turned = list(entered.filter(state=DeadlineState.VOID))
    for row in turned:
        row.case = case
        row.state = DeadlineState.VOID if case.state in ENDED else _again(row, today, rests)
        _save(row)
    return len(turned)


def _again(row: Deadline, today: date, rests: Rests | None) -> DeadlineState:
    """How a deadline goes on: what was missed while the case went on is missed, what came meanwhile has gone by."""
    missed = (
        rests is not None
        and timezone.localdate(row.created_at) <= row.due_on
        and not any(since <= row.due_on < until for since, until in rests)
    )
    return DeadlineState.GONE_BY if row.due_on < today and not missed else DeadlineState.OPEN


def count_turned(case: TransferCase) -> int:
    """A case has ended, and its deadlines with it; or it goes on, and so do they."""
    rests = None
    if case.state not in ENDED:
        ended = CaseStage.objects.filter(case=case, state__in=ENDED, left_at__isnull=False)
        days = ended.values_list("entered_at", "left_at")
        rests = tuple((timezone.localdate(since), timezone.localdate(until)) for since, until in days)
    return recount(case, rests=rests)


def _key(row: Deadline) -> Key:
    return (row.protection_id, row.rule_id, row.occurrence)


def _asked(
    case: TransferCase, members: list[Protection], rules: Rules, known: dict[Key, Deadline], today: date
) -> Iterator[tuple[Due, date | None]]:
    plain = case_bases(case, members)
    found: list[tuple[Protection | None, DeadlineRule, date, Bases]] = []
    for member in members:
        bases = plain | protection_bases(member)
        found += [(member, rule, base_on, bases) for rule, base_on in _of_protection(member, rules, plain)]
    for chosen in FunderRules.objects.filter(case=case, ended_at=None):
        bases = case_bases(case, members, chosen)
        found += [(None, rule, day, bases) for rule, day in _counted(rules.of_funder(chosen.code), bases)]
    for protection, rule, base_on, bases in found:
        for number in _occurrences(protection, rule, base_on, known, today):
            day = due_day(rule, base_on, number)
            if day is None or (protection is not None and _over_before(protection, day)):
                continue
            due = Due(protection, rule, number, base_on, day)
            yield due, _met_on(due, members, bases)


def _over_before(protection: Protection, day: date) -> bool:
    return protection.ended_on is not None and day > protection.ended_on


def _occurrences(
    protection: Protection | None, rule: DeadlineRule, base_on: date, known: dict[Key, Deadline], today: date
) -> set[int]:
    if not rule.every_months:
        return {1}
    mine = protection.pk if protection else None
    kept = {
        row.occurrence
        for key, row in known.items()
        if key[:2] == (mine, rule.pk) and row.base_on == base_on and row.state != DeadlineState.VOID
    }
    coming = next_occurrence(rule, base_on, today)
    while coming is not None and (
        (mine, rule.pk, coming) in known
        and known[mine, rule.pk, coming].state in {DeadlineState.MET, DeadlineState.WAIVED}
        and known[mine, rule.pk, coming].base_on == base_on
    ):
        coming = coming + 1 if due_day(rule, base_on, coming + 1) is not None else None
    return kept | ({coming} if coming is not None else set())


def _enter(
    case: TransferCase, due: Due, met_on: date | None, row: Deadline | None, today: date, rests: Rests | None
) -> bool:
    """Make or move one deadline; whether anything changed."""
    fresh = row is None
    if row is None:
        row = Deadline(case=case, protection=due.protection, rule=due.rule, occurrence=due.occurrence)
    by_hand = row.state in {DeadlineState.MET, DeadlineState.WAIVED} and not row.by_rule and not fresh
    before = (row.state, row.due_on, row.base_on)
    if (row.due_on, row.base_on) != (due.due_on, due.base_on):
        row.escalated_on = None
    row.due_on, row.base_on, row.base = due.due_on, due.base_on, due.rule.base
    row.title, row.title_zh, row.obligation = due.rule.title, due.rule.title_zh, due.rule.obligation
    row.escalate_days = due.rule.escalate_days
    if not by_hand:
        revived = fresh or before[0] in {DeadlineState.VOID, DeadlineState.GONE_BY}
        if met_on is not None:
            row.state, row.settled_on, row.by_rule = DeadlineState.MET, met_on, True
        else:
            row.state = _again(row, today, None if fresh else rests) if revived else DeadlineState.OPEN
            row.settled_on, row.by_rule = None, False
    if not fresh and before == (row.state, row.due_on, row.base_on):
        return False
    _save(row)
    return True


def _save(row: Deadline) -> None:
    row.version = row.version + 1 if not row._state.adding else 1
    row.require_clean()
    row.save()
    enter_day(row)


def enter_day(row: Deadline) -> None:
    """An open deadline stands in the calendar of the organisation; any other does not."""
    if row.state != DeadlineState.OPEN:
        settle_obligation(source=row, kind=row.obligation)
        return
    english, chinese = titles_of(row)
    set_obligation(
        source=row,
        kind=row.obligation,
        title=english,
        title_zh=chinese,
        due_on=row.due_on,
        url=row.get_absolute_url(),
        organisation=row.case.organisation,
    )


def titles_of(row: Deadline) -> tuple[str, str]:
    """In English and Chinese; the docket number alone says which case, since more people read the calendar."""
    protection = row.protection
    about = f"{protection.family.reference} {protection.jurisdiction}".strip() if protection else row.case.docket
    return f"{about}: {row.title}", f"{about}：{row.title_zh or row.title}"


def _enter_expiry(case: TransferCase, protection: Protection) -> None:
    if protection.expires_on is None or protection.is_over or case.state in ENDED:
        settle_obligation(source=protection, kind=ObligationKind.EXPIRY)
        return
    about = f"{protection.family.reference} {protection.jurisdiction}".strip()
    set_obligation(
        source=protection,
        kind=ObligationKind.EXPIRY,
        title=f"{about}: protection expires",
        title_zh=f"{about}：保护期届满",
        due_on=protection.expires_on,
        url=protection.get_absolute_url(),
        organisation=case.organisation,
    )
