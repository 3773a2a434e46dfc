"""What projects tell the graph: who takes part, who acts for whom, and as what."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import visible_to
from collab.access.roles import Role
from collab.accounts.models import Membership, Organisation, OrganisationKind, User
from collab.graph.sources import GraphRole, Kind, Link, Node, Part, Question, day_of, first_of, node_key
from collab.projects.models import PartyRole, Project, ProjectParty

KINDS = (
    Kind("organisation", gettext_lazy("Organisations"), gettext_lazy("Organisation"), "building"),
    Kind("project", gettext_lazy("Projects"), gettext_lazy("Project"), "diagram-3"),
    Kind("person", gettext_lazy("People"), gettext_lazy("Person"), "person"),
)

_ICONS = {OrganisationKind.UNIVERSITY: "mortarboard", OrganisationKind.COMPANY: "building"}
# What a role in a project makes of a person, and of the party they act for.
_OF_ROLE: dict[str, frozenset[GraphRole]] = {
    Role.LEAD: frozenset({GraphRole.RESEARCH}),
    Role.RESEARCHER: frozenset({GraphRole.RESEARCH}),
    Role.ENGINEER: frozenset({GraphRole.APPLICATION}),
}
# … and what a party is there for, whoever acts for it.
_OF_KIND: dict[str, frozenset[GraphRole]] = {
    OrganisationKind.UNIVERSITY: frozenset({GraphRole.RESEARCH}),
    OrganisationKind.PUBLIC_BODY: frozenset({GraphRole.RESEARCH}),
    OrganisationKind.COMPANY: frozenset({GraphRole.APPLICATION}),
}
_NONE: frozenset[GraphRole] = frozenset()


def project_node(project: Project, state: str) -> Node:
    return Node(
        "project",
        project.pk,
        str(project),
        project.get_absolute_url(),
        detail=state,
        narrower=f"project={project.slug}",
        since=project.starts_on,
        until=project.ends_on,
    )


def draw_ground(asked: Question) -> Part:
    """Organisations and people of the projects, as far as the person may see each of them."""
    part = Part()
    if not asked.wants(GraphRole.RESEARCH, GraphRole.APPLICATION):
        # Nobody is asked for what they do in a project; what was transferred still has its parties.
        _draw_organisations(asked, part)
        return part
    held = _held(asked)
    _draw_organisations(asked, part)
    _draw_parties(asked, part, held)
    _draw_people(asked, part, held)
    return part


def _held(asked: Question) -> QuerySet[Membership]:
    """Roles in the projects."""
    rows = Membership.objects.filter(asked.moments("starts_at", "ends_at"), project__in=asked.projects)
    return visible_to(asked.user, "project.view", rows, asked.at)


def _draw_organisations(asked: Question, part: Part) -> None:
    parties = _parties(asked).filter(organisation=OuterRef("pk"))
    rows = visible_to(asked.user, "organisation.view", Organisation.objects.filter(Exists(parties)), asked.at)
    found, beyond = first_of(rows.order_by("name", "pk"))
    part.left_out["organisation"] = beyond
    part.nodes += [
        Node(
            "organisation",
            row.pk,
            str(row),
            row.get_absolute_url(),
            detail=str(row.get_kind_display()),
            icon=_ICONS.get(OrganisationKind(row.kind), "people"),
            narrower=f"party={row.slug}",
        )
        for row in found
    ]


def _parties(asked: Question) -> QuerySet[ProjectParty]:
    rows = ProjectParty.objects.filter(asked.days("joined_on", "left_on"), project__in=asked.projects)
    return visible_to(asked.user, "project.view", rows, asked.at)


def _draw_parties(asked: Question, part: Part, held: QuerySet[Membership]) -> None:
    drawn = [node.pk for node in part.nodes]
    acting: dict[tuple[object, object], frozenset[GraphRole]] = {}
    for project, organisation, role in held.order_by().values_list("project", "organisation", "role").distinct():
        key = (project, organisation)
        acting[key] = acting.get(key, _NONE) | _OF_ROLE.get(role, _NONE)
    for row in _parties(asked).filter(organisation__in=drawn).select_related("organisation"):
        roles = _OF_KIND.get(row.organisation.kind, _NONE) | acting.get((row.project_id, row.organisation_id), _NONE)
        part.links.append(
            Link(
                node_key("organisation", row.organisation_id),
                node_key("project", row.project_id),
                "party",
                _("leads") if row.role == PartyRole.LEAD else _("takes part in"),
                roles,
                row.joined_on,
                row.left_on,
            )
        )


def _draw_people(asked: Question, part: Part, held: QuerySet[Membership]) -> None:
    if asked.party is not None:
        held = held.filter(organisation=asked.party)
    if asked.role is not None:
        held = held.filter(role__in=[role for role, roles in _OF_ROLE.items() if asked.role in roles])
    people = User.objects.filter(Exists(held.filter(user=OuterRef("pk"))))
    found, beyond = first_of(visible_to(asked.user, "person.view", people, asked.at).order_by("name", "pk"))
    part.left_out["person"] = beyond
    part.nodes += [Node("person", row.pk, str(row), row.get_absolute_url(), icon="person") for row in found]
    for row in held.filter(user__in=[row.pk for row in found]):
        person = node_key("person", row.user_id)
        roles = _OF_ROLE.get(row.role, _NONE)
        days = (day_of(row.starts_at), day_of(row.ends_at))
        works = _("is %(role)s in") % {"role": row.get_role_display()}
        part.links += [
            Link(person, node_key("project", row.project_id), row.role, works, roles, *days),
            Link(person, node_key("organisation", row.organisation_id), "acts_for", _("acts for"), roles, *days),
        ]
