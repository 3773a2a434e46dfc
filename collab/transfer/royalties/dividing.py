"""What a distribution would be: every receipt that can be distributed, divided by the policy of its day. Reads only.

A handful of queries whatever the number of receipts. Receipts are divided in the order in which they arrived, so that
each finds the costs and tiers of its case as those before it leave them.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from collab.accounts.models import Organisation
from collab.kernel.errors import InvalidError
from collab.transfer.disclosures.models import Inventor
from collab.transfer.licences.models import LicensorShare
from collab.transfer.protection.models import ProtectionCost
from collab.transfer.royalties.allocating import Weights, weights_of
from collab.transfer.royalties.models import LedgerEntry, PolicyVersion, Receipt, RoyaltyPolicy, ThirdPartyShare
from collab.transfer.royalties.money import allocate, convert, to_minor, whole_weights
from collab.transfer.royalties.policies import (
    DISTRIBUTED,
    PASSED_ON,
    RETAINED,
    SHARED,
    Account,
    CaseSoFar,
    Deduction,
    Part,
    Split,
    ThirdParty,
    split_receipt,
)
from collab.transfer.royalties.rates import rate_on, version_on
from collab.transfer.royalties.reimbursing import AUDIT_RULE, Repaid, repaid_by
from collab.transfer.royalties.reimbursing import RULE as REIMBURSED


@dataclass(frozen=True)
class Piece:
    """One part of one receipt."""

    receipt: Receipt
    part: Part
    case: UUID | None  # none where it is passed on to a further licensor


@dataclass
class Cost:
    """What is left of a cost of protection: in the books, and in its own currency."""

    row: ProtectionCost
    booked: int
    reimbursed: int = 0  # of this, by the licensee


@dataclass
class Preview:
    """A distribution before it is one. `left_out` are receipts that cannot be divided yet, each with its reason."""

    organisation: Organisation
    policy: PolicyVersion | None
    currency: str
    pieces: list[Piece] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    left_out: list[tuple[Receipt, str]] = field(default_factory=list)
    inventors: dict[UUID, Inventor] = field(default_factory=dict)
    third_parties: dict[UUID, ThirdPartyShare] = field(default_factory=dict)
    licensors: dict[UUID, Organisation] = field(default_factory=dict)
    costs: dict[UUID, list[Cost]] = field(default_factory=dict)

    def total(self, *accounts: Account) -> int:
        wanted = set(accounts)
        return sum(piece.part.amount for piece in self.pieces if piece.part.account in wanted)

    @property
    def amount(self) -> int:
        return sum(piece.part.amount for piece in self.pieces)

    def digest(self) -> str:
        """A hash of every part, so that what is approved is what was proposed."""
        told = [
            [str(p.receipt.pk), p.part.account, p.part.amount, p.part.rule, str(p.part.key or ""), str(p.case or "")]
            for p in self.pieces
        ]
        return hashlib.sha256(json.dumps(told, separators=(",", ":")).encode()).hexdigest()

    def summary(self) -> dict[str, Any]:
        """Sums by account, by inventor, by third party and by further licensor, as plain JSON."""
        accounts: dict[str, int] = defaultdict(int)
        people: dict[str, list[Any]] = {}
        parties: dict[str, list[Any]] = {}
        licensors: dict[str, list[Any]] = {}
        for piece in self.pieces:
            part = piece.part
            accounts[part.account.value] += part.amount
            if part.account == Account.INVENTORS:
                row = self.inventors[part.key]
                people.setdefault(key_of(row), [row.name, 0])[1] += part.amount
            elif part.account == Account.THIRD_PARTIES:
                parties.setdefault(str(part.key), [self.third_parties[part.key].name, 0])[1] += part.amount
            elif part.account == Account.LICENSORS:
                licensors.setdefault(str(part.key), [self.licensors[part.key].name, 0])[1] += part.amount
        order = [account.value for account in Account]
        return {
            "accounts": sorted(accounts.items(), key=lambda pair: order.index(pair[0])),
            "inventors": sorted(people.values(), key=lambda pair: -pair[1]),
            "third_parties": sorted(parties.values(), key=lambda pair: -pair[1]),
            "licensors": sorted(licensors.values(), key=lambda pair: -pair[1]),
        }


def key_of(row: Inventor) -> str:
    """Who gets a statement: the person, however many inventions, or the address of somebody without an account."""
    return str(row.person_id) if row.person_id else row.email.lower() or str(row.pk)


def divide(organisation: Organisation, receipts: Iterable[Receipt]) -> Preview:
    """The receipts divided by the policy that holds for the earliest of them; those of another version wait."""
    policy = RoyaltyPolicy.objects.filter(organisation=organisation).first()
    rows = sorted(receipts, key=lambda row: (row.received_on, row.created_at, row.pk))
    made = Preview(organisation, None, policy.currency if policy else "")
    if policy is None or not rows:
        return made
    versions = list(policy.versions.select_related("policy"))
    ground = _Ground(organisation, made, rows)
    for row in rows:
        version = version_on(versions, row.received_on)
        reason = _why_not(row, version, made, ground.weights[row.licence_id])
        if reason:
            made.left_out.append((row, reason))
            continue
        made.policy = made.policy or version
        assert version is not None
        try:
            pieces = ground.split(row, version)
        except InvalidError as fault:
            made.left_out.append((row, str(fault)))
            continue
        made.receipts.append(row)
        made.pieces += pieces
    return made


def to_give(receipt: Receipt) -> int:
    """So much of a receipt is matched with invoices and not given out; rounded down while a part of it is neither
    matched nor refunded."""
    if not receipt.unmatched:
        return receipt.booked - receipt.refunded - receipt.given_out
    return receipt.booked * receipt.matched // receipt.amount - receipt.given_out


def _why_not(row: Receipt, version: PolicyVersion | None, made: Preview, weights: Weights) -> str:
    if version is None:
        return str(_("no version of the policy holds for the day of the receipt"))
    if made.policy is not None and version.pk != made.policy.pk:
        return str(_("version %(n)d of the policy holds for it: the next distribution") % {"n": version.number})
    if weights.get(None) and row.partner_payment_id:
        return str(_("no case of this organisation is behind what is licensed, so there is no inventor"))
    if weights.get(None):
        return str(_("its licence belongs to no case, so there is no inventor"))
    return "" if to_give(row) > 0 else str(_("nothing of it is matched with an invoice"))


class _Ground:
    """What every division needs, loaded once."""

    def __init__(self, organisation: Organisation, made: Preview, rows: Sequence[Receipt]) -> None:
        self.made = made
        self.weights = weights_of(organisation, {row.licence_id: row.licence for row in rows})
        cases = {case for weights in self.weights.values() for case in weights if case}
        of_case = {"organisation": organisation}
        of: dict[UUID, list[Inventor]] = defaultdict(list)
        found = Inventor.objects.filter(**{f"disclosure__case__{k}": v for k, v in of_case.items()})
        for one in found.select_related("disclosure").order_by("-share_percent", "created_at", "pk"):
            if one.disclosure.case_id in cases:
                of[one.disclosure.case_id].append(one)
                made.inventors[one.pk] = one
        self.inventors = {
            case: list(zip([one.pk for one in rows], whole_weights([one.share_percent for one in rows]), strict=True))
            for case, rows in of.items()
        }
        self.parties: dict[UUID, list[ThirdPartyShare]] = defaultdict(list)
        for share in ThirdPartyShare.objects.filter(case__organisation=organisation).order_by("created_at", "pk"):
            if share.case_id in cases:
                self.parties[share.case_id].append(share)
                made.third_parties[share.pk] = share
        entries = LedgerEntry.objects.filter(
            receipt__organisation=organisation, account__in=[account.value for account in SHARED]
        )
        of_cases = entries.annotate(of=Coalesce("case", "receipt__licence__case")).values_list("of")
        self.shared = dict(of_cases.annotate(all=Sum("amount")).order_by())
        self.open: dict[UUID, int] = defaultdict(int)
        self.faults: dict[UUID, str] = {}
        self.reimbursed = repaid_by(rows)
        self._load_costs(organisation, cases)
        self.shares: dict[UUID, list[LicensorShare]] = defaultdict(list)
        for part in LicensorShare.objects.filter(licence__licensor=organisation).select_related("organisation"):
            self.shares[part.licence_id].append(part)
            made.licensors[part.organisation_id] = part.organisation

    def _load_costs(self, organisation: Organisation, cases: set[UUID]) -> None:
        rates: dict[tuple[str, date], Decimal] = {}
        rows = ProtectionCost.objects.unrepaid().filter(protection__family__case__organisation=organisation)
        repaid = {one.cost for parts in self.reimbursed.values() for one in parts if one.cost}
        for cost in rows.select_related("protection__family"):
            case = cost.protection.family.case_id
            if (case not in cases and cost.pk not in repaid) or cost.paid_on is None:
                continue
            try:
                minor = to_minor(cost.left, cost.currency, field="costs")
                if cost.currency != self.made.currency:
                    known = (cost.currency, cost.paid_on)
                    if known not in rates:
                        rates[known] = rate_on(organisation, cost.currency, self.made.currency, cost.paid_on)
                    minor = convert(minor, cost.currency, self.made.currency, rates[known])
            except InvalidError as fault:
                self.faults[case] = str(fault)
                continue
            self.made.costs.setdefault(case, []).append(Cost(cost, minor))
            self.open[case] += minor

    def split(self, row: Receipt, version: PolicyVersion) -> list[Piece]:
        """The parts of one receipt; what it leaves of each case is what the next one finds."""
        weights = {case: percent for case, percent in self.weights[row.licence_id].items() if case and percent}
        repaid = self._reimbursed(row)
        left = to_give(row) - sum(amount for _cost, _one, amount in repaid)
        passed = list(self._passed_on(row, left))
        left -= sum(piece.part.amount for piece in passed)
        of_protection = [(cost, amount) for cost, _one, amount in repaid if cost]
        for cost, amount in of_protection:
            self.open[cost.row.protection.family.case_id] -= amount
        try:
            pieces = self._by_policy(row, version, weights, left)
        except InvalidError:
            for cost, amount in of_protection:
                self.open[cost.row.protection.family.case_id] += amount
            raise
        for cost, amount in of_protection:
            cost.reimbursed += amount
        told = [
            Piece(row, Part(Account.COSTS, amount, REIMBURSED, cost.row.pk), cost.row.protection.family.case_id)
            if cost
            else Piece(row, Part(Account.COSTS, amount, AUDIT_RULE, one.payment), None)
            for cost, one, amount in repaid
        ]
        return told + passed + pieces

    def _passed_on(self, row: Receipt, left: int) -> Iterator[Piece]:
        """The parts of further licensors, before the policy of the one that administers the licence divides the rest.

        Divided by largest remainder, equal ones in the order of the licensors. What is itself a part is not divided.
        """
        shares = self.shares.get(row.licence_id, [])
        if row.partner_payment_id or not left or not shares:
            return
        parts = allocate(left, [share.percent for share in shares])
        for share, amount in zip(shares, parts, strict=True):
            if amount and share.organisation_id != row.organisation_id:
                rule = f"licensor:{share.percent.normalize():f}"
                yield Piece(row, Part(Account.LICENSORS, amount, rule, share.organisation_id), None)

    def _reimbursed(self, row: Receipt) -> list[tuple[Cost | None, Repaid, int]]:
        """What of the receipt repays which cost: no more than is left of it, and of the receipt."""
        known = {cost.row.pk: cost for costs in self.made.costs.values() for cost in costs}
        left = to_give(row)
        found: list[tuple[Cost | None, Repaid, int]] = []
        for one in self.reimbursed.get(row.pk, []):
            cost = known.get(one.cost) if one.cost else None
            if one.cost is None:  # an audit: the office that had it made has paid for it
                amount = min(left, one.amount)
            else:
                amount = min(left, one.amount, cost.booked - cost.reimbursed) if cost else 0
            if amount > 0:
                found.append((cost, one, amount))
                left -= amount
        return found

    def _by_policy(self, row: Receipt, version: PolicyVersion, weights: dict[UUID, Decimal], left: int) -> list[Piece]:
        sums = dict(zip(weights, allocate(left, list(weights.values())), strict=True))
        splits = {case: self._of_case(row, version, case, amount) for case, amount in sums.items() if amount}
        for case, split in splits.items():  # only once none of them was refused
            self.open[case] -= split.of(Account.COSTS)
            self.shared[case] = self.shared.get(case, 0) + split.shared
        return [Piece(row, part, case) for case, split in splits.items() for part in split.parts]

    def _of_case(self, row: Receipt, version: PolicyVersion, case: UUID, amount: int) -> Split:
        if case in self.faults:
            raise InvalidError(self.faults[case], field="costs")
        owed = [
            ThirdParty(share.pk, Fraction(share.percent) / 100)
            for share in self.parties[case]
            if share.from_on <= row.received_on and (share.until_on is None or row.received_on < share.until_on)
        ]
        if owed and all(step.kind != Deduction.THIRD_PARTIES for step in version.rules.deductions):
            raise InvalidError(
                _("third parties are owed a part of it, but version %(n)d of the policy has no such deduction")
                % {"n": version.number}
            )
        return split_receipt(
            version.rules,
            amount,
            case=CaseSoFar(self.open[case], self.shared.get(case, 0)),
            inventors=self.inventors.get(case, []),
            third_parties=owed,
        )


__all__ = ["DISTRIBUTED", "PASSED_ON", "RETAINED", "Cost", "Piece", "Preview", "divide", "key_of", "to_give"]
