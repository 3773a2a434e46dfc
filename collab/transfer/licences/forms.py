"""Forms of options and licences. Tiers, milestones and diligence are written one on a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Organisation
from collab.agreements.forms import blank_field, plain_value
from collab.agreements.library import TemplateVersion
from collab.agreements.models import AgreementKind, AgreementVersion
from collab.kernel.errors import Fault
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.licensable import Licensable
from collab.transfer.licences.models import Licence
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.transfer.licences.states import (
    STATE_WORDS,
    Costs,
    CostsOf,
    Exclusivity,
    Frequency,
    LicenceState,
    RoyaltyBasis,
    SharesBy,
    Span,
    Sublicensing,
)
from collab.transfer.licences.terms import TERMS
from collab.transfer.licences.writing import CARRIED
from collab.web.forms import DayInput, ListFilter, OnceForm, PageForm, SearchInput

KINDS = [(kind.value, kind.label) for kind in (AgreementKind.LICENCE, AgreementKind.OPTION)]


class PlaceField(forms.ModelMultipleChoiceField):
    """Places of a tree, each indented under what holds it, found by what they are called."""

    def __init__(self, rows: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(rows, to_field_name="code", widget=forms.SelectMultiple(attrs={"size": 8}), **kwargs)

    def label_from_instance(self, obj: Any) -> str:
        return obj.indented


def _money(label: Any, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=20, required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **more
    )


def _lines(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=6000, help_text=help_text, widget=forms.Textarea(attrs={"rows": 3}),
        validators=[PlainTextValidator()],
    )  # fmt: skip


class TermsForm(OnceForm):
    """The terms. Assets are percentages: empty is not licensed."""

    effective_on = forms.DateField(label=_("In force from"), widget=DayInput, initial=timezone.localdate)
    expires_on = forms.DateField(
        label=_("Ends on"), widget=DayInput, required=False, help_text=_("The first day without effect.")
    )
    exclusivity = forms.ChoiceField(label=_("Exclusivity"), choices=Exclusivity.choices)
    fields_ = PlaceField(FieldOfUse.objects.all(), label=_("Fields of use"))
    field_note = forms.CharField(
        label=_("The field in words"), max_length=500, required=False, validators=[PlainTextValidator()]
    )
    territories = PlaceField(Territory.objects.all(), label=_("Territories"))
    commercial = forms.BooleanField(label=_("Commercial use"), required=False, initial=True)
    sublicensing = forms.ChoiceField(label=_("Sublicences"), choices=Sublicensing.choices)
    sublicences_end = forms.BooleanField(
        label=_("Sublicences that the new terms leave no room for end with them"),
        required=False,
        help_text=_("Otherwise the terms are neither approved nor signed while such a sublicence is in force."),
    )
    academic_use = forms.BooleanField(
        label=_("The licensor goes on teaching and doing research with it"), required=False, initial=True
    )
    currency = forms.CharField(label=_("Currency"), max_length=3, required=False, help_text=_("Such as EUR or CNY."))
    issue_fee = _money(_("Issue fee"))
    issue_fee_days = forms.IntegerField(label=_("Days to pay the issue fee"), initial=30, min_value=0, required=False)
    annual_minimum = _money(_("Annual minimum"))
    minimum_from = forms.DateField(
        label=_("Annual minimum from"), widget=DayInput, required=False, help_text=_("Empty: from the beginning.")
    )
    minimum_creditable = forms.BooleanField(
        label=_("Royalties count towards the minimum"), required=False, initial=True
    )
    royalty_basis = forms.ChoiceField(label=_("Running royalty on"), choices=RoyaltyBasis.choices)
    tiers = _lines(_("Rates"), _("One on a line: from which amount, then the rate in per cent. For example “0: 3”."))
    tiers_by = forms.ChoiceField(label=_("Tiers count over"), choices=Span.choices, initial=Span.YEAR)
    royalty_cap = _money(_("Royalties at most"))
    cap_by = forms.ChoiceField(label=_("The most counts over"), choices=Span.choices, initial=Span.YEAR)
    sublicence_percent = _money(_("Share of sublicence income, per cent"))
    equity_percent = _money(_("Equity, per cent"))
    equity_note = forms.CharField(
        label=_("Equity in words"), max_length=300, required=False, validators=[PlainTextValidator()]
    )
    costs = forms.ChoiceField(label=_("Costs of protection that the licensee repays"), choices=Costs.choices)
    costs_of = forms.ChoiceField(label=_("Costs are those"), choices=CostsOf.choices, required=False)
    costs_percent = _money(_("Part of the costs that is repaid, per cent"), help_text=_("Empty: all of it."))
    costs_cap = _money(_("Costs repaid at most"))
    costs_days = forms.IntegerField(label=_("Days to repay a cost"), initial=30, min_value=0, required=False)
    late_interest_percent = _money(_("Late interest, per cent a year"))
    share_days = forms.IntegerField(
        label=_("Days to pass on the part of another licensor"), initial=30, min_value=0, required=False
    )
    milestones = _lines(
        _("Milestone payments"),
        _("One on a line: title; amount; day, if any; Chinese title, if any. For example “First sale; 20000”."),
    )
    diligence = _lines(
        _("Diligence milestones"),
        _("One on a line: title; day; Chinese title, if any. For example “On the market; 2028-01-01”."),
    )
    convertible = forms.BooleanField(
        label=_("May be made non-exclusive when a diligence milestone is missed"), required=False
    )
    report_frequency = forms.ChoiceField(label=_("Reports"), choices=Frequency.choices)
    report_days = forms.IntegerField(label=_("Days to report and pay after a period"), initial=45, min_value=0)
    audit_right = forms.BooleanField(label=_("The licensor may have the books examined"), required=False, initial=True)
    audit_notice_days = forms.IntegerField(
        label=_("Days of notice before an examination"), required=False, min_value=0, initial=30
    )
    audit_cost_percent = _money(
        _("The licensee bears the cost of an audit that finds more than, per cent"),
        help_text=_("Of what was owed as reported. Empty: the licensor bears it."),
    )
    negotiation_days = forms.IntegerField(
        label=_("Days to negotiate once an option is exercised"), required=False, min_value=0
    )
    edit = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        *args: Any,
        assets: Iterable[Licensable],
        sharing: Iterable[Organisation] = (),
        sublicences: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        several = list(sharing)
        self.sharing = {f"share_{n}": one for n, one in enumerate(several)} if len(several) > 1 else {}
        for name, one in self.sharing.items():
            self.fields[name] = _money(
                _now("Part of %(who)s in the receipts, per cent") % {"who": one},
                help_text=_now("Empty for all: by the parts of the assets, each to its owners."),
            )
        if not self.sharing:
            del self.fields["share_days"]
        if not sublicences:
            del self.fields["sublicences_end"]
        self.assets = {f"asset_{n}": asset for n, asset in enumerate(assets)}
        for name, asset in self.assets.items():
            self.fields[name] = _money(
                f"{asset.label} – {_now('part of the money, per cent')}",
                help_text=_now("Empty: not licensed. %(why)s") % {"why": asset.because},
            )
        placed = {*self.assets, *self.sharing}
        self.order_fields([*self.leading, *self.assets, *self.sharing, *(n for n in self.fields if n not in placed)])

    leading: tuple[str, ...] = ()

    def place_of(self, fault: Fault, field: str | None) -> str | None:
        first, _dot, rest = fault.path.partition(".")
        number = rest.split(".")[0]
        if first == "assets" and number.isdigit() and int(number) <= len(self.chosen):
            return self.chosen[int(number) - 1]
        if first == "assets":
            return next(iter(self.assets), None)
        if first == "shares":
            parts = self.parts
            return parts[int(number) - 1] if number.isdigit() and int(number) <= len(parts) else next(iter(parts), None)
        return super().place_of(Fault({"fields": "fields_"}.get(first, first), fault.text), field)

    @property
    def chosen(self) -> list[str]:
        """The fields of the assets that were given a part."""
        return [name for name in self.assets if (self.cleaned_data.get(name) or "").strip()]

    @property
    def parts(self) -> list[str]:
        """The fields of the licensors that were given a part."""
        return [name for name in self.sharing if (self.cleaned_data.get(name) or "").strip()]

    def terms(self) -> dict[str, Any]:
        """As `read_terms` takes them."""
        data = self.cleaned_data
        given = {name: data[name] for name in TERMS if name in data and name not in {"territories"}}
        for name, value in given.items():
            given[name] = value.strip() or None if isinstance(value, str) and name not in _TEXTS else value
        given |= {
            "fields": [row.code for row in data["fields_"]],
            "territories": [row.code for row in data["territories"]],
            "currency": data["currency"].strip().upper(),
            "assets": [
                {
                    "kind": self.assets[name].kind,
                    "subject_type": self.assets[name].subject_type,
                    "subject_id": self.assets[name].subject_id,
                    "percent": data[name].strip(),
                }
                for name in self.chosen
            ],
            "shares_by": (SharesBy.AGREED if self.parts else SharesBy.ASSETS).value,
            "shares": [{"licensor": str(self.sharing[name].pk), "percent": data[name].strip()} for name in self.parts],
            "tiers": [
                {"from": begin, ("per_unit" if data["royalty_basis"] == RoyaltyBasis.UNITS else "rate"): rate}
                for begin, rate in _rows(data["tiers"], ":", 2)
            ],
            "milestones": [
                {"title": title, "amount": amount, "due_on": day or None, "title_zh": title_zh}
                for title, amount, day, title_zh in _rows(data["milestones"], ";", 4)
            ],
            "diligence": [
                {"title": title, "due_on": day, "title_zh": title_zh}
                for title, day, title_zh in _rows(data["diligence"], ";", 3)
            ],
        }
        return given

    def days(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("effective_on", "expires_on")}


_TEXTS = {"field_note", "equity_note", "exclusivity", "sublicensing", "royalty_basis", "tiers_by", "cap_by", "costs"}


def _rows(text: str, mark: str, places: int) -> list[list[str]]:
    """The lines of a text, each cut at the marks into so many places. A wide colon or semicolon is one too."""
    plain = text.replace("：", ":").replace("；", ";")
    lines = [line for line in plain.splitlines() if line.strip()]
    return [[*(part.strip() for part in line.split(mark)), *[""] * places][:places] for line in lines]


def _lines_of(rows: Iterable[Mapping[str, Any]], *names: str) -> str:
    """Rows as the lines that `_rows` reads; what is empty at the end is left out."""
    lines = ["; ".join(str(row.get(name) or "") for name in names) for row in rows]
    return "\n".join(line.rstrip("; ") for line in lines)


def shown_terms(
    version: AgreementVersion,
    terms: Mapping[str, Any],
    assets: Mapping[str, Licensable],
    sharing: Mapping[str, Organisation],
) -> dict[str, Any]:
    """The terms of a version as the form shows them."""
    agreed = terms.get("shares", []) if terms.get("shares_by") == SharesBy.AGREED else []
    shares = {row["licensor"]: row["percent"] for row in agreed}
    parts = {f"{row['subject_type']}:{row['subject_id']}": row["percent"] for row in terms["assets"]}
    shown = {name: value for name, value in terms.items() if name not in {"assets", "fields", "tiers", "shares"}}
    return shown | {
        "effective_on": version.effective_on,
        "expires_on": version.expires_on,
        "edit": version.version,
        "fields_": terms["fields"],
        "tiers": "\n".join(f"{row['from']}: {row['rate'] or row['per_unit']}" for row in terms["tiers"]),
        "milestones": _lines_of(terms["milestones"], "title", "amount", "due_on", "title_zh"),
        "diligence": _lines_of(terms["diligence"], "title", "due_on", "title_zh"),
        **{name: parts[asset.key] for name, asset in assets.items() if asset.key in parts},
        **{name: shares[str(one.pk)] for name, one in sharing.items() if str(one.pk) in shares},
    }


class DraftForm(TermsForm):
    """A new term sheet."""

    kind = forms.ChoiceField(label=_("Kind"), choices=KINDS)
    reference = forms.CharField(
        label=_("Reference"), max_length=40, validators=[DisplayNameValidator()], help_text=_("For example LIC-3.")
    )
    title = forms.CharField(label=_("Title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = forms.CharField(
        label=_("Chinese title"), max_length=160, required=False, validators=[PlainTextValidator()]
    )
    licensor = forms.ModelChoiceField(Organisation.objects.none(), label=_("Licensor"), empty_label=None)
    co_licensors = forms.ModelMultipleChoiceField(
        Organisation.objects.none(),
        label=_("Further licensors"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "Who owns an asset together with the licensor licenses it too. The licensor administers the licence: it "
            "asks for reports and payments, and passes on the parts of the others."
        ),
    )
    licensee = forms.ModelChoiceField(Organisation.objects.order_by("name"), label=_("Licensee"))
    case = forms.ModelChoiceField(
        TransferCase.objects.none(),
        label=_("Case"),
        required=False,
        help_text=_(
            "Its income is divided among the inventors of this case. What belongs to a case outside every project is "
            "offered below when the draft begins on the page of the case."
        ),
    )
    option = forms.ModelChoiceField(Licence.objects.none(), label=_("From the option"), required=False)
    leading = (
        "once", "kind", "reference", "title", "title_zh", "licensor", "co_licensors", "licensee", "case", "option",
        "text", "text_zh",
    )  # fmt: skip
    text = forms.CharField(
        label=_("Text"), required=False, max_length=200_000, widget=forms.Textarea(attrs={"rows": 4}),
        validators=[PlainTextValidator()],
        help_text=_("Empty: a short text that refers to the terms below."),
    )  # fmt: skip
    text_zh = forms.CharField(
        label=_("Chinese text"), required=False, max_length=200_000, widget=forms.Textarea(attrs={"rows": 4}),
        validators=[PlainTextValidator()],
    )  # fmt: skip

    def __init__(
        self,
        *args: Any,
        licensors: QuerySet[Organisation],
        partners: QuerySet[Organisation],
        options: QuerySet[Licence],
        cases: QuerySet[TransferCase],
        template: TemplateVersion | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.template = template
        self.blanks = [one for one in template.field_list() if one.name not in CARRIED] if template else []
        if template is not None:
            self._fill_in(template)
        for name, rows in (
            ("licensor", licensors), ("co_licensors", partners), ("option", options), ("case", cases)
        ):  # fmt: skip
            field: Any = self.fields[name]
            field.queryset = rows
        if not options.exists():
            del self.fields["option"]
        if not cases.exists():
            del self.fields["case"]
        if not partners.exists():
            del self.fields["co_licensors"]

    def _fill_in(self, template: TemplateVersion) -> None:
        """The text comes from a template: its blanks, but those that the terms fill, instead of a text."""
        del self.fields["text"], self.fields["text_zh"]
        kind: Any = self.fields["kind"]
        kind.choices = [row for row in KINDS if row[0] == template.template.kind]
        parties = list(Organisation.objects.order_by("name"))
        self.fields |= {f"v_{blank.name}": blank_field(blank, parties) for blank in self.blanks}

    def place_of(self, fault: Fault, field: str | None) -> str | None:
        if f"v_{fault.path}" in self.fields:
            return f"v_{fault.path}"
        return super().place_of(fault, field)

    def draft(self) -> dict[str, Any]:
        """The arguments of `draft_licence` beside the terms."""
        names = ("kind", "reference", "title", "title_zh", "licensor", "licensee", "text", "text_zh")
        data = self.cleaned_data
        filled = {blank.name: plain_value(data[f"v_{blank.name}"]) for blank in self.blanks}
        return {name: data[name] for name in names if name in data} | {
            "template_version": self.template,
            "values": filled,
            "co_licensors": list(data.get("co_licensors") or ()),
            "option": data.get("option"),
            "case": data.get("case"),
            "terms": {name: value for name, value in self.terms().items() if name != "option"},
            **self.days(),
        }


class ReasonForm(OnceForm):
    reason = forms.CharField(
        label=_("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}), validators=[PlainTextValidator()]
    )


class BreachForm(ReasonForm):
    cure_by = forms.DateField(label=_("To be cured by"), widget=DayInput)


class SublicenceForm(OnceForm):
    """An organisation of Tandem, or somebody by name; offered is only what lies within the licence."""

    organisation = forms.ModelChoiceField(
        Organisation.objects.none(), label=_("Organisation"), required=False, help_text=_("If it is in Tandem.")
    )
    name = forms.CharField(
        label=_("Name of another sublicensee"), max_length=200, required=False, validators=[DisplayNameValidator()]
    )
    fields_ = PlaceField(FieldOfUse.objects.none(), label=_("Fields of use"))
    territories = PlaceField(Territory.objects.none(), label=_("Territories"))
    starts_on = forms.DateField(label=_("In force from"), widget=DayInput, initial=timezone.localdate)
    ends_on = forms.DateField(
        label=_("Ends on"), widget=DayInput, required=False,
        help_text=_("The first day without effect. Empty: it ends with the licence."),
    )  # fmt: skip

    def __init__(self, *args: Any, licence: Licence, houses: QuerySet[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organisation: Any = self.fields["organisation"]
        organisation.queryset = houses
        for name, model, held in (
            ("fields_", FieldOfUse, licence.fields_of_use.all()), ("territories", Territory, licence.territories.all())
        ):  # fmt: skip
            inside = Q(pk__in=[])
            for one in held:
                inside |= Q(path__startswith=one.path)
            field: Any = self.fields[name]
            field.queryset = model.objects.filter(inside)

    def place_of(self, fault: Fault, field: str | None) -> str | None:
        return "fields_" if fault.path == "fields" else super().place_of(fault, field)

    def values(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        return {
            "fields": list(data["fields_"]),
            "territories": list(data["territories"]),
            **{name: data.get(name) for name in ("organisation", "starts_on", "ends_on")},
            "name": data.get("name") or "",
        }


class CaseForm(PageForm):
    """The case that a licence is about, where the draft named none."""

    case = forms.ModelChoiceField(TransferCase.objects.none(), label=_("Case"))

    def __init__(self, *args: Any, cases: QuerySet[TransferCase], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["case"]
        field.queryset = cases


class MeetForm(PageForm):
    met_on = forms.DateField(label=_("Reached on"), widget=DayInput, initial=timezone.localdate)
    note = forms.CharField(label=_("Remark"), max_length=500, required=False, validators=[PlainTextValidator()])
    version = forms.IntegerField(widget=forms.HiddenInput)


class LicenceFilter(ListFilter):
    """What the list of licences is narrowed to."""

    q = django_filters.CharFilter(
        label=_("Search"), method="find", widget=SearchInput(_("Reference, title or organisation"))
    )
    state = django_filters.ChoiceFilter(
        label=_("State"), field_name="now", choices=[(s.value, STATE_WORDS[s]) for s in LicenceState],
        empty_label=_("Every state"),
    )  # fmt: skip
    kind = django_filters.ChoiceFilter(
        label=_("Kind"), field_name="agreement__kind", choices=KINDS, empty_label=_("Options and licences")
    )

    def find(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(
            Q(agreement__reference__icontains=value)
            | Q(agreement__title__icontains=value)
            | Q(agreement__title_zh__icontains=value)
            | Q(licensee__name__icontains=value)
            | Q(licensor__name__icontains=value)
        )
