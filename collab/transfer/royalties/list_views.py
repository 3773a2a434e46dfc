"""All reports, invoices and receipts that one may see: searched, filtered, by pages, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from collab.transfer.rooms import rooms_of
from collab.transfer.royalties.list_forms import InvoiceListFilter, ReceiptListFilter, ReportListFilter
from collab.transfer.royalties.models import Invoice, Receipt, RoyaltyReport
from collab.transfer.royalties.money import from_minor
from collab.web.csvs import csv_lines
from collab.web.forms import show
from collab.web.pagination import page_of

BATCH = 500


def royalty_reports(request: HttpRequest) -> HttpResponse:
    rows = RoyaltyReport.objects.visible_to(request.user).with_licence().order_by("-ends_on", "due_on", "pk")
    return _list(
        request, "collab/transfer/royalties/reports.html", ReportListFilter(request.GET, queryset=rows, request=request)
    )


def invoices(request: HttpRequest) -> HttpResponse:
    return _list(request, "collab/transfer/royalties/invoices.html", _invoices(request))


def receipts(request: HttpRequest) -> HttpResponse:
    return _list(request, "collab/transfer/royalties/receipts.html", _receipts(request))


def invoices_file(request: HttpRequest) -> StreamingHttpResponse:
    def cells() -> Iterator[list[Any]]:
        yield [
            "number", "issued_on", "due_on", "state", "organisation", "licensee", "licence", "total", "paid",
            "written_off", "left", "currency", "overdue",
        ]  # fmt: skip
        for row in _invoices(request).qs.iterator(chunk_size=BATCH):
            sums = [from_minor(sum_, row.currency) for sum_ in (row.total, row.paid, row.waived, row.still_asked)]
            yield [
                row.reference, row.issued_on, row.due_on, row.state, row.organisation.slug, row.licence.licensee.name,
                row.licence.agreement.reference, *sums, row.currency, int(row.is_late),
            ]  # fmt: skip

    return _file("invoices", cells())


def receipts_file(request: HttpRequest) -> StreamingHttpResponse:
    def cells() -> Iterator[list[Any]]:
        yield [
            "id", "received_on", "organisation", "licensee", "licence", "reference", "amount", "matched", "currency",
            "rate", "booked", "distributed", "retained", "passed_on", "refunded", "undistributed",
            "book_currency", "reverses",
        ]  # fmt: skip
        for row in _receipts(request).qs.iterator(chunk_size=BATCH):
            own = [from_minor(sum_, row.currency) for sum_ in (row.amount, row.matched)]
            kept = (row.booked, row.distributed, row.retained, row.passed_on, row.refunded, row.undistributed)
            yield [
                row.pk, row.received_on, row.organisation.slug, row.licence.licensee.name,
                row.licence.agreement.reference, row.reference, *own, row.currency, row.rate or "",
                *(from_minor(sum_, row.book_currency) for sum_ in kept), row.book_currency, row.reverses_id or "",
            ]  # fmt: skip

    return _file("receipts", cells())


# --- what they share
def _invoices(request: HttpRequest) -> InvoiceListFilter:
    rows = Invoice.objects.visible_to(request.user).with_licence().order_by("-issued_on", "-number", "pk")
    return InvoiceListFilter(request.GET, queryset=rows, request=request)


def _receipts(request: HttpRequest) -> ReceiptListFilter:
    rows = Receipt.objects.visible_to(request.user).with_licence().order_by("-received_on", "-created_at", "pk")
    return ReceiptListFilter(request.GET, queryset=rows, request=request)


def _list(request: HttpRequest, template: str, found: Any) -> HttpResponse:
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": page_of(request, found.qs),
        "filter": found,
        "file_query": query.urlencode(),
        "rooms": rooms_of(request.user, "royalties"),
    }
    return show(request, template, context)


def _file(name: str, cells: Iterator[list[Any]]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(csv_lines(cells), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
