"""Forms of the budget."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import PlainTextValidator
from collab.projects.models import Budget, BudgetLine, CostCategory, Project, ProjectParty
from collab.projects.work_forms import PartyChoice, parties_of
from collab.web.forms import DayInput, OnceForm, PageForm

MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 2}


class BudgetTableForm(PageForm):
    """Planned and committed of every line, as one table."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, lines: list[BudgetLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line in lines:
            for name in ("planned", "committed"):
                widget = forms.NumberInput(
                    attrs={
                        "class": "form-control form-control-sm num",
                        "step": "0.01",
                        "aria-label": f"{line} · {_now(name)}",
                    }
                )
                self.fields[f"{name}_{line.pk}"] = forms.DecimalField(
                    min_value=0, initial=getattr(line, name), widget=widget, **MONEY
                )

    def rows(self) -> list[dict[str, Any]]:
        """Each line with its two fields."""
        return [
            {"line": line, "planned": self[f"planned_{line.pk}"], "committed": self[f"committed_{line.pk}"]}
            for line in self.lines
        ]

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        changes: dict[UUID, dict[str, Decimal]] = {
            line.pk: {name: data[f"{name}_{line.pk}"] for name in ("planned", "committed")} for line in self.lines
        }
        return {"changes": changes, "version": data["version"]}


class LineForm(OnceForm):
    party = PartyChoice(ProjectParty.objects.none(), label=_("Party"))
    category = forms.ChoiceField(label=_("Category"), choices=CostCategory.choices)
    starts_on = forms.DateField(label=_("Period from"), widget=DayInput)
    ends_on = forms.DateField(label=_("Period until"), widget=DayInput)
    planned = forms.DecimalField(label=_("Planned"), min_value=0, **MONEY)
    committed = forms.DecimalField(label=_("Committed"), min_value=0, initial=0, **MONEY)
    note = forms.CharField(label=_("Note"), max_length=200, required=False, validators=[PlainTextValidator()])

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        party: Any = self.fields["party"]
        party.queryset = parties_of(project)


class CostForm(OnceForm):
    amount = forms.DecimalField(label=_("Amount"), help_text=_("A negative amount books a mistake back."), **MONEY)
    on = forms.DateField(label=_("On"), widget=DayInput, initial=timezone.localdate)
    reference = forms.CharField(label=_("Reference"), max_length=80, required=False, validators=[PlainTextValidator()])
    note = forms.CharField(label=_("Note"), max_length=200, required=False, validators=[PlainTextValidator()])


class BudgetForm(PageForm):
    currency = forms.CharField(label=_("Currency"), max_length=3)
    thresholds = forms.CharField(
        label=_("Tell at, per cent of the plan"), max_length=60, required=False, help_text=_("For example 80, 100.")
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    @staticmethod
    def about(budget: Budget) -> dict[str, Any]:
        shown = ", ".join(map(str, budget.thresholds))
        return {"currency": budget.currency, "thresholds": shown, "version": budget.version}

    def clean_thresholds(self) -> list[int]:
        parts = [part.strip() for part in self.cleaned_data["thresholds"].split(",") if part.strip()]
        if not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
            raise forms.ValidationError(_now("Write whole numbers with commas between them."))
        return [int(part) for part in parts]


class RateForm(OnceForm):
    per_cpu_hour = forms.DecimalField(
        label=_("Price of a processor hour"), min_value=0, max_digits=12, decimal_places=4
    )
    valid_from = forms.DateField(label=_("Valid from"), widget=DayInput, initial=timezone.localdate)
