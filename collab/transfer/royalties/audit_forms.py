"""Forms of royalty audits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.kernel.errors import Fault
from collab.transfer.royalties.audit_models import RoyaltyAudit
from collab.transfer.royalties.forms import ROWS, ROWS_MAX, SUM, _cell, _number, _text
from collab.transfer.royalties.models import RoyaltyReport
from collab.transfer.royalties.money import from_minor
from collab.web.forms import DayInput, OnceForm, PageForm


class AnnounceForm(OnceForm):
    starts_on = forms.DateField(label=_("Examined from"), widget=DayInput)
    ends_on = forms.DateField(label=_("Examined until"), widget=DayInput)
    auditor = forms.CharField(
        label=_("Auditor"), max_length=200, help_text=_("Somebody independent, with the name of the firm.")
    )
    begins_on = forms.DateField(label=_("Begins on"), widget=DayInput)
    note = _text(_("What is to be made ready"), 3, 4000, required=False)

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        given = {name: data[name] for name in ("starts_on", "ends_on", "auditor", "begins_on")}
        return given | {"note_text": data["note"]}


class VersionForm(PageForm):
    version = forms.IntegerField(widget=forms.HiddenInput)


class DisputeForm(VersionForm):
    reason = _text(_("What is not right"), 5, 4000)


class FindingsForm(VersionForm):
    """What was left out, report by report; empty rows are passed over."""

    summary = _text(_("What was examined and found"), 5, 8000)
    cost = forms.DecimalField(label=_("Cost of the audit"), required=False, min_value=0, **SUM)

    def __init__(self, *args: Any, audit: RoyaltyAudit, reports: list[RoyaltyReport], rows: int = ROWS, **kwargs: Any):
        super().__init__(*args, **kwargs)
        known = list(audit.findings.all())
        self.count = min(max(rows, len(known) + 2), ROWS_MAX)
        self.names = ["report", "product", "units", "gross", "disallowed"]
        if audit.licence.sublicence_percent is not None:
            self.names.append("sublicence_income")
            sublicences = list(audit.licence.sublicences.in_force(audit.starts_on, audit.ends_on).order_by("starts_on"))
            if sublicences:
                self.names.append("sublicence")
        for name, value in (
            ("version", audit.version), ("summary", audit.summary), ("cost", from_minor(audit.cost, audit.currency)),
        ):  # fmt: skip
            self.fields[name].initial = value
        periods = [(str(row.pk), f"{date_format(row.starts_on)} – {date_format(row.ends_on)}") for row in reports]
        choices = [("", "–"), *periods]
        for n in range(self.count):
            row = known[n] if n < len(known) else None
            self.fields[f"report_{n}"] = forms.ChoiceField(
                choices=choices,
                required=False,
                initial=str(row.report_id) if row else "",
                widget=forms.Select(
                    attrs={"class": "form-select form-select-sm", "aria-label": f"{_now('Report')} {n + 1}"}
                ),
            )
            if "sublicence" in self.names:
                self.fields[f"sublicence_{n}"] = forms.ChoiceField(
                    choices=[("", "–"), *((str(one.pk), one.name) for one in sublicences)],
                    required=False,
                    initial=str(row.sublicence_id or "") if row else "",
                    widget=forms.Select(
                        attrs={
                            "class": "form-select form-select-sm",
                            "aria-label": f"{_now('Of the sublicence')} {n + 1}",
                        }
                    ),
                )
            self.fields[f"product_{n}"] = forms.CharField(
                max_length=200, required=False, initial=row.product if row else "", widget=_cell(_now("Product"), n)
            )
            for name, label in (
                ("units", _now("Units not reported")),
                ("gross", _now("Gross sales not reported")),
                ("disallowed", _now("Deductions not allowed")),
                ("sublicence_income", _now("Sublicence income not reported")),
            ):
                if name not in self.names:
                    continue
                value: Any = None
                if row is not None:
                    money = name != "units"
                    value = from_minor(getattr(row, name), audit.currency) if money else row.units.normalize()
                self.fields[f"{name}_{n}"] = forms.DecimalField(
                    required=False, min_value=0, initial=value or None, widget=_number(label, n), **SUM
                )

    def heads(self) -> list[str]:
        """The titles of the columns."""
        titles = {
            "report": _now("Report"),
            "product": _now("Product"),
            "units": _now("Units not reported"),
            "gross": _now("Gross sales not reported"),
            "disallowed": _now("Deductions not allowed"),
            "sublicence_income": _now("Sublicence income not reported"),
            "sublicence": _now("Of the sublicence"),
        }
        return [titles[name] for name in self.names]

    def rows(self) -> list[list[tuple[str, Any]]]:
        """Each row as pairs of a title and its field."""
        return [
            list(zip(self.heads(), [self[f"{name}_{n}"] for name in self.names], strict=True))
            for n in range(self.count)
        ]

    def _filled(self) -> list[int]:
        data = self.cleaned_data
        return [n for n in range(self.count) if any(data.get(f"{name}_{n}") not in (None, "") for name in self.names)]

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "findings": [{name: data.get(f"{name}_{n}") for name in self.names} for n in self._filled()],
            "summary": data["summary"],
            "cost": data.get("cost") or Decimal(0),
            "version": data["version"],
        }

    def place_of(self, fault: Fault, field: str | None) -> str | None:
        """`findings.2.gross` is shown at the second row that was filled in."""
        parts = fault.path.split(".")
        if len(parts) == 3 and parts[0] == "findings" and parts[1].isdigit():
            filled, number = self._filled(), int(parts[1]) - 1
            name = f"{parts[2]}_{filled[number]}" if number < len(filled) else ""
            return name if name in self.fields else None
        return super().place_of(fault, field)
