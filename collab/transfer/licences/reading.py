"""A licence in words: what it grants at a glance, and where it stands on its way."""

from __future__ import annotations

from django.utils.translation import gettext as _

from collab.agreements.reading import Step
from collab.transfer.licences.models import Licence
from collab.transfer.licences.states import STATE_WORDS, LicenceState

_WAY = (
    LicenceState.TERM_SHEET,
    LicenceState.NEGOTIATION,
    LicenceState.APPROVED,
    LicenceState.SIGNED,
    LicenceState.ACTIVE,
)
_AFTER = (LicenceState.IN_BREACH, LicenceState.SUSPENDED)


def way_of(licence: Licence) -> list[Step]:
    """The states on the way, and where the licence stands; empty when it left the way."""
    state = LicenceState.ACTIVE if licence.state in _AFTER else licence.state
    if state not in _WAY:
        return []
    now = _WAY.index(LicenceState(state))
    return [Step(STATE_WORDS[step], index < now, index == now) for index, step in enumerate(_WAY)]


def glance_of(licence: Licence) -> str:
    """“Northwind may use Reader v1 exclusively in Health, European Union.” From what `with_parties` loaded."""
    facts = {
        "who": licence.licensee,
        "assets": _(", ").join(str(row) for row in licence.assets.all()),
        "fields": _(", ").join(map(str, licence.fields_of_use.all())),
        "places": _(", ").join(map(str, licence.territories.all())),
        "how": licence.get_exclusivity_display(),
    }
    if licence.is_option:
        return _("%(who)s has an option on %(assets)s in %(fields)s, %(places)s (%(how)s).") % facts
    return _("%(who)s may use %(assets)s in %(fields)s, %(places)s (%(how)s).") % facts
