"""Currencies after ISO 4217: how many digits the smallest unit has. Amounts are decimals, never floats."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from collab.kernel.errors import InvalidError

AMOUNT_MAX = Decimal(10) ** 12
_TWO = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
    "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS "
    "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR "
    "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG "
)
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
DIGITS: dict[str, int] = {
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_NONE.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
    **dict.fromkeys(_FOUR.split(), 4),
}


def known_currency(code: Any, *, field: str) -> str:
    """The code; raises InvalidError for one that ISO 4217 does not list."""
    if not isinstance(code, str) or code not in DIGITS:
        raise InvalidError(_("Write a currency in three capital letters, such as EUR, USD or CNY."), field=field)
    return code


def amount_in(value: Any, currency: str, *, field: str) -> Decimal:
    """An amount of money in the smallest units of its currency; raises InvalidError naming the field."""
    try:
        amount = Decimal(str(value)) if not isinstance(value, float) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InvalidError(_("Write an amount as a decimal number."), field=field)
    if amount < 0:
        raise InvalidError(_("An amount of money cannot be negative."), field=field)
    if amount > AMOUNT_MAX:
        raise InvalidError(_("This is more money than there is: at most 10^12."), field=field)
    unit = Decimal(1).scaleb(-DIGITS[currency])
    exact = amount.quantize(unit)
    if exact != amount:
        raise InvalidError(
            _("%(currency)s has no smaller unit than %(unit)s.") % {"currency": currency, "unit": unit}, field=field
        )
    return exact
