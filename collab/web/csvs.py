"""CSV that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpResponse

# With the full-width signs, which spreadsheets set to Chinese or Japanese take for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Echo:
    def write(self, line: str) -> str:
        return line


def plain_cell(value: Any) -> Any:
    """What would begin a formula gets a quote before it, whatever it is the name of; numbers stay numbers."""
    if value is None or isinstance(value, int | float | Decimal):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Lines, one after the other, beginning with the mark by which spreadsheets know UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff"
    for row in rows:
        yield writer.writerow([plain_cell(cell) for cell in row])


def csv_file(name: str, rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A whole CSV to download."""
    response = HttpResponse("".join(csv_lines(rows)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
