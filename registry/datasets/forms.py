"""Forms about datasets."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import User
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.projects.models import Project
from collab.projects.states import ProjectState
from collab.web.forms import ListFilter, OnceForm, PageForm, SearchInput
from registry.datasets.models import Dataset, DatasetKind, DatasetVersion


def my_projects(request: Any) -> QuerySet[Project]:
    """The projects a filter offers."""
    return Project.objects.visible_to(request.user)


class DatasetFilter(ListFilter):
    """Search, project and kind of the dataset list."""

    q = django_filters.CharFilter(
        method="search", label=_("Search datasets"), max_length=100, widget=SearchInput(_("Search datasets"))
    )
    project = django_filters.ModelChoiceFilter(
        queryset=my_projects, to_field_name="slug", label=_("Project"), empty_label=_("Any project")
    )
    kind = django_filters.ChoiceFilter(
        choices=DatasetKind.choices, method="of_kind", label=_("Kind"), empty_label=_("Any kind")
    )

    class Meta:
        model = Dataset
        fields: list[str] = []

    def search(self, rows: QuerySet[Dataset], name: str, value: str) -> QuerySet[Dataset]:
        return rows.filter(Q(name__icontains=value) | Q(description__icontains=value))

    def of_kind(self, rows: QuerySet[Dataset], name: str, value: str) -> QuerySet[Dataset]:
        return rows.filter(Exists(DatasetVersion.objects.filter(dataset=OuterRef("pk"), kind=value)))


class DatasetForm(OnceForm):
    """Announce a dataset."""

    project = forms.ModelChoiceField(Project.objects.none(), label=_("Project"), to_field_name="slug")
    name = forms.CharField(label=_("Name"), max_length=80, validators=[DisplayNameValidator()])
    description = forms.CharField(
        label=_("Description"),
        max_length=5000,
        required=False,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("Where it comes from, what a row is, what it must not be used for."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        project: Any = self.fields["project"]
        project.queryset = visible_to(user, "dataset.upload", Project.objects.filter(state=ProjectState.ACTIVE))


class UploadForm(PageForm):
    """One file of text, a table, images or recordings."""

    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,  # an empty one gets our own sentence
        max_length=4096,
        widget=forms.FileInput(attrs={"class": "form-control"}),
        help_text=_(
            "Plain text in UTF-8, CSV, JSON lines, Parquet, a zip of PNG, JPEG or WebP images in one folder for each "
            "label or with masks, boxes or captions beside them, or a zip of WAV or FLAC recordings with folders, "
            "labels.csv or transcripts.csv."
        ),
    )
