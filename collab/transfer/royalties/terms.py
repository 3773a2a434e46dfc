"""The money terms of a licence as the computation takes them, and what earlier reports count towards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from collab.transfer.licences.models import Licence
from collab.transfer.licences.states import Frequency, Span
from collab.transfer.licences.terms import whole_terms
from collab.transfer.royalties.audit_models import AuditCorrection
from collab.transfer.royalties.computing import InterestRate, SoFar, Terms, Tier
from collab.transfer.royalties.models import InterestRule, RoyaltyReport
from collab.transfer.royalties.money import to_minor
from collab.transfer.royalties.states import ReportState

MONTHS = {Frequency.QUARTERLY: 3, Frequency.HALF_YEARLY: 6, Frequency.YEARLY: 12}


def terms_of(licence: Licence) -> Terms:
    """The running royalty as the licence says it today."""
    currency = licence.currency
    rows = sorted(licence.tiers.all(), key=lambda row: row.from_amount)
    tiers = []
    if rows and rows[0].from_amount > 0:
        tiers.append(Tier(Decimal(0), rows[0].from_amount))
    for number, row in enumerate(rows, 1):
        rate = row.rate_percent if row.rate_percent is not None else row.per_unit
        tiers.append(Tier(rate, rows[number].from_amount if number < len(rows) else None))
    return Terms(
        currency=currency,
        basis=licence.royalty_basis,
        tiers=tiers,
        cap=_minor(licence.royalty_cap, currency),
        minimum=_minor(licence.annual_minimum, currency) or 0,
        minimum_creditable=licence.minimum_creditable,
        sublicence_percent=licence.sublicence_percent,
    )


@dataclass(frozen=True)
class PeriodTerms:
    """What holds for the report of a period: the running royalty, and over what tiers, cap and minimum count."""

    running: Terms
    tiers_by: str
    cap_by: str
    minimum_from: date


class TermsInForce:
    """The terms of a licence by day, from the versions that were signed; one query.

    The terms that were in force on the last day of a period hold for all of it. Further terms take nothing back: a
    period that ended before they began is reported, and examined, by those of its time.
    """

    def __init__(self, licence: Licence) -> None:
        self.licence = licence
        signed = licence.agreement.versions.filter(executed_at__isnull=False)
        self.versions = list(signed.order_by("number").only("effective_on", "particulars"))

    def on(self, day: date) -> PeriodTerms:
        """The newest terms that had begun; before all of them the first, and of the last ones what the tables say."""
        begun = [row for row in self.versions if row.effective_on <= day] or self.versions[:1]
        licence = self.licence
        if not begun or begun[-1] is self.versions[-1]:
            first = licence.minimum_from or licence.starts_on
            return PeriodTerms(terms_of(licence), licence.tiers_by, licence.cap_by, first)
        said = whole_terms(begun[-1].particulars)
        first = date.fromisoformat(said["minimum_from"]) if said["minimum_from"] else licence.starts_on
        return PeriodTerms(_written(said), said["tiers_by"], said["cap_by"], first)


def _written(said: Mapping[str, Any]) -> Terms:
    """The running royalty as a version says it."""
    rates = [Decimal(row["rate"] if row["rate"] is not None else row["per_unit"]) for row in said["tiers"]]
    bounds: list[Decimal | None] = [*(Decimal(row["from"]) for row in said["tiers"][1:]), None]

    def number(name: str) -> Decimal | None:
        return None if said[name] is None else Decimal(said[name])

    return Terms(
        currency=said["currency"],
        basis=said["royalty_basis"],
        tiers=[Tier(rate, bound) for rate, bound in zip(rates, bounds, strict=bool(rates))],
        cap=_minor(number("royalty_cap"), said["currency"]),
        minimum=_minor(number("annual_minimum"), said["currency"]) or 0,
        minimum_creditable=said["minimum_creditable"],
        sublicence_percent=number("sublicence_percent"),
    )


def _minor(amount: Decimal | None, currency: str) -> int | None:
    return None if amount is None else to_minor(amount, currency, field="amount")


def so_far(report: RoyaltyReport, terms: PeriodTerms) -> SoFar:
    """What earlier reports of the licence count towards tiers, cap and minimum of this one."""
    licence = report.licence
    before = RoyaltyReport.objects.filter(licence=licence, starts_on__lt=report.starts_on).exclude(
        state=ReportState.DUE
    )
    year = before.filter(ends_on__year=report.ends_on.year)
    spans = {Span.PERIOD: before.none(), Span.YEAR: year, Span.TOTAL: before}
    found = [(rows, _found(rows)) for rows in (spans[Span(terms.tiers_by)], spans[Span(terms.cap_by)], year)]
    (tiered, more_tiered), (capped, more_capped), (of_year, more_year) = found
    sums = of_year.aggregate(royalty=Sum("royalty"), minimum=Sum("minimum"))
    return SoFar(
        base=(tiered.aggregate(all=Sum("base"))["all"] or Decimal(0)) + more_tiered["base"],
        royalty=(capped.aggregate(all=Sum("royalty"))["all"] or 0) + more_capped["royalty"],
        earned=(sums["royalty"] or 0) + more_year["royalty"],
        minimum=(sums["minimum"] or 0) + more_year["minimum"],
    )


def _found(reports: Any) -> dict[str, Any]:
    """What audits that both sides agreed on add to these reports."""
    rows = AuditCorrection.objects.agreed().filter(report__in=reports.order_by().values("pk"))
    sums = rows.aggregate(base=Sum("base"), royalty=Sum("royalty"), minimum=Sum("minimum"))
    return {name: value or 0 for name, value in sums.items()}


def closes_year(report: RoyaltyReport, terms: PeriodTerms) -> bool:
    """Whether the minimum of the year is asked with this report: it is the last of a year, or of the licence."""
    licence = report.licence
    if report.ends_on < terms.minimum_from:
        return False
    is_last = licence.ends_on is not None and report.ends_on >= licence.ends_on - timedelta(days=1)
    return is_last or (report.ends_on.month, report.ends_on.day) == (12, 31)


def period_of(licence: Licence, day: date) -> tuple[date, date] | None:
    """The report period in which the day falls: calendar quarters, halves or years, cut by the term of the licence."""
    months = MONTHS.get(licence.report_frequency)  # type: ignore[call-overload]
    last = licence.ends_on - timedelta(days=1) if licence.ends_on else None
    if months is None or day < licence.starts_on or (last is not None and day > last):
        return None
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    after = first.month + months
    end = date(first.year + (after > 12), (after - 1) % 12 + 1, 1) - timedelta(days=1)
    return max(first, licence.starts_on), min(end, last) if last else end


def interest_rates(licence: Licence) -> list[InterestRate]:
    """The licence's own rate; where it names none, the licensor's, by their days."""
    if licence.late_interest_percent is not None:
        return [InterestRate(date.min, licence.late_interest_percent)]
    rows = InterestRule.objects.filter(organisation=licence.licensor_id).order_by("from_on")
    return [InterestRate(row.from_on, row.percent) for row in rows]
