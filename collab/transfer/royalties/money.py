"""Money in whole minor units: cents are counted, never approximated.

Rounding rules, one for each act. A percentage of a sum, interest and a conversion are rounded half up to the minor
unit. A sum that is divided is divided by largest remainder: everybody first gets the part rounded down, then those
with the largest remainders one unit more, in the order in which they are listed where remainders are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import lcm

from django.utils.translation import gettext as _

from collab.kernel.errors import InvalidError
from collab.transfer.currencies import DIGITS

CURRENCIES = DIGITS  # of the whole room
MOST = Decimal(10) ** 12  # nobody has ever been paid more for a licence


def digits_of(currency: str, *, field: str = "currency") -> int:
    """How many digits the currency has behind the point. Raises InvalidError for a code that is none."""
    if currency not in CURRENCIES:
        raise InvalidError(_("“%(code)s” is no currency code of ISO 4217.") % {"code": currency[:10]}, field=field)
    return CURRENCIES[currency]


def to_minor(amount: Decimal | int | str, currency: str, *, field: str, negative: bool = False) -> int:
    """A sum in whole minor units. Raises InvalidError, naming the field, for what is no sum of this currency."""
    digits = digits_of(currency)
    if isinstance(amount, float):
        raise TypeError("money is Decimal, never float")
    try:
        exact = Decimal(amount)
    except InvalidOperation:
        raise InvalidError(_("Write an amount."), field=field) from None
    if not exact.is_finite():
        raise InvalidError(_("Write an amount."), field=field)
    if exact < 0 and not negative:
        raise InvalidError(_("An amount is not negative; this is %(amount)s.") % {"amount": exact}, field=field)
    if abs(exact) > MOST:
        raise InvalidError(_("%(amount)s is more than anybody pays.") % {"amount": f"{exact:.4g}"}, field=field)
    minor = exact.scaleb(digits)
    if minor != minor.to_integral_value():
        raise InvalidError(
            _("%(currency)s has %(digits)d digits behind the point; this is %(amount)s.")
            % {"currency": currency, "digits": digits, "amount": exact},
            field=field,
        )
    return int(minor)


def from_minor(minor: int, currency: str) -> Decimal:
    """The sum as people write it."""
    return Decimal(minor).scaleb(-CURRENCIES[currency])


def half_up(exact: Fraction) -> int:
    """The nearest whole number; a half away from zero, so that a reversed sum is the same sum."""
    whole = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return -whole if exact < 0 else whole


def part_of(minor: int, share: Fraction) -> int:
    """A share of a sum that is not negative, rounded half up."""
    return (2 * minor * share.numerator + share.denominator) // (2 * share.denominator)


def convert(minor: int, source: str, target: str, rate: Decimal) -> int:
    """A sum in another currency; `rate` is what one unit of `source` is worth in `target`."""
    if source == target:
        return minor
    shift = Fraction(10) ** (digits_of(target) - digits_of(source))
    return half_up(minor * Fraction(rate) * shift)


def whole_weights(weights: Sequence[Fraction | Decimal | int]) -> list[int]:
    """The same weights as whole numbers, with which one reckons faster. ValueError without one above zero."""
    exact = [Fraction(weight) for weight in weights]
    common = lcm(*(weight.denominator for weight in exact))
    found = [weight.numerator * (common // weight.denominator) for weight in exact]
    if not found or sum(found) <= 0 or min(found) < 0:
        raise ValueError("weights are not negative, and one of them is more than zero")
    return found


def allocate(total: int, weights: Sequence[Fraction | Decimal | int]) -> list[int]:
    """Divide a sum by weights so that nothing is lost: largest remainder, ties in the order given.

    A negative sum is divided like the same positive one. Raises ValueError without a weight above zero.
    """
    return allocate_whole(total, whole_weights(weights))


def allocate_whole(total: int, weights: Sequence[int]) -> list[int]:
    """The same by weights of `whole_weights`."""
    sign, amount = (-1, -total) if total < 0 else (1, total)
    whole = sum(weights)
    parts = [divmod(amount * weight, whole) for weight in weights]
    down = [part for part, _rest in parts]
    left = amount - sum(down)
    if left:
        for n in sorted(range(len(parts)), key=lambda n: (-parts[n][1], n))[:left]:
            down[n] += 1
    return [sign * part for part in down]
