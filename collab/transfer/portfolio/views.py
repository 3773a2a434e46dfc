"""The figures of technology transfer: a table and a curve, each number opens its list, and a file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import F, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import get_or_404, visible_to
from collab.accounts.models import Organisation, OrganisationUnit
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.models import Licence
from collab.transfer.licences.own import licences_about
from collab.transfer.portfolio.metrics import GROUPINGS, METRICS, NONE, YEARS_SHOWN, Span, by_group, figures, table
from collab.transfer.rooms import rooms_of
from collab.transfer.royalties.models import DISTRIBUTED, RETAINED, LedgerEntry, Receipt
from collab.web.api import as_uuid
from collab.web.csvs import csv_lines
from collab.web.forms import show
from collab.web.pagination import page_of

BATCH = 500  # rows of a file whose parts are found together


def reports(request: HttpRequest) -> HttpResponse:
    spans = _spans(request)
    query = request.GET.copy()
    for name in ("year", "by"):
        query.pop(name, None)
    by = grouping(request.GET.get("by", ""))
    metrics, groups = by_group(spans[-1], by) if by != "year" else ([], [])
    houses = spans[0].organisations
    context = {
        "rows": table(spans) if by == "year" else [],
        "lines": [
            {"metric": metric, "cells": [{"key": group.key, "value": group.cells[n]["value"]} for group in groups]}
            for n, metric in enumerate(metrics)
        ],
        "groups": groups,
        "by": by,
        "year": spans[-1].year,
        "groupings": [("year", _("By year")), ("unit", _("By unit")), ("party", _("By party"))],
        "file_query": request.GET.urlencode(),
        "years": [span.year for span in spans],
        "query": query.urlencode(),
        "series_url": f"{reverse('collab:transfer_series')}?{query.urlencode()}",
        "units": OrganisationUnit.objects.filter(organisation__in=houses).order_by("name"),
        "parties": Organisation.objects.filter(
            pk__in=Licence.objects.filter(licensor__in=houses).values("licensee")
        ).order_by("name"),
        "unit": spans[0].unit,
        "party": spans[0].party,
        "belongs": bool(houses),
        "rooms": rooms_of(request.user, "transfer_reports"),
    }
    return show(request, "collab/transfer/portfolio/reports.html", context)


def case_income(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What a case was licensed for and what it brought: a panel of its page. Each row only to those who see it."""
    case = get_or_404(request.user, "case.view", TransferCase.objects.all(), pk=pk)
    licences = Licence.objects.visible_to(request.user).filter(pk__in=licences_about(case).values("pk")).with_state()
    own = {"organisation": case.organisation_id}  # what others divide of the same licence stands in their books
    receipts = Receipt.objects.visible_to(request.user).standing().filter(licence__in=licences.values("pk"), **own)
    sums = receipts.order_by("book_currency").values("book_currency")
    sums = sums.annotate(booked=Sum(F("booked") - F("refunded")), rest=Sum("undistributed"))
    divided = _divided_for(case, request.user)
    context = {
        "licences": licences.select_related("agreement", "licensee"),
        "sums": [row | {"divided": divided.get(row["book_currency"], 0)} for row in sums],
    }
    return show(request, "collab/transfer/portfolio/_case_income.html", context)


def _divided_for(case: TransferCase, user: Any) -> dict[str, int]:
    """What distributions gave out of the income of a case, by the currency of the books, less what was reversed."""
    rows = LedgerEntry.objects.annotate(of=Coalesce("case", "receipt__licence__case"))
    rows = rows.filter(of=case.pk, receipt__organisation=case.organisation_id)
    rows = rows.filter(account__in=[account.value for account in (*DISTRIBUTED, *RETAINED)])
    sums = (
        visible_to(user, "royalty.view", rows).order_by().values("distribution__currency").annotate(all=Sum("amount"))
    )
    return dict(sums.values_list("distribution__currency", "all"))


def report_rows(request: HttpRequest) -> HttpResponse:
    """What one number is made of."""
    metric = METRICS.get(request.GET.get("metric", ""), METRICS["disclosures"])
    span = _span(request, _year(request))
    page = page_of(request, metric.rows(span))
    parts = metric.shares(page)
    context = {
        "metric": metric,
        "span": span,
        "page": page,
        "rows": [{"row": row, "url": url_of(row), "part": parts.get(row.pk)} for row in page],
        "value": metric.value(span),
        "file_query": request.GET.urlencode(),
    }
    return show(request, "collab/transfer/portfolio/rows.html", context)


def report_rows_file(request: HttpRequest) -> StreamingHttpResponse:
    """The rows of one number as CSV, with how much of each counts: in money they make the number."""
    metric = METRICS.get(request.GET.get("metric", ""), METRICS["disclosures"])
    rows = metric.rows(_span(request, _year(request)))

    def cells() -> Iterator[list[Any]]:
        yield ["id", "type", "name", "amount", "currency", "url"]
        found = rows.iterator(chunk_size=BATCH)
        while batch := list(islice(found, BATCH)):
            parts = metric.shares(batch)
            for row in batch:
                currency, amount = parts.get(row.pk, ("", ""))
                yield [row.pk, row._meta.label_lower, str(row), amount, currency, url_of(row)]

    response = StreamingHttpResponse(csv_lines(cells()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{metric.code}.csv"'
    return response


def series(request: HttpRequest) -> JsonResponse:
    """The counts year by year, for the curve."""
    spans = _spans(request)
    lines = [line for line in table(spans) if line["metric"].money is None]
    told = [
        {
            "name": line["metric"].code,
            "label": str(line["metric"].label),
            "group": str(line["metric"].label),
            "x": [cell["year"] for cell in line["cells"]],
            "y": [cell["value"] for cell in line["cells"]],
        }
        for line in lines
    ]
    return JsonResponse({"cursor": "0", "finished": True, "series": told})


def reports_file(request: HttpRequest) -> StreamingHttpResponse:
    by = grouping(request.GET.get("by", ""))
    rows = figures(_spans(request), by)

    def cells() -> Iterator[list[Any]]:
        yield ["metric", "year", *([by] if by != "year" else []), "currency", "value"]
        for row in rows:
            group = [row["name"]] if by != "year" else []
            yield [row["metric"], row["year"], *group, row["currency"], row["value"]]

    response = StreamingHttpResponse(csv_lines(cells()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="technology-transfer.csv"'
    return response


def grouping(asked: str) -> str:
    return asked if asked in GROUPINGS else "year"


def url_of(row: Any) -> str:
    if hasattr(row, "get_absolute_url"):
        return row.get_absolute_url()
    return reverse("collab:budget", args=[row.line.budget.project.slug])


def _year(request: HttpRequest) -> int:
    this, asked = timezone.localdate().year, request.GET.get("year", "")
    return (
        int(asked) if asked.isascii() and asked.isdigit() and len(asked) == 4 and 1900 <= int(asked) <= this else this
    )


def _spans(request: HttpRequest) -> list[Span]:
    last = _year(request)
    return spans_of(request.user, last, request.GET.get("unit", ""), request.GET.get("party", ""))


def _span(request: HttpRequest, year: int) -> Span:
    return spans_of(request.user, year, request.GET.get("unit", ""), request.GET.get("party", ""))[-1]


def spans_of(user: Any, last: int, unit: str, party: str) -> list[Span]:
    """The years up to the last one, of the organisations whose figures the person reads."""
    houses = visible_to(user, "transfer.report", Organisation.objects.all())
    keys = tuple(houses.values_list("pk", flat=True))
    narrowed = [NONE if asked == NONE else as_uuid(asked) for asked in (unit, party)]
    return [Span(keys, year, *narrowed) for year in range(last - YEARS_SHOWN + 1, last + 1)]
