"""Filters of the lists of reports, invoices and receipts, for pages and programs."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import Person, visible_to
from collab.accounts.models import Organisation
from collab.transfer.royalties.models import Invoice, Receipt, RoyaltyReport
from collab.transfer.royalties.states import WRITABLE, InvoiceState, ReportState
from collab.web.badges import badge_of
from collab.web.forms import ListFilter, SearchInput

YEARS_SHOWN = 12
OVERDUE = "overdue"
_LICENCE = ("licence__agreement__reference", "licence__agreement__title", "licence__licensee__name")


def _states(states: Any) -> list[tuple[str, Any]]:
    return [(state.value, badge_of(state.value).word) for state in states]


def _years(_name: str = "") -> list[tuple[str, str]]:
    this = timezone.localdate().year
    return [(str(year), str(year)) for year in range(this, this - YEARS_SHOWN, -1)]


def _licensees(user: Person, model: Any) -> QuerySet[Organisation]:
    """Those of the rows that the person sees."""
    rows = visible_to(user, "royalty.view", model.objects.all()).order_by()
    return Organisation.objects.filter(pk__in=rows.values("licence__licensee")).order_by("name")


def _search(rows: QuerySet[Any], value: str, *more: str) -> Q:
    found = Q()
    for path in (*_LICENCE, *more):
        found |= Q(**{f"{path}__icontains": value})
    return found


class ReportListFilter(ListFilter):
    q = django_filters.CharFilter(
        method="search", label=_("Search"), widget=SearchInput(_("Licence or licensee")), max_length=80
    )
    state = django_filters.ChoiceFilter(
        method="by_state", choices=[(OVERDUE, _("Overdue")), *_states(ReportState)], label=_("State"),
        empty_label=_("Any state"),
    )  # fmt: skip
    licensee = django_filters.ModelChoiceFilter(
        field_name="licence__licensee", queryset=lambda request: _licensees(request.user, RoyaltyReport),
        to_field_name="slug", label=_("Licensee"), empty_label=_("All licensees"),
    )  # fmt: skip
    year = django_filters.ChoiceFilter(
        field_name="ends_on", lookup_expr="year", choices=_years, label=_("Year"), empty_label=_("Any year")
    )

    def search(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(_search(rows, value))

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == OVERDUE:
            return rows.filter(state__in=WRITABLE, due_on__lt=timezone.localdate())
        return rows.filter(state=value)


class InvoiceListFilter(ListFilter):
    q = django_filters.CharFilter(
        method="search", label=_("Search"), widget=SearchInput(_("Number, licence or licensee")), max_length=80
    )
    state = django_filters.ChoiceFilter(
        method="by_state", choices=[(OVERDUE, _("Overdue")), *_states(InvoiceState)], label=_("State"),
        empty_label=_("Any state"),
    )  # fmt: skip
    licensee = django_filters.ModelChoiceFilter(
        field_name="licence__licensee", queryset=lambda request: _licensees(request.user, Invoice),
        to_field_name="slug", label=_("Licensee"), empty_label=_("All licensees"),
    )  # fmt: skip
    year = django_filters.ChoiceFilter(
        field_name="issued_on", lookup_expr="year", choices=_years, label=_("Year"), empty_label=_("Any year")
    )

    def search(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        found = _search(rows, value)
        slug, _dash, number = value.strip().rpartition("-")  # as it stands on the paper
        if number.isascii() and number.isdigit() and len(number) <= 9:
            found |= Q(number=int(number), organisation__slug__icontains=slug)
        return rows.filter(found)

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == OVERDUE:
            return rows.open().filter(due_on__lt=timezone.localdate())  # type: ignore[attr-defined]
        return rows.filter(state=value)


class ReceiptListFilter(ListFilter):
    q = django_filters.CharFilter(
        method="search", label=_("Search"), widget=SearchInput(_("Bank reference, licence or licensee")), max_length=80
    )
    state = django_filters.ChoiceFilter(
        method="by_state",
        choices=[
            ("unmatched", _("Not matched in full")), ("undistributed", _("Undistributed")),
            ("distributed", _("Distributed")), ("refunded", _("Refunded")),
            ("reversed", _("Reversed, and reversals")),
        ],
        label=_("State"), empty_label=_("Any state"),
    )  # fmt: skip
    licensee = django_filters.ModelChoiceFilter(
        field_name="licence__licensee", queryset=lambda request: _licensees(request.user, Receipt),
        to_field_name="slug", label=_("Licensee"), empty_label=_("All licensees"),
    )  # fmt: skip
    year = django_filters.ChoiceFilter(
        field_name="received_on", lookup_expr="year", choices=_years, label=_("Year"), empty_label=_("Any year")
    )

    def search(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(_search(rows, value, "reference", "note"))

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == "reversed":
            return rows.filter(Q(reverses__isnull=False) | Q(reversed_by__isnull=False))
        standing = rows.standing()  # type: ignore[attr-defined]
        return {
            "unmatched": standing.filter(matched__lt=F("amount") - F("paid_back")),
            "undistributed": standing.filter(undistributed__gt=0),
            "distributed": standing.filter(undistributed=0).exclude(paid_back=F("amount")),
            "refunded": standing.filter(paid_back__gt=0),
        }[value]
