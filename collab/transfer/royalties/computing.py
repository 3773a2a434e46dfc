"""What a licensee owes for a period, line by line; interest on what is late. Pure: no table is read here.

Every line says what it is, what it was computed from, and its sum, so that both sides can follow it by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from collab.kernel.errors import InvalidError
from collab.transfer.royalties.money import digits_of, from_minor, half_up, part_of

HUNDRED = Fraction(100)
YEAR_DAYS = 365  # interest is simple, by days, over years of 365


class Basis(StrEnum):
    """What the running royalty is measured by."""

    NET_SALES = "net_sales"
    GROSS_SALES = "gross_sales"
    UNITS = "units"
    NONE = "none"


@dataclass(frozen=True)
class Tier:
    """A rate up to a bound of what was sold in its span; None is without end. For units the rate is money for each."""

    rate: Decimal
    up_to: Decimal | None = None


@dataclass(frozen=True)
class Terms:
    """The running royalty of a licence. Sums are minor units of its currency."""

    currency: str
    basis: str = Basis.NET_SALES
    tiers: Sequence[Tier] = ()
    cap: int | None = None  # of running royalties in its span
    minimum: int = 0  # for a year
    minimum_creditable: bool = True
    deductions_percent: Decimal | None = None  # of gross sales, at most
    sublicence_percent: Decimal | None = None


@dataclass(frozen=True)
class Sale:
    """One line of a licensee's report."""

    product: str
    units: Decimal = Decimal(0)
    gross: int = 0
    deductions: int = 0


@dataclass(frozen=True)
class SublicenceSum:
    """What one sublicence brought in the period, in minor units."""

    name: str
    amount: int


@dataclass(frozen=True)
class SoFar:
    """What the reports before this one said, over what tiers, cap and minimum count: a period, a year or the term."""

    base: Decimal = Decimal(0)  # minor units of sales, or units, in the span of the tiers
    royalty: int = 0  # in the span of the cap
    earned: int = 0  # royalties of the year
    minimum: int = 0  # what was asked in the year to make up the minimum


@dataclass(frozen=True)
class Line:
    """One step of the computation; `amount` is minor units, or None where the line counts units."""

    code: str
    amount: int
    base: Decimal | None = None
    rate: Decimal | None = None
    told: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "code": self.code,
            "amount": self.amount,
            "base": None if self.base is None else str(self.base),
            "rate": None if self.rate is None else str(self.rate),
            "told": self.told,
        }


@dataclass(frozen=True)
class Computed:
    lines: list[Line]
    base: Decimal
    royalty: int
    minimum: int
    sublicence: int = 0

    @property
    def due(self) -> int:
        return self.royalty + self.minimum + self.sublicence


def check_tiers(tiers: Sequence[Tier], *, basis: str, field: str = "tiers") -> None:
    """Raises InvalidError, naming the tier, unless bounds rise and only the last is open."""
    last = Decimal(0)
    for number, tier in enumerate(tiers, 1):
        if tier.rate < 0 or (basis != Basis.UNITS and tier.rate > 100):
            text = _("Tier %(n)d: a rate is between 0 and 100 %%; this is %(rate)s.")
            raise InvalidError(text % {"n": number, "rate": tier.rate}, field=field)
        if tier.up_to is None and number != len(tiers):
            raise InvalidError(_("Tier %(n)d: only the last one is without a bound.") % {"n": number}, field=field)
        if tier.up_to is not None and tier.up_to <= last:
            text = _("Tier %(n)d: its bound %(bound)s is not above the one before.")
            raise InvalidError(text % {"n": number, "bound": tier.up_to}, field=field)
        last = tier.up_to if tier.up_to is not None else last


def compute(
    terms: Terms,
    sales: Iterable[Sale],
    *,
    so_far: SoFar,
    closes_year: bool = False,
    sublicence_income: int = 0,
    sublicences: Sequence[SublicenceSum] = (),
) -> Computed:
    """What is owed for a period. With the last period of a year the annual minimum is made up.

    Tiers and the cap count what `so_far` says of their span. A creditable minimum is asked only as far as the
    royalties of the year do not reach it; one that is not creditable is asked in full beside them. The share of
    sublicence income is one percentage of the sum: of what each sublicence brought and what names none.
    """
    lines: list[Line] = []
    base = _base(terms, list(sales), lines)
    royalty = _tiered(terms, base, so_far.base, lines)
    if terms.cap is not None and so_far.royalty + royalty > terms.cap:
        cut = so_far.royalty + royalty - terms.cap
        lines.append(Line("cap", -cut, told={"cap": terms.cap, "before": so_far.royalty}))
        royalty -= cut
    lines.append(Line("royalty", royalty))
    minimum = 0
    if closes_year and terms.minimum:
        earned = so_far.earned + royalty
        if terms.minimum_creditable:
            minimum = max(0, terms.minimum - earned - so_far.minimum)
            lines.append(
                Line("minimum_made_up", minimum, told={"minimum": terms.minimum, "earned": earned + so_far.minimum})
            )
        else:
            minimum = max(0, terms.minimum - so_far.minimum)
            lines.append(Line("minimum_in_full", minimum, told={"minimum": terms.minimum}))
    shared = 0
    for one in sublicences:
        lines.append(Line("sublicence_income", 0, base=Decimal(one.amount), told={"name": one.name}))
    total = sublicence_income + sum(one.amount for one in sublicences)
    if total or sublicences:
        shared = part_of(total, Fraction(terms.sublicence_percent or 0) / HUNDRED)
        income = Decimal(total)
        lines.append(Line("sublicence", shared, base=income, rate=terms.sublicence_percent or Decimal(0)))
    lines.append(Line("due", royalty + minimum + shared))
    return Computed(lines, base, royalty, minimum, shared)


def _base(terms: Terms, sales: list[Sale], lines: list[Line]) -> Decimal:
    """What the rate is applied to, with a line for each product."""
    if terms.basis == Basis.UNITS:
        for sale in sales:
            lines.append(Line("units", 0, base=sale.units, told={"product": sale.product}))
        return sum((sale.units for sale in sales), Decimal(0))
    if terms.basis == Basis.NONE:
        return Decimal(0)
    for sale in sales:
        lines.append(Line("gross", sale.gross, told={"product": sale.product, "units": str(sale.units)}))
    gross = sum(sale.gross for sale in sales)
    if terms.basis == Basis.GROSS_SALES:
        return Decimal(gross)
    asked = sum(sale.deductions for sale in sales)
    allowed = asked
    if terms.deductions_percent is not None:
        allowed = min(asked, part_of(gross, Fraction(terms.deductions_percent) / HUNDRED))
    if asked:
        told: dict[str, Any] = {"asked": asked}
        lines.append(Line("deductions", -allowed, rate=terms.deductions_percent, told=told))
    lines.append(Line("net", gross - allowed))
    return Decimal(gross - allowed)


def _tiered(terms: Terms, base: Decimal, before: Decimal, lines: list[Line]) -> int:
    """The rate of each tier, on that part of the base which falls into it."""
    total, low, end = 0, Decimal(0), before + base
    for number, tier in enumerate(terms.tiers, 1):
        high = end if tier.up_to is None else min(end, _bound(terms, tier.up_to))
        part = max(Decimal(0), high - max(low, before))
        low = max(low, high)
        if part == 0:
            continue
        if terms.basis == Basis.UNITS:
            amount = half_up(Fraction(part) * Fraction(tier.rate) * 10 ** digits_of(terms.currency))
        else:
            amount = part_of(int(part), Fraction(tier.rate) / HUNDRED)
        lines.append(Line("tier", amount, base=part, rate=tier.rate, told={"tier": number, "basis": str(terms.basis)}))
        total += amount
    return total


def _bound(terms: Terms, up_to: Decimal) -> Decimal:
    """A bound in what the base is counted in."""
    return up_to if terms.basis == Basis.UNITS else up_to.scaleb(digits_of(terms.currency))


# --- interest on what is late
@dataclass(frozen=True)
class InterestRate:
    """Per cent for a year, from a day on until the next."""

    from_on: date
    percent: Decimal


@dataclass(frozen=True)
class InterestLine:
    from_on: date
    until: date
    days: int
    percent: Decimal
    amount: int


def late_interest(
    owed: int, due_on: date, paid_on: date, rates: Sequence[InterestRate], *, currency: str = "EUR"
) -> list[InterestLine]:
    """Simple interest from the day after it was due until the day it was paid, by the rate of each day.

    Raises InvalidError when no rate is entered for one of the days.
    """
    if owed <= 0 or paid_on <= due_on:
        return []
    known = sorted(rates, key=lambda rate: rate.from_on)
    first, after_last = due_on + timedelta(days=1), paid_on + timedelta(days=1)
    if not known or known[0].from_on > first:
        raise InvalidError(
            _("No rate of late interest is entered for %(day)s; %(amount)s %(currency)s were late then.")
            % {"day": first.isoformat(), "amount": from_minor(owed, currency), "currency": currency},
            field="rate",
        )
    lines = []
    for rate, after in zip(known, [*known[1:], None], strict=True):
        start = max(first, rate.from_on)
        end = min(after_last, after.from_on) if after else after_last
        days = (end - start).days
        if days <= 0:
            continue
        amount = half_up(owed * Fraction(rate.percent) * days / (HUNDRED * YEAR_DAYS))
        lines.append(InterestLine(start, end - timedelta(days=1), days, rate.percent, amount))
    return lines
