"""Verbs on what the terms make due: the schedule of a licence, further payments, and the periods to report on."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import User
from collab.inbox.notices import both
from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.kernel.errors import ConflictError, InvalidError
from collab.transfer.licences.ending import expire_licences
from collab.transfer.licences.models import Licence, MilestonePayment
from collab.transfer.licences.states import BINDING, Frequency, LicenceState
from collab.transfer.protection.models import CostKind, ProtectionCost
from collab.transfer.royalties.acts import is_executed, note, require_executed, require_version, said
from collab.transfer.royalties.chasing import settle_late
from collab.transfer.royalties.models import RoyaltyReport, ScheduledPayment
from collab.transfer.royalties.money import from_minor, to_minor
from collab.transfer.royalties.reimbursing import AUDITED, BY_HAND, owed_costs, require_repayable
from collab.transfer.royalties.reimbursing import SOURCE as REIMBURSED
from collab.transfer.royalties.states import PAYMENT_MOVES, PaymentKind, PaymentState, ReportState
from collab.transfer.royalties.terms import period_of

MILESTONE = "milestone:"  # how the source of a payment begins that follows from one
PERIODS_MAX = 200  # of one licence in one go: fifty years by quarters


@transaction.atomic
def schedule(*, licence: Licence, by: User | None = None, today: date | None = None) -> int:
    """Let what is due and not asked for yet be what the terms say; how many rows changed. Again it changes nothing.

    Only for a licence that was executed: an agreement under way binds nobody.
    """
    if by is not None:
        require(by, "royalty.manage", licence)
    locked = _locked(licence)
    if not is_executed(locked) or not locked.currency:
        return 0
    day = today or timezone.localdate()
    made = _payments(locked, day) + _reports(locked, day)
    if made:
        note("royalty.schedule", locked, by, locked, count=made)
    return made


@transaction.atomic
def add_payment(
    *,
    licence: Licence,
    kind: str,
    title: str,
    amount: Decimal,
    currency: str,
    due_on: date,
    by: User,
    title_zh: str = "",
    cost: ProtectionCost | None = None,
) -> ScheduledPayment:
    """Enter a payment that the terms name without a day or sum; one that repays costs of protection names its `cost`.

    Raises InvalidError at the field: a day that is over, another currency, nothing to pay, a cost that this licence
    does not repay.
    """
    require(by, "royalty.manage", licence)
    licence = _locked(licence)  # its schedule asks for a cost at another moment
    require_executed(licence)
    if kind not in PaymentKind.values:
        raise InvalidError(_("Choose a kind."), field="kind")
    require_currency(licence, currency)
    if due_on < timezone.localdate():
        raise InvalidError(_("This day is in the past."), field="due_on")
    row = ScheduledPayment(
        licence=licence,
        kind=kind,
        title=title.strip(),
        title_zh=title_zh.strip(),
        due_on=due_on,
        amount=to_minor(amount, currency, field="amount"),
        currency=currency,
    )
    row.source = f"{BY_HAND}{row.pk}"
    if not row.amount:
        raise InvalidError(_("An amount of nothing is not due."), field="amount")
    if kind == PaymentKind.COSTS:
        if cost is not None:  # held: what is left of it is not named twice, under another licence either
            cost = ProtectionCost.objects.select_for_update().get(pk=cost.pk)
        require_repayable(licence, cost, row.amount)
        row.cost = cost
    elif cost is not None:
        raise InvalidError(_("Only a repayment of protection costs repays a cost."), field="cost")
    row.require_clean()
    row.save()
    enter_payment(row)
    note("royalty.add_payment", row, by, licence, amount=said(row.amount, currency))
    return row


@transaction.atomic
def waive_payment(*, payment: ScheduledPayment, reason: str, by: User, version: int | None = None) -> ScheduledPayment:
    """Not ask for it; the reason stays with it."""
    require(by, "royalty.manage", payment)
    locked = ScheduledPayment.objects.select_for_update(of=("self",)).select_related("licence__agreement").get(
        pk=payment.pk
    )  # fmt: skip
    require_version(locked, version)
    locked.state = PAYMENT_MOVES.require("waive", locked.state, what=str(locked))
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    locked.reason = reason.strip()
    locked.version += 1
    locked.require_clean()
    locked.save()
    settle_obligation(source=locked, kind=ObligationKind.PAYMENT)
    note("royalty.waive", locked, by, locked.licence, amount=said(locked.amount, locked.currency))
    return locked


@transaction.atomic
def reach_milestone(
    *, milestone: MilestonePayment, version: int, by: User, met_on: date | None = None
) -> MilestonePayment:
    """Find that a milestone is reached on a day: its payment is due then."""
    require(by, "royalty.manage", milestone)
    rows = MilestonePayment.objects.select_for_update(of=("self",))
    locked = rows.select_related("licence__agreement", "licence__licensor").get(pk=milestone.pk)
    require_version(locked, version)
    if locked.met_on is not None:
        raise ConflictError(_("This is reached already."))
    if locked.licence.state not in BINDING:
        raise ConflictError(_("Only a milestone of a licence in force can be reached."))
    day = met_on or timezone.localdate()
    if day > timezone.localdate():
        raise InvalidError(_("This day is in the future."), field="met_on")
    if day < locked.licence.starts_on:
        raise InvalidError(_("This day is before the licence begins."), field="met_on")
    locked.met_on, locked.version = day, locked.version + 1
    locked.save(update_fields=["met_on", "version"])
    note("royalty.reach_milestone", locked, by, locked.licence, title=locked.title, day=day.isoformat())
    schedule(licence=locked.licence)
    return locked


def require_currency(licence: Licence, currency: str, *, field: str = "currency") -> None:
    """Raises InvalidError unless it is the currency of the licence."""
    if currency != licence.currency:
        raise InvalidError(
            _("This licence is in %(wanted)s, not in %(given)s.")
            % {"wanted": licence.currency or "–", "given": currency[:10] or "–"},
            field=field,
        )


def schedule_all(today: date | None = None) -> int:
    """Every licence in force: the next periods and payments; of what has just ended the last ones. For the task."""
    made = sum(schedule(licence=one, today=today) for one in expire_licences(today or timezone.localdate()))
    for licence in Licence.objects.in_force().exclude(currency="").order_by("pk").iterator():
        made += schedule(licence=licence, today=today)
    return made


def kept_titles(licence: Licence) -> set[str]:
    """Milestones of which the payment is invoiced or waived: their payment would else be asked for twice."""
    rows = ScheduledPayment.objects.filter(licence=licence, source__startswith=MILESTONE)
    settled = rows.filter(state__in=[PaymentState.INVOICED, PaymentState.WAIVED])
    keys = {source.removeprefix(MILESTONE) for source in settled.values_list("source", flat=True)}
    return {row.title for row in licence.milestones.all() if str(row.pk) in keys}


def _locked(licence: Licence) -> Licence:
    rows = Licence.objects.select_for_update(of=("self",))
    return rows.select_related("agreement", "licensor", "licensee").get(pk=licence.pk)


# --- what follows from the terms
def _payments(licence: Licence, day: date) -> int:
    """Enter, change and withdraw what is not invoiced, so that it is what the terms ask for; how many rows."""
    over = is_over(licence, day)
    rows = ScheduledPayment.objects.select_for_update(of=("self",)).select_related("cost").filter(licence=licence)
    known = {row.source: row for row in rows}
    wanted = {row.source: row for row in _wanted(licence, day)}
    changed = 0
    for source, row in wanted.items():
        old = known.get(source)
        if old is None and (not over or row.kind == PaymentKind.MINIMUM or row.cost_id is not None):
            row.save()
            enter_payment(row)
            changed += 1
        elif old is not None and not over:
            changed += _take_over(old, row)
    for source, row in known.items():
        if row.state == PaymentState.PLANNED and _is_dropped(row, source in wanted, licence, day, over=over):
            row.state = PAYMENT_MOVES.require("withdraw", row.state, what=str(row))
            row.version += 1
            row.save(update_fields=["state", "version"])
            settle_obligation(source=row, kind=ObligationKind.PAYMENT)
            changed += 1
    return changed


def _wanted(licence: Licence, day: date) -> list[ScheduledPayment]:
    """What the terms make due, as rows that are not saved."""
    wanted: list[ScheduledPayment] = []

    def add(
        source: str,
        kind: str,
        amount: Decimal | None,
        due_on: date | None,
        english: Any,
        chinese: str = "",
        cost: ProtectionCost | None = None,
    ) -> None:
        if not amount or due_on is None:
            return
        title, title_zh = both(english, chinese)
        wanted.append(
            ScheduledPayment(
                licence=licence,
                kind=kind,
                source=source,
                title=title,
                title_zh=title_zh,
                due_on=due_on,
                amount=to_minor(amount, licence.currency, field="amount"),
                currency=licence.currency,
                cost=cost,
            )
        )

    for owed in owed_costs(licence):
        title = format_lazy(
            gettext_lazy("{what} for {right}, paid on {day}"),
            what=CostKind(owed.cost.kind).label,
            right=str(owed.cost.protection),
            day=owed.cost.paid_on,
        )
        sum_owed = from_minor(owed.amount, licence.currency)
        add(f"{REIMBURSED}{owed.cost.pk}", PaymentKind.COSTS, sum_owed, owed.due_on, title, cost=owed.cost)
    issued = licence.starts_on + timedelta(days=licence.issue_fee_days)
    add("issue_fee", PaymentKind.ISSUE_FEE, licence.issue_fee, issued, gettext_lazy("Issue fee"))
    for row in licence.milestones.all():
        due = row.met_on or row.due_on
        add(f"{MILESTONE}{row.pk}", PaymentKind.MILESTONE, row.amount, due, row.title, row.title_zh)
    if licence.report_frequency == Frequency.NONE and licence.annual_minimum:
        begins = licence.minimum_from or licence.starts_on
        last = licence.ends_on - timedelta(days=1) if licence.ends_on else None
        for year in range(begins.year, day.year + 1):
            end = min(date(year, 12, 31), last) if last else date(year, 12, 31)
            if end < begins or (last and date(year, 1, 1) > last):
                continue
            title = format_lazy(gettext_lazy("Annual minimum of {year}"), year=year)
            due = end + timedelta(days=licence.report_days)
            add(f"minimum:{year}", PaymentKind.MINIMUM, licence.annual_minimum, due, title)
    return wanted


def _take_over(old: ScheduledPayment, new: ScheduledPayment) -> int:
    """Let a payment that nobody was asked for say what the terms say now; 1 when something changed."""
    names = ("title", "title_zh", "due_on", "amount", "currency")
    same = all(getattr(old, name) == getattr(new, name) for name in names)
    if old.state not in {PaymentState.PLANNED, PaymentState.WITHDRAWN} or (same and old.state == PaymentState.PLANNED):
        return 0
    for name in names:
        setattr(old, name, getattr(new, name))
    if old.state == PaymentState.WITHDRAWN:
        old.state = PAYMENT_MOVES.require("restore", old.state, what=str(old))
    old.version += 1
    old.save()
    enter_payment(old)
    return 1


def _is_dropped(row: ScheduledPayment, is_wanted: bool, licence: Licence, day: date, *, over: bool) -> bool:
    """Whether the terms do not ask for it any more: another term, or due only after the licence was over.

    The minimum of the time that has passed and milestones that were reached stay owed.
    """
    if row.kind == PaymentKind.MINIMUM and row.source.startswith("minimum:"):
        return not is_wanted and int(row.source.removeprefix("minimum:")) >= day.year
    if row.source.startswith(AUDITED):  # both sides agreed on it
        return False
    if row.cost is not None and row.cost.cancelled_at is not None:  # also where somebody entered it by hand
        return True
    if not is_wanted and not row.source.startswith(BY_HAND):
        return True
    if not over or row.cost_id is not None:  # what was spent while it lasted stays owed
        return False
    last = min(day, licence.ends_on - timedelta(days=1)) if licence.ends_on else day
    reached = {f"{MILESTONE}{one.pk}" for one in licence.milestones.all() if one.met_on is not None}
    return row.due_on > last and row.source not in reached


def is_over(licence: Licence, day: date) -> bool:
    """Whether it grants nothing any more, and never will."""
    ended = licence.ends_on is not None and licence.ends_on <= day
    return ended or licence.state in {LicenceState.TERMINATED, LicenceState.WITHDRAWN}


def _reports(licence: Licence, day: date) -> int:
    """A report for every period that has begun, from the first day of the licence until its last."""
    rows = RoyaltyReport.objects.filter(licence=licence)
    changed = sum(_cut(row, licence, day) for row in rows.filter(state=ReportState.DUE).order_by("starts_on"))
    never = licence.ends_on is None or licence.ends_on > day + timedelta(days=1)
    if never and licence.state in {LicenceState.TERMINATED, LicenceState.WITHDRAWN}:
        return changed  # ended before it began
    last = rows.order_by("-ends_on").first()
    at = last.ends_on + timedelta(days=1) if last else licence.starts_on
    for _number in range(PERIODS_MAX):
        period = period_of(licence, at)
        if period is None or at > day or period[0] > day:
            break
        starts_on, ends_on = max(at, period[0]), period[1]
        report = RoyaltyReport.objects.create(
            licence=licence,
            starts_on=starts_on,
            ends_on=ends_on,
            due_on=ends_on + timedelta(days=licence.report_days),
            currency=licence.currency,
        )
        enter_report(report)
        changed += 1
        at = ends_on + timedelta(days=1)
    return changed


def _cut(row: RoyaltyReport, licence: Licence, day: date) -> int:
    """Let a period that goes on end where the terms of today end it; one that begins after the last day goes."""
    last = licence.ends_on - timedelta(days=1) if licence.ends_on else None
    if last is not None and row.starts_on > last:
        settle_report(row)
        settle_check(row)
        settle_late(row)
        row.delete()
        return 1
    period = period_of(licence, max(row.starts_on, min(day, last) if last else day)) if row.ends_on >= day else None
    ends_on = period[1] if period else min(row.ends_on, last) if last else row.ends_on
    due_on = ends_on + timedelta(days=licence.report_days)
    if ends_on == row.ends_on and (period is None or due_on == row.due_on):
        return 0
    row.ends_on, row.due_on = ends_on, due_on
    row.version += 1
    row.save(update_fields=["ends_on", "due_on", "version"])
    enter_report(row)
    return 1


# --- the calendar of both sides
def enter_payment(row: ScheduledPayment) -> None:
    licence = row.licence
    title = format_lazy(
        gettext_lazy("{licence}: {what}, {amount}"),
        licence=licence.agreement,
        what=row.title,
        amount=said(row.amount, row.currency),
    )
    facts = {"source": row, "title": title, "due_on": row.due_on, "url": row.get_absolute_url()}
    set_obligation(kind=ObligationKind.PAYMENT, organisation=licence.licensee, **facts)


def enter_report(report: RoyaltyReport) -> None:
    licence = report.licence
    title = format_lazy(
        gettext_lazy("{licence}: royalty report for {first} to {last}"),
        licence=licence.agreement,
        first=report.starts_on.isoformat(),
        last=report.ends_on.isoformat(),
    )
    facts = {"source": report, "title": title, "due_on": report.due_on, "url": report.get_absolute_url()}
    set_obligation(kind=ObligationKind.REPORT, organisation=licence.licensee, **facts)
    set_obligation(kind=ObligationKind.REVIEW, organisation=licence.licensor, **facts)


def settle_report(report: RoyaltyReport) -> None:
    settle_obligation(source=report, kind=ObligationKind.REPORT)


def settle_check(report: RoyaltyReport) -> None:
    settle_obligation(source=report, kind=ObligationKind.REVIEW)


def reopen_payment(row: ScheduledPayment) -> None:
    """Its invoice was taken back."""
    row.state = PAYMENT_MOVES.require("reopen", row.state, what=str(row))
    row.version += 1
    row.save(update_fields=["state", "version"])
    enter_payment(row)


def mark_invoiced(row: ScheduledPayment) -> None:
    row.state = PAYMENT_MOVES.require("invoice", row.state, what=str(row))
    row.version += 1
    row.save(update_fields=["state", "version"])
    settle_obligation(source=row, kind=ObligationKind.PAYMENT)


__all__ = ["PaymentState", "add_payment", "reach_milestone", "schedule", "schedule_all", "waive_payment"]
