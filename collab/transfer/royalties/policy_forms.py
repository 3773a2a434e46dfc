"""Two forms of a policy: row by row, and as the data that it is. Both give the same content and take each other's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from collab.kernel.names import PlainTextValidator
from collab.transfer.royalties.models import ACCOUNT_WORDS
from collab.transfer.royalties.policies import EXAMPLES, SHARED, Deduction, InventorSplit
from collab.web.forms import DayInput, PageForm

ROWS, ROWS_MAX = 3, 20
DEDUCTION_WORDS = {
    Deduction.THIRD_PARTIES: _("third parties"),
    Deduction.OFFICE: _("the office"),
    Deduction.COSTS: _("costs not repaid"),
}


class PolicyForm(PageForm):
    """What a policy says beside its rules. The page shows in words what those say."""

    currency = forms.CharField(label=_("Currency of the books"), min_length=3, max_length=3)
    effective_on = forms.DateField(label=_("For receipts from"), widget=DayInput, initial=timezone.localdate)
    note = forms.CharField(label=_("Note"), max_length=1000, required=False, validators=[PlainTextValidator()])
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def values(self) -> dict[str, Any]:
        """What the verb takes."""
        given = {name: self.cleaned_data[name] for name in ("currency", "effective_on", "note", "version")}
        return given | {"content": self.rules()}

    def rules(self) -> Any:
        """The policy as data."""
        raise NotImplementedError


class PolicyJsonForm(PolicyForm):
    content = forms.CharField(
        label=_("Rules"),
        max_length=20000,
        widget=forms.Textarea(attrs={"rows": 18, "class": "mono", "spellcheck": "false"}),
        help_text=_(
            "Deductions in their order, then shares of what is left that make 100 %; a share is “25” or “1/3”."
        ),
    )
    field_order = ("currency", "effective_on", "content", "note")

    def clean_content(self) -> Any:
        try:
            return json.loads(self.cleaned_data["content"])
        except (ValueError, RecursionError):
            raise forms.ValidationError(_now("This is no JSON: look for a missing comma or quote.")) from None

    def rules(self) -> Any:
        return self.cleaned_data["content"]

    @staticmethod
    def said(content: Any) -> dict[str, Any]:
        """What the form shows of a policy."""
        return {"content": json.dumps(content, indent=2, ensure_ascii=False)}


class PolicyRowsForm(PolicyForm):
    """Deductions, one a row, and tiers of shares; rows that are left empty are passed over."""

    inventors = forms.ChoiceField(
        label=_("The inventors of a case get"),
        choices=[
            (InventorSplit.AS_AGREED.value, _("the shares that they signed")),
            (InventorSplit.EQUAL.value, _("equal parts")),
        ],
    )
    rows = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, rows: int = ROWS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count = min(max(rows, ROWS), ROWS_MAX)
        self.initial["rows"] = self.count
        for n in range(self.count):
            self._deduction(n)
        for n in range(self.count):
            self._tier(n)

    def _deduction(self, n: int) -> None:
        kinds = [("", _now("nothing")), *((kind.value, word) for kind, word in DEDUCTION_WORDS.items())]
        until = [("", _now("always")), ("costs_repaid", _now("until costs are repaid"))]
        of = [("gross", _now("what came in")), ("rest", _now("what is left"))]
        for name, label, choices in (
            ("kind", _now("Taken off first"), kinds),
            ("of", _now("Per cent of what"), of),
            ("until", _now("How long"), until),
        ):
            self.fields[f"{name}_{n}"] = forms.ChoiceField(required=False, choices=choices, widget=_choice(label, n))
        self.fields[f"percent_{n}"] = _share(_now("Per cent"), n)

    def _tier(self, n: int) -> None:
        self.fields[f"up_to_{n}"] = forms.DecimalField(
            required=False, min_value=0, max_digits=18, decimal_places=4,
            widget=forms.NumberInput(attrs=_attributes(_now("Up to, of a case"), n) | {"step": "any"}),
        )  # fmt: skip
        for account in SHARED:
            self.fields[f"{account.value}_{n}"] = _share(str(ACCOUNT_WORDS[account]), n)

    def deductions(self) -> list[list[tuple[Any, Any]]]:
        """Each row with what heads its cells."""
        heads = (_now("Taken off first"), _now("Per cent"), _now("Per cent of what"), _now("How long"))
        return [self._cells(n, heads, ("kind", "percent", "of", "until")) for n in range(self.count)]

    def tiers(self) -> list[list[tuple[Any, Any]]]:
        heads = (_now("Up to, of a case"), *(ACCOUNT_WORDS[account] for account in SHARED))
        return [self._cells(n, heads, ("up_to", *(account.value for account in SHARED))) for n in range(self.count)]

    def _cells(self, n: int, heads: tuple[Any, ...], names: tuple[str, ...]) -> list[tuple[Any, Any]]:
        return [(head, self[f"{name}_{n}"]) for head, name in zip(heads, names, strict=True)]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        for n in range(self.count):
            if data.get(f"percent_{n}") and not data.get(f"kind_{n}"):
                self.add_error(f"kind_{n}", _now("Choose what is taken off."))
        return data

    def rules(self) -> dict[str, Any]:
        deductions = [self._deducted(n) for n in range(self.count) if self.cleaned_data[f"kind_{n}"]]
        tiers = [tier for n in range(self.count) if (tier := self._shared(n)) is not None]
        return {"deductions": deductions, "tiers": tiers, "inventors": self.cleaned_data["inventors"]}

    def _deducted(self, n: int) -> dict[str, str]:
        told = {name: self.cleaned_data[f"{name}_{n}"] for name in ("kind", "percent", "of", "until")}
        if told["kind"] == Deduction.COSTS or told["until"]:
            del told["of"]  # it says nothing there
        return {name: value for name, value in told.items() if value}

    def _shared(self, n: int) -> dict[str, Any] | None:
        bound = self.cleaned_data[f"up_to_{n}"]
        shares = {account.value: self.cleaned_data[f"{account.value}_{n}"] for account in SHARED}
        shares = {account: share for account, share in shares.items() if share}
        if bound is None and not shares:
            return None
        return {"shares": shares} | ({} if bound is None else {"up_to": f"{bound.normalize():f}"})

    @staticmethod
    def said(content: Mapping[str, Any]) -> dict[str, Any]:
        """What the form shows of a policy that was read without fault."""
        told: dict[str, Any] = {"inventors": content.get("inventors", InventorSplit.AS_AGREED.value)}
        for n, row in enumerate(content.get("deductions", [])):
            told |= {f"{name}_{n}": str(value) for name, value in row.items()}
        for n, row in enumerate(content["tiers"]):
            told |= {f"{account}_{n}": str(share) for account, share in row["shares"].items()}
            if row.get("up_to") is not None:
                told[f"up_to_{n}"] = row["up_to"]
        return told

    @staticmethod
    def needed(content: Mapping[str, Any]) -> int:
        """How many rows hold a policy, with room for one more."""
        return 1 + max(len(content.get("deductions", [])), len(content["tiers"]))


def example(name: str) -> dict[str, Any]:
    return EXAMPLES.get(name, EXAMPLES["dayton"])


def _share(label: str, n: int) -> forms.CharField:
    return forms.CharField(required=False, max_length=12, widget=forms.TextInput(attrs=_attributes(label, n)))


def _choice(label: str, n: int) -> forms.Select:
    return forms.Select(attrs={"class": "form-select form-select-sm", "aria-label": _named(label, n)})


def _attributes(label: str, n: int) -> dict[str, Any]:
    return {"class": "form-control form-control-sm num", "inputmode": "decimal", "aria-label": _named(label, n)}


def _named(label: str, n: int) -> str:
    return pgettext("a field and the number of its row", "%(label)s, row %(n)d") % {"label": label, "n": n + 1}
