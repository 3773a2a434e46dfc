"""`{{ invoice.total|money:invoice.currency }}`: a sum of minor units as people write it."""

from decimal import Decimal

from django import template
from django.utils.formats import number_format

from collab.transfer.royalties.money import CURRENCIES, from_minor

register = template.Library()


@register.filter
def money(minor: int | None, currency: str) -> str:
    """1,234.50 EUR; nothing where there is no sum."""
    if minor is None or currency not in CURRENCIES:
        return "–"
    shown = number_format(from_minor(minor, currency), CURRENCIES[currency], use_l10n=True, force_grouping=True)
    return f"{shown} {currency}"


@register.filter
def in_currency(amount: Decimal | None, currency: str) -> str:
    """`{{ licence.issue_fee|in_currency:licence.currency }}`: the same for a sum in whole units of its currency."""
    if amount is None or currency not in CURRENCIES:
        return "–"
    return f"{number_format(amount, CURRENCIES[currency], use_l10n=True, force_grouping=True)} {currency}"
