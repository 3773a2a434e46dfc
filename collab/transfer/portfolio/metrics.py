"""The year in figures, after the terms of AUTM's licensing survey: each is counted from the records, never entered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, Min, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.agreements.models import AgreementVersion
from collab.projects.models import CostEntry
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.models import Licence
from collab.transfer.protection.models import Protection
from collab.transfer.protection.states import PATENTS
from collab.transfer.royalties.models import Receipt, ReceiptMatch
from collab.transfer.royalties.money import from_minor, half_up

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

YEARS_SHOWN = 5


@dataclass(frozen=True)
class Span:
    """A year of some organisations; `unit` and `party` (a licensee) narrow it."""

    organisations: tuple[Any, ...]
    year: int
    unit: Any = None
    party: Any = None

    @property
    def last_day(self) -> date:
        return min(date(self.year, 12, 31), timezone.localdate())

    @property
    def end(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.last_day, time.max))

    def of_case(self, path: str = "") -> Q:
        found = Q(**{f"{path}organisation__in": self.organisations})
        return found & Q(**{f"{path}unit": self.unit}) if self.unit else found

    def of_licence(self, path: str = "") -> Q:
        found = Q(**{f"{path}licensor__in": self.organisations})
        if self.unit:
            found &= Q(**{f"{path}case__unit": self.unit})
        return found & Q(**{f"{path}licensee": self.party}) if self.party else found


def disclosures(span: Span) -> Any:
    rows = TransferCase.objects.filter(span.of_case(), disclosed_on__year=span.year)
    return rows.select_related("disclosure").order_by("disclosed_on", "docket")


def _patents(span: Span) -> Any:
    rows = Protection.objects.filter(span.of_case("family__case__"), kind__in=sorted(PATENTS))
    return rows.select_related("family__case")


def filed(span: Span) -> Any:
    return _patents(span).filter(filed_on__year=span.year).order_by("filed_on", "pk")


def issued(span: Span) -> Any:
    return _patents(span).filter(granted_on__year=span.year).order_by("granted_on", "pk")


def _executed(span: Span, kind: str) -> Any:
    rows = Licence.objects.filter(span.of_licence(), agreement__kind=kind).select_related("agreement", "licensee")
    rows = rows.annotate(executed_at=Min("agreement__versions__executed_at"))
    return rows.filter(executed_at__year=span.year).order_by("executed_at", "pk")


def options(span: Span) -> Any:
    return _executed(span, "option")


def licences(span: Span) -> Any:
    return _executed(span, "licence")


def active(span: Span) -> Any:
    """Licences and options that were in force on the last day of the year."""
    day = span.last_day
    standing = AgreementVersion.objects.filter(
        Q(expires_on=None) | Q(expires_on__gt=day) | Q(auto_renews=True) & (Q(lapses_on=None) | Q(lapses_on__gt=day)),
        Q(ended_at=None) | Q(ended_at__gt=span.end),
        agreement=OuterRef("agreement"),
        executed_at__lte=span.end,
        effective_on__lte=day,
    )
    rows = Licence.objects.filter(span.of_licence(), Exists(standing))
    return rows.select_related("agreement", "licensee").order_by("agreement__reference")


def receipts(span: Span) -> Any:
    """Money that arrived, without what was reversed."""
    rows = Receipt.objects.filter(
        span.of_licence("licence__"), received_on__year=span.year, reverses=None, reversed_by=None
    )
    return rows.select_related("licence__agreement", "licence__licensee").order_by("received_on", "pk")


def spending(span: Span) -> Any:
    rows = CostEntry.objects.filter(line__party__organisation__in=span.organisations, on__year=span.year)
    return rows.select_related("line__budget__project", "line__party__organisation").order_by("on", "pk")


Sums = dict[str, Decimal]


def running(span: Span) -> Sums:
    """Royalties on sales that arrived: the royalty's part of what pays a report, without minimums and fees."""
    found: dict[str, int] = defaultdict(int)
    rows = ReceiptMatch.objects.filter(receipt__in=receipts(span).order_by(), undone_at=None)
    for match in rows.filter(invoice__report__isnull=False).select_related("receipt", "invoice__report"):
        receipt, invoice = match.receipt, match.invoice
        part = Fraction(match.amount, invoice.total) * invoice.report.royalty / receipt.amount
        found[receipt.book_currency] += half_up(receipt.booked * min(part, Fraction(1)))
    return _in_currency(found)


def income(span: Span) -> Sums:
    found: dict[str, int] = defaultdict(int)
    for currency, booked in receipts(span).values_list("book_currency", "booked"):
        found[currency] += booked
    return _in_currency(found)


def other_income(span: Span) -> Sums:
    """Issue fees, minimums, milestones, sublicence shares and the rest."""
    sales = running(span)
    return {currency: money - sales.get(currency, Decimal(0)) for currency, money in income(span).items()}


def expenditure(span: Span) -> Sums:
    found: Sums = defaultdict(Decimal)
    for currency, amount in spending(span).values_list("line__budget__currency", "amount"):
        found[currency] += amount
    return dict(found)


def _in_currency(found: dict[str, int]) -> Sums:
    return {currency: from_minor(minor, currency) for currency, minor in sorted(found.items())}


@dataclass(frozen=True)
class Metric:
    """`rows` are what the number is made of; `money` adds them up by currency, else they are counted."""

    code: str
    label: StrOrPromise
    rows: Callable[[Span], Any]
    money: Callable[[Span], Sums] | None = None

    def value(self, span: Span) -> int | Sums:
        return self.money(span) if self.money else self.rows(span).count()


METRICS = {
    metric.code: metric
    for metric in (
        Metric("disclosures", _("Disclosures received"), disclosures),
        Metric("filed", _("Patent applications filed"), filed),
        Metric("issued", _("Patents issued"), issued),
        Metric("options", _("Options executed"), options),
        Metric("licences", _("Licences executed"), licences),
        Metric("active", _("Licences and options in force at the end"), active),
        Metric("running", _("Running royalties"), receipts, running),
        Metric("other", _("Other licence income"), receipts, other_income),
        Metric("expenditure", _("Research expenditure"), spending, expenditure),
    )
}


def table(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """One line for each metric, one cell for each year."""
    years = list(spans)
    return [
        {"metric": metric, "cells": [{"year": span.year, "value": metric.value(span)} for span in years]}
        for metric in METRICS.values()
    ]
