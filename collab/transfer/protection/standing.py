"""Who sees what of an offer: everybody what is published, people of a company more while an agreement binds it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from collab.access.policy import NEVER, Missing, Requirement
from collab.access.roles import ORGANISATION_ROLES, WORDS, roles_with
from collab.accounts.models import Membership, User
from collab.transfer.protection.offers import Interest, Offer, OfferQuerySet
from collab.transfer.protection.states import OfferState


def published(user: User, at: datetime) -> Q:
    """What everybody may read."""
    return OfferQuerySet.public_q()


def _mine(user: User, at: datetime) -> Any:
    return Membership.objects.filter(user=user).active(at)


def _asked(user: User, at: datetime) -> Any:
    """What organisations of the person have asked about."""
    return Interest.objects.going_on().filter(
        offer=OuterRef("pk"), organisation__in=_mine(user, at).values("organisation")
    )


def grants(user: User, word: str, at: datetime) -> Q:
    """People of a company that is interested may be shown more of what is published."""
    if word != "offer.read":
        return NEVER
    return Q(Exists(_asked(user, at))) & OfferQuerySet.public_q()


def explain(user: User, word: str, offer: Any, at: datetime) -> Missing:
    """Why not, of one offer."""
    if word == "offer.read" and offer.state == OfferState.PUBLISHED:
        sentence = _(
            "%(organisation)s shows more to companies whose interest it has noted. Leave yours on the public page."
        ) % {"organisation": offer.case.organisation}
        return Missing("interest", sentence, offer.get_public_url())
    names = ", ".join(str(role.label) for role in roles_with(word))
    return Missing(
        "role",
        _("Your role does not let you %(what)s; these roles do: %(roles)s.") % {"what": WORDS[word], "roles": names},
    )


def _is_bound(user: User, at: datetime) -> Q:
    ours = _mine(user, at).filter(
        project=None,
        organisation=OuterRef("case__organisation"),
        role__in=[role for role in roles_with("offer.read") if role in ORGANISATION_ROLES],
    )
    return Q(Exists(ours)) | Q(Exists(_asked(user, at).under_nda(at)))


def _not_bound(user: User, offer: Any, at: datetime) -> Missing:
    sentence = _("A non-disclosure agreement in force between your organisation and %(organisation)s.") % {
        "organisation": offer.case.organisation
    }
    return Missing("nda", sentence, offer.get_public_url())


NDA = Requirement(
    code="nda",
    words=frozenset({"offer.read"}),
    model=Offer,
    condition=_is_bound,
    explain=_not_bound,
)
