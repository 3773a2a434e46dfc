"""Which people and roles somebody sees: those of their own organisations, and those in projects they may see."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from collab.access.policy import visible_to
from collab.access.roles import REACHING_ROLES
from collab.accounts.models import Membership, MembershipQuerySet, Organisation, OrganisationUnit, User


def roles_seen(user: User, at: datetime | None = None) -> MembershipQuerySet:
    """The roles that the person may know of, also ended ones: their own, those of colleagues, those in their projects.

    Of a partner organisation they see who acts in the project, who may sign and who runs it; not everybody it employs.
    """
    projects = _projects(user, at)
    mine = Membership.objects.of(user).in_organisations().active(at).values("organisation")
    parties = Organisation.objects.filter(project_parties__project__in=projects, project_parties__left_on=None)
    seen = (
        Q(user=user.pk)
        | Q(project=None, organisation__in=mine)
        | Q(project__in=projects)
        | Q(project=None, role__in=REACHING_ROLES, organisation__in=parties.values("pk"))
    )
    return Membership.objects.filter(seen)


def people_seen(user: User, at: datetime) -> Q:
    """Condition on people: themselves, and whoever holds a role in force that they see."""
    return Q(pk=user.pk) | Q(Exists(roles_seen(user, at).active(at).filter(user=OuterRef("pk"))))


def open_projects(user: User, roles: Iterable[Membership]) -> set[UUID]:
    """Those of the roles' projects whose pages the person may open; one's own role in a closed one stays on record."""
    named = {role.project_id for role in roles if role.project_id}
    return set(_projects(user).filter(pk__in=named).values_list("pk", flat=True))


def projects_of(user: User, organisation: Organisation) -> QuerySet[Any]:
    """The projects that the organisation is a party of and the person may see."""
    rows = _projects(user).filter(parties__organisation=organisation, parties__left_on=None)
    return rows.order_by("-created_at", "pk")


def _projects(user: User, at: datetime | None = None) -> QuerySet[Any]:
    model: Any = Membership._meta.get_field("project").related_model  # the projects' slice lies above this one
    return visible_to(user, "project.view", model._default_manager.all(), at)


def unit_tree(organisation: Organisation) -> list[OrganisationUnit]:
    """The units in the order of their tree, each with its `depth`; one query."""
    below: dict[object, list[OrganisationUnit]] = {}
    for unit in OrganisationUnit.objects.filter(organisation=organisation).order_by("name", "pk"):
        below.setdefault(unit.parent_id, []).append(unit)
    tree: list[OrganisationUnit] = []

    def walk(parent: object, depth: int) -> None:
        for unit in below.get(parent, ()):
            unit.depth = depth  # type: ignore[attr-defined]
            tree.append(unit)
            walk(unit.pk, depth + 1)

    walk(None, 0)
    return tree
