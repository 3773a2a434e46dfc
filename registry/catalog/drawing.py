"""What the catalogue tells the cooperation graph: models, who trained them, on whose data, under which terms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import Min, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import visible_to
from collab.agreements.models import AgreementVersion
from collab.graph.sources import GraphRole, Kind, Link, Node, Part, Question, day_of, first_of, node_key
from registry.catalog.models import ModelVersion, RegisteredModel
from registry.datasets.models import DatasetVersion

KINDS = (Kind("model", gettext_lazy("Models"), gettext_lazy("Model"), "box-seam"),)

_MADE = frozenset({GraphRole.RESEARCH})
_MOVED = frozenset({GraphRole.TRANSFER})
# a model, who or what it came from, and since when
Origin = tuple[UUID, UUID, datetime]


def draw_models(asked: Question) -> Part:
    """Models of the projects with what their versions came from; that stays true, so these links do not end."""
    part = Part()
    if not asked.wants(GraphRole.RESEARCH, GraphRole.TRANSFER):
        return part
    rows = RegisteredModel.objects.filter(asked.moments("created_at"), project__in=asked.projects)
    models, part.left_out["model"] = first_of(visible_to(asked.user, "model.view", rows, asked.at))
    for model in models:
        since = day_of(model.created_at)
        url = model.get_absolute_url()
        part.nodes.append(Node("model", model.pk, str(model), url, detail=model.task_label, since=since))
        ends = node_key("project", model.project_id), node_key("model", model.pk)
        part.links.append(Link(*ends, "produced", _("produced"), _MADE, since))
    versions = visible_to(asked.user, "model.view", ModelVersion.objects.filter(model__in=models), asked.at)
    for model, person, at in _trained(versions):
        ends = node_key("person", person), node_key("model", model)
        part.links.append(Link(*ends, "trained", _("trained"), _MADE, day_of(at)))
    for model, organisation, at in _data(asked, versions):
        ends = node_key("organisation", organisation), node_key("model", model)
        part.links.append(Link(*ends, "gave_data", _("gave data for"), _MOVED, day_of(at)))
    for model, agreement, at in _terms(asked, versions):
        ends = node_key("model", model), node_key("agreement", agreement)
        part.links.append(Link(*ends, "trained_under", _("was trained under"), _MOVED, day_of(at)))
    return part


def _trained(versions: QuerySet[ModelVersion]) -> Iterator[Origin]:
    rows = versions.order_by().values_list("model", "created_by")
    yield from rows.annotate(first=Min("created_at"))


def _data(asked: Question, versions: QuerySet[ModelVersion]) -> Iterator[Origin]:
    rows = DatasetVersion.objects.filter(model_versions__in=versions.values("pk"))
    seen = visible_to(asked.user, "dataset.view", rows, asked.at).order_by()
    named = seen.values_list("model_versions__model", "dataset__organisation")
    yield from named.annotate(first=Min("model_versions__created_at"))


def _terms(asked: Question, versions: QuerySet[ModelVersion]) -> Iterator[Origin]:
    seen = visible_to(asked.user, "agreement.view", AgreementVersion.objects.all(), asked.at)
    through = ModelVersion.terms.through.objects.filter(
        modelversion__in=versions.values("pk"), agreementversion__in=seen.values("pk")
    )
    named = through.order_by().values_list("modelversion__model", "agreementversion__agreement")
    yield from named.annotate(first=Min("modelversion__created_at"))
