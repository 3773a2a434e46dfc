"""Forms of offers, and of companies that are interested."""

from __future__ import annotations

import re
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.kernel.names import DisplayNameValidator
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.protection.forms import many_lines, one_line, title_line
from collab.transfer.protection.offers import Interest
from collab.web.forms import ListFilter, OnceForm, PageForm, SearchInput

_LINK = re.compile(r"https?://|www\.", re.IGNORECASE)
_LINKS_MAX = 2


class _OfferFields(PageForm):
    title = title_line(most=160)
    title_zh = one_line(_("Chinese title"), 160)
    field = one_line(_("Field"), 120)
    field_zh = one_line(_("Field in Chinese"), 120)
    text = many_lines(
        _("What it is"),
        6000,
        8,
        required=True,
        help_text=_("Everybody reads this: what it does and what it is good for, never how."),
    )
    text_zh = many_lines(_("What it is, in Chinese"), 6000, 6)
    advantages = many_lines(_("Advantages"), 3000, 4, help_text=_("One on each line."))
    advantages_zh = many_lines(_("Advantages in Chinese"), 3000, 4)
    readiness = forms.IntegerField(
        label=_("Readiness level"), min_value=1, max_value=9, required=False, help_text=_("TRL, from 1 to 9.")
    )
    sought = one_line(_("What is sought"), 200, help_text=_("A licensee, a partner, an investor …"))
    sought_zh = one_line(_("What is sought, in Chinese"), 200)
    more = many_lines(
        _("Confidential part"),
        20_000,
        6,
        help_text=_("Shown to people of a company only while a non-disclosure agreement with it is in force."),
    )
    contact = forms.ModelChoiceField(
        User.objects.none(), label=_("Contact"), empty_label=None, help_text=_("Is told of every company.")
    )

    def offer_people(self, case: TransferCase) -> None:
        held = Membership.objects.active().filter(
            organisation=case.organisation_id, project=None, role__in=roles_with("offer.manage")
        )
        contact: Any = self.fields["contact"]
        contact.queryset = User.objects.filter(pk__in=held.values("user"), is_active=True).order_by("name")


class OfferForm(OnceForm, _OfferFields):
    def __init__(self, *args: Any, case: TransferCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_people(case)


class OfferEditForm(_OfferFields):
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, case: TransferCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_people(case)


class InterestForm(OnceForm):
    """For anybody. `website` is never shown: only programs fill it in."""

    company = forms.CharField(label=_("Company"), max_length=160, validators=[DisplayNameValidator()])
    name = forms.CharField(label=_("Your name"), max_length=120, validators=[DisplayNameValidator()])
    email = forms.EmailField(label=_("E-mail"))
    country = forms.CharField(
        label=_("Country"), max_length=2, min_length=2, required=False, help_text=_("Two letters, such as SE.")
    )
    organisation = forms.ModelChoiceField(
        Organisation.objects.none(),
        label=_("Organisation here"),
        required=False,
        help_text=_("So that more can be shown to its people once a non-disclosure agreement is in force."),
    )
    message = many_lines(_("What you would like to know or do with it"), 4000, 5)
    agreed = forms.BooleanField(
        label=_("The office may keep this and answer me."),
        help_text=_("Nothing confidential belongs here: no agreement protects it yet."),
    )
    website = forms.CharField(
        required=False,
        label=_("Leave this empty"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": -1}),
    )

    def __init__(self, *args: Any, user: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation"]
        if isinstance(user, User):
            held = Membership.objects.of(user).active()
            field.queryset = Organisation.objects.filter(pk__in=held.values("organisation")).order_by("name")
            own = field.queryset.first()
            self.initial |= {
                "name": user.name,
                "email": user.email,
                "organisation": own,
                "company": own.name if own else "",
            }
        else:
            del self.fields["organisation"]

    @property
    def is_from_a_program(self) -> bool:
        return bool(self.cleaned_data.get("website"))

    def clean_message(self) -> str:
        written = self.cleaned_data["message"]
        if len(_LINK.findall(written)) > _LINKS_MAX:
            raise forms.ValidationError(_("Write it without so many links, please."))
        return written

    def values(self) -> dict[str, Any]:
        return {key: value for key, value in super().values().items() if key not in {"agreed", "website"}}


class InterestEditForm(PageForm):
    organisation = forms.ModelChoiceField(
        Organisation.objects.none(),
        label=_("Organisation here"),
        required=False,
        help_text=_("Check that it is the same company: under an agreement its people are shown more."),
    )
    note = many_lines(_("Remark of the office"), 4000, 5)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, interest: Interest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation"]
        field.queryset = Organisation.objects.exclude(pk=interest.offer.case.organisation_id).order_by("name")


class TechnologyFilter(ListFilter):
    q = django_filters.CharFilter(
        method="search", label=_("Search"), widget=SearchInput(_("Search technologies")), max_length=80
    )

    def search(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        found = Q()
        for path in ("title", "title_zh", "field", "field_zh", "text", "text_zh", "advantages", "advantages_zh"):
            found |= Q(**{f"{path}__icontains": value})
        return rows.filter(found)


class OfferFilter(TechnologyFilter):
    state = django_filters.ChoiceFilter(
        choices=[("draft", _("Draft")), ("published", _("Published")), ("withdrawn", _("Withdrawn"))],
        label=_("State"),
        empty_label=_("Any state"),
    )


class InterestAddForm(OnceForm):
    """A company that asked elsewhere than on the public page."""

    company = forms.CharField(label=_("Company"), max_length=160, validators=[DisplayNameValidator()])
    name = forms.CharField(label=_("Name"), max_length=120, validators=[DisplayNameValidator()])
    email = forms.EmailField(label=_("E-mail"))
    country = forms.CharField(
        label=_("Country"), max_length=2, min_length=2, required=False, help_text=_("Two letters, such as SE.")
    )
    organisation = forms.ModelChoiceField(
        Organisation.objects.order_by("name"),
        label=_("Organisation here"),
        required=False,
        help_text=_("So that more can be shown to its people once a non-disclosure agreement is in force."),
    )
    message = many_lines(_("What it would like to know or do with it"), 4000, 5)
    note = many_lines(_("Remark of the office"), 4000, 3)
