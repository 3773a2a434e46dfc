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
from collab.kernel.errors import InvalidError
from collab.transfer.licences.models import Licence
from collab.transfer.licences.states import Frequency, LicenceState
from collab.transfer.royalties.acts import note, require_version, said
from collab.transfer.royalties.models import RoyaltyReport, ScheduledPayment
from collab.transfer.royalties.money import to_minor
from collab.transfer.royalties.states import PAYMENT_MOVES, PaymentKind, PaymentState
from collab.transfer.royalties.terms import period_of

AHEAD_DAYS = 92  # a period is entered so long before it ends that its day stands in the calendar
PERIODS_MAX = 200  # of one licence in one go: fifty years by quarters


@transaction.atomic
def schedule(*, licence: Licence, by: User | None = None, today: date | None = None) -> int:
    """Enter what the terms make due and is not entered yet; how many rows. Saying it again changes nothing.

    Only for a licence that was executed: an agreement under way binds nobody.
    """
    if by is not None:
        require(by, "royalty.manage", licence)
    locked = Licence.objects.select_for_update(of=("self",)).select_related("agreement", "licensor", "licensee").get(
        pk=licence.pk
    )  # fmt: skip
    if not locked.agreement.versions.filter(executed_at__isnull=False).exists() or not locked.currency:
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
) -> ScheduledPayment:
    """Enter a payment that the terms name without a day or sum, such as costs of protection to repay."""
    require(by, "royalty.manage", licence)
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
    row.source = f"added:{row.pk}"
    if not row.amount:
        raise InvalidError(_("An amount of nothing is not due."), field="amount")
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


def require_currency(licence: Licence, currency: str, *, field: str = "currency") -> None:
    """Raises InvalidError unless it is the currency of the licence."""
    if currency != licence.currency:
        raise InvalidError(
            _("This licence is in %(wanted)s, not in %(given)s.")
            % {"wanted": licence.currency or "–", "given": currency[:10] or "–"},
            field=field,
        )


def schedule_all(today: date | None = None) -> int:
    """Every licence in force: the next periods and payments. For the daily task."""
    made = 0
    for licence in Licence.objects.in_force().exclude(currency="").order_by("pk").iterator():
        made += schedule(licence=licence, today=today)
    return made


# --- what follows from the terms
def _payments(licence: Licence, day: date) -> int:
    wanted: list[ScheduledPayment] = []

    def add(
        source: str, kind: str, amount: Decimal | None, due_on: date | None, english: Any, chinese: str = ""
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
            )
        )

    issued = licence.starts_on + timedelta(days=licence.issue_fee_days)
    add("issue_fee", PaymentKind.ISSUE_FEE, licence.issue_fee, issued, gettext_lazy("Issue fee"))
    for row in licence.milestones.all():
        due = row.met_on or row.due_on
        add(f"milestone:{row.pk}", PaymentKind.MILESTONE, row.amount, due, row.title, row.title_zh)
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
    known = set(ScheduledPayment.objects.filter(licence=licence).values_list("source", flat=True))
    rows = [row for row in wanted if row.source not in known]
    for row in rows:
        row.save()
        enter_payment(row)
    return len(rows)


def _reports(licence: Licence, day: date) -> int:
    """A report for every period that has begun, or of which the end is near."""
    if licence.state in {LicenceState.TERMINATED, LicenceState.WITHDRAWN}:
        return 0
    known = set(RoyaltyReport.objects.filter(licence=licence).values_list("starts_on", flat=True))
    made, at = 0, licence.starts_on
    for _number in range(PERIODS_MAX):
        period = period_of(licence, at)
        if period is None or period[0] > day:
            break
        starts_on, ends_on = period
        if starts_on not in known and ends_on <= day + timedelta(days=AHEAD_DAYS * 4):
            report = RoyaltyReport.objects.create(
                licence=licence,
                starts_on=starts_on,
                ends_on=ends_on,
                due_on=ends_on + timedelta(days=licence.report_days),
                currency=licence.currency,
            )
            enter_report(report)
            made += 1
        at = ends_on + timedelta(days=1)
    return made


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


__all__ = ["PaymentState", "add_payment", "schedule", "schedule_all", "waive_payment"]
