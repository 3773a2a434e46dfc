"""What agreements tell the cooperation graph: who is bound by what, and which agreement belongs to which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from collab.access.policy import visible_to
from collab.agreements.models import (
    Agreement,
    AgreementKind,
    AgreementParty,
    AgreementVersion,
    Coverage,
    Signature,
)
from collab.agreements.reading import STATE_WORDS
from collab.agreements.states import STANDING, VersionState
from collab.graph.sources import GraphRole, Kind, Link, Node, Part, Question, day_of, first_of, node_key

KINDS = (Kind("agreement", gettext_lazy("Agreements"), gettext_lazy("Agreement"), "file-earmark-text"),)

# What is agreed on; an amendment is about the same as what it amends. Whatever lets a party use data transfers too.
_ROLES = {
    AgreementKind.NDA: GraphRole.RESEARCH,
    AgreementKind.COLLABORATION: GraphRole.RESEARCH,
    AgreementKind.CONSORTIUM: GraphRole.RESEARCH,
    AgreementKind.DATA_USE: GraphRole.TRANSFER,
    AgreementKind.MATERIAL_TRANSFER: GraphRole.TRANSFER,
    AgreementKind.OPTION: GraphRole.TRANSFER,
    AgreementKind.LICENCE: GraphRole.TRANSFER,
    AgreementKind.INTERNSHIP: GraphRole.TALENT,
}
_READ = (
    "agreement",
    "number",
    "state",
    "effective_on",
    "expires_on",
    "auto_renews",
    "renewal_months",
    "lapses_on",
    "replaced_on",
    "executed_at",
    "ended_at",
    "created_at",
)  # fmt: skip  never the texts


def draw_agreements(asked: Question) -> Part:
    """Agreements of the projects, as the version that counts binds its parties; what was only ever withdrawn is not."""
    part = Part()
    if not asked.wants(*_ROLES.values()):
        return part
    rows, part.left_out["agreement"] = first_of(_agreements(asked))
    counting = _counting(asked, [row.pk for row in rows])
    today = day_of(asked.at)
    assert today is not None
    drawn = [row for row in rows if row.pk in counting]
    days = {row.pk: _days(counting[row.pk], today) for row in drawn}
    for row in drawn:
        part.nodes.append(_node(row, counting[row.pk][0], days[row.pk]))
        part.links += _belongs(row, days[row.pk])
    _draw_parties(asked, part, {counting[row.pk][0].pk: row for row in drawn}, days)
    return part


def _agreements(asked: Question) -> Any:
    versions = _versions(asked).filter(agreement=OuterRef("pk"))
    days = asked.days("effective_on", "expires_on")
    if days:  # wider than asked where a term renews itself or nobody has signed: the graph looks again
        versions = versions.filter(days | Q(auto_renews=True) | Q(executed_at=None))
    if asked.party is not None:
        mine = AgreementParty.objects.filter(version=OuterRef("pk"), organisation=asked.party)
        versions = versions.filter(Exists(mine))
    rows = Agreement.objects.filter(Exists(versions), project__in=asked.projects).annotate(moves=_moves(asked))
    if asked.role is not None:
        kinds = [kind for kind, role in _ROLES.items() if role == asked.role]
        also = Q(moves=True) if asked.role == GraphRole.TRANSFER else Q()
        rows = rows.filter(Q(kind__in=kinds) | Q(amends__kind__in=kinds) | also)
    return visible_to(asked.user, "agreement.view", rows, asked.at).select_related("amends").order_by("-created_at")


def _moves(asked: Question) -> Exists:
    """Whether a signed version of it, or of what it amends, lets a party use data of the project."""
    mine = Q(version__agreement=OuterRef("pk")) | Q(version__agreement=OuterRef("amends"))
    rows = Coverage.objects.filter(mine, version__executed_at__isnull=False)
    return Exists(visible_to(asked.user, "agreement.view", rows, asked.at))


def _versions(asked: Question) -> Any:
    rows = AgreementVersion.objects.exclude(state=VersionState.WITHDRAWN)
    return visible_to(asked.user, "agreement.view", rows, asked.at)


def _counting(asked: Question, agreements: list[UUID]) -> dict[UUID, list[AgreementVersion]]:
    """Versions of each agreement, first the one that counts: the one that stands, else the newest."""
    found: dict[UUID, list[AgreementVersion]] = defaultdict(list)
    for version in _versions(asked).filter(agreement__in=agreements).only(*_READ).order_by("-number"):
        found[version.agreement_id].append(version)
    today = day_of(asked.at)
    for versions in found.values():
        versions.sort(key=lambda version: not _stands(version, today))
    return dict(found)


def _stands(version: AgreementVersion, today: date | None) -> bool:
    replaced = version.replaced_on is not None and today is not None and version.replaced_on <= today
    return version.state in STANDING and not replaced


def _days(versions: list[AgreementVersion], today: date) -> tuple[date | None, date | None]:
    """From the first day of effect to the last that is known; what was never signed counts from its draft on."""
    signed = [version for version in versions if version.executed_at is not None]
    if not signed:
        return day_of(versions[0].created_at), None
    counts = versions[0] if versions[0].executed_at is not None else signed[0]
    until = day_of(counts.ended_at) or counts.lapses_on
    if until is None and not counts.auto_renews:
        until = counts.expires_on
    return min(version.effective_on for version in signed), until


def _node(row: Agreement, version: AgreementVersion, days: tuple[date | None, date | None]) -> Node:
    state = version.shown_state
    word = STATE_WORDS[VersionState(state)] if state in STATE_WORDS else pgettext("state", "Expired")
    detail = _("%(kind)s, %(state)s") % {"kind": row.get_kind_display(), "state": word}
    return Node("agreement", row.pk, str(row), row.get_absolute_url(), detail, "", "", *days)


def _roles(row: Any) -> frozenset[GraphRole]:
    """`row` as `_agreements` reads it."""
    about = row.amends if row.amends is not None else row
    roles = {_ROLES[AgreementKind(about.kind)]} if about.kind in _ROLES else set()
    return frozenset(roles | {GraphRole.TRANSFER} if row.moves else roles)


def _belongs(row: Agreement, days: tuple[date | None, date | None]) -> Iterable[Link]:
    mine, roles = node_key("agreement", row.pk), _roles(row)
    yield Link(mine, node_key("project", row.project_id), "agreed_for", _("was agreed for"), roles, *days)
    for other, kind, label in ((row.amends_id, "amends", _("amends")), (row.parent_id, "under", _("belongs under"))):
        if other is not None:
            yield Link(mine, node_key("agreement", other), kind, label, roles, *days)


def _draw_parties(
    asked: Question, part: Part, versions: dict[UUID, Agreement], days: dict[UUID, tuple[date | None, date | None]]
) -> None:
    given = visible_to(asked.user, "agreement.view", Signature.objects.filter(version__in=versions), asked.at)
    signed = {(version, party): at for version, party, at in given.values_list("version", "party", "signed_at")}
    parties = AgreementParty.objects.filter(version__in=versions)
    for row in visible_to(asked.user, "agreement.view", parties, asked.at).order_by("signing_order", "created_at"):
        agreement = versions[row.version_id]
        since, until = days[agreement.pk]
        at = signed.get((row.version_id, row.organisation_id))
        part.links.append(
            Link(
                node_key("organisation", row.organisation_id),
                node_key("agreement", agreement.pk),
                "signed" if at else "to_sign",
                _("has signed") if at else _("is to sign"),
                _roles(agreement),
                since,
                until,
            )
        )
