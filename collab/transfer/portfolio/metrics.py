"""The year in figures, after the terms of AUTM's licensing survey: each is counted from the records, never entered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from django.db.models import Case, Count, Exists, F, Min, OuterRef, Q, Subquery, Sum, UUIDField, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Organisation, OrganisationUnit
from collab.agreements.models import AgreementVersion
from collab.projects.models import CostEntry
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.models import Licence
from collab.transfer.portfolio.models import StartUp
from collab.transfer.protection.models import Protection
from collab.transfer.protection.states import PATENTS
from collab.transfer.royalties.models import InvoiceLine, PartnerPayment, Receipt, ReceiptMatch
from collab.transfer.royalties.money import from_minor, half_up
from collab.transfer.royalties.reimbursing import REPAYS_COST

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

YEARS_SHOWN = 5
NONE = "none"  # what belongs to no unit, or to no party


@dataclass(frozen=True)
class Span:
    """A year of some organisations; `unit` and `party` (a licensee or start-up) narrow it; NONE: to what has none."""

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
        return Q(**{f"{path}organisation__in": self.organisations}) & self._of("unit", f"{path}unit")

    def of_licence(self, path: str = "") -> Q:
        found = Q(**{f"{path}licensor__in": self.organisations}) & self._of("unit", f"{path}case__unit")
        return found & self._of("party", f"{path}licensee")

    def _of(self, what: str, path: str) -> Q:
        asked = getattr(self, what)
        if asked is None:
            return Q()
        return Q(**{path: None if asked == NONE else asked})


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
    """Money that arrived, without what was reversed; parts of licences that others administer belong to no unit."""
    own = Q(partner_payment=None)
    of_unit = (own & span._of("unit", "licence__case__unit")) if span.unit != NONE else ~own | Q(
        licence__case__unit=None
    )  # fmt: skip
    rows = Receipt.objects.filter(
        of_unit if span.unit is not None else Q(),
        span._of("party", "licence__licensee"),
        organisation__in=span.organisations,
        received_on__year=span.year,
        reverses=None,
        reversed_by=None,
    )
    return rows.select_related("licence__agreement", "licence__licensee").order_by("received_on", "pk")


def passed_on(span: Span) -> Any:
    """What was paid to further licensors, without what was taken back."""
    rows = PartnerPayment.objects.filter(
        span.of_licence("licence__"), paid_on__year=span.year, reverses=None, reversed_by=None
    )
    return rows.select_related("licence__agreement", "licence__licensee").order_by("paid_on", "pk")


def startups(span: Span) -> Any:
    """Founded in the year; of a unit are those that build on one of its cases."""
    rows = StartUp.objects.filter(organisation__in=span.organisations, founded_on__year=span.year)
    of_unit = StartUp.objects.filter(span._of("unit", "cases__unit"), span._of("party", "platform"))
    return (
        rows.filter(pk__in=of_unit.order_by().values("pk")).select_related("organisation").order_by("founded_on", "pk")
    )


def spending(span: Span) -> Any:
    rows = CostEntry.objects.filter(line__party__organisation__in=span.organisations, on__year=span.year)
    return rows.select_related("line__budget__project", "line__party__organisation").order_by("on", "pk")


def royalty_receipts(span: Span) -> Any:
    """Receipts that pay for reported sales."""
    paid = ReceiptMatch.objects.filter(receipt=OuterRef("pk"), undone_at=None, invoice__report__royalty__gt=0)
    return receipts(span).filter(Exists(paid))


Sums = dict[str, Decimal]
Part = tuple[str, Decimal]  # a currency, and how much of a row counts
Groups = dict[Any, Sums]  # by the id of a unit or party


@dataclass(frozen=True)
class Counted:
    """So much of a receipt counts, in minor units of its books; `of` is the unit or party."""

    of: Any
    receipt: Receipt
    minor: int


def _nothing(path: str) -> Any:
    """What groups by nothing: one group, of everything."""
    return F(path) if path else Value(None, output_field=UUIDField())


def running(span: Span, path: str = "") -> Groups:
    """Royalties on sales that arrived: the royalty's part of what pays a report, without minimums and fees."""
    return _added(_royalties(receipts(span).order_by(), path))


def _royalties(rows: Any, path: str = "") -> Iterator[Counted]:
    """Of each match of these receipts the part that pays royalties."""
    matches = ReceiptMatch.objects.filter(receipt__in=rows, undone_at=None, invoice__report__isnull=False)
    matches = matches.annotate(of=_nothing(path and f"receipt__{path}"))
    for match in matches.select_related("receipt", "invoice__report"):
        receipt, invoice = match.receipt, match.invoice
        part = Fraction(match.amount, invoice.total) * invoice.report.royalty / receipt.amount
        yield Counted(match.of, receipt, half_up(receipt.booked * min(part, Fraction(1))))


def income(span: Span, path: str = "") -> Groups:
    found: dict[Any, dict[str, int]] = defaultdict(dict)
    of = _nothing(path)
    if path == _OF_RECEIPT["unit"]:
        of = Case(When(partner_payment=None, then=of), default=None)
    rows = receipts(span).order_by().annotate(of=of).values_list("of", "book_currency")
    for key, currency, booked in rows.annotate(all=Sum(F("booked") - F("refunded"))):
        found[key][currency] = booked
    return {key: _in_currency(sums) for key, sums in found.items()}


def repaid(span: Span, path: str = "") -> Groups:
    """What licensees repaid of costs, which AUTM does not count as income: so much of what pays for them."""
    return _added(_repayments(receipts(span).order_by(), path))


def _repayments(rows: Any, path: str = "") -> Iterator[Counted]:
    matches = ReceiptMatch.objects.filter(receipt__in=rows, undone_at=None)
    matches = matches.annotate(of=_nothing(path and f"receipt__{path}"), costs=_asked_for_costs()).exclude(costs=None)
    for match in matches.select_related("receipt", "invoice"):
        receipt = match.receipt
        part = Fraction(match.amount, match.invoice.total) * match.costs / receipt.amount
        yield Counted(match.of, receipt, half_up(receipt.booked * min(part, Fraction(1))))


def _asked_for_costs() -> Subquery:
    """So much of the invoice of a match asks for costs; nothing where it asks for none."""
    lines = InvoiceLine.objects.filter(REPAYS_COST, invoice=OuterRef("invoice")).order_by()
    return Subquery(lines.values("invoice").annotate(all=Sum("amount")).values("all"))


def other_income(span: Span, path: str = "") -> Groups:
    """Issue fees, minimums, milestones, sublicence shares and the rest; not costs that a licensee repaid."""
    less = [running(span, path), repaid(span, path)]
    return {
        key: {
            currency: money - sum((sums.get(key, {}).get(currency, Decimal(0)) for sums in less), Decimal(0))
            for currency, money in sums.items()
        }
        for key, sums in income(span, path).items()
    }


def paid_on(span: Span, path: str = "") -> Groups:
    """To other licensors, which AUTM takes off the income of whoever passes it on."""
    found: dict[Any, dict[str, int]] = defaultdict(dict)
    rows = passed_on(span).order_by().annotate(of=_nothing(path)).values_list("of", "currency")
    for key, currency, amount in rows.annotate(all=Sum("amount")):
        found[key][currency] = amount
    return {key: _in_currency(sums) for key, sums in found.items()}


def expenditure(span: Span, path: str = "") -> Groups:
    found: Groups = defaultdict(dict)
    rows = spending(span).order_by().annotate(of=_nothing(path)).values_list("of", "line__budget__currency")
    for key, currency, amount in rows.annotate(all=Sum("amount")):
        found[key][currency] = amount
    return dict(found)


def _added(parts: Iterable[Counted]) -> Groups:
    found: dict[Any, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in parts:
        found[one.of][one.receipt.book_currency] += one.minor
    return {key: _in_currency(sums) for key, sums in found.items()}


# --- how much of each row counts, so that the rows of a list make its number
def _running_parts(rows: list[Any]) -> dict[Any, Part]:
    return _parts(rows, dict.fromkeys((row.pk for row in rows), 0), _royalties([row.pk for row in rows]), 1)


def _other_parts(rows: list[Any]) -> dict[Any, Part]:
    keys = [row.pk for row in rows]
    less = (*_royalties(keys), *_repayments(keys))
    return _parts(rows, {row.pk: row.booked - row.refunded for row in rows}, less, -1)


def _parts(rows: list[Any], sums: dict[Any, int], counted: Iterable[Counted], sign: int) -> dict[Any, Part]:
    for one in counted:
        sums[one.receipt.pk] += sign * one.minor
    return {row.pk: (row.book_currency, from_minor(sums[row.pk], row.book_currency)) for row in rows}


def _paid_parts(rows: list[Any]) -> dict[Any, Part]:
    return {row.pk: (row.currency, row.money) for row in rows}


def _spent_parts(rows: list[Any]) -> dict[Any, Part]:
    return {row.pk: (row.line.budget.currency, row.amount) for row in rows}


def _in_currency(found: dict[str, int]) -> Sums:
    return {currency: from_minor(minor, currency) for currency, minor in sorted(found.items())}


@dataclass(frozen=True)
class Metric:
    """`rows` are what the number is made of; `money` adds them up by currency, else they are counted.

    `parts` says how much of each of these rows. `unit` and `party` are the paths from a row to what it is grouped by;
    without one it is not told by that.
    """

    code: str
    label: StrOrPromise
    rows: Callable[[Span], Any]
    money: Callable[[Span, str], Groups] | None = None
    parts: Callable[[list[Any]], dict[Any, Part]] | None = None
    unit: str = ""
    party: str = ""

    @property
    def in_money(self) -> bool:
        """For templates, which would call `money`."""
        return self.money is not None

    def value(self, span: Span) -> int | Sums:
        if self.money is None:
            return self.rows(span).count()
        return self.money(span, "").get(None, {})

    def shares(self, rows: Iterable[Any]) -> dict[Any, Part]:
        """How much of each of these rows counts; of what is counted, nothing. In as many queries for any number."""
        return self.parts(list(rows)) if self.parts is not None else {}

    def grouped(self, span: Span, by: str) -> dict[Any, int] | Groups:
        """The value of each unit or party, by its id; None for what belongs to none."""
        path = getattr(self, by)
        if self.money is not None:
            return self.money(span, path)
        rows = self.model_rows(span).values_list(path)
        return dict(rows.annotate(all=Count("pk", distinct=True)))

    def model_rows(self, span: Span) -> Any:
        """The same rows without what only a list needs."""
        rows = self.rows(span)
        return rows.model.objects.filter(pk__in=rows.order_by().values("pk")).order_by()


_OF_LICENCE = {"unit": "case__unit", "party": "licensee"}
_OF_RECEIPT = {"unit": "licence__case__unit", "party": "licence__licensee"}
METRICS = {
    metric.code: metric
    for metric in (
        Metric("disclosures", _("Disclosures received"), disclosures, unit="unit"),
        Metric("filed", _("Patent applications filed"), filed, unit="family__case__unit"),
        Metric("issued", _("Patents issued"), issued, unit="family__case__unit"),
        Metric("options", _("Options executed"), options, **_OF_LICENCE),
        Metric("licences", _("Licences executed"), licences, **_OF_LICENCE),
        Metric("active", _("Licences and options in force at the end"), active, **_OF_LICENCE),
        Metric("running", _("Running royalties"), royalty_receipts, running, _running_parts, **_OF_RECEIPT),
        Metric("other", _("Other licence income"), receipts, other_income, _other_parts, **_OF_RECEIPT),
        Metric(
            "passed_on",
            _("Licence income passed on to other licensors"),
            passed_on,
            paid_on,
            _paid_parts,
            **_OF_RECEIPT,
        ),
        Metric("startups", _("Start-ups formed"), startups, unit="cases__unit", party="platform"),
        Metric("expenditure", _("Research expenditure"), spending, expenditure, _spent_parts),
    )
}


def table(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """One line for each metric, one cell for each year."""
    years = list(spans)
    return [
        {"metric": metric, "cells": [{"year": span.year, "value": metric.value(span)} for span in years]}
        for metric in METRICS.values()
    ]


GROUPINGS = ("year", "unit", "party")


@dataclass(frozen=True)
class Group:
    """A unit or party with its figures in one year; `key` asks for its rows."""

    key: str
    name: StrOrPromise
    cells: list[dict[str, Any]]


def by_group(span: Span, by: str) -> tuple[list[Metric], list[Group]]:
    """What is told by unit or by party in a year, in as many queries however many there are."""
    metrics = [metric for metric in METRICS.values() if getattr(metric, by)]
    found = [metric.grouped(span, by) for metric in metrics]
    keys = {key for values in found for key in values}
    model = OrganisationUnit if by == "unit" else Organisation
    names = sorted((str(row), row.pk) for row in model.objects.filter(pk__in=keys - {None}))
    without = _("Without a unit") if by == "unit" else _("Not on this platform")
    named: list[tuple[StrOrPromise, Any]] = [*names, *([(without, None)] if None in keys else [])]
    groups = [
        Group(
            str(key) if key else NONE,
            name,
            [
                {"metric": metric, "value": values.get(key, {} if metric.money else 0)}
                for metric, values in zip(metrics, found, strict=True)
            ],
        )
        for name, key in named
    ]
    return metrics, groups


def figures(spans: list[Span], by: str) -> list[dict[str, Any]]:
    """Every number as a row of its own: by year, or by unit or party in the last year."""
    if by == "year":
        cells = [
            ("", "", line["metric"], cell["year"], cell["value"]) for line in table(spans) for cell in line["cells"]
        ]
    else:
        year = spans[-1].year
        cells = [
            (group.key, str(group.name), cell["metric"], year, cell["value"])
            for group in by_group(spans[-1], by)[1]
            for cell in group.cells
        ]
    return [
        {"group": key, "name": name, "metric": metric.code, "label": metric.label, "year": year, "currency": currency,
         "value": number}
        for key, name, metric, year, value in cells
        for currency, number in (value.items() if isinstance(value, dict) else [("", value)])
    ]  # fmt: skip
