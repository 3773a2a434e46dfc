"""What licences tell the cooperation graph: who has licensed what to whom."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import visible_to
from collab.graph.sources import GraphRole, Kind, Link, Node, Part, Question, first_of, node_key
from collab.transfer.licences.models import Licence
from collab.transfer.licences.states import STATE_WORDS, UNDER_WAY, LicenceState

KINDS = (Kind("licence", gettext_lazy("Licences"), gettext_lazy("Licence"), "patch-check"),)
_MOVED = frozenset({GraphRole.TRANSFER})
_LEFT_OUT = [*(state.value for state in UNDER_WAY), LicenceState.WITHDRAWN.value]


def draw_licences(asked: Question) -> Part:
    """Signed options and licences of the projects, with licensors and licensee."""
    part = Part()
    if not asked.wants(GraphRole.TRANSFER):
        return part
    rows, part.left_out["licence"] = first_of(_licences(asked))
    for row in rows:
        days = row.starts_on, row.ends_on
        part.nodes.append(
            Node("licence", row.pk, str(row), row.get_absolute_url(), detail=str(STATE_WORDS[LicenceState(row.now)]),
                 since=days[0], until=days[1])
        )  # fmt: skip
        key = node_key("licence", row.pk)
        for giver in row.licensors():
            ends = node_key("organisation", giver.pk), key
            part.links.append(Link(*ends, "licenses", _("licenses"), _MOVED, *days))
        ends = key, node_key("organisation", row.licensee_id)
        part.links.append(Link(*ends, "licensed_to", _("is licensed to"), _MOVED, *days))
        ends = key, node_key("agreement", row.agreement_id)
        part.links.append(Link(*ends, "signed_as", _("was signed as"), _MOVED, *days))
    return part


def _licences(asked: Question) -> Any:
    rows = Licence.objects.with_state(asked.at).filter(asked.days("starts_on", "ends_on"))
    rows = rows.filter(agreement__project__in=asked.projects).exclude(now__in=_LEFT_OUT)
    if asked.party is not None:
        rows = rows.filter(licensor=asked.party) | rows.filter(licensee=asked.party)
    rows = visible_to(asked.user, "licence.view", rows, asked.at)
    return rows.select_related("agreement", "licensor").prefetch_related("co_licensors").order_by("-starts_on")
