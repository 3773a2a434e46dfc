"""Grants that cannot stand beside each other: the same asset, field, territory and time, and one leaves no room.

A grant to the same licensee never conflicts: what shuts others out protects them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.agreements.states import STANDING
from collab.transfer.licences.models import Grant, Licence, LicensedThing
from collab.transfer.licences.places import FieldOfUse, Territory


@dataclass(frozen=True)
class Reach:
    """What a licence would grant: which things, where, for what, from when until before when; `shuts` others out."""

    things: tuple[str, ...]  # keys
    fields: tuple[str, ...]  # codes
    territories: tuple[str, ...]  # codes
    shuts: bool
    starts_on: date
    ends_on: date | None
    licensee: UUID


@dataclass(frozen=True)
class Conflict:
    """A licence that stands against the wish, and where the two meet."""

    licence: Licence
    grant: Grant

    def __str__(self) -> str:
        licence, until = self.licence, self.grant.ends_on
        facts = {
            "what": licence.agreement.reference,
            "kind": licence.get_exclusivity_display(),
            "who": licence.licensee,
            "asset": self.grant.thing,
            "field": self.grant.field_of_use,
            "place": self.grant.territory,
            "day": date_format(self.grant.starts_on),
            "end": date_format(until) if until else "",
        }
        if until:
            text = _(
                "%(what)s grants %(asset)s to %(who)s (%(kind)s) in %(field)s, %(place)s, from %(day)s to %(end)s."
            )
            return text % facts
        return _("%(what)s grants %(asset)s to %(who)s (%(kind)s) in %(field)s, %(place)s, from %(day)s on.") % facts


def signed_grants() -> QuerySet[Grant]:
    """Those of licences that all parties signed and nobody ended."""
    versions = AgreementVersion.objects.filter(agreement=OuterRef("licence__agreement"), state__in=STANDING)
    return Grant.objects.filter(Exists(versions))


def conflicting(reach: Reach, *, but: UUID | None = None) -> QuerySet[Grant]:
    """The signed grants that conflict with the reach, `but` one licence. Found by their thing, then by their place."""
    things = list(LicensedThing.objects.filter(name__in=reach.things).values_list("pk", flat=True))
    if not things:
        return Grant.objects.none()
    rows = signed_grants().filter(
        Q(ends_on=None) | Q(ends_on__gt=reach.starts_on),
        _meets("field_of_use__", FieldOfUse.objects.filter(code__in=reach.fields)),
        _meets("territory__", Territory.objects.filter(code__in=reach.territories)),
        thing__in=things,
    )
    if reach.ends_on is not None:
        rows = rows.filter(starts_on__lt=reach.ends_on)
    if not reach.shuts:
        rows = rows.filter(shuts=True)
    return rows.exclude(licence__licensee=reach.licensee).exclude(licence=but)


def _meets(path: str, places: QuerySet[Any]) -> Q:
    """True where the place that `path` leads to has something in common with one of the places."""
    found = Q(pk__in=[])
    for place in places:
        if place.depth == 0:
            return Q()  # the whole tree
        found |= Q(**{f"{path}code__in": place.path.strip("/").split("/")}) | Q(
            **{f"{path}path__startswith": place.path}
        )
    return found


def find_conflicts(reach: Reach, *, but: UUID | None = None, most: int = 20) -> list[Conflict]:
    """The first conflicts, one for each licence that stands against it."""
    rows = conflicting(reach, but=but).select_related(
        "licence__agreement", "licence__licensee", "thing", "field_of_use", "territory"
    )
    found: dict[UUID, Conflict] = {}
    for grant in rows.order_by()[: most * 10]:  # as the index has them: sorting would read them all
        found.setdefault(grant.licence_id, Conflict(grant.licence, grant))
    return sorted(found.values(), key=lambda one: one.licence.agreement.reference)[:most]


def told(conflicts: Sequence[Conflict], by: User) -> str:
    """Why it is refused, naming the licences; to whom they are not open only that there is one."""
    known = set(
        Licence.objects.filter(pk__in=[one.licence.pk for one in conflicts]).visible_to(by).values_list("pk", flat=True)
    )
    sentences = [str(one) for one in conflicts if one.licence.pk in known]
    if len(sentences) < len(conflicts):
        sentences.append(_("A grant to somebody else stands against it; ask the licensor."))
    return _("This grant conflicts with another: %(these)s") % {"these": " ".join(sentences)}


def spelled_out(
    licence: Licence, things: Iterable[UUID], fields: Iterable[FieldOfUse], territories: Iterable[Territory]
) -> list[Grant]:
    """The rows of a licence that conflicts are searched in."""
    places = list(territories)
    kinds = list(fields)
    return [
        Grant(
            licence=licence,
            thing_id=thing,
            field_of_use=kind,
            territory=place,
            shuts=licence.is_shutting,
            starts_on=licence.starts_on,
            ends_on=licence.ends_on,
        )
        for thing in things
        for kind in kinds
        for place in places
    ]
