"""How numbers are said to people: times, large counts, measurements. The templates' filters call these functions."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def duration(seconds: Any) -> str:
    """`4 s`, `3 min`, `1 h 20 min`, `2 days`: two units at most; a dash for what is no number."""
    if not _is_number(seconds):
        return "–"
    whole = max(0, round(seconds))
    if whole < 90:
        return _("%(n)d s") % {"n": whole}
    minutes = round(whole / 60)
    if minutes < 90:
        return _("%(n)d min") % {"n": minutes}
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("%(h)d h %(m)d min") % {"h": hours, "m": minutes} if minutes else _("%(n)d h") % {"n": hours}
    days = round(hours / 24)
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


def compact(number: Any) -> str:
    """`812`, `12.4 k`, `3.1 M`: three digits and a unit."""
    if not _is_number(number):
        return "–"
    for size, unit in _UNITS:
        if abs(number) >= size * 0.9995:
            return f"{_plain(number / size, 3)} {unit}"
    return _plain(number, 3)


def figure(value: Any) -> str:
    """A measurement with four digits that count: `0.9531`, `12.35`, `1,204`, `3.1e-05`."""
    if not _is_number(value):
        return "–"
    size = abs(value)
    if size != 0 and (size < 1e-3 or size >= 1e9):
        return f"{value:.3g}"
    return _plain(value, 4)


def _plain(value: float, digits: int) -> str:
    """With `digits` significant digits, no trailing zeros, in the reader's notation."""
    if float(value).is_integer():
        return number_format(int(value), use_l10n=True, force_grouping=True)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    text = number_format(round(value, decimals), decimal_pos=decimals, use_l10n=True, force_grouping=True)
    return text.rstrip("0").rstrip(".,") if decimals else text
