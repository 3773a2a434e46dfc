"""The graph one person may see, put together from all sources: filtered, joined, cut to what can be drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

from django.db.models import Exists, OuterRef, QuerySet

from collab.access.policy import visible_to
from collab.graph.ground import project_node
from collab.graph.sources import (
    LINKS_DRAWN,
    PROJECTS_DRAWN,
    Kind,
    Link,
    Node,
    Question,
    first_of,
    graph_kinds,
    graph_sources,
)
from collab.projects.models import Project, ProjectParty
from collab.projects.reading import STATE_WORDS


@dataclass(frozen=True)
class Graph:
    """`left_out`: kind -> how many were too many to draw; links under “link”."""

    nodes: list[Node]
    links: list[Link]
    left_out: dict[str, int]

    @property
    def counts(self) -> list[tuple[Kind, int]]:
        """Every kind that is drawn, and how often."""
        found = Counter(node.kind for node in self.nodes)
        return [(kind, found[kind.code]) for kind in graph_kinds().values() if found[kind.code]]


def graph_of(asked: Question, *, hide: Collection[str] = ()) -> Graph:
    """What the person may see of it, without the kinds of `hide`: a constant number of queries."""
    projects, beyond = first_of(_projects(asked), PROJECTS_DRAWN)
    asked = replace(asked, projects=tuple(project.pk for project in projects))
    left_out = Counter(project=beyond)
    nodes = [project_node(project, str(STATE_WORDS[project.state])) for project in projects]
    links: list[Link] = []
    for source in graph_sources() if projects else ():
        part = source(asked)
        nodes += part.nodes
        links += part.links
        left_out.update(part.left_out)
    kept: dict[str, Node] = {}
    for node in nodes:
        if node.kind not in hide and asked.touches(node.since, node.until):
            kept.setdefault(node.key, node)
    links = _joined(asked, links, kept)
    if asked.role is not None:
        ends = {end for link in links for end in (link.source, link.target)}
        kept = {key: node for key, node in kept.items() if key in ends}
    left_out["link"] = max(0, len(links) - LINKS_DRAWN)
    return Graph(
        sorted(kept.values(), key=_place),
        links[:LINKS_DRAWN],
        {kind: count for kind, count in left_out.items() if count and kind not in hide},
    )


def _projects(asked: Question) -> QuerySet[Project]:
    rows = Project.objects.joint().filter(asked.days("starts_on", "ends_on"))
    if asked.project is not None:
        rows = rows.filter(pk=asked.project)
    if asked.party is not None:
        part = ProjectParty.objects.filter(project=OuterRef("pk"), organisation=asked.party)
        rows = rows.filter(Exists(part.filter(asked.days("joined_on", "left_on"))))
    return visible_to(asked.user, "project.view", rows, asked.at).order_by("-starts_on", "-created_at", "pk")


def _joined(asked: Question, links: list[Link], nodes: dict[str, Node]) -> list[Link]:
    """Links between what is drawn, one of a kind between two nodes: from its first day to its last."""
    found: dict[tuple[str, str, str], Link] = {}
    for link in links:
        if link.source not in nodes or link.target not in nodes or not asked.touches(link.since, link.until):
            continue
        key = (link.source, link.target, link.kind)
        found[key] = _merged(found[key], link) if key in found else link
    asked_for = [link for link in found.values() if asked.role is None or asked.role in link.roles]
    return sorted(asked_for, key=lambda link: (_place(nodes[link.source]), _place(nodes[link.target]), link.kind))


def _merged(one: Link, other: Link) -> Link:
    since: date | None = min((day for day in (one.since, other.since) if day), default=None)
    until = None if one.until is None or other.until is None else max(one.until, other.until)
    return replace(one, roles=one.roles | other.roles, since=since, until=until)


def _place(node: Node) -> tuple[int, str, str]:
    return list(graph_kinds()).index(node.kind), node.name.casefold(), str(node.pk)
