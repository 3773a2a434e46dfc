"""Forms of protections, deadlines, costs and counsel."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.core.validators import RegexValidator
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Organisation
from collab.inbox.states import OBLIGATION_WORDS, ObligationKind
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.protection.models import JURISDICTION, CostKind, Counsel, Family, Protection
from collab.transfer.protection.rules import Authority, Deadline, DeadlineRuleSet
from collab.transfer.protection.states import (
    BASE_WORDS,
    DATE_OF_MOVE,
    KIND_WORDS,
    MOVE_WORDS,
    BaseDate,
    DeadlineState,
    ProtectionKind,
    ProtectionStatus,
)
from collab.web.forms import DayInput, ListFilter, OnceForm, PageForm, SearchInput

KINDS = [(kind.value, KIND_WORDS[kind]) for kind in ProtectionKind]
OBLIGATIONS = [(kind.value, OBLIGATION_WORDS[kind]) for kind in ObligationKind]
CURRENCY = RegexValidator(r"\A[A-Za-z]{3}\Z", _("Write three letters, such as EUR, USD or CNY."))
# What stands on a badge -> the word for the filter.
STATUSES = [
    (ProtectionStatus.PLANNED.value, _("Planned")),
    (ProtectionStatus.FILED.value, _("Filed")),
    (ProtectionStatus.PUBLISHED.value, _("Published")),
    (ProtectionStatus.GRANTED.value, _("Granted")),
    (ProtectionStatus.IN_FORCE.value, _("In force")),
    (ProtectionStatus.LAPSED.value, _("Lapsed")),
    (ProtectionStatus.REFUSED.value, _("Refused")),
    (ProtectionStatus.EXPIRED.value, _("Expired")),
    (ProtectionStatus.ABANDONED.value, _("Abandoned")),
]


def one_line(label: Any, most: int, *, required: bool = False, **more: Any) -> forms.CharField:
    """One line of text."""
    return forms.CharField(label=label, max_length=most, required=required, validators=[PlainTextValidator()], **more)


def many_lines(label: Any, most: int, rows: int = 4, *, required: bool = False, **more: Any) -> forms.CharField:
    """Several lines."""
    return forms.CharField(
        label=label,
        max_length=most,
        required=required,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": rows}),
        **more,
    )


TITLE = _("Title")


def title_line(label: Any = TITLE, most: int = 200) -> forms.CharField:
    return forms.CharField(label=label, max_length=most, validators=[DisplayNameValidator()])


def day_field(label: Any, *, required: bool = False, **more: Any) -> forms.DateField:
    return forms.DateField(label=label, required=required, widget=DayInput, **more)


class JurisdictionField(forms.CharField):
    """Two letters, in any case."""

    def __init__(self, **kwargs: Any) -> None:
        facts = {
            "label": _("Jurisdiction"),
            "max_length": 2,
            "required": False,
            "help_text": _("Two letters: US, EP, CN, WO for international applications."),
        }
        super().__init__(**(facts | kwargs))

    def to_python(self, value: Any) -> str:
        return super().to_python(value).upper()

    def run_validators(self, value: Any) -> None:
        super().run_validators(value)
        if value:
            JURISDICTION(value)


class FamilyForm(OnceForm):
    title = title_line()
    title_zh = one_line(_("Chinese title"), 200)
    note = many_lines(_("Remark"), 4000)


class FamilyEditForm(PageForm):
    title = title_line()
    title_zh = one_line(_("Chinese title"), 200)
    note = many_lines(_("Remark"), 4000)
    version = forms.IntegerField(widget=forms.HiddenInput)


class CounselChoice(forms.ModelChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Counsel.objects.none(), label=_("Counsel"), required=False, **kwargs)

    def offer(self, organisation_id: Any) -> None:
        self.queryset = Counsel.objects.filter(organisation=organisation_id, is_active=True)


class _MemberFields(PageForm):
    """What a member of a family says of itself."""

    jurisdiction = JurisdictionField()
    parent = forms.ModelChoiceField(
        Protection.objects.none(),
        label=_("Follows from"),
        required=False,
        help_text=_("The member that it claims priority from, enters from, divides or continues."),
    )
    title = one_line(_("Title of its own"), 200)
    instrument = one_line(
        _("Licence or place"), 160, help_text=_("For an open licence its SPDX name, for a deposit where it lies.")
    )
    priority_on = day_field(_("Priority date"), help_text=_("Empty: its own filing date counts."))
    filed_on = day_field(_("Filed, or in force since"))
    application_number = one_line(_("Application number"), 60)
    published_on = day_field(_("Published on"))
    publication_number = one_line(_("Publication number"), 60)
    granted_on = day_field(_("Granted on"))
    grant_number = one_line(_("Grant number"), 60)
    expires_on = day_field(
        _("Expires on"), help_text=_("Empty: counted by the rules of the office, where there are any.")
    )
    counsel = CounselChoice()
    counsel_reference = one_line(_("Reference of counsel"), 60)

    def offer(self, family: Family, but: Protection | None = None) -> None:
        parent: Any = self.fields["parent"]
        rows = Protection.objects.filter(family=family).select_related("family__case")
        parent.queryset = rows.exclude(pk=but.pk) if but else rows
        counsel: Any = self.fields["counsel"]
        counsel.offer(family.case.organisation_id)


class MemberForm(OnceForm, _MemberFields):
    kind = forms.ChoiceField(label=_("Kind"), choices=KINDS)
    field_order = ("kind",)

    def __init__(self, *args: Any, family: Family, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer(family)
        self.fields["filed_on"].help_text = _("Empty while it is only planned.")


class MemberEditForm(_MemberFields):
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, protection: Protection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer(protection.family, protection)


class MoveForm(PageForm):
    """A day, and what belongs to the move."""

    on = day_field(_("On"), required=True, initial=timezone.localdate)
    number = one_line(_("Number"), 60)
    expires_on = day_field(
        _("Expires on"), help_text=_("Empty: counted by the rules of the office, where there are any.")
    )
    reason = many_lines(_("Reason"), 1000, 3)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, move: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if move not in DATE_OF_MOVE:
            del self.fields["number"], self.fields["expires_on"]
        else:
            del self.fields["reason"]
        self.title = MOVE_WORDS[move]


class CorrectForm(PageForm):
    reason = many_lines(_("Reason"), 1000, 3, required=True)
    version = forms.IntegerField(widget=forms.HiddenInput)


class DeadlineForm(OnceForm):
    title = title_line(most=160)
    title_zh = one_line(_("Chinese title"), 160)
    protection = forms.ModelChoiceField(Protection.objects.none(), label=_("Protection"), required=False)
    due_on = day_field(_("Due on"), required=True)
    obligation = forms.ChoiceField(label=_("What falls due"), choices=OBLIGATIONS, initial=ObligationKind.NOTICE)
    escalate_days = forms.IntegerField(
        label=_("Days before, the admins are told as well"), min_value=0, max_value=400, initial=14
    )
    note = many_lines(_("Remark"), 500, 2)

    def __init__(self, *args: Any, case: TransferCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["protection"]
        field.queryset = Protection.objects.filter(family__case=case).select_related("family__case")


class DeadlineEditForm(PageForm):
    title = title_line(most=160)
    title_zh = one_line(_("Chinese title"), 160)
    due_on = day_field(_("Due on"), required=True)
    obligation = forms.ChoiceField(label=_("What falls due"), choices=OBLIGATIONS)
    escalate_days = forms.IntegerField(label=_("Days before, the admins are told as well"), min_value=0, max_value=400)
    note = many_lines(_("Remark"), 500, 2)
    version = forms.IntegerField(widget=forms.HiddenInput)


class SettleForm(PageForm):
    on = day_field(_("Done on"), required=True, initial=timezone.localdate)
    note = many_lines(_("Remark"), 500, 2)


class WaiveForm(PageForm):
    note = many_lines(_("Why it is not done"), 500, 2, required=True)


class CostForm(OnceForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=CostKind.choices)
    amount = forms.DecimalField(label=_("Amount"), max_digits=17, decimal_places=4)
    currency = forms.CharField(label=_("Currency"), max_length=3, initial="EUR", validators=[CURRENCY])
    incurred_on = day_field(_("Incurred on"), required=True, initial=timezone.localdate)
    paid_on = day_field(_("Paid on"), help_text=_("Empty while it is not paid."))
    counsel = CounselChoice()
    reference = one_line(_("Invoice number"), 60)
    note = one_line(_("Remark"), 300)

    def __init__(self, *args: Any, protection: Protection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        counsel: Any = self.fields["counsel"]
        counsel.offer(protection.family.case.organisation_id)


class PayForm(PageForm):
    paid_on = day_field(_("Paid on"), required=True, initial=timezone.localdate)
    version = forms.IntegerField(widget=forms.HiddenInput)


class ReasonForm(PageForm):
    reason = many_lines(_("Why it is cancelled"), 300, 2, required=True)


class CounselForm(OnceForm):
    organisation = forms.ModelChoiceField(
        Organisation.objects.none(),
        label=_("Organisation"),
        empty_label=None,
        help_text=_("Its technology-transfer officers enter its counsel."),
    )
    name = title_line(_("Name"), 120)
    firm = one_line(_("Firm"), 160)
    email = forms.EmailField(label=_("E-mail"), required=False)
    phone = one_line(_("Telephone"), 40)
    jurisdictions = one_line(_("Admitted in"), 120, help_text=_("Two letters each, with commas: EP, DE."))
    note = one_line(_("Remark"), 500)

    def __init__(self, *args: Any, houses: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation"]
        field.queryset = houses
        if (only := list(houses[:2])) and len(only) == 1:
            field.widget, field.initial = forms.HiddenInput(), only[0].pk


class CounselEditForm(CounselForm):
    is_active = forms.BooleanField(label=_("Still advises"), required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)


class FunderForm(OnceForm):
    code = forms.ChoiceField(label=_("Rules"))
    award = one_line(_("Award number"), 80)
    reported_on = day_field(_("Reported to the funder on"))
    elected_on = day_field(_("Title elected on"))

    def __init__(self, *args: Any, case: TransferCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = DeadlineRuleSet.objects.of(case.organisation_id).filter(authority=Authority.FUNDER)
        code: Any = self.fields["code"]
        code.choices = list({row.code: str(row) for row in rows.order_by("code", "number")}.items())


class FunderEditForm(PageForm):
    award = one_line(_("Award number"), 80)
    reported_on = day_field(_("Reported to the funder on"))
    elected_on = day_field(_("Title elected on"))
    version = forms.IntegerField(widget=forms.HiddenInput)


class RuleSetForm(OnceForm):
    """A new version of a rule set, of one's own organisation: its rules as a table."""

    organisation = forms.ModelChoiceField(None, label=_("For"), empty_label=None)
    name = title_line(_("Name"), 160)
    name_zh = one_line(_("Chinese name"), 160)
    source = one_line(_("Where it stands"), 500)
    effective_from = day_field(_("Counts for dates from"), required=True)

    def __init__(self, *args: Any, organisations: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation"]
        field.queryset = organisations


class RuleBeginForm(RuleSetForm):
    """The first rules of an office or a funder that nobody has entered yet."""

    authority = forms.ChoiceField(label=_("Whose rules"), choices=Authority.choices)
    jurisdiction = JurisdictionField(required=False, help_text=_("Of an office, such as JP. Empty for a funder."))
    code = forms.SlugField(
        label=_("Code"), max_length=40, help_text=_("Short, the same in every version. For example jp-office.")
    )
    field_order = ("organisation", "authority", "jurisdiction", "code", "name", "name_zh", "source", "effective_from")


class RuleForm(forms.Form):
    """One rule of the table; a row without a title is left out."""

    code = forms.SlugField(max_length=40, required=False, widget=forms.HiddenInput)
    title = one_line(_("Title"), 160)
    title_zh = one_line(_("Chinese title"), 160)
    kinds = forms.MultipleChoiceField(
        label=_("For these kinds"), choices=KINDS, required=False, widget=forms.SelectMultiple(attrs={"size": 3})
    )
    base = forms.ChoiceField(label=_("Counted from"), choices=[(b.value, BASE_WORDS[b]) for b in BaseDate])
    months = forms.IntegerField(label=_("Months"), min_value=0, max_value=1200, required=False)
    days = forms.IntegerField(label=_("Days"), min_value=-366, max_value=3660, required=False)
    every_months = forms.IntegerField(label=_("Again every … months"), min_value=1, max_value=600, required=False)
    until_months = forms.IntegerField(label=_("… until month"), min_value=1, max_value=1200, required=False)
    obligation = forms.ChoiceField(label=_("What falls due"), choices=OBLIGATIONS)
    met_by = forms.MultipleChoiceField(
        label=_("Met when filed"), choices=KINDS, required=False, widget=forms.SelectMultiple(attrs={"size": 3})
    )
    met_by_date = forms.ChoiceField(
        label=_("Met by the date"),
        choices=[("", "–"), *((b.value, BASE_WORDS[b]) for b in BaseDate)],
        required=False,
    )
    escalate_days = forms.IntegerField(label=_("Tell admins, days before"), min_value=0, max_value=400, initial=14)
    note = one_line(_("Remark"), 500)
    note_zh = one_line(_("Remark in Chinese"), 500)


RuleFormSet = forms.formset_factory(RuleForm, extra=2, max_num=60, absolute_max=60)


class ProtectionFilter(ListFilter):
    q = django_filters.CharFilter(
        method="search", label=_("Search"), widget=SearchInput(_("Docket, title or number")), max_length=80
    )
    status = django_filters.ChoiceFilter(choices=STATUSES, label=_("Status"), empty_label=_("Any status"))
    kind = django_filters.ChoiceFilter(choices=KINDS, label=_("Kind"), empty_label=_("Any kind"))
    jurisdiction = django_filters.CharFilter(
        field_name="jurisdiction", lookup_expr="iexact", label=_("Jurisdiction"), max_length=2,
        widget=SearchInput(_("Jurisdiction")),
    )  # fmt: skip

    def search(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        found = Q()
        for path in (
            "application_number", "publication_number", "grant_number", "counsel_reference", "title",
            "family__title", "family__title_zh", "family__case__docket",
        ):  # fmt: skip
            found |= Q(**{f"{path}__icontains": value})
        return rows.filter(found)


class DeadlineFilter(ListFilter):
    q = django_filters.CharFilter(
        method="search", label=_("Search"), widget=SearchInput(_("Docket or title")), max_length=80
    )
    state = django_filters.ChoiceFilter(
        choices=[
            (DeadlineState.OPEN.value, _("Open")),
            ("overdue", _("Overdue")),
            (DeadlineState.GONE_BY.value, _("Gone by when entered")),
            (DeadlineState.MET.value, _("Met")),
            (DeadlineState.WAIVED.value, _("Not done on purpose")),
        ],
        method="of_state",
        label=_("State"),
        empty_label=_("Any state"),
    )
    jurisdiction = django_filters.CharFilter(
        field_name="protection__jurisdiction", lookup_expr="iexact", label=_("Jurisdiction"), max_length=2,
        widget=SearchInput(_("Jurisdiction")),
    )  # fmt: skip

    def search(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(
            Q(title__icontains=value)
            | Q(title_zh__icontains=value)
            | Q(case__docket__icontains=value)
            | Q(protection__family__title__icontains=value)
        )

    def of_state(self, rows: QuerySet[Deadline], name: str, value: str) -> QuerySet[Deadline]:
        if value == "overdue":
            return rows.filter(state=DeadlineState.OPEN, due_on__lt=timezone.localdate())
        return rows.filter(state=value)
