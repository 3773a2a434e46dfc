"""Verbs on distributions: propose, withdraw, and what the approval of a second person does; a reversal is one too.

The parts are computed when it is proposed and once more when it is approved: only if they are the same to the cent is
it posted. Entries, receipts and the distribution are written set by set, so ten thousand receipts take seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.accounts.models import Organisation, User
from collab.inbox.models import Request
from collab.inbox.services import ask, decide_request, lapse_requests, notify
from collab.inbox.states import Decision, RequestState
from collab.kernel.bulk import insert_rows
from collab.kernel.errors import ConflictError, InvalidError, RefusedError
from collab.transfer.protection.services import repay_cost
from collab.transfer.royalties.acts import next_number, note_books, require_version, said
from collab.transfer.royalties.dividing import DISTRIBUTED, PASSED_ON, RETAINED, Cost, Preview, divide, key_of
from collab.transfer.royalties.models import (
    CostRepayment,
    Distribution,
    LedgerEntry,
    Receipt,
    RoyaltyPolicy,
    Statement,
)
from collab.transfer.royalties.money import convert, from_minor
from collab.transfer.royalties.passing import enter_owed
from collab.transfer.royalties.policies import Account
from collab.transfer.royalties.rates import policy_of, rate_on
from collab.transfer.royalties.reimbursing import REPAID_RULES
from collab.transfer.royalties.states import DISTRIBUTION_MOVES, DistributionState

DISTRIBUTION = "distribution"
BATCH = 2000
ENTRY = (
    "distribution", "receipt", "account", "amount", "rule", "inventor", "third_party", "statement", "case", "licensor",
)  # fmt: skip


def preview(organisation: Organisation, receipts: Iterable[UUID] | None = None) -> Preview:
    """What would be distributed now: all that can be, or these receipts."""
    rows = Receipt.objects.filter(organisation=organisation).to_distribute().prefetch_related("licence__agreement")
    if receipts is not None:
        rows = rows.filter(pk__in=list(receipts))
    return divide(organisation, rows)


@transaction.atomic
def propose_distribution(
    *, organisation: Organisation, by: User, receipts: Sequence[UUID] | None = None, reason: str = ""
) -> Distribution:
    """Propose to distribute what can be; another person who may approve is asked. The receipts are held until then."""
    require(by, "royalty.manage", organisation)
    number = next_number(Distribution.objects.all(), organisation)
    policy_of(organisation)
    found = preview(organisation, receipts)
    if receipts is not None and len(found.receipts) != len(set(receipts)):
        text = found.left_out[0][1] if found.left_out else _("one of them is reversed, held or distributed already")
        raise ConflictError(_("These receipts cannot all be distributed: %(reason)s.") % {"reason": text})
    if not found.receipts or found.policy is None:
        text = found.left_out[0][1] if found.left_out else _("no receipt is matched with an invoice")
        raise ConflictError(_("There is nothing to distribute: %(reason)s.") % {"reason": text})
    row = Distribution(
        organisation=organisation,
        number=number,
        policy=found.policy,
        currency=found.currency,
        receipts=len(found.receipts),
        amount=found.amount,
        distributed=found.total(*DISTRIBUTED),
        retained=found.total(*RETAINED),
        passed_on=found.total(*PASSED_ON),
        digest=found.digest(),
        summary=found.summary(),
        reason=reason.strip(),
        proposed_by=by,
    )
    return _propose(row, [one.pk for one in found.receipts], by)


@transaction.atomic
def propose_reversal(*, distribution: Distribution, reason: str, by: User) -> Distribution:
    """Propose to take a posted distribution back by entries of the same sums below zero; a second person approves."""
    require(by, "royalty.manage", distribution)
    number = next_number(Distribution.objects.all(), distribution.organisation)
    old = Distribution.objects.select_for_update(of=("self",)).select_related("organisation", "policy").get(
        pk=distribution.pk
    )  # fmt: skip
    if not reason.strip():
        raise InvalidError(_("Give the reason."), field="reason")
    if old.state != DistributionState.POSTED or old.reverses_id is not None:
        raise ConflictError(_("Only what was posted is reversed, and a reversal is not."))
    if old.reversal is not None:
        raise ConflictError(_("%(distribution)s is reversed, or that is proposed.") % {"distribution": old})
    keys = list(old.entries.values_list("receipt", flat=True).distinct().order_by())
    held = Receipt.objects.filter(pk__in=keys).exclude(held_by=None).first() if len(keys) <= BATCH else None
    if held is not None:
        raise ConflictError(_("%(distribution)s holds one of its receipts.") % {"distribution": held.held_by})
    row = Distribution(
        organisation=old.organisation,
        number=number,
        policy=old.policy,
        reverses=old,
        currency=old.currency,
        receipts=old.receipts,
        amount=-old.amount,
        distributed=-old.distributed,
        retained=-old.retained,
        passed_on=-old.passed_on,
        digest=old.digest,
        summary=_negated(old.summary),
        reason=reason.strip(),
        proposed_by=by,
    )
    return _propose(row, keys, by)


@transaction.atomic
def withdraw_distribution(*, distribution: Distribution, by: User, version: int | None = None) -> Distribution:
    """Take a proposal back; its receipts are free again."""
    require(by, "royalty.manage", distribution)
    locked = _locked(distribution)
    require_version(locked, version)
    locked.state = DISTRIBUTION_MOVES.require("withdraw", locked.state, what=str(locked))
    _let_go(locked)
    lapse_requests(topic=DISTRIBUTION, subjects=[locked], by=by, reason=gettext_lazy("The proposal was withdrawn."))
    note_books("distribution.withdraw", locked, by, locked.organisation, number=locked.number)
    return locked


@transaction.atomic
def decide_distribution(
    *, distribution: Distribution, decision: str, by: User, reason: str = "", version: int | None = None
) -> Distribution:
    """Approve or reject it, as in the inbox. Raises ConflictError when somebody was faster."""
    require(by, "distribution.approve", distribution)
    locked = _locked(distribution)
    require_version(locked, version)
    DISTRIBUTION_MOVES.require("post" if decision == Decision.APPROVED else "reject", locked.state, what=str(locked))
    if locked.proposed_by_id == by.pk:
        raise RefusedError([Missing("second_person", _("Whoever proposed it does not approve it as well."))])
    request = request_of(locked)
    if request is None:
        raise ConflictError(_("Nobody is asked about this."))
    decide_request(request=request, decision=decision, by=by, reason=reason)
    return Distribution.objects.get(pk=locked.pk)


def request_of(distribution: Distribution) -> Request | None:
    """The question in the inbox, while it is open."""
    rows = Request.objects.filter(topic=DISTRIBUTION, subject_id=str(distribution.pk), state=RequestState.OPEN)
    return rows.first()


# --- what the inbox calls
def distribution_decided(request: Request, by: User) -> None:
    """Post or reject it, in the transaction of the answer."""
    locked = _locked(Distribution.objects.get(pk=request.subject_id))
    if request.state == RequestState.REJECTED:
        locked.state = DISTRIBUTION_MOVES.require("reject", locked.state, what=str(locked))
        locked.decided_by = by
        _let_go(locked)
        note_books("distribution.reject", locked, by, locked.organisation, number=locked.number)
        return
    DISTRIBUTION_MOVES.require("post", locked.state, what=str(locked))
    if locked.reverses_id is not None:
        _post_reversal(locked)
    else:
        _post(locked)
    locked.state, locked.decided_by = DistributionState.POSTED, by
    locked.posted_at = timezone.now()
    locked.version += 1
    locked.save()
    Receipt.objects.filter(held_by=locked).update(held_by=None)
    enter_owed(locked)
    note_books(
        "distribution.post", locked, by, locked.organisation, number=locked.number,
        amount=said(locked.amount, locked.currency),
    )  # fmt: skip
    people = User.objects.filter(pk__in=locked.statements.exclude(person=None).values("person"), is_active=True)
    notify(
        people=people.exclude(pk=by.pk).order_by("pk"),
        kind="royalty",
        title=gettext_lazy("A statement of your share of licence income is there"),
        url="/transfer/statements/",
    )


def distribution_withdrawn(request: Request, by: User) -> None:
    """Whoever asked takes it back."""
    locked = _locked(Distribution.objects.get(pk=request.subject_id))
    locked.state = DISTRIBUTION_MOVES.require("withdraw", locked.state, what=str(locked))
    _let_go(locked)
    note_books("distribution.withdraw", locked, by, locked.organisation, number=locked.number)


def only_a_second_person(request: Request, user: User) -> list[Missing]:
    """Whoever proposed a distribution does not approve it, whatever stands in the request."""
    row = Distribution.objects.filter(pk=request.subject_id).first()
    if row is not None and row.proposed_by_id == user.pk:
        return [Missing("second_person", _("Whoever proposed it does not approve it as well."))]
    return []


def facts_of_distribution(request: Request) -> list[tuple[str, str]]:
    """What one reads before one decides."""
    row = Distribution.objects.filter(pk=request.subject_id).first()
    if row is None:
        return []
    return [
        (_("Receipts"), str(row.receipts)),
        (_("Amount"), said(row.amount, row.currency)),
        (_("Distributed"), said(row.distributed, row.currency)),
        (_("Retained"), said(row.retained, row.currency)),
        *([(_("Passed on"), said(row.passed_on, row.currency))] if row.passed_on else []),
    ]


# --- posting
def _propose(row: Distribution, receipts: Sequence[UUID], by: User) -> Distribution:
    row.require_clean(exclude=["policy"])
    row.save()
    for start in range(0, len(receipts), BATCH):
        Receipt.objects.filter(pk__in=receipts[start : start + BATCH]).update(held_by=row, version=F("version") + 1)
    amount = said(row.amount, row.currency)
    title = gettext_lazy("Distribution {number} of {name}: {amount}")
    ask(
        topic=DISTRIBUTION,
        subject=row,
        organisation=row.organisation,
        word="distribution.approve",
        title=format_lazy(title, number=row.number, name=row.organisation, amount=amount),
        by=by,
    )
    verb = "distribution.propose_reversal" if row.reverses_id else "distribution.propose"
    note_books(verb, row, by, row.organisation, number=row.number, amount=amount)
    return row


def _post(row: Distribution) -> None:
    held = Receipt.objects.select_for_update(of=("self",)).filter(held_by=row).prefetch_related("licence__agreement")
    found = divide(row.organisation, held)
    if found.digest() != row.digest:
        raise ConflictError(
            _("Costs, shares or receipts have changed since this was proposed. Withdraw it and propose it anew."),
            code="preview_changed",
        )
    statements = _statements(row, found)
    taken: dict[UUID, int] = defaultdict(int)
    entries: list[tuple[Any, ...]] = []
    for piece in found.pieces:
        part, receipt = piece.part, piece.receipt.pk
        taken[receipt] += part.amount
        inventor = third_party = statement = licensor = None
        if part.account == Account.INVENTORS:
            inventor, statement = part.key, statements[key_of(found.inventors[part.key])].pk
        elif part.account == Account.THIRD_PARTIES:
            third_party = part.key
        elif part.account == Account.LICENSORS:
            licensor = part.key
        told = (row.pk, receipt, part.account.value, part.amount, part.rule)
        entries.append((*told, inventor, third_party, statement, piece.case, licensor))
    entries += [
        (row.pk, receipt.pk, Account.UNDISTRIBUTED.value, -taken[receipt.pk], "", None, None, None, None, None)
        for receipt in found.receipts
    ]
    insert_rows(LedgerEntry, ENTRY, entries)
    _book(row)
    _repay(row, found)


def _statements(row: Distribution, found: Preview) -> dict[str, Statement]:
    sums: dict[str, int] = defaultdict(int)
    of: dict[str, Any] = {}
    for piece in found.pieces:
        if piece.part.account == Account.INVENTORS:
            inventor = found.inventors[piece.part.key]
            sums[key_of(inventor)] += piece.part.amount
            of.setdefault(key_of(inventor), inventor)
    made = {
        key: Statement(distribution=row, key=key, person_id=of[key].person_id, name=of[key].name, amount=amount)
        for key, amount in sums.items()
    }
    Statement.objects.bulk_create(made.values(), batch_size=BATCH)
    return made


def _post_reversal(row: Distribution) -> None:
    """The entries of the reversed distribution once more, with the other sign."""
    old = row.reverses
    assert old is not None
    list(Receipt.objects.select_for_update(of=("self",)).filter(held_by=row).values_list("pk"))
    statements = {
        one.pk: Statement(distribution=row, key=one.key, person_id=one.person_id, name=one.name, amount=-one.amount)
        for one in old.statements.all()
    }
    Statement.objects.bulk_create(statements.values(), batch_size=BATCH)
    names = (
        "receipt_id", "account", "amount", "rule", "inventor_id", "third_party_id", "statement_id", "case_id",
        "licensor_id",
    )  # fmt: skip
    entries = [
        (row.pk, receipt, account, -amount, rule, inventor, third_party, statements[key].pk if key else None, *of)
        for receipt, account, amount, rule, inventor, third_party, key, *of in (
            old.entries.order_by("created_at", "pk").values_list(*names)
        )
    ]
    insert_rows(LedgerEntry, ENTRY, entries)
    _book(row)
    for repaid in old.repayments.select_related("cost"):
        repay_cost(cost=repaid.cost, amount=-repaid.amount)
        CostRepayment.objects.create(distribution=row, cost=repaid.cost, booked=-repaid.booked, amount=-repaid.amount)


def _book(row: Distribution) -> None:
    """Every receipt says what its entries say: one statement for all of them."""

    def of(accounts: Iterable[Account]) -> Coalesce:
        rows = LedgerEntry.objects.filter(receipt=OuterRef("pk"), account__in=[account.value for account in accounts])
        summed = rows.order_by().values("receipt").annotate(all=Sum("amount")).values("all")
        return Coalesce(Subquery(summed), 0)

    given, kept, passed = of(DISTRIBUTED), of(RETAINED), of(PASSED_ON)
    Receipt.objects.filter(held_by=row).update(
        distributed=given,
        retained=kept,
        passed_on=passed,
        undistributed=F("booked") - given - kept - passed - F("refunded"),
        version=F("version") + 1,
    )


def _repay(row: Distribution, found: Preview) -> None:
    """What licensees repaid goes to its costs; of what the policy takes for a case, the oldest first."""
    by_case: dict[UUID, int] = defaultdict(int)
    for piece in found.pieces:
        if piece.part.account == Account.COSTS and piece.part.rule not in REPAID_RULES:
            assert piece.case is not None
            by_case[piece.case] += piece.part.amount
    for case, costs in found.costs.items():
        amount = by_case[case]
        for cost in costs:
            by_policy = min(amount, cost.booked - cost.reimbursed)
            part = by_policy + cost.reimbursed
            if part <= 0:
                continue
            own = _in_its_currency(row, cost, part)
            repay_cost(cost=cost.row, amount=own)
            CostRepayment.objects.create(distribution=row, cost=cost.row, booked=part, amount=own)
            amount -= by_policy


def _in_its_currency(row: Distribution, cost: Cost, part: int) -> Decimal:
    """What was repaid of a cost, in the currency of the cost; all that is left of it when all of it was repaid."""
    if part == cost.booked:
        return cost.row.left
    if cost.row.currency == row.currency:
        return from_minor(part, row.currency)
    assert cost.row.paid_on is not None
    rate = rate_on(row.organisation, cost.row.currency, row.currency, cost.row.paid_on)
    return min(from_minor(convert(part, row.currency, cost.row.currency, 1 / rate), cost.row.currency), cost.row.left)


# --- what they share
def _locked(distribution: Distribution) -> Distribution:
    """One posting of an organisation at a time: what a case has brought so far counts for the next."""
    RoyaltyPolicy.objects.select_for_update().filter(organisation=distribution.organisation_id).first()
    rows = Distribution.objects.select_for_update(of=("self",))
    return rows.select_related("organisation", "policy__policy", "reverses").get(pk=distribution.pk)


def _let_go(row: Distribution) -> None:
    Receipt.objects.filter(held_by=row).update(held_by=None, version=F("version") + 1)
    row.version += 1
    row.save()


def _negated(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: [[who, -amount] for who, amount in rows] for name, rows in summary.items()}
