"""Forms about models."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import PlainTextValidator
from collab.projects.models import Project
from collab.web.forms import ListFilter, PageForm, SearchInput
from registry.catalog.metrics import lower_is_better, metric_label, task_label
from registry.catalog.models import ModelMetric, ModelVersion, RegisteredModel


def my_projects(request: Any) -> QuerySet[Project]:
    """The projects a filter offers."""
    return Project.objects.visible_to(request.user)


class ModelFilter(ListFilter):
    """Search, project and task of the model list, and the metric it is sorted by."""

    q = django_filters.CharFilter(
        method="search", label=_("Search models"), max_length=100, widget=SearchInput(_("Search models"))
    )
    project = django_filters.ModelChoiceFilter(
        queryset=my_projects, to_field_name="slug", label=_("Project"), empty_label=_("Any project")
    )
    task = django_filters.ChoiceFilter(label=_("Task"), empty_label=_("Any task"), choices=())
    metric = django_filters.ChoiceFilter(
        label=_("Sort by"), empty_label=_("Newest first"), choices=(), method="by_metric"
    )

    class Meta:
        model = RegisteredModel
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seen = RegisteredModel.objects.visible_to(self.request.user).order_by()
        tasks = sorted(seen.values_list("task", flat=True).distinct())
        versions = ModelVersion.objects.filter(model__in=seen.values("pk"))
        names = ModelMetric.objects.filter(version__in=versions.values("pk")).order_by("name")
        self.filters["task"].extra["choices"] = [(task, task_label(task)) for task in tasks]
        self.filters["metric"].extra["choices"] = [
            (name, metric_label(name)) for name in names.values_list("name", flat=True).distinct()
        ]

    @property
    def chosen_metric(self) -> str:
        """The metric the list is sorted by, or nothing."""
        return self.form.cleaned_data.get("metric") or "" if self.is_bound and self.form.is_valid() else ""

    def search(self, rows: QuerySet[RegisteredModel], name: str, value: str) -> QuerySet[RegisteredModel]:
        return rows.filter(Q(name__icontains=value) | Q(task__icontains=value))

    def by_metric(self, rows: Any, name: str, value: str) -> QuerySet[RegisteredModel]:
        best = F("metric_value").asc(nulls_last=True)
        if not lower_is_better(value):
            best = F("metric_value").desc(nulls_last=True)
        return rows.with_metric(value).order_by(best, "-created_at")


class CardForm(PageForm):
    """Rewrite a model card; `seen_card` is the one that was read."""

    card = forms.CharField(
        label=_("Model card"),
        max_length=100_000,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 24, "class": "mono"}),
        strip=False,
        help_text=_("Markdown: headings, lists, tables, emphasis, code and links."),
    )
    seen_card = forms.CharField(widget=forms.HiddenInput, required=False, strip=False)
