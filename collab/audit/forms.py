"""The filters of the history."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.apps import apps
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import Organisation, User
from collab.audit.models import AuditEvent
from collab.audit.sentences import KINDS
from collab.web.api import as_uuid
from collab.web.forms import DayInput, ListFilter, SearchInput


class HistoryFilter(ListFilter):
    """By person, kind of act, object, project, organisation and day."""

    person = django_filters.CharFilter(
        method="by_person", label=_("Person"), max_length=100, widget=SearchInput(_("Person"))
    )
    kind = django_filters.ChoiceFilter(
        method="by_kind", choices=list(KINDS.items()), label=_("Kind"), empty_label=_("Every kind")
    )
    project = django_filters.ModelChoiceFilter(
        method="by_project",
        queryset=lambda request: _projects(request),
        to_field_name="slug",
        label=_("Project"),
        empty_label=_("Any project"),
    )
    organisation = django_filters.ModelChoiceFilter(
        method="by_organisation",
        queryset=lambda request: visible_to(request.user, "audit.view", Organisation.objects.all()),
        to_field_name="slug",
        label=_("Organisation"),
        empty_label=_("Any organisation"),
    )
    object = django_filters.CharFilter(method="by_object", widget=forms.HiddenInput, max_length=40)
    since = django_filters.DateFilter(field_name="at", lookup_expr="date__gte", label=_("From"), widget=DayInput())
    until = django_filters.DateFilter(field_name="at", lookup_expr="date__lte", label=_("Until"), widget=DayInput())

    class Meta:
        model = AuditEvent
        fields: list[str] = []

    def by_person(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        people = User.objects.filter(name__icontains=value)
        return rows.filter(actor_id__in=people.values("pk"))

    def by_kind(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        return rows.filter(verb__startswith=f"{value}.")

    def by_project(self, rows: QuerySet[AuditEvent], name: str, value: Any) -> QuerySet[AuditEvent]:
        return rows.filter(project_id=value.pk)

    def by_organisation(self, rows: QuerySet[AuditEvent], name: str, value: Any) -> QuerySet[AuditEvent]:
        return rows.filter(organisation_id=value.pk)

    def by_object(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        return rows.filter(subject_id=str(as_uuid(value) or value))


def _projects(request: Any) -> QuerySet[Any]:
    """By name: the slice of projects stands above this one."""
    return visible_to(request.user, "project.view", apps.get_model("collab", "Project")._default_manager.all())
