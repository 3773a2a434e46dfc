"""Verbs on invoices: for a report, for scheduled payments, for late interest; a credit note takes one back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import require
from collab.accounts.models import User
from collab.inbox.notices import both
from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.kernel.errors import ConflictError, InvalidError
from collab.transfer.licences.models import Licence, MilestonePayment
from collab.transfer.protection.models import ProtectionCost
from collab.transfer.royalties.acts import next_number, note, require_executed, require_version, said, tell
from collab.transfer.royalties.chasing import settle_late
from collab.transfer.royalties.computing import late_interest
from collab.transfer.royalties.models import Invoice, InvoiceLine, RoyaltyReport, ScheduledPayment
from collab.transfer.royalties.reimbursing import require_unmixed
from collab.transfer.royalties.scheduling import MILESTONE, mark_invoiced, reopen_payment
from collab.transfer.royalties.states import InvoiceState, ReportState
from collab.transfer.royalties.terms import interest_rates

TO_PAY_DAYS = 14  # at least so long after it was issued
PAYMENTS_MAX = 50

Said = tuple[str | Promise, str, int, ScheduledPayment | None]  # English or lazy, Chinese, sum, what it pays


@transaction.atomic
def invoice_report(*, report: RoyaltyReport, by: User, due_on: date | None = None) -> Invoice:
    """Ask for what an accepted report owes. Raises ConflictError while it is open, or when it is invoiced already."""
    require(by, "royalty.manage", report)
    locked = RoyaltyReport.objects.select_for_update(of=("self",)).with_licence().get(pk=report.pk)
    if locked.state != ReportState.ACCEPTED:
        raise ConflictError(_("The report is not accepted yet; what it owes may still change."))
    known = locked.invoices.filter(credits=None).exclude(state=InvoiceState.CANCELLED).first()
    if known is not None:
        raise ConflictError(_("The report is invoiced already: %(invoice)s.") % {"invoice": known.reference})
    if not locked.due:
        raise ConflictError(_("Nothing is owed for this period."))
    words = {"first": locked.starts_on.isoformat(), "last": locked.ends_on.isoformat()}
    lines: list[Said] = [
        (format_lazy(title, **words), "", amount, None)
        for title, amount in (
            (gettext_lazy("Royalty for {first} to {last}"), locked.royalty),
            (gettext_lazy("Annual minimum, {first} to {last}"), locked.minimum),
            (gettext_lazy("Share of sublicence income, {first} to {last}"), locked.sublicence_share),
        )
        if amount
    ]
    return _issue(locked.licence, lines, by, due_on or _day(locked.due_on), report=locked)


@transaction.atomic
def invoice_payments(*, payments: Sequence[ScheduledPayment], by: User, due_on: date | None = None) -> Invoice:
    """Ask for scheduled payments of one licence. A milestone that is invoiced counts as reached."""
    if not payments or len(payments) > PAYMENTS_MAX:
        raise InvalidError(_("Choose between 1 and %(n)d payments.") % {"n": PAYMENTS_MAX}, field="payments")
    for payment in payments:
        require(by, "royalty.manage", payment)
    rows = ScheduledPayment.objects.select_for_update(of=("self",)).filter(pk__in=[row.pk for row in payments])
    locked = list(
        rows.select_related("licence__agreement", "licence__licensor", "licence__licensee").order_by(
            "due_on", "cost__paid_on", "created_at"
        )
    )
    if len({row.licence_id for row in locked}) != 1:
        raise InvalidError(_("An invoice is about one licence."), field="payments")
    require_executed(locked[0].licence)
    costs = ProtectionCost.objects.select_for_update().filter(pk__in=[row.cost_id for row in locked if row.cost_id])
    if any(cost.cancelled_at for cost in costs):
        raise ConflictError(_("The cost that it repays is cancelled; it is not asked for."))
    today = timezone.localdate()
    require_unmixed(locked)
    for row in locked:
        mark_invoiced(row)
        if row.source.startswith(MILESTONE):  # one added by hand follows from no term
            key = row.source.removeprefix(MILESTONE)
            MilestonePayment.objects.filter(pk=key, met_on=None).update(met_on=today)
    lines: list[Said] = [(row.title, row.title_zh, row.amount, row) for row in locked]
    return _issue(locked[0].licence, lines, by, due_on or _day(max(row.due_on for row in locked)))


@transaction.atomic
def invoice_interest(*, invoice: Invoice, by: User, due_on: date | None = None) -> Invoice:
    """Ask for interest on an invoice that was paid late, by the rates of each day."""
    require(by, "royalty.manage", invoice)
    locked = Invoice.objects.select_for_update(of=("self",)).with_licence().get(pk=invoice.pk)
    if locked.state != InvoiceState.PAID:
        raise ConflictError(_("Interest is asked for once the invoice is paid in full."))
    if locked.interest_on_id is not None:
        raise ConflictError(_("No interest is asked on interest."))
    if locked.interest.exclude(state=InvoiceState.CANCELLED).filter(credits=None).exists():
        raise ConflictError(_("Interest on this invoice is asked for already."))
    lines: list[Said] = []
    for part in interest_of(locked):
        if part["amount"]:
            title = format_lazy(
                gettext_lazy("{percent} % on {owed} from {first} to {last} ({days} days)"),
                percent=f"{part['percent'].normalize():f}",
                owed=said(part["owed"], locked.currency),
                first=part["first"].isoformat(),
                last=part["last"].isoformat(),
                days=part["days"],
            )
            lines.append((title, "", part["amount"], None))
    if not lines:
        raise ConflictError(_("It was paid in time, or the interest is less than the smallest unit."))
    return _issue(locked.licence, lines, by, due_on or _day(None), interest_on=locked)


def interest_of(invoice: Invoice) -> list[dict[str, Any]]:
    """What is owed for each late payment and each rate; raises InvalidError when no rate is entered for a day."""
    rates = interest_rates(invoice.licence)
    found = []
    for match in invoice.matches.filter(undone_at=None).select_related("receipt").order_by("receipt__received_on"):
        paid_on = match.receipt.received_on
        for line in late_interest(match.amount, invoice.due_on, paid_on, rates, currency=invoice.currency):
            found.append(
                {
                    "owed": match.amount, "first": line.from_on, "last": line.until, "days": line.days,
                    "percent": line.percent, "amount": line.amount,
                }
            )  # fmt: skip
    return found


@transaction.atomic
def cancel_invoice(*, invoice: Invoice, reason: str, by: User, version: int | None = None) -> Invoice:
    """Take an invoice back by a credit note, which has a number of its own; what it asked for may be invoiced anew."""
    require(by, "royalty.manage", invoice)
    locked = Invoice.objects.select_for_update(of=("self",)).with_licence().get(pk=invoice.pk)
    require_version(locked, version)
    if locked.state != InvoiceState.OPEN:
        raise ConflictError(
            _("%(invoice)s is paid, or in part; take the receipts off it first, or write off what will not arrive.")
            % {"invoice": locked.reference}
            if locked.paid
            else _("%(invoice)s cannot be taken back.") % {"invoice": locked.reference}
        )
    if locked.waived:
        raise ConflictError(
            _("A part of %(invoice)s is written off; take that back first.") % {"invoice": locked.reference}
        )
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    locked.state = InvoiceState.CANCELLED
    locked.version += 1
    locked.save(update_fields=["state", "version"])
    settle_obligation(source=locked, kind=ObligationKind.PAYMENT)
    settle_late(locked)
    lines: list[Said] = []
    for row in locked.lines.select_related("payment__licence__agreement", "payment__licence__licensee"):
        lines.append((row.title, row.title_zh, -row.amount, None))
        if row.payment is not None:
            reopen_payment(row.payment)
    credit = _save(
        locked.licence, lines, by, timezone.localdate(), credits=locked, report=locked.report,
        state=InvoiceState.CREDIT_NOTE,
    )  # fmt: skip
    note(
        "royalty.credit", credit, by, locked.licence, invoice=locked.reference, credit=credit.reference,
        amount=said(locked.total, locked.currency), reason=reason.strip()[:200],
    )  # fmt: skip
    return credit


def invoices_for(cost: ProtectionCost) -> list[str]:
    """The numbers of the invoices that ask a licensee to repay a cost."""
    lines = InvoiceLine.objects.filter(payment__cost=cost, invoice__credits=None)
    lines = lines.exclude(invoice__state=InvoiceState.CANCELLED).select_related("invoice__organisation")
    return sorted({line.invoice.reference for line in lines})


# --- what they share
def _day(due_on: date | None) -> date:
    """The day the terms say, but not before people can have paid."""
    soonest = timezone.localdate() + timedelta(days=TO_PAY_DAYS)
    return max(due_on, soonest) if due_on else soonest


def _issue(licence: Licence, lines: Sequence[Said], by: User, due_on: date, **more: Any) -> Invoice:
    if due_on < timezone.localdate():
        raise InvalidError(_("This day is in the past."), field="due_on")
    invoice = _save(licence, lines, by, due_on, **more)
    title = format_lazy(
        gettext_lazy("Invoice {number}: {amount}"),
        number=invoice.reference,
        amount=said(invoice.total, invoice.currency),
    )
    set_obligation(
        source=invoice, kind=ObligationKind.PAYMENT, organisation=licence.licensee, title=title, due_on=due_on,
        url=invoice.get_absolute_url(),
    )  # fmt: skip
    note(
        "royalty.invoice", invoice, by, licence, invoice=invoice.reference,
        amount=said(invoice.total, invoice.currency),
    )  # fmt: skip
    tell(licence.licensee, "royalty.report", title=title, url=invoice.get_absolute_url(), by=by)
    return invoice


def _save(licence: Licence, lines: Sequence[Said], by: User, due_on: date, **more: Any) -> Invoice:
    organisation = licence.licensor
    invoice = Invoice(
        organisation=organisation,
        number=next_number(Invoice.objects.all(), organisation),
        licence=licence,
        due_on=due_on,
        currency=licence.currency,
        total=sum(line[2] for line in lines),
        issued_by=by,
        **more,
    )
    invoice.require_clean()
    invoice.save()
    rows = []
    for position, (english, chinese, amount, payment) in enumerate(lines, 1):
        title, title_zh = both(english, chinese)
        rows.append(
            InvoiceLine(
                invoice=invoice, position=position, title=title, title_zh=title_zh, amount=amount, payment=payment
            )
        )
    InvoiceLine.objects.bulk_create(rows)
    return invoice
