"""The page of the cooperation graph, and its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.graph.api import graph_json
from collab.graph.building import Graph, graph_of
from collab.graph.forms import GraphFilter
from collab.graph.sources import DRAWN_OF_EACH, LINKS_DRAWN, PROJECTS_DRAWN, GraphRole, Link, graph_kinds
from collab.web.csvs import csv_file
from collab.web.forms import show


def graph(request: HttpRequest) -> HttpResponse:
    """The drawing with its controls, and the same as two tables."""
    form = GraphFilter(request.GET, user=request.user)
    asked = form.question()
    found = graph_of(asked, hide=form.hidden)
    names = {node.key: node for node in found.nodes}
    context = {
        "form": form,
        "graph": found,
        "drawing": _drawing(found),
        "by_kind": [(kind, [n for n in found.nodes if n.kind == kind.code]) for kind, _count in found.counts],
        "roles": list(GraphRole),
        "left_out": _left_out(found),
        "limits": {"projects": PROJECTS_DRAWN, "each": DRAWN_OF_EACH, "links": LINKS_DRAWN},
        "rows": [(names[link.source], link, names[link.target], _roles(link)) for link in found.links],
        "filtered": bool(set(filter(None, request.GET.values()))),
        "query": request.GET.urlencode(),
    }
    return show(request, "collab/graph/page.html", context)


def graph_nodes_file(request: HttpRequest) -> HttpResponse:
    """Nodes as CSV."""
    found = _found(request)
    kinds = graph_kinds()
    head = [_("Kind"), _("Name"), _("Detail"), _("From"), _("Until"), "id"]
    rows = [[kinds[n.kind].one, n.name, n.detail, n.since, n.until, n.key] for n in found.nodes]
    return csv_file("cooperation-nodes.csv", [head, *rows])


def graph_links_file(request: HttpRequest) -> HttpResponse:
    """Links as CSV."""
    found = _found(request)
    names = {node.key: node.name for node in found.nodes}
    head = [_("Who"), _("What"), _("With"), _("Answers"), _("From"), _("Until"), "source", "kind", "target"]
    rows: list[Sequence[object]] = [
        [
            names[link.source],
            link.label,
            names[link.target],
            _roles(link),
            link.since,
            link.until,
            link.source,
            link.kind,
            link.target,
        ]
        for link in found.links
    ]
    return csv_file("cooperation-links.csv", [head, *rows])


def graph_file(request: HttpRequest) -> HttpResponse:
    """All of it as JSON, as the API tells it."""
    form = GraphFilter(request.GET, user=request.user)
    facts = graph_json(form)
    form.require_valid()
    response = JsonResponse(facts, json_dumps_params={"indent": 1})
    response["Content-Disposition"] = 'attachment; filename="cooperation.json"'
    return response


def _found(request: HttpRequest) -> Graph:
    form = GraphFilter(request.GET, user=request.user)
    asked = form.question()
    form.require_valid()
    return graph_of(asked, hide=form.hidden)


def _roles(link: Link) -> str:
    return _(", ").join(str(role.label) for role in GraphRole if role in link.roles)


def _left_out(found: Graph) -> list[tuple[Any, int]]:
    """(what, how many) were too many to draw."""
    kinds = graph_kinds()
    return [(kinds[code].many if code in kinds else _("Links"), count) for code, count in found.left_out.items()]


def _drawing(found: Graph) -> dict[str, Any]:
    """What static/js/graph.js draws."""
    kinds = graph_kinds()
    today = timezone.localdate()
    return {
        "nodes": [
            {
                "id": node.key,
                "kind": node.kind,
                "kindLabel": str(kinds[node.kind].one),
                "icon": node.icon or kinds[node.kind].icon,
                "name": node.name,
                "detail": node.detail,
                "url": node.url,
                "narrower": node.narrower,
                "ended": node.until is not None and node.until < today,
            }
            for node in found.nodes
        ],
        "links": [
            {
                "source": link.source,
                "target": link.target,
                "label": link.label,
                "role": next((role.value for role in GraphRole if role in link.roles), ""),
                "ended": link.until is not None and link.until < today,
            }
            for link in found.links
        ],
    }
