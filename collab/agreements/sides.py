"""Whose an agreement is: only people of its parties end it, and only they and whoever began it write its versions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Condition, Missing, Requirement
from collab.access.roles import roles_with
from collab.accounts.models import Membership, User
from collab.agreements.models import AgreementParty, AgreementVersion


def of_parties() -> Iterator[Requirement]:
    """The words about a version that need a party behind them."""
    for word, also_author in (("agreement.end", False), ("agreement.draft", True)):
        yield Requirement(
            f"{word}.of_party",
            frozenset({word}),
            AgreementVersion,
            _acts_for_a_party(word, also_author=also_author),
            _explain,
            label=gettext_lazy("Party"),
        )


def _acts_for_a_party(word: str, *, also_author: bool) -> Condition:
    def holds(user: User, at: datetime) -> Q:
        parties = AgreementParty.objects.filter(version=OuterRef(OuterRef("pk")))
        held = Membership.objects.filter(
            Q(project=None) | Q(project=OuterRef("agreement__project")),
            user=user,
            role__in=roles_with(word),
            organisation__in=parties.values("organisation"),
        ).active(at)
        return Q(Exists(held)) | Q(agreement__created_by=user.pk) if also_author else Q(Exists(held))

    return holds


def _explain(user: User, version: Any, at: datetime) -> Missing:
    parties = [str(party.organisation) for party in version.parties.select_related("organisation")]
    text = _("Only people of its parties do this: %(parties)s.") % {"parties": _(", ").join(parties)}
    return Missing("not_of_a_party", text)
