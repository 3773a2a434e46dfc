"""Costs that a licensee repays: of protection, and of an audit that it bears; what of a receipt repays which.

They are asked for on invoices of their own. So what pays such an invoice repays exactly these costs, before the policy
divides what is left of a receipt: nobody shares in them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.kernel.errors import InvalidError
from collab.transfer.licences.models import Licence
from collab.transfer.licences.states import AssetKind, Costs, CostsOf
from collab.transfer.protection.models import ProtectionCost
from collab.transfer.royalties.acts import said
from collab.transfer.royalties.allocating import weights_of
from collab.transfer.royalties.models import InvoiceLine, LedgerEntry, Receipt, ReceiptMatch, ScheduledPayment
from collab.transfer.royalties.money import half_up, to_minor
from collab.transfer.royalties.policies import Account
from collab.transfer.royalties.rates import booked
from collab.transfer.royalties.states import PaymentState

SOURCE = "cost:"  # how the source of a payment begins that repays a cost as the terms say
BY_HAND = "added:"  # how that of one begins that somebody entered
RULE = "reimbursed"
AUDITED = "audit:"  # how the source of a payment begins that an audit found …
AUDIT_COST = ":cost"  # … and how it ends where it is the cost of the audit
AUDIT_RULE = "audit_cost"
REPAYS_COST = Q(payment__cost__isnull=False) | Q(
    payment__source__startswith=AUDITED, payment__source__endswith=AUDIT_COST
)  # of the lines of invoices
REPAID_RULES = frozenset({RULE, AUDIT_RULE})


@dataclass(frozen=True)
class Owed:
    """A part of a cost that the terms make the licensee repay, in the currency of the licence."""

    cost: ProtectionCost
    amount: int
    due_on: date


def owed_costs(licence: Licence) -> Iterator[Owed]:
    """Each cost that was paid and falls under the terms, the oldest first, up to the most that they name.

    A cost in another currency waits until the rate of its day is entered.
    """
    signed = licence.agreement.versions.filter(executed_at__isnull=False).order_by("executed_at").first()
    if licence.costs == Costs.NONE or signed is None or signed.executed_at is None:
        return
    signed_on = timezone.localdate(signed.executed_at)
    percent = Fraction(licence.costs_percent if licence.costs_percent is not None else Decimal(100)) / 100
    asking = ScheduledPayment.objects.filter(licence=licence, cost__isnull=False)
    settled = asking.filter(state=PaymentState.INVOICED).exclude(source__startswith=BY_HAND)
    asked = dict(settled.values_list("cost", "amount"))
    # Whoever entered or waived one by hand has decided on its cost.
    entered = asking.exclude(state=PaymentState.WITHDRAWN).filter(source__startswith=BY_HAND)
    by_hand = {
        cost: 0 if state == PaymentState.WAIVED else amount
        for cost, state, amount in entered.values_list("cost", "state", "amount")
    }
    left = None if licence.costs_cap is None else to_minor(licence.costs_cap, licence.currency, field="costs_cap")
    left = None if left is None else max(0, left - sum(asked.values()) - sum(by_hand.values()))
    for cost in _costs_under(licence, signed_on):
        if cost.pk in by_hand:
            continue
        try:
            whole = _in_currency(licence, cost)
        except InvalidError:
            continue
        amount = asked.get(cost.pk)
        if amount is None:
            amount = half_up(whole * percent) if left is None else min(left, half_up(whole * percent))
            left = None if left is None else left - amount
        if amount and cost.paid_on is not None:
            yield Owed(cost, amount, max(cost.paid_on, signed_on) + timedelta(days=licence.costs_days))


def costs_behind(licence: Licence) -> QuerySet[ProtectionCost]:
    """What was paid for the cases behind a licence: what its licensee can be asked to repay at all."""
    rows = ProtectionCost.objects.paid().filter(protection__family__case__organisation=licence.licensor_id)
    cases = weights_of(licence.licensor, {licence.pk: licence})[licence.pk]
    return rows.filter(protection__family__case__in=[case for case in cases if case])


def require_repayable(licence: Licence, cost: ProtectionCost | None, amount: int) -> None:
    """A payment by hand repays one cost, so that what pays it is divided among nobody, and no cost is repaid twice.

    Raises InvalidError at `cost`: none, another licence's, one that the terms ask for already; at `amount`: above what
    nobody has been asked to repay.
    """
    if cost is None:
        text = _("Choose the cost that it repays. Costs are entered with the protection that they were paid for.")
        raise InvalidError(text, field="cost")
    if not costs_behind(licence).filter(pk=cost.pk).exists():
        raise InvalidError(_("This cost was not paid for what this licence is about."), field="cost")
    asked = ScheduledPayment.objects.asking().filter(cost=cost)
    if asked.filter(licence=licence).exists() or any(owed.cost == cost for owed in owed_costs(licence)):
        raise InvalidError(_("The schedule of this licence already asks for this cost."), field="cost")
    left = _in_currency(licence, cost)
    for row in asked:  # under other licences
        left -= booked(licence.licensor, row.amount, row.currency, licence.currency, cost.paid_on or row.due_on)[0]
    if amount > left:
        text = _("Of this cost %(left)s are left to repay.")
        raise InvalidError(text % {"left": said(max(0, left), licence.currency)}, field="amount")


def _costs_under(licence: Licence, signed_on: date) -> Iterable[ProtectionCost]:
    if licence.costs_of == CostsOf.ASSETS:
        rights = licence.assets.filter(kind=AssetKind.PROTECTION).values_list("subject_id", flat=True)
        paid = ProtectionCost.objects.paid().filter(protection__family__case__organisation=licence.licensor_id)
        rows = paid.filter(protection__in=[UUID(key) for key in rights])
    else:
        rows = costs_behind(licence)
    if licence.costs == Costs.PAST:
        rows = rows.filter(paid_on__lte=signed_on)
    elif licence.costs == Costs.FUTURE:
        rows = rows.filter(paid_on__gt=signed_on)
    if licence.ends_on is not None:
        rows = rows.filter(paid_on__lt=licence.ends_on)
    return rows.select_related("protection__family__case").order_by("paid_on", "created_at", "pk")


def _in_currency(licence: Licence, cost: ProtectionCost) -> int:
    minor = to_minor(cost.amount, cost.currency, field="costs")
    if cost.paid_on is None:
        return minor
    return booked(licence.licensor, minor, cost.currency, licence.currency, cost.paid_on)[0]


def repays_cost(payment: ScheduledPayment) -> bool:
    """Whether it repays what the licensor spent: a cost of protection, or an audit that the licensee bears."""
    return payment.cost_id is not None or is_audit_cost(payment.source)


def is_audit_cost(source: str) -> bool:
    return source.startswith(AUDITED) and source.endswith(AUDIT_COST)


def require_unmixed(payments: Sequence[ScheduledPayment]) -> None:
    """Raises InvalidError when costs to repay are asked for together with something else."""
    if len({repays_cost(payment) for payment in payments}) > 1:
        text = _("Costs to repay are asked for on an invoice of their own: what pays it repays exactly these costs.")
        raise InvalidError(text, field="payments")


# --- what of receipts repays costs
_Place = tuple[UUID | None, UUID] | None  # the cost and the payment that a line repays; none for one that does not


@dataclass(frozen=True)
class Repaid:
    """So much of a receipt, in the books, is there to repay this cost; of an audit where there is no such row."""

    cost: UUID | None
    amount: int
    payment: UUID


def repaid_by(receipts: Sequence[Receipt]) -> dict[UUID, list[Repaid]]:
    """For each receipt what it repays and was not given out yet, in the order of the invoices' lines; three queries.

    Payments of an invoice fill its lines in their order. Sums in the books are cut where the sums of the licence are,
    so that together they are never a unit off.
    """
    keys = {row.pk: row for row in receipts}
    of_costs = InvoiceLine.objects.filter(REPAYS_COST, invoice__licence__receipts__in=list(keys))
    names = ("invoice", "position", "payment__cost", "payment", "payment__source", "amount")
    lines: dict[UUID, list[tuple[_Place, int]]] = defaultdict(list)
    rows = InvoiceLine.objects.filter(invoice__in=of_costs.values("invoice")).order_by("invoice", "position")
    for invoice, _position, cost, payment, source, amount in rows.values_list(*names):
        repays = cost is not None or is_audit_cost(source or "")
        lines[invoice].append(((cost, payment) if repays else None, amount))
    if not lines:
        return {}
    found: dict[UUID, list[tuple[tuple[UUID | None, UUID], int]]] = defaultdict(list)
    paid: dict[UUID, int] = defaultdict(int)
    matches = ReceiptMatch.objects.filter(invoice__in=list(lines), undone_at=None).order_by("created_at", "pk")
    for receipt, invoice, amount in matches.values_list("receipt", "invoice", "amount"):
        first, last = paid[invoice], paid[invoice] + amount
        paid[invoice] = last
        at = 0
        for place, wanted in lines[invoice]:
            part = min(last, at + wanted) - max(first, at)
            if part > 0 and receipt in keys and place is not None:
                found[receipt].append((place, part))
            at += wanted
    entries = LedgerEntry.objects.filter(
        receipt__in=list(found), account=Account.COSTS.value, rule__in=sorted(REPAID_RULES)
    )
    given = dict(entries.order_by().values("receipt").annotate(all=Sum("amount")).values_list("receipt", "all"))
    return {key: list(_not_given(keys[key], parts, given.get(key, 0))) for key, parts in found.items()}


def _not_given(receipt: Receipt, parts: list[tuple[tuple[UUID | None, UUID], int]], given: int) -> Iterator[Repaid]:
    so_far = 0
    for (cost, payment), part in parts:
        begins = max(given, _booked(receipt, so_far))
        so_far += part
        amount = _booked(receipt, so_far) - begins
        if amount > 0:
            yield Repaid(cost, amount, payment)


def _booked(receipt: Receipt, amount: int) -> int:
    return receipt.booked if amount == receipt.amount else receipt.booked * amount // receipt.amount
