"""Options and licences are often for an organisation that takes no part in the project: it reads and signs its own.

Nothing else of the project opens with that, and a draft that was not laid before it stays closed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from collab.access.policy import NEVER
from collab.access.roles import ORGANISATION_ROLES, roles_with
from collab.accounts.models import Membership, User
from collab.agreements.models import AgreementKind, AgreementParty
from collab.agreements.states import VersionState

_KINDS = (AgreementKind.OPTION.value, AgreementKind.LICENCE.value)
_SHOWN = (VersionState.INTERNAL_REVIEW.value, VersionState.AGREED.value)


def party_grants(path: str) -> Callable[[User, str, datetime], Q]:
    """What roles in a party of an option or licence let a person do with it; `path` leads to the agreement."""

    def grants(user: User, word: str, at: datetime) -> Q:
        roles = [role for role in roles_with(word) if role in ORGANISATION_ROLES]
        if not word.startswith("agreement.") or not roles:
            return NEVER
        laid = Q(version__sent_at__isnull=False) | Q(version__negotiated_at__isnull=False)
        parties = AgreementParty.objects.filter(
            laid | Q(version__state__in=_SHOWN), version__agreement=OuterRef(OuterRef(f"{path}pk"))
        )
        held = Membership.objects.filter(
            user=user, project=None, role__in=roles, organisation__in=parties.values("organisation")
        ).active(at)
        return Q(**{f"{path}kind__in": _KINDS}) & Q(Exists(held))

    return grants
