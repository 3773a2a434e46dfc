"""Forms about joint projects."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.access.roles import GIVEN_PROJECT_ROLES
from collab.accounts.models import Organisation, User
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.projects.models import Project, ProjectParty
from collab.projects.reading import STATE_WORDS
from collab.projects.states import FOLLOWING, PROJECT_MOVES, ProjectState
from collab.web.forms import DayInput, ListFilter, OnceForm, PageForm, SearchInput


def parties_for(request: Any) -> QuerySet[Organisation]:
    """The parties of the projects that one may see."""
    if request is None:
        return Organisation.objects.none()
    seen = visible_to(request.user, "project.view", ProjectParty.objects.all())
    return Organisation.objects.filter(pk__in=seen.values("organisation"))


class ProjectFilter(ListFilter):
    """Search and state of the project list."""

    q = django_filters.CharFilter(
        method="search", label=_("Search projects"), max_length=100, widget=SearchInput(_("Search projects"))
    )
    state = django_filters.ChoiceFilter(
        choices=[(s.value, STATE_WORDS[s]) for s in ProjectState], label=_("State"), empty_label=_("Any state")
    )

    party = django_filters.ModelChoiceFilter(
        queryset=lambda request: parties_for(request), method="of_party", label=_("Party"), empty_label=_("Any party")
    )
    mine = django_filters.ChoiceFilter(
        choices=[("1", _("With a role of mine"))], method="of_mine", label=_("Whose"), empty_label=_("All I can see")
    )

    class Meta:
        model = Project
        fields: list[str] = []

    def of_party(self, rows: Any, name: str, value: Organisation) -> QuerySet[Project]:
        return rows.of_party(value)

    def of_mine(self, rows: Any, name: str, value: str) -> QuerySet[Project]:
        return rows.mine(self.request.user)

    def search(self, rows: QuerySet[Project], name: str, value: str) -> QuerySet[Project]:
        return rows.filter(Q(title__icontains=value) | Q(title_zh__icontains=value) | Q(slug__icontains=value))


class _AboutForm(OnceForm):
    """What a project says of itself."""

    title = forms.CharField(label=_("Title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = forms.CharField(
        label=_("Chinese title"), max_length=160, required=False, validators=[PlainTextValidator()]
    )
    summary = forms.CharField(
        label=_("Summary"),
        max_length=5000,
        required=False,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("What the parties want to find out or build, in a few sentences."),
    )
    summary_zh = forms.CharField(
        label=_("Chinese summary"),
        max_length=5000,
        required=False,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class ProjectForm(_AboutForm):
    """Begin a joint project."""

    lead_organisation = forms.ModelChoiceField(
        Organisation.objects.none(),
        label=_("Leading organisation"),
        help_text=_("You will lead the project on its behalf."),
    )
    partners = forms.ModelMultipleChoiceField(
        Organisation.objects.none(),
        label=_("Partners"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("They can be added later, too. An agreement needs at least two parties."),
    )
    starts_on = forms.DateField(label=_("Starts on"), widget=DayInput, initial=timezone.localdate)
    ends_on = forms.DateField(label=_("Ends on"), widget=DayInput, required=False)
    field_order = ["title", "title_zh", "lead_organisation", "partners", "summary", "summary_zh"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = visible_to(user, "project.create", Organisation.objects.all())
        lead: Any = self.fields["lead_organisation"]
        lead.queryset = mine
        if not self.is_bound:
            lead.initial = mine.first()
        partners: Any = self.fields["partners"]
        partners.queryset = visible_to(user, "organisation.view", Organisation.objects.all())


class EditProjectForm(_AboutForm):
    """Change what a project says; `version` is the one that was read."""

    ends_on = forms.DateField(label=_("Ends on"), widget=DayInput, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def about(cls, project: Project) -> dict[str, Any]:
        """What the form shows first."""
        return {name: getattr(project, name) for name in cls.base_fields if name != "once"}


class MoveForm(PageForm):
    """Which way a project goes, and why where that must be said."""

    move = forms.ChoiceField(choices=[(move, move) for move in PROJECT_MOVES.table if move not in FOLLOWING])
    reason = forms.CharField(max_length=1000, required=False, validators=[PlainTextValidator()])


class MemberForm(OnceForm):
    """Give a person a role."""

    email = forms.EmailField(
        label=_("E-mail address"), help_text=_("The address with which the person signs in to Tandem.")
    )
    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=_("On behalf of"))
    role = forms.ChoiceField(label=_("Role"), choices=[(r.value, r.label) for r in GIVEN_PROJECT_ROLES])
    last_day = forms.DateField(
        label=_("Last day"), widget=DayInput, required=False, help_text=_("Empty: until the role is ended.")
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organisation: Any = self.fields["organisation"]
        organisation.queryset = Organisation.objects.filter(
            project_parties__project=project, project_parties__left_on=None
        )

    def clean(self) -> dict[str, Any]:
        """Find the person; an unknown address and a person of another organisation look alike."""
        data = super().clean() or {}
        organisation = data.get("organisation")
        if organisation is None or "email" not in data:
            return data
        employed = User.objects.filter(memberships__organisation=organisation, memberships__project=None)
        data["user"] = employed.filter(email__iexact=data["email"], is_active=True).distinct().first()
        if data["user"] is None:
            self.add_error(
                "email",
                _now("Nobody of %(name)s has this address. An admin of the organisation can add people to it.")
                % {"name": organisation},
            )
        return data

    def values(self) -> dict[str, Any]:
        day = self.cleaned_data["last_day"]
        end = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min)) if day else None
        return {name: self.cleaned_data[name] for name in ("user", "organisation", "role")} | {"ends_at": end}


class PartyForm(OnceForm):
    """Let another organisation join."""

    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=_("Organisation"))

    def __init__(self, *args: Any, project: Project, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organisation: Any = self.fields["organisation"]
        organisation.queryset = visible_to(user, "organisation.view", Organisation.objects.all()).exclude(
            project_parties__project=project
        )
