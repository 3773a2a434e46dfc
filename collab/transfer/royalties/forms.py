"""Forms of royalties."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.kernel.errors import Fault
from collab.kernel.names import PlainTextValidator
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.protection.models import ProtectionCost
from collab.transfer.royalties.models import Invoice, Receipt, RoyaltyReport, ScheduledPayment
from collab.transfer.royalties.money import from_minor
from collab.transfer.royalties.reporting import sublicences_to_report
from collab.transfer.royalties.states import PaymentKind, WriteOffKind
from collab.transfer.royalties.terms import TermsInForce
from collab.web.forms import DayInput, OnceForm, PageForm

SUM: dict[str, Any] = {"max_digits": 18, "decimal_places": 4}
ROWS = 6
ROWS_MAX = 100


def _text(label: Any, rows: int, most: int, **more: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows})
    return forms.CharField(label=label, max_length=most, validators=[PlainTextValidator()], widget=widget, **more)


def _currency(label: Any = None) -> forms.CharField:
    return forms.CharField(label=label or _("Currency"), min_length=3, max_length=3)


class ReachForm(PageForm):
    """A milestone is reached."""

    met_on = forms.DateField(label=_("Reached on"), widget=DayInput, initial=timezone.localdate)
    version = forms.IntegerField(widget=forms.HiddenInput)


class ReportForm(PageForm):
    """What was sold in a period, product by product; empty rows are passed over."""

    sublicence_income = forms.DecimalField(label=_("Sublicence income"), required=False, min_value=0, **SUM)
    currency = forms.CharField(widget=forms.HiddenInput)
    note = _text(_("Note"), 3, 4000, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, report: RoyaltyReport, rows: int = ROWS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.report = report
        known = list(report.lines.all())
        self.count = min(max(rows, len(known) + 2), ROWS_MAX)
        for name, value in (
            ("currency", report.currency), ("version", report.version), ("note", report.note),
            ("sublicence_income", from_minor(report.sublicence_income, report.currency)),
        ):  # fmt: skip
            self.fields[name].initial = value
        self.sublicences = sublicences_to_report(report)
        if self.sublicences or TermsInForce(report.licence).on(report.ends_on).running.sublicence_percent is None:
            del self.fields["sublicence_income"]
        before = {row.sublicence_id: row.amount for row in report.sublicence_incomes.all()}
        for n, sublicence in enumerate(self.sublicences):
            told = before.get(sublicence.pk)
            self.fields[f"income_{n}"] = forms.DecimalField(
                label=_now("Income from the sublicence to %(name)s") % {"name": sublicence},
                required=False,
                min_value=0,
                initial=None if told is None else from_minor(told, report.currency),
                help_text=_now("0 if it was nothing."),
                **SUM,
            )
        for n in range(self.count):
            line = known[n] if n < len(known) else None
            self.fields[f"product_{n}"] = forms.CharField(
                max_length=200,
                required=False,
                initial=line.product if line else "",
                widget=_cell(_now("Product"), n),
            )
            for name, label in (
                ("units", _now("Units sold")),
                ("gross", _now("Gross sales")),
                ("deductions", _now("Deductions")),
            ):
                value: Any = None
                if line is not None:
                    value = (
                        line.units.normalize() if name == "units" else from_minor(getattr(line, name), report.currency)
                    )
                self.fields[f"{name}_{n}"] = forms.DecimalField(
                    required=False, min_value=0, initial=value, widget=_number(label, n), **SUM
                )

    def rows(self) -> list[list[Any]]:
        """Each row with its four fields."""
        return [
            [self[f"{name}_{n}"] for name in ("product", "units", "gross", "deductions")] for n in range(self.count)
        ]

    def incomes(self) -> list[Any]:
        """The fields of the sublicences."""
        return [self[f"income_{n}"] for n in range(len(self.sublicences))]

    def lines(self) -> list[dict[str, Any]]:
        data, found = self.cleaned_data, []
        for n in range(self.count):
            line = {name: data.get(f"{name}_{n}") for name in ("product", "units", "gross", "deductions")}
            if any(value not in (None, "") for value in line.values()):
                found.append(line)
        return found

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "lines": self.lines(),
            "currency": data["currency"],
            "sublicence_income": data.get("sublicence_income") or Decimal(0),
            "sublicences": [
                {"sublicence": row, "amount": data.get(f"income_{n}")} for n, row in enumerate(self.sublicences)
            ],
            "note_text": data["note"],
            "version": data["version"],
        }

    def place_of(self, fault: Fault, field: str | None) -> str | None:
        """`lines.2.gross` is shown at the second row that was filled in."""
        parts = fault.path.split(".")
        if len(parts) == 3 and parts[0] == "lines" and parts[1].isdigit():
            filled = [
                n
                for n in range(self.count)
                if any(self.cleaned_data.get(f"{name}_{n}") not in (None, "") for name in ("product", "units", "gross"))
            ]
            number = int(parts[1]) - 1
            name = f"{parts[2]}_{filled[number]}" if number < len(filled) else ""
            return name if name in self.fields else None
        if len(parts) == 3 and parts[0] == "sublicences" and parts[1].isdigit():
            name = f"income_{int(parts[1]) - 1}"
            return name if name in self.fields else None
        return super().place_of(fault, field)


class ReceivedReportForm(ReportForm):
    """The same, as it stands on a paper or in a mail of the licensee."""

    received_on = forms.DateField(label=_("Received on"), widget=DayInput, initial=timezone.localdate)
    sent_by = forms.CharField(
        label=_("Signed or sent by"), max_length=200, validators=[PlainTextValidator()],
        help_text=_("Whoever of the licensee it is from."),
    )  # fmt: skip

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        return super().values() | {"received_on": data["received_on"], "sent_by": data["sent_by"]}


def _cell(label: str, n: int) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "form-control form-control-sm", "aria-label": f"{label} {n + 1}"})


def _number(label: str, n: int) -> forms.NumberInput:
    return forms.NumberInput(
        attrs={"class": "form-control form-control-sm num", "step": "any", "aria-label": f"{label} {n + 1}"}
    )


class ReasonForm(OnceForm):
    reason = _text(_("Reason"), 3, 1000)


class PaymentForm(OnceForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=PaymentKind.choices, initial=PaymentKind.OTHER)
    title = forms.CharField(label=_("Title"), max_length=300, validators=[PlainTextValidator()])
    title_zh = forms.CharField(
        label=_("Chinese title"), max_length=300, required=False, validators=[PlainTextValidator()]
    )
    amount = forms.DecimalField(label=_("Amount"), min_value=0, **SUM)
    currency = _currency()
    due_on = forms.DateField(label=_("Due on"), widget=DayInput)
    cost = forms.ModelChoiceField(
        ProtectionCost.objects.none(), label=_("Repays the cost"), required=False,
        help_text=_("Of a repayment of protection costs: what pays it is divided among nobody."),
    )  # fmt: skip

    def __init__(self, *args: Any, costs: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["cost"]
        field.queryset = costs.select_related("protection__family__case")
        field.label_from_instance = lambda row: (
            f"{row.protection} · {row.get_kind_display()} · {row.amount.normalize():,f} {row.currency}"
        )


class PaymentsForm(OnceForm):
    """Which scheduled payments an invoice asks for."""

    payments = forms.ModelMultipleChoiceField(
        ScheduledPayment.objects.none(), label=_("Payments"), widget=forms.CheckboxSelectMultiple
    )
    due_on = forms.DateField(
        label=_("Due on"), required=False, widget=DayInput, help_text=_("Empty: as the terms say, 14 days at least.")
    )

    def __init__(self, *args: Any, rows: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["payments"]
        field.queryset = rows
        field.label_from_instance = lambda row: f"{row} · {from_minor(row.amount, row.currency):,f} {row.currency}"

    def values(self) -> dict[str, Any]:
        given = super().values()
        return {"payments": list(given["payments"]), "due_on": given["due_on"]}


class WriteOffForm(OnceForm):
    """What of an invoice will not arrive, and why."""

    kind = forms.ChoiceField(label=_("Kind"), choices=WriteOffKind.choices)
    amount = forms.DecimalField(
        label=_("Amount"), required=False, min_value=0, help_text=_("Empty: all that is left to pay."), **SUM
    )
    reason = forms.CharField(label=_("Reason"), max_length=500, validators=[PlainTextValidator()])
    version = forms.IntegerField(widget=forms.HiddenInput)


class ReceiptForm(OnceForm):
    received_on = forms.DateField(label=_("Received on"), widget=DayInput, initial=timezone.localdate)
    amount = forms.DecimalField(label=_("Amount"), min_value=0, **SUM)
    currency = _currency()
    reference = forms.CharField(
        label=_("Bank reference"), max_length=80, required=False, validators=[PlainTextValidator()]
    )
    note_text = forms.CharField(label=_("Note"), max_length=500, required=False, validators=[PlainTextValidator()])
    match = forms.BooleanField(
        label=_("Pay the open invoices with it, the longest due first"), required=False, initial=True
    )


class PayPartnerForm(OnceForm):
    """A further licensor was paid its part."""

    paid_on = forms.DateField(label=_("Paid on"), widget=DayInput, initial=timezone.localdate)
    amount = forms.DecimalField(
        label=_("Amount"), required=False, min_value=0, help_text=_("Empty: all that is owed."), **SUM
    )
    reference = forms.CharField(
        label=_("Bank reference"), max_length=80, required=False, validators=[PlainTextValidator()]
    )
    note_text = forms.CharField(label=_("Note"), max_length=500, required=False, validators=[PlainTextValidator()])


class BookPaymentForm(OnceForm):
    """A part that was passed on arrived."""

    received_on = forms.DateField(label=_("Received on"), widget=DayInput, initial=timezone.localdate)
    reference = forms.CharField(
        label=_("Bank reference"), max_length=80, required=False, validators=[PlainTextValidator()]
    )
    note_text = forms.CharField(label=_("Note"), max_length=500, required=False, validators=[PlainTextValidator()])


class MatchForm(OnceForm):
    invoice = forms.ModelChoiceField(Invoice.objects.none(), label=_("Invoice"), empty_label=None)
    amount = forms.DecimalField(
        label=_("Amount"), required=False, help_text=_("Empty: as much as both leave open."), **SUM
    )

    def __init__(self, *args: Any, receipt: Receipt, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["invoice"]
        field.queryset = Invoice.objects.filter(licence=receipt.licence_id).open().select_related("organisation")
        field.label_from_instance = lambda row: f"{row} · {from_minor(row.left, row.currency):,f} {row.currency}"


class RefundForm(OnceForm):
    """What of a receipt was paid back, and why."""

    amount = forms.DecimalField(
        label=_("Amount"), required=False, min_value=0, help_text=_("Empty: all that pays no invoice."), **SUM
    )
    refunded_on = forms.DateField(label=_("Refunded on"), widget=DayInput, initial=timezone.localdate)
    reference = forms.CharField(
        label=_("Bank reference"), max_length=80, required=False, validators=[PlainTextValidator()]
    )
    reason = forms.CharField(label=_("Reason"), max_length=500, validators=[PlainTextValidator()])
    version = forms.IntegerField(widget=forms.HiddenInput)


class NoteForm(PageForm):
    note = forms.CharField(label=_("Note"), max_length=500, required=False, validators=[PlainTextValidator()])
    version = forms.IntegerField(widget=forms.HiddenInput)


class RateForm(OnceForm):
    source = _currency(_("One unit of"))
    target = _currency(_("is worth in"))
    rate = forms.DecimalField(label=_("Rate"), min_value=0, max_digits=18, decimal_places=8)
    from_on = forms.DateField(label=_("From"), widget=DayInput, initial=timezone.localdate)
    until_on = forms.DateField(
        label=_("Until"), required=False, widget=DayInput, help_text=_("Empty: for this day alone.")
    )
    reference = forms.CharField(
        label=_("Where it is from"), max_length=200, required=False, validators=[PlainTextValidator()]
    )


class EndRateForm(OnceForm):
    """The last day of a rate, and why."""

    until_on = forms.DateField(label=_("Holds until"), widget=DayInput, initial=timezone.localdate)
    reason = _text(_("Reason"), 3, 1000)


class InterestForm(OnceForm):
    percent = forms.DecimalField(label=_("Per cent a year"), min_value=0, max_value=100, max_digits=7, decimal_places=4)
    from_on = forms.DateField(label=_("From"), widget=DayInput, initial=timezone.localdate)


class ThirdPartyForm(OnceForm):
    case = forms.ModelChoiceField(TransferCase.objects.none(), label=_("Case"))
    name = forms.CharField(label=_("Name"), max_length=200, validators=[PlainTextValidator()])
    percent = forms.DecimalField(
        label=_("Per cent of what it brings"), min_value=0, max_value=100, max_digits=7, decimal_places=4
    )
    from_on = forms.DateField(label=_("For receipts from"), widget=DayInput, initial=timezone.localdate)
    until_on = forms.DateField(label=_("Until before"), required=False, widget=DayInput)
    ground = forms.CharField(label=_("By what"), max_length=300, required=False, validators=[PlainTextValidator()])

    def __init__(self, *args: Any, cases: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["case"]
        field.queryset = cases


class EndForm(OnceForm):
    until_on = forms.DateField(label=_("Until before"), widget=DayInput, initial=timezone.localdate)


class ProposeForm(OnceForm):
    """Which receipts are distributed, and why; none chosen: all that can be."""

    reason = forms.CharField(label=_("Note"), max_length=1000, required=False, validators=[PlainTextValidator()])
    receipts = forms.ModelMultipleChoiceField(Receipt.objects.none(), required=False, widget=forms.MultipleHiddenInput)

    def __init__(self, *args: Any, rows: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["receipts"]
        field.queryset = rows

    def values(self) -> dict[str, Any]:
        given = super().values()
        chosen = [row.pk for row in given["receipts"]]
        return given | {"receipts": chosen or None}


class DecideForm(PageForm):
    decision = forms.ChoiceField(choices=[("approved", "approved"), ("rejected", "rejected")])
    reason = forms.CharField(max_length=1000, required=False, validators=[PlainTextValidator()])
    version = forms.IntegerField()
