"""The figures of technology transfer: a table and a curve, each number opens its list, and a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone

from collab.access.policy import visible_to
from collab.accounts.models import Organisation, OrganisationUnit
from collab.transfer.licences.models import Licence
from collab.transfer.portfolio.metrics import METRICS, YEARS_SHOWN, Span, table
from collab.transfer.rooms import rooms_of
from collab.web.api import as_uuid
from collab.web.csvs import csv_lines
from collab.web.forms import show
from collab.web.pagination import page_of


def reports(request: HttpRequest) -> HttpResponse:
    spans = _spans(request)
    query = request.GET.copy()
    query.pop("year", None)
    houses = spans[0].organisations
    context = {
        "rows": table(spans),
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


def report_rows(request: HttpRequest) -> HttpResponse:
    """What one number is made of."""
    metric = METRICS.get(request.GET.get("metric", ""), METRICS["disclosures"])
    span = _span(request, _year(request))
    page = page_of(request, metric.rows(span))
    context = {
        "metric": metric,
        "span": span,
        "page": page,
        "rows": [{"row": row, "url": _url(row)} for row in page],
        "value": metric.value(span),
    }
    return show(request, "collab/transfer/portfolio/rows.html", context)


def series(request: HttpRequest) -> JsonResponse:
    """The counts year by year, for the curve."""
    spans = _spans(request)
    lines = [line for line in table(spans) if line["metric"].money is None]
    told = [
        {
            "name": line["metric"].code,
            "label": str(line["metric"].label),
            "group": "",
            "x": [cell["year"] for cell in line["cells"]],
            "y": [cell["value"] for cell in line["cells"]],
        }
        for line in lines
    ]
    return JsonResponse({"cursor": "0", "finished": True, "series": told})


def reports_file(request: HttpRequest) -> StreamingHttpResponse:
    rows = table(_spans(request))

    def cells() -> Iterator[list[Any]]:
        yield ["metric", "year", "currency", "value"]
        for line in rows:
            for cell in line["cells"]:
                value = cell["value"]
                sums = value.items() if isinstance(value, dict) else [("", value)]
                for currency, number in sums:
                    yield [line["metric"].code, cell["year"], currency, number]

    response = StreamingHttpResponse(csv_lines(cells()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="technology-transfer.csv"'
    return response


def _url(row: Any) -> str:
    if hasattr(row, "get_absolute_url"):
        return row.get_absolute_url()
    return reverse("collab:budget", args=[row.line.budget.project.slug])


def _year(request: HttpRequest) -> int:
    this, asked = timezone.localdate().year, request.GET.get("year", "")
    return int(asked) if asked.isascii() and asked.isdigit() and 1900 <= int(asked[:6]) <= this else this


def _spans(request: HttpRequest) -> list[Span]:
    last = _year(request)
    first = _span(request, last)
    return [
        Span(first.organisations, year, first.unit, first.party) for year in range(last - YEARS_SHOWN + 1, last + 1)
    ]


def _span(request: HttpRequest, year: int) -> Span:
    houses = visible_to(request.user, "transfer.report", Organisation.objects.all())
    keys = tuple(houses.values_list("pk", flat=True))
    return Span(keys, year, as_uuid(request.GET.get("unit", "")), as_uuid(request.GET.get("party", "")))
