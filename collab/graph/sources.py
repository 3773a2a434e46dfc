"""What the cooperation graph is drawn from. Rooms register here what they know, so that nothing imports upward.

A source is asked for what it may tell this person about some projects, and answers with nodes and links in a constant
number of queries, all of them through the policy. A link to a node that nobody drew falls away by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from django.db.models import Count, Model, Q, QuerySet, Window
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import User

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

M = TypeVar("M", bound=Model)

PROJECTS_DRAWN = 40
DRAWN_OF_EACH = 120  # nodes of any other kind
LINKS_DRAWN = 1500


class GraphRole(StrEnum):
    """What a link is an answer to: the four questions about a cooperation."""

    RESEARCH = "research"
    APPLICATION = "application"
    TRANSFER = "transfer"
    TALENT = "talent"

    @property
    def label(self) -> StrOrPromise:
        return ROLE_LABELS[self]


ROLE_LABELS: dict[GraphRole, StrOrPromise] = {
    GraphRole.RESEARCH: _("Who researches"),
    GraphRole.APPLICATION: _("Who applies"),
    GraphRole.TRANSFER: _("What was transferred"),
    GraphRole.TALENT: _("Who was trained"),
}


@dataclass(frozen=True)
class Kind:
    """A kind of node: its code, its names for many, its icon."""

    code: str
    many: StrOrPromise
    one: StrOrPromise
    icon: str


@dataclass(frozen=True)
class Node:
    """Something that takes part. `until` is the day on which it ended; `narrower` asks for its own graph."""

    kind: str
    pk: UUID
    name: str
    url: str
    detail: str = ""
    icon: str = ""
    narrower: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def key(self) -> str:
        return node_key(self.kind, self.pk)


@dataclass(frozen=True)
class Link:
    """`source` does something to `target`, which reads as one sentence: “Northwind takes part in Aurora”."""

    source: str
    target: str
    kind: str
    label: str
    roles: frozenset[GraphRole] = frozenset()
    since: date | None = None
    until: date | None = None


@dataclass
class Part:
    """What one source knows; `left_out`: how many of each kind were too many to draw."""

    nodes: list[Node] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """Who asks, and for which role, party and days, the first and the last included; `projects`: those that are drawn.

    With a party: its projects with all their parties, but only its own people and agreements.
    """

    user: User
    at: datetime
    role: GraphRole | None = None
    party: UUID | None = None
    project: UUID | None = None
    since: date | None = None
    until: date | None = None
    projects: tuple[UUID, ...] = ()

    def wants(self, *roles: GraphRole) -> bool:
        """Whether links of any of these roles are asked for."""
        return self.role is None or self.role in roles

    def touches(self, begins: date | None, ends: date | None) -> bool:
        """Whether something of these days was there in the time asked for. The day on which it ended counts."""
        begun = self.until is None or begins is None or begins <= self.until
        return begun and (self.since is None or ends is None or ends >= self.since)

    def days(self, begins: str, ends: str) -> Q:
        """The same about rows with two columns of days."""
        found = Q() if self.until is None else Q(**{f"{begins}__lte": self.until})
        return found if self.since is None else found & (Q(**{ends: None}) | Q(**{f"{ends}__gte": self.since}))

    def moments(self, begins: str, ends: str = "") -> Q:
        """The same about rows with two columns of moments; without the second one they do not end."""
        found = Q() if self.until is None else Q(**{f"{begins}__lt": _midnight(self.until + timedelta(days=1))})
        if self.since is None or not ends:
            return found
        return found & (Q(**{ends: None}) | Q(**{f"{ends}__gte": _midnight(self.since)}))


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def node_key(kind: str, pk: object) -> str:
    """The name of a node in links."""
    return f"{kind}:{pk}"


def day_of(moment: datetime | None) -> date | None:
    """The day of a moment, as the site counts days."""
    return timezone.localdate(moment) if moment is not None else None


def first_of(rows: QuerySet[M], most: int | None = None) -> tuple[list[M], int]:
    """The first rows in their order (as many as are drawn of a kind), and how many more there are: one query."""
    found = list(rows.annotate(counted=Window(Count("pk")))[: DRAWN_OF_EACH if most is None else most])
    return found, (found[0].counted - len(found)) if found else 0  # type: ignore[attr-defined]


Source = Callable[[Question], Part]
_SOURCES: dict[str, Source] = {}
_KINDS: dict[str, Kind] = {}


def register_graph_source(name: str, source: Source, *, kinds: Sequence[Kind] = ()) -> None:
    """Add what a room knows, and the kinds of node it draws. Registering the same name again replaces it."""
    _SOURCES[name] = source
    _KINDS.update({kind.code: kind for kind in kinds})


def forget_graph_source(name: str, *kinds: str) -> None:
    """Take a source and its kinds out again."""
    _SOURCES.pop(name, None)
    for code in kinds:
        _KINDS.pop(code, None)


def graph_sources() -> list[Source]:
    return list(_SOURCES.values())


def graph_kinds() -> dict[str, Kind]:
    """Code -> kind, in the order in which the rooms registered."""
    return dict(_KINDS)
