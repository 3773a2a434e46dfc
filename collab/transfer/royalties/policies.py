"""How an organisation divides what it receives: a policy as data, checked as a whole, and applied to one receipt.

A policy is a list of deductions, taken in their order, and shares of what is left, which may change with the sum that
a case has brought so far. Pure: no table is read here.

    {"deductions": [{"kind": "third_parties", "of": "gross"},
                    {"kind": "office", "percent": "15", "of": "gross"},
                    {"kind": "costs"}],
     "tiers": [{"up_to": "100000", "shares": {"inventors": "50", "school": "50"}},
               {"shares": {"inventors": "25", "unit": "25", "school": "50"}}],
     "inventors": "as_agreed"}

A share is a percentage or a fraction such as "1/3"; those of a tier make exactly 100 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from django.utils.translation import gettext as _

from collab.kernel.errors import InvalidError
from collab.transfer.royalties.money import allocate, allocate_whole, part_of, to_minor, whole_weights

HUNDRED = Fraction(100)


class Account(StrEnum):
    """Where money of a receipt can be."""

    UNDISTRIBUTED = "undistributed"
    INVENTORS = "inventors"
    UNIT = "unit"
    SCHOOL = "school"
    THIRD_PARTIES = "third_parties"
    CENTRAL = "central"
    OFFICE = "office"
    COSTS = "costs"
    LICENSORS = "licensors"


SHARED = (Account.INVENTORS, Account.UNIT, Account.SCHOOL, Account.CENTRAL)  # in the order of equal remainders
DISTRIBUTED = (Account.INVENTORS, Account.UNIT, Account.SCHOOL, Account.THIRD_PARTIES)
RETAINED = (Account.CENTRAL, Account.OFFICE, Account.COSTS)
PASSED_ON = (Account.LICENSORS,)  # the parts of further licensors, divided before any policy


class Deduction(StrEnum):
    THIRD_PARTIES = "third_parties"
    OFFICE = "office"
    COSTS = "costs"


class InventorSplit(StrEnum):
    AS_AGREED = "as_agreed"
    EQUAL = "equal"


@dataclass(frozen=True)
class Step:
    """A deduction. `of` is the receipt itself (gross) or what earlier steps left (rest).

    An office share `until_costs` is taken only from that part of a receipt which it takes to repay what is open.
    """

    kind: Deduction
    share: Fraction = Fraction(0)
    of_gross: bool = True
    until_costs: bool = False


@dataclass(frozen=True)
class ShareTier:
    shares: dict[Account, Fraction]
    up_to: int | None = None  # minor units of what a case has brought after deductions

    @cached_property
    def ways(self) -> tuple[list[int], list[tuple[Account, str]]]:
        """The weights, and where each part goes with its percentage in words."""
        told = [(account, percent_text(share)) for account, share in self.shares.items()]
        return whole_weights(list(self.shares.values())), told


@dataclass(frozen=True)
class Policy:
    deductions: tuple[Step, ...]
    tiers: tuple[ShareTier, ...]
    split: InventorSplit = InventorSplit.AS_AGREED


@dataclass(frozen=True)
class ThirdParty:
    """Somebody outside who is owed a part of what a case brings."""

    key: Any
    share: Fraction


@dataclass(frozen=True)
class CaseSoFar:
    """Where a case stands before a receipt: costs that nobody has repaid, and what was shared until now."""

    open_costs: int = 0
    shared: int = 0


@dataclass(frozen=True)
class Part:
    """A sum that goes to one account; `key` names the inventor or third party, `rule` what it follows from."""

    account: Account
    amount: int
    rule: str
    key: Any = None


@dataclass
class Split:
    """A whole receipt: the parts make it up to the cent."""

    amount: int
    parts: list[Part] = field(default_factory=list)
    shared: int = 0

    def of(self, *accounts: Account) -> int:
        return sum(part.amount for part in self.parts if part.account in accounts)


# --- reading a policy
def read_policy(content: Any, *, currency: str) -> Policy:
    """The policy that a document says. Raises InvalidError naming the rule, and the sum where shares are not 100 %."""
    _only(content, {"deductions", "tiers", "inventors"}, _("The policy"))
    deductions = tuple(_read_step(row, number) for number, row in enumerate(_rows(content, "deductions"), 1))
    kinds = [step.kind for step in deductions]
    for kind in (Deduction.COSTS, Deduction.THIRD_PARTIES):
        if kinds.count(kind) > 1:
            raise _wrong(_("“%(kind)s” may stand once among the deductions.") % {"kind": kind.value})
    if Deduction.COSTS not in kinds and any(step.until_costs for step in deductions):
        raise _wrong(_("An office share until costs are repaid needs the deduction “costs” behind it."))
    for number, step in enumerate(deductions):
        if step.until_costs and Deduction.COSTS not in kinds[number:]:
            raise _wrong(_("An office share until costs are repaid needs the deduction “costs” behind it."))
    whole = sum((step.share for step in deductions if step.kind == Deduction.OFFICE and step.of_gross), Fraction(0))
    if whole > 1:
        raise _wrong(_("Office shares of gross make %(sum)s %%, more than all.") % {"sum": percent_text(whole)})
    tiers = tuple(_read_tiers(_rows(content, "tiers"), currency))
    split = content.get("inventors", InventorSplit.AS_AGREED.value)
    if split not in set(InventorSplit):
        raise _wrong(_("“inventors” is one of: %(known)s.") % {"known": ", ".join(InventorSplit)})
    return Policy(deductions, tiers, InventorSplit(split))


def _read_step(row: Any, number: int) -> Step:
    name = _("Deduction %(n)d") % {"n": number}
    _only(row, {"kind", "percent", "of", "until"}, name)
    if row.get("kind") not in set(Deduction):
        raise _wrong(_("%(name)s: the kind is one of %(known)s.") % {"name": name, "known": ", ".join(Deduction)})
    kind = Deduction(row["kind"])
    of, until = row.get("of", "gross"), row.get("until", "")
    if of not in {"gross", "rest"}:
        raise _wrong(_("%(name)s: it is taken of “gross” or of “rest”.") % {"name": name})
    if until not in {"", "costs_repaid"}:
        raise _wrong(_("%(name)s: it is taken always, or until “costs_repaid”.") % {"name": name})
    if kind != Deduction.OFFICE and ("percent" in row or until):
        raise _wrong(_("%(name)s: only an office share has a percentage or an end.") % {"name": name})
    if kind != Deduction.OFFICE:
        return Step(kind, of_gross=of == "gross")
    share = _share(row.get("percent"), name)
    if until and share >= 1:
        raise _wrong(_("%(name)s: all of it would never repay any costs.") % {"name": name})
    return Step(kind, share, of_gross=of == "gross", until_costs=bool(until))


def _read_tiers(rows: Sequence[Any], currency: str) -> list[ShareTier]:
    if not rows:
        raise _wrong(_("A policy has at least one tier of shares."))
    tiers: list[ShareTier] = []
    last = 0
    for number, row in enumerate(rows, 1):
        name = _("Tier %(n)d") % {"n": number}
        _only(row, {"up_to", "shares"}, name)
        given = row.get("shares")
        if not isinstance(given, Mapping) or not given:
            raise _wrong(_("%(name)s: its shares are missing.") % {"name": name})
        unknown = sorted(set(map(str, given)) - set(SHARED))
        if unknown:
            raise _wrong(
                _("%(name)s: shares go to %(known)s, not to “%(unknown)s”.")
                % {"name": name, "known": ", ".join(SHARED), "unknown": unknown[0][:40]}
            )
        shares = {Account(key): _share(value, f"{name}, {key}") for key, value in given.items()}
        total = sum(shares.values(), Fraction(0))
        if total != 1:
            raise _wrong(
                _("%(name)s: its shares make %(sum)s %%, not 100 %%.") % {"name": name, "sum": percent_text(total)}
            )
        up_to = row.get("up_to")
        if (up_to is None) != (number == len(rows)):
            raise _wrong(_("%(name)s: every tier but the last has a bound, and the last has none.") % {"name": name})
        bound = None if up_to is None else to_minor(_decimal(up_to, name), currency, field="policy")
        if bound is not None and bound <= last:
            raise _wrong(
                _("%(name)s: its bound %(bound)s is not above the one before.") % {"name": name, "bound": up_to}
            )
        last = bound or last
        tiers.append(ShareTier({account: shares[account] for account in SHARED if account in shares}, bound))
    return tiers


def _rows(content: Any, name: str) -> Sequence[Any]:
    rows = content.get(name, [])
    if not isinstance(rows, list) or len(rows) > 20:
        raise _wrong(_("“%(name)s” is a list of at most 20.") % {"name": name})
    return rows


def _only(row: Any, known: set[str], name: str) -> None:
    if not isinstance(row, Mapping):
        raise _wrong(_("%(name)s is no object.") % {"name": name})
    unknown = sorted(set(map(str, row)) - known)
    if unknown:
        raise _wrong(_("%(name)s: there is nothing called “%(key)s”.") % {"name": name, "key": unknown[0][:40]})


def _decimal(value: Any, name: str) -> Decimal:
    try:
        found = Decimal(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or len(str(value)) > 30:
        raise _wrong(_('%(name)s: write a number as text, such as "12.5".') % {"name": name})
    return found


def _share(value: Any, name: str) -> Fraction:
    """A percentage, or a fraction such as 1/3, as a part of one."""
    above, slash, below = str(value).partition("/") if isinstance(value, str) else ("", "", "")
    if slash:
        if not (above.strip().isdecimal() and below.strip().isdecimal() and len(value) <= 9 and int(below)):
            raise _wrong(_("%(name)s: write a fraction such as 1/3.") % {"name": name})
        share = Fraction(int(above), int(below))
    else:
        share = Fraction(_decimal(value, name)) / HUNDRED
    if not 0 <= share <= 1:
        raise _wrong(
            _("%(name)s: a share is between 0 and 100 %%; this is %(share)s.")
            % {"name": name, "share": percent_text(share)}
        )
    return share


@lru_cache(maxsize=512)
def percent_text(share: Fraction) -> str:
    """A share as people read it: 50, 12.5, 33.33…"""
    hundred = share * HUNDRED
    if hundred.denominator == 1:
        return str(hundred.numerator)
    exact = Decimal(hundred.numerator) / Decimal(hundred.denominator)
    short = exact.quantize(Decimal("0.0001")).normalize()
    return f"{short:f}" if Fraction(short) == hundred else f"{exact.quantize(Decimal('0.01'))}…"


def _wrong(text: str) -> InvalidError:
    return InvalidError(text, field="policy", code="policy")


# --- applying it
def split_receipt(
    policy: Policy,
    amount: int,
    *,
    case: CaseSoFar,
    inventors: Sequence[tuple[Any, Fraction | int]],
    third_parties: Sequence[ThirdParty] = (),
) -> Split:
    """Where every minor unit of a receipt goes. The parts make up the receipt exactly.

    `inventors` are keys with their agreed shares, in their order. Raises InvalidError when there is nobody for a
    share of theirs, or when third parties are owed more than all.
    """
    made = Split(amount)
    rest, open_costs = amount, case.open_costs
    for step in policy.deductions:
        if step.kind == Deduction.THIRD_PARTIES:
            rest -= _to_third_parties(made, amount if step.of_gross else rest, rest, third_parties)
        elif step.kind == Deduction.OFFICE:
            base = min(_part_for_costs(step, rest, open_costs) if step.until_costs else amount, amount)
            taken = min(rest, part_of(base if step.of_gross or step.until_costs else rest, step.share))
            _put(made, Account.OFFICE, taken, f"office:{percent_text(step.share)}")
            rest -= taken
        else:
            taken = min(rest, open_costs)
            _put(made, Account.COSTS, taken, "costs")
            rest, open_costs = rest - taken, open_costs - taken
    made.shared = rest
    _share_out(made, policy, rest, case.shared, inventors)
    assert sum(part.amount for part in made.parts) == amount, "a cent is missing"
    return made


def _part_for_costs(step: Step, rest: int, open_costs: int) -> int:
    """The part of a receipt that repays what is open when the office takes its share of this part first."""
    if open_costs <= 0:
        return 0
    return min(rest, -int(-(Fraction(open_costs) / (1 - step.share)) // 1))


def _to_third_parties(made: Split, base: int, rest: int, third_parties: Sequence[ThirdParty]) -> int:
    owed = sum((party.share for party in third_parties), Fraction(0))
    if owed > 1:
        raise InvalidError(
            _("Third parties are owed %(sum)s %% of what the case brings, more than all.")
            % {"sum": percent_text(owed)},
            field="third_parties",
        )
    total = min(rest, part_of(base, owed))
    if not total:
        return 0
    for party, part in zip(third_parties, allocate(total, [p.share for p in third_parties]), strict=True):
        _put(made, Account.THIRD_PARTIES, part, f"third_party:{percent_text(party.share)}", party.key)
    return total


def _share_out(
    made: Split, policy: Policy, rest: int, before: int, inventors: Sequence[tuple[Any, Fraction | int]]
) -> None:
    """What is left, tier by tier; the share of the inventors is divided among them once, over all tiers."""
    theirs, rules = 0, []
    low, end = before, before + rest
    for number, tier in enumerate(policy.tiers, 1):
        high = end if tier.up_to is None else min(end, tier.up_to)
        part = max(0, high - low)
        low = max(low, high)
        if not part:
            continue
        weights, told = tier.ways
        for (account, percent), amount in zip(told, allocate_whole(part, weights), strict=True):
            rule = f"tier:{number}:{percent}"
            if account == Account.INVENTORS:
                theirs += amount
                rules.append(rule)
            else:
                _put(made, account, amount, rule)
    if not theirs:
        return
    equal = policy.split == InventorSplit.EQUAL
    by_inventor = [Fraction(1) if equal else share for _key, share in inventors]
    if not any(by_inventor):
        raise InvalidError(_("There is no inventor with a share, so their part has nobody."), field="inventors")
    rule = " + ".join(rules)
    for (key, _share), part in zip(inventors, allocate(theirs, by_inventor), strict=True):
        _put(made, Account.INVENTORS, part, rule, key)


def _put(made: Split, account: Account, amount: int, rule: str, key: Any = None) -> None:
    if amount:
        made.parts.append(Part(account, amount, rule, key))


# --- five published kinds, to begin from: only the deductions and the inventors' share are what was published
EXAMPLES: dict[str, dict[str, Any]] = {
    "northwestern": {
        "deductions": [{"kind": "office", "percent": "15", "of": "gross"}, {"kind": "costs"}],
        "tiers": [{"shares": {"inventors": "1/3", "unit": "1/3", "central": "1/3"}}],
    },
    "llu": {
        "deductions": [{"kind": "office", "percent": "10", "until": "costs_repaid"}, {"kind": "costs"}],
        "tiers": [{"shares": {"inventors": "1/3", "school": "1/3", "central": "1/3"}}],
    },
    "dayton": {
        "deductions": [{"kind": "office", "percent": "20", "of": "gross"}, {"kind": "costs"}],
        "tiers": [{"shares": {"inventors": "50", "unit": "25", "central": "25"}}],
    },
    "notre_dame": {
        "deductions": [{"kind": "costs"}],
        "tiers": [
            {"up_to": "100000", "shares": {"inventors": "50", "unit": "25", "central": "25"}},
            {"shares": {"inventors": "25", "unit": "25", "central": "50"}},
        ],
    },
    "ncsu": {
        "deductions": [{"kind": "third_parties", "of": "gross"}, {"kind": "costs"}],
        "tiers": [{"shares": {"inventors": "40", "unit": "10", "central": "50"}}],
    },
}
