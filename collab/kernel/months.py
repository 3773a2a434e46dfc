"""Months as contracts and calendars count them: 31 January and one month is the last day of February."""

from __future__ import annotations

import calendar
from datetime import date


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or the last one of that month."""
    whole = day.year * 12 + day.month - 1 + months
    year, month = divmod(whole, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
