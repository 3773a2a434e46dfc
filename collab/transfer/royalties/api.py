"""Royalties as JSON. Sums are decimals written as text, each with its currency."""

from __future__ import annotations

import hashlib
from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import get_or_404
from collab.accounts.models import Organisation
from collab.transfer.licences.api import MilestonePaymentSerializer
from collab.transfer.licences.models import Licence, MilestonePayment
from collab.transfer.protection.models import ProtectionCost
from collab.transfer.royalties.models import (
    Invoice,
    InvoiceLine,
    LateStep,
    PartnerPayment,
    Receipt,
    ReceiptMatch,
    ReportLine,
    RoyaltyReport,
    ScheduledPayment,
    SublicenceIncome,
)
from collab.transfer.royalties.money import from_minor
from collab.transfer.royalties.papers import invoice_pdf
from collab.transfer.royalties.reading import say_lines
from collab.transfer.royalties.refund_models import Refund
from collab.transfer.royalties.services import (
    accept_report,
    add_payment,
    book_partner_payment,
    cancel_invoice,
    edit_receipt,
    enter_receipt,
    invoice_interest,
    invoice_payments,
    invoice_report,
    match_receipt,
    pay_partner,
    reach_milestone,
    receive_report,
    refund_receipt,
    return_report,
    reverse_partner_payment,
    reverse_receipt,
    reverse_refund,
    submit_report,
    undo_write_off,
    unmatch_receipt,
    waive_payment,
    write_off,
)
from collab.transfer.royalties.states import (
    InvoiceState,
    LateStage,
    PaymentKind,
    PaymentState,
    ReportState,
    WriteOffKind,
)
from collab.transfer.royalties.write_off_models import WriteOff
from collab.web.api import (
    IF_MATCH,
    DayField,
    PersonSerializer,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    TruthFilter,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)
from collab.web.downloads import attachment
from collab.web.negotiation import AnythingNegotiation

PDF = {200: OpenApiResponse(OpenApiTypes.BINARY, description="PDF")}
_SUM: dict[str, Any] = {"max_digits": 18, "decimal_places": 4}


@extend_schema_field(OpenApiTypes.DECIMAL)
class MoneyField(serializers.Field):
    """Minor units of the row's currency, as a decimal in text."""

    def __init__(self, currency: str = "currency", **kwargs: Any) -> None:
        self.path = currency.split(".")
        super().__init__(**(kwargs | {"read_only": True}))

    def get_attribute(self, instance: Any) -> Any:
        minor, found = super().get_attribute(instance), instance
        for step in self.path:
            found = getattr(found, step)
        return minor, found

    def to_representation(self, value: Any) -> str:
        minor, currency = value
        return f"{from_minor(minor, currency):f}"


def _currency() -> serializers.CharField:
    return serializers.CharField(min_length=3, max_length=3)


def _organisation() -> ScopedRelatedField:
    return ScopedRelatedField(word="royalty.manage", model=Organisation, slug_field="slug")


def _licence() -> ScopedRelatedField:
    return ScopedRelatedField(word="royalty.manage", model=Licence)


def _day() -> DayField:
    return DayField(required=False, allow_null=True)


class ReasonInput(StrictSerializer):
    reason = serializers.CharField(max_length=1000)


class DueInput(StrictSerializer):
    due_on = _day()


# --- scheduled payments
class PaymentSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=PaymentKind.choices, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(PaymentState), read_only=True)
    amount = MoneyField()

    class Meta:
        model = ScheduledPayment
        fields = [
            "id",
            "licence",
            "kind",
            "title",
            "title_zh",
            "cost",
            "due_on",
            "amount",
            "currency",
            "state",
            "reason",
            "version",
        ]


class PaymentInput(StrictSerializer):
    licence = _licence()
    kind = serializers.ChoiceField(choices=PaymentKind.choices)
    title = serializers.CharField(max_length=300)
    title_zh = serializers.CharField(max_length=300, required=False, allow_blank=True)
    amount = serializers.DecimalField(**_SUM)
    currency = _currency()
    due_on = DayField()
    cost = ScopedRelatedField(
        word="case.view", model=ProtectionCost, required=False, help_text="Of kind costs: the cost that it repays."
    )


class ReachInput(StrictSerializer):
    milestone = ScopedRelatedField(word="royalty.manage", model=MilestonePayment)
    version = serializers.IntegerField(min_value=1)
    met_on = DayField(required=False)


class PaymentFilter(django_filters.FilterSet):
    licence = django_filters.UUIDFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(PaymentState))


@extend_schema_view(
    list=extend_schema(summary="Scheduled payments", responses=PaymentSerializer(many=True)),
    retrieve=extend_schema(summary="One scheduled payment", responses=PaymentSerializer),
)
class ScheduledPaymentViewSet(ScopedViewSet):
    words = {
        "list": "royalty.view",
        "retrieve": "royalty.view",
        "create": "royalty.manage",
        "reach": "royalty.manage",
        "waive": "royalty.manage",
    }
    rows = ScheduledPayment.objects.select_related(
        "licence__agreement__project", "licence__licensor", "licence__licensee"
    )
    serializer_class = PaymentSerializer
    filterset_class = PaymentFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), PaymentSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return tagged(self.shown(row, PaymentSerializer), etag_of(row.pk, row.version))

    @extend_schema(summary="Add a payment", request=PaymentInput, responses={201: PaymentSerializer})
    def create(self, request: Request) -> Response:
        return self.shown(add_payment(by=request.user, **self.parsed(PaymentInput)), PaymentSerializer, 201)

    @extend_schema(
        summary="Find a milestone reached; its payment is due", request=ReachInput, responses=MilestonePaymentSerializer
    )
    @action(detail=False, methods=["post"])
    def reach(self, request: Request) -> Response:
        done = reach_milestone(by=request.user, **self.parsed(ReachInput))
        return self.shown(done, MilestonePaymentSerializer)

    @extend_schema(summary="Not ask for it", request=ReasonInput, responses=PaymentSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def waive(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        done = waive_payment(payment=row, by=request.user, version=row.version, **self.parsed(ReasonInput))
        return self.shown(done, PaymentSerializer)


# --- reports
class LineSerializer(serializers.ModelSerializer):
    gross = MoneyField("report.currency")
    deductions = MoneyField("report.currency")

    class Meta:
        model = ReportLine
        fields = ["product", "units", "gross", "deductions"]


class ReportRow(serializers.ModelSerializer):
    state = serializers.ChoiceField(choices=choices_of(ReportState), read_only=True)
    royalty = MoneyField()
    minimum = MoneyField()
    sublicence_share = MoneyField()
    due = MoneyField()
    submitted_by = PersonSerializer(read_only=True, allow_null=True)
    checked_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = RoyaltyReport
        fields = [
            "id", "licence", "starts_on", "ends_on", "due_on", "currency", "state", "royalty", "minimum",
            "sublicence_share", "due", "submitted_by", "submitted_at", "received_on", "sent_by",
            "checked_by", "checked_at", "version",
        ]  # fmt: skip


class SublicenceIncomeSerializer(serializers.ModelSerializer):
    name = serializers.CharField(source="sublicence.name", read_only=True)
    amount = MoneyField("report.currency")

    class Meta:
        model = SublicenceIncome
        fields = ["sublicence", "name", "amount"]


class StepSerializer(serializers.Serializer):
    """One step of the computation."""

    text = serializers.CharField(read_only=True)
    amount = serializers.DecimalField(read_only=True, allow_null=True, **_SUM)


class ReportSerializer(ReportRow):
    """A report with its lines and the computation, step by step."""

    lines = LineSerializer(many=True, read_only=True)
    sublicence_income = MoneyField()
    sublicences = SublicenceIncomeSerializer(many=True, read_only=True, source="sublicence_incomes")
    computation = serializers.SerializerMethodField()

    class Meta(ReportRow.Meta):
        fields = [*ReportRow.Meta.fields, "lines", "sublicence_income", "sublicences", "note", "reason", "computation"]

    @extend_schema_field(StepSerializer(many=True))
    def get_computation(self, report: RoyaltyReport) -> list[dict[str, Any]]:
        return [
            {
                "text": line["text"],
                "amount": None if line["amount"] is None else f"{from_minor(line['amount'], report.currency):f}",
            }
            for line in say_lines(report.computed, report.currency)
        ]


class LineInput(StrictSerializer):
    product = serializers.CharField(max_length=200, allow_blank=True)
    units = serializers.DecimalField(required=False, **_SUM)
    gross = serializers.DecimalField(required=False, **_SUM)
    deductions = serializers.DecimalField(required=False, **_SUM)


class SublicenceIncomeInput(StrictSerializer):
    sublicence = serializers.UUIDField()
    amount = serializers.DecimalField(**_SUM)


class ReportInput(StrictSerializer):
    """`sublicences`: what each that was in force in the period brought, instead of the single `sublicence_income`."""

    lines = LineInput(many=True)
    currency = _currency()
    sublicence_income = serializers.DecimalField(required=False, **_SUM)
    sublicences = SublicenceIncomeInput(many=True, required=False)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True, source="note_text")


class ReceivedReportInput(ReportInput):
    """What the licensee sent on paper or by mail: when it came, and who signed or sent it."""

    received_on = DayField()
    sent_by = serializers.CharField(max_length=200)


class ReportFilter(django_filters.FilterSet):
    licence = django_filters.UUIDFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(ReportState))


@extend_schema_view(
    list=extend_schema(summary="Royalty reports", responses=ReportRow(many=True)),
    retrieve=extend_schema(summary="One royalty report, with its computation", responses=ReportSerializer),
)
class RoyaltyReportViewSet(ScopedViewSet):
    words = {
        "list": "royalty.view",
        "retrieve": "royalty.view",
        "submit": "royalty.report",
        "receive": "royalty.manage",
        "send_back": "royalty.manage",
        "accept": "royalty.manage",
        "invoice": "royalty.manage",
    }
    rows = RoyaltyReport.objects.with_all()
    serializer_class = ReportSerializer
    filterset_class = ReportFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ReportRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(
        summary="Report what was sold", request=ReportInput, responses=ReportSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        return self._told(submit_report(report=row, by=request.user, version=row.version, **self.parsed(ReportInput)))

    @extend_schema(
        summary="Enter what the licensee sent on paper or by mail", request=ReceivedReportInput,
        responses=ReportSerializer, parameters=[IF_MATCH],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def receive(self, request: Request, pk: str) -> Response:
        row, given = self._matched(request), self.parsed(ReceivedReportInput)
        return self._told(receive_report(report=row, by=request.user, version=row.version, **given))

    @extend_schema(summary="Send it back", request=ReasonInput, responses=ReportSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"], url_path="return")
    def send_back(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        return self._told(return_report(report=row, by=request.user, version=row.version, **self.parsed(ReasonInput)))

    @extend_schema(summary="Accept and close it", request=None, responses=ReportSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        return self._told(accept_report(report=row, by=request.user, version=row.version))

    @extend_schema(summary="Write the invoice", request=DueInput, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def invoice(self, request: Request, pk: str) -> Response:
        made = invoice_report(report=self.get_object(), by=request.user, **self.parsed(DueInput))
        return self.shown(made, InvoiceSerializer, 201)

    def _matched(self, request: Request) -> RoyaltyReport:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        return row

    def _told(self, report: RoyaltyReport) -> Response:
        row = self.rows.all().get(pk=report.pk)
        return tagged(self.shown(row, ReportSerializer), etag_of(row.pk, row.version))


# --- invoices
class InvoiceLineSerializer(serializers.ModelSerializer):
    amount = MoneyField("invoice.currency")

    class Meta:
        model = InvoiceLine
        fields = ["title", "title_zh", "amount", "payment"]


class WriteOffSerializer(serializers.ModelSerializer):
    """A part of an invoice that is asked for no more; again where it is undone."""

    kind = serializers.ChoiceField(choices=WriteOffKind.choices, read_only=True)
    amount = MoneyField("invoice.currency")

    class Meta:
        model = WriteOff
        fields = ["id", "kind", "amount", "reason", "created_at", "undone_at"]


class WriteOffInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=WriteOffKind.choices)
    amount = serializers.DecimalField(required=False, allow_null=True, help_text="Left out: all that is left", **_SUM)
    reason = serializers.CharField(max_length=500)


class UndoInput(StrictSerializer):
    write_off = serializers.UUIDField()


class InvoiceRow(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    reference = serializers.CharField(read_only=True)
    state = serializers.ChoiceField(choices=choices_of(InvoiceState), read_only=True)
    total = MoneyField()
    paid = MoneyField()
    waived = MoneyField(help_text="Written off: a bank charge, a tax that was withheld, or given up")
    left = MoneyField(source="still_asked")

    class Meta:
        model = Invoice
        fields = [
            "id", "organisation", "reference", "number", "licence", "report", "credits", "interest_on", "issued_on",
            "due_on", "total", "paid", "waived", "left", "currency", "state", "version",
        ]  # fmt: skip


class InvoiceSerializer(InvoiceRow):
    lines = InvoiceLineSerializer(many=True, read_only=True)
    write_offs = WriteOffSerializer(many=True, read_only=True)

    class Meta(InvoiceRow.Meta):
        fields = [*InvoiceRow.Meta.fields, "lines", "write_offs"]


class PaymentsInput(StrictSerializer):
    payments = serializers.ListField(
        child=ScopedRelatedField(word="royalty.manage", model=ScheduledPayment), min_length=1, max_length=50
    )
    due_on = _day()


class InvoiceFilter(django_filters.FilterSet):
    licence = django_filters.UUIDFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(InvoiceState))
    organisation = django_filters.CharFilter(field_name="organisation__slug")
    licensee = django_filters.CharFilter(field_name="licence__licensee__slug")
    year = django_filters.NumberFilter(
        field_name="issued_on", lookup_expr="year", min_value=1, max_value=9999, help_text="Issued in this year"
    )
    overdue = TruthFilter(method="by_overdue", help_text="Open after the day it was due")

    def by_overdue(self, rows: Any, name: str, value: bool) -> Any:
        late = Invoice.objects.open().filter(due_on__lt=timezone.localdate()).order_by().values("pk")
        return rows.filter(pk__in=late) if value else rows.exclude(pk__in=late)


@extend_schema_view(
    list=extend_schema(summary="Invoices", responses=InvoiceRow(many=True)),
    retrieve=extend_schema(summary="One invoice", responses=InvoiceSerializer),
)
class InvoiceViewSet(ScopedViewSet):
    words = {
        "list": "royalty.view",
        "retrieve": "royalty.view",
        "paper": "royalty.view",
        "create": "royalty.manage",
        "cancel": "royalty.manage",
        "interest": "royalty.manage",
        "write_off": "royalty.manage",
        "undo_write_off": "royalty.manage",
    }
    rows = (
        Invoice.objects.with_licence()
        .select_related("report", "credits__organisation")
        .prefetch_related("lines", "write_offs__invoice")
    )
    serializer_class = InvoiceSerializer
    filterset_class = InvoiceFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), InvoiceRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return tagged(self.shown(row, InvoiceSerializer), etag_of(row.pk, row.version))

    @extend_schema(summary="Ask for scheduled payments", request=PaymentsInput, responses={201: InvoiceSerializer})
    def create(self, request: Request) -> Response:
        return self.shown(invoice_payments(by=request.user, **self.parsed(PaymentsInput)), InvoiceSerializer, 201)

    @extend_schema(
        summary="Take it back by a credit note", request=ReasonInput, responses={201: InvoiceSerializer},
        parameters=[IF_MATCH],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        made = cancel_invoice(invoice=row, by=request.user, version=row.version, **self.parsed(ReasonInput))
        return self.shown(made, InvoiceSerializer, 201)

    @extend_schema(
        summary="Write off what of it will not arrive", request=WriteOffInput, responses=InvoiceSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    @action(detail=True, methods=["post"], url_path="write-off")
    def write_off(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        write_off(invoice=row, by=request.user, version=row.version, **self.parsed(WriteOffInput))
        return self._told(row)

    @extend_schema(summary="Ask for it again", request=UndoInput, responses=InvoiceSerializer)
    @action(detail=True, methods=["post"], url_path="undo-write-off")
    def undo_write_off(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        found = get_or_404(
            request.user, "royalty.manage", WriteOff.objects.filter(invoice=row).select_related("invoice"),
            pk=self.parsed(UndoInput)["write_off"],
        )  # fmt: skip
        undo_write_off(write_off=found, by=request.user)
        return self._told(row)

    def _told(self, invoice: Invoice) -> Response:
        row = self.rows.all().get(pk=invoice.pk)
        return tagged(self.shown(row, InvoiceSerializer), etag_of(row.pk, row.version))

    @extend_schema(summary="Ask for late interest on it", request=DueInput, responses={201: InvoiceSerializer})
    @action(detail=True, methods=["post"])
    def interest(self, request: Request, pk: str) -> Response:
        made = invoice_interest(invoice=self.get_object(), by=request.user, **self.parsed(DueInput))
        return self.shown(made, InvoiceSerializer, 201)

    @extend_schema(summary="The invoice on paper", responses=PDF)
    @action(detail=True, url_path="invoice.pdf", content_negotiation_class=AnythingNegotiation)
    def paper(self, request: Request, pk: str) -> HttpResponseBase:
        row = self.get_object()
        content = invoice_pdf(row)
        return attachment(content, f"{row.reference}.pdf", hashlib.sha256(content).hexdigest())


# --- receipts
class MatchSerializer(serializers.ModelSerializer):
    amount = MoneyField("receipt.currency")

    class Meta:
        model = ReceiptMatch
        fields = ["id", "invoice", "amount", "undone_at"]


class ReceiptRow(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    amount = MoneyField()
    matched = MoneyField()
    booked = MoneyField("book_currency")
    distributed = MoneyField("book_currency")
    retained = MoneyField("book_currency")
    passed_on = MoneyField("book_currency")
    refunded = MoneyField("book_currency")
    undistributed = MoneyField("book_currency")
    paid_back = MoneyField(help_text="What is refunded, in the currency of the receipt")

    class Meta:
        model = Receipt
        fields = [
            "id", "organisation", "licence", "received_on", "amount", "currency", "rate", "booked", "book_currency",
            "matched", "paid_back", "distributed", "retained", "passed_on", "refunded", "undistributed", "reference",
            "note",
            "partner_payment", "reverses", "held_by", "version",
        ]  # fmt: skip


class RefundSerializer(serializers.ModelSerializer):
    """What of a receipt was paid back; one below zero takes another back."""

    amount = MoneyField("receipt.currency")
    booked = MoneyField("receipt.book_currency")

    class Meta:
        model = Refund
        fields = ["id", "refunded_on", "amount", "booked", "reference", "reason", "reverses", "created_at"]


class ReceiptSerializer(ReceiptRow):
    matches = MatchSerializer(many=True, read_only=True)
    refunds = RefundSerializer(many=True, read_only=True)

    class Meta(ReceiptRow.Meta):
        fields = [*ReceiptRow.Meta.fields, "matches", "refunds"]


class ReceiptInput(StrictSerializer):
    licence = _licence()
    received_on = DayField()
    amount = serializers.DecimalField(**_SUM)
    currency = _currency()
    reference = serializers.CharField(max_length=80, required=False, allow_blank=True)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, source="note_text")
    match = serializers.BooleanField(required=False, default=True)


class NoteInput(StrictSerializer):
    note = serializers.CharField(max_length=500, allow_blank=True, source="note_text")


class MatchInput(StrictSerializer):
    invoice = ScopedRelatedField(word="royalty.manage", model=Invoice)
    amount = serializers.DecimalField(required=False, allow_null=True, **_SUM)


class UnmatchInput(StrictSerializer):
    match = serializers.UUIDField()


class RefundInput(StrictSerializer):
    amount = serializers.DecimalField(
        required=False, allow_null=True, help_text="Left out: all that pays no invoice", **_SUM
    )
    refunded_on = _day()
    reference = serializers.CharField(max_length=80, required=False, allow_blank=True)
    reason = serializers.CharField(max_length=500)


class UndoRefundInput(StrictSerializer):
    refund = serializers.UUIDField()
    reason = serializers.CharField(max_length=500)


class ReceiptFilter(django_filters.FilterSet):
    licence = django_filters.UUIDFilter()
    organisation = django_filters.CharFilter(field_name="organisation__slug")
    licensee = django_filters.CharFilter(field_name="licence__licensee__slug")
    year = django_filters.NumberFilter(
        field_name="received_on", lookup_expr="year", min_value=1, max_value=9999, help_text="Received in this year"
    )


@extend_schema_view(
    list=extend_schema(summary="Receipts, each with where it went", responses=ReceiptRow(many=True)),
    retrieve=extend_schema(summary="One receipt", responses=ReceiptSerializer),
)
class ReceiptViewSet(ScopedViewSet):
    words = {
        "list": "royalty.view",
        "retrieve": "royalty.view",
        "create": "royalty.manage",
        "partial_update": "royalty.manage",
        "match": "royalty.manage",
        "unmatch": "royalty.manage",
        "reverse": "royalty.manage",
        "refund": "royalty.manage",
        "undo_refund": "royalty.manage",
    }
    rows = Receipt.objects.with_licence().prefetch_related("matches", "refunds__receipt")
    serializer_class = ReceiptSerializer
    filterset_class = ReceiptFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), ReceiptRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Enter money that arrived", request=ReceiptInput, responses={201: ReceiptSerializer})
    def create(self, request: Request) -> Response:
        return self._told(enter_receipt(by=request.user, **self.parsed(ReceiptInput)), 201)

    @extend_schema(
        summary="Change its note; anything else is reversed", request=NoteInput, responses=ReceiptSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        return self._told(edit_receipt(receipt=row, by=request.user, version=row.version, **self.parsed(NoteInput)))

    @extend_schema(summary="Let it pay an invoice", request=MatchInput, responses=ReceiptSerializer)
    @action(detail=True, methods=["post"])
    def match(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        match_receipt(receipt=row, by=request.user, **self.parsed(MatchInput))
        return self._told(row)

    @extend_schema(summary="Take a match back", request=UnmatchInput, responses=ReceiptSerializer)
    @action(detail=True, methods=["post"])
    def unmatch(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        found = get_or_404(
            request.user, "royalty.manage", ReceiptMatch.objects.filter(receipt=row).select_related("receipt"),
            pk=self.parsed(UnmatchInput)["match"],
        )  # fmt: skip
        unmatch_receipt(match=found, by=request.user)
        return self._told(row)

    @extend_schema(summary="Reverse it", request=ReasonInput, responses={201: ReceiptSerializer}, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def reverse(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        made = reverse_receipt(receipt=row, by=request.user, version=row.version, **self.parsed(ReasonInput))
        return self._told(made, 201)

    @extend_schema(
        summary="Refund what of it pays no invoice", request=RefundInput, responses=ReceiptSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def refund(self, request: Request, pk: str) -> Response:
        row = self._matched(request)
        refund_receipt(receipt=row, by=request.user, version=row.version, **self.parsed(RefundInput))
        return self._told(row)

    @extend_schema(summary="Take a refund back", request=UndoRefundInput, responses=ReceiptSerializer)
    @action(detail=True, methods=["post"], url_path="undo-refund")
    def undo_refund(self, request: Request, pk: str) -> Response:
        row, given = self.get_object(), self.parsed(UndoRefundInput)
        found = get_or_404(
            request.user, "royalty.manage", Refund.objects.filter(receipt=row).select_related("receipt"),
            pk=given["refund"],
        )  # fmt: skip
        reverse_refund(refund=found, reason=given["reason"], by=request.user)
        return self._told(row)

    def _matched(self, request: Request) -> Receipt:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now={"note": row.note})
        return row

    def _told(self, receipt: Receipt, status: int = 200) -> Response:
        row = self.rows.all().get(pk=receipt.pk)
        return tagged(self.shown(row, ReceiptSerializer, status), etag_of(row.pk, row.version))


# --- what is late
class LateStepSerializer(serializers.ModelSerializer):
    """A step about a report or an invoice that was late; `told` says it in words."""

    told = serializers.CharField(source="get_stage_display", read_only=True)

    class Meta:
        model = LateStep
        fields = ["id", "licence", "report", "invoice", "stage", "told", "told_on"]


class LateStepFilter(django_filters.FilterSet):
    licence = django_filters.UUIDFilter()
    report = django_filters.UUIDFilter()
    invoice = django_filters.UUIDFilter()
    stage = django_filters.ChoiceFilter(choices=LateStage.choices)


@extend_schema_view(
    list=extend_schema(summary="Steps about what was late, as the licensor", responses=LateStepSerializer(many=True))
)
class LateStepViewSet(ScopedViewSet):
    words = {"list": "royalty.view"}
    rows = LateStep.objects.all()
    serializer_class = LateStepSerializer
    filterset_class = LateStepFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), LateStepSerializer)


# --- what is passed on to further licensors
class PartnerPaymentSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    partner = serializers.SlugField(source="partner.slug", read_only=True)
    amount = MoneyField()

    class Meta:
        model = PartnerPayment
        fields = [
            "id", "organisation", "partner", "licence", "paid_on", "amount", "currency", "reference", "note",
            "reverses",
        ]  # fmt: skip


class PartnerPaymentInput(StrictSerializer):
    licence = _licence()
    partner = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    paid_on = DayField()
    amount = serializers.DecimalField(required=False, allow_null=True, **_SUM)
    reference = serializers.CharField(max_length=80, required=False, allow_blank=True)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, source="note_text")


class BookPaymentInput(StrictSerializer):
    received_on = DayField()
    reference = serializers.CharField(max_length=80, required=False, allow_blank=True)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, source="note_text")


class PartnerPaymentFilter(django_filters.FilterSet):
    licence = django_filters.UUIDFilter()
    partner = django_filters.CharFilter(field_name="partner__slug")
    organisation = django_filters.CharFilter(field_name="organisation__slug")


@extend_schema_view(
    list=extend_schema(
        summary="Parts of further licensors that were passed on", responses=PartnerPaymentSerializer(many=True)
    ),
    retrieve=extend_schema(summary="One payment to a further licensor", responses=PartnerPaymentSerializer),
)
class PartnerPaymentViewSet(ScopedViewSet):
    words = {
        "list": "royalty.view",
        "retrieve": "royalty.view",
        "create": "royalty.manage",
        "reverse": "royalty.manage",
        "book": "royalty.view",
    }
    rows = PartnerPayment.objects.with_all()
    serializer_class = PartnerPaymentSerializer
    filterset_class = PartnerPaymentFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), PartnerPaymentSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), PartnerPaymentSerializer)

    @extend_schema(
        summary="Enter that a further licensor was paid its part; without an amount all that is owed",
        request=PartnerPaymentInput, responses={201: PartnerPaymentSerializer},
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        made = pay_partner(by=request.user, **self.parsed(PartnerPaymentInput))
        return self.shown(made, PartnerPaymentSerializer, 201)

    @extend_schema(
        summary="Take it back while it is not booked", request=ReasonInput, responses={201: PartnerPaymentSerializer}
    )
    @action(detail=True, methods=["post"])
    def reverse(self, request: Request, pk: str) -> Response:
        made = reverse_partner_payment(payment=self.get_object(), by=request.user, **self.parsed(ReasonInput))
        return self.shown(made, PartnerPaymentSerializer, 201)

    @extend_schema(
        summary="Book it as received, as whom it was paid to", request=BookPaymentInput,
        responses={201: ReceiptSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def book(self, request: Request, pk: str) -> Response:
        made = book_partner_payment(payment=self.get_object(), by=request.user, **self.parsed(BookPaymentInput))
        return self.shown(made, ReceiptSerializer, 201)
