"""What a graph can be asked for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Organisation, User
from collab.graph.sources import GraphRole, Question, graph_kinds
from collab.kernel.errors import Fault, FaultyInputError, NotFoundError
from collab.projects.models import Project
from collab.web.forms import DayInput


class GraphFilter(forms.Form):
    """Role, party, project, days, and kinds to leave out. A project or party that one may not see is not found."""

    role = forms.ChoiceField(
        required=False,
        label=_("Question"),
        choices=[("", _("Everything")), *((role.value, role.label) for role in GraphRole)],
    )
    project = forms.ModelChoiceField(
        Project.objects.none(), to_field_name="slug", required=False, label=_("Project"), empty_label=_("Any project")
    )
    party = forms.ModelChoiceField(
        Organisation.objects.none(), to_field_name="slug", required=False, label=_("Party"), empty_label=_("Any party")
    )
    since = forms.DateField(required=False, label=_("From"), widget=DayInput)
    until = forms.DateField(required=False, label=_("Until"), widget=DayInput)
    hide = forms.MultipleChoiceField(required=False, label=_("Leave out"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data, auto_id="graph-%s")
        self.user = user
        named: dict[str, Any] = {name: self.fields[name] for name in ("project", "party", "hide")}
        projects = Project.objects.visible_to(user)
        named["project"].queryset = projects.order_by("title", "pk")
        seen = Organisation.objects.filter(project_parties__project__in=projects.values("pk"))
        named["party"].queryset = Organisation.objects.filter(pk__in=seen.values("pk")).order_by("name", "pk")
        named["hide"].choices = [(kind.code, kind.many) for kind in graph_kinds().values()]
        for name in ("role", "project", "party"):
            self.fields[name].widget.attrs["class"] = "form-select form-select-sm"
        for name in ("since", "until"):
            self.fields[name].widget.attrs["class"] = "form-control form-control-sm"

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        since, until = found.get("since"), found.get("until")
        for name, day in (("since", since), ("until", until)):
            if day is not None and not 1900 <= day.year <= 2200:
                self.add_error(name, _("Write a year between 1900 and 2200."))
        if since and until and since > until:
            self.add_error("until", _("The last day is before the first one."))
        return found

    def question(self) -> Question:
        """What is asked; raises NotFoundError for a project or party that is not there for this person."""
        self.full_clean()
        if {"project", "party"} & self.errors.keys():
            raise NotFoundError
        asked = self.cleaned_data
        project, party = asked.get("project"), asked.get("party")
        return Question(
            user=self.user,
            at=timezone.now(),
            role=GraphRole(asked["role"]) if asked.get("role") else None,
            project=project.pk if project else None,
            party=party.pk if party else None,
            since=asked.get("since"),
            until=asked.get("until"),
        )

    def require_valid(self) -> None:
        """A file holds what was asked for, or there is none; raises FaultyInputError that names each field."""
        if self.errors:
            raise FaultyInputError([Fault(field, " ".join(map(str, texts))) for field, texts in self.errors.items()])

    @property
    def hidden(self) -> list[str]:
        """The kinds that are left out."""
        return self.cleaned_data.get("hide", [])
