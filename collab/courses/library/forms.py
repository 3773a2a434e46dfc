"""Forms of the library."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import Organisation, User
from collab.courses.forms import HouseField, line, prose
from collab.courses.library.models import Resource, ResourceKind
from collab.courses.library.services import FIELDS
from collab.web.forms import ListFilter, OnceForm, PageForm, SearchInput

TOPICS = 60  # as many as one finds one's way in


class ResourceFilter(ListFilter):
    q = django_filters.CharFilter(
        method="search", label=_("Search"), widget=SearchInput(_("Title, author, topic, text"))
    )
    kind = django_filters.ChoiceFilter(
        choices=ResourceKind.choices, label=_("Kind"), empty_label=_("every kind of resource")
    )
    topic = django_filters.ChoiceFilter(method="about", label=_("Topic"), empty_label=_("every topic"))
    archived = django_filters.ChoiceFilter(
        choices=[("yes", _("Archived"))], method="as_chosen", label=_("Archived"), empty_label=_("in the library")
    )

    class Meta:
        model = Resource
        fields: list[str] = []

    def __init__(self, data: Any, *, user: Any, edits: bool) -> None:
        """What is archived is shown to those who may restore it, on its own."""
        put_away = edits and data.get("archived") == "yes"
        rows = Resource.objects.archived_for(user) if put_away else Resource.objects.visible_to(user).in_library()
        super().__init__(data, rows)
        if not edits:
            del self.filters["archived"]
        topics = self.queryset.known_topics()
        chosen = self.data.get("topic", "") if self.data else ""
        offered = topics[:TOPICS] if chosen in topics[:TOPICS] or chosen not in topics else [chosen, *topics[:TOPICS]]
        self.filters["topic"].extra["choices"] = [(topic, topic) for topic in offered]

    def as_chosen(self, rows: Any, name: str, value: str) -> Any:
        """The rows are those already."""
        return rows

    def about(self, rows: Any, name: str, value: str) -> Any:
        return rows.about(value)

    def search(self, rows: Any, name: str, value: str) -> Any:
        return rows.matching(value)


class ResourceForm(OnceForm):
    organisation = HouseField(_("Kept by people of"))
    kind = forms.ChoiceField(label=_("Kind"), choices=ResourceKind.choices)
    title = line(_("Title"), 200)
    title_zh = line(_("Chinese title"), 200, required=False)
    authors = line(_("Authors or makers"), 300, required=False)
    year = forms.IntegerField(label=_("Year"), min_value=1400, max_value=2200, required=False)
    link = forms.URLField(label=_("Link"), max_length=500, required=False, assume_scheme="https")
    identifier = line(_("DOI or ISBN"), 100, required=False)
    description = prose(_("What it is good for"), rows=3, required=False)
    description_zh = prose(_("What it is good for, in Chinese"), rows=3, required=False)
    topics = line(_("Topics"), 300, required=False, help_text=_("With commas between."))
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, user: User, resource: Resource | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        house: Any = self.fields["organisation"]
        if resource is None:
            del self.fields["version"]
            house.offer(visible_to(user, "library.edit", Organisation.objects.all()))
            return
        del self.fields["organisation"]
        for name in (*FIELDS, "version"):
            self.fields[name].initial = getattr(resource, name)


class AttachToForm(PageForm):
    subject = forms.ChoiceField(label=_("Attach to"))
    note = line(_("Why"), 300, required=False)

    def __init__(self, *args: Any, groups: list[tuple[str, list[tuple[str, str]]]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        subject: Any = self.fields["subject"]
        subject.choices = groups


class AttachForm(PageForm):
    resource = forms.ModelChoiceField(Resource.objects.none(), label=_("Learning resource"))
    note = line(_("Why"), 300, required=False)

    def __init__(self, *args: Any, attached: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        resource: Any = self.fields["resource"]
        resource.queryset = Resource.objects.in_library().exclude(pk__in=attached)
