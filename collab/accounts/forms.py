"""Forms about people."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.access.roles import GIVEN_PROJECT_ROLES, ORGANISATION_ROLES, Role
from collab.accounts.models import (
    ApiToken,
    Membership,
    Organisation,
    OrganisationKind,
    OrganisationUnit,
    TokenScope,
    User,
)
from collab.accounts.states import ReviewDecision
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.web.forms import DayInput, ListFilter, OnceForm, PageForm, SearchInput

LIVES = [(7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("one year"))]


class SignupForm(forms.Form):
    """What sign-up asks beside e-mail and password; allauth calls `signup`."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=120,
        validators=[DisplayNameValidator()],
        help_text=_("As you sign agreements with it."),
    )
    field_order = ["name", "email", "password1", "password2"]

    def signup(self, request: HttpRequest, user: Any) -> None:
        assert isinstance(user, User)
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])


class ProfileForm(PageForm):
    """One's own name and language."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=120,
        validators=[DisplayNameValidator()],
        help_text=_("As you sign agreements with it."),
    )
    language = forms.ChoiceField(label=_("Language"), required=False)
    orcid = forms.CharField(
        label=_("ORCID iD"), max_length=60, required=False, help_text=_("As on orcid.org: 0000-0002-1825-0097.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language: Any = self.fields["language"]
        own = [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES]
        language.choices = [("", _("As the browser asks")), *own]


# --- organisations
class OrganisationFilter(ListFilter):
    """Search and kind of the list."""

    q = django_filters.CharFilter(
        method="search", label=_("Search organisations"), max_length=100, widget=SearchInput(_("Search organisations"))
    )
    kind = django_filters.ChoiceFilter(choices=OrganisationKind.choices, label=_("Kind"), empty_label=_("Any kind"))

    class Meta:
        model = Organisation
        fields: list[str] = []

    def search(self, rows: QuerySet[Organisation], name: str, value: str) -> QuerySet[Organisation]:
        return rows.filter(
            Q(name__icontains=value) | Q(name_zh__icontains=value) | Q(slug__icontains=value) | Q(ror=value.lower())
        )


class OrganisationForm(OnceForm):
    """What an organisation says of itself."""

    name = forms.CharField(label=_("Legal name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = forms.CharField(
        label=_("Chinese name"), max_length=120, required=False, validators=[PlainTextValidator()]
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=OrganisationKind.choices)
    country = forms.CharField(
        label=_("Country"), max_length=2, required=False, help_text=_("Two letters, as in ISO 3166.")
    )
    ror = forms.CharField(
        label=_("ROR id"), max_length=60, required=False, help_text=_("As on ror.org, for example 042nb2s44.")
    )
    registration_id = forms.CharField(
        label=_("Registration number"),
        max_length=60,
        required=False,
        help_text=_("As in the commercial or another public register."),
    )
    website = forms.URLField(label=_("Website"), max_length=200, required=False, assume_scheme="https")
    email_domains = forms.CharField(
        label=_("E-mail domains"),
        max_length=2000,
        required=False,
        help_text=_("Separated by commas. They hint whom to invite; nobody has verified them."),
    )
    domains_only = forms.BooleanField(label=_("Invite only addresses of these domains"), required=False)
    review_months = forms.IntegerField(
        label=_("Months between reviews of the members"),
        min_value=1,
        max_value=60,
        required=False,
        help_text=_("Empty: no regular review."),
    )
    review_due_on = forms.DateField(label=_("Next review of the members"), widget=DayInput, required=False)

    def facts(self) -> dict[str, Any]:
        """What was filled in, as the verbs take it."""
        domains = self.cleaned_data["email_domains"].replace(";", ",").replace(" ", ",").split(",")
        return self.values() | {"email_domains": [domain for domain in domains if domain]}


class EditOrganisationForm(OrganisationForm):
    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def initial_of(cls, organisation: Organisation) -> dict[str, Any]:
        kept = {name: getattr(organisation, name) for name in cls.base_fields if hasattr(organisation, name)}
        return kept | {"email_domains": ", ".join(organisation.email_domains)}


class UnitForm(OnceForm):
    """A unit, and what it is a part of."""

    name = forms.CharField(label=_("Name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = forms.CharField(
        label=_("Chinese name"), max_length=120, required=False, validators=[PlainTextValidator()]
    )
    parent = forms.ModelChoiceField(
        OrganisationUnit.objects.none(), label=_("Part of"), required=False, empty_label=_("The organisation itself")
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parent: Any = self.fields["parent"]
        parent.queryset = organisation.units.all()


class EditUnitForm(UnitForm):
    version = forms.IntegerField(widget=forms.HiddenInput)


def end_of(day: date | None) -> datetime | None:
    """The end of a role that lasts through the day."""
    if day is None:
        return None
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


class _RoleDetails(OnceForm):
    """What is written beside a role in an organisation."""

    last_day = forms.DateField(
        label=_("Last day"), widget=DayInput, required=False, help_text=_("Empty: until somebody ends it.")
    )
    unit = forms.ModelChoiceField(
        OrganisationUnit.objects.none(), label=_("Unit"), required=False, empty_label=_("none")
    )
    job_title = forms.CharField(label=_("Job title"), max_length=120, required=False, validators=[PlainTextValidator()])
    limits = forms.CharField(
        label=_("May sign"),
        max_length=300,
        required=False,
        validators=[PlainTextValidator()],
        help_text=_("For signatories: for example “up to 50,000 EUR”. Empty: anything."),
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unit: Any = self.fields["unit"]
        unit.queryset = organisation.units.all()

    def clean_last_day(self) -> date | None:
        day: date | None = self.cleaned_data["last_day"]
        if day is not None and not 1900 <= day.year <= 2200:
            raise forms.ValidationError(_("Write a year between 1900 and 2200."))
        return day

    def details(self) -> dict[str, Any]:
        values = self.values()
        return values | {"ends_at": end_of(values.pop("last_day"))}


class GrantForm(_RoleDetails):
    """Another role for somebody who belongs to the organisation."""

    user = forms.ModelChoiceField(User.objects.none(), label=_("Person"), empty_label=_("Choose"))
    role = forms.ChoiceField(label=_("Role"), choices=[(r.value, r.label) for r in ORGANISATION_ROLES])
    field_order = ["user", "role"]

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, organisation=organisation, **kwargs)
        person: Any = self.fields["user"]
        here = Membership.objects.in_organisations().filter(organisation=organisation).active()
        person.queryset = User.objects.filter(is_active=True, pk__in=here.values("user"))


class RoleForm(_RoleDetails):
    """Until when a role lasts, and what is written beside it."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, role: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if role != Role.SIGNATORY:
            del self.fields["limits"]


class InviteForm(OnceForm):
    """Ask somebody by e-mail."""

    email = forms.CharField(label=_("E-mail"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(
        label=_("Role"), choices=[(r.value, r.label) for r in ORGANISATION_ROLES], initial=Role.EMPLOYEE.value
    )
    project = forms.ModelChoiceField(None, label=_("And in the project"), required=False, empty_label=_("none"))
    project_role = forms.ChoiceField(
        label=_("Role in the project"),
        required=False,
        choices=[("", _("none")), *((r.value, r.label) for r in GIVEN_PROJECT_ROLES)],
    )
    last_day = forms.DateField(
        label=_("Last day of the roles"), widget=DayInput, required=False, help_text=_("Empty: until somebody ends it.")
    )
    language = forms.ChoiceField(label=_("Language of the mail"))
    message = forms.CharField(
        label=_("Message"),
        max_length=1000,
        required=False,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, organisation: Organisation, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language: Any = self.fields["language"]
        language.choices = [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES]
        project: Any = self.fields["project"]
        projects: Any = Membership._meta.get_field("project").related_model  # the projects' slice lies above this one
        managed = visible_to(user, "member.manage", projects._default_manager.all())
        project.queryset = managed.filter(parties__organisation=organisation, parties__left_on=None)
        if organisation.email_domains:
            self.fields["email"].help_text = _("Usually an address of %(domains)s.") % {
                "domains": ", ".join(organisation.email_domains)
            }

    def details(self) -> dict[str, Any]:
        values = self.values()
        return values | {"role_ends_at": end_of(values.pop("last_day"))}


class ReviewForm(OnceForm):
    """Begin a review of the members."""

    due_on = forms.DateField(label=_("Due on"), widget=DayInput)


class DecisionForm(PageForm):
    """What becomes of one role."""

    decision = forms.ChoiceField(choices=[(d.value, d.value) for d in ReviewDecision])
    reason = forms.CharField(max_length=300, required=False)


class TokenForm(OnceForm):
    """Make a token for the REST API and the MLflow client."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        validators=[DisplayNameValidator()],
        help_text=_("Where you will use it, such as “laptop” or “nightly evaluation”."),
    )
    scope = forms.ChoiceField(label=_("It may"), choices=TokenScope.choices, widget=forms.RadioSelect, initial="read")
    days = forms.TypedChoiceField(label=_("It lives"), coerce=int, choices=LIVES, initial=90)
    project = forms.ModelChoiceField(
        None,
        label=_("Only for"),
        required=False,
        empty_label=_("All my projects"),
        help_text=_("A token for one project does less harm when it is lost."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        project: Any = self.fields["project"]
        projects = ApiToken._meta.get_field("project").related_model  # the projects' slice lies above this one
        project.queryset = visible_to(user, "project.view", projects._default_manager.all())
