"""Forms of start-ups and the shares in them."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import Organisation, User
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.models import Licence
from collab.transfer.portfolio.models import COUNTRY, StartUp
from collab.transfer.portfolio.states import EVENT_WORDS, MOVE_WORDS, EquityEvent, StartUpState
from collab.transfer.protection.forms import day_field, many_lines, one_line, title_line
from collab.web.forms import ListFilter, OnceForm, PageForm, SearchInput

STATES = [
    (StartUpState.FOUNDED.value, _("Founded")),
    (StartUpState.ACTIVE.value, _("Active")),
    (StartUpState.ACQUIRED.value, _("Acquired")),
    (StartUpState.CLOSED.value, _("Closed")),
]
FIELDS = (
    "name", "name_zh", "country", "founded_on", "cases", "founders", "other_founders", "platform", "note",
)  # fmt: skip


class CountryField(forms.CharField):
    """Two letters, in any case."""

    def to_python(self, value: Any) -> str:
        return super().to_python(value).upper()

    def run_validators(self, value: Any) -> None:
        super().run_validators(value)
        if value:
            COUNTRY(value)


class _Facts(PageForm):
    """What is said of a start-up."""

    name = title_line(_("Name"))
    name_zh = one_line(_("Chinese name"), 200)
    country = CountryField(label=_("Country"), max_length=2, help_text=_("Two letters, as in ISO 3166."))
    founded_on = day_field(_("Founded on"), required=True)
    cases = forms.ModelMultipleChoiceField(
        TransferCase.objects.none(), label=_("Builds on the cases"), required=False,
        widget=forms.SelectMultiple(attrs={"size": 5}),
    )  # fmt: skip
    founders = forms.ModelMultipleChoiceField(
        User.objects.none(), label=_("Founders"), required=False, widget=forms.SelectMultiple(attrs={"size": 5}),
        help_text=_("People of the organisation, and inventors of its cases."),
    )  # fmt: skip
    other_founders = one_line(_("Founders without an account"), 300, help_text=_("Names, with commas."))
    platform = forms.ModelChoiceField(
        Organisation.objects.order_by("name"), label=_("Its organisation here"), required=False,
        help_text=_("Where the start-up itself takes part, for example as a licensee."),
    )  # fmt: skip
    note = many_lines(_("Remark"), 4000)

    def offer(self, user: Any, houses: QuerySet[Organisation], but: StartUp | None = None) -> None:
        """Choices of what belongs to the organisations."""
        cases: Any = self.fields["cases"]
        rows = visible_to(user, "case.view", TransferCase.objects.all())
        cases.queryset = rows.filter(organisation__in=houses).select_related("disclosure").order_by("docket")
        founders: Any = self.fields["founders"]
        of_house = Q(memberships__organisation__in=houses, memberships__project=None)
        inventors = Q(pk__in=cases.queryset.order_by().values("disclosure__inventors__person"))
        already = Q(pk__in=but.founders.values("pk")) if but else Q(pk__in=[])
        founders.queryset = User.objects.filter(of_house | inventors | already).distinct().order_by("name")


class StartUpForm(OnceForm, _Facts):
    organisation = forms.ModelChoiceField(None, label=_("Came out of"), empty_label=None)
    field_order = ("organisation",)

    def __init__(self, *args: Any, user: Any, houses: QuerySet[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation"]
        field.queryset = houses
        self.offer(user, houses)


class StartUpEditForm(_Facts):
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: Any, startup: StartUp, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer(user, Organisation.objects.filter(pk=startup.organisation_id), startup)


class StartUpMoveForm(PageForm):
    """A day, and what belongs to the move."""

    on = day_field(_("On"), required=True, initial=timezone.localdate)
    acquired_by = one_line(_("Acquired by"), 200)
    reason = many_lines(_("Reason"), 1000, 3)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, move: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["acquired_by"].required = move == "acquire"
        self.fields["reason"].required = move == "close"
        if move != "acquire":
            del self.fields["acquired_by"]
        if move != "close":
            del self.fields["reason"]
        self.title = MOVE_WORDS[move]


class EquityForm(PageForm):
    holder = forms.ModelChoiceField(Organisation.objects.order_by("name"), label=_("Holder"))
    percent = forms.DecimalField(
        label=_("Per cent from that day"), max_digits=7, decimal_places=4, min_value=0, max_value=100,
        help_text=_("All that it holds from this day; 0 when it holds nothing any more."),
    )  # fmt: skip
    from_on = day_field(
        _("From"), required=True, initial=timezone.localdate,
        help_text=_("The same day again corrects what was entered for it."),
    )  # fmt: skip
    event = forms.ChoiceField(label=_("Why"), choices=[(e.value, EVENT_WORDS[e]) for e in EquityEvent])
    licence = forms.ModelChoiceField(Licence.objects.none(), label=_("Licence"), required=False)
    note = one_line(_("Remark"), 500)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: Any, startup: StartUp, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["licence"]
        rows = visible_to(user, "licence.view", Licence.objects.filter(licensor=startup.organisation_id))
        field.queryset = rows.select_related("agreement", "licensee").order_by("agreement__reference")


class StartUpFilter(ListFilter):
    q = django_filters.CharFilter(
        method="search", label=_("Search"), widget=SearchInput(_("Name, founder or docket")), max_length=80
    )
    state = django_filters.ChoiceFilter(choices=STATES, label=_("State"), empty_label=_("Any state"))
    country = django_filters.CharFilter(
        field_name="country", lookup_expr="iexact", label=_("Country"), max_length=2, widget=SearchInput(_("Country"))
    )

    def search(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        found = Q()
        for path in ("name", "name_zh", "other_founders", "acquired_by", "founders__name", "cases__docket"):
            found |= Q(**{f"{path}__icontains": value})
        return rows.filter(pk__in=rows.model.objects.filter(found).order_by().values("pk"))
